/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness as a seam. The system's is cryptographic (getrandom); a seeded one makes a test run
 * repeat itself and must never be used by a server. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/base.h"

struct rng {
    void (*fill)(struct rng *r, void *to, size_t n);
};

struct rng *rng_system(void); /* static, thread-safe, never freed */

struct rng_seeded {
    struct rng rng;
    uint64_t state;
};
void rng_seeded_init(struct rng_seeded *r, uint64_t seed); /* not thread-safe */

uint64_t rng_u64(struct rng *r);
/* 0 <= result < bound; bound > 0; unbiased. */
uint64_t rng_below(struct rng *r, uint64_t bound);

#endif
