/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5322 dates, and message ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "message/message.h"

static const struct {
    const char *text;
    int64_t seconds; /* since 1970 */
} good[] = {
    {"Sun, 22 Nov 2026 10:00:00 +0000", 1795341600},
    {"Thu, 01 Jan 1970 00:00:00 +0000", 0},
    {"1 Jan 1970 00:00 +0000", 0},
    {"Thu, 1 Jan 1970 01:00:00 +0100", 0},
    {"Wed, 31 Dec 1969 18:30:00 -0530", 0},
    {"Wed, 31 Dec 1969 23:59:59 +0000", -1},
    {"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},
    {"21 Nov 97 09:55:06 -0600", 880127706},
    {"21 Nov 97 09:55:06 -600", 880127706}, /* obsolete in no grammar, but met */
    {"21 Nov 97 16:55:06 +1", 880127706},
    {"21 Nov 26 09:55:06 UT", 1795254906},
    {"1 Jan 100 00:00:00 +0000", 946684800},
    {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706},
    {"21 Nov 1997 09:55:06 EST", 880124106},
    {"21 Nov 1997 09:55:06 pdt", 880131306},
    {"21 Nov 1997 09:55:06 XYZ", 880106106},
    {"21 Nov 1997 9:55:06 Z", 880106106},
    {"21-Nov-1997 09:55:06 +0000 (a (nested) comment \\) )", 880106106},
    {"Fri 21 September 1997 09:55:06", 874835706},
    {"31 Dec 2016 23:59:60 +0000", 1483228800}, /* a leap second */
    {"\r\n Fri, 21 Nov 1997\r\n 09:55:06 +0000\r\n", 880106106},
};

static const char *const bad[] = {
    "",
    "now",
    "Sun,",
    "22 Nov",
    "22 Nov 2026",
    "22 Nov 2026 10",
    "22 Nov 2026 10:",
    "22 Nov 2026 10:0",
    "0 Nov 2026 10:00:00 +0000",
    "31 Nov 2026 10:00:00 +0000",
    "29 Feb 2025 10:00:00 +0000",
    "29 Feb 1900 10:00:00 +0000",
    "22 Nov 2026 24:00:00 +0000",
    "22 Nov 2026 10:60:00 +0000",
    "22 Nov 2026 10:00:61 +0000",
    "22 Nov 2026 10:00:00 +060",
    "22 Nov 2026 10:00:00 +",
    "22 Nov 2026 10:00:00 +0060",
    "22 Nov 2026 10:00:00 +00000",
    "22 Nov 20266 10:00:00 +0000",
    "22 Now 2026 10:00:00 +0000",
    "123 Nov 2026 10:00:00 +0000",
    "22 Nov 2026 10:00:00 +0000 x",
    "22 Nov 1899 10:00:00 +0000",
    "22 Nov 6 10:00:00 +0000",
    "(22 Nov 2026 10:00:00 +0000",
};

static void parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        int64_t ms = 7;
        int err = date_parse(span_str(good[i].text), &ms);
        if (err != 0 || ms != good[i].seconds * 1000)
            fail_msg("%s: %d, %lld", good[i].text, err, (long long)ms);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int64_t ms = 7;
        if (date_parse(span_str(bad[i]), &ms) != ERR_INVALID || ms != 7)
            fail_msg("taken: %s", bad[i]);
    }
}

static void prints_what_it_parses(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    date_print(&b, INT64_C(1795341600999));
    assert_true(span_eq(buf_span(&b), SPAN("Sun, 22 Nov 2026 10:00:00 +0000")));
    buf_clear(&b);
    date_print(&b, 0);
    assert_true(span_eq(buf_span(&b), SPAN("Thu, 01 Jan 1970 00:00:00 +0000")));
    /* a walk over four centuries and a bit, in steps that meet every month and time of day */
    for (int64_t s = -INT64_C(2208988800); s < INT64_C(12000000000); s += 1234567) {
        int64_t back = 0;
        buf_clear(&b);
        date_print(&b, s * 1000);
        assert_int_equal(date_parse(buf_span(&b), &back), 0);
        assert_true(back == s * 1000);
    }
    buf_done(&b);
}

static void message_ids(void **state)
{
    (void)state;
    struct rng_seeded r;
    struct buf a, b;
    rng_seeded_init(&r, 1);
    buf_init(&a, 200);
    buf_init(&b, 200);
    message_id_print(&a, INT64_C(1795341600999), &r.rng, SPAN("mx.example"));
    message_id_print(&b, INT64_C(1795341600999), &r.rng, SPAN("mx.example"));
    assert_false(span_eq(buf_span(&a), buf_span(&b)));
    struct arena *ar = arena_new(4096);
    /* an id has the form of an address, RFC 5322 §3.6.4 */
    struct span inside = span_slice(buf_span(&a), 1, a.n - 2);
    assert_true(span_eq(header_first_address(buf_span(&a), ar), inside));
    assert_true(span_ends(inside, SPAN("@mx.example")));
    arena_free(ar);
    buf_done(&a);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(prints_what_it_parses),
        cmocka_unit_test(message_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
