/* SPDX-License-Identifier: Apache-2.0 */
/* The lexer of arguments, literals and sequence sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "imap/args.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(LIMIT_SESSION_ARENA);
    return arena != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* a:atom q:quoted l:literal b:literal8 (…) */
static void show(struct buf *out, const struct imap_arg *a)
{
    for (const char *between = ""; a != NULL; a = a->next, between = " ") {
        buf_puts(out, between);
        if (a->kind == IMAP_LIST) {
            buf_putc(out, '(');
            show(out, a->child);
            buf_putc(out, ')');
            continue;
        }
        buf_putc(out, a->binary ? 'b' : "aql"[a->kind]);
        buf_putc(out, ':');
        buf_put(out, a->text);
    }
}

static const struct {
    const char *command, *seen; /* NULL: refused */
} commands[] = {
    {"", ""},
    {"a", "a:a"},
    {" a  b ", "a:a a:b"},
    {"NIL \"\" ()", "a:NIL q: ()"},
    /* RFC 9051's examples */
    {"\"\" \"%\"", "q: q:%"},
    {"\"~smith/Mail/\" \"foo.*\"", "q:~smith/Mail/ q:foo.*"},
    {"\"\" ~peter/mail/%", "q: a:~peter/mail/%"},
    {"blurdybloop (UIDNEXT MESSAGES)", "a:blurdybloop (a:UIDNEXT a:MESSAGES)"},
    {"2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
     "a:2:4 (a:FLAGS a:BODY[HEADER.FIELDS (DATE FROM)])"},
    {"2:4 +FLAGS (\\Deleted)", "a:2:4 a:+FLAGS (a:\\Deleted)"},
    {"OR (SUBJECT \"a\") (NOT (FROM b))", "a:OR (a:SUBJECT q:a) (a:NOT (a:FROM a:b))"},
    {"{7}\r\nFOO BAR {11}\r\nfred foobar!", NULL},
    {"{11}\r\nFRED FOOBAR {7}\r\nfat man", "l:FRED FOOBAR l:fat man"},
    {"{11+}\r\nFRED FOOBAR {0}\r\n", "l:FRED FOOBAR l:"},
    {"(UTF8 (~{4}\r\na\r\nb))", "(a:UTF8 (b:a\r\nb))"},
    /* sections */
    {"body[]<0.100>", "a:body[]<0.100>"},
    {"BODY.PEEK[1.2.HEADER.FIELDS.NOT (\"a)]b\" {3}\r\nc]d)]<1.2> X",
     "a:BODY.PEEK[1.2.HEADER.FIELDS.NOT (\"a)]b\" {3}\r\nc]d)]<1.2> a:X"},
    {"(BINARY.SIZE[1] BINARY[2]<3.4>)", "(a:BINARY.SIZE[1] a:BINARY[2]<3.4>)"},
    {"BODY[TEXT", NULL},
    {"BODY[\r]", NULL},
    {"BODY[{9}\r\n]", NULL},
    {"BODY[\"]", NULL},
    /* brackets elsewhere */
    {"[Gmail]/Sent a[b c]d", "a:[Gmail]/Sent a:a[b a:c]d"},
    {"\"a\\\"b\\\\c\"", "q:a\"b\\c"},
    {"\"M\xc3\xbcll\"", "q:M\xc3\xbcll"},
    {"M\xc3\xbcll (\xc3\xbc)", "a:M\xc3\xbcll (a:\xc3\xbc)"},
    {"~ ~a", "a:~ a:~a"},
    {"(((a) b) c) d", "(((a:a) a:b) a:c) a:d"},
    {"(a )", "(a:a)"},
    /* malformed */
    {"\"a", NULL},
    {"\"a\\", NULL},
    {"\"a\\x\"", NULL},
    {"\"a\rb\"", NULL},
    {"\"a\nb\"", NULL},
    {"\"a\xff\"", NULL},
    {"M\xfcll", NULL},
    {"a\tb", NULL},
    {"a\"b\"", NULL},
    {"\"a\"b", NULL},
    {"a(b)", NULL},
    {"(a)(b)", NULL},
    {"(a", NULL},
    {"a)", NULL},
    {")", NULL},
    {"( a)", NULL},
    {"{3}", NULL},
    {"{3}\r\nab", NULL},
    {"{3}\nabc", NULL},
    {"{}\r\n", NULL},
    {"{-1}\r\n", NULL},
    {"{3+}\r\nabcd", NULL},
    {"{99999999999999999999}\r\na", NULL},
    {"{9223372036854775807}\r\na", NULL},
    {"a{3}\r\nabc", NULL},
    {"a\x7f", NULL},
};

static void commands_become_trees(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct imap_arg *first;
        struct buf seen;
        buf_init(&seen, 4096);
        int err = imap_args_parse(span_str(commands[i].command), arena, &first);
        if (commands[i].seen == NULL) {
            if (err != ERR_INVALID)
                fail_msg("was not refused: %s", commands[i].command);
        } else {
            if (err != 0)
                fail_msg("%s: %s", commands[i].command, err_name(err));
            show(&seen, first);
            if (!span_eq(buf_span(&seen), span_str(commands[i].seen)))
                fail_msg("%s: %.*s", commands[i].command, SPAN_ARG(buf_span(&seen)));
        }
        buf_done(&seen);
    }
}

static void zeros_are_in_literal8_alone(void **state)
{
    (void)state;
    struct imap_arg *first;
    assert_int_equal(imap_args_parse(SPAN("{3}\r\na\0b"), arena, &first), ERR_INVALID);
    assert_int_equal(imap_args_parse(SPAN("\"a\0b\""), arena, &first), ERR_INVALID);
    assert_int_equal(imap_args_parse(SPAN("a\0b"), arena, &first), ERR_INVALID);
    assert_int_equal(imap_args_parse(SPAN("~{3}\r\na\0b"), arena, &first), 0);
    assert_true(span_eq(first->text, SPAN("a\0b")));
}

static void there_are_limits(void **state)
{
    (void)state;
    struct imap_arg *first;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < LIMIT_IMAP_ARGS; i++)
        buf_puts(&text, "a ");
    assert_int_equal(imap_args_parse(buf_span(&text), arena, &first), 0);
    assert_int_equal(imap_args_count(first), LIMIT_IMAP_ARGS);
    buf_puts(&text, "a");
    assert_int_equal(imap_args_parse(buf_span(&text), arena, &first), ERR_LIMIT);
    for (size_t depth = LIMIT_IMAP_DEPTH; depth <= LIMIT_IMAP_DEPTH + 1; depth++) {
        buf_clear(&text);
        for (size_t i = 0; i < depth; i++)
            buf_putc(&text, '(');
        for (size_t i = 0; i < depth; i++)
            buf_putc(&text, ')');
        assert_int_equal(imap_args_parse(buf_span(&text), arena, &first),
                         depth <= LIMIT_IMAP_DEPTH ? 0 : ERR_LIMIT);
    }
    buf_done(&text);
    struct arena *small = arena_new(100);
    assert_int_equal(imap_args_parse(SPAN("a b c d e f g h"), small, &first), ERR_NOMEM);
    arena_free(small);
}

static void arguments_are_asked(void **state)
{
    (void)state;
    struct imap_arg *a;
    struct span text;
    uint64_t number = 7;
    assert_int_equal(imap_args_parse(SPAN("nil \"NIL\" 42 (x) \"42\" 4x"), arena, &a), 0);
    assert_true(imap_arg_is(a, SPAN("NIL")));
    assert_true(imap_arg_string(a, &text) && span_eq(text, SPAN("nil")));
    a = a->next;
    assert_false(imap_arg_is(a, SPAN("NIL")));
    assert_false(imap_arg_number(a, &number));
    a = a->next;
    assert_true(imap_arg_number(a, &number) && number == 42);
    a = a->next;
    assert_false(imap_arg_string(a, &text));
    assert_false(imap_arg_is(a, SPAN("x")));
    a = a->next;
    assert_false(imap_arg_number(a, &number));
    assert_false(imap_arg_number(a->next, &number));
    assert_false(imap_arg_is(NULL, SPAN("x")));
    assert_false(imap_arg_string(NULL, &text));
    assert_false(imap_arg_number(NULL, &number));
}

static void literals_end_lines(void **state)
{
    (void)state;
    struct imap_literal l;
    assert_true(imap_literal_at_end(SPAN("a LOGIN {11}"), &l));
    assert_true(l.size == 11 && l.sync && !l.binary && l.prefix == 8);
    assert_true(imap_literal_at_end(SPAN("a APPEND x ~{0+}"), &l));
    assert_true(l.size == 0 && !l.sync && l.binary && l.prefix == 11);
    assert_false(imap_literal_at_end(SPAN(""), &l));
    assert_false(imap_literal_at_end(SPAN("}"), &l));
    assert_false(imap_literal_at_end(SPAN("{}"), &l));
    assert_false(imap_literal_at_end(SPAN("{+}"), &l));
    assert_false(imap_literal_at_end(SPAN("{1-}"), &l));
    assert_false(imap_literal_at_end(SPAN("{1} "), &l));
    assert_false(imap_literal_at_end(SPAN("{9223372036854775808}"), &l));
}

static const struct {
    const char *text;
    uint32_t max;
    const char *written; /* NULL: refused */
    bool beyond;
} sets[] = {
    {"1", 10, "1", false},
    {"2,4:7,9,12:*", 15, "2,4:7,9,12:15", false}, /* RFC 9051 §9 */
    {"*:4,5:7", 10, "4:10", false},
    {"2:4", 4, "2:4", false},
    {"4:2", 4, "2:4", false},
    {"3291:*", 50, "50", true}, /* UIDs of RFC 9051 §6.4.9 */
    {"*", 7, "7", false},
    {"*:*", 7, "7", false},
    {"*", 0, "", true},
    {"1:*", 0, "", true},
    {"5,3,4,1", 9, "1,3:5", false},
    {"1,1,1", 9, "1", false},
    {"8:20", 9, "8:9", true},
    {"20:30", 9, "", true},
    {"4294967295", UINT32_MAX, "4294967295", false},
    {"1:4294967295", UINT32_MAX - 1, "1:4294967294", true},
    {"", 9, NULL, false},
    {",", 9, NULL, false},
    {"1,", 9, NULL, false},
    {",1", 9, NULL, false},
    {"1,,2", 9, NULL, false},
    {"0", 9, NULL, false},
    {"0:3", 9, NULL, false},
    {"1:", 9, NULL, false},
    {":1", 9, NULL, false},
    {"1:2:3", 9, NULL, false},
    {"a", 9, NULL, false},
    {"$", 9, NULL, false},
    {"-1", 9, NULL, false},
    {"+1", 9, NULL, false},
    {"1 2", 9, NULL, false},
    {"4294967296", 9, NULL, false},
};

static void sets_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        struct numset set;
        struct buf out;
        bool beyond = false;
        numset_init(&set);
        buf_init(&out, 1024);
        int err = imap_set_parse(span_str(sets[i].text), sets[i].max, &set, &beyond);
        if (sets[i].written == NULL) {
            if (err != ERR_INVALID)
                fail_msg("was not refused: %s", sets[i].text);
        } else {
            imap_set_write(&out, &set);
            if (err != 0 || beyond != sets[i].beyond ||
                !span_eq(buf_span(&out), span_str(sets[i].written)))
                fail_msg("%s: %d %.*s", sets[i].text, err, SPAN_ARG(buf_span(&out)));
        }
        buf_done(&out);
        numset_done(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands_become_trees, setup, teardown),
        cmocka_unit_test_setup_teardown(zeros_are_in_literal8_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(there_are_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(arguments_are_asked, setup, teardown),
        cmocka_unit_test(literals_end_lines),
        cmocka_unit_test(sets_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
