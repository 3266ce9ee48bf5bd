/* SPDX-License-Identifier: Apache-2.0 */
/* The collector. A blob can only be without links if it was never linked or lost a link, and both
 * leave a candidate record with the time; so only those are looked at, oldest first. Deleting is
 * not synced: a crash brings back candidate and blob together, and they are collected then.
 *
 * Damage among the links counts as a link: to keep a body too long costs room, to drop it too early
 * costs mail.
 */
#include "store/internal.h"

#include "base/encode.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

enum { CANDIDATES = 128 }; /* looked at with one snapshot */

struct candidate {
    int64_t wall_ms;
    struct blob_id id;
};

/* Runs an iterator over keys of `range` until `each` returns false. Stretches that cannot be read are
 * passed over; *damaged (may be NULL) says that there were any. */
static int walk(struct store *s,
                const struct engine_range *range,
                bool (*each)(void *arg, struct span key),
                void *arg,
                bool *damaged)
{
    struct engine_snap *snap;
    int rc = s->engine->vt->snap_open(s->engine, &snap);
    if (rc != 0)
        return rc;
    struct engine_iter *it;
    rc = s->engine->vt->iter_open(s->engine, snap, range, &it);
    if (rc == 0) {
        struct span key, value;
        do {
            rc = s->engine->vt->iter_next(it, &key, &value);
            if (rc == ERR_CORRUPT && damaged != NULL)
                *damaged = true;
        } while (rc == ERR_CORRUPT || (rc == 1 && each(arg, key)));
        s->engine->vt->iter_close(it);
    }
    s->engine->vt->snap_close(s->engine, snap);
    return rc < 0 ? rc : 0;
}

struct candidate_list {
    struct candidate v[CANDIDATES];
    size_t n;
};

static bool candidate_add(void *arg, struct span key)
{
    struct candidate_list *list = arg;
    struct candidate *c = &list->v[list->n];
    if (key_read_candidate(key, &c->wall_ms, &c->id))
        list->n++;
    return list->n < CANDIDATES;
}

/* Candidates from *after (exclusive) on that are older than before_ms. */
static int candidates_read(struct store *s,
                           const struct candidate *after,
                           int64_t before_ms,
                           struct candidate_list *list)
{
    struct fixed_key lower, upper;
    key_candidate(&lower, after->wall_ms, after->id);
    lower.b[lower.n++] = 0; /* the next possible key */
    key_candidate(&upper, before_ms, (struct blob_id){{0}});
    list->n = 0;
    if (span_cmp(fixed_key_span(&lower), fixed_key_span(&upper)) >= 0)
        return 0;
    struct engine_range range = {
        .cf = CF_META, .lower = fixed_key_span(&lower), .upper = fixed_key_span(&upper)};
    return walk(s, &range, candidate_add, list, NULL);
}

static bool stop_at_first(void *arg, struct span key)
{
    (void)key;
    *(bool *)arg = true;
    return false;
}

enum verdict { VERDICT_LOOSE, VERDICT_LINKED, VERDICT_UNKNOWN };

/* UNKNOWN: nothing readable says so, but something there cannot be read, and that may be the only
 * link there is. */
static int has_links(struct store *s, struct blob_id id, enum verdict *out)
{
    struct fixed_key lower, upper;
    key_link_prefix(&lower, id);
    upper = lower;
    fixed_key_successor(&upper);
    struct engine_range range = {
        .cf = CF_META, .lower = fixed_key_span(&lower), .upper = fixed_key_span(&upper)};
    bool linked = false, damaged = false;
    int rc = walk(s, &range, stop_at_first, &linked, &damaged);
    *out = linked ? VERDICT_LINKED : damaged ? VERDICT_UNKNOWN : VERDICT_LOOSE;
    return rc;
}

static bool chunk_delete(void *arg, struct span key)
{
    struct batch *b = arg;
    struct span copy = arena_dup(b->arena, key);
    if (arena_err(b->arena) != 0) {
        b->err = arena_err(b->arena);
        return false;
    }
    batch_del(b, CF_CHUNKS, copy);
    return true;
}

/* With a head the chunks are counted; without one (its writer died, or it is damaged) they must be
 * looked for, which reads them. */
static int chunks_delete(struct store *s, struct blob_id id, struct batch *b)
{
    struct blob_head head;
    int rc = blob_head_get(s, id, b->arena, &head);
    struct fixed_key lower, upper;
    if (rc == 0) {
        for (uint32_t i = 0; i < head.chunks; i++) {
            key_chunk(&lower, id, i);
            batch_del_fixed(b, CF_CHUNKS, &lower);
        }
        return 0;
    }
    if (rc != ERR_NOT_FOUND && rc != ERR_CORRUPT)
        return rc;
    key_chunk_prefix(&lower, id);
    upper = lower;
    fixed_key_successor(&upper);
    struct engine_range range = {.cf = CF_CHUNKS,
                                 .lower = fixed_key_span(&lower),
                                 .upper = fixed_key_span(&upper),
                                 .bulk = true};
    return walk(s, &range, chunk_delete, b, NULL);
}

static void log_unknown(struct blob_id id)
{
    struct buf hex;
    buf_init(&hex, 2 * sizeof(id.b));
    hex_encode(&hex, span_of(id.b, sizeof(id.b)));
    log_event(LOG_ERROR, "store.links_damaged", LOG_S("blob", buf_span(&hex)),
              LOG_Z("text", "whether this body is still needed cannot be read; it is kept"));
    buf_done(&hex);
}

/* With the blob's stripe held. */
static int judge(struct store *s, const struct candidate *c, struct arena *a, bool *removed)
{
    enum verdict verdict;
    if (pending_find(s, c->id) != NULL)
        return 0; /* still being written: the candidate stays */
    int rc = has_links(s, c->id, &verdict);
    if (rc != 0)
        return rc;
    if (verdict == VERDICT_UNKNOWN) { /* the candidate stays too: the damage may be mended */
        log_unknown(c->id);
        return 0;
    }
    struct batch b;
    batch_init(&b, a);
    struct fixed_key key;
    key_candidate(&key, c->wall_ms, c->id);
    batch_del_fixed(&b, CF_META, &key);
    if (verdict == VERDICT_LOOSE) {
        key_head(&key, c->id);
        batch_del_fixed(&b, CF_META, &key);
        rc = chunks_delete(s, c->id, &b);
    }
    if (rc == 0)
        rc = batch_commit(s, &b, false);
    *removed = rc == 0 && verdict == VERDICT_LOOSE;
    return rc;
}

static int collect_one(struct store *s, const struct candidate *c, bool *removed)
{
    struct arena *a = arena_new(1024 * 1024);
    if (a == NULL)
        return ERR_NOMEM;
    pthread_rwlock_t *lock = blob_lock(s, c->id);
    pthread_rwlock_wrlock(lock);
    int rc = judge(s, c, a, removed);
    pthread_rwlock_unlock(lock);
    arena_free(a);
    return rc;
}

int store_collect(struct store *s, int64_t grace_ms, size_t max, size_t *removed_out)
{
    if (s->read_only)
        return ERR_DENIED;
    int64_t before_ms = s->clock->wall_ms(s->clock) - grace_ms;
    size_t removed = pending_expire(s, before_ms, max);
    struct candidate_list list = {.n = CANDIDATES};
    struct candidate after = {0};
    int rc = 0;
    while (rc == 0 && list.n == CANDIDATES && removed < max && before_ms > 0) {
        rc = candidates_read(s, &after, before_ms, &list);
        for (size_t i = 0; rc == 0 && i < list.n && removed < max; i++) {
            bool gone = false;
            rc = collect_one(s, &list.v[i], &gone);
            removed += gone;
            after = list.v[i];
        }
    }
    if (s->engine->vt->reclaim != NULL)
        s->engine->vt->reclaim(s->engine);
    metric_add(METRIC_STORE_BLOBS_COLLECTED, (int64_t)removed);
    *removed_out = removed;
    return store_count_error(rc);
}
