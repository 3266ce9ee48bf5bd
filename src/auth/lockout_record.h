/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of the logins of one username, and the rules that lock it. Pure: time comes
 * in, nothing goes out; lockout.c keeps records in the store or in memory.
 *
 * For each network (IPv4 /24, IPv6 /56) that failed lately: which wrong passwords it tried (keyed
 * fingerprints, so that one tried again and again by a phone counts once), how many since its last
 * lock, how often it was locked, until when. Failures are counted in quarters: a wrong password not
 * seen from there before is a whole one. A failed SCRAM login is a quarter: its proof is made with
 * nonces, so whether it is the same wrong password again cannot be known, and both errors are bad:
 * counting all as one would let anybody guess for ever, counting each would lock out every phone
 * that still has an old password after three polls.
 *
 * A network whose count reaches `failures` is locked for `time`, then twice as long, up to
 * `time_max`. As many as `networks` locked at once lock the whole account in the same way. A login
 * that succeeds clears its own network only. What is older than `forget` is gone.
 */
#ifndef AUTH_LOCKOUT_RECORD_H
#define AUTH_LOCKOUT_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/ip.h"

struct lockout_rules {
    uint64_t failures;
    int64_t time_ms;
    int64_t time_max_ms;
    uint64_t networks;
    int64_t forget_ms;
};

enum {
    LOCK_NETS = 64,         /* networks remembered; the one that failed longest ago makes room */
    LOCK_FINGERPRINTS = 16, /* different wrong passwords remembered of a network */
    LOCK_ATTEMPTS = 20,
    LOCK_SERVICE = 15, /* bytes of a service's name */
    LOCK_RECORD_MAX = 64 * 1024,
    LOCK_SUCCESS_EVERY_MS = 5 * 60 * 1000, /* successes are written no more often than this */
    QUARTERS = 4,
};

struct lock_net {
    struct ip_net net;
    uint64_t quarters; /* since the last lock */
    uint64_t failures; /* all that counted, for the operator */
    uint64_t level;    /* locks so far */
    int64_t until_ms;
    int64_t last_ms;                          /* the last failure */
    uint64_t fingerprints[LOCK_FINGERPRINTS]; /* newest last */
    size_t fingerprints_n;
};

struct lock_attempt {
    int64_t at_ms;
    struct ip_net net;
    bool ok;
    struct span service;
};

struct lock_record {
    uint64_t level; /* of the account's own lock */
    int64_t until_ms;
    int64_t last_login_ms;
    struct lock_net nets[LOCK_NETS];
    size_t nets_n;
    struct lock_attempt attempts[LOCK_ATTEMPTS]; /* newest first */
    size_t attempts_n;
};

/* In `arena`, texts pointing into `bytes`; an empty one for empty bytes. ERR_CORRUPT, ERR_NOMEM. */
int lock_record_decode(struct span bytes, struct arena *arena, struct lock_record **out) MUST_CHECK;
void lock_record_encode(const struct lock_record *r, struct buf *out);

/* Forgets what the rules say is over. */
void lock_record_prune(struct lock_record *r, const struct lockout_rules *rules, int64_t now_ms);

struct lock_state {
    int64_t until_ms; /* 0: not locked */
    bool whole;       /* the whole account, not only the network */
};
struct lock_state lock_record_state(const struct lock_record *r,
                                    struct ip_net net,
                                    const struct lockout_rules *rules,
                                    int64_t now_ms);
/* Until when this network is locked; 0: it is not. */
int64_t
lock_record_net_until(const struct lock_net *n, const struct lockout_rules *rules, int64_t now_ms);

struct lock_try {
    struct ip_net net;
    struct span service;
    bool has_fingerprint;
    uint64_t fingerprint;
};
/* Counts a failure (prune first). true: it was the repetition of a wrong password known from there.
 */
bool lock_record_fail(struct lock_record *r,
                      const struct lock_try *t,
                      const struct lockout_rules *rules,
                      int64_t now_ms);
/* Is a success worth writing down: has the network failures to clear, or was the last one long ago?
 */
bool lock_record_success_matters(const struct lock_record *r, struct ip_net net, int64_t now_ms);
void lock_record_success(struct lock_record *r, const struct lock_try *t, int64_t now_ms);
/* The operator's unlock: no locks, no failures; the history stays. */
void lock_record_clear(struct lock_record *r);

#endif
