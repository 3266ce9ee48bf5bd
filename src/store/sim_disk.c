/* SPDX-License-Identifier: Apache-2.0 */
/* The disk of the sim engine: its states since the last sync, and the faults and the rot of sim.h. */
#include "store/sim_impl.h"

#include "base/err.h"

struct sim_state sim_state_ref(const struct sim_state *s)
{
    struct sim_state copy;
    for (int i = 0; i < CF_COUNT; i++)
        copy.cf[i] = sim_map_ref(s->cf[i]);
    return copy;
}

void sim_state_unref(struct sim_state *s)
{
    for (int i = 0; i < CF_COUNT; i++) {
        sim_map_unref(s->cf[i]);
        s->cf[i] = NULL;
    }
}

bool sim_unsynced_push(struct sim_disk *d)
{
    if (d->unsynced_n == d->unsynced_cap) {
        size_t cap = d->unsynced_cap > 0 ? d->unsynced_cap * 2 : 16;
        struct sim_state *v = realloc(d->unsynced, cap * sizeof(*v));
        if (v == NULL)
            return false;
        d->unsynced = v;
        d->unsynced_cap = cap;
    }
    d->unsynced[d->unsynced_n++] = sim_state_ref(&d->now);
    return true;
}

void sim_unsynced_clear(struct sim_disk *d)
{
    while (d->unsynced_n > 0)
        sim_state_unref(&d->unsynced[--d->unsynced_n]);
}

struct sim_disk *sim_disk_new(uint64_t seed)
{
    struct sim_disk *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    pthread_mutex_init(&d->lock, NULL);
    rng_seeded_init(&d->rng, seed);
    d->free_bytes = UINT64_MAX;
    if (!sim_unsynced_push(d)) {
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
    sim_unsynced_clear(d);
    sim_state_unref(&d->now);
    sim_state_unref(&d->doubt.batch);
    free(d->unsynced);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void sim_disk_crash(struct sim_disk *d, uint64_t keep)
{
    uint64_t last = d->unsynced_n - 1;
    struct sim_state survives = sim_state_ref(&d->unsynced[keep < last ? keep : last]);
    sim_state_unref(&d->now);
    d->now = survives;
    d->crashed = true;
    if (d->watcher.crashed != NULL)
        d->watcher.crashed(d->watcher.arg);
}

void sim_crash(struct sim_disk *d, uint64_t keep)
{
    pthread_mutex_lock(&d->lock);
    sim_disk_crash(d, keep);
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

void sim_fail_in_doubt(struct sim_disk *d, uint64_t nth, int err, bool landed)
{
    pthread_mutex_lock(&d->lock);
    d->doubt.in = nth;
    d->doubt.next_err = err;
    d->doubt.landed = landed;
    pthread_mutex_unlock(&d->lock);
}

/* What was synced before it was in doubt stays so: the batch is one more that a crash keeps or not,
 * until the next one is synced. */
void sim_disk_mend(struct sim_disk *d)
{
    if (d->doubt.err != 0 && d->doubt.landed) {
        sim_state_unref(&d->now);
        d->now = d->doubt.batch;
        d->doubt.batch = (struct sim_state){{NULL}};
        sim_unsynced_clear(d); /* it has been read back from the disk */
        must(sim_unsynced_push(d));
    }
    d->doubt.err = 0;
}

void sim_mend(struct sim_disk *d)
{
    pthread_mutex_lock(&d->lock);
    sim_disk_mend(d);
    pthread_mutex_unlock(&d->lock);
}

void sim_watch(struct sim_disk *d, const struct sim_watcher *watcher)
{
    pthread_mutex_lock(&d->lock);
    d->watcher = watcher != NULL ? *watcher : (struct sim_watcher){NULL};
    pthread_mutex_unlock(&d->lock);
}

int sim_disk_watched(struct sim_disk *d, enum sim_op op)
{
    return d->watcher.before != NULL ? d->watcher.before(d->watcher.arg, op) : 0;
}

static size_t rows(struct sim_node *root)
{
    char at[STORE_KEY_BYTES];
    struct span key = SPAN_EMPTY, value;
    size_t n = 0;
    for (; sim_map_seek(root, key, n > 0, false, &key, &value); n++) {
        memcpy(at, key.p, key.n);
        key = span_of(at, key.n);
    }
    return n;
}

size_t sim_body_rows(struct sim_disk *d)
{
    pthread_mutex_lock(&d->lock);
    size_t n = rows(d->now.cf[CF_META]) + rows(d->now.cf[CF_CHUNKS]);
    pthread_mutex_unlock(&d->lock);
    return n;
}

void sim_set_free(struct sim_disk *d, uint64_t bytes)
{
    pthread_mutex_lock(&d->lock);
    d->free_bytes = bytes;
    pthread_mutex_unlock(&d->lock);
}

int sim_disk_fault(struct sim_disk *d, enum sim_op op)
{
    struct sim_fault *f = &d->faults[op];
    if (d->crashed)
        return ERR_SHUTDOWN;
    if (d->doubt.err != 0)
        return d->doubt.err;
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
    sim_unsynced_clear(d);
    must(sim_unsynced_push(d));
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

bool sim_disk_lost(const struct sim_disk *d, struct span key)
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
