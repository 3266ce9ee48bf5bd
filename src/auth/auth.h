/* SPDX-License-Identifier: Apache-2.0 */
/* auth: who is this? Passwords, SASL, lockout.
 *
 * A login is an exchange: the protocol opens one, feeds it what the client sends and gets
 * challenges to pass on, until it says OK or FAIL. Password hashing runs on the auth room's own
 * threads behind a bounded queue; while it does, the exchange says WAIT and posts the session's
 * waker when there is more to do. Failures are answered no sooner than auth.failure_delay after
 * they began, whatever the reason, so that unknown user, wrong password and locked cannot be told
 * apart by time; that delay is also a WAIT (the exchange posts the waker by itself).
 *
 *      open -> step(initial response or empty) -> SEND challenge -> step(answer) -> … -> OK | FAIL
 *                                              -> WAIT -> (woken) step(empty) -> …
 *
 * Thread-safe; one exchange belongs to one session. Nothing here blocks except on the store.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/binding.h"
#include "base/config.h"
#include "base/ip.h"
#include "base/waker.h"
#include "directory/directory.h"

struct auth;

struct auth_options {
    struct directory *directory; /* borrowed, as the next three */
    struct store *store;
    struct clock *clock;
    struct rng *rng;
    const struct config
        *config;         /* auth.*, lockout.*; borrowed until auth_free or auth_reconfigure */
    bool inline_hashing; /* no threads, no delays: everything happens inside step. Tests and fuzzing
                          */
};

int auth_new(const struct auth_options *options, struct auth **out) MUST_CHECK;
void auth_free(struct auth *a); /* no exchange may be open */
void auth_reconfigure(struct auth *a, const struct config *config);

/* ---- logging in -------------------------------------------------------------------------- */

struct auth_peer {
    const char *service; /* "smtp", "pop3": SASL service name and for the records */
    struct ip ip;
    bool secure;           /* TLS, or loopback where the configuration says it is enough */
    struct binder *binder; /* channel binding; NULL: not to be had */
};

/* The mechanisms to offer: space-separated names, strongest first, from "SCRAM-SHA-256-PLUS
 * SCRAM-SHA-256 PLAIN LOGIN". PLAIN and LOGIN only when secure; -PLUS only with binding data. */
void auth_mechanisms(struct auth *a, const struct auth_peer *peer, struct buf *out);

enum auth_step {
    AUTH_SEND, /* send `challenge` (raw bytes, to be base64-encoded) and step with the answer */
    AUTH_WAIT, /* wait for the waker, then step with the empty span */
    AUTH_OK,
    AUTH_FAIL,
};

struct auth_result {
    int err; /* AUTH_FAIL: ERR_AUTH_FAILED, ERR_AUTH_LOCKED, ERR_AUTH_BUSY, ERR_SUSPENDED (only
              * after the right password), ERR_AUTH_CANCELLED, ERR_INVALID, ERR_UNSUPPORTED,
              * ERR_NEED_TLS or one of the world's */
    struct span text;    /* AUTH_FAIL: the sentence for the user (with the time a lock ends) */
    uint64_t account_id; /* AUTH_OK */
    struct span address; /* AUTH_OK: the account's */
    struct span class_name;
    uint64_t version, changes; /* AUTH_OK: for auth_login_begin */
};

struct auth_exchange;

/* `waker` is ref'd while the exchange needs it. ERR_UNSUPPORTED: no such mechanism; ERR_NEED_TLS.
 */
int auth_exchange_open(struct auth *a,
                       const struct auth_peer *peer,
                       struct span mechanism,
                       struct waker *waker,
                       struct auth_exchange **out) MUST_CHECK;
/* Username and password at once (POP3 USER/PASS, IMAP LOGIN): then step with the empty span. */
int auth_exchange_open_password(struct auth *a,
                                const struct auth_peer *peer,
                                struct span username,
                                struct span password,
                                struct waker *waker,
                                struct auth_exchange **out) MUST_CHECK;
/* `input`: the client's decoded bytes. `has_input` false: nothing was sent (no initial response),
 * which is not the same as an empty response. Challenge and result live in the exchange until the
 * next step. */
enum auth_step auth_exchange_step(struct auth_exchange *x,
                                  bool has_input,
                                  struct span input,
                                  struct span *challenge_out);
const struct auth_result *auth_exchange_result(const struct auth_exchange *x);
/* The username the client gave, for logs; empty before it is known. */
struct span auth_exchange_username(const struct auth_exchange *x);
/* Any time, also while hashing runs. NULL is fine. */
void auth_exchange_close(struct auth_exchange *x);

/* ---- passwords --------------------------------------------------------------------------- */

/* A credentials record for struct account: argon2id hash and SCRAM-SHA-256 keys of `password`
 * (prepared with SASLprep where it applies). Blocks for the time of one hash. ERR_INVALID: empty,
 * over LIMIT_PASSWORD, holds NUL. */
int auth_credentials_make(struct auth *a,
                          struct span password,
                          struct arena *arena,
                          struct span *out) MUST_CHECK;
/* From a hash of another system: {SSHA}, {SSHA256}, {SSHA512}, {SHA}, {CRYPT}$6$…, $6$, $5$,
 * $2a$/$2b$/$2y$ (bcrypt), $argon2i$/$argon2id$, {PLAIN}; Dovecot's scheme prefixes too.
 * ERR_UNSUPPORTED names no scheme we verify. It is upgraded to argon2id and SCRAM at the next login
 * with a password. */
int auth_credentials_import(struct auth *a, struct span hash, struct arena *arena, struct span *out)
    MUST_CHECK;
/* "argon2id+scram", "ssha (until the next login)", "none": for `account show`. */
struct span auth_credentials_describe(struct span credentials, struct arena *arena);

/* To be called after such a change. Who logs in from now on is asked for the password, whatever is in the cache, and who
 * is logged in looks whether he may go on (auth/logins.h). */
void auth_forget(struct auth *a, uint64_t account_id);       /* suspended, removed, or back */
void auth_forget_domain(struct auth *a, struct span domain); /* suspended; normal form */
/* And here sessions end: they were begun with the old one. */
void auth_password_changed(struct auth *a, uint64_t account_id);

/* ---- lockout ----------------------------------------------------------------------------- */

struct auth_attempt {
    int64_t at_ms;
    struct ip_net net;
    bool ok;
    struct span service;
};
struct auth_lock {
    struct ip_net net; /* bits 0: the whole account */
    int64_t until_ms;
    uint64_t failures;
};
struct auth_history {
    struct auth_attempt *attempts; /* newest first, at most 20 */
    size_t attempts_n;
    struct auth_lock *locks; /* those in force */
    size_t locks_n;
    int64_t last_login_ms; /* 0: never */
};
int auth_history_get(struct auth *a,
                     struct span address,
                     struct arena *arena,
                     struct auth_history *out) MUST_CHECK;
/* Ends the locks of an account, and the limits of the addresses in the networks that it was last
 * tried from: whoever asks for an unlock wants to log in now. */
int auth_unlock(struct auth *a, struct span address) MUST_CHECK;
/* Locks and attempts go: the account is purged, and its name may become somebody else's. Harmless
 * when there is nothing. */
int auth_account_forget(struct auth *a, struct span address) MUST_CHECK;

#endif
