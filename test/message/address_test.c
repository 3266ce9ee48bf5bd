/* SPDX-License-Identifier: Apache-2.0 */
/* smtp_address_parse against the grammar of RFC 5321 §4.1.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "message/message.h"

/* taken < 0: refused */
static const struct {
    const char *text;
    int taken;
    const char *local, *domain;
} cases[] = {
    {"a@b", 3, "a", "b"},
    {"a@b> SIZE=1", 3, "a", "b"},
    {"postmaster", 10, "postmaster", ""},
    {"a.b+c@d-e.f0.example", 20, "a.b+c", "d-e.f0.example"},
    {"!#$%&'*+-/=?^_`{|}~@b", 21, "!#$%&'*+-/=?^_`{|}~", "b"},
    {"a..b.@c", 7, "a..b.", "c"},
    {"a@b_c.example", 13, "a", "b_c.example"},
    {"@r:a@b", 6, "a", "b"},
    {"@r.x,@s.y:a@b", 13, "a", "b"},
    {"\"a b\"@c", 7, "\"a b\"", "c"},
    {"\"a\\\"@>\\\\\"@c", 11, "\"a\\\"@>\\\\\"", "c"},
    {"\"\"@c", 4, "\"\"", "c"},
    {"a@[192.0.2.1]", 13, "a", "[192.0.2.1]"},
    {"a@[IPv6:2001:db8::1]", 20, "a", "[IPv6:2001:db8::1]"},
    {"a@[ipv6:::1]", 12, "a", "[ipv6:::1]"},
    {"\xc3\xa4@\xc3\xb6.example", 13, "\xc3\xa4", "\xc3\xb6.example"},
    {"", -1, "", ""},
    {"@", -1, "", ""},
    {"@b", -1, "", ""},
    {"a@", -1, "", ""},
    {".a@b", -1, "", ""},
    {"a@.b", -1, "", ""},
    {"a@b.", -1, "", ""},
    {"a@b..c", -1, "", ""},
    {"a@-b", -1, "", ""},
    {"a@b-", -1, "", ""},
    {"a@b-.c", -1, "", ""},
    {"\"a@b", -1, "", ""},
    {"\"a\\", -1, "", ""},
    {"\"a\x01\"@b", -1, "", ""},
    {"\"a\\\x7f\"@b", -1, "", ""},
    {"a@[192.0.2]", -1, "", ""},
    {"a@[2001:db8::1]", -1, "", ""},
    {"a@[IPv6:192.0.2.1]", -1, "", ""},
    {"a@[x-tag:whatever]", -1, "", ""},
    {"a@[192.0.2.1", -1, "", ""},
    {"@r,a@b", -1, "", ""},
    {"@r:", -1, "", ""},
    {"\xc3@b", -1, "", ""},
    {"a@\xff", -1, "", ""},
    {"<a@b>", -1, "", ""},
};

static void grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span in = span_str(cases[i].text);
        struct smtp_address a = {.utf8 = false};
        ssize_t got = smtp_address_parse(in, &a);
        if (cases[i].taken < 0) {
            if (got != ERR_BAD_ADDRESS)
                fail_msg("%s was taken: %zd", cases[i].text, got);
            continue;
        }
        if (got != cases[i].taken)
            fail_msg("%s: took %zd", cases[i].text, got);
        assert_true(span_eq(a.local, span_str(cases[i].local)));
        assert_true(span_eq(a.domain, span_str(cases[i].domain)));
        assert_int_equal(a.literal, cases[i].domain[0] == '[');
        assert_int_equal(a.utf8, !span_is_ascii(in));
    }
}

static void lengths(void **state)
{
    (void)state;
    char text[600];
    struct smtp_address a;
    /* the whole address: 254 bytes go, 255 do not */
    for (size_t n = LIMIT_ADDRESS; n <= LIMIT_ADDRESS + 1; n++) {
        memset(text, 'a', sizeof(text));
        memcpy(text + n - 10, "@b.example", 10);
        ssize_t want = n <= LIMIT_ADDRESS ? (ssize_t)n : ERR_BAD_ADDRESS;
        assert_int_equal(smtp_address_parse(span_of(text, n), &a), want);
    }
    /* a label: 63 go, 64 do not (RFC 1035 §2.3.4) */
    for (size_t n = 63; n <= 64; n++) {
        memset(text, 'a', sizeof(text));
        text[1] = '@';
        ssize_t want = n <= 63 ? (ssize_t)(2 + n) : ERR_BAD_ADDRESS;
        assert_int_equal(smtp_address_parse(span_of(text, 2 + n), &a), want);
    }
}

/* A NUL or control character never gets in, wherever it stands. */
static void controls(void **state)
{
    (void)state;
    static const char model[] = "@r.x:\"q q\"@c.example";
    struct smtp_address a;
    for (size_t at = 0; at < sizeof(model) - 1; at++) {
        for (int c = 0; c < 33; c++) {
            char text[sizeof(model)];
            if (c == 32)
                c = 127;
            memcpy(text, model, sizeof(model));
            text[at] = (char)c;
            ssize_t got = smtp_address_parse(span_of(text, sizeof(model) - 1), &a);
            assert_true(got < 0 || (size_t)got <= at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),
        cmocka_unit_test(lengths),
        cmocka_unit_test(controls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
