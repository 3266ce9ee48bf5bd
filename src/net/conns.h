/* SPDX-License-Identifier: Apache-2.0 */
/* The table of living connections. What the kernel or another thread knows of a connection is its tag,
 * a place and the number of its tenant: a tag that outlives its connection finds nobody. Thread-safe.
 */
#ifndef NET_CONNS_H
#define NET_CONNS_H

#include "base/base.h"

#include <pthread.h>

enum { CONNS_STRIPES = 64, CONNS_CHUNK = 1024, CONNS_CHUNKS = 2048 };

struct conn;
struct conns_place;

struct conns {
    pthread_mutex_t lock; /* guards the next four; may be held while a stripe's lock is taken */
    size_t n;             /* of connections */
    uint32_t made;        /* places made so far */
    uint32_t free;        /* the first free place, from 1; 0: none */
    struct conns_place *chunks[CONNS_CHUNKS]; /* atomic to read: a tag names a place that is made */
    pthread_mutex_t stripes[CONNS_STRIPES];   /* each guards the places of its remainder */
};

void conns_init(struct conns *t);
void conns_done(struct conns *t);

/* ERR_NOMEM; ERR_LIMIT: two million of them. *tag_out is greater than UINT32_MAX. */
int conns_add(struct conns *t, struct conn *c, uint64_t *tag_out) MUST_CHECK;
/* From now on its tag finds nobody. Says how many are left. */
size_t conns_remove(struct conns *t, uint64_t tag);
size_t conns_count(struct conns *t);

/* conn_claim of the connection of this tag: the connection, if it is the caller's now. NULL: it has an
 * owner already, who is told, or it does not live any more. */
struct conn *conns_claim(struct conns *t, uint64_t tag, unsigned events) MUST_CHECK;
/* conn_tell of the connection of this tag, if it lives. */
void conns_tell(struct conns *t, uint64_t tag, unsigned events);
/* Calls fn for all that live. None goes away meanwhile; fn must not block. */
void conns_each(struct conns *t, void (*fn)(struct conn *c, void *arg), void *arg);

#endif
