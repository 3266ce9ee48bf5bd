/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of a SORT: CONTEXT=SORT (RFC 5267 §4.3). The client keeps a list, and hears at which position something goes or
 * comes.
 *
 * What goes is told from the end of the list to its front, what comes from the front to the end, so that each
 * position is right when it is read. What a message is sorted by never changes: what stays keeps its order, and new
 * ones are found by sorting again. */
#include "imap/contexts.h"

int context_order_init(struct imap_context *c, const struct search_task *t)
{
    size_t n;
    const struct sort_record *sorted = mailbox_sort_result(t->sort, &n);
    c->order = calloc(n + 1, sizeof(*c->order));
    if (c->order == NULL)
        return ERR_NOMEM;
    for (size_t k = 0; k < n; k++)
        c->order[k] = sorted[k].uid;
    c->order_n = n;
    memcpy(c->criteria, t->criteria, sizeof(c->criteria));
    c->criteria_n = t->criteria_n;
    return 0;
}

static uint32_t number_of(const struct imap *i, const struct imap_context *c, uint32_t uid)
{
    return c->uid ? uid : numset_rank(&i->box->uids, uid);
}

static bool has_any(const uint32_t *order, size_t n, const struct numset *uids)
{
    for (size_t k = 0; k < n; k++)
        if (numset_has(uids, order[k]))
            return true;
    return false;
}

void context_order_remove(struct imap *i, struct imap_context *c, struct numset *uids)
{
    size_t told = 0, from = c->order_n;
    if (!has_any(c->order, c->order_n, uids)) {
        numset_clear(uids);
        return;
    }
    context_write_head(i, c, "REMOVEFROM");
    while (from > 0 && told < UPDATE_RUNS) {
        uint32_t uid = c->order[--from];
        if (!numset_has(uids, uid))
            continue;
        buf_printf(i->s.out, "%s%zu %u", told > 0 ? " " : "", from + 1, number_of(i, c, uid));
        told++;
    }
    buf_puts(i->s.out, ")\r\n");
    size_t kept = from;
    for (size_t k = from; k < c->order_n; k++) {
        if (numset_has(uids, c->order[k]))
            numset_remove(uids, c->order[k]);
        else
            c->order[kept++] = c->order[k];
    }
    c->order_n = kept;
}

/* ---- what comes -------------------------------------------------------------------------- */

void context_order_forget(struct imap_contexts *all)
{
    mailbox_sort_close(all->sort);
    free(all->order);
    all->sort = NULL;
    all->order = NULL;
    all->order_n = all->order_at = 0;
}

/* The list as it will be. What has gone and was not told yet is on the client's list and in no sort any more: it stays
 * where it is, before what stood behind it. */
static int merge(struct imap_contexts *all)
{
    const struct imap_context *c = all->at;
    size_t n, k = 0, at = 0;
    const struct sort_record *sorted = mailbox_sort_result(all->sort, &n);
    uint32_t *order = calloc(n + c->order_n + 1, sizeof(*order));
    if (order == NULL)
        return ERR_NOMEM;
    for (size_t s = 0; s < n; s++) {
        if (!numset_has(&all->add, sorted[s].uid)) {
            while (k < c->order_n && c->order[k] != sorted[s].uid)
                order[at++] = c->order[k++];
            k++;
        }
        order[at++] = sorted[s].uid;
    }
    while (k < c->order_n)
        order[at++] = c->order[k++];
    all->order = order;
    all->order_n = at;
    return 0;
}

/* Some of what comes, as runs of neighbours. */
static void write_added(struct imap *i, struct imap_contexts *all)
{
    size_t told = 0, at = all->order_at;
    bool open = false;
    context_write_head(i, all->at, "ADDTO");
    for (; at < all->order_n && told < UPDATE_RUNS; at++) {
        uint32_t uid = all->order[at];
        bool is_new = numset_has(&all->add, uid);
        if (is_new && open)
            buf_printf(i->s.out, ",%u", number_of(i, all->at, uid));
        else if (is_new)
            buf_printf(i->s.out, "%s%zu %u", told > 0 ? " " : "", at + 1,
                       number_of(i, all->at, uid));
        told += is_new;
        open = is_new;
    }
    buf_puts(i->s.out, ")\r\n");
    all->order_at = at;
}

int context_order_add(struct imap *i, struct imap_contexts *all)
{
    struct imap_context *c = all->at;
    int r = 0;
    if (all->sort == NULL)
        r = mailbox_sort_open(i->server->mail, i->box->account, i->box->id, &c->results,
                              c->criteria, c->criteria_n, &all->sort);
    if (r == 0 && all->order == NULL)
        r = mailbox_sort_run(all->sort, NULL, NULL);
    if (r == 0 && all->order == NULL)
        r = merge(all);
    if (r != 0)
        return r;
    while (has_any(all->order + all->order_at, all->order_n - all->order_at, &all->add)) {
        if (i->s.out->n >= IMAP_OUT_STEP)
            return 1;
        write_added(i, all);
    }
    free(c->order);
    c->order = all->order;
    c->order_n = all->order_n;
    all->order = NULL;
    context_order_forget(all);
    numset_clear(&all->add);
    return 0;
}
