/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections each client network has open: an IPv4 address, an IPv6 /64 (what one
 * customer gets at the least; counting single IPv6 addresses would count nothing). Thread-safe, a
 * leaf lock. */
#ifndef NET_PEERS_H
#define NET_PEERS_H

#include "base/ip.h"
#include "base/random.h"

struct peers;

/* NULL: out of memory. */
struct peers *peers_new(struct rng *rng, int64_t max_each) MUST_CHECK;
void peers_free(struct peers *p); /* NULL is fine */

/* One more from `ip`: 0, ERR_LIMIT (then nothing is counted) or ERR_NOMEM. */
int peers_enter(struct peers *p, struct ip ip) MUST_CHECK;
void peers_leave(struct peers *p, struct ip ip);

#endif
