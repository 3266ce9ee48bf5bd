/* SPDX-License-Identifier: Apache-2.0 */
/* The sim engine: three persistent maps, the list of their states since the last sync, and the
 * faults of sim.h. One lock guards the current state; readers work on roots they hold and need
 * none. */
#include "store/sim.h"

#include "base/err.h"
#include "base/random.h"
#include "store/internal.h"
#include "store/sim_map.h"

/* A record that cannot be read at all (its block is lost) is an empty value: every real one has a frame. */
struct sim_state {
    struct sim_node *cf[CF_COUNT];
};

struct sim_fault {
    uint64_t left; /* operations until it strikes; 0: none */
    int err;
    bool lasting;
};

struct sim_disk {
    pthread_mutex_t lock;
    struct rng_seeded rng;
    bool open, crashed;
    struct sim_state now;
    struct sim_state
        *unsynced; /* states after the last sync, oldest first; [0] is the synced one */
    size_t unsynced_n, unsynced_cap;
    struct sim_fault faults[2]; /* by enum sim_op */
    uint64_t crash_in;          /* commits until power is lost; 0: never */
    bool crash_landed;
    uint64_t commits, free_bytes;
    struct { /* a block of the records; see sim_lose_block */
        char lower[STORE_KEY_BYTES], upper[STORE_KEY_BYTES];
        size_t lower_n, upper_n;
    } lost;
};

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

static struct sim_state state_ref(const struct sim_state *s)
{
    struct sim_state copy;
    for (int i = 0; i < CF_COUNT; i++)
        copy.cf[i] = sim_map_ref(s->cf[i]);
    return copy;
}

static void state_unref(struct sim_state *s)
{
    for (int i = 0; i < CF_COUNT; i++) {
        sim_map_unref(s->cf[i]);
        s->cf[i] = NULL;
    }
}

/* ---- the disk ---------------------------------------------------------------------------- */

static bool unsynced_push(struct sim_disk *d)
{
    if (d->unsynced_n == d->unsynced_cap) {
        size_t cap = d->unsynced_cap > 0 ? d->unsynced_cap * 2 : 16;
        struct sim_state *v = realloc(d->unsynced, cap * sizeof(*v));
        if (v == NULL)
            return false;
        d->unsynced = v;
        d->unsynced_cap = cap;
    }
    d->unsynced[d->unsynced_n++] = state_ref(&d->now);
    return true;
}

static void unsynced_clear(struct sim_disk *d)
{
    while (d->unsynced_n > 0)
        state_unref(&d->unsynced[--d->unsynced_n]);
}

struct sim_disk *sim_disk_new(uint64_t seed)
{
    struct sim_disk *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    pthread_mutex_init(&d->lock, NULL);
    rng_seeded_init(&d->rng, seed);
    d->free_bytes = UINT64_MAX;
    if (!unsynced_push(d)) {
        sim_disk_free(d);
        return NULL;
    }
    return d;
}

void sim_disk_free(struct sim_disk *d)
{
    if (d == NULL)
        return;
    must(!d->open);
    unsynced_clear(d);
    state_unref(&d->now);
    free(d->unsynced);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* With the lock held: what is on the disk now is all that will ever be. */
static void crash(struct sim_disk *d, uint64_t keep)
{
    uint64_t last = d->unsynced_n - 1;
    struct sim_state survives = state_ref(&d->unsynced[keep < last ? keep : last]);
    state_unref(&d->now);
    d->now = survives;
    d->crashed = true;
}

void sim_crash(struct sim_disk *d, uint64_t keep)
{
    pthread_mutex_lock(&d->lock);
    crash(d, keep);
    pthread_mutex_unlock(&d->lock);
}

uint64_t sim_unsynced(struct sim_disk *d)
{
    pthread_mutex_lock(&d->lock);
    uint64_t n = d->unsynced_n - 1;
    pthread_mutex_unlock(&d->lock);
    return n;
}

void sim_fail(struct sim_disk *d, enum sim_op op, uint64_t nth, int err, bool lasting)
{
    pthread_mutex_lock(&d->lock);
    d->faults[op] = (struct sim_fault){.left = nth, .err = err, .lasting = lasting};
    pthread_mutex_unlock(&d->lock);
}

void sim_crash_at_commit(struct sim_disk *d, uint64_t nth, bool landed)
{
    pthread_mutex_lock(&d->lock);
    d->crash_in = nth;
    d->crash_landed = landed;
    pthread_mutex_unlock(&d->lock);
}

uint64_t sim_commits(struct sim_disk *d)
{
    pthread_mutex_lock(&d->lock);
    uint64_t n = d->commits;
    pthread_mutex_unlock(&d->lock);
    return n;
}

void sim_set_free(struct sim_disk *d, uint64_t bytes)
{
    pthread_mutex_lock(&d->lock);
    d->free_bytes = bytes;
    pthread_mutex_unlock(&d->lock);
}

/* With the lock held. */
static int fault(struct sim_disk *d, enum sim_op op)
{
    struct sim_fault *f = &d->faults[op];
    if (d->crashed)
        return ERR_SHUTDOWN;
    if (f->left == 0)
        return 0;
    if (f->left > 1) {
        f->left--;
        return 0;
    }
    f->left = f->lasting ? 1 : 0;
    return f->err;
}

/* Writes past the store, to what is synced: rot needs no sync. */
static void
scribble(struct sim_disk *d, enum engine_cf cf, struct span key, const struct span *value)
{
    struct sim_node *root;
    bool ok = value != NULL ? sim_map_put(d->now.cf[cf], key, *value, &root)
                            : sim_map_del(d->now.cf[cf], key, &root);
    must(ok);
    sim_map_unref(d->now.cf[cf]);
    d->now.cf[cf] = root;
    unsynced_clear(d);
    must(unsynced_push(d));
}

static bool flip_bit(struct sim_disk *d, enum engine_cf cf, struct span key)
{
    struct span value;
    pthread_mutex_lock(&d->lock);
    bool found = sim_map_get(d->now.cf[cf], key, &value) && value.n > 0;
    if (found) {
        char *copy = malloc(value.n);
        must(copy != NULL);
        memcpy(copy, value.p, value.n);
        uint64_t bit = rng_below(&d->rng.rng, value.n * 8);
        copy[bit / 8] = (char)((uint8_t)copy[bit / 8] ^ 1u << bit % 8);
        struct span changed = span_of(copy, value.n);
        scribble(d, cf, key, &changed);
        free(copy);
    }
    pthread_mutex_unlock(&d->lock);
    return found;
}

static struct span record_key(struct part part, struct span key, char full[STORE_KEY_BYTES])
{
    struct fixed_key prefix;
    must(key.n <= LIMIT_STORE_KEY);
    key_part(&prefix, part);
    memcpy(full, prefix.b, prefix.n);
    if (key.n > 0)
        memcpy(full + prefix.n, key.p, key.n);
    return span_of(full, prefix.n + key.n);
}

bool sim_corrupt_record(struct sim_disk *d, struct part part, struct span key)
{
    char full[STORE_KEY_BYTES];
    return flip_bit(d, CF_RECORDS, record_key(part, key, full));
}

bool sim_corrupt_blob(struct sim_disk *d, struct blob_id id, uint32_t chunk)
{
    struct fixed_key key;
    key_chunk(&key, id, chunk);
    return flip_bit(d, CF_CHUNKS, fixed_key_span(&key));
}

static bool make_unreadable(struct sim_disk *d, enum engine_cf cf, struct span key)
{
    struct span value, none = SPAN_EMPTY;
    pthread_mutex_lock(&d->lock);
    bool found = sim_map_get(d->now.cf[cf], key, &value);
    if (found)
        scribble(d, cf, key, &none);
    pthread_mutex_unlock(&d->lock);
    return found;
}

size_t sim_lose_block(struct sim_disk *d, struct part part, struct span first, struct span last)
{
    char from[STORE_KEY_BYTES], to[STORE_KEY_BYTES];
    struct span at = record_key(part, first, from), end = record_key(part, last, to), k, value;
    size_t n = 0;
    pthread_mutex_lock(&d->lock);
    memcpy(d->lost.lower, at.p, d->lost.lower_n = at.n);
    memcpy(d->lost.upper, end.p, d->lost.upper_n = end.n);
    char now[STORE_KEY_BYTES];
    for (bool strict = false; sim_map_seek(d->now.cf[CF_RECORDS], at, strict, false, &k, &value) &&
                              span_cmp(k, end) <= 0;
         strict = true, n++) {
        memcpy(now, k.p, k.n);
        at = span_of(now, k.n);
        struct span none = SPAN_EMPTY;
        scribble(d, CF_RECORDS, at, &none);
    }
    pthread_mutex_unlock(&d->lock);
    return n;
}

/* With the disk's lock held. */
static bool is_lost(const struct sim_disk *d, struct span key)
{
    return d->lost.upper_n > 0 && span_cmp(key, span_of(d->lost.lower, d->lost.lower_n)) >= 0 &&
           span_cmp(key, span_of(d->lost.upper, d->lost.upper_n)) <= 0;
}

bool sim_unreadable_link(struct sim_disk *d, struct blob_id id, struct part part, uint64_t tag)
{
    struct fixed_key key;
    key_link(&key, id, part, tag);
    return make_unreadable(d, CF_META, fixed_key_span(&key));
}

bool sim_corrupt_blob_head(struct sim_disk *d, struct blob_id id)
{
    struct fixed_key key;
    key_head(&key, id);
    return flip_bit(d, CF_META, fixed_key_span(&key));
}

bool sim_lose_chunk(struct sim_disk *d, struct blob_id id, uint32_t chunk)
{
    struct fixed_key key;
    struct span value;
    key_chunk(&key, id, chunk);
    pthread_mutex_lock(&d->lock);
    bool found = sim_map_get(d->now.cf[CF_CHUNKS], fixed_key_span(&key), &value);
    if (found)
        scribble(d, CF_CHUNKS, fixed_key_span(&key), NULL);
    pthread_mutex_unlock(&d->lock);
    return found;
}

void sim_set_format(struct sim_disk *d, uint64_t format)
{
    struct fixed_key key;
    key_part(&key, (struct part){PART_SYSTEM, 0});
    key.b[key.n++] = 0;
    key.b[key.n++] = 'f';
    struct buf record;
    char sum[STORE_FRAME];
    buf_init(&record, 64);
    format_pack(&record, format);
    frame_sum(CF_RECORDS, fixed_key_span(&key), buf_span(&record), sum);
    buf_put(&record, span_of(sum, sizeof(sum)));
    must(record.err == 0);
    struct span value = buf_span(&record);
    pthread_mutex_lock(&d->lock);
    scribble(d, CF_RECORDS, fixed_key_span(&key), &value);
    pthread_mutex_unlock(&d->lock);
    buf_done(&record);
}

/* ---- the engine -------------------------------------------------------------------------- */

static void sim_close(struct engine *e)
{
    struct engine_sim *s = sim(e);
    struct sim_disk *d = s->disk;
    pthread_mutex_lock(&d->lock);
    d->open = false;
    if (!d->crashed && !s->read_only) { /* an orderly end is synced */
        unsynced_clear(d);
        must(unsynced_push(d));
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
    pthread_mutex_lock(&d->lock);
    int rc = fault(d, SIM_READ);
    if (rc == 0)
        snap->state = state_ref(&d->now);
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
    state_unref(&snap->state);
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
    pthread_mutex_lock(&d->lock);
    int rc = fault(d, SIM_READ);
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

static int sim_iter_open(struct engine *e,
                         struct engine_snap *snap,
                         const struct engine_range *range,
                         struct engine_iter **out)
{
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
    bool lost = is_lost(d, key);
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
    pthread_mutex_lock(&it->e->disk->lock);
    int rc = fault(it->e->disk, SIM_READ);
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

/* With the lock held. */
static int commit(struct sim_disk *d, const struct engine_op *ops, size_t n, bool sync)
{
    int rc = fault(d, SIM_COMMIT);
    if (rc != 0)
        return rc;
    d->commits++;
    bool dies = d->crash_in > 0 && --d->crash_in == 0;
    if (dies && !d->crash_landed) {
        crash(d, rng_below(&d->rng.rng, d->unsynced_n));
        return ERR_SHUTDOWN;
    }
    struct sim_state next = state_ref(&d->now);
    for (size_t i = 0; i < n; i++)
        if (!apply(&next.cf[ops[i].cf], &ops[i])) {
            state_unref(&next);
            return ERR_NOMEM;
        }
    state_unref(&d->now);
    d->now = next;
    if (sync)
        unsynced_clear(d);
    must(unsynced_push(d));
    if (dies) {
        crash(d, UINT64_MAX);
        return ERR_SHUTDOWN;
    }
    return 0;
}

static int sim_commit(struct engine *e, const struct engine_op *ops, size_t n, bool sync)
{
    struct sim_disk *d = sim(e)->disk;
    if (sim(e)->read_only)
        return ERR_DENIED;
    pthread_mutex_lock(&d->lock);
    int rc = commit(d, ops, n, sync);
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
        unsynced_clear(disk);
        must(unsynced_push(disk));
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
