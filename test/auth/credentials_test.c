/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials records: made here, taken over from elsewhere, damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/credentials.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/pack.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const struct credentials_cost cheap = {
    .argon2_mem = 8192, .argon2_ops = 1, .scram_iterations = 4096};

static struct buf make(struct span password)
{
    struct buf b;
    buf_init(&b, CREDENTIALS_MAX);
    assert_int_equal(credentials_make(password, &cheap, rng_system(), &b), 0);
    return b;
}

static int verify(struct span record, struct span password)
{
    struct credentials c;
    assert_int_equal(credentials_decode(record, &c), 0);
    return credentials_verify(&c, password);
}

static void its_own_password_and_no_other(void **state)
{
    (void)state;
    struct buf b = make(SPAN("correct horse"));
    assert_int_equal(verify(buf_span(&b), SPAN("correct horse")), 1);
    assert_int_equal(verify(buf_span(&b), SPAN("correct hors")), 0);
    assert_int_equal(verify(buf_span(&b), SPAN("correct horse ")), 0);
    assert_int_equal(verify(buf_span(&b), SPAN("")), 0);
    assert_int_equal(verify(buf_span(&b), SPAN("correct horse\0")), 0);
    struct credentials c;
    assert_int_equal(credentials_decode(buf_span(&b), &c), 0);
    assert_false(credentials_are_old(&c, SPAN("correct horse"), &cheap));
    buf_done(&b);
}

static void spellings_of_one_text_are_one_password(void **state)
{
    (void)state;
    struct buf b = make(SPAN("stra\xc3\x9f"
                             "e \xc3\xa9")); /* é as one code point */
    assert_int_equal(verify(buf_span(&b), SPAN("stra\xc3\x9f"
                                               "e e\xcc\x81")),
                     1); /* e and a combining accent */
    assert_int_equal(verify(buf_span(&b), SPAN("stra\xc3\x9f"
                                               "e e")),
                     0);
    buf_done(&b);
    b = make(SPAN("a\xc2\xa0z")); /* RFC 4013 §2.1: a no-break space is a space */
    assert_int_equal(verify(buf_span(&b), SPAN("a z")), 1);
    buf_done(&b);
}

static void what_saslprep_refuses_is_taken_as_it_is(void **state)
{
    (void)state;
    static const struct span odd[] = {SPAN("tab\there"), SPAN("latin1 \xe9"), SPAN("\xc2\xad")};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        struct buf b = make(odd[i]);
        struct credentials c;
        struct scram_keys k;
        assert_int_equal(verify(buf_span(&b), odd[i]), 1);
        assert_int_equal(verify(buf_span(&b), SPAN("tab here")), 0);
        assert_int_equal(credentials_decode(buf_span(&b), &c), 0);
        assert_int_equal(credentials_scram(&c, &k), ERR_NOT_FOUND);
        assert_false(credentials_are_old(&c, odd[i], &cheap));
        buf_done(&b);
    }
}

static void emoji_have_scram_too(void **state)
{
    (void)state;
    struct buf b = make(SPAN("\xf0\x9f\x90\xb4 horse"));
    struct credentials c;
    struct scram_keys k;
    assert_int_equal(credentials_decode(buf_span(&b), &c), 0);
    assert_int_equal(credentials_scram(&c, &k), 0);
    assert_int_equal(verify(buf_span(&b), SPAN("\xf0\x9f\x90\xb4 horse")), 1);
    buf_done(&b);
}

static void length_and_nul_are_limited(void **state)
{
    (void)state;
    static char longest[LIMIT_PASSWORD + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(password_is_possible(span_of(longest, LIMIT_PASSWORD)));
    assert_false(password_is_possible(span_of(longest, LIMIT_PASSWORD + 1)));
    assert_false(password_is_possible(SPAN("")));
    assert_false(password_is_possible(SPAN("a\0b")));
    struct buf b = make(span_of(longest, LIMIT_PASSWORD));
    assert_int_equal(verify(buf_span(&b), span_of(longest, LIMIT_PASSWORD)), 1);
    assert_int_equal(verify(buf_span(&b), span_of(longest, LIMIT_PASSWORD + 1)), 0);
    assert_int_equal(verify(buf_span(&b), span_of(longest, LIMIT_PASSWORD - 1)), 0);
    buf_done(&b);
}

static void another_cost_is_old(void **state)
{
    (void)state;
    struct buf b = make(SPAN("secret"));
    struct credentials c;
    struct credentials_cost more = cheap;
    assert_int_equal(credentials_decode(buf_span(&b), &c), 0);
    more.argon2_ops = 2;
    assert_true(credentials_are_old(&c, SPAN("secret"), &more));
    more = cheap;
    more.scram_iterations = 5000;
    assert_true(credentials_are_old(&c, SPAN("secret"), &more));
    buf_done(&b);
}

/* ---- RFC 7677 §3 ---- */

static struct buf decoded(const char *base64)
{
    struct buf b;
    buf_init(&b, 256);
    assert_int_equal(base64_decode(&b, span_str(base64)), 0);
    return b;
}

static void fixed_salt(struct rng *r, void *to, size_t n)
{
    (void)r;
    struct buf salt = decoded("W22ZaJ0SNY7soEsUEjb6gQ==");
    assert_int_equal(n, salt.n);
    memcpy(to, salt.p, n);
    buf_done(&salt);
}

static void hmac(struct span key, const char *text, uint8_t out[SCRAM_KEY])
{
    unsigned n;
    assert_non_null(
        HMAC(EVP_sha256(), key.p, (int)key.n, (const uint8_t *)text, strlen(text), out, &n));
    assert_int_equal(n, SCRAM_KEY);
}

static void scram_keys_are_those_of_rfc_7677(void **state)
{
    (void)state;
    static const char message[] = "n=user,r=rOprNGfwEbeRWgbNEkqO,"
                                  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                  "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
                                  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    struct rng rng = {.fill = fixed_salt};
    struct credentials c;
    struct scram_keys k;
    struct buf b;
    uint8_t signature[SCRAM_KEY], client_key[SCRAM_KEY], stored[SCRAM_KEY];
    unsigned n;
    buf_init(&b, CREDENTIALS_MAX);
    assert_int_equal(credentials_make(SPAN("pencil"), &cheap, &rng, &b), 0);
    assert_int_equal(credentials_decode(buf_span(&b), &c), 0);
    assert_int_equal(credentials_scram(&c, &k), 0);
    assert_int_equal(k.iterations, 4096);

    struct buf proof = decoded("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    hmac(k.stored_key, message, signature);
    for (size_t i = 0; i < SCRAM_KEY; i++)
        client_key[i] = signature[i] ^ (uint8_t)proof.p[i];
    assert_int_equal(EVP_Digest(client_key, SCRAM_KEY, stored, &n, EVP_sha256(), NULL), 1);
    assert_memory_equal(stored, k.stored_key.p, SCRAM_KEY);

    struct buf verifier = decoded("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    hmac(k.server_key, message, signature);
    assert_memory_equal(signature, verifier.p, SCRAM_KEY);
    buf_done(&verifier);
    buf_done(&proof);
    buf_done(&b);
}

/* ---- hashes of other systems ---- */

/* clang-format off */
static const struct { const char *hash; const char *password; } imported[] = {
    {"{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "correct horse"},
    {"{SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==", "correct horse"},
    {"{ssha.b64}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==", "correct horse"},
    {"{SHA256}QQTTb42iwlQ0n4WDZ5Pr4CngyVcGOjTJHC6SAxh7VjE=", "correct horse"},
    {"{SSHA256}CFsq5JPfiBQ0W3uR5Dnao+9mknEq9a739V+FPkJ6yjABAgMEBQYHCA==", "correct horse"},
    {"{SSHA256.HEX}085b2ae493df8814345b7b91e439daa3ef6692712af5aef7f55f853e427aca300102030405060708", "correct horse"},
    {"{SHA512}VraY3v7bWkNbY0r+MyC7rz/c2SC2xQOkRvx7endrKY1HnRumqLYXgI6wv1ec6aldZoNHvKtxSQhayTyyeZUZew==", "correct horse"},
    {"{SSHA512}ggObOJHDWCqgI5uFv/j9yDNYMvdTgt+Toj8d6cGrSG/e+E9GbH4DkQ8y5jY3NblhoGens+zNVX1mZaFy0qwRwwECAwQFBgcI", "correct horse"},
    /* made with openssl passwd and with crypt(3) */
    {"$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG.", "correct horse"},
    {"$5$abcdefgh$ruMep1ijHnJPZbETDNiumskxcX3kN4lzZd5VlsqE7eB", "correct horse"},
    {"{CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "Hello world!"},
    {"{SHA512-CRYPT}$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.", "Hello world!"},
    {"{SHA256-CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"},
    /* from the tests of crypt_blowfish */
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"{BLF-CRYPT}$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
    /* from the tests of the reference implementation of argon2 */
    {"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
    {"{ARGON2I}$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "password"},
    {"{PLAIN}open} sesame", "open} sesame"},
    {"{cleartext}x", "x"},
};

static const struct { const char *hash; int err; } refused[] = {
    {"", ERR_UNSUPPORTED},
    {"plain text", ERR_UNSUPPORTED},
    {"{}", ERR_UNSUPPORTED},
    {"{SSHA", ERR_UNSUPPORTED},
    {"{MD5}X03MO1qnZdYdgyfeuILPmQ==", ERR_UNSUPPORTED},
    {"{SMD5}abcd", ERR_UNSUPPORTED},
    {"{MD5-CRYPT}$1$abcd$xyz", ERR_UNSUPPORTED},
    {"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", ERR_UNSUPPORTED},
    {"{CRYPT}abJnggxhB/yWI", ERR_UNSUPPORTED},
    {"{PLAIN.HEX}00", ERR_UNSUPPORTED},
    {"{SSHA.XYZ}00", ERR_UNSUPPORTED},
    {"{SSHA}", ERR_INVALID},
    {"{SSHA}!!!!", ERR_INVALID},
    {"{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=", ERR_INVALID}, /* no salt */
    {"{SHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==", ERR_INVALID}, /* a salt */
    {"{SHA512}L55TUjtiq8FBorTWAZ0jy6g129A=", ERR_INVALID},
    {"{PLAIN}", ERR_INVALID},
    {"$6$", ERR_INVALID},
    {"$6$abc$short", ERR_INVALID},
    {"$6$rounds=999999999$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG.", ERR_INVALID},
    {"$5$ab:defgh$ruMep1ijHnJPZbETDNiumskxcX3kN4lzZd5VlsqE7eB", ERR_INVALID},
    {"$2b$31$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", ERR_INVALID},
    {"$2b$05$CCCC", ERR_INVALID},
    {"$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", ERR_INVALID},
    {"$argon2id$v=19$m=256,t=999999,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", ERR_INVALID},
    {"$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", ERR_INVALID},
    {"$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", ERR_UNSUPPORTED},
    {"$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", ERR_UNSUPPORTED},
};
/* clang-format on */

static void imported_hashes_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(imported); i++) {
        struct buf b;
        struct credentials c;
        struct span password = span_str(imported[i].password);
        buf_init(&b, CREDENTIALS_MAX);
        int err = credentials_import(span_str(imported[i].hash), &b);
        if (err != 0 || verify(buf_span(&b), password) != 1)
            fail_msg("%s: %s", imported[i].hash, err_name(err));
        assert_int_equal(verify(buf_span(&b), SPAN("wrong")), 0);
        assert_int_equal(verify(buf_span(&b), span_slice(password, 1, password.n)), 0);
        assert_int_equal(credentials_decode(buf_span(&b), &c), 0);
        assert_true(credentials_are_old(&c, password, &cheap));
        buf_done(&b);
    }
}

static void other_hashes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct buf b;
        buf_init(&b, CREDENTIALS_MAX);
        int err = credentials_import(span_str(refused[i].hash), &b);
        if (err != refused[i].err)
            fail_msg("%s: %s", refused[i].hash, err_name(err));
        buf_done(&b);
    }
}

/* ---- damage ---- */

static void every_cut_of_a_record_is_corrupt_or_less(void **state)
{
    (void)state;
    struct buf b = make(SPAN("secret"));
    struct credentials c;
    assert_int_equal(credentials_decode(SPAN_EMPTY, &c), 0);
    assert_int_equal(c.n, 0);
    assert_int_equal(credentials_verify(&c, SPAN("secret")), 0);
    for (size_t n = 1; n < b.n; n++)
        assert_int_equal(credentials_decode(span_of(b.p, n), &c), ERR_CORRUPT);
    buf_done(&b);
}

static void schemes_of_a_newer_program_are_passed_over(void **state)
{
    (void)state;
    struct buf b;
    struct credentials c;
    struct scram_keys k;
    buf_init(&b, CREDENTIALS_MAX);
    pack_u8(&b, 2);
    pack_uint(&b, 2);
    pack_uint(&b, 99);
    pack_span(&b, SPAN("whatever"));
    pack_uint(&b, SCHEME_PLAIN);
    pack_span(&b, SPAN("secret"));
    pack_span(&b, SPAN("a new field"));
    assert_int_equal(credentials_decode(buf_span(&b), &c), 0);
    assert_int_equal(credentials_verify(&c, SPAN("secret")), 1);
    assert_int_equal(credentials_verify(&c, SPAN("whatever")), 0);
    assert_int_equal(credentials_scram(&c, &k), ERR_NOT_FOUND);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_own_password_and_no_other),
        cmocka_unit_test(spellings_of_one_text_are_one_password),
        cmocka_unit_test(what_saslprep_refuses_is_taken_as_it_is),
        cmocka_unit_test(emoji_have_scram_too),
        cmocka_unit_test(length_and_nul_are_limited),
        cmocka_unit_test(another_cost_is_old),
        cmocka_unit_test(scram_keys_are_those_of_rfc_7677),
        cmocka_unit_test(imported_hashes_verify),
        cmocka_unit_test(other_hashes_are_refused),
        cmocka_unit_test(every_cut_of_a_record_is_corrupt_or_less),
        cmocka_unit_test(schemes_of_a_newer_program_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
