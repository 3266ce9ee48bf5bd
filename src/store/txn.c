/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions: optimistic first, then with the partition's lock.
 *
 * The stripe's version is read BEFORE the snapshot is taken and compared under the stripe's lock
 * before the commit. Whoever committed in between has raised it after his writes became visible: so
 * an equal version proves that the snapshot holds everything committed so far, and a commit we
 * raced with can at worst make us run again without need. The second run holds the lock from its
 * start and cannot fail for a conflict: every transaction is run at most twice, and none starves.
 * Who comes while somebody commits would be too late for certain, and begins with the second run.
 *
 * What a transaction read is not tracked; the partition is the unit of conflict. An account's
 * writers are few, and the promise "nothing in the partition changed" is one that needs no thought
 * to use.
 */
#include "store/internal.h"

#include "base/err.h"
#include "base/metrics.h"

struct store_txn {
    struct store *s;
    struct part part;
    struct fixed_key prefix;
    struct arena *arena; /* the caller's */
    struct arena *own;   /* overlay, blob changes, batch */
    struct engine_snap *snap;
    struct overlay overlay;
    struct blob_change *blobs;
    size_t blobs_n, blobs_cap;
    size_t iters;
    int err; /* sticky, of writes */
};

/* Reads may fill the arena several times over; it is memory of one unit of work. */
enum { TXN_ARENA = 64 * 1024 * 1024, TXN_OWN = 96 * 1024 * 1024 };

/* A transaction inside a transaction would wait for its own partition, or commit although the outer
 * one is dropped. It is our bug, and this finds it the first time it is run. */
static _Thread_local bool inside_txn;

/* ---- what the callback may do ------------------------------------------------------------- */

struct arena *store_txn_arena(struct store_txn *t)
{
    return t->arena;
}

static struct span txn_key(struct store_txn *t, struct span key, char full[STORE_KEY_BYTES])
{
    memcpy(full, t->prefix.b, t->prefix.n);
    if (key.n > 0)
        memcpy(full + t->prefix.n, key.p, key.n);
    return span_of(full, t->prefix.n + key.n);
}

int store_txn_get(struct store_txn *t, struct span key, struct span *value_out)
{
    if (key.n > LIMIT_STORE_KEY)
        return ERR_TOO_BIG;
    char full[STORE_KEY_BYTES];
    struct span k = txn_key(t, key, full);
    struct overlay_node *node = t->overlay.count > 0 ? overlay_seek(&t->overlay, k, false) : NULL;
    if (node == NULL || !span_eq(node->key, k))
        return store_get(t->s, t->snap, CF_RECORDS, k, t->arena, value_out);
    if (node->newest == NULL || node->newest->del)
        return ERR_NOT_FOUND;
    struct span framed = node->newest->framed;
    *value_out = span_slice(framed, 0, framed.n - STORE_FRAME);
    return 0;
}

int store_txn_scan(struct store_txn *t,
                   struct span prefix,
                   struct span from,
                   bool reverse,
                   struct store_iter **out)
{
    struct scan_view view = {t->s, t->snap, t->part, &t->overlay, &t->iters};
    return scan_open(&view, prefix, from, reverse, out);
}

static void txn_fail(struct store_txn *t, int err)
{
    if (t->err == 0)
        t->err = err;
}

void store_txn_put(struct store_txn *t, struct span key, struct span value)
{
    if (key.n > LIMIT_STORE_KEY) {
        txn_fail(t, ERR_TOO_BIG);
        return;
    }
    char full[STORE_KEY_BYTES];
    overlay_put(&t->overlay, txn_key(t, key, full), value);
}

void store_txn_del(struct store_txn *t, struct span key)
{
    if (key.n > LIMIT_STORE_KEY) {
        txn_fail(t, ERR_TOO_BIG);
        return;
    }
    char full[STORE_KEY_BYTES];
    overlay_del(&t->overlay, txn_key(t, key, full));
}

static void blob_change_add(struct store_txn *t, struct blob_id id, uint64_t tag, bool link)
{
    if (t->blobs_n == t->blobs_cap) {
        size_t cap = t->blobs_cap > 0 ? t->blobs_cap * 2 : 8;
        struct blob_change *v = arena_array(t->own, cap, sizeof(*v));
        if (v == NULL) {
            txn_fail(t, arena_err(t->own));
            return;
        }
        if (t->blobs_n > 0)
            memcpy(v, t->blobs, t->blobs_n * sizeof(*v));
        t->blobs = v;
        t->blobs_cap = cap;
    }
    t->blobs[t->blobs_n] =
        (struct blob_change){.id = id, .tag = tag, .order = (uint32_t)t->blobs_n, .link = link};
    t->blobs_n++;
}

void store_txn_blob_link(struct store_txn *t, struct blob_id id, uint64_t tag)
{
    blob_change_add(t, id, tag, true);
}

void store_txn_blob_unlink(struct store_txn *t, struct blob_id id, uint64_t tag)
{
    blob_change_add(t, id, tag, false);
}

/* ---- running ----------------------------------------------------------------------------- */

static int txn_begin(struct store_txn *t)
{
    arena_reset(t->arena);
    arena_reset(t->own);
    overlay_init(&t->overlay, t->own);
    t->blobs = NULL;
    t->blobs_n = t->blobs_cap = 0;
    t->err = 0;
    return store_count_error(t->s->engine->vt->snap_open(t->s->engine, &t->snap));
}

static void txn_release_snap(struct store_txn *t)
{
    if (t->snap != NULL)
        t->s->engine->vt->snap_close(t->s->engine, t->snap);
    t->snap = NULL;
}

static int txn_do(struct store_txn *t, store_txn_fn fn, void *arg)
{
    inside_txn = true;
    int rc = fn(t, arg);
    inside_txn = false;
    must(t->iters == 0); /* an iterator left open */
    if (rc != 0)
        return rc;
    return t->err != 0 ? t->err : t->overlay.err;
}

static bool txn_writes(const struct store_txn *t)
{
    return t->overlay.count > 0 || t->blobs_n > 0;
}

/* With the stripe's lock held. */
static int txn_commit(struct store_txn *t)
{
    struct batch b;
    batch_init(&b, t->own);
    for (struct overlay_node *n = overlay_seek(&t->overlay, SPAN_EMPTY, false); n != NULL;
         n = overlay_step(&t->overlay, n, false)) {
        if (n->newest->del)
            batch_del(&b, CF_RECORDS, n->key);
        else
            batch_put_framed(&b, CF_RECORDS, n->key, n->newest->framed);
    }
    if (t->blobs_n == 0)
        return batch_commit(t->s, &b, true);
    links_settle(t->blobs, &t->blobs_n);
    struct blob_locks locks;
    int rc = blob_locks_take(t->s, t->blobs, t->blobs_n, t->own, &locks);
    if (rc != 0)
        return rc;
    rc = links_apply(t->s, t->part, t->blobs, t->blobs_n, &b);
    if (rc == 0)
        rc = batch_commit(t->s, &b, true);
    if (rc == 0)
        links_committed(t->s, t->blobs, t->blobs_n);
    blob_locks_release(t->s, &locks);
    return rc;
}

enum attempt { ATTEMPT_OVER, ATTEMPT_COMMITTED, ATTEMPT_CONFLICT };

/* CONFLICT only when not `locked` from the start. */
static enum attempt
txn_attempt(struct store_txn *t, bool locked, store_txn_fn fn, void *arg, int *rc_out)
{
    enum attempt end = ATTEMPT_OVER;
    struct stripe *stripe = store_stripe(t->s, t->part);
    bool holds = locked;
    if (locked)
        pthread_mutex_lock(&stripe->lock);
    uint64_t version = atomic_load(&stripe->version);
    int rc = txn_begin(t);
    if (rc == 0)
        rc = txn_do(t, fn, arg);
    txn_release_snap(
        t); /* before the commit: an engine that repairs itself waits for all of them */
    if (rc == 0 && txn_writes(t)) {
        if (!holds)
            pthread_mutex_lock(&stripe->lock);
        holds = true;
        if (atomic_load(&stripe->version) != version) {
            end = ATTEMPT_CONFLICT;
        } else {
            atomic_store(&stripe->committing, true);
            rc = txn_commit(t);
            atomic_fetch_add(&stripe->version, 1); /* also after a failure: it costs one rerun */
            atomic_store(&stripe->committing, false);
            if (rc == 0)
                end = ATTEMPT_COMMITTED;
        }
    }
    if (holds)
        pthread_mutex_unlock(&stripe->lock);
    *rc_out = rc;
    return end;
}

int store_txn_run(struct store *s, struct part part, store_txn_fn fn, void *arg)
{
    must(!inside_txn);
    must(part_is_valid(part));
    struct store_txn t = {.s = s, .part = part};
    t.arena = arena_new(TXN_ARENA);
    t.own = arena_new(TXN_OWN);
    int rc = ERR_NOMEM;
    enum attempt end = ATTEMPT_OVER;
    if (t.arena != NULL && t.own != NULL) {
        key_part(&t.prefix, part);
        end = txn_attempt(&t, atomic_load(&store_stripe(s, part)->committing), fn, arg, &rc);
        if (end == ATTEMPT_CONFLICT) {
            metric_add(METRIC_STORE_CONFLICTS, 1);
            end = txn_attempt(&t, true, fn, arg, &rc);
        }
    }
    arena_free(t.arena);
    arena_free(t.own);
    if (end == ATTEMPT_COMMITTED) {
        metric_add(METRIC_STORE_COMMITS, 1);
        watch_notify(s, part);
    }
    return rc;
}
