/* SPDX-License-Identifier: Apache-2.0 */
/* Making and checking credentials records. argon2id is libsodium's, SASLprep and the derivation of
 * the SCRAM keys GNU SASL's; here they only meet. */
#include "auth/credentials.h"

#include "base/err.h"
#include "base/pack.h"

#include <errno.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <sodium.h>

_Static_assert((int)CREDENTIALS_ARGON2_MAX == (int)crypto_pwhash_STRBYTES, "libsodium's size");

enum { RECORD_VERSION = 1 };

int credentials_decode(struct span record, struct credentials *out)
{
    struct credentials c = {.n = 0};
    if (record.n == 0) {
        *out = c;
        return 0;
    }
    if (record.n > CREDENTIALS_MAX)
        return ERR_CORRUPT;
    struct unpack u = unpack_of(record);
    if (unpack_u8(&u) < RECORD_VERSION)
        return ERR_CORRUPT;
    uint64_t n = unpack_uint(&u);
    if (u.bad || n > CREDENTIALS_ENTRIES)
        return ERR_CORRUPT;
    for (c.n = 0; c.n < n; c.n++) {
        c.v[c.n].scheme = unpack_uint(&u);
        c.v[c.n].data = unpack_span(&u);
    }
    int err = unpack_end(&u);
    if (err == 0)
        *out = c;
    return err;
}

static const struct credentials_entry *entry_of(const struct credentials *c,
                                                enum credentials_scheme s)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].scheme == (uint64_t)s)
            return &c->v[i];
    return NULL;
}

int credentials_scram(const struct credentials *c, struct scram_keys *out)
{
    const struct credentials_entry *e = entry_of(c, SCHEME_SCRAM_SHA256);
    if (e == NULL)
        return ERR_NOT_FOUND;
    struct unpack u = unpack_of(e->data);
    struct scram_keys k;
    k.iterations = unpack_uint(&u);
    k.salt = unpack_span(&u);
    k.stored_key = unpack_span(&u);
    k.server_key = unpack_span(&u);
    int err = unpack_end(&u);
    if (err == 0 && (k.iterations == 0 || k.iterations > 10000000 || k.salt.n == 0 ||
                     k.salt.n > 64 || k.stored_key.n != SCRAM_KEY || k.server_key.n != SCRAM_KEY))
        err = ERR_CORRUPT;
    if (err == 0)
        *out = k;
    return err;
}

bool password_is_possible(struct span password)
{
    return password.n > 0 && password.n <= LIMIT_PASSWORD && span_chr(password, '\0') < 0;
}

/* SASLprep with unassigned code points allowed: what was assigned after Unicode 3.2 (emoji) must
 * not be refused, and clients treat it so too. GNU SASL 2.2 understands its flag the wrong way
 * round, so both are tried: text without unassigned code points is the same under either. NULL: it
 * does not apply. */
static char *saslprep(const char *raw)
{
    char *made = NULL;
    if (gsasl_saslprep(raw, GSASL_ALLOW_UNASSIGNED, &made, NULL) == GSASL_OK ||
        gsasl_saslprep(raw, (Gsasl_saslprep_flags)0, &made, NULL) == GSASL_OK)
        return made;
    return NULL;
}

/* Returns false, and the raw bytes, where SASLprep does not apply. */
static bool password_prepare(struct span raw, char to[static PREPARED_MAX + 1], size_t *n_out)
{
    char cstr[LIMIT_PASSWORD + 1];
    bool prepared = false;

    must(span_to_cstr(raw, cstr, sizeof cstr));
    char *made = saslprep(cstr);
    if (made != NULL) {
        size_t n = strlen(made);
        prepared = n > 0 && n <= PREPARED_MAX;
        if (prepared) {
            memcpy(to, made, n + 1);
            *n_out = n;
        }
        sodium_memzero(made, n);
        gsasl_free(made);
    }
    if (!prepared) {
        memcpy(to, cstr, raw.n + 1);
        *n_out = raw.n;
    }
    sodium_memzero(cstr, sizeof cstr);
    return prepared;
}

static int argon2_of(struct span prepared, const struct credentials_cost *cost, char *out)
{
    /* It fails for want of memory only: the bounds of the configuration are within libsodium's. */
    if (crypto_pwhash_str_alg(out, prepared.p, prepared.n, cost->argon2_ops, cost->argon2_mem,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return ERR_NOMEM;
    return 0;
}

int credentials_argon2(struct span password,
                       const struct credentials_cost *cost,
                       char out[static CREDENTIALS_ARGON2_MAX])
{
    char prepared[PREPARED_MAX + 1];
    size_t n;
    (void)password_prepare(password, prepared, &n);
    int err = argon2_of(span_of(prepared, n), cost, out);
    sodium_memzero(prepared, sizeof prepared);
    return err;
}

/* RFC 5802 §3. The slow part is OpenSSL's, because GNU SASL would prepare the password once more,
 * with the flag it misunderstands. */
static int scram_of(struct span prepared, unsigned iterations, struct rng *rng, struct buf *out)
{
    uint8_t salt[SCRAM_SALT], salted[SCRAM_KEY];
    char client[SCRAM_KEY], server[SCRAM_KEY], stored[SCRAM_KEY];

    rng->fill(rng, salt, sizeof salt);
    bool ok = PKCS5_PBKDF2_HMAC(prepared.p, (int)prepared.n, salt, sizeof salt, (int)iterations,
                                EVP_sha256(), sizeof salted, salted) == 1 &&
              gsasl_scram_secrets_from_salted_password(GSASL_HASH_SHA256, (const char *)salted,
                                                       client, server, stored) == GSASL_OK;
    sodium_memzero(salted, sizeof salted);
    sodium_memzero(client, sizeof client);
    if (!ok)
        return ERR_NOMEM;
    pack_uint(out, iterations);
    pack_span(out, span_of(salt, sizeof salt));
    pack_span(out, span_of(stored, SCRAM_KEY));
    pack_span(out, span_of(server, SCRAM_KEY));
    sodium_memzero(server, sizeof server);
    return out->err;
}

int credentials_make(struct span password,
                     const struct credentials_cost *cost,
                     struct rng *rng,
                     struct buf *out)
{
    char prepared[PREPARED_MAX + 1];
    char hash[CREDENTIALS_ARGON2_MAX];
    struct buf scram;
    size_t n;

    buf_init(&scram, CREDENTIALS_MAX);
    bool is_text = password_prepare(password, prepared, &n);
    int err = argon2_of(span_of(prepared, n), cost, hash);
    /* A password that is no text has no SCRAM: clients could not derive the same keys from it. */
    if (err == 0 && is_text)
        err = scram_of(span_of(prepared, n), cost->scram_iterations, rng, &scram);
    sodium_memzero(prepared, sizeof prepared);
    if (err == 0) {
        pack_u8(out, RECORD_VERSION);
        pack_uint(out, is_text ? 2 : 1);
        pack_uint(out, SCHEME_ARGON2ID);
        pack_span(out, span_str(hash));
        if (is_text) {
            pack_uint(out, SCHEME_SCRAM_SHA256);
            pack_span(out, buf_span(&scram));
        }
        err = out->err;
    }
    buf_done(&scram);
    return err;
}

void credentials_wrap(enum credentials_scheme scheme, struct span data, struct buf *out)
{
    pack_u8(out, RECORD_VERSION);
    pack_uint(out, 1);
    pack_uint(out, scheme);
    pack_span(out, data);
}

int argon2_verify(const char *hash, struct span password)
{
    /* libsodium says -1 for both; a server short of memory must not lock people out for it. */
    errno = 0;
    if (crypto_pwhash_str_verify(hash, password.p, password.n) == 0)
        return 1;
    return errno == ENOMEM ? ERR_NOMEM : 0;
}

static int own_verify(const struct credentials_entry *e, struct span password)
{
    char hash[CREDENTIALS_ARGON2_MAX];
    char prepared[PREPARED_MAX + 1];
    size_t n;

    if (!span_to_cstr(e->data, hash, sizeof hash))
        return 0;
    (void)password_prepare(password, prepared, &n);
    int verdict = argon2_verify(hash, span_of(prepared, n));
    sodium_memzero(prepared, sizeof prepared);
    return verdict;
}

int credentials_verify(const struct credentials *c, struct span password)
{
    if (!password_is_possible(password))
        return 0;
    const struct credentials_entry *own = entry_of(c, SCHEME_ARGON2ID);
    if (own != NULL)
        return own_verify(own, password);
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].scheme >= SCHEME_ARGON2_FOREIGN && c->v[i].scheme <= SCHEME_PLAIN)
            return credentials_foreign_verify(&c->v[i], password);
    return 0;
}

bool credentials_are_old(const struct credentials *c,
                         struct span password,
                         const struct credentials_cost *cost)
{
    const struct credentials_entry *own = entry_of(c, SCHEME_ARGON2ID);
    char hash[CREDENTIALS_ARGON2_MAX];
    if (own == NULL || !span_to_cstr(own->data, hash, sizeof hash) ||
        crypto_pwhash_str_needs_rehash(hash, cost->argon2_ops, cost->argon2_mem) != 0)
        return true;
    struct scram_keys k;
    int err = credentials_scram(c, &k);
    if (err == 0)
        return k.iterations != cost->scram_iterations;
    char prepared[PREPARED_MAX + 1];
    size_t n;
    bool is_text = password_prepare(password, prepared, &n);
    sodium_memzero(prepared, sizeof prepared);
    return is_text;
}
