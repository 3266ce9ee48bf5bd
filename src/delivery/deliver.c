/* SPDX-License-Identifier: Apache-2.0 */
/* delivery_deliver: one body, many accounts.
 *
 * The accounts are different partitions and no transaction spans them, so "all or none" is made by
 * hand: the body first (with no link it is garbage that collects itself), then one append an
 * account, and when one fails those before it are taken back. A crash in the middle leaves some
 * accounts with the message and a sender that was told nothing and sends again: those get it twice,
 * nobody gets it never.
 *
 * A thousand recipients are a thousand synced commits, one after the other many seconds, and a sender that
 * waits too long sends again. Commits of different accounts share a sync of the disk when they meet, so a
 * message for many is put into several accounts at a time, by threads of its own: the server's workers
 * are not taken, because those who wait for each other in one pool can all wait. */
#include "delivery/internal.h"

#include "base/err.h"
#include "base/flight.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "message/summary.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    DELIVER_ARENA = 256 * 1024,
    DELIVER_THREADS = 8,     /* at most, for one message */
    DELIVER_EACH_THREAD = 8, /* destinations that make one more thread worth it */
};

struct deliver {
    struct delivery *d;
    struct blob_id blob;
    struct blob_info info;
    int64_t now_ms;
    struct span from;
    struct buf summary;            /* may be empty: then readers make it */
    struct flight_slot *flight;    /* of the unit that all threads work on */
    const struct destination **to; /* each account once, by id */
    struct mail_appended *done;    /* uid 0: not done */
    size_t n;
    atomic_size_t next; /* of `to`, to be taken by the next free thread */
    pthread_mutex_t lock;
    int err; /* under `lock`: the first; nobody begins another one then */
    size_t failed;
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

/* What "not found" a store may say is no word about the address, so never 550: an account that was purged
 * since RCPT is refused there at the sender's next try, and for that one only. Its mailboxes are not made
 * again: every account has had them since before it had its address, so whoever has none is being purged,
 * and what is made behind the purge's back stays for ever. */
static int deliver_verdict(const struct deliver *x, int err)
{
    if (err == ERR_NOT_FOUND || err == ERR_NO_USER ||
        (err != 0 && x->n > 1 && !err_info(err)->temporary))
        return ERR_UNAVAILABLE;
    return err;
}

static int deliver_one(struct deliver *x, size_t i, struct arena *a)
{
    const struct destination *to = x->to[i];
    struct mail_append in = {
        .blob = x->blob,
        .info = x->info,
        .received_ms = x->now_ms,
        .envelope_from = x->from,
        .summary = buf_span(&x->summary),
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
    return deliver_verdict(x, mailbox_append(x->d->mail, to->account_id, &in, &x->done[i]));
}

static void deliver_fail(struct deliver *x, size_t i, int err)
{
    pthread_mutex_lock(&x->lock);
    if (x->err == 0) {
        x->err = err;
        x->failed = i;
    }
    pthread_mutex_unlock(&x->lock);
    atomic_store(&x->next, x->n); /* the others finish what they are at */
}

static void *deliver_some(void *arg)
{
    struct deliver *x = arg;
    struct arena *a = arena_new(DELIVER_ARENA);
    size_t i;
    flight_share(x->flight);
    while (a != NULL && (i = atomic_fetch_add(&x->next, 1)) < x->n) {
        int err = deliver_one(x, i, a);
        if (err != 0) {
            x->done[i].uid.v = 0;
            deliver_fail(x, i, err);
        }
        arena_reset(a);
    }
    arena_free(a);
    return NULL;
}

/* This thread works too, so that less than all threads, or none, is only slower. */
static int deliver_all(struct deliver *x)
{
    pthread_t helpers[DELIVER_THREADS - 1];
    size_t n = 0, wanted = x->n / DELIVER_EACH_THREAD;
    if (wanted > COUNT_OF(helpers))
        wanted = COUNT_OF(helpers);
    while (n < wanted && pthread_create(&helpers[n], NULL, deliver_some, x) == 0)
        n++;
    (void)deliver_some(x);
    for (size_t i = 0; i < n; i++)
        pthread_join(helpers[i], NULL);
    if (x->err == 0 && atomic_load(&x->next) < x->n)
        return ERR_NOMEM; /* no thread had an arena */
    if (x->err != 0)
        log_event(LOG_WARN, "delivery.failed", LOG_S("account", x->to[x->failed]->address),
                  LOG_ERR(x->err));
    return x->err;
}

static void deliver_take_back(struct deliver *x)
{
    for (size_t i = 0; i < x->n; i++) {
        size_t removed;
        if (x->done[i].uid.v == 0)
            continue;
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
    struct deliver x = {.d = d,
                        .from = envelope->from,
                        .now_ms = d->clock->wall_ms(d->clock),
                        .flight = flight_mine()};
    atomic_init(&x.next, 0);
    pthread_mutex_init(&x.lock, NULL);
    buf_init(&x.summary, LIMIT_SUMMARY);
    int err = deliver_prepare(&x, envelope);
    if (err == 0)
        err = deliver_body(&x, prefix, body);
    if (err == 0) {
        /* once for all, while the bytes are at hand; without it the mail is no worse */
        if (summary_make((struct span[]){prefix, body}, 2, &x.summary) != 0)
            buf_done(&x.summary);
        err = deliver_all(&x);
        if (err != 0)
            deliver_take_back(&x);
        else
            deliver_report(&x);
    }
    pthread_mutex_destroy(&x.lock);
    buf_done(&x.summary);
    free(x.to);
    free(x.done);
    return err;
}
