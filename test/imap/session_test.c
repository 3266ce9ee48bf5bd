/* SPDX-License-Identifier: Apache-2.0 */
/* The session: lines and literals, states, logging in, what is announced when. */
#include "one_world.h"

#include "base/encode.h"
#include "base/err.h"
#include "base/limits.h"
#include "world.h"

static bool has(struct span line, const char *what)
{
    return span_find(line, span_str(what)) >= 0;
}

static void capabilities_follow_the_state(void **state)
{
    (void)state;
    struct host_options plain = {.tls_possible = true};
    struct host *h = host_new(world_session(&w), &plain);
    struct span line = host_expect(h, "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR");
    assert_true(has(line, " STARTTLS") && has(line, " LOGINDISABLED]"));
    assert_true(has(line, " AUTH=SCRAM-SHA-256") && !has(line, "AUTH=PLAIN") && !has(line, "IDLE"));
    host_sends(h, "x starttls\r\nx NOOP\r\n");
    host_expect(h, "x OK");
    assert_int_equal(host_discarded(h), 8);
    host_sends(h, "y capability\r\n");
    line = host_expect(h, "* CAPABILITY IMAP4rev1");
    host_expect(h, "y OK");
    assert_true(has(line, "AUTH=PLAIN") && !has(line, "STARTTLS") && !has(line, "LOGINDISABLED"));
    world_talk(h, "z STARTTLS", "z BAD", NULL);
    host_sends(h, "z LOGIN " WORLD_USER " {11+}\r\n" WORLD_PASSWORD "\r\n");
    line = host_expect(h, "z OK [CAPABILITY IMAP4rev1");
    assert_true(has(line, " IDLE ") && !has(line, "AUTH="));
    host_free(h);
}

static void passwords_need_tls(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, false, HOST_WHOLE);
    world_talk(h, "a LOGIN anna secret", "a NO [PRIVACYREQUIRED] ", NULL);
    world_talk(h, "a LOGIN anna {6}", "a NO [PRIVACYREQUIRED] ", NULL); /* before it is sent */
    world_talk(h, "a LOGIN anna {6+}\r\nsecret", "a NO [PRIVACYREQUIRED] ", NULL);
    world_talk(h, "a AUTHENTICATE PLAIN", "a NO [PRIVACYREQUIRED] ", NULL);
    host_free(h);
}

static void there_are_several_ways_to_log_in(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    host_sends(h, "a LOGIN {17}\r\n");
    host_expect(h, "+ ");
    host_sends(h, WORLD_USER " {11}\r\n");
    host_expect(h, "+ ");
    host_sends(h, WORLD_PASSWORD "\r\n");
    host_expect(h, "a OK [CAPABILITY ");
    world_talk(h, "b LOGIN a b", "b BAD You are logged in already", NULL);
    world_talk(h, "c UNAUTHENTICATE", "c OK", NULL);
    world_talk(h, "d AUTHENTICATE PLAIN", "+ ", NULL);
    world_talk(h, "AGFubmFAZXhhbXBsZS50ZXN0AHR1bGlwIGZpZWxk", "d OK [CAPABILITY", NULL);
    world_talk(h, "c UNAUTHENTICATE", "c OK", NULL);
    world_talk(h, "d AUTHENTICATE PLAIN AGFubmFAZXhhbXBsZS50ZXN0AHR1bGlwIGZpZWxk",
               "d OK [CAPABILITY", NULL);
    world_talk(h, "e UNAUTHENTICATE", "e OK", NULL);
    world_talk(h, "f AUTHENTICATE LOGIN", "+ VXNlcm5hbWU6", NULL);
    world_talk(h, "YW5uYUBleGFtcGxlLnRlc3Q=", "+ UGFzc3dvcmQ6", NULL);
    world_talk(h, "dHVsaXAgZmllbGQ=", "f OK", NULL);
    w.config->imap_unauthenticate = false;
    world_talk(h, "g UNAUTHENTICATE", "g BAD", NULL);
    host_sends(h, "g CAPABILITY\r\n");
    assert_int_equal(span_find(host_output(h), SPAN("UNAUTH")), -1);
    host_output_clear(h);
    world_talk(h, "g LOGOUT", "* BYE", "g OK", NULL);
    host_expect_closed(h);
    host_free(h);
}

static void logins_fail_with_a_reason(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a LOGIN " WORLD_USER " wrong", "a NO [AUTHENTICATIONFAILED] ", NULL);
    world_talk(h, "a LOGIN nobody wrong", "a NO [AUTHENTICATIONFAILED] ", NULL);
    world_talk(h, "a LOGIN x \"\xff\"", "a BAD Please write: LOGIN user password", NULL);
    world_talk(h, "a LOGIN x {1+}\r\n\xff", "a NO [AUTHENTICATIONFAILED]", NULL);
    world_talk(h, "a LOGIN x", "a BAD", NULL);
    world_talk(h, "a LOGIN x y z", "a BAD", NULL);
    world_talk(h, "a AUTHENTICATE CRAM-MD5", "a NO [CANNOT] ", NULL);
    world_talk(h, "a AUTHENTICATE PLAIN ?", "a BAD", NULL);
    world_talk(h, "a AUTHENTICATE PLAIN", "+ ", NULL);
    world_talk(h, "*", "a BAD", NULL);
    world_talk(h, "a AUTHENTICATE PLAIN =", "a BAD", NULL);
    world_talk(h, "a NOOP", "a OK", NULL);
    host_free(h);
}

static int suspend(void *arg, struct arena *a, struct account *account)
{
    (void)arg, (void)a;
    account->status = ACCOUNT_SUSPENDED;
    return 0;
}

/* What no new password would help against is told so that programs show it. */
static void people_see_why_they_are_locked_out(void **state)
{
    (void)state;
    assert_int_equal(account_change(w.directory, SPAN(WORLD_USER), suspend, NULL), 0);
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a LOGIN " WORLD_USER " {11+}\r\n" WORLD_PASSWORD,
               "* NO [ALERT] This mailbox is suspended",
               "a NO [CONTACTADMIN] This mailbox is suspended", NULL);
    w.config->lock_failures = 1;
    auth_reconfigure(w.auth, w.config);
    world_talk(h, "a LOGIN no@example.test 1", "a NO [AUTHENTICATIONFAILED] The username", NULL);
    world_talk(h, "a LOGIN no@example.test 2", "* NO [ALERT] There were too many wrong passwords",
               "a NO [AUTHENTICATIONFAILED] There were too many wrong passwords", NULL);
    host_free(h);
}

static void states_are_kept(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a SELECT INBOX", "a BAD Please log in first", NULL);
    world_talk(h, "a UNSELECT", "a BAD Please log in first", NULL);
    host_free(h);
    h = world_login(&w);
    world_talk(h, "b UNSELECT", "b BAD Please select a mailbox first", NULL);
    world_talk(h, "b UID NOOP", "b BAD This command is not known", NULL);
    world_talk(h, "b UID", "b BAD This command is not known", NULL);
    world_talk(h, "b NOOP x", "b BAD Please write: NOOP", NULL);
    world_talk(h, "b noop", "b OK", NULL);
    host_free(h);
}

static void lines_without_a_command(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "", "* BAD The command has no tag", NULL);
    world_talk(h, "+ NOOP", "* BAD", NULL);
    world_talk(h, "a\tNOOP", "* BAD", NULL);
    world_talk(h, "a", "a BAD This command is not known", NULL);
    world_talk(h, "a ", "a BAD", NULL);
    world_talk(h, "a \xff", "a BAD", NULL);
    world_talk(h, "* {3}", "* BAD", NULL);
    world_talk(h, "a WHAT {3}", "a BAD", NULL);
    world_talk(h, "a WHAT {3+}\r\nabc", "a BAD", NULL);
    world_talk(h, "a CAPABILITY {0}\r\n", "+ ", "a BAD", NULL);
    host_sends(h, "b NOOP\n"); /* typed by hand */
    host_expect(h, "b OK");
    host_free(h);
}

static void too_many_mistakes_end_it(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    for (int n = 0; n < LIMIT_IMAP_ERRORS; n++) {
        host_sends(h, "GET / HTTP/1.1\r\n");
        host_expect(h, "GET BAD");
    }
    host_expect(h, "* BYE");
    host_expect_closed(h);
    host_free(h);
}

static void lines_and_literals_are_limited(void **state)
{
    (void)state;
    struct buf line;
    buf_init(&line, 1 << 20);
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a LOGIN {20000}", "a NO [TOOBIG]", NULL);
    world_talk(h, "a NOOP", "a OK", NULL);
    world_talk(h, "a LOGIN {20000+}", "* BYE [TOOBIG]", NULL);
    host_expect_closed(h);
    host_free(h);
    for (size_t n = 0; n <= LIMIT_IMAP_LINE; n++)
        buf_putc(&line, 'x');
    h = world_connect(&w, true, HOST_WHOLE);
    host_send(h, buf_span(&line));
    host_expect(h, "* BYE [TOOBIG]");
    host_expect_closed(h);
    host_free(h);
    h = world_login(&w);
    host_send(h, buf_span(&line));
    host_expect(h, "* BYE [TOOBIG]");
    host_expect_closed(h);
    host_free(h);
    h = world_login(&w);
    world_talk(h, "a ID {600000}", "a NO [TOOBIG]", NULL);
    world_talk(h, "a ID {500000}", "+ OK", NULL);
    buf_clear(&line);
    for (size_t n = 0; n < 500000; n++)
        buf_putc(&line, 'x');
    host_send(h, buf_span(&line));
    host_expect_silence(h);
    world_talk(h, " {30000}", "a NO [TOOBIG]", NULL);
    world_talk(h, "a NOOP", "a OK", NULL);
    buf_done(&line);
    host_free(h);
}

static void memory_of_all_is_limited(void **state)
{
    (void)state;
    char octets[1000];
    struct budget budget = {.max = 50000};
    w.spools.memory = &budget;
    memset(octets, 'x', sizeof octets);
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(h, "a ID {100000}", "+ OK", NULL);
    for (int n = 0; n < 40; n++)
        host_send(h, span_of(octets, sizeof octets));
    world_talk(other, "a ID {15000}", "+ OK", NULL); /* a modest one is let through */
    for (int n = 0; n < 15; n++)
        host_send(other, span_of(octets, sizeof octets));
    world_talk(other, "", "a BAD", NULL);
    world_talk(other, "a ID {100000}", "+ OK", NULL);
    for (int n = 0; n < 100 && !host_closed(other); n++)
        host_send(other, span_of(octets, sizeof octets));
    host_expect(other, "* BYE [UNAVAILABLE]");
    host_expect_closed(other);
    host_free(other);
    host_free(h);
    assert_int_equal(budget_used(&budget), 0);
    w.spools.memory = NULL;
}

static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    for (enum host_cut cut = HOST_WHOLE; cut <= HOST_RANDOM; cut++) {
        struct host *h = world_connect(&w, true, cut);
        host_sends(h, "a LOGIN {17+}\r\n" WORLD_USER " \"" WORLD_PASSWORD "\"\r\nb NOOP\r\n"
                      "c SELECT {5+}\r\nINBOX\r\nd IDLE\r\nDONE\r\ne LOGOUT\r\n");
        host_expect(h, "a OK");
        host_expect(h, "b OK");
        for (int n = 0; n < 9; n++)
            host_expect(h, "* ");
        host_expect(h, "c OK [READ-WRITE]");
        host_expect(h, "+ idling");
        host_expect(h, "d OK");
        host_expect(h, "* BYE");
        host_expect(h, "e OK");
        host_expect_closed(h);
        host_free(h);
    }
}

static void clients_say_who_they_are(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a ID NIL", "* ID (\"name\" \"Mailstead\")", "a OK", NULL);
    world_talk(h, "a ID (\"name\" \"Thunder\" \"version\" NIL)", "* ID", "a OK", NULL);
    world_talk(h, "a ID ()", "* ID", "a OK", NULL);
    world_talk(h, "a ID", "a BAD", NULL);
    world_talk(h, "a ID (\"name\")", "a BAD", NULL);
    world_talk(h, "a ID (\"name\" ())", "a BAD", NULL);
    world_talk(h, "a ID x", "a BAD", NULL);
    host_free(h);
}

static void extensions_are_enabled(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a ENABLE", "a BAD", NULL);
    world_talk(h, "a ENABLE \"x\"", "a BAD", NULL);
    world_talk(h, "a ENABLE WHAT IDLE", "* ENABLED", "a OK", NULL);
    host_sends(h, "a ENABLE qresync IMAP4rev2 x\r\n");
    struct span line = host_expect(h, "* ENABLED ");
    assert_true(has(line, "QRESYNC") && has(line, "CONDSTORE") && has(line, "IMAP4rev2"));
    host_expect(h, "a OK");
    world_talk(h, "a ENABLE CONDSTORE", "* ENABLED", "a OK",
               NULL); /* RFC 5161 §3.1: only what is new */
    host_free(h);
}

/* RFC 5255 §3.2 */
static void the_language_is_english(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a LANGUAGE", "* LANGUAGE (en i-default)", "a OK", NULL);
    world_talk(h, "a LANGUAGE MUL", "a NO [CANNOT]", NULL);
    world_talk(h, "a LANGUAGE FR-CA EN-CA", "* LANGUAGE (en)", "a OK", NULL);
    world_talk(h, "a LANGUAGE \"default\"", "* LANGUAGE (i-default)", "a OK", NULL);
    world_talk(h, "a LANGUAGE (en)", "a BAD", NULL);
    host_free(h);
}

/* RFC 9755 */
static void utf8_is_for_those_who_want_it(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a ENABLE UTF8=ACCEPT", "* ENABLED", "a OK", NULL);
    world_talk(h, "a APPEND INBOX {16+}\r\nSubject: \xc3\xbc\r\n\r\nx", "a OK", NULL);
    host_free(h);
    w.config->imap_utf8 = true;
    h = world_login(&w);
    world_talk(h, "a CREATE M&APw-ll", "a OK", NULL);
    world_talk(h, "a APPEND INBOX {16+}\r\nSubject: \xc3\xbc\r\n\r\nx", "a NO [CANNOT]", NULL);
    world_talk(h, "a APPEND INBOX {17+}\r\nSubject: x\r\n\r\n\xc3\xbc.", "a OK", NULL);
    world_talk(h, "a ENABLE UTF8=ACCEPT", "* ENABLED UTF8=ACCEPT", "a OK", NULL);
    world_talk(h, "a APPEND INBOX {16+}\r\nSubject: \xc3\xbc\r\n\r\nx", "a OK", NULL);
    world_talk(h, "a LIST \"\" \"M\xc3\xbc*\"", "* LIST (\\HasNoChildren) \"/\" \"M\xc3\xbcll\"",
               "a OK", NULL);
    world_talk(h, "a CREATE \"M\xff\"", "a BAD", NULL);
    world_talk(h, "a CREATE \"M\xc2\x80\"", "a NO [CANNOT]", NULL);
    world_talk(h, "a CREATE \"M\xe2\x80\xa8\"", "a NO [CANNOT]", NULL);
    world_talk(h, "a CREATE \"M\xe2\x80\xa6\"", "a OK", NULL);
    host_free(h);
}

/* A byte now and then does not keep a connection for longer than no byte does. */
static void a_slow_literal_before_the_login(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a LOGIN {4000}", "+ OK", NULL);
    for (int n = 0; n < 11; n++) {
        clock_fake_advance(&w.clock, 10 * 1000);
        host_sends(h, "u");
        assert_int_equal(host_session(h)->timeout_ms, (110 - 10 * n) * 1000);
    }
    clock_fake_advance(&w.clock, 10 * 1000);
    host_sends(h, "u");
    assert_int_equal(host_session(h)->timeout_ms, 1);
    host_free(h);
    h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a LOGIN {4}", "+ OK", NULL);
    clock_fake_advance(&w.clock, 10 * 1000);
    host_sends(h, "u");
    world_talk(h, "ser x", "a NO [AUTHENTICATIONFAILED]", NULL);
    world_talk(h, "a NOOP", "a OK", NULL);
    assert_int_equal(host_session(h)->timeout_ms, 120 * 1000);
    host_free(h);
}

static void sessions_end(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    assert_int_equal(host_session(h)->timeout_ms, 1800 * 1000);
    host_timeout(h);
    host_expect(h, "* BYE");
    host_expect_closed(h);
    host_free(h);
    h = world_connect(&w, true, HOST_WHOLE);
    assert_int_equal(host_session(h)->timeout_ms, 120 * 1000);
    host_shutdown(h);
    host_expect(h, "* BYE [UNAVAILABLE]");
    host_expect_closed(h);
    host_free(h);
    h = world_login(&w);
    host_sends(h, "a IDLE\r\n");
    host_expect(h, "+ ");
    host_shutdown(h);
    host_expect(h, "* BYE [UNAVAILABLE]");
    host_expect_closed(h);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(capabilities_follow_the_state, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(passwords_need_tls, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(there_are_several_ways_to_log_in, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(logins_fail_with_a_reason, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(people_see_why_they_are_locked_out, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(states_are_kept, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(lines_without_a_command, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(too_many_mistakes_end_it, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(lines_and_literals_are_limited, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(memory_of_all_is_limited, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(bytes_may_come_one_by_one, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(clients_say_who_they_are, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(extensions_are_enabled, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_language_is_english, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(utf8_is_for_those_who_want_it, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(sessions_end, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_slow_literal_before_the_login, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
