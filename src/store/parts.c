/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions as a whole: listing and destroying them. */
#include "store/internal.h"

#include "base/err.h"

/* The next partition of a kind at or after *id: one seek, so that the cost is that of the
 * partitions and not of their records. 1 found, 0 none, or an error. A damaged record still names
 * its partition's neighbourhood: the walk goes on behind it. */
static int next_part(struct store *s, struct engine_snap *snap, enum part_kind kind, uint64_t *id)
{
    struct fixed_key lower, upper;
    key_part(&lower, (struct part){kind, *id});
    key_part(&upper, (struct part){(enum part_kind)((int)kind + 1), 0});
    struct engine_range range = {
        .cf = CF_RECORDS, .lower = fixed_key_span(&lower), .upper = fixed_key_span(&upper)};
    struct engine_iter *it;
    int rc = s->engine->vt->iter_open(s->engine, snap, &range, &it);
    if (rc != 0)
        return rc;
    struct span key, value, user_key;
    struct part part;
    do
        rc = s->engine->vt->iter_next(it, &key, &value);
    while (rc == ERR_CORRUPT);
    if (rc == 1 && !key_read_record(key, &part, &user_key))
        rc = ERR_CORRUPT;
    if (rc == 1)
        *id = part.id;
    s->engine->vt->iter_close(it);
    return rc;
}

int store_parts(struct store *s,
                enum part_kind kind,
                uint64_t from_id,
                int (*visit)(void *arg, struct part part),
                void *arg)
{
    for (uint64_t id = from_id;; id++) {
        /* a snapshot for each seek: visitors may take their time, and a snapshot held long keeps
         * the engine from forgetting what was deleted */
        struct engine_snap *snap;
        int rc = s->engine->vt->snap_open(s->engine, &snap);
        if (rc != 0)
            return store_count_error(rc);
        rc = next_part(s, snap, kind, &id);
        s->engine->vt->snap_close(s->engine, snap);
        if (rc != 1)
            return store_count_error(rc);
        rc = visit(arg, (struct part){kind, id});
        if (rc != 0 || id == UINT64_MAX)
            return rc;
    }
}

/* ---- destroying -------------------------------------------------------------------------- */

enum { DESTROY_LINKS = 200 }; /* in one commit */

static int records_destroy(struct store *s, struct part part, struct arena *a)
{
    struct fixed_key lower, upper;
    key_part(&lower, part);
    upper = lower;
    fixed_key_successor(&upper);
    struct batch b;
    batch_init(&b, a);
    batch_del_range(&b, CF_RECORDS, fixed_key_span(&lower), fixed_key_span(&upper));
    return batch_commit(s, &b, true);
}

/* Reads up to DESTROY_LINKS links of the partition. */
static int links_read(struct store *s, struct part part, struct blob_change *v, size_t *n)
{
    struct fixed_key lower, upper;
    key_part_link_prefix(&lower, part);
    upper = lower;
    fixed_key_successor(&upper);
    struct engine_range range = {
        .cf = CF_META, .lower = fixed_key_span(&lower), .upper = fixed_key_span(&upper)};
    struct engine_snap *snap;
    int rc = s->engine->vt->snap_open(s->engine, &snap);
    if (rc != 0)
        return rc;
    struct engine_iter *it;
    rc = s->engine->vt->iter_open(s->engine, snap, &range, &it);
    if (rc == 0) {
        struct span key, value;
        struct part owner;
        *n = 0;
        while (*n < DESTROY_LINKS) {
            rc = s->engine->vt->iter_next(it, &key, &value);
            if (rc == 0 || (rc < 0 && rc != ERR_CORRUPT))
                break;
            struct blob_change *c = &v[*n];
            *c = (struct blob_change){.order = (uint32_t)*n};
            if (rc == 1 && key_read_part_link(key, &owner, &c->id, &c->tag))
                (*n)++;
        }
        s->engine->vt->iter_close(it);
    }
    s->engine->vt->snap_close(s->engine, snap);
    return rc < 0 && rc != ERR_CORRUPT ? rc : 0;
}

static int links_destroy(struct store *s, struct part part, struct arena *a, size_t *n)
{
    struct blob_change *v = arena_array(a, DESTROY_LINKS, sizeof(*v));
    if (v == NULL)
        return arena_err(a);
    int rc = links_read(s, part, v, n);
    size_t settled = *n;
    if (rc != 0 || settled == 0)
        return rc;
    links_settle(v, &settled);
    struct blob_locks locks;
    rc = blob_locks_take(s, v, settled, a, &locks);
    if (rc != 0)
        return rc;
    struct batch b;
    batch_init(&b, a);
    rc = links_apply(s, part, v, settled, &b);
    if (rc == 0)
        rc = batch_commit(s, &b, true);
    blob_locks_release(s, &locks);
    return rc;
}

/* The records go first, at once and atomically, so that nobody ever finds a record whose blob's
 * link is gone; then the links, a few at a time. Interrupted in between it leaves links only, and
 * the caller, who runs it again until it returns 0, takes those. */
int store_part_destroy(struct store *s, struct part part)
{
    must(part_is_valid(part));
    struct arena *a = arena_new(1024 * 1024);
    if (a == NULL)
        return ERR_NOMEM;
    struct stripe *stripe = store_stripe(s, part);
    pthread_mutex_lock(&stripe->lock);
    int rc = records_destroy(s, part, a);
    atomic_fetch_add(&stripe->version, 1);
    for (size_t n = DESTROY_LINKS; rc == 0 && n == DESTROY_LINKS;) {
        arena_reset(a);
        n = 0;
        rc = links_destroy(s, part, a, &n);
    }
    pthread_mutex_unlock(&stripe->lock);
    arena_free(a);
    if (rc == 0)
        watch_notify(s, part);
    return rc;
}
