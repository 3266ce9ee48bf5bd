/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: callbacks run under their bucket's lock, which is how store_unwatch knows that none runs
 * any more. A bucket without watches costs a commit one load. */
#include "store/internal.h"

#include "base/err.h"

struct store_watch {
    struct store_watch *next;
    struct watch_bucket *bucket;
    struct part part;
    void (*fn)(void *arg, struct part part);
    void *arg;
};

void watch_init(struct store *s)
{
    for (size_t i = 0; i < STORE_WATCH_BUCKETS; i++) {
        pthread_mutex_init(&s->watches[i].lock, NULL);
        atomic_init(&s->watches[i].count, 0);
    }
}

void watch_done(struct store *s)
{
    for (size_t i = 0; i < STORE_WATCH_BUCKETS; i++) {
        must(s->watches[i].first == NULL);
        pthread_mutex_destroy(&s->watches[i].lock);
    }
}

static struct watch_bucket *bucket_of(struct store *s, struct part part)
{
    return &s->watches[(part.id * 31 + (uint64_t)part.kind) % STORE_WATCH_BUCKETS];
}

int store_watch(struct store *s,
                struct part part,
                void (*fn)(void *arg, struct part part),
                void *arg,
                struct store_watch **out)
{
    struct store_watch *w = malloc(sizeof(*w));
    if (w == NULL)
        return ERR_NOMEM;
    struct watch_bucket *b = bucket_of(s, part);
    pthread_mutex_lock(&b->lock);
    *w = (struct store_watch){.next = b->first, .bucket = b, .part = part, .fn = fn, .arg = arg};
    b->first = w;
    atomic_fetch_add(&b->count, 1);
    pthread_mutex_unlock(&b->lock);
    *out = w;
    return 0;
}

void store_unwatch(struct store_watch *w)
{
    if (w == NULL)
        return;
    struct watch_bucket *b = w->bucket;
    pthread_mutex_lock(&b->lock);
    struct store_watch **at = &b->first;
    while (*at != w) {
        must(*at != NULL);
        at = &(*at)->next;
    }
    *at = w->next;
    atomic_fetch_sub(&b->count, 1);
    pthread_mutex_unlock(&b->lock);
    free(w);
}

void watch_notify(struct store *s, struct part part)
{
    struct watch_bucket *b = bucket_of(s, part);
    if (atomic_load(&b->count) == 0)
        return;
    pthread_mutex_lock(&b->lock);
    for (struct store_watch *w = b->first; w != NULL; w = w->next)
        if (w->part.kind == part.kind && w->part.id == part.id)
            w->fn(w->arg, part);
    pthread_mutex_unlock(&b->lock);
}
