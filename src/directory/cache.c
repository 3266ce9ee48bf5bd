/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/cache.h"

#include "base/err.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SLOTS = 1024, RECORD_MAX = 4096 };

struct slot {
    uint64_t generation; /* meaningful while bytes != NULL */
    char *bytes;         /* key, then value */
    size_t key_n;
    size_t value_n;
};

struct cache {
    struct store *store;
    struct part part;
    struct store_watch *watch;
    _Atomic uint64_t generation;
    pthread_rwlock_t lock; /* guards the slots */
    struct slot slots[SLOTS];
};

static void on_commit(void *arg, struct part part)
{
    struct cache *c = arg;
    (void)part;
    atomic_fetch_add(&c->generation, 1);
}

int cache_new(struct store *store, struct part part, struct cache **out)
{
    struct cache *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;
    c->store = store;
    c->part = part;
    if (pthread_rwlock_init(&c->lock, NULL) != 0) {
        free(c);
        return ERR_NOMEM;
    }
    int err = store_watch(store, part, on_commit, c, &c->watch);
    if (err != 0) {
        pthread_rwlock_destroy(&c->lock);
        free(c);
        return err;
    }
    *out = c;
    return 0;
}

void cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    store_unwatch(c->watch);
    for (size_t i = 0; i < SLOTS; i++)
        free(c->slots[i].bytes);
    pthread_rwlock_destroy(&c->lock);
    free(c);
}

static struct slot *slot_of(struct cache *c, struct span key)
{
    uint64_t h = 0xcbf29ce484222325; /* FNV-1a; not on disk, may change */
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (uint8_t)key.p[i]) * 0x100000001b3;
    return &c->slots[(h ^ h >> 32) % SLOTS];
}

static bool
look(struct cache *c, struct span key, uint64_t generation, struct arena *a, struct span *value)
{
    struct slot *s = slot_of(c, key);
    bool found = false;
    must(pthread_rwlock_rdlock(&c->lock) == 0);
    if (s->bytes != NULL && s->generation == generation &&
        span_eq(span_of(s->bytes, s->key_n), key)) {
        *value = arena_dup(a, span_of(s->bytes + s->key_n, s->value_n));
        found = true;
    }
    must(pthread_rwlock_unlock(&c->lock) == 0);
    return found;
}

/* A copy that cannot be had is no error: the next reader asks the store again. */
static void keep(struct cache *c, struct span key, uint64_t generation, struct span value)
{
    char *bytes = key.n + value.n <= RECORD_MAX ? malloc(key.n + value.n) : NULL;
    if (bytes == NULL)
        return;
    memcpy(bytes, key.p, key.n);
    if (value.n > 0)
        memcpy(bytes + key.n, value.p, value.n);
    struct slot *s = slot_of(c, key);
    must(pthread_rwlock_wrlock(&c->lock) == 0);
    char *old = bytes;
    if (s->bytes == NULL || s->generation <= generation) {
        old = s->bytes;
        *s = (struct slot){generation, bytes, key.n, value.n};
    }
    must(pthread_rwlock_unlock(&c->lock) == 0);
    free(old);
}

int cache_get(struct cache *c, struct span key, struct arena *a, struct span *value_out)
{
    uint64_t generation = atomic_load(&c->generation); /* before the snapshot: see cache.h */
    if (key.p == NULL)
        return arena_err(a);
    struct span value;
    if (!look(c, key, generation, a, &value)) {
        struct store_snap *snap;
        int err = store_snap_open(c->store, c->part, &snap);
        if (err != 0)
            return err;
        err = store_snap_get(snap, key, a, &value);
        store_snap_close(snap);
        if (err != 0)
            return err;
        keep(c, key, generation, value);
    }
    if (value.p == NULL)
        return arena_err(a) != 0 ? arena_err(a) : ERR_CORRUPT; /* no record of ours is empty */
    *value_out = value;
    return 0;
}
