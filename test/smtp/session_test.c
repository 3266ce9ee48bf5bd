/* SPDX-License-Identifier: Apache-2.0 */
/* The dialogue without mail: greeting, EHLO, order of commands, wrong ones, lines, STARTTLS, ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/metrics.h"
#include "talk.h"

static struct span ehlo(struct world *w, enum world_port port)
{
    world_connect(w, port, talk_cut);
    host_expect(w->host, "220 mx.example.test ESMTP");
    host_sends(w->host, "EHLO x\r\n");
    return talk_reply(w, "250 HELP");
}

static void capabilities(void **state)
{
    struct world *w = *state;
    struct span mx = ehlo(w, PORT_MX);
    static const char *const lines[] = {"250-mx.example.test\r\n",
                                        "250-PIPELINING\r\n",
                                        "250-SIZE 52428800\r\n",
                                        "250-8BITMIME\r\n",
                                        "250-SMTPUTF8\r\n",
                                        "250-CHUNKING\r\n",
                                        "250-BINARYMIME\r\n",
                                        "250-ENHANCEDSTATUSCODES\r\n",
                                        "250-DSN\r\n",
                                        "250-STARTTLS\r\n",
                                        "250-LIMITS RCPTMAX=1000\r\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (span_find(mx, span_str(lines[i])) < 0)
            fail_msg("no %s in %.*s", lines[i], SPAN_ARG(mx));
    assert_true(span_find(mx, SPAN("AUTH")) < 0);
    struct span plain = ehlo(w, PORT_SUBMISSION);
    assert_true(span_find(plain, SPAN("AUTH")) < 0); /* never before TLS */
    assert_true(span_find(plain, SPAN("STARTTLS")) > 0);
    struct span tls = ehlo(w, PORT_SUBMISSIONS);
    assert_true(span_find(tls, SPAN("250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n")) >
                0);
    assert_true(span_find(tls, SPAN("STARTTLS")) < 0);
}

/* TLS 1.2 without RFC 7627: a client that binds to a channel nobody can name would never get in. */
static void without_a_binding_there_is_no_plus(void **state)
{
    struct world *w = *state;
    world_connect(w, PORT_SUBMISSIONS, talk_cut);
    talk_reply(w, "220 ");
    host_session(w->host)->tls.binder = NULL;
    host_sends(w->host, "EHLO x\r\n");
    struct span lines = talk_reply(w, "250 HELP");
    assert_true(span_find(lines, SPAN("250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n")) > 0);
    talk(w, "AUTH SCRAM-SHA-256-PLUS", "504 5.5.4", NULL);
}

static void auth_on_mx_is_a_setting(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    talk(w, "AUTH PLAIN AGEAYg==", "502 5.5.1", NULL);
    w->config->smtp_auth_on_mx = true;
    talk_hello(w, PORT_MX);
    talk(w, "AUTH PLAIN AGEAYg==", "538 5.7.11", "STARTTLS", "220 2.0.0", NULL);
    host_sends(w->host, "EHLO x\r\n");
    assert_true(span_find(talk_reply(w, "250 HELP"), SPAN("250-AUTH ")) > 0);
}

static bool help_has(struct world *w, const char *text)
{
    host_sends(w->host, "HELP\r\n");
    return span_find(talk_reply(w, "214 2.0.0"), span_str(text)) > 0;
}

static void help_lists_what_is_offered(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    assert_true(help_has(w, "MAIL FROM"));
    assert_true(help_has(w, "STARTTLS: "));
    assert_false(help_has(w, "AUTH"));
    talk(w, "HELP AUTH", "504 5.5.4", "STARTTLS", "220 2.0.0", "EHLO x", "250 HELP", NULL);
    assert_false(help_has(w, "AUTH"));
    assert_false(help_has(w, "STARTTLS"));
    w->config->smtp_auth_on_mx = true;
    assert_true(help_has(w, "AUTH mechanism"));
    talk_hello(w, PORT_SUBMISSION);
    assert_false(help_has(w, "AUTH")); /* not before encryption */
    talk(w, "STARTTLS", "220 2.0.0", "EHLO x", "250 HELP", NULL);
    assert_true(help_has(w, "AUTH mechanism"));
}

static void order(void **state)
{
    struct world *w = *state;
    world_connect(w, PORT_MX, talk_cut);
    host_expect(w->host, "220 ");
    talk(w, "MAIL FROM:<a@b>", "503 5.5.1", "RCPT TO:<alice@example.test>", "503 5.5.1", "DATA",
         "503 5.5.1", "NOOP", "250 2.0.0", "RSET", "250 2.0.0", "VRFY alice", "252 2.0.0", "HELP",
         "214 2.0.0", "EHLO x", "250 HELP", "RCPT TO:<alice@example.test>", "503 5.5.1", "DATA",
         "503 5.5.1", "MAIL FROM:<a@b>", "250 2.1.0", "MAIL FROM:<a@b>", "503 5.5.1", "DATA",
         "503 5.5.1", "STARTTLS", "503 5.5.1", "AUTH PLAIN", "503 5.5.1",
         "RCPT TO:<alice@example.test>", "250 2.1.5", "EHLO x", "250 HELP", "DATA", "503 5.5.1",
         "MAIL FROM:<a@b>", "250 2.1.0", "RSET", "250 2.0.0", "MAIL FROM:<a@b>", "250 2.1.0",
         "QUIT", "221 2.0.0", NULL);
    host_expect_closed(w->host);
}

static void wrong_commands(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    talk(w, "WHAT", "500 5.5.1", "", "500 5.5.1", "EHLO", "501 5.5.4", "HELO", "501 5.5.4",
         "EHLO a b", "501 5.5.4", "DATA now", "503 5.5.1", "RSET now", "501 5.5.4", "VRFY",
         "501 5.5.4", "EXPN staff", "502 5.5.1", "HELP me", "504 5.5.4", "HELP mail", "214 2.0.0",
         "noop whatever", "250 2.0.0", "quit now", "501 5.5.4", "HELO [192.0.2.7]",
         "250 mx.example.test", "QUIT", "221 2.0.0", NULL);
}

static void bare_newlines_in_commands(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    talk_raw(w, SPAN("NOOP\n"), "500 5.5.2");
    talk_raw(w, SPAN("NO\rOP\r\n"), "500 5.5.2");
    talk_raw(w, SPAN("NOOP\r\r\n"), "500 5.5.2");
    talk_raw(w, SPAN("\n"), "500 5.5.2");
    talk_raw(w, SPAN("NO\0OP\r\n"), "500 5.5.1");
    talk_raw(w, SPAN("NOOP\r\n"), "250 2.0.0");
    host_expect_silence(w->host);
}

/* A line of `n` bytes with its CRLF. */
static void long_line(struct world *w, const char *begin, size_t n, const char *reply)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, begin);
    while (b.n < n - 2)
        buf_putc(&b, 'x');
    buf_puts(&b, "\r\n");
    talk_raw(w, buf_span(&b), reply);
    host_expect_silence(w->host);
    buf_done(&b);
}

static void long_lines(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    long_line(w, "NOOP ", LIMIT_SMTP_COMMAND + 2, "250 2.0.0");
    long_line(w, "NOOP ", LIMIT_SMTP_COMMAND + 3, "500 5.5.2");
    long_line(w, "NOOP ", LIMIT_SMTP_AUTH_LINE + 2, "500 5.5.2");
    long_line(w, "NOOP ", LIMIT_SMTP_AUTH_LINE + 3, "500 5.5.2");
    long_line(w, "NOOP ", 50000, "500 5.5.2");
    talk(w, "NOOP", "250 2.0.0", NULL);
}

static void lines_without_end(void **state)
{
    struct world *w = *state;
    static char piece[LIMIT_SMTP_AUTH_LINE + 2];
    memset(piece, 'x', sizeof piece);
    talk_hello(w, PORT_MX);
    for (int i = 0; i < 299; i++) { /* never silent for long, and never done */
        host_send(w->host, i == 0 ? span_of(piece, sizeof piece) : SPAN("x"));
        host_expect_silence(w->host);
        clock_fake_advance(&w->clock, 1000);
    }
    talk(w, "", "500 5.5.2", NULL);
    assert_int_equal(host_session(w->host)->timeout_ms, 300 * 1000);
    host_send(w->host, span_of(piece, sizeof piece));
    clock_fake_advance(&w->clock, 299 * 1000);
    host_send(w->host, SPAN("x"));
    assert_int_equal(host_session(w->host)->timeout_ms, 1000);
    host_timeout(w->host);
    host_expect(w->host, "421 4.4.2");
    host_expect_closed(w->host);
    talk_hello(w, PORT_MX);
    size_t sent = 0;
    for (; sent < 10 * LIMIT_SMTP_LINE_DROPPED && !host_closed(w->host); sent += sizeof piece)
        host_send(w->host, span_of(piece, sizeof piece));
    assert_in_range(sent, LIMIT_SMTP_LINE_DROPPED, LIMIT_SMTP_LINE_DROPPED + 2 * sizeof piece);
    (void)talk_reply(w, "500 5.5.2 The line does not end");
    host_expect_closed(w->host);
}

static void too_many_errors(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    for (int i = 1; i < LIMIT_SMTP_ERRORS; i++)
        talk(w, "WHAT", "500 5.5.1", NULL);
    talk_raw(w, SPAN("WHAT\r\n"), "421 4.7.0");
    host_expect_closed(w->host);
}

/* A pipelining client has sent the rest before it can see that MAIL or a chunk was refused
 * (RFC 2920 §3.1): its session must live on for its next message. */
static void what_follows_a_refusal_is_no_error(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    talk(w, "MAIL FROM:<a@far.test> SIZE=99999999999", "552 5.3.4", NULL);
    for (int i = 0; i < 3 * LIMIT_SMTP_ERRORS; i++)
        talk(w, "RCPT TO:<alice@example.test>", "503 5.5.1", NULL);
    talk(w, "DATA", "503 5.5.1", "MAIL FROM:<a@far.test>", "250 2.1.0", NULL);
    talk(w, "RCPT TO:<alice@example.test>", "250 2.1.5", NULL);
    talk_raw(w, SPAN("BDAT 3\r\na\nb"), "550 5.6.11");
    for (int i = 0; i < 3 * LIMIT_SMTP_ERRORS; i++)
        talk_raw(w, SPAN("BDAT 3\r\nabc"), "503 5.5.1");
    talk(w, "RSET", "250 2.0.0", NULL);
    /* without a refusal it is one */
    for (int i = 1; i < LIMIT_SMTP_ERRORS; i++)
        talk(w, "RCPT TO:<alice@example.test>", "503 5.5.1", NULL);
    talk_raw(w, SPAN("RCPT TO:<alice@example.test>\r\n"), "421 4.7.0");
    host_expect_closed(w->host);
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "MAIL FROM:<alice@example.test>", "530 5.7.0", NULL);
    for (int i = 0; i < 3 * LIMIT_SMTP_ERRORS; i++)
        talk(w, "RCPT TO:<bob@example.test>", "503 5.5.1", NULL);
}

static void browsers(void **state)
{
    struct world *w = *state;
    world_connect(w, PORT_MX, talk_cut);
    host_expect(w->host, "220 ");
    host_sends(w->host, "POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b>\r\n");
    (void)talk_reply(w, "421 4.7.0");
    host_expect_closed(w->host);
}

static void starttls(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSION);
    /* what was sent with STARTTLS was not protected: RFC 3207 §4.2 */
    host_sends(w->host, "STARTTLS\r\nNOOP\r\nMAIL FROM:<evil@far.test>\r\n");
    (void)talk_reply(w, "220 2.0.0");
    host_expect_silence(w->host);
    assert_true(talk_cut == HOST_BYTES || host_discarded(w->host) > 0);
    if (talk_cut !=
        HOST_WHOLE) /* the rest came after TLS was on, as garbage commands of the new session */
        host_output_clear(w->host);
    talk(w, "MAIL FROM:<a@b>", "503 5.5.1", "EHLO x", "250 HELP", "STARTTLS", "503 5.5.1", NULL);
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "STARTTLS", "503 5.5.1", NULL);
}

static void time_outs_and_shutdown(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    host_timeout(w->host);
    host_expect(w->host, "421 4.4.2");
    host_expect_closed(w->host);
    talk_hello(w, PORT_MX);
    host_shutdown(w->host);
    host_expect(w->host, "421 4.3.2");
    host_expect_closed(w->host);
    talk_data(w);
    host_sends(w->host, "half a message\r\n");
    host_shutdown(w->host);
    host_expect(w->host, "421 4.3.2");
    host_expect_closed(w->host);
    assert_int_equal(world_count(w, w->alice), 0);
    talk_data(w);
    host_sends(w->host, "half a message\r\n");
    host_eof(w->host);
    assert_true(host_closed(w->host));
    assert_int_equal(world_count(w, w->alice), 0);
}

static void commands_are_counted(void **state)
{
    struct world *w = *state;
    int64_t before = metric_get(METRIC_SMTP_CMD_EHLO);
    talk_hello(w, PORT_MX);
    assert_int_equal(metric_get(METRIC_SMTP_CMD_EHLO), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_TEST(capabilities),
        TALK_TEST(without_a_binding_there_is_no_plus),
        TALK_TEST(auth_on_mx_is_a_setting),
        TALK_TEST(help_lists_what_is_offered),
        TALK_TEST(order),
        TALK_TEST(wrong_commands),
        TALK_TEST(bare_newlines_in_commands),
        TALK_TEST(long_lines),
        TALK_TEST(lines_without_end),
        TALK_TEST(too_many_errors),
        TALK_TEST(what_follows_a_refusal_is_no_error),
        TALK_TEST(browsers),
        TALK_TEST(starttls),
        TALK_TEST(time_outs_and_shutdown),
        TALK_TEST(commands_are_counted),
    };
    return TALK_RUN(tests);
}
