/* SPDX-License-Identifier: Apache-2.0 */
/* The log: what a line looks like, and that nothing a peer sends can forge or break one. Lines are
 * read back from a memory file; time stamps are cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

static int fd;
static char text[65536];

static void begin(enum log_format format)
{
    fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(fd >= 0);
    log_setup(fd, LOG_DEBUG, format);
}

/* All that was written, NUL-terminated. */
static const char *end(void)
{
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_int_equal(close(fd), 0);
    log_setup(STDERR_FILENO, LOG_INFO, LOG_LOGFMT);
    return text;
}

/* The one line that was written, without its time. */
static const char *one_line(void)
{
    const char *all = end();
    assert_int_equal(strncmp(all, "ts=20", 5), 0);
    assert_non_null(strchr(all, '\n'));
    assert_int_equal(strchr(all, '\n')[1], '\0');
    return strchr(all, ' ') + 1;
}

static void a_line_has_its_fields_in_order(void **state)
{
    (void)state;
    begin(LOG_LOGFMT);
    log_scope_set(SPAN("7f3a"), SPAN("m1"));
    log_event(LOG_INFO, "smtp.rcpt", LOG_Z("to", "a@example.test"), LOG_I("size", -5),
              LOG_I("least", INT64_MIN), LOG_I("most", INT64_MAX), LOG_I("none", 0),
              LOG_B("tls", true), LOG_ERR(ERR_NO_USER));
    log_scope_clear();
    assert_string_equal(one_line(),
                        "level=info event=smtp.rcpt sid=7f3a mid=m1 to=a@example.test "
                        "size=-5 least=-9223372036854775808 most=9223372036854775807 none=0 "
                        "tls=true err=NO_USER\n");
}

static void a_line_without_fields(void **state)
{
    (void)state;
    begin(LOG_LOGFMT);
    log_event(LOG_WARN, "serve.stop");
    assert_string_equal(one_line(), "level=warn event=serve.stop\n");
}

static void values_are_washed(void **state)
{
    (void)state;
    static const struct {
        struct span in;
        const char *out;
    } v[] = {
        {{"", 0}, "\"\""},
        {{"two words", 9}, "\"two words\""},
        {{"a=b", 3}, "\"a=b\""},
        {{"x\" event=forged sid=\"1", 22}, "\"x\\\" event=forged sid=\\\"1\""},
        {{"x\r\nts=2026 event=forged", 23}, "\"x\\r\\nts=2026 event=forged\""},
        {{"back\\slash\"", 11}, "\"back\\\\slash\\\"\""},
        {{"\0\x01\x1b[2J\x7f", 7}, "\"\\x00\\x01\\x1b[2J\\x7f\""},
        {{"tab\t", 4}, "\"tab\\t\""},
        {{"\xff\xfe", 2}, "\"\\xff\\xfe\""},
        {{"gr\xc3\xbc\xc3\x9f", 6}, "\"gr\xc3\xbc\xc3\x9f\""},
        {{"\xc3", 1}, "\"\\xc3\""},
        {{"\xc0\xaf", 2}, "\"\\xc0\\xaf\""},
        {{"\xc2\x9b"
          "31m",
          5},
         "\"\\xc2\\x9b31m\""}, /* CSI, a C1 control */
        {{"\xe2\x80\xae"
          "evil",
          7},
         "\"\\xe2\\x80\\xaeevil\""},                  /* right-to-left override */
        {{"\xe2\x80\xa8", 3}, "\"\\xe2\\x80\\xa8\""}, /* line separator */
        {{"\xe2\x81\xa6", 3}, "\"\\xe2\\x81\\xa6\""}, /* isolate */
        {{"\xe2\x82\xac", 3}, "\"\xe2\x82\xac\""},    /* a euro is a euro */
    };
    for (size_t i = 0; i < COUNT_OF(v); i++) {
        char expect[128];
        begin(LOG_LOGFMT);
        log_event(LOG_INFO, "e", LOG_S("v", v[i].in));
        (void)snprintf(expect, sizeof expect, "level=info event=e v=%s\n", v[i].out);
        assert_string_equal(one_line(), expect);
    }
}

/* Every byte, alone and in pairs with every other, leaves one line of text. */
static void no_bytes_break_a_line(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++) {
        char in[512];
        for (size_t b = 0; b < 256; b++) {
            in[2 * b] = (char)a;
            in[2 * b + 1] = (char)b;
        }
        for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
            begin((enum log_format)format);
            log_event(LOG_INFO, "e", LOG_S("v", span_of(in, sizeof in)));
            const char *line = end();
            size_t n = strlen(line);
            assert_true(span_is_utf8(span_str(line)));
            assert_ptr_equal(strchr(line, '\n'), line + n - 1);
            for (size_t i = 0; i + 1 < n; i++)
                assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
        }
    }
}

static void long_values_are_cut(void **state)
{
    (void)state;
    char in[2000], expect[600];
    memset(in, 'x', sizeof in);
    begin(LOG_LOGFMT);
    log_event(LOG_INFO, "e", LOG_S("v", span_of(in, sizeof in)));
    (void)snprintf(expect, sizeof expect, "level=info event=e v=\"%.512s\xe2\x80\xa6\"\n", in);
    assert_string_equal(one_line(), expect);

    /* never through the middle of a character: byte 512 is the second one of the umlaut */
    in[511] = (char)0xc3;
    in[512] = (char)0xbc;
    begin(LOG_LOGFMT);
    log_event(LOG_INFO, "e", LOG_S("v", span_of(in, sizeof in)));
    (void)snprintf(expect, sizeof expect, "level=info event=e v=\"%.511s\xe2\x80\xa6\"\n", in);
    assert_string_equal(one_line(), expect);

    /* exactly the limit is whole */
    begin(LOG_LOGFMT);
    log_event(LOG_INFO, "e", LOG_S("v", span_of(in, 511)));
    (void)snprintf(expect, sizeof expect, "level=info event=e v=%.511s\n", in);
    assert_string_equal(one_line(), expect);
}

static void a_line_that_is_too_long_says_so(void **state)
{
    (void)state;
    char in[512];
    memset(in, '\x01', sizeof in); /* four bytes each */
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        begin((enum log_format)format);
        struct span s = span_of(in, sizeof in);
        log_event(LOG_INFO, "e", LOG_S("a", s), LOG_S("b", s), LOG_S("c", s), LOG_I("d", 1));
        const char *line = end();
        assert_true(strlen(line) <= 4096);
        assert_null(strstr(line, "c\""));
        assert_true(span_ends(span_str(line),
                              format == LOG_JSON ? SPAN(",\"cut\":true}\n") : SPAN(" cut=true\n")));
    }
}

static void json_lines_parse(void **state)
{
    (void)state;
    begin(LOG_JSON);
    log_scope_set(SPAN("s1"), SPAN(""));
    log_event(LOG_ERROR, "e", LOG_S("v", SPAN("q\" b\\ n\n \x01 \xff \xc3\xbc")), LOG_I("n", 42),
              LOG_B("no", false));
    log_scope_clear();
    json_error_t why;
    json_t *line = json_loads(end(), 0, &why);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "error");
    assert_string_equal(json_string_value(json_object_get(line, "event")), "e");
    assert_string_equal(json_string_value(json_object_get(line, "sid")), "s1");
    assert_null(json_object_get(line, "mid"));
    assert_string_equal(json_string_value(json_object_get(line, "v")),
                        "q\" b\\ n\n \x01 \\xff \xc3\xbc");
    assert_int_equal(json_integer_value(json_object_get(line, "n")), 42);
    assert_true(json_is_false(json_object_get(line, "no")));
    assert_true(json_is_string(json_object_get(line, "ts")));
    json_decref(line);
}

static void levels_below_the_least_are_not_written(void **state)
{
    (void)state;
    begin(LOG_LOGFMT);
    log_setup(fd, LOG_WARN, LOG_LOGFMT);
    assert_false(log_is_on(LOG_INFO));
    assert_true(log_is_on(LOG_WARN));
    log_event(LOG_DEBUG, "no");
    log_event(LOG_INFO, "no");
    log_event(LOG_ERROR, "yes");
    assert_string_equal(one_line(), "level=error event=yes\n");
}

static void scopes_are_cut_and_cleared(void **state)
{
    (void)state;
    log_scope_set(SPAN("0123456789012345678901234567890123456789"), SPAN(""));
    assert_int_equal(log_scope_sid().n, 31);
    log_scope_clear();
    assert_int_equal(log_scope_sid().n, 0);
}

static void *other_scope(void *arg)
{
    (void)arg;
    bool empty = log_scope_sid().n == 0;
    log_scope_set(SPAN("other"), SPAN("m"));
    return empty ? NULL : text;
}

static void each_thread_has_its_scope(void **state)
{
    (void)state;
    pthread_t t;
    void *failed;
    log_scope_set(SPAN("mine"), SPAN(""));
    assert_int_equal(pthread_create(&t, NULL, other_scope, NULL), 0);
    assert_int_equal(pthread_join(t, &failed), 0);
    assert_null(failed);
    assert_true(span_eq(log_scope_sid(), SPAN("mine")));
    log_scope_clear();
}

static void a_reader_that_left_loses_lines_and_nothing_else(void **state)
{
    (void)state;
    int ends[2];
    int64_t lost = metric_get(METRIC_LOG_LINES_LOST);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(close(ends[0]), 0);
    log_setup(ends[1], LOG_INFO, LOG_LOGFMT);
    log_event(LOG_INFO, "nobody.reads");
    log_setup(STDERR_FILENO, LOG_INFO, LOG_LOGFMT);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(metric_get(METRIC_LOG_LINES_LOST), lost + 1);
}

static void a_reader_that_sleeps_does_not_hold_up_mail(void **state)
{
    (void)state;
    int ends[2];
    char drain[65536];
    int64_t lost = metric_get(METRIC_LOG_LINES_LOST);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    log_setup(ends[1], LOG_INFO, LOG_LOGFMT);
    for (int i = 0; i < 3000; i++) /* far more than a pipe holds */
        log_event(LOG_INFO, "sleepy.reader", LOG_I("i", i));
    assert_true(metric_get(METRIC_LOG_LINES_LOST) > lost + 500);
    assert_true(read(ends[0], drain, sizeof drain) > 0);
    lost = metric_get(METRIC_LOG_LINES_LOST);
    log_event(LOG_INFO, "awake.again");
    assert_int_equal(metric_get(METRIC_LOG_LINES_LOST), lost);
    log_setup(STDERR_FILENO, LOG_INFO, LOG_LOGFMT);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_fields_in_order),
        cmocka_unit_test(a_line_without_fields),
        cmocka_unit_test(values_are_washed),
        cmocka_unit_test(no_bytes_break_a_line),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(a_line_that_is_too_long_says_so),
        cmocka_unit_test(json_lines_parse),
        cmocka_unit_test(levels_below_the_least_are_not_written),
        cmocka_unit_test(scopes_are_cut_and_cleared),
        cmocka_unit_test(each_thread_has_its_scope),
        cmocka_unit_test(a_reader_that_left_loses_lines_and_nothing_else),
        cmocka_unit_test(a_reader_that_sleeps_does_not_hold_up_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
