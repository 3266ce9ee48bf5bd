/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an exchange, shared by its two halves: exchange.c talks SASL, attempt.c decides. */
#ifndef AUTH_EXCHANGE_H
#define AUTH_EXCHANGE_H

#include "auth/auth_int.h"
#include "auth/scram.h"

enum mechanism { MECH_SCRAM_PLUS, MECH_SCRAM, MECH_PLAIN, MECH_LOGIN, MECH_PASSWORD };

enum exchange_state {
    X_START,
    X_LOGIN_NAME,     /* "Username:" was sent */
    X_LOGIN_PASSWORD, /* "Password:" was sent */
    X_CLIENT_FIRST,   /* an empty challenge was sent, or SCRAM's first message is due */
    X_CLIENT_FINAL,   /* SCRAM: server-first was sent */
    X_SERVER_FINAL,   /* SCRAM: the proof was right, server-final was sent */
    X_HASHING,
    X_FAILING, /* the result stands, its time has not come */
    X_OVER,
};

struct hash_job {
    struct pool_job job; /* first */
    struct auth *auth;
    struct credentials_cost cost;
    char password[LIMIT_PASSWORD + 1];
    size_t password_n;
    char credentials[CREDENTIALS_MAX];
    size_t credentials_n;
    bool may_upgrade; /* false for the dummy */
    /* out: */
    int verdict;         /* 1 right, 0 wrong, or an error */
    struct buf upgraded; /* a new record, if the old is to be replaced */
};

struct auth_exchange {
    struct auth *auth;
    struct auth_settings settings; /* of when it was opened */
    enum mechanism mechanism;
    enum exchange_state state;
    char service[LOCK_SERVICE + 1];
    struct ip ip;
    struct binding binding;
    struct waker *waker; /* ref'd; may be NULL when hashing is inline */
    struct arena *arena;
    struct scram_server *scram;
    bool scram_keyless;     /* the keys given to it are nobody's */
    bool scram_authzid_bad; /* told only with the proof's verdict */

    /* USER/PASS: kept until the first step */
    char *password;
    size_t password_n;

    /* the attempt */
    int64_t begin_ms; /* monotonic */
    uint64_t changes; /* auth_logins_changes, before the account was read */
    struct span username;
    struct account account;
    int why; /* directory_login's answer: 0, ERR_SUSPENDED, or why nobody */
    struct lockout_name name;
    struct hash_job *job;
    struct delay_entry delay;
    struct auth_result result;
};

/* ---- attempt.c ---- */

/* Who is it? Fills in username, account, why, name. Only the world's errors. */
int attempt_identify(struct auth_exchange *x, struct span username) MUST_CHECK;
bool attempt_has_account(const struct auth_exchange *x);
/* Empty, or another spelling of the username's account (RFC 4616 §2: nobody acts for others here).
 */
bool attempt_authzid_ok(struct auth_exchange *x, struct span authzid);
/* A name and a password: verify them. Any bytes. */
enum auth_step attempt_password(struct auth_exchange *x,
                                struct span authzid,
                                struct span username,
                                struct span password);
/* A lock of the network, the account or the address: true, and `*step_out` is the refusal. */
bool attempt_is_refused(struct auth_exchange *x, enum auth_step *step_out);
/* The job may be done. */
enum auth_step attempt_hashed(struct auth_exchange *x);
/* SCRAM: `verdict` 0 the proof was right, ERR_AUTH_FAILED it was not. AUTH_OK, or the failure. */
enum auth_step attempt_proved(struct auth_exchange *x, int verdict);
/* Ends it: now for the world's errors, at the failure's time for all others. */
enum auth_step attempt_fail(struct auth_exchange *x, int err, const char *reason);
/* AUTH_WAIT or AUTH_FAIL. */
enum auth_step attempt_failing(struct auth_exchange *x);
void attempt_drop(struct auth_exchange *x);

#endif
