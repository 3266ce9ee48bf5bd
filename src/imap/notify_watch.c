/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions of the store that a session with NOTIFY watches: its own account, and those of others as far as it is
 * told of their mailboxes (RFC 5465 §3.1: a client may name them). */
#include "imap/notify.h"

#include "imap/place.h"
#include "mailbox/sharers.h"

enum { SHARERS = 2 }; /* partitions that say who shares with the user */

struct notify_others {
    size_t n;
    struct {
        account_id account; /* 0: of the sharers */
        struct store_watch *watch;
    } v[];
};

/* On the thread that has committed. */
static void on_change(void *arg, struct part part)
{
    struct imap_watch *w = arg;
    (void)part;
    __atomic_store_n(&w->changed, true, __ATOMIC_RELEASE);
    w->waker->post(w->waker);
}

int notify_watch_own(struct imap *i)
{
    struct imap_watch *w = &i->notify->watch;
    struct part part = {PART_ACCOUNT, i->account};
    return store_watch(i->server->store, part, on_change, w, &w->watch);
}

static void others_free(struct notify_others *o)
{
    for (size_t k = 0; o != NULL && k < o->n; k++)
        store_unwatch(o->v[k].watch);
    free(o);
}

void notify_unwatch(struct imap_notify *n)
{
    store_unwatch(n->watch.watch);
    n->watch.watch = NULL;
    others_free(n->others);
    n->others = NULL;
}

bool notify_reaches_others(const struct notify_program *p)
{
    for (size_t k = 0; k < p->groups_n; k++) {
        const struct notify_group *g = &p->groups[k];
        if (g->filter == NOTIFY_SUBSCRIBED)
            return true;
        for (size_t m = 0; m < g->names_n; m++)
            if (imap_place_is_others(g->names[m]))
                return true;
    }
    return false;
}

/* ---- others -------------------------------------------------------------------------------- */

static int by_account(const void *a, const void *b)
{
    const account_id *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Whose mailboxes they are, each once and ascending; `v` has room for n. */
static size_t owners(const struct imap *i, const struct notify_row *rows, size_t n, account_id *v)
{
    size_t found = 0, kept = 0;
    for (size_t k = 0; k < n; k++)
        if (rows[k].id != 0 && rows[k].account != i->account)
            v[found++] = rows[k].account;
    qsort(v, found, sizeof *v, by_account);
    for (size_t k = 0; k < found; k++)
        if (kept == 0 || v[kept - 1] != v[k])
            v[kept++] = v[k];
    return kept;
}

static bool is_watched(const struct notify_others *o, const account_id *v, size_t n)
{
    if (o == NULL || o->n != n + SHARERS)
        return false;
    for (size_t k = 0; k < n; k++)
        if (o->v[SHARERS + k].account != v[k])
            return false;
    return true;
}

static int add(struct imap *i, struct notify_others *o, account_id account, struct part part)
{
    struct imap_watch *w = &i->notify->watch;
    o->v[o->n].account = account;
    int err = store_watch(i->server->store, part, on_change, w, &o->v[o->n].watch);
    o->n += err == 0;
    return err;
}

static int watch_these(struct imap *i, const account_id *v, size_t n)
{
    struct mail_user user = {i->account, span_str(i->address)};
    struct notify_others *o = calloc(1, sizeof *o + (n + SHARERS) * sizeof o->v[0]);
    if (o == NULL)
        return ERR_NOMEM;
    int err = add(i, o, 0, mailbox_sharers_part(&user, false));
    if (err == 0)
        err = add(i, o, 0, mailbox_sharers_part(&user, true));
    for (size_t k = 0; err == 0 && k < n; k++)
        err = add(i, o, v[k], (struct part){PART_ACCOUNT, v[k]});
    if (err != 0) {
        others_free(o);
        return err;
    }
    others_free(i->notify->others);
    i->notify->others = o;
    on_change(&i->notify->watch, (struct part){PART_ACCOUNT, i->account});
    return 0;
}

int notify_watch_others(struct imap *i, const struct notify_row *rows, size_t n)
{
    if (!notify_reaches_others(&i->notify->program))
        return 0;
    account_id *v = calloc(n + 1, sizeof *v);
    if (v == NULL)
        return ERR_NOMEM;
    size_t owners_n = owners(i, rows, n, v);
    int err = is_watched(i->notify->others, v, owners_n) ? 0 : watch_these(i, v, owners_n);
    free(v);
    return err;
}
