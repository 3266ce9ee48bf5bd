/* SPDX-License-Identifier: Apache-2.0 */
/* Posting wakers later: one thread for all the failed logins that wait for their answer.
 *
 * The thread only wakes; whoever waits looks at the clock itself, so an early or lost post can do
 * no more than cost another look. Lock: one mutex, a leaf; wakers are posted outside of it.
 */
#ifndef AUTH_DELAY_H
#define AUTH_DELAY_H

#include "base/clock.h"
#include "base/waker.h"

struct auth_delay;

/* Lives in the waiting thing; zeroed at birth. */
struct delay_entry {
    int64_t due_ms;      /* monotonic */
    struct waker *waker; /* ref'd while waiting */
    size_t place;        /* in the heap, from 1; 0: not waiting */
};

int auth_delay_new(struct clock *clock, struct auth_delay **out) MUST_CHECK;
/* Nothing may be waiting. NULL is fine. */
void auth_delay_free(struct auth_delay *d);

/* Posts `waker` once `due_ms` has come. ERR_NOMEM. */
int auth_delay_add(struct auth_delay *d, struct delay_entry *e, int64_t due_ms, struct waker *waker)
    MUST_CHECK;
/* After it returns the entry may go. Fine if it is not waiting. */
void auth_delay_cancel(struct auth_delay *d, struct delay_entry *e);

#endif
