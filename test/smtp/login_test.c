/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH: the dialogue of RFC 4954 around the auth room's exchanges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "talk.h"

/* base64 of "\0alice@example.test\0secret", "alice@example.test", "secret",
 * "\0alice@example.test\0wrong" */
#define PLAIN    "AGFsaWNlQGV4YW1wbGUudGVzdABzZWNyZXQ="
#define USER     "YWxpY2VAZXhhbXBsZS50ZXN0"
#define PASSWORD "c2VjcmV0"
#define WRONG    "AGFsaWNlQGV4YW1wbGUudGVzdAB3cm9uZw=="

static void ways_to_log_in(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH PLAIN " PLAIN, "235 2.7.0", "AUTH PLAIN " PLAIN, "503 5.5.1", NULL);
    assert_true(host_session(w->host)->authenticated); /* served first */
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "auth plain", "334 ", PLAIN, "235 2.7.0", "MAIL FROM:<alice@example.test>", "250 ",
         NULL);
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH LOGIN", "334 VXNlcm5hbWU6", USER, "334 UGFzc3dvcmQ6", PASSWORD, "235 2.7.0",
         NULL);
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH LOGIN " USER, "334 UGFzc3dvcmQ6", PASSWORD, "235 2.7.0", NULL);
}

static void ways_to_fail(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSIONS);
    assert_false(host_session(w->host)->authenticated);
    talk(w, "AUTH", "501 5.5.4", "AUTH PLAIN a b", "501 5.5.4", "AUTH CRAM-MD5", "504 5.5.4",
         "AUTH PLAIN !!", "501 5.5.2", "AUTH PLAIN", "334 ", "*", "501 5.7.0", "AUTH PLAIN", "334 ",
         "not base64", "501 5.5.2", "NOOP", "250 ", "AUTH PLAIN =", "5", "AUTH PLAIN " WRONG,
         "535 5.7.8", "MAIL FROM:<alice@example.test>", "530 5.7.0", "AUTH PLAIN " PLAIN,
         "235 2.7.0", NULL);
}

static void never_before_tls(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSION);
    talk(w, "AUTH PLAIN " PLAIN, "538 5.7.11", "AUTH SCRAM-SHA-256", "538 5.7.11", "NOOP", "250 ",
         NULL);
    assert_false(host_session(w->host)->authenticated);
}

static void after_starttls(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSION);
    talk(w, "STARTTLS", "220 2.0.0", "EHLO x", "250 HELP", "AUTH PLAIN " PLAIN, "235 2.7.0",
         "MAIL FROM:<alice@example.test>", "250 ", NULL);
}

static void lines_too_long(void **state)
{
    struct world *w = *state;
    struct buf b;
    buf_init(&b, 1 << 20);
    while (b.n < LIMIT_SMTP_AUTH_LINE + 1)
        buf_puts(&b, "QUJD");
    buf_puts(&b, "\r\n");
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH PLAIN", "334 ", NULL);
    talk_raw(w, buf_span(&b), "500 5.5.6");
    talk(w, "NOOP", "250 ", "AUTH PLAIN", "334 ", NULL);
    talk_raw(w, SPAN(PLAIN "\n"), "500 5.5.2"); /* a bare LF ends the attempt */
    talk(w, "NOOP", "250 ", NULL);
    /* a line as long as is allowed is judged, not cut: it fails as a login */
    buf_truncate(&b, 0);
    while (b.n < LIMIT_SMTP_AUTH_LINE)
        buf_puts(&b, "QUJD");
    buf_puts(&b, "\r\n");
    talk(w, "AUTH PLAIN", "334 ", NULL);
    talk_raw(w, buf_span(&b), "5");
    talk(w, "NOOP", "250 ", NULL);
    buf_done(&b);
}

static void ends_in_the_middle(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH LOGIN", "334 ", NULL);
    host_timeout(w->host);
    host_expect(w->host, "421 4.4.2");
    host_expect_closed(w->host);
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH LOGIN", "334 ", NULL);
    host_shutdown(w->host);
    host_expect(w->host, "421 4.3.2");
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH LOGIN", "334 ", NULL);
    host_eof(w->host); /* the exchange is closed with the session: leaks are found */
}

static void a_suspended_account(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSIONS);
    /* sam@example.test */
    talk(w, "AUTH PLAIN AHNhbUBleGFtcGxlLnRlc3QAc2VjcmV0", "535 5.7.13", NULL);
}

static int set_class(void *arg, struct arena *a, struct account *account)
{
    (void)a;
    account->class_name = *(const struct span *)arg;
    return 0;
}

static void give_class(struct world *w, struct span name)
{
    assert_int_equal(account_change(w->directory, SPAN("bob@example.test"), set_class, &name), 0);
}

static void a_class_changed_meanwhile(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH PLAIN AGJvYkBleGFtcGxlLnRlc3QAc2VjcmV0", "235", NULL); /* bob@example.test */
    talk(w, "MAIL FROM:<bob@example.test> SIZE=30000", "552 5.3.4", NULL);
    give_class(w, SPAN("default"));
    talk(w, "MAIL FROM:<bob@example.test> SIZE=30000", "250", NULL);
    talk(w, "RSET", "250", NULL);
    give_class(w, SPAN("small"));
    talk(w, "MAIL FROM:<bob@example.test> SIZE=30000", "552 5.3.4", NULL);
    talk(w, "MAIL FROM:<> SIZE=30000", "552 5.3.4", NULL);
}

static int suspend(void *arg, struct arena *a, struct account *account)
{
    (void)arg;
    (void)a;
    account->status = ACCOUNT_SUSPENDED;
    return 0;
}

static void suspended_meanwhile(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH PLAIN AGJvYkBleGFtcGxlLnRlc3QAc2VjcmV0", "235", NULL);
    talk(w, "MAIL FROM:<>", "250", NULL);
    talk(w, "RSET", "250", NULL);
    assert_int_equal(account_change(w->directory, SPAN("bob@example.test"), suspend, NULL), 0);
    talk(w, "MAIL FROM:<bob@example.test>", "553 5.7.1", NULL);
    talk(w, "MAIL FROM:<>", "553 5.7.1", NULL);
}

static void another_password_meanwhile(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, "AUTH PLAIN AGJvYkBleGFtcGxlLnRlc3QAc2VjcmV0", "235", NULL);
    auth_password_changed(w->auth, w->alice);
    talk(w, "MAIL FROM:<bob@example.test>", "250", "RSET", "250", NULL);
    auth_password_changed(w->auth, w->bob);
    talk(w, "MAIL FROM:<bob@example.test>", "535 5.7.8", "MAIL FROM:<>", "535 5.7.8", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_TEST(ways_to_log_in),      TALK_TEST(ways_to_fail),
        TALK_TEST(never_before_tls),    TALK_TEST(after_starttls),
        TALK_TEST(lines_too_long),      TALK_TEST(ends_in_the_middle),
        TALK_TEST(a_suspended_account), TALK_TEST(a_class_changed_meanwhile),
        TALK_TEST(suspended_meanwhile), TALK_TEST(another_password_meanwhile),
    };
    return TALK_RUN(tests);
}
