/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of ten minutes that begin with the first failure; a set-associative table, whose sets are
 * chosen under a random key so that nobody can fill another's. A full set gives up the entry with
 * the fewest failures: to push out the count of one address takes eight others that failed more. */
#include "auth/address_limit.h"

#include "base/err.h"

#include <pthread.h>
#include <sodium.h>

enum { SETS = 4096, WAYS = 8 };

struct address_entry {
    struct ip ip;
    int64_t since_ms;  /* monotonic */
    uint64_t quarters; /* 0: free */
};

struct address_limit {
    struct clock *clock;
    uint8_t key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock; /* guards the entries */
    struct address_entry sets[SETS][WAYS];
};

int address_limit_new(struct clock *clock, struct rng *rng, struct address_limit **out)
{
    struct address_limit *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ERR_NOMEM;
    l->clock = clock;
    rng->fill(rng, l->key, sizeof l->key);
    must(pthread_mutex_init(&l->lock, NULL) == 0);
    *out = l;
    return 0;
}

void address_limit_free(struct address_limit *l)
{
    if (l == NULL)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct address_entry *set_of(struct address_limit *l, struct ip ip)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t v;
    crypto_shorthash(hash, ip.b, sizeof ip.b, l->key);
    memcpy(&v, hash, sizeof v);
    return l->sets[v % SETS];
}

/* The entry of `ip`; with `make`, one is freed for it where there is none. */
static struct address_entry *entry_of(struct address_limit *l, struct ip ip, int64_t now, bool make)
{
    struct address_entry *set = set_of(l, ip);
    struct address_entry *least = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (now - set[i].since_ms >= ADDRESS_WINDOW_MS)
            set[i].quarters = 0;
        if (set[i].quarters > 0 && ip_eq(set[i].ip, ip))
            return &set[i];
        if (set[i].quarters < least->quarters)
            least = &set[i];
    }
    if (!make)
        return NULL;
    *least = (struct address_entry){.ip = ip, .since_ms = now};
    return least;
}

int64_t address_limit_left_ms(struct address_limit *l, struct ip ip, int64_t failures_max)
{
    int64_t now = l->clock->mono_ms(l->clock);
    int64_t left = 0;
    pthread_mutex_lock(&l->lock);
    const struct address_entry *e = entry_of(l, ip_network(ip, 32, 64).ip, now, false);
    if (e != NULL && e->quarters >= (uint64_t)failures_max * FAILURE_WHOLE)
        left = e->since_ms + ADDRESS_WINDOW_MS - now;
    pthread_mutex_unlock(&l->lock);
    return left;
}

void address_limit_add(struct address_limit *l, struct ip ip, unsigned quarters)
{
    int64_t now = l->clock->mono_ms(l->clock);
    pthread_mutex_lock(&l->lock);
    entry_of(l, ip_network(ip, 32, 64).ip, now, true)->quarters += quarters;
    pthread_mutex_unlock(&l->lock);
}

/* Addresses lie where a keyed hash puts them: all are looked at. An operator asks for it, no client. */
void address_limit_forget(struct address_limit *l, struct ip_net net)
{
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++)
            if (ip_net_has(net, l->sets[i][k].ip))
                l->sets[i][k].quarters = 0;
    pthread_mutex_unlock(&l->lock);
}
