/* SPDX-License-Identifier: Apache-2.0 */
/* Message IDs as fields have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/message_ids.h"

static const struct {
    const char *text, *ids; /* each with a "|" behind it */
} cases[] = {
    {"", ""},
    {"<a@b>", "a@b|"},
    {"<a@b><c@d>\r\n <e@f>", "a@b|c@d|e@f|"},
    /* RFC 5256 §3: the same */
    {"<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>", "01KF8JCEOCBS0045PS@xxx.yyy.com|"},
    {"<01KF8JCEOCBS0045PS@xxx.yyy.com>", "01KF8JCEOCBS0045PS@xxx.yyy.com|"},
    {"<\"a\\\"b\"@c>", "a\"b@c|"},
    {"<\"a@b\"@c>", "a@b@c|"},
    {"<long\r\n -one@host>", "long-one@host|"},
    {"< a @ b >", "a@b|"},
    {"<Case@Host>", "Case@Host|"},
    /* what else is there */
    {"Your message of <a@b> (<c@d>) from joe@example.org", "a@b|c@d|"},
    {"a@b", ""},
    {"<a@b", ""},
    {"<<a@b>", "a@b|"},
    {"<x <a@b>>", "a@b|"},
    {"<> <@b> <a@> <ab> <\"@\"> <a@b>", "a@b|"},
    {"<\"open@b> <c@d>", "c@d|"},
    {"> <a@b>", "a@b|"},
};

static void takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        struct span text = span_str(cases[i].text);
        buf_init(&out, 4096);
        while (message_id_take(&text, &out))
            buf_putc(&out, '|');
        assert_int_equal(text.n, 0);
        if (!span_eq(buf_span(&out), span_str(cases[i].ids)))
            fail_msg("%s: %.*s", cases[i].text, SPAN_ARG(buf_span(&out)));
        buf_done(&out);
    }
}

static void full_buffer(void **state)
{
    (void)state;
    struct buf out;
    struct span text = SPAN("<abc@d>");
    buf_init(&out, 3);
    assert_false(message_id_take(&text, &out));
    assert_int_not_equal(out.err, 0);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes),
        cmocka_unit_test(full_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
