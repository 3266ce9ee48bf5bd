/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of threads that run sessions and may block on the store.
 *
 * Two queues: `first` (sessions that have logged in) is served before the other, but of every
 * WORKER_FAIR pieces of work one is taken from the other if there is any, so that logging in stays
 * possible however busy those inside are. An idle pool sleeps. Thread-safe.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "base/base.h"

enum {
    WORKER_FAIR = 8,
    WORKER_STACK = 1024 * 1024, /* bytes; deep recursion is our bug, so it should show */
};

/* Embedded in what is to be worked on; the pool touches it no more once `run` has begun. */
struct work {
    struct work *next;
    void (*run)(struct work *w);
};

struct workers;

/* ERR_NOMEM also when the system has no more threads. */
int workers_new(unsigned threads, struct workers **out) MUST_CHECK;
/* Runs what is queued, then ends the threads. Nothing may be added any more, except by the work
 * that still runs. NULL is fine. */
void workers_free(struct workers *p);

void workers_add(struct workers *p, struct work *w, bool first);
void workers_stats(struct workers *p, int64_t *busy_out, int64_t *queue_out);

#endif
