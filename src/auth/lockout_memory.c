/* SPDX-License-Identifier: Apache-2.0 */
/* A set-associative table of encoded records (some 60 bytes a network), 4096 names. Names are kept
 * as keyed hashes: one password typed as a username must not lie in memory for a day. A full set
 * gives up the record that changed longest ago. */
#include "auth/lockout_memory.h"

#include "base/err.h"

#include <pthread.h>
#include <sodium.h>

enum { SETS = 512, WAYS = 8, NAME = 16 };

struct memory_entry {
    uint8_t name[NAME];
    uint64_t changed; /* the table's own count of changes; 0: free */
    char *record;
    size_t n;
};

struct lockout_memory {
    uint8_t key[32];
    pthread_mutex_t lock; /* guards all below */
    uint64_t changes;
    struct memory_entry sets[SETS][WAYS];
};

int lockout_memory_new(const uint8_t *secret, struct lockout_memory **out)
{
    struct lockout_memory *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ERR_NOMEM;
    memcpy(m->key, secret, sizeof m->key);
    must(pthread_mutex_init(&m->lock, NULL) == 0);
    *out = m;
    return 0;
}

void lockout_memory_free(struct lockout_memory *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++)
            free(m->sets[i][k].record);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* The entry of `name`, else (with `make`) the one that has to give way, emptied, else NULL. */
static struct memory_entry *entry_of(struct lockout_memory *m, struct span name, bool make)
{
    uint8_t hash[NAME];
    uint64_t v;
    crypto_generichash(hash, sizeof hash, (const uint8_t *)name.p, name.n, m->key, sizeof m->key);
    memcpy(&v, hash, sizeof v);
    struct memory_entry *set = m->sets[v % SETS];
    struct memory_entry *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].changed != 0 && memcmp(set[i].name, hash, sizeof hash) == 0)
            return &set[i];
        if (set[i].changed < oldest->changed)
            oldest = &set[i];
    }
    if (!make)
        return NULL;
    free(oldest->record);
    *oldest = (struct memory_entry){.changed = ++m->changes};
    memcpy(oldest->name, hash, sizeof hash);
    return oldest;
}

bool lockout_memory_has(struct lockout_memory *m, struct span name)
{
    pthread_mutex_lock(&m->lock);
    bool has = entry_of(m, name, false) != NULL;
    pthread_mutex_unlock(&m->lock);
    return has;
}

static int
copy_out(struct lockout_memory *m, struct span name, struct arena *arena, struct lock_record **out)
{
    struct span bytes = SPAN_EMPTY;
    const struct memory_entry *e = entry_of(m, name, false);
    if (e != NULL) {
        bytes = arena_dup(arena, span_of(e->record, e->n));
        if (arena_err(arena) != 0)
            return arena_err(arena);
    }
    return lock_record_decode(bytes, arena, out);
}

int lockout_memory_get(struct lockout_memory *m,
                       struct span name,
                       struct arena *arena,
                       struct lock_record **out)
{
    pthread_mutex_lock(&m->lock);
    int err = copy_out(m, name, arena, out);
    pthread_mutex_unlock(&m->lock);
    return err;
}

static int keep(struct lockout_memory *m, struct span name, const struct lock_record *r)
{
    struct buf b;
    buf_init(&b, LOCK_RECORD_MAX);
    lock_record_encode(r, &b);
    char *copy = b.err == 0 ? malloc(b.n) : NULL;
    if (copy != NULL) {
        struct memory_entry *e = entry_of(m, name, true);
        memcpy(copy, b.p, b.n);
        free(e->record);
        e->record = copy;
        e->n = b.n;
        e->changed = ++m->changes;
    }
    buf_done(&b);
    return copy != NULL ? 0 : ERR_NOMEM;
}

int lockout_memory_change(struct lockout_memory *m,
                          struct span name,
                          int (*change)(void *arg, struct lock_record *r),
                          void *arg)
{
    struct lock_record *r;
    struct arena *arena = arena_new((size_t)4 * LOCK_RECORD_MAX);
    if (arena == NULL)
        return ERR_NOMEM;
    pthread_mutex_lock(&m->lock);
    int err = copy_out(m, name, arena, &r);
    if (err == 0 && change(arg, r) != 0)
        err = keep(m, name, r);
    pthread_mutex_unlock(&m->lock);
    arena_free(arena);
    return err;
}

void lockout_memory_forget(struct lockout_memory *m, struct span name)
{
    pthread_mutex_lock(&m->lock);
    struct memory_entry *e = entry_of(m, name, false);
    if (e != NULL) {
        free(e->record);
        *e = (struct memory_entry){.changed = 0};
    }
    pthread_mutex_unlock(&m->lock);
}
