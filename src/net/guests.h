/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: connections that nobody has logged in on and that wait for their peer. When the server has
 * all the connections it takes, the guest that has waited longest makes room for a new client: who
 * holds places and does nothing (slow-loris, half-open TLS) loses them, from however many addresses,
 * and those who are being served or have logged in are left alone.
 *
 * Waiting begins anew with each step, so that a client who answers within a second is never first
 * while others hold places for nothing.
 */
#ifndef NET_GUESTS_H
#define NET_GUESTS_H

#include "base/base.h"

struct conn;
struct server;

enum {
    GUESTS_FOUND = 32,   /* by one look at all connections */
    GUESTS_LOOK_MS = 50, /* at least between two */
};

/* Who makes room next. The loop's thread only. */
struct guests {
    uint64_t tags[GUESTS_FOUND];
    unsigned n;
    int64_t looked_ms; /* of conn_now; 0: never */
};

/* Its owner has changed its state, which says whether it waits for its peer. */
void guests_moved(struct conn *c);
/* One that has waited for times.yield_ms or longer is told to go; false: there is none. The loop's
 * thread; nearly always without looking at other connections. */
bool guests_make_room(struct server *s) MUST_CHECK;
/* EVENT_YIELD, by its owner: if it still waits, it is told why (where its protocol can be) and ended. */
void guests_yield(struct conn *c);

#endif
