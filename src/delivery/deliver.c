/* SPDX-License-Identifier: Apache-2.0 */
/* delivery_deliver: one body, many accounts.
 *
 * The accounts are different partitions and no transaction spans them, so "all or none" is made by
 * hand: the body first (with no link it is garbage that collects itself), then one append an
 * account, and when one fails those before it are taken back. A crash in the middle leaves some
 * accounts with the message and a sender that was told nothing and sends again: those get it twice,
 * nobody gets it never. */
#include "delivery/internal.h"

#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

enum { DELIVER_ARENA = 256 * 1024 };

struct deliver {
    struct delivery *d;
    struct blob_id blob;
    struct blob_info info;
    int64_t now_ms;
    struct span from;
    const struct destination **to; /* each account once, by id */
    struct mail_appended *done;
    size_t n;
};

static int by_account(const void *a, const void *b)
{
    const struct destination *const *x = a, *const *y = b;
    return ((*x)->account_id > (*y)->account_id) - ((*x)->account_id < (*y)->account_id);
}

static int deliver_prepare(struct deliver *x, const struct delivery_envelope *envelope)
{
    if (envelope->n == 0)
        return ERR_INVALID;
    x->to = calloc(envelope->n, sizeof(*x->to));
    x->done = calloc(envelope->n, sizeof(*x->done));
    if (x->to == NULL || x->done == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < envelope->n; i++) {
        if (!envelope->v[i].local)
            return ERR_RELAY;
        x->to[i] = &envelope->v[i];
    }
    qsort(x->to, envelope->n, sizeof(*x->to), by_account);
    for (size_t i = 0; i < envelope->n; i++)
        if (x->n == 0 || x->to[x->n - 1]->account_id != x->to[i]->account_id)
            x->to[x->n++] = x->to[i];
    return 0;
}

static int deliver_body(struct deliver *x, struct span prefix, struct span body)
{
    struct blob_writer *w;
    int err = store_blob_create(x->d->store, &w);
    if (err != 0)
        return err;
    if (prefix.n > 0)
        err = store_blob_write(w, prefix);
    if (err == 0 && body.n > 0)
        err = store_blob_write(w, body);
    if (err != 0) {
        store_blob_abandon(w);
        return err;
    }
    return store_blob_finish(w, &x->blob, &x->info);
}

/* An account that was added without its mailboxes (the server died in between): made now, if the
 * directory still knows the account under this id. */
static int deliver_heal(struct deliver *x, const struct destination *to, struct arena *a)
{
    struct account account;
    int err = account_get(x->d->directory, to->address, a, &account);
    if (err == 0 && account.id != to->account_id)
        err = ERR_NO_USER;
    return err != 0 ? err : mailbox_account_create(x->d->mail, to->account_id, to->address);
}

static int deliver_one(struct deliver *x, size_t i, struct arena *a)
{
    const struct destination *to = x->to[i];
    struct mail_append in = {
        .blob = x->blob,
        .info = x->info,
        .received_ms = x->now_ms,
        .envelope_from = x->from,
    };
    if (x->n ==
        1) { /* with several, the others have it already: filled up or not, this one gets it too */
        struct class_of_service class;
        int err = delivery_class(x->d, to->class_name, a, &class);
        if (err != 0)
            return err;
        in.quota_bytes = class.quota_bytes;
        in.quota_messages = class.quota_messages;
    }
    int err = mailbox_append(x->d->mail, to->account_id, &in, &x->done[i]);
    if (err == ERR_NO_USER) {
        err = deliver_heal(x, to, a);
        if (err == 0)
            err = mailbox_append(x->d->mail, to->account_id, &in, &x->done[i]);
    }
    return err;
}

static void deliver_take_back(struct deliver *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t removed;
        int err = mailbox_expunge(x->d->mail, x->to[i]->account_id, x->done[i].mailbox,
                                  &x->done[i].uid, 1, 0, &removed);
        if (err != 0) /* the sender's next try will make a double here: better than none */
            log_event(LOG_WARN, "delivery.not_taken_back", LOG_S("account", x->to[i]->address),
                      LOG_I("uid", x->done[i].uid.v), LOG_ERR(err));
    }
}

static void deliver_report(const struct deliver *x)
{
    for (size_t i = 0; i < x->n; i++)
        log_event(LOG_INFO, "delivery.stored", LOG_S("account", x->to[i]->address),
                  LOG_I("mailbox", x->done[i].mailbox.v), LOG_I("uid", x->done[i].uid.v),
                  LOG_I("message", x->done[i].message.v), LOG_S("from", x->from),
                  LOG_I("size", x->info.size));
    metric_add(METRIC_MAIL_DELIVERED, (int64_t)x->n);
    metric_add(METRIC_MAIL_BYTES, (int64_t)(x->n * x->info.size));
}

int delivery_deliver(struct delivery *d,
                     const struct delivery_envelope *envelope,
                     struct span prefix,
                     struct span body)
{
    struct deliver x = {.d = d, .from = envelope->from, .now_ms = d->clock->wall_ms(d->clock)};
    struct arena *a = arena_new(DELIVER_ARENA);
    int err = a == NULL ? ERR_NOMEM : deliver_prepare(&x, envelope);
    if (err == 0)
        err = deliver_body(&x, prefix, body);
    for (size_t i = 0; err == 0 && i < x.n; i++) {
        err = deliver_one(&x, i, a);
        arena_reset(a);
        if (err != 0) {
            log_event(LOG_WARN, "delivery.failed", LOG_S("account", x.to[i]->address),
                      LOG_ERR(err));
            deliver_take_back(&x, i);
        }
    }
    if (err == 0)
        deliver_report(&x);
    arena_free(a);
    free(x.to);
    free(x.done);
    return err;
}
