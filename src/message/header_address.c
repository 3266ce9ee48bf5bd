/* SPDX-License-Identifier: Apache-2.0 */
/* The first mailbox of an address list in a header field: RFC 5322 §3.4 with the obsolete forms of
 * §4.4, read leniently.
 *
 * One pass over tokens. Words are collected until a special character says what they were: "<" a
 * display name, ":" the name of a group, "@" a local part. Comments may stand anywhere; they are
 * counted, not recursed into. What does not make a valid address at the end (smtp_address_parse is
 * the judge) is passed over for the next one in the list.
 */
#include "message/cfws.h"
#include "message/message.h"

enum token { T_END, T_WORD, T_QUOTED, T_LITERAL, T_SPECIAL };

struct scan {
    struct span rest;
    struct span text; /* of the token */
    enum token kind;
    char special;
};

/* From an opening `"` or `[` to its end, escapes skipped; the rest of the text when it is left
 * open. */
static size_t delimited(struct span s, char close)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == close)
            return i + 1;
    }
    return s.n;
}

static bool is_special(char c)
{
    return c != '\0' && memchr("<>@,:;.\"[]()", c, 12) != NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum token next_token(struct scan *t)
{
    skip_cfws(&t->rest);
    struct span s = t->rest;
    size_t n = 0;
    t->special = '\0';
    if (s.n == 0) {
        t->kind = T_END;
    } else if (s.p[0] == '"') {
        t->kind = T_QUOTED;
        n = delimited(s, '"');
    } else if (s.p[0] == '[') {
        t->kind = T_LITERAL;
        n = delimited(s, ']');
    } else if (is_special(s.p[0])) {
        t->kind = T_SPECIAL;
        t->special = s.p[0];
        n = 1;
    } else {
        t->kind = T_WORD;
        while (n < s.n && !is_special(s.p[n]) && !is_space(s.p[n]))
            n++;
    }
    t->text = span_slice(s, 0, n);
    t->rest = span_from(s, n);
    return t->kind;
}

/* An address being put together: never longer than the value it comes from. */
struct spec {
    char *p;
    size_t n;
    bool has_at;
    bool gap; /* two words without a dot between them: a display name, not a local part */
    bool dot; /* the last token was a dot */
};

static void spec_put(struct spec *a, struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r' && s.p[i] != '\n')
            a->p[a->n++] = s.p[i];
}

static void spec_clear(struct spec *a)
{
    *a = (struct spec){.p = a->p};
}

static void spec_word(struct spec *a, const struct scan *t)
{
    bool joins = a->n == 0 || a->dot || a->p[a->n - 1] == '@';
    if (!joins)
        a->gap = true;
    spec_put(a, t->text);
    a->dot = false;
}

static struct span spec_end(const struct spec *a)
{
    struct span whole = span_of(a->p, a->n);
    struct smtp_address parts;
    if (!a->has_at || a->gap || smtp_address_parse(whole, &parts) != (ssize_t)whole.n)
        return SPAN_EMPTY;
    return whole;
}

/* Takes a special character; true when it ends an address (which may turn out to be none). */
static bool spec_special(struct spec *a, char c, bool *angle)
{
    switch (c) {
    case '<':
        spec_clear(a);
        *angle = true;
        return false;
    case ':': /* the end of a group's name, or of a source route */ spec_clear(a); return false;
    case '@':
        spec_put(a, SPAN("@"));
        a->has_at = true;
        a->dot = false;
        return false;
    case '.':
        spec_put(a, SPAN("."));
        a->dot = true;
        return false;
    case ',':
        return !*angle; /* in a source route it is followed by another hop: read on to its colon */
    case '>':
    case ';': return true;
    default: return false; /* a stray bracket */
    }
}

struct span header_first_address(struct span value, struct arena *a)
{
    struct spec spec = {.p = arena_alloc(a, value.n > 0 ? value.n : 1)};
    if (spec.p == NULL)
        return SPAN_EMPTY;
    struct scan t = {.rest = value};
    bool angle = false;
    while (next_token(&t) != T_END) {
        if (t.kind != T_SPECIAL) {
            spec_word(&spec, &t);
            continue;
        }
        if (!spec_special(&spec, t.special, &angle))
            continue;
        struct span found = spec_end(&spec);
        if (found.n > 0)
            return found;
        spec_clear(&spec);
        angle = false;
    }
    return spec_end(&spec);
}
