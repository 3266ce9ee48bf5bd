/* SPDX-License-Identifier: Apache-2.0 */
/* Encoded-words: RFC 2047's examples, and what mail makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/words.h"

static const struct {
    const char *in, *out;
} cases[] = {
    {"", ""},
    {"plain", "plain"},
    {"=?", "=?"},
    {"=?=?=?", "=?=?=?"},
    /* RFC 2047 §8 */
    {"=?ISO-8859-1?Q?a?=", "a"},
    {"=?ISO-8859-1?Q?a?= b", "a b"},
    {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
    {"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"},
    {"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"},
    {"=?ISO-8859-1?Q?a_b?=", "a b"},
    {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
    {"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"},
    {"=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\xc3\xa9 Pirard"},
    {"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
     "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
     "If you can read this you understand the example."},
    {"=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=",
     "\xd7\x9d\xd7\x95\xd7\x9c\xd7\xa9 \xd7\x9f\xd7\x91 \xd7\x99\xd7\x9c\xd7\x98\xd7\xa4\xd7\xa0"},
    /* RFC 2231 §5 */
    {"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},
    {"=?iso-2022-jp?b?GyRCJUYlOSVIGyhC?= x", "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88 x"},
    /* a character cut between two words, in either encoding */
    {"=?utf-8?q?=E2=82?= =?UTF-8?Q?=AC?=", "\xe2\x82\xac"},
    {"=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "\xe2\x82\xac"},
    {"=?utf-8?q?=E2=82?= x", "\xef\xbf\xbd x"},
    /* anywhere, empty, long, with spaces and small letters */
    {"a=?utf-8?q?b?=c", "abc"},
    {"\"=?utf-8?q?b?=\"", "\"b\""},
    {"=?utf-8?q?"
     "?=",
     ""},
    {"=?utf-8?b?"
     "?= x",
     " x"},
    {"=?utf-8?q?a b?=", "a b"},
    {"=?utf-8?q?=c3=a4?=", "\xc3\xa4"},
    {"=?utf-8?q?a?b?=", "a?b"},
    {"=?utf-8?q?=zz=?=", "=zz="},
    {"=?utf-8?b?YQ?=", "a"},
    {"=?utf-8?b?YWI?=", "ab"},
    /* none of them */
    {"=?utf-8?x?a?=", "=?utf-8?x?a?="},
    {"=?utf-8?q?a", "=?utf-8?q?a"},
    {"=?utf-8?q", "=?utf-8?q"},
    {"=??q?a?=", "=??q?a?="},
    {"=?a b?q?a?=", "=?a b?q?a?="},
    {"=?utf-8?q?open =?utf-8?q?whole?=", "=?utf-8?q?open whole"},
    /* unlabelled bytes, charsets nobody knows */
    {"\xc3\xa4 \xe4", "\xc3\xa4 \xc3\xa4"},
    {"=?x-nobody?q?=E4?=", "\xc3\xa4"},
    {"a \xc3=?utf-8?q?b?=", "a \xc3\x83"
                            "b"},
};

static void decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(words_decode(span_str(cases[i].in), &out), 0);
        if (!span_eq(buf_span(&out), span_str(cases[i].out)))
            fail_msg("%s: %.*s", cases[i].in, SPAN_ARG(buf_span(&out)));
        buf_done(&out);
    }
}

static void small_buffers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t max = 0; max < 70; max++) {
            struct buf out;
            size_t n = span_str(cases[i].out).n;
            buf_init(&out, max);
            int err = words_decode(span_str(cases[i].in), &out);
            assert_true(n <= max ? err == 0 && out.n == n : err != 0);
            buf_done(&out);
        }
}

/* A quarter of a megabyte of each thing that opens and never closes: linear, or the time limit of the test is met. */
static void hostile(void **state)
{
    static const char *const units[] = {
        "=?", "=?a?q?", "=?a?q?b", "?=", "=?a?q?b?= ", "=?b?b?=", "=?utf-8?q?=E2?= "};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        for (int closed = 0; closed < 2; closed++) {
            struct buf in, out;
            buf_init(&in, 1 << 21);
            buf_init(&out, WORDS_GROWTH << 21);
            while (in.n < 1 << 18)
                buf_puts(&in, units[i]);
            if (closed)
                buf_puts(&in, "?=");
            assert_int_equal(words_decode(buf_span(&in), &out), 0);
            assert_true(out.n <= WORDS_GROWTH * in.n);
            buf_done(&in);
            buf_done(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),
        cmocka_unit_test(small_buffers),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
