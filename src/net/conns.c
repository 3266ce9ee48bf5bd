/* SPDX-License-Identifier: Apache-2.0 */
/* Places come in chunks that stay where they are, so that finding one needs no lock of the table; the
 * lock of its stripe keeps the tenant from going away meanwhile. 16 bytes a place, kept until the
 * server ends. */
#include "net/conns.h"
#include "base/err.h"
#include "net/conn.h"

struct conns_place {
    struct conn *c; /* NULL: free */
    uint32_t tenant;
    uint32_t next_free;
};

void conns_init(struct conns *t)
{
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    for (size_t i = 0; i < CONNS_STRIPES; i++)
        pthread_mutex_init(&t->stripes[i], NULL);
}

void conns_done(struct conns *t)
{
    must(t->n == 0);
    for (size_t i = 0; i < CONNS_CHUNKS; i++)
        free(t->chunks[i]);
    for (size_t i = 0; i < CONNS_STRIPES; i++)
        pthread_mutex_destroy(&t->stripes[i]);
    pthread_mutex_destroy(&t->lock);
}

static struct conns_place *place(struct conns *t, uint32_t at)
{
    struct conns_place *chunk = __atomic_load_n(&t->chunks[at / CONNS_CHUNK], __ATOMIC_ACQUIRE);
    return &chunk[at % CONNS_CHUNK];
}

static pthread_mutex_t *stripe(struct conns *t, uint32_t at)
{
    return &t->stripes[at % CONNS_STRIPES];
}

/* A free place; the lock is held. */
static int take(struct conns *t, uint32_t *at)
{
    if (t->free != 0) {
        *at = t->free - 1;
        t->free = place(t, *at)->next_free;
        return 0;
    }
    if (t->made == CONNS_CHUNK * CONNS_CHUNKS)
        return ERR_LIMIT;
    if (t->made % CONNS_CHUNK == 0) {
        struct conns_place *chunk = calloc(CONNS_CHUNK, sizeof *chunk);
        if (chunk == NULL)
            return ERR_NOMEM;
        __atomic_store_n(&t->chunks[t->made / CONNS_CHUNK], chunk, __ATOMIC_RELEASE);
    }
    *at = t->made++;
    return 0;
}

int conns_add(struct conns *t, struct conn *c, uint64_t *tag_out)
{
    uint32_t at;
    pthread_mutex_lock(&t->lock);
    int err = take(t, &at);
    if (err == 0)
        t->n++;
    pthread_mutex_unlock(&t->lock);
    if (err != 0)
        return err;
    struct conns_place *p = place(t, at);
    pthread_mutex_lock(stripe(t, at));
    p->c = c;
    if (++p->tenant == 0) /* so that a tag is never a small number */
        p->tenant = 1;
    *tag_out = (uint64_t)p->tenant << 32 | at;
    pthread_mutex_unlock(stripe(t, at));
    return 0;
}

size_t conns_remove(struct conns *t, uint64_t tag)
{
    uint32_t at = (uint32_t)tag;
    struct conns_place *p = place(t, at);
    pthread_mutex_lock(stripe(t, at));
    must(p->c != NULL && p->tenant == tag >> 32);
    p->c = NULL;
    pthread_mutex_unlock(stripe(t, at));
    pthread_mutex_lock(&t->lock);
    p->next_free = t->free;
    t->free = at + 1;
    size_t left = --t->n;
    pthread_mutex_unlock(&t->lock);
    return left;
}

size_t conns_count(struct conns *t)
{
    pthread_mutex_lock(&t->lock);
    size_t n = t->n;
    pthread_mutex_unlock(&t->lock);
    return n;
}

struct conn *conns_claim(struct conns *t, uint64_t tag, unsigned events)
{
    uint32_t at = (uint32_t)tag;
    struct conns_place *p = place(t, at);
    pthread_mutex_lock(stripe(t, at));
    struct conn *c = p->tenant == tag >> 32 ? p->c : NULL;
    bool ours = c != NULL && conn_claim(c, events);
    pthread_mutex_unlock(stripe(t, at));
    return ours ? c : NULL;
}

void conns_tell(struct conns *t, uint64_t tag, unsigned events)
{
    struct conn *c = conns_claim(t, tag, events);
    if (c != NULL)
        workers_add(c->server->workers, &c->work, c->first);
}

void conns_each(struct conns *t, void (*fn)(struct conn *c, void *arg), void *arg)
{
    pthread_mutex_lock(&t->lock);
    for (uint32_t at = 0; at < t->made; at++) {
        struct conns_place *p = place(t, at);
        pthread_mutex_lock(stripe(t, at));
        if (p->c != NULL)
            fn(p->c, arg);
        pthread_mutex_unlock(stripe(t, at));
    }
    pthread_mutex_unlock(&t->lock);
}
