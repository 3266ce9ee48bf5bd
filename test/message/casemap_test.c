/* SPDX-License-Identifier: Apache-2.0 */
/* i;unicode-casemap (RFC 5051). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/casemap.h"
#include "message/charset.h"

static void maps(struct span in, struct span want)
{
    struct buf out;
    buf_init(&out, 4096);
    casemap_put(&out, in);
    if (out.err != 0 || !span_eq(buf_span(&out), want))
        fail_msg("%.*s: %.*s", SPAN_ARG(in), SPAN_ARG(buf_span(&out)));
    buf_done(&out);
}

static void table(void **state)
{
    (void)state;
    maps(SPAN(""), SPAN(""));
    maps(SPAN("Hello, World 1@[`{"), SPAN("HELLO, WORLD 1@[`{"));
    maps(SPAN("\0z\x7f"), SPAN("\0Z\x7f"));
    /* RFC 5051 §2's example: U+01C4, title case U+01C5, decomposed as far as it goes */
    maps(SPAN("\xc7\x84"), SPAN("Dz\xcc\x8c"));
    maps(SPAN("\xc7\x85"), SPAN("Dz\xcc\x8c"));
    maps(SPAN("\xc7\x86"), SPAN("Dz\xcc\x8c"));
    /* composed and not, large and small */
    maps(SPAN("\xc3\xa4"), SPAN("A\xcc\x88"));
    maps(SPAN("\xc3\x84"), SPAN("A\xcc\x88"));
    maps(SPAN("a\xcc\x88"), SPAN("A\xcc\x88"));
    maps(SPAN("\xd0\xb9"), SPAN("\xd0\x98\xcc\x86"));         /* й */
    maps(SPAN("\xcf\x82\xcf\x83"), SPAN("\xce\xa3\xce\xa3")); /* both small sigmas */
    maps(SPAN("\xc3\x9f"),
         SPAN("\xc3\x9f"));                 /* ß has no title case of its own in UnicodeData.txt */
    maps(SPAN("\xef\xac\x81"), SPAN("fi")); /* the ligature */
    maps(SPAN("\xef\xbc\xa1"), SPAN("A"));  /* full width */
    maps(SPAN("\xed\x95\x9c"), SPAN("\xed\x95\x9c")); /* a Hangul syllable */
    maps(SPAN("\xf0\x9f\x98\x80"), SPAN("\xf0\x9f\x98\x80"));
    maps(SPAN("\xff"), SPAN("\xef\xbf\xbd"));
}

/* No character grows by more than CASEMAP_GROWTH. */
static void growth(void **state)
{
    (void)state;
    for (uint32_t c = 1; c <= 0x10ffff; c++) {
        struct buf in, out;
        buf_init(&in, 8);
        buf_init(&out, 128);
        utf8_put(&in, c);
        casemap_put(&out, buf_span(&in));
        assert_int_equal(out.err, 0);
        assert_true(out.n > 0 && out.n <= CASEMAP_GROWTH * in.n);
        buf_done(&in);
        buf_done(&out);
        if (c > 0x30000) /* planes with no letters: a sample is enough */
            c += 0x3ff;
    }
}

static void full_buffer(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4);
    casemap_put(&out, SPAN("abcde\xc3\xa4"));
    assert_int_not_equal(out.err, 0);
    buf_done(&out);
}

static void composed(void **state)
{
    (void)state;
    char many[CASEMAP_COMPOSED_MAX + 2];
    assert_true(casemap_is_composed(SPAN("")));
    assert_true(casemap_is_composed(SPAN("Entwurf")));
    assert_true(casemap_is_composed(SPAN("\xc3\xa4 \xf0\x9f\x93\xab")));
    assert_false(casemap_is_composed(SPAN("a\xcc\x88")));
    assert_false(casemap_is_composed(SPAN("\xe2\x84\xab"))); /* the sign of Angstrom */
    assert_false(casemap_is_composed(SPAN("\xc3")));
    memset(many, 'a', sizeof many);
    assert_true(casemap_is_composed(span_of(many, CASEMAP_COMPOSED_MAX)));
    assert_false(casemap_is_composed(span_of(many, CASEMAP_COMPOSED_MAX + 1)));
    many[0] = '\xc3';
    many[1] = '\xa4';
    assert_true(casemap_is_composed(span_of(many, CASEMAP_COMPOSED_MAX)));
    assert_false(casemap_is_composed(span_of(many, CASEMAP_COMPOSED_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(growth),
        cmocka_unit_test(full_buffer),
        cmocka_unit_test(composed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
