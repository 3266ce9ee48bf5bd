/* SPDX-License-Identifier: Apache-2.0 */
/* A table of keys, each with the form of its arguments. */
#include "imap/parse_search.h"

#include "imap/date.h"
#include "message/charset.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    COMING = 1000000,
};

enum form {
    FORM_NONE,
    FORM_STRING,
    FORM_NUMBER,
    FORM_BEFORE, /* a date, and how it is compared */
    FORM_ON,
    FORM_SINCE,
    FORM_OLDER, /* an interval in seconds */
    FORM_YOUNGER,
    FORM_UID,
    FORM_UIDAFTER, /* RFC 9738 §3.2 */
    FORM_UIDBEFORE,
    FORM_KEYWORD,
    FORM_HEADER,
    FORM_MODSEQ,
    FORM_EMAILID,
    FORM_THREADID,
    FORM_FILTER,
    FORM_OR,
};

/* clang-format off */
static const struct row {
    const char *name;
    enum form form;
    enum search_op op;
    uint32_t number;
    bool negated;
} rows[] = {
    {"ALL",               FORM_NONE,     SEARCH_AND,      0,            false},
    {"SAVEDATESUPPORTED", FORM_NONE,     SEARCH_AND,      0,            false},
    {"OLD",               FORM_NONE,     SEARCH_AND,      0,            false},
    {"NEW",               FORM_NONE,     SEARCH_OR,       0,            false},
    {"RECENT",            FORM_NONE,     SEARCH_OR,       0,            false},
    {"ANSWERED",          FORM_NONE,     SEARCH_SET,      SET_ANSWERED, false},
    {"UNANSWERED",        FORM_NONE,     SEARCH_SET,      SET_ANSWERED, true},
    {"DELETED",           FORM_NONE,     SEARCH_SET,      SET_DELETED,  false},
    {"UNDELETED",         FORM_NONE,     SEARCH_SET,      SET_DELETED,  true},
    {"DRAFT",             FORM_NONE,     SEARCH_SET,      SET_DRAFT,    false},
    {"UNDRAFT",           FORM_NONE,     SEARCH_SET,      SET_DRAFT,    true},
    {"FLAGGED",           FORM_NONE,     SEARCH_SET,      SET_FLAGGED,  false},
    {"UNFLAGGED",         FORM_NONE,     SEARCH_SET,      SET_FLAGGED,  true},
    {"SEEN",              FORM_NONE,     SEARCH_SET,      SET_UNSEEN,   true},
    {"UNSEEN",            FORM_NONE,     SEARCH_SET,      SET_UNSEEN,   false},
    {"KEYWORD",           FORM_KEYWORD,  SEARCH_SET,      0,            false},
    {"UNKEYWORD",         FORM_KEYWORD,  SEARCH_SET,      0,            true},
    {"BCC",               FORM_STRING,   SEARCH_BCC,      0,            false},
    {"CC",                FORM_STRING,   SEARCH_CC,       0,            false},
    {"FROM",              FORM_STRING,   SEARCH_FROM,     0,            false},
    {"TO",                FORM_STRING,   SEARCH_TO,       0,            false},
    {"SUBJECT",           FORM_STRING,   SEARCH_SUBJECT,  0,            false},
    {"BODY",              FORM_STRING,   SEARCH_BODY,     0,            false},
    {"TEXT",              FORM_STRING,   SEARCH_TEXT,     0,            false},
    {"HEADER",            FORM_HEADER,   SEARCH_HEADER,   0,            false},
    {"LARGER",            FORM_NUMBER,   SEARCH_LARGER,   0,            false},
    {"SMALLER",           FORM_NUMBER,   SEARCH_SMALLER,  0,            false},
    {"BEFORE",            FORM_BEFORE,   SEARCH_RECEIVED, 0,            false},
    {"ON",                FORM_ON,       SEARCH_RECEIVED, 0,            false},
    {"SINCE",             FORM_SINCE,    SEARCH_RECEIVED, 0,            false},
    {"SENTBEFORE",        FORM_BEFORE,   SEARCH_SENT,     0,            false},
    {"SENTON",            FORM_ON,       SEARCH_SENT,     0,            false},
    {"SENTSINCE",         FORM_SINCE,    SEARCH_SENT,     0,            false},
    {"SAVEDBEFORE",       FORM_BEFORE,   SEARCH_SAVED,    0,            false},
    {"SAVEDON",           FORM_ON,       SEARCH_SAVED,    0,            false},
    {"SAVEDSINCE",        FORM_SINCE,    SEARCH_SAVED,    0,            false},
    {"OLDER",             FORM_OLDER,    SEARCH_RECEIVED, 0,            false},
    {"YOUNGER",           FORM_YOUNGER,  SEARCH_RECEIVED, 0,            false},
    {"UID",               FORM_UID,      SEARCH_UIDS,     0,            false},
    {"UIDAFTER",          FORM_UIDAFTER, SEARCH_UIDS,     0,            false},
    {"UIDBEFORE",         FORM_UIDBEFORE,SEARCH_UIDS,     0,            false},
    {"MODSEQ",            FORM_MODSEQ,   SEARCH_MODSEQ,   0,            false},
    {"EMAILID",           FORM_EMAILID,  SEARCH_MESSAGE,  0,            false},
    {"THREADID",          FORM_THREADID, SEARCH_OR,       0,            false},
    {"FILTER",            FORM_FILTER,   SEARCH_AND,      0,            false},
    {"OR",                FORM_OR,       SEARCH_OR,       0,            false},
};
/* clang-format on */

struct parser {
    const struct search_scope *scope;
    struct arena *arena;
    struct search_request *request;
    struct span charset;
    size_t keys;
    unsigned depth, filters; /* in which this stands */
};

/* Parses one key, whose arguments are taken; it is linked at *out, whatever the result. */
static int take_key(struct parser *p, const struct imap_arg **arg, struct search_key **out);
static int take_all(struct parser *p, const struct imap_arg *arg, struct search_key *k);

static struct search_key *key_new(struct parser *p, enum search_op op, struct search_key **out)
{
    struct search_key *k = arena_alloc(p->arena, sizeof(*k));
    if (k == NULL)
        return NULL;
    k->op = op;
    p->keys++;
    *out = k;
    return k;
}

static const struct imap_arg *take(const struct imap_arg **arg)
{
    const struct imap_arg *a = *arg;
    if (a != NULL)
        *arg = a->next;
    return a;
}

/* ---- arguments --------------------------------------------------------------------------- */

/* To UTF-8. The program is kept until the search is over, and so is the arena. */
static int take_string(struct parser *p, const struct imap_arg **arg, struct span *out)
{
    struct span text;
    struct buf utf8;
    if (!imap_arg_string(take(arg), &text))
        return ERR_INVALID;
    buf_init(&utf8, 4 * text.n + 16);
    int err = charset_to_utf8(p->charset, text, &utf8);
    if (err == 0)
        *out = arena_dup(p->arena, buf_span(&utf8));
    buf_done(&utf8);
    return err != 0 ? err : arena_err(p->arena);
}

/* date = date-text / DQUOTE date-text DQUOTE; date-text = 1*2DIGIT "-" month "-" 4DIGIT (RFC 9051 §9). */
static int take_date(struct parser *p, const struct imap_arg **arg, int64_t *day_ms_out)
{
    struct span text;
    if (!imap_arg_string(take(arg), &text))
        return ERR_INVALID;
    bool short_day = text.n > 1 && text.p[1] == '-';
    struct span whole =
        arena_printf(p->arena, "%s%.*s 00:00:00 +0000", short_day ? " " : "", SPAN_ARG(text));
    return whole.p == NULL ? arena_err(p->arena) : imap_date_time_read(whole, day_ms_out);
}

static int take_number(const struct imap_arg **arg, uint64_t *out)
{
    return imap_arg_number(take(arg), out) && *out <= INT64_MAX ? 0 : ERR_INVALID;
}

/* RFC 5032 §2, to the second. */
static int take_interval(struct parser *p, const struct imap_arg **arg, int64_t *target_ms_out)
{
    uint64_t seconds;
    int err = take_number(arg, &seconds);
    if (err != 0 || seconds == 0)
        return ERR_INVALID;
    int64_t now = p->scope->now_ms / 1000;
    *target_ms_out = seconds > (uint64_t)now ? 0 : (now - (int64_t)seconds) * 1000;
    return 0;
}

static int take_set(struct parser *p, const struct imap_arg **arg, bool uid, struct search_key *k)
{
    bool beyond, numbers = !uid && !span_eq((*arg)->text, SPAN("$"));
    if (p->scope->uid_only && numbers)
        return ERR_DENIED;
    p->request->numbered = p->request->numbered || numbers;
    return imap_messages_of(p->scope->box, take(arg), uid, &k->uids, &beyond);
}

/* UIDs on one side of one: those there are and, for who hears of changes, the next million to come. */
static int
take_side(struct parser *p, const struct imap_arg **arg, bool after, struct search_key *k)
{
    uint64_t uid, max = numset_max(&p->scope->box->uids), first = max + 1, last = max + COMING;
    if (!imap_arg_number(take(arg), &uid) || uid == 0 || uid > UINT32_MAX)
        return ERR_INVALID;
    int err = numset_copy(&k->uids, &p->scope->box->uids);
    if (after) {
        numset_remove_range(&k->uids, 1, (uint32_t)uid);
        first = first > uid ? first : uid + 1;
    } else {
        numset_remove_range(&k->uids, (uint32_t)uid, UINT32_MAX);
        last = last < uid ? last : uid - 1;
    }
    last = last < UINT32_MAX ? last : UINT32_MAX;
    if (first <= last)
        numset_add_range(&k->uids, (uint32_t)first, (uint32_t)last);
    return err != 0 ? err : k->uids.err;
}

static int take_keyword(struct parser *p, const struct imap_arg **arg, struct search_key *k)
{
    const struct imap_arg *name = take(arg);
    uint32_t id = 0;
    if (name == NULL || name->kind != IMAP_ATOM)
        return ERR_INVALID;
    int err = p->scope->keyword(p->scope->arg, name->text, &id);
    k->number = SET_KEYWORD + id;
    if (err == ERR_NOT_FOUND) { /* no message has it */
        k->op = SEARCH_OR;
        err = 0;
    }
    return err;
}

/* MODSEQ [entry-name entry-type-req] mod-sequence-valzer (RFC 7162 §7): there is one mod-sequence for all of them. */
static int take_modseq(struct parser *p, const struct imap_arg **arg, struct search_key *k)
{
    p->request->modseq = true;
    if (*arg != NULL && (*arg)->kind != IMAP_ATOM) {
        struct span name;
        if (!imap_arg_string(take(arg), &name) || !span_istarts(name, SPAN("/flags/")))
            return ERR_INVALID;
        const struct imap_arg *type = take(arg);
        if (!imap_arg_is(type, SPAN("all")) && !imap_arg_is(type, SPAN("priv")) &&
            !imap_arg_is(type, SPAN("shared")))
            return ERR_INVALID;
    }
    return take_number(arg, &k->number);
}

/* Lower-case hexadecimal digits up to the end or a "-", which are taken. */
static bool take_hex(struct span *text, uint64_t *out)
{
    size_t n = 0;
    *out = 0;
    for (; n < text->n && n < 16 && text->p[n] != '-'; n++) {
        char c = text->p[n];
        if (!ascii_is_digit(c) && (c < 'a' || c > 'f'))
            return false;
        *out = *out << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *text = span_from(*text, n);
    return n > 0;
}

/* As FETCH writes it: "M1f", and "M1f-7" of a message of somebody else. What nobody wrote here is no message's. */
static int take_emailid(struct parser *p, const struct imap_arg **arg, struct search_key *k)
{
    struct span text;
    uint64_t id, account = p->scope->user;
    if (!imap_arg_string(take(arg), &text) || text.n == 0)
        return ERR_INVALID;
    if (!span_skip(&text, SPAN("M")) || !take_hex(&text, &id))
        return 0;
    bool others = span_skip(&text, SPAN("-"));
    if ((others && (!take_hex(&text, &account) || account == p->scope->user)) || text.n > 0 ||
        account != p->scope->box->account)
        return 0;
    k->number = id;
    return 0;
}

bool search_is_filter_name(struct span name)
{
    for (size_t n = 0; n < name.n; n++) {
        unsigned char c = (unsigned char)name.p[n];
        if (c <= 0x20 || c >= 0x7f || memchr("(){%*\"\\]/", c, 9) != NULL)
            return false;
    }
    return name.n > 0 && name.n <= LIMIT_ANNOTATION_NAME / 2;
}

/* Of filters in each other the first that is wrong is told. */
static int fault(struct parser *p, enum search_fault what, struct span filter)
{
    if (p->request->fault == FAULT_NONE) {
        p->request->fault = what;
        p->request->filter = filter;
    }
    return ERR_UNSUPPORTED;
}

static bool is_utf8_charset(struct span charset)
{
    return charset.n == 0 || span_ieq(charset, SPAN("UTF-8")) ||
           span_ieq(charset, SPAN("US-ASCII"));
}

/* RFC 5466 §3.1 */
static int take_filter(struct parser *p, const struct imap_arg **arg, struct search_key *k)
{
    const struct imap_arg *name = take(arg);
    struct span text, charset = p->charset;
    struct imap_arg *keys = NULL;
    if (name == NULL || name->kind != IMAP_ATOM || !search_is_filter_name(name->text))
        return ERR_INVALID;
    if (!is_utf8_charset(charset))
        return fault(p, FAULT_CHARSET, name->text);
    int err = p->filters == LIMIT_SEARCH_FILTERS
                  ? ERR_NOT_FOUND
                  : p->scope->filter(p->scope->arg, name->text, p->arena, &text);
    if (err == ERR_NOT_FOUND)
        return fault(p, FAULT_UNDEFINED, name->text);
    if (err == 0)
        err = imap_args_parse(text, p->arena, &keys);
    p->filters++;
    p->charset = SPAN("UTF-8");
    if (err == 0)
        err = take_all(p, keys, k);
    p->charset = charset;
    p->filters--;
    return err == ERR_INVALID ? fault(p, FAULT_BROKEN, name->text) : err;
}

/* OR key key. `OR a OR b OR c d` is one list: what a client means by it is no deeper than it looks. */
static int take_or(struct parser *p, const struct imap_arg **arg, struct search_key *k)
{
    struct search_key **end = &k->child;
    for (;;) {
        int err = take_key(p, arg, end);
        if (err != 0)
            return err;
        end = &(*end)->next;
        if (!imap_arg_is(*arg, SPAN("OR")))
            return take_key(p, arg, end);
        (void)take(arg);
    }
}

/* ---- keys -------------------------------------------------------------------------------- */

static int take_form(struct parser *p,
                     const struct row *row,
                     const struct imap_arg **arg,
                     struct search_key *k)
{
    int64_t at = 0;
    int err = 0;
    k->from_ms = INT64_MIN;
    k->before_ms = INT64_MAX;
    switch (row->form) {
    case FORM_NONE: return 0;
    case FORM_STRING: return take_string(p, arg, &k->text);
    case FORM_NUMBER: return take_number(arg, &k->number);
    case FORM_BEFORE: return take_date(p, arg, &k->before_ms);
    case FORM_SINCE: return take_date(p, arg, &k->from_ms);
    case FORM_ON:
        err = take_date(p, arg, &k->from_ms);
        k->before_ms = k->from_ms + (err == 0 ? DAY_MS : 0);
        return err;
    case FORM_OLDER:
        err = take_interval(p, arg, &at);
        k->before_ms = at + 1000;
        return err;
    case FORM_YOUNGER: return take_interval(p, arg, &k->from_ms);
    case FORM_UID: return take_set(p, arg, true, k);
    case FORM_UIDAFTER: return take_side(p, arg, true, k);
    case FORM_UIDBEFORE: return take_side(p, arg, false, k);
    case FORM_KEYWORD: return take_keyword(p, arg, k);
    case FORM_HEADER:
        if (!imap_arg_string(take(arg), &k->name))
            return ERR_INVALID;
        k->name = arena_dup(p->arena, k->name);
        return take_string(p, arg, &k->text);
    case FORM_MODSEQ: return take_modseq(p, arg, k);
    case FORM_EMAILID: return take_emailid(p, arg, k);
    case FORM_THREADID: { /* no message has one (RFC 8474 §5.2) */
        struct span id;
        return imap_arg_string(take(arg), &id) && id.n > 0 ? 0 : ERR_INVALID;
    }
    case FORM_FILTER: return take_filter(p, arg, k);
    case FORM_OR: return take_or(p, arg, k);
    }
    return ERR_INVALID;
}

static int take_named(struct parser *p, const struct imap_arg **arg, struct search_key **out)
{
    const struct imap_arg *name = take(arg);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!imap_arg_is(name, span_str(rows[i].name)))
            continue;
        struct search_key *k = *out;
        if (rows[i].negated) {
            k->op = SEARCH_NOT;
            k = key_new(p, rows[i].op, &k->child);
            if (k == NULL)
                return arena_err(p->arena);
        }
        k->op = rows[i].op;
        k->number = rows[i].number;
        return take_form(p, &rows[i], arg, k);
    }
    return ERR_INVALID;
}

/* All keys up to the end of the list are true. */
static int take_all(struct parser *p, const struct imap_arg *arg, struct search_key *k)
{
    struct search_key **end = &k->child;
    int err = arg == NULL ? ERR_INVALID : 0;
    k->op = SEARCH_AND;
    while (err == 0 && arg != NULL) {
        err = take_key(p, &arg, end);
        if (err == 0)
            end = &(*end)->next;
    }
    return err;
}

static bool is_set(const struct imap_arg *arg)
{
    char c = arg->text.n > 0 ? arg->text.p[0] : '\0';
    return arg->kind == IMAP_ATOM &&
           (ascii_is_digit(c) || c == '*' || span_eq(arg->text, SPAN("$")));
}

static int take_bare(struct parser *p, const struct imap_arg **arg, struct search_key **out)
{
    bool negated = false;
    while (imap_arg_is(*arg, SPAN("NOT"))) {
        negated = !negated;
        (void)take(arg);
    }
    struct search_key *k = key_new(p, negated ? SEARCH_NOT : SEARCH_AND, out);
    if (k == NULL)
        return arena_err(p->arena);
    if (negated) {
        out = &k->child;
        k = key_new(p, SEARCH_AND, out);
        if (k == NULL)
            return arena_err(p->arena);
    }
    if (*arg == NULL)
        return ERR_INVALID;
    if ((*arg)->kind == IMAP_LIST)
        return take_all(p, take(arg)->child, k);
    if (is_set(*arg)) {
        k->op = SEARCH_UIDS;
        return take_set(p, arg, false, k);
    }
    return take_named(p, arg, out);
}

static int take_key(struct parser *p, const struct imap_arg **arg, struct search_key **out)
{
    enum { LEVELS = 3 }; /* of the program, for each key here at most */
    if (p->keys + LEVELS > LIMIT_SEARCH_KEYS || p->depth + 2 > LIMIT_SEARCH_DEPTH / LEVELS)
        return ERR_LIMIT;
    p->depth++;
    int err = take_bare(p, arg, out);
    p->depth--;
    return err;
}

int search_parse_keys(const struct imap_arg *arg,
                      struct span charset,
                      const struct search_scope *scope,
                      struct arena *a,
                      struct search_request *out)
{
    struct parser p = {.scope = scope, .arena = a, .request = out, .charset = charset};
    struct charset known;
    out->charset = charset.n > 0;
    out->fault = FAULT_NONE;
    out->program = NULL;
    int err = charset_init(&known, charset);
    if (err != 0)
        return err;
    charset_done(&known);
    if (!known.known)
        return ERR_UNSUPPORTED;
    struct search_key *root = key_new(&p, SEARCH_AND, &out->program);
    return root == NULL ? arena_err(a) : take_all(&p, arg, root);
}
