/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing, partitions as a whole, snapshots. */
#include "store/internal.h"

#include "base/err.h"
#include "base/metrics.h"
#include "store/sim.h"

#include <sodium.h>

struct stripe *store_stripe(struct store *s, struct part part)
{
    uint64_t h = part.id + ((uint64_t)part.kind << 56);
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    return &s->parts[(h ^ h >> 33) % STORE_STRIPES];
}

bool part_is_valid(struct part part)
{
    return part.kind >= PART_SYSTEM && part.kind <= PART_SHARERS;
}

int store_count_error(int rc)
{
    if (rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_DISK_FULL)
        metric_add(METRIC_STORE_ERRORS, 1);
    return rc;
}

int store_get(struct store *s,
              struct engine_snap *snap,
              enum engine_cf cf,
              struct span key,
              struct arena *a,
              struct span *value_out)
{
    struct engine_value value;
    int rc = s->engine->vt->get(s->engine, snap, cf, key, &value);
    if (rc != 0)
        return store_count_error(rc);
    struct span bytes;
    rc = frame_open(cf, key, value.bytes, &bytes);
    if (rc == 0) {
        struct span copy = arena_dup(a, bytes);
        rc = arena_err(a);
        if (rc == 0)
            *value_out = copy;
    }
    s->engine->vt->value_done(s->engine, &value);
    return store_count_error(rc);
}

/* ---- format ------------------------------------------------------------------------------ */

static void format_key(struct fixed_key *k)
{
    key_part(k, (struct part){PART_SYSTEM, 0});
    k->b[k->n++] = 0;
    k->b[k->n++] = 'f';
}

static int format_write(struct store *s, struct arena *a)
{
    struct buf record;
    buf_init(&record, 64);
    format_pack(&record, STORE_FORMAT);
    struct fixed_key key;
    format_key(&key);
    struct batch b;
    batch_init(&b, a);
    batch_put(&b, CF_RECORDS, &key, buf_span(&record));
    int rc = record.err != 0 ? record.err : batch_commit(s, &b, true);
    buf_done(&record);
    return rc;
}

/* An engine that keeps its format outside too (a file beside the data) has refused a newer one
 * before it touched anything; this is the same promise for those that cannot. */
static int format_check(struct store *s, const struct store_options *options, struct buf *why)
{
    struct arena *a = arena_new(64 * 1024);
    if (a == NULL)
        return ERR_NOMEM;
    struct fixed_key key;
    format_key(&key);
    struct span record;
    uint64_t format = 0;
    int rc = store_get(s, NULL, CF_RECORDS, fixed_key_span(&key), a, &record);
    if (rc == 0)
        rc = format_unpack(record, &format);
    /* a lost record is no reason to stop all mail; bodies of an older format stay as they are, what comes is of the
     * new one */
    bool lost = rc == ERR_CORRUPT && s->engine->vt->keeps_format;
    bool older = rc == 0 && format < STORE_FORMAT;
    bool absent = rc == ERR_NOT_FOUND && options->create;
    if (rc == 0 && format > STORE_FORMAT)
        rc = ERR_FORMAT_NEWER;
    else if ((lost || older || absent) && !options->read_only)
        rc = format_write(s, a);
    else if (lost)
        rc = 0;
    if (why != NULL && rc == ERR_FORMAT_NEWER)
        buf_printf(why, "the store has format %llu, this program knows formats up to %d",
                   (unsigned long long)format, (int)STORE_FORMAT);
    else if (why != NULL && rc == ERR_NOT_FOUND)
        buf_puts(why, "there is no store here");
    else if (why != NULL && rc != 0)
        buf_printf(why, "the store's format record cannot be read: %s", err_text(rc));
    arena_free(a);
    return rc;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void locks_init(struct store *s)
{
    pthread_mutex_init(&s->rng_lock, NULL);
    for (size_t i = 0; i < STORE_STRIPES; i++) {
        pthread_mutex_init(&s->parts[i].lock, NULL);
        atomic_init(&s->parts[i].version, 0);
        atomic_init(&s->parts[i].committing, false);
        pthread_rwlock_init(&s->blobs[i], NULL);
    }
    pending_init(s);
    watch_init(s);
}

int store_open_engine(struct engine *engine,
                      const struct store_options *options,
                      struct buf *why,
                      struct store **out)
{
    struct store *s = sodium_init() >= 0 ? calloc(1, sizeof(*s)) : NULL;
    if (s == NULL) {
        engine->vt->close(engine);
        return ERR_NOMEM;
    }
    s->engine = engine;
    s->clock = options->clock;
    s->rng = options->rng;
    s->read_only = options->read_only;
    s->reserve_bytes =
        options->reserve_bytes != 0 ? options->reserve_bytes : (uint64_t)LIMIT_STORE_RESERVE;
    locks_init(s);
    s->chunks = chunk_tools_new();
    int rc = s->chunks != NULL ? format_check(s, options, why) : ERR_NOMEM;
    if (rc != 0) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

int store_open(const char *url,
               const struct store_options *options,
               struct buf *why,
               struct store **out)
{
    struct span rest = span_str(url);
    struct engine_options engine_options = {
        .clock = options->clock,
        .create = options->create,
        .read_only = options->read_only,
        .reserve_bytes =
            options->reserve_bytes != 0 ? options->reserve_bytes : (uint64_t)LIMIT_STORE_RESERVE,
    };
    struct engine *engine;
    int rc;
    if (span_skip(&rest, SPAN("rocksdb:")) && span_starts(rest, SPAN("/"))) {
        rc = engine_rocksdb_open(rest.p, &engine_options, why, &engine);
    } else if (span_eq(rest, SPAN("sim:"))) {
        struct sim_disk *disk = sim_disk_new(1);
        rc = disk != NULL ? engine_sim_open(disk, true, &engine_options, &engine) : ERR_NOMEM;
    } else {
        if (why != NULL)
            buf_printf(why, "\"%s\" names no store; say rocksdb:/absolute/folder", url);
        return ERR_INVALID;
    }
    if (rc != 0)
        return rc;
    return store_open_engine(engine, options, why, out);
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    watch_done(s);
    pending_done(s);
    chunk_tools_free(s->chunks);
    s->engine->vt->close(s->engine);
    for (size_t i = 0; i < STORE_STRIPES; i++) {
        pthread_mutex_destroy(&s->parts[i].lock);
        pthread_rwlock_destroy(&s->blobs[i]);
    }
    pthread_mutex_destroy(&s->rng_lock);
    free(s);
}

uint64_t store_free_bytes(struct store *s)
{
    uint64_t n = s->engine->vt->free_bytes(s->engine);
    return n == UINT64_MAX ? 0 : n;
}

/* ---- snapshots --------------------------------------------------------------------------- */

struct store_snap {
    struct store *s;
    struct part part;
    struct engine_snap *snap;
    size_t iters;
};

int store_snap_open(struct store *s, struct part part, struct store_snap **out)
{
    must(part_is_valid(part));
    struct store_snap *snap = calloc(1, sizeof(*snap));
    if (snap == NULL)
        return ERR_NOMEM;
    int rc = s->engine->vt->snap_open(s->engine, &snap->snap);
    if (rc != 0) {
        free(snap);
        return store_count_error(rc);
    }
    snap->s = s;
    snap->part = part;
    *out = snap;
    return 0;
}

void store_snap_close(struct store_snap *snap)
{
    if (snap == NULL)
        return;
    must(snap->iters == 0);
    snap->s->engine->vt->snap_close(snap->s->engine, snap->snap);
    free(snap);
}

int store_snap_get(struct store_snap *snap,
                   struct span key,
                   struct arena *arena,
                   struct span *value_out)
{
    char full[STORE_KEY_BYTES];
    struct fixed_key prefix;
    if (key.n > LIMIT_STORE_KEY)
        return ERR_TOO_BIG;
    key_part(&prefix, snap->part);
    memcpy(full, prefix.b, prefix.n);
    if (key.n > 0)
        memcpy(full + prefix.n, key.p, key.n);
    return store_get(snap->s, snap->snap, CF_RECORDS, span_of(full, prefix.n + key.n), arena,
                     value_out);
}

int store_snap_scan(struct store_snap *snap,
                    struct span prefix,
                    struct span from,
                    bool reverse,
                    struct store_iter **out)
{
    struct scan_view view = {
        .s = snap->s, .snap = snap->snap, .part = snap->part, .open_count = &snap->iters};
    return scan_open(&view, prefix, from, reverse, out);
}
