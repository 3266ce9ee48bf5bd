/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords that were right a moment ago, as keyed hashes, so that a phone that polls every minute
 * does not cost an argon2 every minute.
 *
 * An entry is BLAKE2b of account, credentials version and password, under a key that lives in this
 * process only; it says nothing to who reads a core file without the key, and it ends with the
 * version, so a changed password needs no announcement (auth_forget is for those who cannot wait
 * for the store). Bounded: sets of WAYS entries chosen by account; a full set gives up its oldest.
 * Thread-safe; one mutex, a leaf.
 */
#ifndef AUTH_CACHE_H
#define AUTH_CACHE_H

#include "base/clock.h"
#include "base/random.h"
#include "base/span.h"

struct auth_cache;

int auth_cache_new(struct clock *clock, struct rng *rng, struct auth_cache **out) MUST_CHECK;
void auth_cache_free(struct auth_cache *c); /* NULL is fine */

void auth_cache_put(struct auth_cache *c,
                    uint64_t account_id,
                    uint64_t version,
                    struct span password,
                    int64_t ttl_ms);
bool auth_cache_has(struct auth_cache *c,
                    uint64_t account_id,
                    uint64_t version,
                    struct span password);
void auth_cache_forget(struct auth_cache *c, uint64_t account_id);

#endif
