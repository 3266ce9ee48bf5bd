/* SPDX-License-Identifier: Apache-2.0 */
/* The command line without a server: sizes, CSV, line ends, tables, arguments, and that help, manual and
 * completion name every command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "cli/cli.h"
#include "cli/csv.h"
#include "cli/lines.h"
#include "cli/table.h"
#include "cli/units.h"

static void sizes_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool bytes, good;
        uint64_t n;
    } rows[] = {
        {"0", true, true, 0},
        {"2G", true, true, UINT64_C(2) << 30},
        {"500MB", true, true, UINT64_C(500) << 20},
        {"64k", true, true, 65536},
        {"1.5G", true, true, UINT64_C(3) << 29},
        {"none", true, true, 0},
        {"10000", false, true, 10000},
        {"unlimited", false, true, 0},
        {"2G", false, false, 0},
        {"50Q", true, false, 0},
        {"", true, false, 0},
        {"-1", true, false, 0},
        {"1.5", true, false, 0},
        {"G", true, false, 0},
        {"1.G", true, false, 0},
        {"99999999999T", true, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t n = 77;
        if (units_parse(span_str(rows[i].text), rows[i].bytes, &n) != rows[i].good ||
            (rows[i].good && n != rows[i].n))
            fail_msg("%s gives %llu", rows[i].text, (unsigned long long)n);
    }
}

static FILE *file_of(const char *text)
{
    FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(f);
    return f;
}

/* U+FF21 and a byte order mark begin with the same byte. */
static void csv_keeps_a_first_letter_that_looks_like_a_mark(void **state)
{
    (void)state;
    static char text[] = "\xef\xbc\xa1,b\n\xef\xbb";
    FILE *in = fmemopen(text, sizeof text - 1, "r");
    assert_non_null(in);
    struct csv c;
    csv_init(&c, in);
    assert_int_equal(csv_next(&c), 1);
    assert_true(span_eq(csv_field(&c, 0), SPAN("\xef\xbc\xa1")));
    assert_int_equal(csv_next(&c), 1);
    assert_true(span_eq(csv_field(&c, 0), SPAN("\xef\xbb")));
    assert_int_equal(csv_next(&c), 0);
    csv_done(&c);
    (void)fclose(in);
}

static void csv_as_the_rfc_says(void **state)
{
    (void)state;
    FILE *in =
        file_of("\xef\xbb\xbf"
                "a,\"b \"\"x\"\", c\",\r\n\r\n\"two\nlines\",z\nbad\"quote\nlast,\"x\"y\nend");
    struct csv c;
    csv_init(&c, in);
    assert_int_equal(csv_next(&c), 1);
    assert_int_equal(c.n, 3);
    assert_true(span_eq(csv_field(&c, 0), SPAN("a")));
    assert_true(span_eq(csv_field(&c, 1), SPAN("b \"x\", c")));
    assert_int_equal(csv_field(&c, 2).n, 0);
    assert_int_equal(csv_next(&c), 1);
    assert_int_equal(c.line, 3);
    assert_true(span_eq(csv_field(&c, 0), SPAN("two\nlines")));
    assert_int_equal(csv_next(&c), ERR_INVALID);
    assert_int_equal(c.line, 5);
    assert_int_equal(csv_next(&c), ERR_INVALID);
    assert_int_equal(c.line, 6);
    assert_int_equal(csv_next(&c), 1);
    assert_int_equal(c.line, 7);
    assert_true(span_eq(csv_field(&c, 0), SPAN("end")));
    assert_int_equal(csv_next(&c), 0);
    csv_done(&c);
    fclose(in);
}

static void lines_end_with_crlf(void **state)
{
    (void)state;
    static const struct {
        struct span in, out;
    } rows[] = {
        {SPAN("a\nb\n"), SPAN("a\r\nb\r\n")},
        {SPAN("a\r\nb\r\n"), SPAN("a\r\nb\r\n")},
        {SPAN("a\rb"), SPAN("a\r\nb\r\n")},
        {SPAN("From x\nS: y\n\n"), SPAN("S: y\r\n\r\n")},
        {SPAN("From: x\n"), SPAN("From: x\r\n")},
        {SPAN("Fro"), SPAN("Fro\r\n")},
        {SPAN(""), SPAN("")},
        {SPAN("\n\n"), SPAN("\r\n\r\n")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t step = 1; step < 4; step++) {
            struct lines l = {0};
            struct buf to;
            buf_init(&to, 1000);
            for (struct span rest = rows[i].in; rest.n > 0; rest = span_from(rest, step))
                lines_feed(&l, span_slice(rest, 0, step), &to);
            lines_end(&l, &to);
            assert_true(span_eq(buf_span(&to), rows[i].out));
            buf_done(&to);
        }
}

static void tables_are_aligned_and_safe(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    struct table t;
    table_init(&t, out, (const char *const[]){"NAME", ">N", NULL});
    table_cell(&t, "\xc3\xa4\033[31m");
    table_cell(&t, "7");
    table_cell(&t, "longer name");
    table_cell(&t, "1234");
    table_done(&t, NULL);
    fclose(out);
    assert_string_equal(text, "NAME            N\n\xc3\xa4?[31m          7\nlonger name  1234\n");
    free(text);
}

/* Runs a command; `*said` gets all it printed, to be freed. */
static int run(char **said, const char *const *words)
{
    char *argv[16] = {(char *)(uintptr_t) "mailstead"};
    int argc = 1;
    size_t n = 0;
    while (words[argc - 1] != NULL) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
        argc++;
    }
    FILE *out = open_memstream(said, &n), *in = file_of("x");
    int code = cli_run(argc, argv, in, out, out);
    fclose(in);
    fclose(out);
    return code;
}

static void expect(int code, const char *part, const char *const *words)
{
    char *said;
    int got = run(&said, words);
    if (got != code || strstr(said, part) == NULL)
        fail_msg("%s: exit code %d, said: %s", words[0] != NULL ? words[0] : "(nothing)", got,
                 said);
    free(said);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void arguments_are_checked(void **state)
{
    (void)state;
    expect(CLI_USAGE, "say what to do\n", (const char *const[]){NULL});
    expect(CLI_USAGE, "no command \"fly\"", WORDS("fly"));
    expect(CLI_USAGE, "say what to do with account: add, list", WORDS("account"));
    expect(CLI_USAGE, "an argument is missing", WORDS("account", "add"));
    expect(CLI_USAGE, "\"b\" is one argument too many", WORDS("account", "show", "a", "b"));
    expect(CLI_USAGE, "no option --color", WORDS("account", "show", "a", "--color"));
    expect(CLI_USAGE, "--class needs a value", WORDS("account", "add", "a@b", "--class"));
    expect(CLI_USAGE, "--json", WORDS("serve", "--json"));
    expect(CLI_USAGE, "not a size", WORDS("class", "add", "x", "--quota=50Q"));
    expect(CLI_USAGE, "not a domain name", WORDS("init", "/nonexistent/x", "--domain", "a b"));
    expect(CLI_TROUBLE, "there is no configuration file /nonexistent/c",
           WORDS("status", "--config", "/nonexistent/c"));
    expect(CLI_TEMPFAIL, "no configuration file",
           WORDS("mail", "deliver", "a@b", "--config=/nonexistent/c"));
    expect(CLI_OK, "Usage: mailstead account add ADDRESS [OPTIONS]",
           WORDS("account", "add", "--help"));
}

static void every_command_is_described(void **state)
{
    (void)state;
    char *help, *man, *bash;
    assert_int_equal(run(&help, WORDS("--help")), CLI_OK);
    assert_int_equal(run(&man, WORDS("help", "--man")), CLI_OK);
    assert_int_equal(run(&bash, WORDS("completion", "bash")), CLI_OK);
    const struct cli_verb *v;
    for (size_t i = 0; (v = cli_verb_at(i)) != NULL; i++) {
        char line[128];
        assert_true(strlen(v->help) > 10);
        snprintf(line, sizeof line, "  %s ", v->name);
        assert_non_null(strstr(help, line));
        snprintf(line, sizeof line, "    '%s') words='--help", v->name);
        assert_non_null(strstr(bash, line));
        snprintf(line, sizeof line, "%.4s", v->help);
        assert_non_null(strstr(man, line));
    }
    assert_non_null(strstr(man, ".SS mailstead alias\\-domain add "));
    free(help);
    free(man);
    free(bash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_as_people_write_them),
        cmocka_unit_test(csv_as_the_rfc_says),
        cmocka_unit_test(csv_keeps_a_first_letter_that_looks_like_a_mark),
        cmocka_unit_test(lines_end_with_crlf),
        cmocka_unit_test(tables_are_aligned_and_safe),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(every_command_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
