/* SPDX-License-Identifier: Apache-2.0 */
/* ESEARCH (RFC 7377): ESEARCH [IN (mailboxes)] [RETURN (options)] [CHARSET charset] keys
 *
 * One mailbox after the other, in the order in which they were made. Each is searched as it is then, but for the
 * selected one, which is searched as the client knows it. */
#include "imap/names.h"
#include "imap/place.h"
#include "imap/search_task.h"
#include "mailbox/acl.h"

enum {
    BOXES_ARENA = 64 * 1024 * 1024, /* as LIST */
    HIDDEN = 100,                   /* names looked for that LIST does not show */
};

enum source_match {
    MATCH_SELECTED,
    MATCH_ALL, /* "personal", and "inboxes": filters may deliver to any of the user's own (RFC 5465 §6.3) */
    MATCH_SUBSCRIBED,
    MATCH_NAME,
    MATCH_CHILDREN, /* of it, and itself */
    MATCH_BELOW,    /* the same on all levels */
};

struct source {
    enum source_match match;
    struct span name;
};

static const struct {
    const char *name;
    enum source_match match;
} specifiers[] = {
    {"selected", MATCH_SELECTED},     {"inboxes", MATCH_ALL},    {"personal", MATCH_ALL},
    {"subscribed", MATCH_SUBSCRIBED}, {"mailboxes", MATCH_NAME}, {"subtree-one", MATCH_CHILDREN},
    {"subtree", MATCH_BELOW},
};

/* ---- which mailboxes --------------------------------------------------------------------- */

static bool is_selected(const struct imap *i, const struct imap_name *v)
{
    return i->box != NULL && v->account == i->box->account && v->box->id.v == i->box->id.v;
}

static bool matches(const struct imap *i, const struct source *s, const struct imap_name *v)
{
    struct span below = v->name;
    switch (s->match) {
    case MATCH_SELECTED: return is_selected(i, v);
    case MATCH_ALL: return v->account == i->account;
    case MATCH_SUBSCRIBED: return v->subscribed;
    case MATCH_NAME: return span_eq(v->name, s->name);
    case MATCH_CHILDREN:
    case MATCH_BELOW: break;
    }
    if (!span_skip(&below, s->name))
        return false;
    if (below.n == 0)
        return true;
    return span_skip(&below, SPAN("/")) && (s->match == MATCH_BELOW || span_chr(below, '/') < 0);
}

/* The names there are: those chosen are the first. */
struct pool {
    size_t n, hidden;
};

/* Those that a source names are moved to the front. */
static void choose(const struct imap *i, struct search_task *t, const struct source *s, size_t n)
{
    for (size_t k = t->sources_n; k < n; k++) {
        struct imap_name v = t->sources[k];
        if (v.box == NULL || v.box->noselect || (v.rights & RIGHT_READ) == 0 || !matches(i, s, &v))
            continue;
        t->sources[k] = t->sources[t->sources_n];
        t->sources[t->sources_n++] = v;
    }
}

/* Beside those of LIST: RFC 7377 §2.2 wants `l` only of what is not named. */
static int add_hidden(struct search_task *t, const struct imap_place *at, struct pool *p)
{
    for (size_t k = 0; k < t->sources_n; k++)
        if (t->sources[k].account == at->account && t->sources[k].box->id.v == at->box.id.v)
            return 0;
    struct mailbox *box = arena_alloc(t->boxes, sizeof *box);
    if (box == NULL)
        return arena_err(t->boxes);
    *box = at->box;
    t->sources[p->n++] = t->sources[t->sources_n];
    t->sources[t->sources_n++] =
        (struct imap_name){.name = box->name, .box = box, .account = at->account};
    return 0;
}

/* Of others, and without `l`. */
static int choose_hidden(struct imap *i, struct search_task *t, struct span name, struct pool *p)
{
    struct imap_place at;
    if (!imap_place_is_others(name) || p->hidden == HIDDEN)
        return 0;
    p->hidden++;
    int err = imap_place_find_name(i, name, &at);
    if (err != 0)
        return err == ERR_NOT_FOUND ? 0 : err;
    bool shown = (at.rights & RIGHT_LOOKUP) != 0;
    if (shown || at.box.noselect || (at.rights & RIGHT_READ) == 0)
        return 0;
    return add_hidden(t, &at, p);
}

static int choose_selected(struct imap *i, struct search_task *t, struct pool *p)
{
    const struct source s = {.match = MATCH_SELECTED};
    struct imap_place at = {.account = i->box->account};
    choose(i, t, &s, p->n);
    if (at.account == i->account)
        return 0;
    int err = mailbox_find_id(i->server->mail, at.account, i->box->id, i->s.arena, &at.box);
    if (err == 0)
        err = imap_place_whole(i, at.account, at.box.name, &at.box.name);
    if (err != 0) /* it has gone */
        return err == ERR_NOT_FOUND || err == ERR_NO_USER ? 0 : err;
    return add_hidden(t, &at, p);
}

/* A name, in the form that mailboxes have. */
static int choose_named(struct imap *i,
                        struct search_task *t,
                        enum source_match match,
                        const struct imap_arg *name,
                        struct pool *p)
{
    struct source s = {.match = match};
    int err = imap_read_mailbox(i, name, &s.name);
    if (err !=
        0) /* one that can be no mailbox's is passed over, as others are that are not there */
        return err == ERR_INVALID && name->kind != IMAP_LIST ? 0 : err;
    s.name = imap_place_prefix(t->boxes, s.name);
    choose(i, t, &s, p->n);
    err = arena_err(t->boxes);
    return err != 0 ? err : choose_hidden(i, t, s.name, p);
}

/* A specifier and the names behind it. */
static int
take_source(struct imap *i, struct search_task *t, const struct imap_arg **arg, struct pool *p)
{
    size_t k = 0;
    while (k < COUNT_OF(specifiers) && !imap_arg_is(*arg, span_str(specifiers[k].name)))
        k++;
    if (k == COUNT_OF(specifiers))
        return ERR_INVALID;
    struct source s = {.match = specifiers[k].match};
    *arg = (*arg)->next;
    if (s.match == MATCH_SELECTED ? i->box == NULL : (t->request.returns & RETURN_SAVE) != 0)
        return ERR_INVALID;
    if (s.match == MATCH_SELECTED)
        return choose_selected(i, t, p);
    if (s.match < MATCH_NAME) {
        choose(i, t, &s, p->n);
        return 0;
    }
    const struct imap_arg *names = *arg;
    if (names == NULL)
        return ERR_INVALID;
    *arg = names->next;
    if (names->kind != IMAP_LIST)
        return choose_named(i, t, s.match, names, p);
    int err = names->child == NULL ? ERR_INVALID : 0;
    for (const struct imap_arg *name = names->child; err == 0 && name != NULL; name = name->next)
        err = choose_named(i, t, s.match, name, p);
    return err;
}

static int by_id(const void *a, const void *b)
{
    const struct imap_name *x = a, *y = b;
    if (x->account != y->account)
        return x->account < y->account ? -1 : 1;
    return (x->box->id.v > y->box->id.v) - (x->box->id.v < y->box->id.v);
}

/* May a mailbox of others be among them? */
static bool wants_others(const struct imap *i, const struct imap_arg *source)
{
    bool wants = i->box != NULL && i->box->account != i->account;
    for (; source != NULL; source = source->next)
        wants = wants ||
                (!imap_arg_is(source, SPAN("selected")) && !imap_arg_is(source, SPAN("personal")) &&
                 !imap_arg_is(source, SPAN("inboxes")));
    return wants;
}

/* All names of LIST, with room for more. */
static int read_names(struct imap *i, struct search_task *t, bool others, struct pool *p)
{
    struct imap_name *v = NULL;
    int err = imap_names_read(i, t->boxes, SPAN_EMPTY, others, &v, &p->n);
    if (err != 0)
        return err;
    t->sources = arena_array(t->boxes, p->n + HIDDEN + 1, sizeof *v);
    if (t->sources == NULL)
        return arena_err(t->boxes);
    if (p->n > 0)
        memcpy(t->sources, v, p->n * sizeof *v);
    return 0;
}

static int esearch_parse(struct imap *i, struct search_task *t, const struct imap_arg **arg)
{
    static const struct imap_arg selected = {.kind = IMAP_ATOM, .text = {"selected", 8}};
    const struct imap_arg *source = &selected;
    struct pool pool = {0};
    if (imap_arg_is(*arg, SPAN("IN"))) {
        const struct imap_arg *list = (*arg)->next;
        if (list == NULL || list->kind != IMAP_LIST || list->child == NULL)
            return ERR_INVALID;
        source = list->child;
        *arg = list->next;
    }
    t->boxes = arena_new(BOXES_ARENA);
    if (t->boxes == NULL)
        return ERR_NOMEM;
    int err = search_parse_head(i, t, arg);
    if (err == 0 && (t->request.returns & RETURN_UPDATE) != 0 && i->box == NULL)
        err = ERR_INVALID;
    if (err == 0)
        err = read_names(i, t, wants_others(i, source), &pool);
    while (err == 0 && source != NULL)
        err = take_source(i, t, &source, &pool);
    if (t->sources_n > 1)
        qsort(t->sources, t->sources_n, sizeof(*t->sources), by_id);
    t->uid = true;
    return err;
}

static int esearch_next(struct imap *i, struct search_task *t)
{
    struct mail_head head;
    const struct imap_name *v = NULL;
    int err = ERR_DENIED;
    while (err == ERR_DENIED || err == ERR_NOT_FOUND) { /* that is since the list was made */
        if (t->source == t->sources_n)
            return 0;
        v = &t->sources[t->source++];
        err = imap_place_still(i, v->account, v->box->id, RIGHT_READ);
    }
    if (err != 0)
        return err;
    if (is_selected(i, v)) {
        t->box = i->box;
        return 1;
    }
    err = mailbox_uids(i->server->mail, v->account, v->box->id, &head, &t->other.uids);
    if (err != 0)
        return err;
    t->other.account = v->account;
    t->other.id = v->box->id;
    t->other.uidvalidity = head.uidvalidity;
    t->box = &t->other;
    return 1;
}

enum step imap_cmd_esearch(struct imap *i, const struct imap_arg *args)
{
    static const struct search_kind kind = {
        .name = "ESEARCH", .parse = esearch_parse, .write = search_write, .next = esearch_next};
    return imap_search_begin(i, &kind, args);
}
