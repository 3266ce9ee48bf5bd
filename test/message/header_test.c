/* SPDX-License-Identifier: Apache-2.0 */
/* The header walk and header_first_address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/message.h"

/* What a walk sees, as "name=value|name=value|". */
static void walked(struct span message, struct buf *out)
{
    struct header_walk w = header_walk_of(message);
    struct header_field f;
    buf_clear(out);
    while (header_next(&w, &f)) {
        assert_true(f.offset < message.n);
        assert_ptr_equal(message.p + f.offset, f.name.p);
        buf_put(out, f.name);
        buf_putc(out, '=');
        buf_put(out, f.value);
        buf_putc(out, '|');
    }
    assert_false(header_next(&w, &f));
}

static const struct {
    const char *message, *fields;
    size_t size; /* of the header section */
} walk_cases[] = {
    {"", "", 0},
    {"\r\n", "", 2},
    {"\r\nA: b\r\n", "", 2},
    {"A: b\r\n\r\nC: d\r\n", "A= b|", 8},
    {"A: b\nC: d\n\nbody", "A= b|C= d|", 11},
    {"A:\r\n b\r\n\tc\r\nD:e", "A=\r\n b\r\n\tc|D=e|", 15},
    {"A: b\r\n \r\nC: d\r\n\r\n", "A= b\r\n |C= d|", 17},
    {"A : b\r\n\r\n", "A= b|", 9},
    {"From me Sun Nov\r\nA: b\r\n\r\n", "A= b|", 25},
    {">From: x\r\nA: b\r\n\r\n", ">From= x|A= b|", 18},
    {"no colon\r\n continued: x\r\nA: b\r\n", "A= b|", 31},
    {" leading: x\r\nA: b\r\n", "A= b|", 19},
    {": none\r\nA: b\r\n", "A= b|", 14},
    {"\xc3\xa4: x\r\nA: \xc3\xa4\r\n", "A= \xc3\xa4|", 14},
    {"A: b", "A= b|", 4},
    {"A: b\r", "A= b\r|", 5},
    {"A:", "A=|", 2},
    {"A: b\r\n\r", "A= b|", 7}, /* the CR is a line that is no field, not yet an empty one */
};

static void walks(void **state)
{
    (void)state;
    struct buf seen;
    buf_init(&seen, 4096);
    for (size_t i = 0; i < COUNT_OF(walk_cases); i++) {
        struct span m = span_str(walk_cases[i].message);
        walked(m, &seen);
        if (!span_eq(buf_span(&seen), span_str(walk_cases[i].fields)))
            fail_msg("case %zu: %.*s", i, SPAN_ARG(buf_span(&seen)));
        if (header_size(m) != walk_cases[i].size)
            fail_msg("case %zu: size %zu", i, header_size(m));
    }
    buf_done(&seen);
}

static void never_reads_behind_a_cut(void **state)
{
    (void)state;
    static const char text[] =
        "A: b\r\n c\r\nFrom: \"x\\\" y\" (c \\) d) <@r:u@[IPv6:::1]>, z@w\r\n\r\nbody";
    struct arena *a = arena_new(1 << 20);
    for (size_t n = 0; n < sizeof(text); n++) {
        char *copy = malloc(n + 1); /* exact, so that ASan sees a read behind it */
        assert_non_null(copy);
        memcpy(copy + 1, text, n);
        struct span m = span_of(copy + 1, n);
        struct header_walk w = header_walk_of(m);
        struct header_field f;
        while (header_next(&w, &f)) {
            assert_true(f.value.p >= m.p && f.value.p + f.value.n <= m.p + m.n);
            (void)header_first_address(f.value, a);
            (void)header_unfold(f.value, a);
        }
        assert_true(header_size(m) <= n);
        free(copy);
    }
    arena_free(a);
}

static void finds_and_unfolds(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 16);
    struct header_field f;
    struct span m = SPAN("Subject: one\r\nsubject: two\r\nX: a\r\n b\r\n\tc\r\n\r\nY: z\r\n");
    assert_true(header_find(m, SPAN("SUBJECT"), &f));
    assert_true(span_eq(header_unfold(f.value, a), SPAN("one")));
    assert_true(header_find(m, SPAN("x"), &f));
    assert_true(span_eq(header_unfold(f.value, a), SPAN("a b\tc")));
    assert_false(header_find(m, SPAN("Y"), &f));
    assert_true(span_eq(header_unfold(SPAN(" a\rb \r"), a), SPAN("a b")));
    assert_int_equal(header_unfold(SPAN_EMPTY, a).n, 0);
    arena_free(a);
}

static const struct {
    const char *value, *address;
} first_cases[] = {
    {"a@b.example", "a@b.example"},
    {" <a@b.example>", "a@b.example"},
    {"Anna B. <a@b.example>", "a@b.example"},
    {"\"B, Anna <x@y>\" <a@b.example>, c@d.example", "a@b.example"},
    {"(c@d.example) Anna (a \\) (nested) @) <a@b.example> (x)", "a@b.example"},
    {"a (x) @ (y) b.example", "a@b.example"},
    {"a . b @ c . example", "a.b@c.example"},
    {"Team: Anna <a@b.example>, c@d.example;", "a@b.example"},
    {"Undisclosed recipients:;", ""},
    {"Empty:;, c@d.example", "c@d.example"},
    {"<@r1.example,@r2.example:a@b.example>", "a@b.example"},
    {"\"quo ted\"@b.example", "\"quo ted\"@b.example"},
    {"\"quo.ted\".x@b.example",
     ""}, /* obsolete mix of quoted and not: no address SMTP could send to */
    {"a@[192.0.2.1]", "a@[192.0.2.1]"},
    {"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"},
    {"root", ""},
    {"root, c@d.example", "c@d.example"},
    {"two words@b.example, c@d.example", "c@d.example"},
    {"<>", ""},
    {"<>, c@d.example", "c@d.example"},
    {"", ""},
    {"(", ""},
    {"\"", ""},
    {"a@b.example\r\n (folded)", "a@b.example"},
    {"J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc"
     "cher.example>",
     "j\xc3\xb6rg@b\xc3\xbc"
     "cher.example"},
    {"<a@b.example", "a@b.example"},
    {"a@b@c.example", ""},
    {"a@@b.example", ""},
    {"<a@b.example> <c@d.example>", "a@b.example"},
};

static void first_addresses(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < COUNT_OF(first_cases); i++) {
        struct span got = header_first_address(span_str(first_cases[i].value), a);
        if (!span_eq(got, span_str(first_cases[i].address)))
            fail_msg("%s: got %.*s", first_cases[i].value, SPAN_ARG(got));
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks),
        cmocka_unit_test(never_reads_behind_a_cut),
        cmocka_unit_test(finds_and_unfolds),
        cmocka_unit_test(first_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
