/* SPDX-License-Identifier: Apache-2.0 */
/* The system's generator is asked each time: no state of ours can be copied by fork or read from a
 * core dump. The seeded one is SplitMix64 (Steele, Lea, Flood 2014). */
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(struct rng *r, void *to, size_t n)
{
    char *p = to;
    (void)r;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        must(got > 0); /* getrandom of valid memory cannot fail otherwise on a kernel that has it */
        p += got;
        n -= (size_t)got;
    }
}

struct rng *rng_system(void)
{
    static struct rng system = {system_fill};
    return &system;
}

static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void seeded_fill(struct rng *r, void *to, size_t n)
{
    struct rng_seeded *s = CONTAINER_OF(r, struct rng_seeded, rng);
    char *p = to;
    while (n > 0) {
        uint64_t word = split_mix(&s->state);
        size_t some = n < sizeof word ? n : sizeof word;
        memcpy(p, &word, some);
        p += some;
        n -= some;
    }
}

void rng_seeded_init(struct rng_seeded *r, uint64_t seed)
{
    *r = (struct rng_seeded){{seeded_fill}, seed};
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t v;
    r->fill(r, &v, sizeof v);
    return v;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    must(bound > 0);
    /* 2^64 mod bound values at the low end would make small results likelier: draw again */
    uint64_t unfair = -bound % bound;
    uint64_t v;
    do
        v = rng_u64(r);
    while (v < unfair);
    return v % bound;
}
