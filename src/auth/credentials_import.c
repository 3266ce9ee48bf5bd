/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes of other systems: taken over as they are, verified once, then replaced.
 *
 * Written as in RFC 2307 ("{SSHA}base64"), as Dovecot writes them ("{SHA512-CRYPT}$6$…",
 * "{SSHA.HEX}…") or bare, as in /etc/shadow. Costs are bounded at import: the hash of a careless or
 * hostile export must not make a login take a minute or a gigabyte. MD5 and DES crypt are refused:
 * anybody who has the export has those passwords.
 */
#include "auth/credentials.h"

#include "base/encode.h"
#include "base/err.h"

#include <crypt.h>
#include <openssl/evp.h>
#include <sodium.h>

enum {
    CRYPT_ROUNDS_MAX = 5000000, /* of $5$ and $6$; a few seconds */
    BCRYPT_COST_MAX = 16,
    ARGON2_MEM_KIB_MAX = 1024 * 1024,
    ARGON2_OPS_MAX = 100,
    SALT_MAX = 64,
    DIGEST_MAX = 64,
};

enum form { FORM_DIGEST, FORM_CRYPT, FORM_ARGON2, FORM_PLAIN };

/* clang-format off */
static const struct {
    const char *name;
    enum form form;
    enum credentials_scheme scheme;
    size_t digest; /* bytes */
    bool salted;
} schemes[] = {
    {"SHA",          FORM_DIGEST, SCHEME_SHA1,   20, false},
    {"SHA1",         FORM_DIGEST, SCHEME_SHA1,   20, false},
    {"SSHA",         FORM_DIGEST, SCHEME_SHA1,   20, true},
    {"SHA256",       FORM_DIGEST, SCHEME_SHA256, 32, false},
    {"SSHA256",      FORM_DIGEST, SCHEME_SHA256, 32, true},
    {"SHA512",       FORM_DIGEST, SCHEME_SHA512, 64, false},
    {"SSHA512",      FORM_DIGEST, SCHEME_SHA512, 64, true},
    {"CRYPT",        FORM_CRYPT,  SCHEME_CRYPT,   0, false},
    {"SHA256-CRYPT", FORM_CRYPT,  SCHEME_CRYPT,   0, false},
    {"SHA512-CRYPT", FORM_CRYPT,  SCHEME_CRYPT,   0, false},
    {"BLF-CRYPT",    FORM_CRYPT,  SCHEME_CRYPT,   0, false},
    {"ARGON2I",      FORM_ARGON2, SCHEME_ARGON2_FOREIGN, 0, false},
    {"ARGON2ID",     FORM_ARGON2, SCHEME_ARGON2_FOREIGN, 0, false},
    {"PLAIN",        FORM_PLAIN,  SCHEME_PLAIN,   0, false},
    {"CLEARTEXT",    FORM_PLAIN,  SCHEME_PLAIN,   0, false},
};
/* clang-format on */

static bool is_crypt_char(char c)
{
    return ascii_is_digit(c) || ascii_is_alpha(c) || c == '.' || c == '/';
}

static bool all_crypt_chars(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_crypt_char(s.p[i]))
            return false;
    return true;
}

/* $5$[rounds=N$]salt$43, $6$[rounds=N$]salt$86 */
static int sha_crypt_check(struct span rest, size_t hash_n)
{
    if (span_skip(&rest, SPAN("rounds="))) {
        uint32_t rounds;
        if (!span_to_u32(span_split(&rest, '$'), &rounds) || rounds < 1000 ||
            rounds > CRYPT_ROUNDS_MAX)
            return ERR_INVALID;
    }
    struct span salt = span_split(&rest, '$');
    if (salt.n == 0 || salt.n > 16 || span_chr(salt, ':') >= 0 || rest.n != hash_n ||
        !all_crypt_chars(rest))
        return ERR_INVALID;
    return all_crypt_chars(salt) ? 0 : ERR_INVALID;
}

/* $2b$12$ and 22 + 31 characters */
static int bcrypt_check(struct span rest)
{
    uint32_t cost;
    if (!span_to_u32(span_split(&rest, '$'), &cost) || cost < 4 || cost > BCRYPT_COST_MAX ||
        rest.n != 53 || !all_crypt_chars(rest))
        return ERR_INVALID;
    return 0;
}

static int import_crypt(struct span hash, struct buf *out)
{
    struct span rest = hash;
    int err = ERR_UNSUPPORTED;
    if (span_skip(&rest, SPAN("$6$")))
        err = sha_crypt_check(rest, 86);
    else if (span_skip(&rest, SPAN("$5$")))
        err = sha_crypt_check(rest, 43);
    else if (span_skip(&rest, SPAN("$2a$")) || span_skip(&rest, SPAN("$2b$")) ||
             span_skip(&rest, SPAN("$2y$")))
        err = bcrypt_check(rest);
    if (err == 0)
        credentials_wrap(SCHEME_CRYPT, hash, out);
    return err;
}

/* $argon2id$v=19$m=65536,t=3,p=1$salt$hash; libsodium verifies only v=19, and any p. */
static int import_argon2(struct span hash, struct buf *out)
{
    struct span rest = hash;
    if (!span_skip(&rest, SPAN("$argon2id$")) && !span_skip(&rest, SPAN("$argon2i$")))
        return ERR_UNSUPPORTED;
    if (!span_skip(&rest, SPAN("v=19$")))
        return ERR_UNSUPPORTED;
    struct span cost = span_split(&rest, '$');
    uint32_t m, t, p;
    if (!span_skip(&cost, SPAN("m=")) || !span_to_u32(span_split(&cost, ','), &m) ||
        !span_skip(&cost, SPAN("t=")) || !span_to_u32(span_split(&cost, ','), &t) ||
        !span_skip(&cost, SPAN("p=")) || !span_to_u32(cost, &p))
        return ERR_INVALID;
    if (m < 8 || m > ARGON2_MEM_KIB_MAX || t < 1 || t > ARGON2_OPS_MAX || p < 1 || p > 64 ||
        m < 8 * p)
        return ERR_INVALID;
    struct span salt = span_split(&rest, '$');
    if (salt.n < 11 || salt.n > 64 || rest.n < 22 || rest.n > 100 || span_chr(rest, '$') >= 0 ||
        hash.n >= CREDENTIALS_ARGON2_MAX || span_chr(hash, '\0') >= 0)
        return ERR_INVALID;
    credentials_wrap(SCHEME_ARGON2_FOREIGN, hash, out);
    return 0;
}

static int import_digest(size_t row, bool hex, struct span text, struct buf *out)
{
    struct buf raw;
    buf_init(&raw, DIGEST_MAX + SALT_MAX);
    int err = hex ? hex_decode(&raw, text) : base64_decode(&raw, text);
    if (err == 0)
        err = raw.err;
    size_t n = schemes[row].digest;
    if (err == 0 && (raw.n < n || (raw.n > n) != schemes[row].salted))
        err = ERR_INVALID;
    if (err == 0)
        credentials_wrap(schemes[row].scheme, buf_span(&raw), out);
    buf_done(&raw);
    return err == 0 || err == ERR_NOMEM ? err : ERR_INVALID;
}

static int import_named(struct span name, struct span text, struct buf *out)
{
    struct span rest = name;
    struct span base = span_split(&rest, '.'); /* Dovecot: {SSHA.HEX}, {SSHA.b64} */
    bool hex = span_ieq(rest, SPAN("HEX"));
    bool b64 = rest.n == 0 || span_ieq(rest, SPAN("B64")) || span_ieq(rest, SPAN("BASE64"));
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (!span_ieq(base, span_str(schemes[i].name)))
            continue;
        if (schemes[i].form == FORM_DIGEST)
            return hex || b64 ? import_digest(i, hex, text, out) : ERR_UNSUPPORTED;
        if (rest.n > 0)
            return ERR_UNSUPPORTED;
        if (schemes[i].form == FORM_CRYPT)
            return import_crypt(text, out);
        if (schemes[i].form == FORM_ARGON2)
            return import_argon2(text, out);
        if (!password_is_possible(text))
            return ERR_INVALID;
        credentials_wrap(SCHEME_PLAIN, text, out);
        return 0;
    }
    return ERR_UNSUPPORTED;
}

int credentials_import(struct span text, struct buf *out)
{
    int err;
    ssize_t end = span_chr(text, '}');
    if (text.n > 0 && text.p[0] == '{' && end > 0)
        err = import_named(span_slice(text, 1, (size_t)end - 1), span_from(text, (size_t)end + 1),
                           out);
    else if (span_starts(text, SPAN("$argon2")))
        err = import_argon2(text, out);
    else
        err = import_crypt(text, out);
    return err != 0 ? err : out->err;
}

/* ---- verifying ---- */

static int crypt_verify(struct span hash, struct span password)
{
    char setting[CRYPT_OUTPUT_SIZE];
    char phrase[LIMIT_PASSWORD + 1];
    if (!span_to_cstr(hash, setting, sizeof setting) ||
        !span_to_cstr(password, phrase, sizeof phrase))
        return 0;
    struct crypt_data *work = calloc(1, sizeof *work); /* 32 KiB: too much for a stack */
    if (work == NULL) {
        sodium_memzero(phrase, sizeof phrase);
        return ERR_NOMEM;
    }
    const char *made = crypt_rn(phrase, setting, work, (int)sizeof *work);
    int right = made != NULL && span_eq_secret(span_str(made), hash);
    sodium_memzero(phrase, sizeof phrase);
    sodium_memzero(work, sizeof *work);
    free(work);
    return right;
}

static int digest_verify(const EVP_MD *md, struct span data, struct span password)
{
    uint8_t made[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL)
        return ERR_NOMEM;
    size_t size = (size_t)EVP_MD_get_size(md);
    struct span salt = span_from(data, size);
    bool ok = data.n >= size && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
              EVP_DigestUpdate(ctx, password.p, password.n) == 1 &&
              (salt.n == 0 || EVP_DigestUpdate(ctx, salt.p, salt.n) == 1) &&
              EVP_DigestFinal_ex(ctx, made, &n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok && span_eq_secret(span_of(made, n), span_slice(data, 0, size));
}

int credentials_foreign_verify(const struct credentials_entry *e, struct span password)
{
    char hash[CREDENTIALS_ARGON2_MAX];
    switch (e->scheme) {
    case SCHEME_ARGON2_FOREIGN:
        return span_to_cstr(e->data, hash, sizeof hash) ? argon2_verify(hash, password) : 0;
    case SCHEME_CRYPT: return crypt_verify(e->data, password);
    case SCHEME_SHA1: return digest_verify(EVP_sha1(), e->data, password);
    case SCHEME_SHA256: return digest_verify(EVP_sha256(), e->data, password);
    case SCHEME_SHA512: return digest_verify(EVP_sha512(), e->data, password);
    case SCHEME_PLAIN: return span_eq_secret(e->data, password);
    default: return 0;
    }
}
