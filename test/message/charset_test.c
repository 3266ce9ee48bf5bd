/* SPDX-License-Identifier: Apache-2.0 */
/* Charsets: the ones real mail uses, under the names it uses, broken in the ways it breaks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/charset.h"

static const struct {
    const char *name, *in, *out;
    bool known;
    unsigned bad;
} cases[] = {
    {"us-ascii", "abc", "abc", true, 0},
    {"", "abc", "abc", true, 0},
    {"", "\xc3\xa4 \xe4 \x80", "\xc3\xa4 \xc3\xa4 \xe2\x82\xac", true, 3},
    {"unknown-8bit", "\xe4\xc3\xa4", "\xc3\xa4\xc3\xa4", false, 2},
    {"x-user-defined-thing", "\xe4", "\xc3\xa4", false, 1},
    {"utf-8,version=1", "\xe4", "\xc3\xa4", false, 1},
    {"../../etc/passwd", "\xe4", "\xc3\xa4", false, 1},
    {"UTF-8", "\xe2\x82\xac", "\xe2\x82\xac", true, 0},
    {"utf8", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", true, 0},
    {"\"utf-8\"", "\xc3\xa4", "\xc3\xa4", true, 0},
    {"'utf-8'", "\xc3\xa4", "\xc3\xa4", true, 0},
    /* Unicode §3.9: one U+FFFD for each maximal subpart */
    {"utf-8",
     "a\xff"
     "b",
     "a\xef\xbf\xbd"
     "b",
     true, 1},
    {"utf-8", "\xe2\x82", "\xef\xbf\xbd", true, 1},
    {"utf-8",
     "\xe2\x82"
     "a",
     "\xef\xbf\xbd"
     "a",
     true, 1},
    {"utf-8", "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd", true, 2},
    {"utf-8", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", true, 3},
    {"utf-8", "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", true, 4},
    {"utf-8", "\xf0\x9f\x98\xe2\x82\xac", "\xef\xbf\xbd\xe2\x82\xac", true, 1},
    {"iso-8859-1", "\xe4\x80", "\xc3\xa4\xe2\x82\xac", true, 0},
    {"ISO8859-1", "\xe4", "\xc3\xa4", true, 0},
    {"iso_8859-15", "\xa4", "\xe2\x82\xac", true, 0},
    {"windows-1252", "\x93\x94", "\xe2\x80\x9c\xe2\x80\x9d", true, 0},
    {"cp1251", "\xcf\xf0\xe8", "\xd0\x9f\xd1\x80\xd0\xb8", true, 0},
    {"WIN-1251", "\xcf", "\xd0\x9f", true, 0},
    {"koi8-r", "\xf0\xd2\xc9", "\xd0\x9f\xd1\x80\xd0\xb8", true, 0},
    {"iso-8859-8-i", "\xe0", "\xd7\x90", true, 0},
    {"windows-1256", "\xc7", "\xd8\xa7", true, 0},
    {"gb2312", "\xc4\xe3\xba\xc3", "\xe4\xbd\xa0\xe5\xa5\xbd", true, 0},
    {"gb2312", "\x95\x41", "\xe6\x97\xb3", true, 0}, /* of GBK, not of GB 2312 */
    {"GB18030", "\x81\x30\x81\x30", "\xc2\x80", true, 0},
    {"big5", "\xa7\x41\xa6\x6e", "\xe4\xbd\xa0\xe5\xa5\xbd", true, 0},
    {"hz-gb-2312", "~{D:~}", "\xe6\x9a\xae", true, 0},
    {"shift_jis", "\x83\x65\x83\x58\x83\x67", "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", true, 0},
    {"shift_jis", "\x87\x40", "\xe2\x91\xa0", true, 0}, /* of windows-31j alone */
    {"euc-jp", "\xa5\xc6", "\xe3\x83\x86", true, 0},
    {"iso-2022-jp", "\x1b$B%F%9\x1b(B!", "\xe3\x83\x86\xe3\x82\xb9!", true, 0},
    {"ks_c_5601-1987", "\xc7\xd1", "\xed\x95\x9c", true, 0},
    {"euc-kr", "\xc7\xd1\x81\x41", "\xed\x95\x9c\xea\xb0\x82", true, 0},
    {"iso-2022-kr", "\x1b$)C\x0eGQ\x0f", "\xed\x95\x9c", true, 0},
    {"utf-7", "Hi Mom -+Jjo--!", "Hi Mom -\xe2\x98\xba-!", true, 0}, /* RFC 2152 */
    {"unicode-1-1-utf-7", "+AOQ-", "\xc3\xa4", true, 0},
    {"tis-620", "\xa1", "\xe0\xb8\x81", true, 0},
};

static void
convert(struct span name, struct span in, size_t cut, struct buf *out, bool *known, uint64_t *bad)
{
    struct charset c;
    assert_int_equal(charset_init(&c, name), 0);
    *known = c.known;
    do {
        size_t n = in.n < cut ? in.n : cut;
        charset_convert(&c, span_slice(in, 0, n), n == in.n, out);
        in = span_from(in, n);
    } while (in.n > 0);
    *bad = c.bad;
    charset_done(&c);
}

static void converts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t cut = 1; cut < 20; cut++) {
            struct buf out;
            bool known;
            uint64_t bad;
            buf_init(&out, 4096);
            convert(span_str(cases[i].name), span_str(cases[i].in), cut, &out, &known, &bad);
            if (!span_eq(buf_span(&out), span_str(cases[i].out)) || bad != cases[i].bad ||
                known != cases[i].known)
                fail_msg("%s, case %zu by %zu: %.*s, %u bad, known %d", cases[i].name, i, cut,
                         SPAN_ARG(buf_span(&out)), (unsigned)bad, known);
            buf_done(&out);
        }
    }
}

/* What is no text in a charset still gives UTF-8, and as much of it as the pieces are. */
static void malformed(void **state)
{
    static const char *const names[] = {"utf-8",       "us-ascii",  "utf-7",       "utf-16",
                                        "utf-32",      "gb18030",   "euc-jp",      "big5",
                                        "iso-2022-jp", "shift_jis", "iso-2022-kr", "hz",
                                        "scsu",        "koi8-r",    "euc-kr",      "x-nobody"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char all[512];
        for (size_t k = 0; k < sizeof(all); k++)
            all[k] = (char)(k * 37 + k / 256);
        struct buf once, pieces;
        bool known;
        uint64_t bad, bad_pieces;
        buf_init(&once, 8192);
        buf_init(&pieces, 8192);
        convert(span_str(names[i]), span_of(all, sizeof(all)), sizeof(all), &once, &known, &bad);
        convert(span_str(names[i]), span_of(all, sizeof(all)), 1, &pieces, &known, &bad_pieces);
        assert_true(span_is_utf8(buf_span(&once)));
        if (!span_eq(buf_span(&once), buf_span(&pieces)) || bad != bad_pieces)
            fail_msg("%s: pieces differ", names[i]);
        buf_done(&once);
        buf_done(&pieces);
    }
}

/* After `last` the converter begins anew. */
static void used_again(void **state)
{
    (void)state;
    struct charset c;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(charset_init(&c, SPAN("iso-2022-jp")), 0);
    charset_convert(&c, SPAN("\x1b$B%F"), true, &out);
    charset_convert(&c, SPAN("%F"), true, &out);
    assert_true(span_eq(buf_span(&out), SPAN("\xe3\x83\x86%F")));
    charset_done(&c);
    buf_done(&out);
}

static void characters(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    static const uint32_t all[] = {0, 0x7f, 0x80, 0x7ff, 0x800, 0xfffd, 0xffff, 0x10000, 0x10ffff};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        utf8_put(&out, all[i]);
    struct span rest = buf_span(&out);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_int_equal(utf8_take(&rest), all[i]);
    assert_int_equal(rest.n, 0);
    buf_clear(&out);
    utf8_put(&out, 0xd800);
    utf8_put(&out, 0x110000);
    assert_true(span_eq(buf_span(&out), SPAN("\xef\xbf\xbd\xef\xbf\xbd")));
    rest = SPAN("\xff");
    assert_int_equal(utf8_take(&rest), 0xfffd);
    assert_int_equal(rest.n, 0);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts),
        cmocka_unit_test(malformed),
        cmocka_unit_test(used_again),
        cmocka_unit_test(characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
