/* SPDX-License-Identifier: Apache-2.0 */
/* Links between partitions and blobs, inside a transaction's batch.
 *
 * The collector decides that a blob has no link, and deletes it, under the blob's stripe; a
 * transaction that links or unlinks it holds the same stripe from looking whether it exists until
 * its commit is through. So a blob is never deleted between the look and the link, and a candidate
 * record is never dropped because of a link that is just going away.
 */
#include "store/internal.h"

#include "base/err.h"

static int change_cmp(const void *pa, const void *pb)
{
    const struct blob_change *a = pa, *b = pb;
    int order = memcmp(a->id.b, b->id.b, sizeof(a->id.b));
    if (order != 0)
        return order;
    if (a->tag != b->tag)
        return a->tag < b->tag ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

void links_settle(struct blob_change *changes, size_t *n)
{
    qsort(changes, *n, sizeof(*changes), change_cmp);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (i + 1 < *n && blob_id_eq(changes[i].id, changes[i + 1].id) &&
            changes[i].tag == changes[i + 1].tag)
            continue;
        changes[kept++] = changes[i];
    }
    *n = kept;
}

/* ---- locks ------------------------------------------------------------------------------- */

/* The last bytes of an id are random: they are the hash. */
static uint16_t blob_stripe(struct blob_id id)
{
    return (uint16_t)((id.b[14] << 8 | id.b[15]) % STORE_STRIPES);
}

pthread_rwlock_t *blob_lock(struct store *s, struct blob_id id)
{
    return &s->blobs[blob_stripe(id)];
}

static int stripe_cmp(const void *pa, const void *pb)
{
    return *(const uint16_t *)pa - *(const uint16_t *)pb;
}

int blob_locks_take(struct store *s,
                    const struct blob_change *changes,
                    size_t n,
                    struct arena *a,
                    struct blob_locks *out)
{
    uint16_t *v = arena_array(a, n, sizeof(*v));
    if (v == NULL)
        return arena_err(a);
    for (size_t i = 0; i < n; i++) {
        /* a pending blob goes into the batch of one transaction, and away after it. None becomes pending
         * once its id is known, so this cannot turn true before the lock is taken */
        bool exclusive = changes[i].link && pending_find(s, changes[i].id) != NULL;
        v[i] = (uint16_t)(blob_stripe(changes[i].id) * 2 + exclusive);
    }
    qsort(v, n, sizeof(*v), stripe_cmp);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept > 0 && v[kept - 1] / 2 == v[i] / 2)
            v[kept - 1] = v[i]; /* the greater: exclusive if either is */
        else
            v[kept++] = v[i];
    for (size_t i = 0; i < kept; i++) {
        pthread_rwlock_t *lock = &s->blobs[v[i] / 2];
        must((v[i] % 2 != 0 ? pthread_rwlock_wrlock(lock) : pthread_rwlock_rdlock(lock)) == 0);
    }
    *out = (struct blob_locks){.v = v, .n = kept};
    return 0;
}

void blob_locks_release(struct store *s, struct blob_locks *l)
{
    while (l->n > 0)
        pthread_rwlock_unlock(&s->blobs[l->v[--l->n] / 2]);
}

/* ---- what the changes mean ------------------------------------------------------------------ */

/* The blob must be there: in the engine, or pending, and then it goes into this batch. */
static int link_target(struct store *s, struct blob_id id, struct batch *b)
{
    struct pending_blob *p = pending_find(s, id);
    if (p == NULL || p->writing) {
        struct blob_head head;
        return blob_head_get(s, id, b->arena, &head);
    }
    struct buf record;
    buf_init(&record, 256);
    blob_head_pack(&record, &p->head);
    struct fixed_key key;
    key_head(&key, id);
    batch_put(b, CF_META, &key, buf_span(&record));
    int rc = record.err;
    buf_done(&record);
    if (rc == 0 && p->sealed_n > 0) {
        key_chunk(&key, id, 0);
        struct span k = arena_dup(b->arena, fixed_key_span(&key));
        rc = arena_err(b->arena);
        batch_put_framed(b, CF_CHUNKS, k, span_of(p->sealed, p->sealed_n));
    }
    return rc;
}

int links_apply(
    struct store *s, struct part part, const struct blob_change *changes, size_t n, struct batch *b)
{
    int64_t now = s->clock->wall_ms(s->clock);
    for (size_t i = 0; i < n; i++) {
        const struct blob_change *c = &changes[i];
        struct fixed_key link, part_link, candidate;
        key_link(&link, c->id, part, c->tag);
        key_part_link(&part_link, part, c->id, c->tag);
        if (c->link) {
            bool same = i > 0 && changes[i - 1].link && blob_id_eq(changes[i - 1].id, c->id);
            int rc = same ? 0 : link_target(s, c->id, b);
            if (rc != 0)
                return rc;
            batch_put(b, CF_META, &link, SPAN_EMPTY);
            batch_put(b, CF_META, &part_link, SPAN_EMPTY);
        } else {
            batch_del_fixed(b, CF_META, &link);
            batch_del_fixed(b, CF_META, &part_link);
            key_candidate(&candidate, now, c->id);
            batch_put(b, CF_META, &candidate, SPAN_EMPTY);
        }
    }
    return b->err;
}

void links_committed(struct store *s, const struct blob_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!changes[i].link)
            continue;
        struct pending_blob *p = pending_find(s, changes[i].id);
        if (p != NULL && !p->writing)
            pending_remove(s, changes[i].id);
    }
}
