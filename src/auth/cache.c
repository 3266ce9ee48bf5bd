/* SPDX-License-Identifier: Apache-2.0 */
/* A set-associative table. All entries of an account are in one set, so forgetting it looks at
 * WAYS entries and not at the whole table; one account cannot push others out of more than that. */
#include "auth/cache.h"

#include "base/err.h"

#include <pthread.h>
#include <sodium.h>

enum { SETS = 8192, WAYS = 8, TAG = 32 }; /* 65536 entries */

struct cache_entry {
    uint8_t tag[TAG];
    uint64_t account_id;
    int64_t until_ms; /* monotonic; 0: free */
};

struct auth_cache {
    struct clock *clock;
    uint8_t key[crypto_generichash_KEYBYTES];
    uint8_t set_key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock; /* guards the entries */
    struct cache_entry sets[SETS][WAYS];
};

int auth_cache_new(struct clock *clock, struct rng *rng, struct auth_cache **out)
{
    struct auth_cache *c = calloc(1, sizeof *c); /* 3 MiB of which the system gives what is used */
    if (c == NULL)
        return ERR_NOMEM;
    c->clock = clock;
    rng->fill(rng, c->key, sizeof c->key);
    rng->fill(rng, c->set_key, sizeof c->set_key);
    must(pthread_mutex_init(&c->lock, NULL) == 0);
    *out = c;
    return 0;
}

void auth_cache_free(struct auth_cache *c)
{
    if (c == NULL)
        return;
    pthread_mutex_destroy(&c->lock);
    sodium_memzero(c->key, sizeof c->key);
    free(c);
}

static struct cache_entry *set_of(struct auth_cache *c, uint64_t account_id)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t v;
    crypto_shorthash(hash, (const uint8_t *)&account_id, sizeof account_id, c->set_key);
    memcpy(&v, hash, sizeof v);
    return c->sets[v % SETS];
}

static void make_tag(const struct auth_cache *c,
                     uint64_t account_id,
                     uint64_t version,
                     struct span password,
                     uint8_t tag[TAG])
{
    crypto_generichash_state s;
    crypto_generichash_init(&s, c->key, sizeof c->key, TAG);
    crypto_generichash_update(&s, (const uint8_t *)&account_id, sizeof account_id);
    crypto_generichash_update(&s, (const uint8_t *)&version, sizeof version);
    crypto_generichash_update(&s, (const uint8_t *)password.p, password.n);
    crypto_generichash_final(&s, tag, TAG);
    sodium_memzero(&s, sizeof s);
}

void auth_cache_put(struct auth_cache *c,
                    uint64_t account_id,
                    uint64_t version,
                    struct span password,
                    int64_t ttl_ms)
{
    if (ttl_ms <= 0)
        return;
    struct cache_entry e = {.account_id = account_id};
    make_tag(c, account_id, version, password, e.tag);
    int64_t now = c->clock->mono_ms(c->clock);
    e.until_ms = now + ttl_ms;
    struct cache_entry *set = set_of(c, account_id);
    pthread_mutex_lock(&c->lock);
    struct cache_entry *to = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (memcmp(set[i].tag, e.tag, TAG) == 0) {
            to = &set[i];
            break;
        }
        if (set[i].until_ms < to->until_ms)
            to = &set[i];
    }
    *to = e;
    pthread_mutex_unlock(&c->lock);
}

bool auth_cache_has(struct auth_cache *c,
                    uint64_t account_id,
                    uint64_t version,
                    struct span password)
{
    uint8_t tag[TAG];
    bool found = false;
    make_tag(c, account_id, version, password, tag);
    int64_t now = c->clock->mono_ms(c->clock);
    struct cache_entry *set = set_of(c, account_id);
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < WAYS; i++)
        found |= set[i].account_id == account_id && set[i].until_ms > now &&
                 sodium_memcmp(set[i].tag, tag, TAG) == 0;
    pthread_mutex_unlock(&c->lock);
    return found;
}

void auth_cache_forget(struct auth_cache *c, uint64_t account_id)
{
    struct cache_entry *set = set_of(c, account_id);
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].account_id == account_id)
            memset(&set[i], 0, sizeof set[i]);
    pthread_mutex_unlock(&c->lock);
}
