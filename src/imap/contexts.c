/* SPDX-License-Identifier: Apache-2.0 */
/* Searches whose client wants to hear when what they find changes: UPDATE and CANCELUPDATE of CONTEXT=SEARCH and
 * CONTEXT=SORT (RFC 5267 §4.3).
 *
 * A context keeps its program and the set of what the client was told of. When the mailbox has changed (sync.c), the
 * program is evaluated again for those messages that have, and what is different is told; so it costs what has
 * changed (and for SORT a sort of the result, if messages come into it). Keys that depend on the time are looked at with a message's next change. */
#include "imap/contexts.h"

#include "base/log.h"

static void context_free(struct imap_context *c)
{
    search_key_done(c->keys);
    arena_free(c->program);
    numset_done(&c->results);
    free(c->order);
    free(c);
}

void imap_contexts_free(struct imap_contexts *all)
{
    if (all == NULL)
        return;
    mailbox_search_close(all->search);
    context_order_forget(all);
    while (all->first != NULL) {
        struct imap_context *c = all->first;
        all->first = c->next;
        context_free(c);
    }
    numset_done(&all->remove);
    numset_done(&all->add);
    free(all);
}

bool imap_context_has(const struct imap *i, struct span tag)
{
    const struct imap_context *c =
        i->box != NULL && i->box->contexts != NULL ? i->box->contexts->first : NULL;
    while (c != NULL && !span_eq(c->tag, tag))
        c = c->next;
    return c != NULL;
}

/* ---- beginning and end ------------------------------------------------------------------- */

int imap_context_add(struct imap *i, struct search_task *t)
{
    struct imap_contexts *all = i->box->contexts;
    if (all == NULL)
        all = i->box->contexts = calloc(1, sizeof(*all));
    bool too_many = all != NULL && all->n >= LIMIT_IMAP_CONTEXTS;
    if (too_many || arena_used(t->program) > LIMIT_IMAP_CONTEXT_KEYS ||
        (t->sort != NULL && numset_count(&t->found) > LIMIT_IMAP_CONTEXT_SORTED)) {
        /* §4.3.1 */
        buf_printf(
            i->s.out,
            "* NO [NOUPDATE \"%s\"] There are too many of them, or of its keys or messages\r\n",
            i->tag);
        return 0;
    }
    struct imap_context *c = all != NULL ? calloc(1, sizeof(*c)) : NULL;
    struct arena *next = arena_new(SEARCH_PROGRAM_ARENA);
    int err = c == NULL || next == NULL ? ERR_NOMEM : numset_copy(&c->results, &t->found);
    if (err == 0) {
        c->tag = arena_dup(t->program, span_str(i->tag));
        c->correlator = search_correlator(i, t, t->program);
        c->items = arena_dup(t->program, t->items_told);
        err = arena_err(t->program);
    }
    if (err == 0 && t->sort != NULL)
        err = context_order_init(c, t);
    if (err != 0) {
        if (c != NULL)
            numset_done(&c->results);
        free(c);
        arena_free(next);
        return err;
    }
    c->uid = t->uid;
    c->program = t->program;
    c->keys = t->request.program;
    t->program = next;
    t->request.program = NULL;
    c->next = all->first;
    all->first = c;
    all->n++;
    return 0;
}

static void cancel(struct imap_contexts *all, struct span tag)
{
    for (struct imap_context **at = &all->first; *at != NULL; at = &(*at)->next) {
        if (!span_eq((*at)->tag, tag))
            continue;
        struct imap_context *c = *at;
        *at = c->next;
        all->n--;
        context_free(c);
        return;
    }
}

enum step imap_cmd_cancelupdate(struct imap *i, const struct imap_arg *args)
{
    struct span tag;
    if (args == NULL)
        return imap_bad_args(i);
    for (const struct imap_arg *a = args; a != NULL; a = a->next)
        if (!imap_arg_string(a, &tag))
            return imap_bad_args(i);
    for (const struct imap_arg *a = args; a != NULL; a = a->next)
        if (imap_arg_string(a, &tag) && i->box->contexts != NULL)
            cancel(i->box->contexts, tag);
    return imap_ok(i, SPAN_EMPTY, "No further updates");
}

/* ---- telling ----------------------------------------------------------------------------- */

/* The set in the client's numbers. */
static void set_write(struct imap *i, const struct imap_context *c, const struct numset *uids)
{
    struct numset numbers;
    uint32_t first, last = 0;
    numset_init(&numbers);
    while (!c->uid && last < UINT32_MAX && numset_run(uids, last + 1, &first, &last)) {
        uint32_t n = numset_rank(&i->box->uids, first);
        numset_add_range(&numbers, n, n + (last - first));
    }
    imap_set_write(i->s.out, c->uid ? uids : &numbers);
    numset_done(&numbers);
}

void context_write_head(struct imap *i, const struct imap_context *c, const char *item)
{
    buf_printf(i->s.out, "* ESEARCH (%.*s)%s %s (", SPAN_ARG(c->correlator), c->uid ? " UID" : "",
               item);
}

/* A part of it, which leaves the set. The position is 0: the client keeps them in the order of the mailbox. */
static void
part_write(struct imap *i, const struct imap_context *c, const char *item, struct numset *uids)
{
    struct numset part;
    uint32_t first, last = 0;
    numset_init(&part);
    for (size_t n = 0;
         n < UPDATE_RUNS && last < UINT32_MAX && numset_run(uids, last + 1, &first, &last); n++)
        numset_add_range(&part, first, last);
    numset_andnot(uids, &part);
    context_write_head(i, c, item);
    buf_puts(i->s.out, "0 ");
    set_write(i, c, &part);
    buf_puts(i->s.out, ")\r\n");
    if (part.err != 0 || uids->err != 0)
        numset_clear(uids);
    numset_done(&part);
}

/* What the program says of the changed ones, beside what the client knows. */
static int compare(struct imap_contexts *all, const struct numset *changed)
{
    struct imap_context *c = all->at;
    const struct numset *found = mailbox_search_found(all->search);
    int err = numset_copy(&all->remove, &c->results);
    if (err == 0)
        err = numset_copy(&all->add, found);
    numset_and(&all->remove, changed);
    numset_andnot(&all->remove, found);
    numset_andnot(&all->add, &c->results);
    numset_andnot(&c->results, &all->remove);
    numset_or(&c->results, &all->add);
    if (err == 0)
        err = all->remove.err != 0 ? all->remove.err : all->add.err;
    return err != 0 ? err : c->results.err;
}

/* The client is not told; it hears of these messages with their next change. */
static void failed(const struct imap *i, struct imap_contexts *all, int err)
{
    log_event(imap_fault_level(err), "imap.context", LOG_Z("account", i->address), LOG_ERR(err));
    numset_andnot(&all->at->results, &all->add);
    numset_clear(&all->remove);
    numset_clear(&all->add);
}

static int search_more(struct imap *i, struct imap_contexts *all, const struct numset *changed)
{
    struct mail_search in = {.mailbox = i->box->id, .uids = changed, .program = all->at->keys};
    int r = 0;
    if (all->search == NULL)
        r = mailbox_search_open(i->server->mail, i->box->account, &in, &all->search);
    if (r == 0)
        r = mailbox_search_run(all->search, NULL, NULL);
    if (r > 0)
        return 1;
    if (r == 0)
        r = compare(all, changed);
    mailbox_search_close(all->search);
    all->search = NULL;
    all->searched = true;
    if (r != 0)
        failed(i, all, r);
    return 0;
}

bool imap_contexts_want(const struct imap *i, size_t n, struct numset *uids, struct span *items_out)
{
    const struct imap_context *c = i->box->contexts != NULL ? i->box->contexts->first : NULL;
    for (; c != NULL && n > 0; n--)
        c = c->next;
    if (c == NULL)
        return false;
    if (c->items.n > 0)
        numset_and(uids, &c->results);
    else
        numset_clear(uids);
    *items_out = c->items;
    return true;
}

bool imap_contexts_gone(struct imap *i)
{
    struct imap_context *c = i->box->contexts != NULL ? i->box->contexts->first : NULL;
    for (; c != NULL; c = c->next) {
        struct numset gone;
        numset_init(&gone);
        bool some = numset_copy(&gone, &i->box->gone) == 0;
        numset_and(&gone, &c->results);
        some = some && gone.err == 0 && !numset_is_empty(&gone);
        if (some) {
            numset_andnot(&c->results, &gone);
            if (c->criteria_n > 0)
                context_order_remove(i, c, &gone);
            else
                part_write(i, c, "REMOVEFROM", &gone);
            numset_or(&c->results, &gone); /* the rest: next time */
        }
        numset_done(&gone);
        if (some)
            return true;
    }
    return false;
}

/* Of the context at hand: 1 there is more, 0 all is told. */
static int tell_some(struct imap *i, struct imap_contexts *all)
{
    bool sorted = all->at->criteria_n > 0;
    if (!numset_is_empty(&all->remove)) {
        if (sorted)
            context_order_remove(i, all->at, &all->remove);
        else
            part_write(i, all->at, "REMOVEFROM", &all->remove);
        return 1;
    }
    if (numset_is_empty(&all->add))
        return 0;
    if (!sorted) {
        part_write(i, all->at, "ADDTO", &all->add);
        return 1;
    }
    int r = context_order_add(i, all);
    if (r < 0) {
        failed(i, all, r);
        context_order_forget(all);
    }
    return 1;
}

int imap_contexts_update(struct imap *i, const struct numset *changed)
{
    struct imap_contexts *all = i->box->contexts;
    if (all == NULL || all->first == NULL)
        return 0;
    if (all->at == NULL) {
        all->at = all->first;
        all->searched = false;
    }
    while (i->s.out->n < IMAP_OUT_STEP) {
        if (!all->searched) {
            if (search_more(i, all, changed) > 0)
                return 1;
        } else if (tell_some(i, all) > 0) {
            if (all->sort != NULL)
                return 1; /* a slice of it is over */
        } else {
            all->at = all->at->next;
            all->searched = false;
            if (all->at == NULL)
                return 0;
        }
    }
    return 1;
}
