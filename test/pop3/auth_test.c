/* SPDX-License-Identifier: Apache-2.0 */
/* USER, PASS and AUTH. */
#include "one_world.h"

#include "base/encode.h"
#include "base/err.h"
#include "world.h"

static void send_expect(struct host *h, const char *command, const char *answer)
{
    host_sends(h, command);
    host_sends(h, "\r\n");
    host_expect(h, answer);
}

static void send_base64(struct host *h, const char *before, struct span raw)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_puts(&b, before);
    base64_encode(&b, raw);
    buf_puts(&b, "\r\n");
    host_send(h, buf_span(&b));
    buf_done(&b);
}

static const struct span good_plain = SPAN("\0" WORLD_USER "\0" WORLD_PASSWORD);
static const struct span bad_plain = SPAN("\0" WORLD_USER "\0wrong");

static void passwords_with_spaces(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "PASS x", "-ERR Please send USER first");
    send_expect(h, "USER", "-ERR Please write");
    send_expect(h, "USER " WORLD_USER, "+OK");
    send_expect(h, "PASS tulip", "-ERR [AUTH]");
    send_expect(h, "PASS " WORLD_PASSWORD,
                "-ERR Please send USER first"); /* RFC 1939 §7: right after USER */
    send_expect(h, "USER " WORLD_USER, "+OK");
    send_expect(h, "PASS " WORLD_PASSWORD, "+OK Logged in, 0 messages (0 octets)");
    assert_true(host_session(h)->authenticated);
    host_free(h);
}

static void every_name_is_answered_alike(void **state)
{
    (void)state;
    char right[512], wrong[512];
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "USER " WORLD_USER, "+OK Please send the password");
    host_sends(h, "PASS x\r\n");
    assert_true(span_to_cstr(host_expect(h, "-ERR [AUTH] "), right, sizeof(right)));
    send_expect(h, "USER nobody@nowhere.test", "+OK Please send the password");
    host_sends(h, "PASS x\r\n");
    assert_true(span_to_cstr(host_expect(h, "-ERR [AUTH] "), wrong, sizeof(wrong)));
    assert_string_equal(right, wrong);
    host_free(h);
}

static void no_password_without_tls(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, false, HOST_WHOLE);
    host_sends(h, "USER " WORLD_USER "\r\n");
    struct span line = host_expect(h, "-ERR [AUTH] ");
    assert_true(span_find(line, SPAN("TLS")) > 0);
    host_sends(h, "PASS " WORLD_PASSWORD "\r\n");
    line = host_expect(h, "-ERR [AUTH] ");
    assert_true(span_find(line, SPAN("TLS")) > 0);
    send_base64(h, "AUTH PLAIN ", good_plain);
    line = host_expect(h, "-ERR [AUTH] ");
    assert_true(span_find(line, SPAN("TLS")) > 0);
    host_free(h);
}

static void loopback_may_be_allowed(void **state)
{
    (void)state;
    struct host_options local = {.peer = "127.0.0.1"}, remote = {.peer = "192.0.2.9"};
    w.config->auth_plain_loopback = true;
    struct host *h = host_new(world_session(&w), &local);
    host_expect(h, "+OK");
    send_expect(h, "USER " WORLD_USER, "+OK");
    send_expect(h, "PASS " WORLD_PASSWORD, "+OK");
    host_free(h);
    h = host_new(world_session(&w), &remote);
    host_expect(h, "+OK");
    send_expect(h, "USER " WORLD_USER, "-ERR [AUTH]");
    host_free(h);
}

/* RFC 5034 §4, §6 */
static void plain_with_and_without_initial_response(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_base64(h, "AUTH PLAIN ", bad_plain);
    host_expect(h, "-ERR [AUTH]");
    send_base64(h, "auth plain ", good_plain); /* a failed AUTH leaves nothing behind */
    host_expect(h, "+OK");
    send_expect(h, "AUTH PLAIN", "-ERR");
    host_free(h);
    h = world_connect(&w, true, HOST_BYTES);
    host_sends(h, "AUTH PLAIN\r\n");
    assert_true(span_eq(host_expect(h, "+"), SPAN("+ "))); /* with the space */
    send_base64(h, "", good_plain);
    host_expect(h, "+OK");
    host_free(h);
}

static void login_mechanism(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "AUTH LOGIN", "+ ");
    send_base64(h, "", SPAN(WORLD_USER));
    host_expect(h, "+ ");
    send_base64(h, "", SPAN(WORLD_PASSWORD));
    host_expect(h, "+OK");
    host_free(h);
}

static void bad_answers_end_the_exchange(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "AUTH PLAIN", "+ ");
    send_expect(h, "*", "-ERR");
    send_expect(h, "AUTH PLAIN =AAA", "-ERR"); /* RFC 5034 §4's examples */
    send_expect(h, "AUTH PLAIN AAA=BBB", "-ERR");
    send_expect(h, "AUTH PLAIN !", "-ERR");
    send_expect(h, "AUTH PLAIN =", "-ERR"); /* an empty response, which PLAIN cannot use */
    send_expect(h, "AUTH PLAIN", "+ ");
    send_expect(h, "not base64", "-ERR");
    send_expect(h, "AUTH KERBEROS_V4", "-ERR");
    send_expect(h, "AUTH PLAIN AAAA BBBB", "-ERR Please write");
    send_base64(h, "AUTH PLAIN ", good_plain);
    host_expect(h, "+OK");
    host_free(h);
}

static void sasl_lines_may_be_long_others_not(void **state)
{
    (void)state;
    static char raw[5000];
    struct buf b;
    memset(raw, 'x', sizeof(raw));
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "AUTH PLAIN", "+ ");
    buf_init(&b, 10000);
    base64_encode(&b, span_of(raw, sizeof(raw)));
    buf_puts(&b, "\r\n");
    host_send(h, buf_span(&b));
    host_expect(h, "-ERR");
    assert_false(host_closed(h));
    buf_done(&b);
    host_free(h);
}

static void auth_alone_lists_mechanisms(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "AUTH", "+OK");
    struct span list = host_expect_dot(h);
    assert_true(span_find(list, SPAN("PLAIN\r\n")) >= 0);
    assert_true(span_find(list, SPAN("SCRAM-SHA-256\r\n")) >= 0);
    host_free(h);
}

/* Its password was right, and its mail is gone before the session has looked at it. */
static void a_login_makes_no_mailboxes_behind_a_purge(void **state)
{
    (void)state;
    struct mail_quota quota;
    assert_int_equal(mailbox_account_destroy(&w.mail, w.account), 0);
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "USER " WORLD_USER, "+OK");
    send_expect(h, "PASS " WORLD_PASSWORD, "-ERR [SYS/TEMP]");
    host_free(h);
    assert_int_equal(mailbox_quota(&w.mail, w.account, &quota), ERR_NO_USER);
}

static void suspended_accounts_stay_out(void **state)
{
    (void)state;
    struct domain d = {.name = SPAN("example.test"), .suspended = true};
    assert_int_equal(domain_set(w.directory, &d), 0);
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "USER " WORLD_USER, "+OK");
    send_expect(h, "PASS " WORLD_PASSWORD, "-ERR [SYS/PERM]");
    host_free(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(passwords_with_spaces),
        TEST(every_name_is_answered_alike),
        TEST(no_password_without_tls),
        TEST(loopback_may_be_allowed),
        TEST(plain_with_and_without_initial_response),
        TEST(login_mechanism),
        TEST(bad_answers_end_the_exchange),
        TEST(sasl_lines_may_be_long_others_not),
        TEST(auth_alone_lists_mechanisms),
        cmocka_unit_test_setup_teardown(a_login_makes_no_mailboxes_behind_a_purge, world_setup,
                                        world_teardown_damaged),
        TEST(suspended_accounts_stay_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
