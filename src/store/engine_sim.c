/* SPDX-License-Identifier: Apache-2.0 */
/* The sim engine on its disk (sim_disk.c): three persistent maps. One lock guards the current state;
 * readers work on roots they hold and need none. */
#include "base/err.h"
#include "store/sim_impl.h"

struct engine_sim {
    struct engine engine;
    struct sim_disk *disk;
    bool own, read_only;
};

struct engine_snap {
    struct sim_state state;
};

struct engine_iter {
    struct engine_sim *e;
    struct sim_node *root;
    bool reverse, started, end, records;
    char *at, *lower, *upper; /* `at`: where to go on */
    size_t at_n, lower_n, upper_n;
    char keys[];
};

static struct engine_sim *sim(struct engine *e)
{
    return CONTAINER_OF(e, struct engine_sim, engine);
}

/* Takes the disk's lock, whatever it says; the error if a fault strikes the operation. */
static int operation_begin(struct sim_disk *d, enum sim_op op)
{
    int watched = sim_disk_watched(d, op);
    pthread_mutex_lock(&d->lock);
    int rc = sim_disk_fault(d, op);
    return rc != 0 ? rc : watched;
}

static void sim_close(struct engine *e)
{
    struct engine_sim *s = sim(e);
    struct sim_disk *d = s->disk;
    pthread_mutex_lock(&d->lock);
    d->open = false;
    if (!d->crashed && !s->read_only) { /* an orderly end is synced */
        sim_unsynced_clear(d);
        must(sim_unsynced_push(d));
    }
    pthread_mutex_unlock(&d->lock);
    if (s->own)
        sim_disk_free(d);
    free(s);
}

static int sim_snap_open(struct engine *e, struct engine_snap **out)
{
    struct sim_disk *d = sim(e)->disk;
    struct engine_snap *snap = malloc(sizeof(*snap));
    if (snap == NULL)
        return ERR_NOMEM;
    int rc = operation_begin(d, SIM_READ);
    if (rc == 0)
        snap->state = sim_state_ref(&d->now);
    pthread_mutex_unlock(&d->lock);
    if (rc != 0)
        free(snap);
    else
        *out = snap;
    return rc;
}

static void sim_snap_close(struct engine *e, struct engine_snap *snap)
{
    (void)e;
    sim_state_unref(&snap->state);
    free(snap);
}

/* The owner of a value is the root it lies in. */
static int sim_get(struct engine *e,
                   struct engine_snap *snap,
                   enum engine_cf cf,
                   struct span key,
                   struct engine_value *out)
{
    struct sim_disk *d = sim(e)->disk;
    struct sim_node *root = NULL;
    int rc = operation_begin(d, SIM_READ);
    if (rc == 0)
        root = sim_map_ref(snap != NULL ? snap->state.cf[cf] : d->now.cf[cf]);
    pthread_mutex_unlock(&d->lock);
    if (rc != 0)
        return rc;
    if (!sim_map_get(root, key, &out->bytes)) {
        sim_map_unref(root);
        return ERR_NOT_FOUND;
    }
    if (out->bytes.n == 0) {
        sim_map_unref(root);
        return ERR_CORRUPT;
    }
    out->owner = root;
    return 0;
}

static void sim_value_done(struct engine *e, struct engine_value *value)
{
    (void)e;
    sim_map_unref(value->owner);
}

static int sim_value_keep(struct engine *e, struct engine_value *value)
{
    struct sim_node *root = value->owner;
    struct span bytes = value->bytes;
    char *copy = malloc(bytes.n);
    (void)e;
    *value = (struct engine_value){0};
    if (copy != NULL) {
        memcpy(copy, bytes.p, bytes.n);
        *value = (struct engine_value){.bytes = span_of(copy, bytes.n), .owner = copy};
    }
    sim_map_unref(root);
    return copy != NULL ? 0 : ERR_NOMEM;
}

static void sim_value_drop(struct engine_value *value)
{
    free(value->owner);
    *value = (struct engine_value){0};
}

static int sim_iter_open(struct engine *e,
                         struct engine_snap *snap,
                         const struct engine_range *range,
                         struct engine_iter **out)
{
    int rc = operation_begin(sim(e)->disk, SIM_READ);
    pthread_mutex_unlock(&sim(e)->disk->lock);
    if (rc != 0)
        return rc;
    struct engine_iter *it = calloc(1, sizeof(*it) + 3 * (size_t)STORE_KEY_BYTES);
    if (it == NULL)
        return ERR_NOMEM;
    must(range->lower.n <= STORE_KEY_BYTES && range->upper.n <= STORE_KEY_BYTES);
    it->e = sim(e);
    it->root = sim_map_ref(snap->state.cf[range->cf]);
    it->reverse = range->reverse;
    it->records = range->cf == CF_RECORDS;
    it->lower = it->keys;
    it->upper = it->keys + STORE_KEY_BYTES;
    it->at = it->keys + (size_t)2 * STORE_KEY_BYTES;
    memcpy(it->lower, range->lower.p, it->lower_n = range->lower.n);
    memcpy(it->upper, range->upper.p, it->upper_n = range->upper.n);
    struct span from = range->from;
    if (from.n == 0 && !it->reverse)
        from = range->lower;
    if (from.n == 0) { /* behind the last key: < upper is what a strict step from it gives */
        from = range->upper;
        it->started = true;
    }
    memcpy(it->at, from.p, it->at_n = from.n);
    *out = it;
    return 0;
}

/* Then `at` is where the block ends, for a strict step from it. */
static bool in_lost_block(struct sim_disk *d, struct span key, char *at, size_t *at_n, bool reverse)
{
    pthread_mutex_lock(&d->lock);
    bool lost = sim_disk_lost(d, key);
    if (lost && reverse)
        memcpy(at, d->lost.lower, *at_n = d->lost.lower_n);
    else if (lost)
        memcpy(at, d->lost.upper, *at_n = d->lost.upper_n);
    pthread_mutex_unlock(&d->lock);
    return lost;
}

static int sim_iter_next(struct engine_iter *it, struct span *key, struct span *value)
{
    if (it->end)
        return 0;
    int rc = operation_begin(it->e->disk, SIM_READ);
    pthread_mutex_unlock(&it->e->disk->lock);
    if (rc != 0 && rc != ERR_CORRUPT)
        it->end = true;
    if (rc != 0)
        return rc;
    struct span k;
    if (!sim_map_seek(it->root, span_of(it->at, it->at_n), it->started, it->reverse, &k, value) ||
        span_cmp(k, span_of(it->lower, it->lower_n)) < 0 ||
        span_cmp(k, span_of(it->upper, it->upper_n)) >= 0) {
        it->end = true;
        return 0;
    }
    it->started = true;
    memcpy(it->at, k.p, it->at_n = k.n);
    if (it->records && in_lost_block(it->e->disk, k, it->at, &it->at_n, it->reverse))
        return ERR_CORRUPT;
    if (value->n == 0)
        return ERR_CORRUPT;
    *key = k;
    return 1;
}

static void sim_iter_close(struct engine_iter *it)
{
    sim_map_unref(it->root);
    free(it);
}

/* Takes over *root's count. */
static bool apply(struct sim_node **root, const struct engine_op *op)
{
    struct sim_node *next;
    struct span key = op->key, value;
    bool ok = true;
    if (op->kind == OP_DEL_RANGE) {
        while (ok && sim_map_seek(*root, op->key, false, false, &key, &value) &&
               span_cmp(key, op->value) < 0) {
            ok = sim_map_del(*root, key, &next);
            if (ok) {
                sim_map_unref(*root);
                *root = next;
            }
        }
        return ok;
    }
    ok = op->kind == OP_PUT ? sim_map_put(*root, key, op->value, &next)
                            : sim_map_del(*root, key, &next);
    if (ok) {
        sim_map_unref(*root);
        *root = next;
    }
    return ok;
}

/* The state with the batch in it; false: out of memory. */
static bool
state_with(struct sim_disk *d, const struct engine_op *ops, size_t n, struct sim_state *out)
{
    struct sim_state next = sim_state_ref(&d->now);
    for (size_t i = 0; i < n; i++)
        if (!apply(&next.cf[ops[i].cf], &ops[i])) {
            sim_state_unref(&next);
            return false;
        }
    *out = next;
    return true;
}

/* With the lock held. */
static int commit(struct sim_disk *d, const struct engine_op *ops, size_t n, bool sync)
{
    struct sim_state next;
    d->commits++;
    bool dies = d->crash_in > 0 && --d->crash_in == 0;
    if (dies && !d->crash_landed) {
        sim_disk_crash(d, rng_below(&d->rng.rng, d->unsynced_n));
        return ERR_SHUTDOWN;
    }
    if (!state_with(d, ops, n, &next))
        return ERR_NOMEM;
    if (d->doubt.in > 0 && --d->doubt.in == 0) {
        sim_state_unref(&d->doubt.batch);
        d->doubt.batch = next;
        d->doubt.err = d->doubt.next_err;
        return d->doubt.err;
    }
    sim_state_unref(&d->now);
    d->now = next;
    if (sync)
        sim_unsynced_clear(d);
    must(sim_unsynced_push(d));
    if (dies) {
        sim_disk_crash(d, UINT64_MAX);
        return ERR_SHUTDOWN;
    }
    return 0;
}

static int sim_commit(struct engine *e, const struct engine_op *ops, size_t n, bool sync)
{
    struct sim_disk *d = sim(e)->disk;
    if (sim(e)->read_only)
        return ERR_DENIED;
    int rc = operation_begin(d, SIM_COMMIT);
    if (rc == 0)
        rc = commit(d, ops, n, sync);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static uint64_t sim_free_bytes(struct engine *e)
{
    struct sim_disk *d = sim(e)->disk;
    pthread_mutex_lock(&d->lock);
    uint64_t n = d->free_bytes;
    pthread_mutex_unlock(&d->lock);
    return n;
}

static const struct engine_vtable sim_vtable = {
    .name = "sim",
    .close = sim_close,
    .snap_open = sim_snap_open,
    .snap_close = sim_snap_close,
    .get = sim_get,
    .value_done = sim_value_done,
    .value_keep = sim_value_keep,
    .value_drop = sim_value_drop,
    .iter_open = sim_iter_open,
    .iter_next = sim_iter_next,
    .iter_close = sim_iter_close,
    .commit = sim_commit,
    .free_bytes = sim_free_bytes,
};

int engine_sim_open(struct sim_disk *disk,
                    bool own,
                    const struct engine_options *options,
                    struct engine **out)
{
    struct engine_sim *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NOMEM;
    pthread_mutex_lock(&disk->lock);
    bool taken = disk->open;
    if (!taken) {
        disk->open = true;
        disk->crashed = false;
        sim_disk_mend(disk);
        disk->doubt.in = 0;
        sim_unsynced_clear(disk);
        must(sim_unsynced_push(disk));
    }
    pthread_mutex_unlock(&disk->lock);
    if (taken) {
        free(s);
        return ERR_IN_USE;
    }
    s->engine.vt = &sim_vtable;
    s->disk = disk;
    s->own = own;
    s->read_only = options->read_only;
    *out = &s->engine;
    return 0;
}

int sim_store_open(struct sim_disk *d,
                   const struct store_options *options,
                   struct buf *why,
                   struct store **out)
{
    struct engine_options engine_options = {
        .clock = options->clock, .create = options->create, .read_only = options->read_only};
    struct engine *engine;
    int rc = engine_sim_open(d, false, &engine_options, &engine);
    return rc != 0 ? rc : store_open_engine(engine, options, why, out);
}
