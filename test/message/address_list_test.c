/* SPDX-License-Identifier: Apache-2.0 */
/* Address lists as people and programs write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/address.h"

static void put(struct buf *out, struct span s, char missing)
{
    if (s.p == NULL)
        buf_putc(out, missing);
    else
        buf_put(out, s);
}

/* "name|route|local|domain" with "-" for what is not there, "!" before what is broken; "{name" and "}" for
 * groups; a space between. */
static void show(struct buf *out, const struct mail_address *m)
{
    for (; m != NULL; m = m->next) {
        if (m->kind == ADDRESS_GROUP) {
            buf_printf(out, "{%.*s", SPAN_ARG(m->name));
        } else if (m->kind == ADDRESS_GROUP_END) {
            buf_putc(out, '}');
        } else {
            if (m->broken)
                buf_putc(out, '!');
            put(out, m->name, '-');
            buf_putc(out, '|');
            if (m->route.p != NULL)
                buf_printf(out, "%.*s|", SPAN_ARG(m->route));
            put(out, m->local, '-');
            buf_putc(out, '|');
            put(out, m->domain, '-');
        }
        if (m->next != NULL)
            buf_putc(out, ' ');
    }
}

static const struct {
    const char *value, *list;
} cases[] = {
    {"", ""},
    {" \r\n ", ""},
    {",,;", ""},
    {"a@b", "-|a|b"},
    {"<a@b>", "-|a|b"},
    {"John <a@b>", "John|a|b"},
    {"\"Doe, John\" <a@b>, c@d", "Doe, John|a|b -|c|d"},
    {"\"\" <a@b>", "-|a|b"},
    {"John Q. Public <a@b>", "John Q. Public|a|b"},
    {"John\r\n\t  Doe <a@b>", "John Doe|a|b"},
    {"\"a\\\"b\\\\c\" <a@b>", "a\"b\\c|a|b"},
    {"\"a\\\nb\\\r\\c\" <a@b>", "abc|a|b"}, /* an escaped line end forges no line */
    {"\"a\\\nb\"@c (d\\\re)", "de|ab|c"},
    {"\"J\" Doe <a@b>", "J Doe|a|b"},
    {"a@b (John (the) \\) Doe)", "John (the) ) Doe|a|b"},
    {"<a@b> (John)", "John|a|b"},
    {"Name <a@b> (John)", "Name|a|b"},
    {"(x)a(y)@(z)b(w)", "w|a|b"},
    {"a . b @ c . d", "-|a.b|c.d"},
    {"\"a b\"@c", "-|a b|c"},
    {"\"\"@c", "-||c"},
    {"a@[127.0.0.1]", "-|a|[127.0.0.1]"},
    {"=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_X?= <a@b>", "=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_X?=|a|b"},
    {"=?utf-8?q?Doe, J?= <a@b>", "=?utf-8?q?Doe, J?=|a|b"},
    {"J\xc3\xb6rg <j\xc3\xb6@b\xc3\xbc>", "J\xc3\xb6rg|j\xc3\xb6|b\xc3\xbc"},
    /* RFC 5322 appendix A */
    {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
     "Mary Smith|mary|x.test -|jdoe|example.org Who?|one|y.test"},
    {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
     "-|boss|nil.test Giant; \"Big\" Box|sysservices|example.net"},
    {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
     "{A Group Ed Jones|c|a.test -|joe|where.test John|jdoe|one.test }"},
    {"Undisclosed recipients:;", "{Undisclosed recipients }"},
    {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "{Hidden recipients }"},
    {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|pete|silly.test"},
    {"Mary Smith <@node.test:mary@example.net>, , jdoe@test   . example",
     "Mary Smith|@node.test|mary|example.net -|jdoe|test.example"},
    {"<@a,@b:c@d>", "-|@a,@b|c|d"},
    {"<@a, @b :c@d>, e@f", "-|@a,@b|c|d -|e|f"},
    /* groups as they come */
    {"Team: a@b, c@d", "{Team -|a|b -|c|d }"},
    {"Team: a@b; c@d", "{Team -|a|b } -|c|d"},
    {"a@b, Team:, c@d;, e@f", "-|a|b {Team -|c|d } -|e|f"},
    {"A: B: c@d;", "{A } {B -|c|d }"},
    {": a@b", "-|a|b"},
    /* parts missing */
    {"root", "!-|root|-"},
    {"john.doe", "!-|john.doe|-"},
    {"root (Cron)", "!Cron|root|-"},
    {"John Doe", "!John Doe|-|-"},
    {"\"John\"", "!John|-|-"},
    {"John <>", "!John|-|-"},
    {"John <root>", "!John|root|-"},
    {"<>", ""},
    {"<>, a@b", "-|a|b"},
    {"a@", "!-|a|"},
    {"@b", "!-|-|b"},
    {"<@b>", "!-|-|b"},
    {"(John)", ""},
    /* too much of something */
    {"a@b@c", "!-|a|b@c"},
    {"a b@c", "!-|a b|c"},
    {"\"a\".b@c", "!-|a.b|c"},
    {"<a b@c>", "!-|a b|c"},
    {"a@b <c@d>", "a@b|c|d"},
    {"'John' <a@b>", "'John'|a|b"},
    {"<a@b> <c@d>", "-|a|b -|c|d"},
    {"<a@b> John <c@d>", "-|a|b John|c|d"},
    {"<a@b> junk, c@d", "-|a|b -|c|d"},
    {"a@b c@d", "-|a|b -|c|d"},
    {"a@b junk c@d", "-|a|b !-|junk c|d"},
    {"a@b junk, c@d", "-|a|b -|c|d"},
    {"a@b; c@d;", "-|a|b -|c|d"},
    {"<a@b", "-|a|b"},
    {"<a@b, c@d", "-|a|b -|c|d"},
    {"<<a@b>>", "-|a|b"},
    {"<a@b>>, c@d", "-|a|b -|c|d"},
    {"mailto:a@b", "{mailto -|a|b }"},
    {"<mailto:a@b>", "-|a|b"},
    {"John [Sales] <a@b>", "John [Sales]|a|b"},
    /* left open */
    {"\"John <a@b>", "\"John|a|b"},
    {"John (Doe <a@b>", "John (Doe|a|b"},
    {"John [Doe <a@b>", "John [Doe|a|b"},
    {"\"a\" <b@c>, \"d <e@f>", "a|b|c \"d|e|f"},
    {"\\", "!-|\\|-"},
    {"\"", "!-|\"|-"},
    {"=?utf-8?q?open <a@b>", "=?utf-8?q?open|a|b"},
};

static void lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(65536);
        struct buf out;
        bool cut = true;
        buf_init(&out, 4096);
        show(&out, address_list_parse(span_str(cases[i].value), a, 100, &cut));
        if (!span_eq(buf_span(&out), span_str(cases[i].list)))
            fail_msg("%s:\n  %.*s\nis not\n  %s", cases[i].value, SPAN_ARG(buf_span(&out)),
                     cases[i].list);
        assert_false(cut);
        buf_done(&out);
        arena_free(a);
    }
}

/* Any value cut anywhere: nothing is read behind its end, and each group has its end. */
static void cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t whole = strlen(cases[i].value);
        for (size_t n = 0; n < whole; n++) {
            struct arena *a = arena_new(65536);
            char *copy = malloc(n + 1);
            assert_non_null(copy);
            memcpy(copy + 1, cases[i].value, n);
            bool open = false;
            for (struct mail_address *m = address_list_parse(span_of(copy + 1, n), a, 100, NULL);
                 m != NULL; m = m->next) {
                assert_true(m->kind == ADDRESS_MAILBOX || open == (m->kind == ADDRESS_GROUP_END));
                if (m->kind != ADDRESS_MAILBOX)
                    open = m->kind == ADDRESS_GROUP;
            }
            assert_false(open);
            free(copy);
            arena_free(a);
        }
    }
}

static void limits(void **state)
{
    static const struct {
        size_t most;
        const char *list;
        bool cut;
    } limited[] = {
        {0, "", true},
        {1, "-|a|b", true},
        {2, "-|a|b {T }", true},
        {3, "-|a|b {T -|c|d }", true},
        {4, "-|a|b {T -|c|d -|e|f }", true},
        {5, "-|a|b {T -|c|d -|e|f }", true},
        {6, "-|a|b {T -|c|d -|e|f } -|g|h", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(limited); i++) {
        struct arena *a = arena_new(65536);
        struct buf out;
        bool cut;
        buf_init(&out, 4096);
        show(&out, address_list_parse(SPAN("a@b, T: c@d, e@f;, g@h"), a, limited[i].most, &cut));
        if (!span_eq(buf_span(&out), span_str(limited[i].list)) || cut != limited[i].cut)
            fail_msg("%zu: %.*s", limited[i].most, SPAN_ARG(buf_span(&out)));
        buf_done(&out);
        arena_free(a);
    }
}

/* Half a megabyte of what opens and never closes, or of entries as short as they can be: memory stays below
 * an entry for each byte, and time that grew faster than the value would meet the time limit of the test. */
static void hostile(void **state)
{
    static const char *const units[] = {"(",  "\"",  "[",       "<",    "@",  ":",
                                        "a:", "\"(", "=?a?q?b", "a b@", "<@", "\\(",
                                        ",",  "(()", "a@b c",   "a,",   "a:;"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct arena *a = arena_new(1 << 26);
        struct buf in;
        buf_init(&in, 1 << 20);
        while (in.n < 500000)
            buf_puts(&in, units[i]);
        (void)address_list_parse(buf_span(&in), a, in.n, NULL);
        assert_int_equal(arena_err(a), 0);
        if (arena_used(a) > in.n * (sizeof(struct mail_address) + 16))
            fail_msg("%s: %zu", units[i], arena_used(a));
        arena_reset(a);
        (void)address_list_parse(buf_span(&in), a, 100, NULL);
        assert_true(arena_used(a) <= 101 * sizeof(struct mail_address) + 4 * in.n);
        buf_done(&in);
        arena_free(a);
    }
}

static void writes(void **state)
{
    static const struct {
        struct mail_address m;
        const char *text;
    } addresses[] = {
        {{.local = SPAN("a.b"), .domain = SPAN("c")}, "a.b@c"},
        {{.local = SPAN("a b\"\\"), .domain = SPAN("c")}, "\"a b\\\"\\\\\"@c"},
        {{.local = SPAN(""), .domain = SPAN("c")}, "\"\"@c"},
        {{.local = SPAN("root")}, "root"},
        {{.domain = SPAN("c")}, "@c"},
        {{.kind = ADDRESS_MAILBOX}, ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct buf out;
        buf_init(&out, 100);
        address_write(&addresses[i].m, &out);
        assert_true(span_eq(buf_span(&out), span_str(addresses[i].text)));
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),   cmocka_unit_test(cuts),   cmocka_unit_test(limits),
        cmocka_unit_test(hostile), cmocka_unit_test(writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
