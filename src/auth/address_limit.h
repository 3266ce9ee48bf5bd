/* SPDX-License-Identifier: Apache-2.0 */
/* How often one internet address (IPv4 address, IPv6 /64) may fail in ten minutes, over all
 * usernames: against those who try one password on everybody.
 *
 * Counted in quarters: a new wrong password is a whole failure, the repetition of one a quarter,
 * because behind one address there may be an office whose phones all still have old passwords. It
 * is not free, because each costs a hash. In memory only, bounded. Thread-safe; one mutex, a leaf.
 */
#ifndef AUTH_ADDRESS_LIMIT_H
#define AUTH_ADDRESS_LIMIT_H

#include "base/clock.h"
#include "base/ip.h"
#include "base/random.h"

struct address_limit;

enum { FAILURE_WHOLE = 4, FAILURE_REPEATED = 1, ADDRESS_WINDOW_MS = 10 * 60 * 1000 };

int address_limit_new(struct clock *clock, struct rng *rng, struct address_limit **out) MUST_CHECK;
void address_limit_free(struct address_limit *l); /* NULL is fine */

/* 0, or for how many more milliseconds the address is refused. */
int64_t address_limit_left_ms(struct address_limit *l, struct ip ip, int64_t failures_max);
void address_limit_add(struct address_limit *l, struct ip ip, unsigned quarters);
/* All addresses of a network begin anew. */
void address_limit_forget(struct address_limit *l, struct ip_net net);

#endif
