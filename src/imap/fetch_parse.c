/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/fetch.h"

#include "base/err.h"
#include "base/limits.h"

#define STRUCTURE (FETCH_NEEDS_SUMMARY | FETCH_NEEDS_STRUCTURE)
#define CONTENT   (STRUCTURE | FETCH_NEEDS_BODY)

/* Items that are a word. */
static const struct {
    const char *name;
    enum fetch_kind kind;
    unsigned needs;
    enum section_what what;
} words[] = {
    {"UID", FETCH_UID, 0, 0},
    {"FLAGS", FETCH_FLAGS, 0, 0},
    {"INTERNALDATE", FETCH_INTERNALDATE, 0, 0},
    {"RFC822.SIZE", FETCH_SIZE, 0, 0},
    {"MODSEQ", FETCH_MODSEQ, 0, 0},
    {"EMAILID", FETCH_EMAILID, 0, 0},
    {"THREADID", FETCH_THREADID, 0, 0},
    {"SAVEDATE", FETCH_SAVEDATE, 0, 0},
    {"PREVIEW", FETCH_PREVIEW, FETCH_WANTS_SUMMARY, 0},
    {"ENVELOPE", FETCH_ENVELOPE, FETCH_NEEDS_SUMMARY, 0},
    {"BODY", FETCH_BODY, STRUCTURE, 0},
    {"BODYSTRUCTURE", FETCH_BODYSTRUCTURE, STRUCTURE, 0},
    {"RFC822", FETCH_SECTION, FETCH_NEEDS_BODY | FETCH_SETS_SEEN, SECTION_BODY},
    {"RFC822.HEADER", FETCH_SECTION, CONTENT, SECTION_HEADER},
    {"RFC822.TEXT", FETCH_SECTION, CONTENT | FETCH_SETS_SEEN, SECTION_TEXT},
};

/* Items with a section. */
static const struct {
    const char *name; /* with its bracket */
    enum fetch_kind kind;
    bool seen;
    const char *label;
} sections[] = {
    {"BODY[", FETCH_SECTION, true, "BODY["},
    {"BODY.PEEK[", FETCH_SECTION, false, "BODY["},
    {"BINARY[", FETCH_BINARY, true, "BINARY["},
    {"BINARY.PEEK[", FETCH_BINARY, false, "BINARY["},
    {"BINARY.SIZE[", FETCH_BINARY_SIZE, false, "BINARY.SIZE["},
};

struct parser {
    struct arena *arena;
    struct fetch_request *request;
    struct fetch_item **end;
    size_t n;
};

static struct fetch_item *add(struct parser *p, enum fetch_kind kind, unsigned needs)
{
    struct fetch_item *item = arena_alloc(p->arena, sizeof(*item));
    if (item == NULL)
        return NULL;
    item->kind = kind;
    *p->end = item;
    p->end = &item->next;
    p->n++;
    p->request->needs |= needs;
    return item;
}

/* number "." nz-number between "<" and ">", which are taken; *s is behind them. RFC 9051 §9 partial. */
static int take_partial(struct span *s, struct fetch_item *item)
{
    if (!span_skip(s, SPAN("<")) || !span_ends(*s, SPAN(">")))
        return ERR_INVALID;
    struct span count = span_slice(*s, 0, s->n - 1);
    struct span from = span_split(&count, '.');
    *s = SPAN_EMPTY;
    if (!span_to_u64(from, &item->from) || !span_to_u64(count, &item->count) || item->count == 0 ||
        item->from > INT64_MAX || item->count > INT64_MAX)
        return ERR_INVALID;
    item->partial = true;
    return 0;
}

static int label(struct parser *p, struct fetch_item *item, const char *front)
{
    struct buf text;
    buf_init(&text, 4 * LIMIT_IMAP_SECTION);
    buf_puts(&text, front);
    fetch_section_write(&item->section, &text);
    buf_putc(&text, ']');
    if (item->partial)
        buf_printf(&text, "<%llu>", (unsigned long long)item->from);
    item->label = arena_dup(p->arena, buf_span(&text));
    int err = text.err;
    buf_done(&text);
    return err != 0 ? err : arena_err(p->arena);
}

/* The `]` that closes the section: what is behind it has neither quotes nor literals. */
static int add_section(struct parser *p, size_t row, struct span rest)
{
    ssize_t close = span_rchr(rest, ']');
    struct fetch_item *item = add(p, sections[row].kind, FETCH_NEEDS_BODY);
    if (item == NULL)
        return arena_err(p->arena);
    if (close < 0)
        return ERR_INVALID;
    struct span partial = span_from(rest, (size_t)close + 1);
    int err = fetch_section_parse(span_slice(rest, 0, (size_t)close), p->arena, &item->section);
    if (err != 0)
        return err;
    if (item->kind != FETCH_SECTION && item->section.what != SECTION_BODY)
        return ERR_INVALID;
    if (partial.n > 0)
        err = item->kind == FETCH_BINARY_SIZE ? ERR_INVALID : take_partial(&partial, item);
    if (err != 0)
        return err;
    if (item->section.path_n > 0 || item->section.what != SECTION_BODY)
        p->request->needs |= STRUCTURE;
    if (sections[row].seen)
        p->request->needs |= FETCH_SETS_SEEN;
    return label(p, item, sections[row].label);
}

static int add_word(struct parser *p, size_t row)
{
    struct fetch_item *item = add(p, words[row].kind, words[row].needs);
    if (item == NULL)
        return arena_err(p->arena);
    item->label = span_str(words[row].name);
    item->section.what = words[row].what;
    p->request->modseq |= item->kind == FETCH_MODSEQ;
    return 0;
}

static int add_named(struct parser *p, struct span name)
{
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (span_ieq(name, span_str(words[i].name)))
            return add_word(p, i);
    for (size_t i = 0; i < COUNT_OF(sections); i++)
        if (span_istarts(name, span_str(sections[i].name)))
            return add_section(p, i, span_from(name, span_str(sections[i].name).n));
    return ERR_INVALID;
}

/* RFC 8970 §6: PREVIEW [SP "(" preview-mod *(SP preview-mod) ")"]; LAZY is the only one there is. */
static bool is_preview_mods(const struct imap_arg *arg)
{
    if (arg == NULL || arg->kind != IMAP_LIST || arg->child == NULL)
        return false;
    for (const struct imap_arg *mod = arg->child; mod != NULL; mod = mod->next)
        if (!imap_arg_is(mod, SPAN("LAZY")))
            return false;
    return true;
}

/* An item and what belongs to it. */
static int take_item(struct parser *p, const struct imap_arg **arg)
{
    struct fetch_item **at = p->end;
    if ((*arg)->kind != IMAP_ATOM)
        return ERR_INVALID;
    if (p->n == LIMIT_IMAP_FETCH_ITEMS)
        return ERR_LIMIT;
    int err = add_named(p, (*arg)->text);
    *arg = (*arg)->next;
    if (err != 0 || (*at)->kind != FETCH_PREVIEW)
        return err;
    if (*arg != NULL && is_preview_mods(*arg)) {
        (*at)->lazy = true;
        *arg = (*arg)->next;
    } else {
        p->request->needs |= FETCH_NEEDS_SUMMARY;
    }
    return 0;
}

/* RFC 9051 §6.4.5: used alone. */
static bool take_macro(struct parser *p, const struct imap_arg *arg, int *err)
{
    static const struct {
        const char *name;
        const char *items[5];
    } macros[] = {
        {"ALL", {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"}},
        {"FAST", {"FLAGS", "INTERNALDATE", "RFC822.SIZE"}},
        {"FULL", {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"}},
    };
    for (size_t i = 0; i < COUNT_OF(macros); i++) {
        if (!imap_arg_is(arg, span_str(macros[i].name)))
            continue;
        for (size_t n = 0; *err == 0 && n < COUNT_OF(macros[i].items) && macros[i].items[n] != NULL;
             n++)
            *err = add_named(p, span_str(macros[i].items[n]));
        return true;
    }
    return false;
}

static int take_items(struct parser *p, const struct imap_arg **arg)
{
    int err = 0;
    if (*arg == NULL)
        return ERR_INVALID;
    if (take_macro(p, *arg, &err)) {
        *arg = (*arg)->next;
        return err;
    }
    if ((*arg)->kind != IMAP_LIST)
        return take_item(p, arg);
    const struct imap_arg *inner = (*arg)->child;
    *arg = (*arg)->next;
    if (inner == NULL)
        return ERR_INVALID;
    while (err == 0 && inner != NULL)
        err = take_item(p, &inner);
    return err;
}

/* ---- modifiers --------------------------------------------------------------------------- */

static bool page_number(struct span text, bool from_end, uint32_t *out)
{
    if (from_end && !span_skip(&text, SPAN("-")))
        return false;
    return span_to_u32(text, out) && *out > 0;
}

bool fetch_page_parse(struct span text, struct fetch_page *out)
{
    uint32_t a, b;
    bool from_end = span_starts(text, SPAN("-"));
    struct span first = span_split(&text, ':');
    if (!page_number(first, from_end, &a) || !page_number(text, from_end, &b))
        return false;
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    *out = (struct fetch_page){.first = low, .count = high - low + 1, .from_end = from_end};
    return true;
}

static int take_modifier(struct fetch_request *r, const struct imap_arg **arg, bool uid)
{
    const struct imap_arg *name = *arg, *value = name->next;
    *arg = value;
    if (imap_arg_is(name, SPAN("VANISHED")) && uid && !r->vanished) {
        r->vanished = true;
        return 0;
    }
    if (value == NULL || value->kind != IMAP_ATOM)
        return ERR_INVALID;
    *arg = value->next;
    if (imap_arg_is(name, SPAN("CHANGEDSINCE")) && !r->changed) {
        r->changed = r->modseq = true; /* 0 is allowed by no grammar and sent by clients */
        return imap_arg_number(value, &r->since) && r->since <= INT64_MAX ? 0 : ERR_INVALID;
    }
    if (imap_arg_is(name, SPAN("PARTIAL")) && uid && !r->paged) {
        r->paged = true;
        return fetch_page_parse(value->text, &r->page) ? 0 : ERR_INVALID;
    }
    return ERR_INVALID;
}

static int take_modifiers(struct fetch_request *r, const struct imap_arg *list, bool uid)
{
    int err = 0;
    if (list == NULL)
        return 0;
    const struct imap_arg *arg = list->child;
    if (list->kind != IMAP_LIST || list->next != NULL || arg == NULL)
        return ERR_INVALID;
    while (err == 0 && arg != NULL)
        err = take_modifier(r, &arg, uid);
    if (err == 0 && r->vanished && !r->changed) /* RFC 7162 §3.2.6 */
        err = ERR_INVALID;
    return err;
}

static bool has_item(const struct fetch_request *r, enum fetch_kind kind)
{
    const struct fetch_item *item = r->items;
    while (item != NULL && item->kind != kind)
        item = item->next;
    return item != NULL;
}

/* What is answered though it was not asked for. */
static int
add_implied(struct fetch_request *r, struct arena *a, enum fetch_kind kind, struct span name)
{
    struct parser p = {.arena = a, .request = r, .end = &r->items};
    if (has_item(r, kind))
        return 0;
    while (*p.end != NULL)
        p.end = &(*p.end)->next;
    return add_named(&p, name);
}

int fetch_imply(struct fetch_request *r, bool uid, bool modseq, struct arena *a)
{
    int err = uid ? add_implied(r, a, FETCH_UID, SPAN("UID")) : 0;
    if (err == 0 && modseq)
        err = add_implied(r, a, FETCH_MODSEQ, SPAN("MODSEQ"));
    return err;
}

int fetch_parse(const struct imap_arg *args, bool uid, struct arena *a, struct fetch_request *out)
{
    struct fetch_request r = {.items = NULL};
    struct parser p = {.arena = a, .request = &r, .end = &r.items};
    int err = take_items(&p, &args);
    if (err == 0)
        err = take_modifiers(&r, args, uid);
    if (err == 0)
        *out = r;
    return err;
}

int fetch_list_parse(const struct imap_arg *list,
                     struct arena *a,
                     struct span *text_out,
                     bool *modseq_out)
{
    const struct imap_arg alone = {.kind = IMAP_LIST, .child = list->child};
    struct fetch_request request;
    struct buf text;
    int err = fetch_parse(&alone, false, a, &request);
    if (err != 0)
        return err;
    buf_init(&text, LIMIT_IMAP_COMMAND);
    for (const struct imap_arg *item = list->child; item != NULL; item = item->next) {
        buf_puts(&text, item == list->child ? "(" : " ");
        if (item->kind == IMAP_LIST)
            buf_puts(&text, "(LAZY)"); /* there are no others */
        else
            buf_put(&text, item->text);
    }
    buf_putc(&text, ')');
    *text_out = arena_dup(a, buf_span(&text));
    *modseq_out = request.modseq;
    err = text.err != 0 ? text.err : arena_err(a);
    buf_done(&text);
    return err;
}
