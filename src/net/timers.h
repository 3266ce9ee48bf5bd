/* SPDX-License-Identifier: Apache-2.0 */
/* When to look at which connection again: a heap of times. Deadlines nearly always move to later, so
 * a timer is not moved for that: it fires, and its owner sets it again. Thread-safe; the lock may be
 * held while the pool's lock is taken. */
#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include "base/base.h"

#include <pthread.h>

/* Embedded in what has a deadline. Zero: not set. */
struct timer {
    int64_t due_ms;
    size_t at; /* its place in the heap, from 1; 0: not in it */
};

struct timers {
    pthread_mutex_t lock; /* guards all below and the timers in the heap */
    struct timer **heap;  /* heap[0] is the next */
    size_t n, cap, members;
    int64_t next_ms; /* when timers_run will be called again; INT64_MAX: nobody planned to */
};

void timers_init(struct timers *t);
void timers_done(struct timers *t);

/* Room for one more timer, so that setting it cannot fail. ERR_NOMEM. */
int timers_join(struct timers *t) MUST_CHECK;
/* The timer is not set any more, and its room is given back. */
void timers_leave(struct timers *t, struct timer *timer);

/* Fires at `due_ms` or at the time it is set to already, whichever is sooner. true: timers_run must be
 * called sooner than was planned. */
bool timers_set(struct timers *t, struct timer *timer, int64_t due_ms) MUST_CHECK;

/* Fires what is due, with the lock held: a timer that fires cannot leave meanwhile. Says when to call
 * this again; INT64_MAX: when timers_set says so. */
int64_t timers_run(struct timers *t, int64_t now_ms, void (*fire)(struct timer *timer));

#endif
