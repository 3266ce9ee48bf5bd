/* SPDX-License-Identifier: Apache-2.0 */
/* A chained hash table that doubles. The hash is keyed: who owns many IPv6 networks could otherwise
 * choose such that all fall into one chain. */
#include "net/peers.h"
#include "base/err.h"

#include <pthread.h>

struct peer {
    struct peer *next;
    struct ip net;
    int64_t open;
};

struct peers {
    pthread_mutex_t lock; /* guards all below */
    struct peer **buckets;
    size_t size; /* power of two */
    size_t used;
    uint64_t key[2];
    int64_t max_each;
};

enum { PEERS_FIRST = 256 };

struct peers *peers_new(struct rng *rng, int64_t max_each)
{
    struct peers *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->size = PEERS_FIRST;
    p->buckets = calloc(p->size, sizeof(struct peer *));
    if (p->buckets == NULL) {
        free(p);
        return NULL;
    }
    p->key[0] = rng_u64(rng) | 1;
    p->key[1] = rng_u64(rng) | 1;
    p->max_each = max_each;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void peers_free(struct peers *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->size; i++)
        while (p->buckets[i] != NULL) {
            struct peer *next = p->buckets[i]->next;
            free(p->buckets[i]);
            p->buckets[i] = next;
        }
    pthread_mutex_destroy(&p->lock);
    free(p->buckets);
    free(p);
}

static size_t slot(const struct peers *p, struct ip net)
{
    uint64_t half[2];
    memcpy(half, net.b, sizeof half);
    __extension__ typedef unsigned __int128 wide;
    wide h = (wide)(half[0] ^ p->key[0]) * (half[1] ^ p->key[1]);
    uint64_t mixed = (uint64_t)h ^ (uint64_t)(h >> 64);
    mixed *= p->key[0];
    return (size_t)(mixed >> 32) & (p->size - 1);
}

static struct peer **find(struct peers *p, struct ip net)
{
    struct peer **at = &p->buckets[slot(p, net)];
    while (*at != NULL && !ip_eq((*at)->net, net))
        at = &(*at)->next;
    return at;
}

/* A table that cannot grow only gets slower. */
static void grow(struct peers *p)
{
    struct peer **old = p->buckets;
    size_t n = p->size;
    struct peer **fresh = calloc(n * 2, sizeof(struct peer *));
    if (fresh == NULL)
        return;
    p->buckets = fresh;
    p->size = n * 2;
    for (size_t i = 0; i < n; i++)
        while (old[i] != NULL) {
            struct peer *moved = old[i];
            old[i] = moved->next;
            struct peer **to = &p->buckets[slot(p, moved->net)];
            moved->next = *to;
            *to = moved;
        }
    free(old);
}

int peers_enter(struct peers *p, struct ip ip)
{
    struct ip net = ip_network(ip, 32, 64).ip;
    int err = 0;
    pthread_mutex_lock(&p->lock);
    struct peer **at = find(p, net);
    if (*at == NULL) {
        *at = calloc(1, sizeof **at);
        if (*at != NULL) {
            (*at)->net = net;
            p->used++;
        }
    }
    struct peer *peer = *at;
    if (peer == NULL)
        err = ERR_NOMEM;
    else if (peer->open >= p->max_each)
        err = ERR_LIMIT;
    else
        peer->open++;
    if (p->used > p->size)
        grow(p);
    pthread_mutex_unlock(&p->lock);
    return err;
}

void peers_leave(struct peers *p, struct ip ip)
{
    struct ip net = ip_network(ip, 32, 64).ip;
    pthread_mutex_lock(&p->lock);
    struct peer **at = find(p, net);
    must(*at != NULL && (*at)->open > 0);
    if (--(*at)->open == 0) {
        struct peer *gone = *at;
        *at = gone->next;
        free(gone);
        p->used--;
    }
    pthread_mutex_unlock(&p->lock);
}
