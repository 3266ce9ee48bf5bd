/* SPDX-License-Identifier: Apache-2.0 */
/* Small blobs between store_blob_finish and their first link. They are kept in memory so that the
 * batch that links one carries it too: a delivery costs one write and one fsync. A process that
 * dies here loses only what nobody was promised. The memory they take has a cap; past it blobs are
 * written at once, unsynced, as large ones are. Large ones being written leave a mark here against
 * the collector.
 *
 * An entry goes away only under its blob's stripe, held exclusively; who links a pending blob holds it so
 * too (blob_locks_take), and may use the pointer. The
 * table's own lock protects the chains.
 */
#include "store/internal.h"

#include "base/err.h"

void pending_init(struct store *s)
{
    pthread_mutex_init(&s->pending.lock, NULL);
}

void pending_done(struct store *s)
{
    for (size_t i = 0; i < STORE_PENDING_BUCKETS; i++)
        while (s->pending.buckets[i] != NULL) {
            struct pending_blob *p = s->pending.buckets[i];
            s->pending.buckets[i] = p->next;
            free(p);
        }
    pthread_mutex_destroy(&s->pending.lock);
}

static struct pending_blob **bucket(struct store *s, struct blob_id id)
{
    return &s->pending.buckets[(id.b[12] << 8 | id.b[13]) % STORE_PENDING_BUCKETS];
}

static size_t weight(const struct pending_blob *p)
{
    return sizeof(*p) + p->sealed_n;
}

int pending_add(struct store *s, struct pending_blob *p)
{
    int rc = 0;
    pthread_mutex_lock(&s->pending.lock);
    if (!p->writing && s->pending.bytes + weight(p) > LIMIT_STORE_PENDING) {
        rc = ERR_OVERLOAD;
    } else {
        struct pending_blob **head = bucket(s, p->id);
        p->next = *head;
        *head = p;
        s->pending.bytes += weight(p);
    }
    pthread_mutex_unlock(&s->pending.lock);
    return rc;
}

/* With the lock held. */
static struct pending_blob **find(struct store *s, struct blob_id id)
{
    struct pending_blob **at = bucket(s, id);
    while (*at != NULL && !blob_id_eq((*at)->id, id))
        at = &(*at)->next;
    return at;
}

struct pending_blob *pending_find(struct store *s, struct blob_id id)
{
    pthread_mutex_lock(&s->pending.lock);
    struct pending_blob *p = *find(s, id);
    pthread_mutex_unlock(&s->pending.lock);
    return p;
}

void pending_remove(struct store *s, struct blob_id id)
{
    pthread_mutex_lock(&s->pending.lock);
    struct pending_blob **at = find(s, id);
    struct pending_blob *p = *at;
    if (p != NULL) {
        *at = p->next;
        s->pending.bytes -= weight(p);
    }
    pthread_mutex_unlock(&s->pending.lock);
    free(p);
}

int pending_read(struct store *s, struct blob_id id, struct blob_head *head, struct buf *sealed)
{
    int rc = ERR_NOT_FOUND;
    pthread_mutex_lock(&s->pending.lock);
    struct pending_blob *p = *find(s, id);
    if (p != NULL && !p->writing) {
        if (p->sealed_n > 0)
            buf_put(sealed, span_of(p->sealed, p->sealed_n));
        rc = sealed->err;
        *head = p->head;
    }
    pthread_mutex_unlock(&s->pending.lock);
    return rc;
}

/* An id whose entry is old enough, from bucket *at on. */
static bool next_expired(struct store *s, int64_t before_ms, size_t *at, struct blob_id *id)
{
    bool found = false;
    pthread_mutex_lock(&s->pending.lock);
    for (; *at < STORE_PENDING_BUCKETS && !found; found ? 0 : ++*at)
        for (struct pending_blob *p = s->pending.buckets[*at]; p != NULL && !found; p = p->next)
            if (!p->writing && p->created_ms < before_ms) {
                *id = p->id;
                found = true;
            }
    pthread_mutex_unlock(&s->pending.lock);
    return found;
}

size_t pending_expire(struct store *s, int64_t before_ms, size_t max)
{
    size_t n = 0, at = 0;
    struct blob_id id;
    while (n < max && next_expired(s, before_ms, &at, &id)) {
        pthread_rwlock_t *lock = blob_lock(s, id);
        pthread_rwlock_wrlock(
            lock); /* a transaction that links it now comes first, and it is gone then */
        pending_remove(s, id);
        pthread_rwlock_unlock(lock);
        n++;
    }
    return n;
}
