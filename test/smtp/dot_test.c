/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message ends and what of it is kept: dot.c and body.c, whole and in all cuts into two and
 * three. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "smtp/body.h"
#include "smtp/dot.h"

#define E "\r\n.\r\n"

static struct spools spools = {.dir = "/tmp"};

static const struct {
    const char *name;
    struct span in;
    int behind; /* bytes that follow the message; -1: it has no end */
    enum smtp_fault fault;
    struct span strict; /* kept, when there is no fault */
    struct span normal; /* kept with normalize */
} cases[] = {
    {"empty", SPAN(".\r\n"), 0, FAULT_NONE, SPAN(""), SPAN("")},
    {"plain", SPAN("a" E), 0, FAULT_NONE, SPAN("a\r\n"), SPAN("a\r\n")},
    {"more behind it", SPAN("a" E "NOOP\r\n"), 6, FAULT_NONE, SPAN("a\r\n"), SPAN("a\r\n")},
    {"stuffed", SPAN("..\r\n..a\r\n.b" E), 0, FAULT_NONE, SPAN(".\r\n.a\r\nb\r\n"),
     SPAN(".\r\n.a\r\nb\r\n")},
    {"dots inside", SPAN("a.\r\n a.b" E), 0, FAULT_NONE, SPAN("a.\r\n a.b\r\n"),
     SPAN("a.\r\n a.b\r\n")},
    {"no end", SPAN("a\r\n.\r"), -1, FAULT_NONE, SPAN("a\r\n"), SPAN("a\r\n")},
    {"LF.LF", SPAN("a\n.\nb" E), 0, FAULT_NEWLINE, SPAN(""), SPAN("a\r\n.\r\nb\r\n")},
    {"LF.CRLF", SPAN("a\n.\r\nb" E), 0, FAULT_NEWLINE, SPAN(""), SPAN("a\r\n.\r\nb\r\n")},
    {"CRLF.LF", SPAN("a\r\n.\nb" E), 0, FAULT_NEWLINE, SPAN(""), SPAN("a\r\n\r\nb\r\n")},
    {"CR.CR", SPAN("a\r.\rb" E), 0, FAULT_NEWLINE, SPAN(""), SPAN("a\r\n.\r\nb\r\n")},
    {"CR.CRLF", SPAN("a\r.\r\nb" E), 0, FAULT_NEWLINE, SPAN(""), SPAN("a\r\n.\r\nb\r\n")},
    {"CRLF.CR", SPAN("a\r\n.\rb" E), 0, FAULT_NEWLINE, SPAN(""), SPAN("a\r\n\r\nb\r\n")},
    {"CRLF.CRCRLF", SPAN("a\r\n.\r\r\nb" E), 0, FAULT_NEWLINE, SPAN(""),
     SPAN("a\r\n\r\n\r\nb\r\n")},
    {"CRCRLF.CRLF", SPAN("a\r\r\n.\r\n"), 0, FAULT_NEWLINE, SPAN(""), SPAN("a\r\n\r\n")},
    {"LFCR.LFCR", SPAN("a\n\r.\n\rb" E), 0, FAULT_NEWLINE, SPAN(""),
     SPAN("a\r\n\r\n.\r\n\r\nb\r\n")},
    {"bare LF first", SPAN("\n.\r\n" E), 0, FAULT_NEWLINE, SPAN(""), SPAN("\r\n.\r\n\r\n")},
    {"CRLF NUL .CRLF", SPAN("a\r\n\0.\r\nb" E), 0, FAULT_NUL, SPAN(""), SPAN("")},
    {"CRLF.NUL CRLF", SPAN("a\r\n.\0\r\nb" E), 0, FAULT_NUL, SPAN(""), SPAN("")},
    {"bare CR before the end", SPAN("a\r" E), 0, FAULT_NEWLINE, SPAN(""), SPAN("a\r\n\r\n")},
    {"8 bit", SPAN("\xc3\xa4\xff" E), 0, FAULT_NONE, SPAN("\xc3\xa4\xff\r\n"),
     SPAN("\xc3\xa4\xff\r\n")},
};

static void put(void *body, struct span content)
{
    smtp_body_put(body, content);
}

/* Feeds `in`, cut at a and b; checks what comes out. */
static void feed(size_t i, bool normalize, size_t a, size_t b)
{
    struct span in = cases[i].in;
    struct span pieces[3] = {span_slice(in, 0, a), span_slice(in, a, b - a), span_from(in, b)};
    struct smtp_body body;
    enum smtp_dot dot = DOT_LINE;
    size_t taken = 0;
    assert_int_equal(smtp_body_open(&body, &spools, 1000), 0);
    body.normalize = normalize;
    for (int p = 0; p < 3 && dot != DOT_END; p++) {
        enum smtp_dot looked = dot;
        size_t n = smtp_dot_feed(&looked, pieces[p], NULL, NULL);
        assert_int_equal(n, smtp_dot_feed(&dot, pieces[p], put, &body));
        assert_int_equal(looked, dot); /* looking and taking agree */
        taken += n;
    }
    if (dot == DOT_END)
        smtp_body_end(&body);
    if (cases[i].behind < 0 ? dot == DOT_END
                            : dot != DOT_END || in.n - taken != (size_t)cases[i].behind)
        fail_msg("%s: %zu of %zu taken", cases[i].name, taken, in.n);
    enum smtp_fault fault =
        normalize && cases[i].fault == FAULT_NEWLINE ? FAULT_NONE : cases[i].fault;
    if (body.fault != fault)
        fail_msg("%s: fault %d", cases[i].name, (int)body.fault);
    if (fault == FAULT_NONE) {
        struct span kept, want = normalize ? cases[i].normal : cases[i].strict;
        assert_int_equal(spool_view(body.spool, &kept), 0);
        if (!span_eq(kept, want))
            fail_msg("%s at %zu, %zu: kept \"%.*s\"", cases[i].name, a, b, SPAN_ARG(kept));
    }
    smtp_body_close(&body);
}

static void ends_and_contents(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t a = 0; a <= cases[i].in.n; a++)
            for (size_t b = a; b <= cases[i].in.n; b++) {
                feed(i, false, a, b);
                feed(i, true, a, b);
            }
}

static void chunks_without_dots(void **state)
{
    (void)state;
    static const struct {
        struct span in;
        bool binary;
        enum smtp_fault fault;
    } chunks[] = {
        {SPAN(".\r\na\r\n.\r\n"), false, FAULT_NONE},
        {SPAN("a\r\nlast line open"), false, FAULT_NONE},
        {SPAN("a\r"), false, FAULT_NEWLINE},
        {SPAN("a\n"), false, FAULT_NEWLINE},
        {SPAN("a\0"), false, FAULT_NUL},
        {SPAN("\0a\r\n\r\r\n\n"), true, FAULT_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(chunks); i++) {
        for (size_t cut = 0; cut <= chunks[i].in.n; cut++) {
            struct smtp_body b;
            struct span kept;
            assert_int_equal(smtp_body_open(&b, &spools, 1000), 0);
            b.binary = chunks[i].binary;
            smtp_body_put(&b, span_slice(chunks[i].in, 0, cut));
            smtp_body_put(&b, span_from(chunks[i].in, cut));
            smtp_body_end(&b);
            assert_int_equal(b.fault, chunks[i].fault);
            assert_int_equal(b.received, chunks[i].in.n);
            if (b.fault == FAULT_NONE) {
                assert_int_equal(spool_view(b.spool, &kept), 0);
                assert_true(span_eq(kept, chunks[i].in));
            }
            smtp_body_close(&b);
        }
    }
}

static void size_and_line_limits(void **state)
{
    (void)state;
    static char line[LIMIT_SMTP_LINE_ACCEPTED + 1];
    struct smtp_body b;
    memset(line, 'x', sizeof line);
    for (size_t n = LIMIT_SMTP_LINE_ACCEPTED; n <= LIMIT_SMTP_LINE_ACCEPTED + 1; n++) {
        assert_int_equal(smtp_body_open(&b, &spools, 1 << 20), 0);
        smtp_body_put(&b, span_of(line, n / 2));
        smtp_body_put(&b, span_of(line, n - n / 2));
        smtp_body_put(&b, SPAN("\r\n"));
        smtp_body_put(&b, span_of(line, 1000));
        assert_int_equal(b.fault, n > LIMIT_SMTP_LINE_ACCEPTED ? FAULT_LINE : FAULT_NONE);
        smtp_body_close(&b);
    }
    for (size_t n = 9; n <= 11; n++) {
        assert_int_equal(smtp_body_open(&b, &spools, 10), 0);
        smtp_body_put(&b, span_of(line, 5));
        smtp_body_put(&b, span_of(line, n - 5));
        assert_int_equal(b.fault, n > 10 ? FAULT_SIZE : FAULT_NONE);
        assert_true((b.spool == NULL) == (n > 10)); /* what is refused is not kept */
        smtp_body_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_and_contents),
        cmocka_unit_test(chunks_without_dots),
        cmocka_unit_test(size_and_line_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
