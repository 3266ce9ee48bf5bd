/* SPDX-License-Identifier: Apache-2.0 */
/* The lexer goes through the command once; open lists are on a stack of fixed depth. */
#include "imap/args.h"

#include "base/err.h"
#include "base/limits.h"

struct lexer {
    struct span rest;
    struct arena *arena;
    size_t count;
    size_t depth;
    struct imap_arg **end[LIMIT_IMAP_DEPTH + 1]; /* where the next member of each open list goes */
};

/* What an atom of this lexer may not hold (RFC 9051 §9 atom-specials; wildcards, `\` and `]` are in atoms of flags,
 * patterns and astrings, and each handler knows where). 8-bit text should be quoted; programs that do not (Python's
 * imaplib in SEARCH) mean nothing else by it. */
static bool is_atom_char(char c)
{
    unsigned char u = (unsigned char)c;
    return u > 0x20 && u != 0x7f && c != '(' && c != ')' && c != '{' && c != '"';
}

/* §4.3. From behind the opening quote; *escaped: there are backslashes. */
static int quoted_end(struct span s, size_t *end, bool *escaped)
{
    *escaped = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"') {
            *end = i;
            return 0;
        }
        if (c == '\0' || c == '\r' || c == '\n')
            return ERR_INVALID;
        if (c != '\\')
            continue;
        *escaped = true;
        i++;
        if (i == s.n || (s.p[i] != '"' && s.p[i] != '\\'))
            return ERR_INVALID;
    }
    return ERR_INVALID;
}

static int unescape(struct lexer *l, struct span s, struct span *out)
{
    char *to = arena_alloc(l->arena, s.n);
    size_t n = 0;
    if (to == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        to[n++] = s.p[i];
    }
    *out = span_of(to, n);
    return 0;
}

static int lex_quoted(struct lexer *l, struct imap_arg *arg)
{
    size_t end;
    bool escaped;
    struct span body = span_from(l->rest, 1);
    int err = quoted_end(body, &end, &escaped);
    if (err != 0)
        return err;
    l->rest = span_from(body, end + 1);
    arg->kind = IMAP_QUOTED;
    arg->text = span_slice(body, 0, end);
    if (!span_is_utf8(arg->text))
        return ERR_INVALID;
    return escaped ? unescape(l, arg->text, &arg->text) : 0;
}

/* `s` begins with `{`: the literal's octets, and what is behind them. */
static int literal_take(struct span *s, struct span *octets)
{
    ssize_t lf = span_chr(*s, '\n');
    struct imap_literal literal;
    if (lf < 2 || s->p[lf - 1] != '\r')
        return ERR_INVALID;
    if (!imap_literal_at_end(span_slice(*s, 0, (size_t)lf - 1), &literal) || literal.prefix != 0)
        return ERR_INVALID;
    *s = span_from(*s, (size_t)lf + 1);
    return literal.size <= s->n && span_take(s, (size_t)literal.size, octets) ? 0 : ERR_INVALID;
}

static int lex_literal(struct lexer *l, struct imap_arg *arg)
{
    arg->kind = IMAP_LITERAL;
    arg->binary = span_skip(&l->rest, SPAN("~"));
    int err = literal_take(&l->rest, &arg->text);
    if (err == 0 && !arg->binary && span_chr(arg->text, '\0') >= 0)
        err = ERR_INVALID; /* RFC 9051 §9: CHAR8 */
    return err;
}

/* Does `[` behind this begin a section? */
static bool has_section(struct span name)
{
    return span_ieq(name, SPAN("BODY")) || span_ieq(name, SPAN("BODY.PEEK")) ||
           span_ieq(name, SPAN("BINARY")) || span_ieq(name, SPAN("BINARY.PEEK")) ||
           span_ieq(name, SPAN("BINARY.SIZE"));
}

/* `s` begins with `[`; behind its `]`. */
static int section_take(struct span *s)
{
    struct span octets;
    size_t end;
    bool escaped;
    *s = span_from(*s, 1);
    while (s->n > 0) {
        int err = 0;
        switch (s->p[0]) {
        case ']': *s = span_from(*s, 1); return 0;
        case '{': err = literal_take(s, &octets); break;
        case '"':
            *s = span_from(*s, 1);
            err = quoted_end(*s, &end, &escaped);
            if (err == 0)
                *s = span_from(*s, end + 1);
            break;
        default:
            if ((unsigned char)s->p[0] < 0x20 || (unsigned char)s->p[0] >= 0x7f)
                return ERR_INVALID;
            *s = span_from(*s, 1);
        }
        if (err != 0)
            return err;
    }
    return ERR_INVALID;
}

static int lex_atom(struct lexer *l, struct imap_arg *arg)
{
    struct span from = l->rest;
    arg->kind = IMAP_ATOM;
    while (l->rest.n > 0 && is_atom_char(l->rest.p[0])) {
        if (l->rest.p[0] == '[' && has_section(span_slice(from, 0, from.n - l->rest.n))) {
            int err = section_take(&l->rest);
            if (err != 0)
                return err;
        } else {
            l->rest = span_from(l->rest, 1);
        }
    }
    arg->text = span_slice(from, 0, from.n - l->rest.n);
    return arg->text.n > 0 && span_is_utf8(arg->text) ? 0 : ERR_INVALID;
}

/* Behind an argument: the end, a space, or the end of its list. */
static int lex_between(struct lexer *l)
{
    while (span_skip(&l->rest, SPAN(")"))) {
        if (l->depth == 0)
            return ERR_INVALID;
        l->depth--;
    }
    if (l->rest.n > 0 && l->rest.p[0] != ' ')
        return ERR_INVALID;
    while (span_skip(&l->rest, SPAN(" ")))
        continue;
    return 0;
}

static int lex_open(struct lexer *l, struct imap_arg *arg)
{
    if (l->depth == LIMIT_IMAP_DEPTH)
        return ERR_LIMIT;
    arg->kind = IMAP_LIST;
    l->rest = span_from(l->rest, 1);
    l->end[++l->depth] = &arg->child;
    return 0;
}

static int lex_one(struct lexer *l)
{
    char c = l->rest.p[0];
    if (c == ')')
        return lex_between(l); /* of an empty list */
    if (l->count++ == LIMIT_IMAP_ARGS)
        return ERR_LIMIT;
    struct imap_arg *arg = arena_alloc(l->arena, sizeof *arg);
    if (arg == NULL)
        return ERR_NOMEM;
    *l->end[l->depth] = arg;
    l->end[l->depth] = &arg->next;
    if (c == '(')
        return lex_open(l, arg);
    int err = c == '"'                                                     ? lex_quoted(l, arg)
              : c == '{' || (c == '~' && span_starts(l->rest, SPAN("~{"))) ? lex_literal(l, arg)
                                                                           : lex_atom(l, arg);
    return err != 0 ? err : lex_between(l);
}

int imap_args_parse(struct span command, struct arena *a, struct imap_arg **first_out)
{
    struct imap_arg *first = NULL;
    struct lexer l = {.rest = command, .arena = a};
    l.end[0] = &first;
    while (span_skip(&l.rest, SPAN(" ")))
        continue;
    while (l.rest.n > 0) {
        int err = lex_one(&l);
        if (err != 0)
            return err;
    }
    if (l.depth > 0)
        return ERR_INVALID;
    *first_out = first;
    return 0;
}

bool imap_arg_is(const struct imap_arg *a, struct span atom)
{
    return a != NULL && a->kind == IMAP_ATOM && span_ieq(a->text, atom);
}

bool imap_arg_string(const struct imap_arg *a, struct span *out)
{
    if (a == NULL || a->kind == IMAP_LIST)
        return false;
    *out = a->text;
    return true;
}

bool imap_arg_number(const struct imap_arg *a, uint64_t *out)
{
    return a != NULL && a->kind == IMAP_ATOM && span_to_u64(a->text, out);
}

size_t imap_args_count(const struct imap_arg *a)
{
    size_t n = 0;
    for (; a != NULL; a = a->next)
        n++;
    return n;
}

/* ---- literals ---------------------------------------------------------------------------- */

/* RFC 9051 §9 literal, RFC 7888 §8 */
bool imap_literal_at_end(struct span line, struct imap_literal *out)
{
    if (!span_ends(line, SPAN("}")))
        return false;
    ssize_t open = span_rchr(line, '{');
    if (open < 0)
        return false;
    struct span number = span_slice(line, (size_t)open + 1, line.n - (size_t)open - 2);
    struct imap_literal l = {.sync = true, .prefix = (size_t)open};
    if (span_ends(number, SPAN("+"))) {
        l.sync = false;
        number.n--;
    }
    if (!span_to_u64(number, &l.size) || l.size > INT64_MAX)
        return false;
    if (l.prefix > 0 && line.p[l.prefix - 1] == '~') {
        l.binary = true;
        l.prefix--;
    }
    *out = l;
    return true;
}

/* ---- sequence sets ----------------------------------------------------------------------- */

/* nz-number or `*`; 0 for a `*` that stands for nothing */
static int set_number(struct span text, uint32_t max, uint32_t *out)
{
    if (span_eq(text, SPAN("*"))) {
        *out = max;
        return 0;
    }
    return span_to_u32(text, out) && *out > 0 ? 0 : ERR_INVALID;
}

static int set_range(struct span range, uint32_t max, struct numset *out, bool *beyond)
{
    uint32_t first, last;
    bool one = span_chr(range, ':') < 0;
    int err = set_number(span_split(&range, ':'), max, &first);
    if (err != 0)
        return err;
    last = first;
    if (!one && (err = set_number(range, max, &last)) != 0)
        return err;
    if (first > last) { /* "4:2" is "2:4" */
        uint32_t swap = first;
        first = last;
        last = swap;
    }
    if (first == 0 || last > max)
        *beyond = true;
    if (last > max)
        last = max;
    if (first > 0 && first <= last)
        numset_add_range(out, first, last);
    return out->err;
}

int imap_set_parse(struct span text, uint32_t max, struct numset *out, bool *beyond_out)
{
    bool beyond = false;
    if (text.n == 0 || span_ends(text, SPAN(",")))
        return ERR_INVALID;
    while (text.n > 0) {
        int err = set_range(span_split(&text, ','), max, out, &beyond);
        if (err != 0)
            return err;
    }
    *beyond_out = beyond;
    return 0;
}

void imap_set_write(struct buf *out, const struct numset *set)
{
    uint32_t first, last = 0;
    const char *comma = "";
    while (last < UINT32_MAX && numset_run(set, last + 1, &first, &last)) {
        if (first == last)
            buf_printf(out, "%s%u", comma, first);
        else
            buf_printf(out, "%s%u:%u", comma, first, last);
        comma = ",";
    }
}
