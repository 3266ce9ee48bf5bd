/* SPDX-License-Identifier: Apache-2.0 */
/* base64, hex, xtext, times: the vectors of their RFCs, and what a strict decoder refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/err.h"
#include "base/random.h"

typedef void (*encode_fn)(struct buf *out, struct span in);
typedef int (*decode_fn)(struct buf *out, struct span in);

static void assert_pair(encode_fn encode, decode_fn decode, struct span plain, struct span coded)
{
    struct buf b;
    buf_init(&b, 4096);
    encode(&b, plain);
    if (!span_eq(buf_span(&b), coded))
        fail_msg("%.*s became %.*s", SPAN_ARG(plain), SPAN_ARG(buf_span(&b)));
    buf_clear(&b);
    assert_int_equal(decode(&b, coded), 0);
    assert_true(span_eq(buf_span(&b), plain));
    buf_done(&b);
}

static void assert_refused(decode_fn decode, struct span coded)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_puts(&b, "kept");
    if (decode(&b, coded) != ERR_INVALID)
        fail_msg("accepted: %.*s", SPAN_ARG(coded));
    assert_true(span_eq(buf_span(&b), SPAN("kept")));
    assert_int_equal(b.err, 0);
    buf_done(&b);
}

static void base64_vectors(void **state)
{
    (void)state;
    static const struct { /* RFC 4648 §10 */
        const char *plain, *coded;
    } v[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < COUNT_OF(v); i++)
        assert_pair(base64_encode, base64_decode, span_str(v[i].plain), span_str(v[i].coded));
    assert_pair(base64_encode, base64_decode, SPAN("\0alice\0secret"),
                SPAN("AGFsaWNlAHNlY3JldA=="));
    assert_pair(base64_encode, base64_decode, SPAN("\xfb\xff"), SPAN("+/8="));
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const struct span bad[] = {
        {"Z", 1},    {"Zg", 2},   {"Zg=", 3},   {"Zg===", 5},      {"Zg==Zg==", 8}, {"Zh==", 4},
        {"Zm9=", 4}, {"====", 4}, {"=", 1},     {"Z===", 4},       {"Zm9v\n", 5},   {"Zm9\n", 4},
        {" Zm9", 4}, {"Zm-_", 4}, {"Zm\0v", 4}, {"Zm\xc3\xa9", 4},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_refused(base64_decode, bad[i]);
}

/* Longer than the pieces encoding works in, at every length around them. */
static void long_input_round_trips(void **state)
{
    (void)state;
    struct rng_seeded r;
    rng_seeded_init(&r, 1);
    char bytes[200];
    r.rng.fill(&r.rng, bytes, sizeof bytes);
    struct buf a, b;
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        static const struct {
            encode_fn encode;
            decode_fn decode;
        } codecs[] = {
            {base64_encode, base64_decode}, {hex_encode, hex_decode}, {xtext_encode, xtext_decode}};
        for (size_t i = 0; i < COUNT_OF(codecs); i++) {
            buf_clear(&a);
            buf_clear(&b);
            codecs[i].encode(&a, span_of(bytes, n));
            assert_int_equal(codecs[i].decode(&b, buf_span(&a)), 0);
            assert_true(span_eq(buf_span(&b), span_of(bytes, n)));
        }
    }
    buf_done(&a);
    buf_done(&b);
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 6);
    assert_int_equal(base64_decode(&b, SPAN("Zm9vYmFy")), 0); /* just fits */
    buf_clear(&b);
    assert_int_equal(base64_decode(&b, SPAN("Zm9vYmFyZg==")), ERR_TOO_BIG);
    buf_clear(&b);
    assert_int_equal(hex_decode(&b, SPAN("00112233445566")), ERR_TOO_BIG);
    buf_clear(&b);
    assert_int_equal(xtext_decode(&b, SPAN("abcdefg")), ERR_TOO_BIG);
    buf_done(&b);
}

static void hex_vectors(void **state)
{
    (void)state;
    struct buf b;
    assert_pair(hex_encode, hex_decode, SPAN("\x00\x7f\xff\xa5"), SPAN("007fffa5"));
    assert_pair(hex_encode, hex_decode, SPAN(""), SPAN(""));
    buf_init(&b, 64);
    assert_int_equal(hex_decode(&b, SPAN("DEADbeef")), 0);
    assert_true(span_eq(buf_span(&b), SPAN("\xde\xad\xbe\xef")));
    buf_done(&b);
    assert_refused(hex_decode, SPAN("0"));
    assert_refused(hex_decode, SPAN("0g"));
    assert_refused(hex_decode, SPAN("00 0"));
    assert_refused(hex_decode, SPAN("00:1"));
    assert_refused(hex_decode, SPAN("0\0"));
}

static void xtext_vectors(void **state)
{
    (void)state;
    assert_pair(xtext_encode, xtext_decode, SPAN("rfc822;bob@example.org"),
                SPAN("rfc822;bob@example.org"));
    assert_pair(xtext_encode, xtext_decode, SPAN("a+b=c d\x7f\xff"), SPAN("a+2Bb+3Dc+20d+7F+FF"));
    assert_refused(xtext_decode, SPAN("a+2b"));
    assert_refused(xtext_decode, SPAN("a+2"));
    assert_refused(xtext_decode, SPAN("a+"));
    assert_refused(xtext_decode, SPAN("a+G0"));
    assert_refused(xtext_decode, SPAN("a=b"));
    assert_refused(xtext_decode, SPAN("a b"));
    assert_refused(xtext_decode, SPAN("\xc3\xa9"));
    assert_refused(xtext_decode, SPAN("a\r\nb"));
}

static void times_are_rfc3339(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } v[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1795341600123, "2026-11-22T10:00:00.123Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "1000-01-01T00:00:00.000Z"},
    };
    struct buf b;
    buf_init(&b, 64);
    for (size_t i = 0; i < COUNT_OF(v); i++) {
        buf_clear(&b);
        time_rfc3339(&b, v[i].ms);
        buf_putc(&b, '\0');
        assert_string_equal(b.p, v[i].text);
    }
    buf_done(&b);
}

/* Our calendar against libc's: hours that lie all over nine thousand years, and each day of four centuries. */
static void dates_are_those_of_libc(void **state)
{
    (void)state;
    const int64_t first = -30610224000, last = 253402300799, day = 86400, days_400 = 146097;
    char ours[TIME_RFC3339_SIZE], libcs[TIME_RFC3339_SIZE];
    for (int64_t s = first; s <= last; s += s < first + days_400 * day ? day : 19 * day + 3607) {
        struct tm t;
        time_t at = (time_t)s;
        assert_non_null(gmtime_r(&at, &t));
        assert_true(strftime(libcs, sizeof libcs, "%Y-%m-%dT%H:%M:%S.000Z", &t) > 0);
        assert_string_equal(time_rfc3339_text(s * 1000, ours).p, libcs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(long_input_round_trips),
        cmocka_unit_test(a_full_buffer_is_an_error),
        cmocka_unit_test(hex_vectors),
        cmocka_unit_test(xtext_vectors),
        cmocka_unit_test(times_are_rfc3339),
        cmocka_unit_test(dates_are_those_of_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
