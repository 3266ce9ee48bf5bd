/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the auth room share. Nothing outside the room includes this. */
#ifndef AUTH_AUTH_INT_H
#define AUTH_AUTH_INT_H

#include "auth/address_limit.h"
#include "auth/auth.h"
#include "auth/cache.h"
#include "auth/credentials.h"
#include "auth/delay.h"
#include "auth/lockout.h"
#include "auth/pool.h"

#include <pthread.h>

struct Gsasl;

/* Who is logged in (auth/logins.h). */
enum { LOGIN_BUCKETS = 1024, LOGIN_ARENA = 256 * 1024 };
struct login_bucket {
    pthread_mutex_t lock;
    struct auth_login *first;
};
struct logins {
    uint64_t changes; /* atomic: how often somebody may have lost the right to be */
    struct login_bucket buckets[LOGIN_BUCKETS];
};

/* The configuration as this room wants it, copied so that a reload needs no reference counting. */
struct auth_settings {
    struct credentials_cost cost;
    struct lockout_rules rules;
    int64_t cache_ms;
    int64_t fail_delay_ms;
    int64_t attempts_per_address;
};

struct auth {
    struct directory *directory; /* borrowed, as the next three */
    struct store *store;
    struct clock *clock;
    struct rng *rng;
    bool inline_hashing;

    pthread_mutex_t lock; /* guards the next two; a leaf */
    struct auth_settings settings;
    char dummy[CREDENTIALS_ARGON2_MAX]; /* argon2id of nobody's password, at today's cost */

    uint8_t secret[32]; /* of this installation: fingerprints and SCRAM salts of unknown users */
    struct auth_pool *pool; /* NULL when hashing is inline, as `delay` */
    struct auth_delay *delay;
    struct auth_cache *cache;
    struct lockout *lockout;
    struct address_limit *addresses;
    struct Gsasl *gsasl;
    struct logins logins;
};

void auth_logins_init(struct auth *a);
void auth_logins_done(struct auth *a); /* nobody must be logged in */
uint64_t auth_logins_changes(const struct auth *a);

struct auth_settings auth_settings_get(struct auth *a);
/* A credentials record for a user there is none of: verifying it costs what a real one costs. */
struct span auth_dummy(struct auth *a, struct arena *arena);

#endif
