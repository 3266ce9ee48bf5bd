/* SPDX-License-Identifier: Apache-2.0 */
/* Where lockout records live: for accounts in the store (PART_AUTH, sharded by username), so that a
 * restart helps no attacker; for usernames nobody has in a bounded table in memory, so that they
 * are treated the same while it lasts and cannot fill the disk. If the store cannot take a failure
 * (full disk), memory keeps that of an account too.
 *
 * Thread-safe. Blocks on the store.
 */
#ifndef AUTH_LOCKOUT_H
#define AUTH_LOCKOUT_H

#include "auth/lockout_record.h"
#include "store/store.h"

struct lockout;

enum { AUTH_SHARDS = 64 };

/* `secret`: 32 bytes, for fingerprints and table keys; copied. Store and clock are borrowed. */
int lockout_new(struct store *store,
                struct clock *clock,
                const uint8_t *secret,
                struct lockout **out) MUST_CHECK;
void lockout_free(struct lockout *l); /* NULL is fine */

struct lockout_name {
    struct span username; /* normal form */
    bool exists;          /* it is an account's */
};

/* Of a wrong password, the same in every run. */
uint64_t lockout_fingerprint(const struct lockout *l, struct span username, struct span password);

int lockout_check(struct lockout *l,
                  const struct lockout_rules *rules,
                  struct lockout_name name,
                  struct ip_net net,
                  struct lock_state *out) MUST_CHECK;

/* Counts a failure, unless the name has been locked since it was checked: then `*state_out` says
 * so.
 * `*repeated_out`: the same wrong password was known from there. */
int lockout_fail(struct lockout *l,
                 const struct lockout_rules *rules,
                 struct lockout_name name,
                 const struct lock_try *t,
                 struct lock_state *state_out,
                 bool *repeated_out) MUST_CHECK;

/* The password was right. If the name has been locked while it was checked (by parallel guesses),
 * `*out` says so, and it does not count. Writes only what matters; an error of that write is logged
 * and no reason to refuse: on a full disk people must be able to log in and delete. */
int lockout_success(struct lockout *l,
                    const struct lockout_rules *rules,
                    struct lockout_name name,
                    const struct lock_try *t,
                    struct lock_state *out) MUST_CHECK;

/* The record of an account, pruned. */
int lockout_read(struct lockout *l,
                 const struct lockout_rules *rules,
                 struct span username,
                 struct arena *arena,
                 struct lock_record **out) MUST_CHECK;
int lockout_clear(struct lockout *l, struct span username) MUST_CHECK;
/* As if nobody had ever tried: also the attempts go. For an account that is no more. */
int lockout_forget(struct lockout *l, struct span username) MUST_CHECK;

#endif
