/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "net/proxy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define V4                                                                                         \
    "\xc0\x00\x02\x37\xc0\x00\x02\x01\x10\xe1\x00\x19" /* 192.0.2.55:4321 to 192.0.2.1:25          \
                                                        */
#define A54  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define A216 A54 A54 A54 A54
#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

enum { WHOLE = 1, MORE = 0 };

struct row {
    struct span in;
    int result;         /* WHOLE: the row's length minus `rest`; MORE; or the error */
    size_t rest;        /* bytes behind the header */
    const char *source; /* NULL: local */
    uint16_t port;
};

/* clang-format off */
static const struct row rows[] = {
    {SPAN("PROXY TCP4 192.0.2.55 192.0.2.1 4321 25\r\n"), WHOLE, 0, "192.0.2.55", 4321},
    {SPAN("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\nEHLO"), WHOLE, 4, "255.255.255.255", 65535},
    {SPAN("PROXY TCP6 2001:DB8::7 ::1 0 25\r\n"), WHOLE, 0, "2001:db8::7", 0},
    {SPAN("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), WHOLE, 0,
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535},
    {SPAN("PROXY UNKNOWN\r\n"), WHOLE, 0, NULL, 0},
    {SPAN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), WHOLE, 0, NULL, 0},
    {SPAN("PROXY UNKNOWN any thing at all\r\nQUIT"), WHOLE, 4, NULL, 0},
    /* not exactly the grammar of section 2.1 */
    {SPAN("PROXY UNKNOWNS\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP5 192.0.2.55 192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY tcp4 192.0.2.55 192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("proxy TCP4 192.0.2.55 192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY  TCP4 192.0.2.55 192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55  192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55 192.0.2.1 4321 25 \r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55 192.0.2.1 4321 25 9\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55 192.0.2.1 4321\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.055 192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.256 192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55 192.0.2.1 04321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55 192.0.2.1 4321 65536\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55 192.0.2.1 -1 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 2001:db8::7 2001:db8::1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP6 192.0.2.55 192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55 192.0.2.1 4321 25\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY TCP4 192.0.2.55\r192.0.2.1 4321 25\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY \r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXY UNKNOWN " X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxx\r"), ERR_INVALID, 0, NULL, 0}, /* 107 and no LF */
    {SPAN("PROXY UNKNOWN " X64), MORE, 0, NULL, 0},
    {SPAN(""), MORE, 0, NULL, 0},
    {SPAN("EHLO x\r\n"), ERR_INVALID, 0, NULL, 0},
    {SPAN("PROXIMA"), ERR_INVALID, 0, NULL, 0},
    {SPAN("\x16\x03\x01"), ERR_INVALID, 0, NULL, 0},
    /* version 2 */
    {SPAN(SIG "\x21\x11\x00\x0c" V4 "next"), WHOLE, 4, "192.0.2.55", 4321},
    {SPAN(SIG "\x21\x21\x00\x24" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\x10\xe1\x00\x19"),
     WHOLE, 0, "2001:db8::7", 4321},
    {SPAN(SIG "\x20\x00\x00\x00"), WHOLE, 0, NULL, 0},
    {SPAN(SIG "\x20\xff\x00\x03" "abc"), WHOLE, 0, NULL, 0},        /* LOCAL: the rest is ignored */
    {SPAN(SIG "\x21\x00\x00\x03" "abc"), WHOLE, 0, NULL, 0},        /* UNSPEC */
    {SPAN(SIG "\x21\x12\x00\x0c" V4), WHOLE, 0, NULL, 0},           /* UDP: falls back to UNSPEC */
    {SPAN(SIG "\x21\x31\x00\xd8" A216), WHOLE, 0, NULL, 0},         /* UNIX */
    {SPAN(SIG "\x21\x11\x00\x12" V4 "\xe0\x00\x03zzz"), WHOLE, 0, "192.0.2.55", 4321},
    {SPAN(SIG "\x21\x11\x00\x18" V4 "\x04\x00\x02" "ab" "\x03\x00\x04" "@CRC"), ERR_INVALID, 0, NULL, 0},
    {SPAN(SIG "\x21\x11\x00\x11" V4 "\x03\x00\x02" "ab"), ERR_INVALID, 0, NULL, 0},  /* a CRC of two bytes */
    {SPAN(SIG "\x21\x11\x00\x0f" V4 "\x04\x00\x01"), ERR_INVALID, 0, NULL, 0},       /* TLV longer than the header */
    {SPAN(SIG "\x21\x11\x00\x0e" V4 "\x04\x00"), ERR_INVALID, 0, NULL, 0},           /* half a TLV */
    {SPAN(SIG "\x21\x11\x00\x0b" "\xc0\x00\x02\x37\xc0\x00\x02\x01\x10\xe1\x00"), ERR_INVALID, 0, NULL, 0},
    {SPAN(SIG "\x22\x11\x00\x0c" V4), ERR_INVALID, 0, NULL, 0},     /* unknown command */
    {SPAN(SIG "\x11"), ERR_INVALID, 0, NULL, 0},                    /* version 1 in binary */
    {SPAN(SIG "\x21\x41\x00\x0c" V4), ERR_INVALID, 0, NULL, 0},     /* unknown family */
    {SPAN(SIG "\x21\x13\x00\x0c" V4), ERR_INVALID, 0, NULL, 0},     /* unknown transport */
    {SPAN(SIG "\x21\x11\xff\xff"), ERR_TOO_BIG, 0, NULL, 0},
    {SPAN("\r\n\r\n\1"), ERR_INVALID, 0, NULL, 0},
};
/* clang-format on */

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *r = &rows[i];
        struct proxy_header h;
        char store[46];
        ssize_t want = r->result == WHOLE ? (ssize_t)(r->in.n - r->rest) : r->result;
        ssize_t n = proxy_parse(r->in, &h);
        if (n != want)
            print_error("row %zu: %zd\n", i, n);
        assert_int_equal(n, want);
        if (n <= 0)
            continue;
        assert_int_equal(h.local, r->source == NULL);
        if (r->source != NULL) {
            assert_true(span_eq(ip_text(h.source, store), span_str(r->source)));
            assert_int_equal(h.source_port, r->port);
        }
    }
}

static void byte_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *r = &rows[i];
        struct proxy_header h;
        if (r->result != WHOLE)
            continue;
        for (size_t n = 0; n < r->in.n - r->rest; n++) {
            /* memory of exactly that size: a read beyond it is found */
            char *part = malloc(n + 1);
            assert_non_null(part);
            memcpy(part + 1, r->in.p, n);
            assert_int_equal(proxy_parse(span_of(part + 1, n), &h), 0);
            free(part);
        }
    }
}

/* The value was computed with another program, one that gives e3069283 for "123456789" as it must.
 */
static void checksum(void **state)
{
    (void)state;
    char good[] = SIG "\x21\x11\x00\x18" V4 "\x04\x00\x02"
                      "ab"
                      "\x03\x00\x04"
                      "\xdb\xae\xe1\x3c";
    struct proxy_header h;
    size_t n = sizeof good - 1;
    assert_int_equal(proxy_parse(span_of(good, n), &h), n);
    assert_false(h.local);
    enum { ADDRESSES = 16, CRC_TLV = ADDRESSES + 12 + 5 };
    for (size_t i = ADDRESSES; i < n; i++) {
        /* a changed type makes it a TLV that is skipped, and the header one without a checksum */
        if (i == CRC_TLV)
            continue;
        good[i] ^= 1;
        assert_true(proxy_parse(span_of(good, n), &h) <= 0);
        good[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(byte_at_a_time),
        cmocka_unit_test(checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
