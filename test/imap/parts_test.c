/* SPDX-License-Identifier: Apache-2.0 */
/* The small parsers: modified UTF-7, patterns of LIST, dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "imap/date.h"
#include "imap/pattern.h"
#include "imap/utf7.h"

static const struct {
    const char *utf8, *utf7;
} names[] = {
    {"", ""},
    {"INBOX", "INBOX"},
    {"a&b", "a&-b"},
    {"&", "&-"},
    {"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
     "~peter/mail/&U,BTFw-/&ZeVnLIqe-"}, /* RFC 3501 §5.1.3 */
    {"Entw\xc3\xbcrfe", "Entw&APw-rfe"},
    {"\xc3\xbc\xc3\xbc", "&APwA,A-"},
    {"\xf0\x9f\x93\xac x", "&2D3c7A- x"},
    {"\xc3\xbc&\xc3\xbc", "&APw-&-&APw-"},
    {"\xe2\x82\xac", "&IKw-"},
};

static void names_have_two_spellings(void **state)
{
    (void)state;
    for (size_t n = 0; n < COUNT_OF(names); n++) {
        struct buf out;
        buf_init(&out, 1000);
        imap_utf7_encode(&out, span_str(names[n].utf8));
        if (!span_eq(buf_span(&out), span_str(names[n].utf7)))
            fail_msg("%s: %.*s", names[n].utf7, SPAN_ARG(buf_span(&out)));
        buf_clear(&out);
        assert_int_equal(imap_utf7_decode(&out, span_str(names[n].utf7)), 0);
        if (!span_eq(buf_span(&out), span_str(names[n].utf8)))
            fail_msg("%s: %.*s", names[n].utf7, SPAN_ARG(buf_span(&out)));
        buf_done(&out);
    }
}

static void no_name_has_a_third(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "&",
        "a&b",
        "&U,BTFw",
        "&AGE-", /* "a" */
        "&Jjo!",
        "&U,BTFw-&ZeVnLIqe-", /* two runs in a row, RFC 3501 §5.1.3 */
        "&APx-",              /* bits left over */
        "&2D0-",
        "&3Kw-",
        "&2D0AYQ-", /* halves of pairs */
        "&A-",
        "\xff",
        "M\xc3\xbcll&-",
        "&APw-\xc3\xbc",
    };
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        struct buf out;
        buf_init(&out, 1000);
        if (imap_utf7_decode(&out, span_str(bad[n])) != ERR_INVALID)
            fail_msg("was taken: %s", bad[n]);
        buf_done(&out);
    }
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(imap_utf7_decode(&out, SPAN("M\xc3\xbcll")), 0); /* as it is */
    assert_true(span_eq(buf_span(&out), SPAN("M\xc3\xbcll")));
    buf_done(&out);
}

static const struct {
    const char *pattern, *name;
    bool matches;
} patterns[] = {
    {"*", "a/b/c", true},
    {"%", "a", true},
    {"%", "a/b", false},
    {"%/%", "a/b", true},
    {"%/%", "a/b/c", false},
    {"a*c", "a/b/c", true},
    {"a%c", "a/b/c", false},
    {"a%c", "abc", true},
    {"a*", "a", true},
    {"", "", true},
    {"", "a", false},
    {"inbox", "INBOX", true},
    {"Inbox/%", "INBOX/a", true},
    {"inbox/A", "INBOX/a", false},
    {"inboxx", "INBOXX", false},
    {"*b*b*", "abcb", true},
    {"*b*b*", "abc", false},
    {"%%", "a", true},
    {"%%", "a/b", false},
    {"*%*", "a/b", true},
    {"%a%b", "aab/aab", false},
    {"%/*b", "aab/aab", true},
    {"*a", "aaaaaaaaab", false},
};

/* As the RFC says it. */
static bool matches(struct span pattern, struct span name)
{
    if (pattern.n == 0)
        return name.n == 0;
    char c = pattern.p[0];
    if (c != '*' && c != '%')
        return name.n > 0 && name.p[0] == c && matches(span_from(pattern, 1), span_from(name, 1));
    return matches(span_from(pattern, 1), name) ||
           (name.n > 0 && (c == '*' || name.p[0] != '/') && matches(pattern, span_from(name, 1)));
}

static void random_patterns_match(void **state)
{
    (void)state;
    enum { PATTERN = 7, NAME = 8, ROUNDS = 30000 };
    uint64_t random = 1;
    struct arena *a = arena_new(1 << 16);
    for (int round = 0; round < ROUNDS; round++) {
        char pattern[PATTERN], name[NAME];
        for (size_t k = 0; k < PATTERN + NAME; k++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            if (k < PATTERN)
                pattern[k] = "ab/*%*%"[(random >> 33) % 7];
            else
                name[k - PATTERN] = "aab/"[(random >> 33) % 4];
        }
        struct span is = span_of(pattern, 1 + random % PATTERN),
                    of = span_of(name, random / 7 % NAME);
        struct imap_pattern p;
        assert_int_equal(imap_pattern_make(is, a, &p), 0);
        if (imap_pattern_matches(&p, of) != matches(is, of))
            fail_msg("%.*s %.*s", SPAN_ARG(is), SPAN_ARG(of));
        arena_reset(a);
    }
    arena_free(a);
}

static void patterns_match(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    for (size_t n = 0; n < COUNT_OF(patterns); n++) {
        struct imap_pattern p;
        assert_int_equal(imap_pattern_make(span_str(patterns[n].pattern), a, &p), 0);
        if (imap_pattern_matches(&p, span_str(patterns[n].name)) != patterns[n].matches)
            fail_msg("%s %s", patterns[n].pattern, patterns[n].name);
    }
    arena_free(a);
}

static void wildcards_are_few(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    struct imap_pattern p;
    struct buf text;
    buf_init(&text, 1 << 16);
    for (int n = 0; n < LIMIT_IMAP_WILDCARDS; n++)
        buf_puts(&text, n % 2 == 0 ? "*a" : "%a");
    for (int n = 0; n < 10000; n++)
        buf_putc(&text, n == 0 ? 'a' : '*'); /* one more, unless it is in a row */
    assert_int_equal(imap_pattern_make(buf_span(&text), a, &p), ERR_LIMIT);
    buf_consume(&text, 2);
    assert_int_equal(imap_pattern_make(buf_span(&text), a, &p), 0);
    assert_true(p.recursive && p.text.n < 100);
    buf_clear(&text);
    for (int n = 0; n < 512; n++)
        buf_putc(&text, 'a');
    assert_true(imap_pattern_matches(&p, buf_span(&text)));
    buf_done(&text);
    arena_free(a);
}

#define NO INT64_MIN

/* clang-format off */
static const struct {
    const char *text;
    int64_t seconds; /* NO: refused */
} dates[] = {
    {"17-Jul-1996 02:44:25 -0700", 837596665},
    {" 7-Jul-1996 02:44:25 +0000", 836707465},
    {"07-jul-1996 02:44:25 +0000", 836707465},
    {"01-Jan-1970 00:00:00 +0000", 0},
    {"01-Jan-1970 00:00:00 +0100", -3600},
    {"31-Dec-1969 23:59:59 +0000", -1},
    {"01-Jan-1601 00:00:00 +0000", -11644473600},
    {"01-Jan-0001 00:00:00 +0000", -62135596800},
    {"29-Feb-2024 23:59:60 +0000", 1709251200},
    {"31-Dec-2099 23:59:59 +0000", 4102444799},
    {"29-Feb-2023 00:00:00 +0000", NO},
    {"31-Apr-2023 00:00:00 +0000", NO},
    {"00-Apr-2023 00:00:00 +0000", NO},
    {"1-Jul-1996 02:44:25 +0000", NO},
    {"17-Jux-1996 02:44:25 -0700", NO},
    {"17-Jul-1996 24:44:25 -0700", NO},
    {"17-Jul-1996 02:60:25 -0700", NO},
    {"17-Jul-1996 02:44:61 -0700", NO},
    {"17-Jul-1996 02:44:25 -0760", NO},
    {"17-Jul-1996 02:44:25 0700 ", NO},
    {"17-Jul-1996 02:44:25 UTC  ", NO},
    {"17-Jul-0000 02:44:25 +0000", NO},
    {"17-Jul-19x6 02:44:25 +0000", NO},
    {"", NO},
};
/* clang-format on */

static void dates_are_read(void **state)
{
    (void)state;
    for (size_t n = 0; n < COUNT_OF(dates); n++) {
        int64_t ms = -1;
        int err = imap_date_time_read(span_str(dates[n].text), &ms);
        if (err != (dates[n].seconds == NO ? ERR_INVALID : 0) ||
            (err == 0 && ms != dates[n].seconds * 1000))
            fail_msg("%s: %d %lld", dates[n].text, err, (long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_two_spellings), cmocka_unit_test(no_name_has_a_third),
        cmocka_unit_test(patterns_match),           cmocka_unit_test(random_patterns_match),
        cmocka_unit_test(wildcards_are_few),        cmocka_unit_test(dates_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
