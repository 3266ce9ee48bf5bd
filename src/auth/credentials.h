/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials record: what is kept of a password.
 *
 * A version byte, a count, and for each entry a scheme and its data. An account whose password was
 * set here has two: an argon2id hash, for mechanisms that send the password, and the keys of
 * SCRAM-SHA-256 (RFC 5802 §3: salt, iterations, StoredKey, ServerKey), which log nobody in when
 * they are stolen without a dictionary attack of their own. An imported one has a single entry in
 * the other system's form.
 *
 * Passwords are prepared with SASLprep (RFC 4013) before they are hashed here; where it refuses
 * (control characters, not UTF-8) the bytes are taken as they are, at setting and at login alike.
 * Imported hashes are verified against the bytes as sent, because that is what was hashed there.
 *
 * Pure functions, any thread. make and verify take tens of milliseconds and the memory of argon2.
 */
#ifndef AUTH_CREDENTIALS_H
#define AUTH_CREDENTIALS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/random.h"

enum {
    CREDENTIALS_MAX = 4096, /* bytes of a record */
    CREDENTIALS_ENTRIES = 8,
    CREDENTIALS_ARGON2_MAX = 128, /* crypto_pwhash_STRBYTES */
    SCRAM_KEY = 32,               /* bytes of SHA-256 */
    SCRAM_SALT = 16,
    PREPARED_MAX =
        4 * LIMIT_PASSWORD, /* NFKC makes some texts longer; beyond this the raw bytes are used */
};

enum credentials_scheme {                      /* written to disk: never renumber */
                          SCHEME_ARGON2ID = 1, /* of the prepared password, made here */
                          SCHEME_SCRAM_SHA256 = 2,
                          SCHEME_ARGON2_FOREIGN =
                              3,            /* $argon2i$ or $argon2id$ of the raw password */
                          SCHEME_CRYPT = 4, /* $5$, $6$, $2a$, $2b$, $2y$: crypt(5) */
                          SCHEME_SHA1 = 5,  /* digest, then salt (may be empty): {SHA}, {SSHA} */
                          SCHEME_SHA256 = 6,
                          SCHEME_SHA512 = 7,
                          SCHEME_PLAIN = 8,
};

struct credentials_entry {
    uint64_t scheme; /* may be one a newer program wrote */
    struct span data;
};

struct credentials {
    struct credentials_entry v[CREDENTIALS_ENTRIES];
    size_t n;
};

struct credentials_cost {
    size_t argon2_mem; /* bytes */
    unsigned long long argon2_ops;
    unsigned scram_iterations;
};

struct scram_keys {
    uint64_t iterations;
    struct span salt;
    struct span stored_key;
    struct span server_key;
};

/* Spans point into `record`. ERR_CORRUPT. An empty record is one without entries. */
int credentials_decode(struct span record, struct credentials *out) MUST_CHECK;
/* ERR_NOT_FOUND: the record holds none. ERR_CORRUPT. */
int credentials_scram(const struct credentials *c, struct scram_keys *out) MUST_CHECK;

/* May `password` be one at all: not empty, within LIMIT_PASSWORD, no NUL. */
bool password_is_possible(struct span password);

/* Appends a record made of `password` (which must be possible) to `out`. ERR_NOMEM. */
int credentials_make(struct span password,
                     const struct credentials_cost *cost,
                     struct rng *rng,
                     struct buf *out) MUST_CHECK;
/* Only the argon2id hash, for the dummy. */
int credentials_argon2(struct span password,
                       const struct credentials_cost *cost,
                       char out[static CREDENTIALS_ARGON2_MAX]) MUST_CHECK;
/* A record with one entry. */
void credentials_wrap(enum credentials_scheme scheme, struct span data, struct buf *out);

/* 1 right, 0 wrong (also: nothing in the record can be verified), or ERR_NOMEM. */
int credentials_verify(const struct credentials *c, struct span password) MUST_CHECK;
/* Was the record made otherwise than credentials_make would make it today? */
bool credentials_are_old(const struct credentials *c,
                         struct span password,
                         const struct credentials_cost *cost);

/* One hash of libsodium's making: 1 right, 0 wrong, ERR_NOMEM. */
int argon2_verify(const char *hash, struct span password) MUST_CHECK;

/* ---- hashes of other systems (credentials_import.c) ---- */

/* Appends a record for `text`. ERR_UNSUPPORTED: a scheme we do not verify. ERR_INVALID: one we do,
 * but malformed, or so costly that one login would stop the server. */
int credentials_import(struct span text, struct buf *out) MUST_CHECK;
/* As credentials_verify, for one entry of the foreign schemes. */
int credentials_foreign_verify(const struct credentials_entry *e, struct span password) MUST_CHECK;

#endif
