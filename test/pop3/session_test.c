/* SPDX-License-Identifier: Apache-2.0 */
/* The session: states, lists, deletion, several sessions at once, limits. Texts of examples are the
 * RFCs'. */
#include "one_world.h"

#include "base/err.h"
#include "base/limits.h"
#include "world.h"

#define FIRST  "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n"
#define SECOND "Subject: second\r\n\r\n.dot\r\n..dots\r\n.\r\nend\r\n"

static void two_messages(void)
{
    world_append(&w, SPAN(FIRST), 0);
    world_append(&w, SPAN(SECOND), 0);
}

static void send_expect(struct host *h, const char *command, const char *answer)
{
    host_sends(h, command);
    host_sends(h, "\r\n");
    host_expect(h, answer);
}

static bool capa_has(struct host *h, struct span line)
{
    send_expect(h, "CAPA", "+OK");
    struct span rest = host_expect_dot(h);
    while (rest.n > 0)
        if (span_eq(span_trim(span_split(&rest, '\n')), line))
            return true;
    return false;
}

/* RFC 1939 §10 */
static void the_session_of_rfc_1939(void **state)
{
    (void)state;
    two_messages();
    struct host *h = world_login(&w);
    send_expect(h, "STAT", "+OK 2 88");
    send_expect(h, "LIST", "+OK 2 messages (88 octets)");
    assert_true(span_eq(host_expect_dot(h), SPAN("1 47\r\n2 41\r\n")));
    send_expect(h, "RETR 1", "+OK 47 octets");
    assert_true(span_eq(host_expect_dot(h), SPAN(FIRST)));
    send_expect(h, "DELE 1", "+OK Message 1 deleted");
    send_expect(h, "RETR 2", "+OK 41 octets");
    assert_true(span_eq(host_expect_dot(h),
                        SPAN("Subject: second\r\n\r\n..dot\r\n...dots\r\n..\r\nend\r\n")));
    send_expect(h, "DELE 2", "+OK Message 2 deleted");
    send_expect(h, "QUIT", "+OK");
    host_expect_closed(h);
    host_free(h);
    h = world_login(&w);
    send_expect(h, "STAT", "+OK 0 0");
    host_free(h);
}

static void an_empty_maildrop(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    send_expect(h, "STAT", "+OK 0 0");
    send_expect(h, "LIST", "+OK");
    assert_int_equal(host_expect_dot(h).n, 0);
    send_expect(h, "UIDL", "+OK");
    assert_int_equal(host_expect_dot(h).n, 0);
    send_expect(h, "LIST 1", "-ERR No such message");
    send_expect(h, "RETR 1", "-ERR No such message");
    send_expect(h, "DELE 0", "-ERR No such message");
    send_expect(h, "RSET", "+OK");
    send_expect(h, "QUIT", "+OK");
    host_expect_closed(h);
    host_free(h);
}

static void deleted_messages_are_hidden_until_rset(void **state)
{
    (void)state;
    two_messages();
    struct host *h = world_login(&w);
    send_expect(h, "DELE 1", "+OK");
    send_expect(h, "DELE 1", "-ERR Message 1 is already deleted");
    send_expect(h, "RETR 1", "-ERR");
    send_expect(h, "TOP 1 0", "-ERR");
    send_expect(h, "UIDL 1", "-ERR");
    send_expect(h, "LIST 1", "-ERR");
    send_expect(h, "STAT", "+OK 1 41");
    send_expect(h, "LIST", "+OK 1 messages (41 octets)");
    assert_true(span_eq(host_expect_dot(h), SPAN("2 41\r\n"))); /* numbers do not move */
    send_expect(h, "RSET", "+OK 2 messages (88 octets)");
    send_expect(h, "STAT", "+OK 2 88");
    send_expect(h, "QUIT", "+OK");
    host_free(h);
    h = world_login(&w);
    send_expect(h, "STAT", "+OK 2 88");
    host_free(h);
}

/* RFC 1939 §6: nothing but QUIT removes messages. */
static void other_ends_delete_nothing(void **state)
{
    (void)state;
    two_messages();
    for (int end = 0; end < 4; end++) {
        struct host *h = world_login(&w);
        send_expect(h, "STAT", "+OK 2 88");
        send_expect(h, "DELE 1", "+OK");
        if (end == 0) {
            host_timeout(h);
            host_expect_closed(h); /* §3: and without a word */
        } else if (end == 1) {
            host_eof(h);
        } else if (end == 2) {
            host_shutdown(h);
            host_expect(h, "-ERR [SYS/TEMP]");
            host_expect_closed(h);
        }
        host_free(h);
    }
}

/* Who waits is told without having asked, as at the server's shutdown. */
static void a_session_ends_with_its_password(void **state)
{
    (void)state;
    two_messages();
    for (int waits = 0; waits < 2; waits++) {
        struct host *h = world_login(&w);
        send_expect(h, "DELE 1", "+OK");
        auth_password_changed(w.auth, w.account);
        if (waits == 0)
            send_expect(h, "QUIT", "-ERR [AUTH] The password of this account was changed");
        else
            assert_true(host_wait(h, 0));
        if (waits != 0)
            host_expect(h, "-ERR [AUTH] The password of this account was changed");
        host_expect_closed(h);
        host_free(h);
        h = world_login(&w);
        send_expect(h, "STAT", "+OK 2 88"); /* nothing was deleted */
        host_free(h);
    }
}

static int suspend(void *arg, struct arena *arena, struct account *account)
{
    (void)arg;
    (void)arena;
    account->status = ACCOUNT_SUSPENDED;
    return 0;
}

static void a_session_ends_with_its_account(void **state)
{
    (void)state;
    two_messages();
    struct host *h = world_login(&w);
    assert_int_equal(account_change(w.directory, SPAN(WORLD_USER), suspend, NULL), 0);
    auth_forget(w.auth, w.account);
    send_expect(h, "RETR 1", "-ERR [SYS/PERM] This mailbox is suspended");
    host_expect_closed(h);
    host_free(h);
}

static void commands_belong_to_states(void **state)
{
    (void)state;
    static const char *const transaction[] = {"STAT",    "LIST",   "UIDL", "RETR 1",
                                              "TOP 1 1", "DELE 1", "RSET", "NOOP"};
    static const char *const authorization[] = {"USER x", "PASS x", "AUTH PLAIN", "STLS", "UTF8"};
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    for (size_t i = 0; i < COUNT_OF(transaction); i++)
        send_expect(h, transaction[i], "-ERR Please log in first");
    host_free(h);
    h = world_login(&w);
    for (size_t i = 0; i < COUNT_OF(authorization); i++)
        send_expect(h, authorization[i], "-ERR You are logged in already");
    send_expect(h, "NOOP", "+OK");
    send_expect(h, "noop", "+OK");
    host_free(h);
}

static void arguments_are_counted(void **state)
{
    (void)state;
    static const char *const wrong[] = {"STAT 1", "LIST 1 2", "UIDL 1 2",  "RETR",    "RETR 1 2",
                                        "TOP 1",  "TOP",      "TOP 1 2 3", "TOP 1 x", "DELE",
                                        "RSET 1", "NOOP 1",   "QUIT now",  "CAPA 1",  "LANG a b"};
    two_messages();
    struct host *h = world_login(&w);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        send_expect(h, wrong[i], "-ERR Please write: ");
    send_expect(h, "RETR x", "-ERR No such message");
    send_expect(h, "RETR 18446744073709551617", "-ERR No such message");
    send_expect(h, "RETR -1", "-ERR No such message");
    send_expect(h, "LIST 1 ", "+OK 1 47"); /* people's trailing spaces */
    host_free(h);
}

static void uidls_are_stable(void **state)
{
    (void)state;
    char first[80], second[80];
    struct mail_appended a = world_append(&w, SPAN(FIRST), 0), back;
    world_append(&w, SPAN(SECOND), 0);
    struct host *h = world_login(&w);
    host_sends(h, "UIDL 1\r\nUIDL 2\r\n");
    assert_true(span_to_cstr(span_from(host_expect(h, "+OK 1 "), 6), first, sizeof(first)));
    assert_true(span_to_cstr(span_from(host_expect(h, "+OK 2 "), 6), second, sizeof(second)));
    assert_string_not_equal(first, second);
    for (size_t i = 0; first[i] != '\0'; i++)
        assert_in_range(first[i], 0x21, 0x7e);
    send_expect(h, "UIDL", "+OK");
    struct span all = host_expect_dot(h);
    assert_true(span_eq(span_trim(span_from(span_split(&all, '\n'), 2)), span_str(first)));
    send_expect(h, "DELE 1", "+OK");
    send_expect(h, "QUIT", "+OK");
    host_free(h);
    assert_int_equal(mailbox_restore(&w.mail, w.account, a.message, &back), 0);
    h = world_login(&w);
    host_sends(h,
               "UIDL 1\r\nUIDL 2\r\n"); /* it comes back as the last, and is known to the client */
    assert_true(span_eq(span_from(host_expect(h, "+OK 1 "), 6), span_str(second)));
    assert_true(span_eq(span_from(host_expect(h, "+OK 2 "), 6), span_str(first)));
    host_free(h);
}

static void two_sessions_see_their_own_snapshot(void **state)
{
    (void)state;
    two_messages();
    struct host *a = world_login(&w), *b = world_login(&w);
    world_append(&w, SPAN("Subject: third\r\n\r\n"), 0);
    send_expect(a, "STAT", "+OK 2 88"); /* what came later is for the next session */
    send_expect(a, "DELE 1", "+OK");
    send_expect(a, "DELE 2", "+OK");
    send_expect(a, "QUIT", "+OK");
    send_expect(b, "STAT", "+OK 2 88");
    send_expect(b, "RETR 1", "+OK"); /* removed by the other, and arrives */
    assert_true(span_eq(host_expect_dot(b), SPAN(FIRST)));
    send_expect(b, "DELE 1", "+OK");
    send_expect(b, "QUIT", "+OK"); /* removed already: no error */
    host_free(a);
    host_free(b);
    a = world_login(&w);
    send_expect(a, "STAT", "+OK 1 18");
    host_free(a);
}

static void deletions_can_be_restored_for_the_days_configured(void **state)
{
    (void)state;
    struct mail_appended a = world_append(&w, SPAN(FIRST), 0), back;
    struct mail_expunged *gone;
    size_t n;
    w.config->pop3_keep_days = 3;
    struct host *h = world_login(&w);
    host_sends(h, "DELE 1\r\nQUIT\r\n");
    host_free(h);
    assert_int_equal(mailbox_expunged_list(&w.mail, w.account, 9, w.arena, &gone, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(gone[0].until_ms - gone[0].expunged_ms, 3 * 86400 * 1000);
    assert_int_equal(mailbox_restore(&w.mail, w.account, a.message, &back), 0);
    w.config->pop3_keep_days = 0;
    h = world_login(&w);
    host_sends(h, "DELE 1\r\nQUIT\r\n");
    host_free(h);
    assert_int_equal(mailbox_restore(&w.mail, w.account, a.message, &back), ERR_NOT_FOUND);
}

static void the_strict_lock(void **state)
{
    (void)state;
    w.config->pop3_exclusive = true;
    struct host *a = world_login(&w), *b = world_connect(&w, true, HOST_WHOLE);
    send_expect(b, "USER " WORLD_USER, "+OK");
    send_expect(b, "PASS " WORLD_PASSWORD, "-ERR [IN-USE]");
    for (int i = 0; i < 30; i++) { /* an active session keeps it for as long as it lives */
        clock_fake_advance(&w.clock, 9 * 60 * 1000);
        send_expect(a, "NOOP", "+OK");
    }
    host_sends(b, "USER " WORLD_USER "\r\nPASS " WORLD_PASSWORD "\r\n");
    host_expect(b, "+OK");
    host_expect(b, "-ERR [IN-USE]");
    send_expect(a, "QUIT", "+OK");
    host_free(a);
    host_sends(b, "USER " WORLD_USER "\r\nPASS " WORLD_PASSWORD "\r\n");
    host_expect(b, "+OK");
    host_expect(b, "+OK");
    host_free(b); /* a lost connection gives it back too */
    host_free(world_login(&w));
}

static void login_delay(void **state)
{
    (void)state;
    w.config->pop3_login_delay = 60;
    struct host *h = world_login(&w);
    assert_true(capa_has(h, SPAN("LOGIN-DELAY 60")));
    host_sends(h, "QUIT\r\n");
    host_free(h);
    h = world_connect(&w, true, HOST_WHOLE);
    host_sends(h, "USER " WORLD_USER "\r\nPASS " WORLD_PASSWORD "\r\n");
    host_expect(h, "+OK");
    host_expect(h, "-ERR [LOGIN-DELAY]");
    clock_fake_advance(&w.clock, 61 * 1000);
    host_sends(h, "USER " WORLD_USER "\r\nPASS " WORLD_PASSWORD "\r\n");
    host_expect(h, "+OK");
    host_expect(h, "+OK");
    host_free(h);
}

static void too_many_errors_end_the_session(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    for (int i = 1; i < LIMIT_POP3_ERRORS; i++)
        send_expect(h, "XTND XMIT", "-ERR This command is not known");
    send_expect(h, "APOP a b", "-ERR");
    host_expect(h, "-ERR There were too many errors");
    host_expect_closed(h);
    host_free(h);
}

static void long_lines(void **state)
{
    (void)state;
    static char line[LIMIT_POP3_AUTH_LINE + 10];
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    memset(line, 'x', sizeof(line));
    memcpy(line, "LANG ", 5);
    memcpy(line + LIMIT_POP3_COMMAND - 2, "\r\n", 2);
    host_send(h, span_of(line, LIMIT_POP3_COMMAND)); /* RFC 2449 §4: 255 with CRLF must be taken */
    host_expect(h, "-ERR This language");
    memcpy(line + LIMIT_POP3_COMMAND - 2, "xx\r\n", 4);
    host_send(h, span_of(line, LIMIT_POP3_COMMAND + 2));
    host_expect(h, "-ERR The command is too long");
    memset(line, 'x', sizeof(line));
    host_send(h, span_of(line, sizeof(line)));
    host_expect(h, "-ERR The line is too long");
    host_expect_closed(h);
    host_free(h);
}

static void odd_bytes_are_refused(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    host_send(h, SPAN("CA\0PA\r\n"));
    host_expect(h, "-ERR The command is not well formed");
    host_send(h, SPAN("\r\n"));
    host_expect(h, "-ERR The command is not well formed");
    host_send(h, SPAN("LANG \xc3\xbc\r\n"));
    host_expect(h, "-ERR The command is not well formed");
    host_send(h, SPAN("USER \xff\r\n"));
    host_expect(h, "-ERR [AUTH]");
    host_send(h, SPAN("QUIT\n")); /* a bare LF ends a line too */
    host_expect(h, "+OK");
    host_expect_closed(h);
    host_free(h);
}

static void capabilities_are_true(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, false, HOST_WHOLE);
    assert_false(capa_has(h, SPAN("USER"))); /* no password without TLS */
    assert_true(capa_has(h, SPAN("STLS")));
    assert_true(capa_has(h, SPAN("SASL SCRAM-SHA-256")));
    assert_true(capa_has(h, SPAN("EXPIRE NEVER")));
    assert_false(capa_has(h, SPAN("LOGIN-DELAY 0")));
    host_free(h);
    static const struct span both[] = {
        SPAN("USER"),       SPAN("TOP"),        SPAN("UIDL"),
        SPAN("RESP-CODES"), SPAN("PIPELINING"), SPAN("AUTH-RESP-CODE"),
        SPAN("UTF8 USER"),  SPAN("LANG"),       SPAN("IMPLEMENTATION Mailstead")};
    struct host *after = world_login(&w);
    h = world_connect(&w, true, HOST_WHOLE);
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        assert_true(capa_has(h, both[i]));
        assert_true(capa_has(after, both[i]));
    }
    assert_false(capa_has(h, SPAN("STLS")));
    host_free(h);
    host_free(after);
}

/* RFC 2449 §6.7 */
static void expire_tells_the_retention(void **state)
{
    (void)state;
    struct class_of_service strict = {.name = SPAN("strict"), .retention_days = {[USE_INBOX] = 30}};
    assert_int_equal(class_put(w.directory, &strict), 0);
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    assert_true(capa_has(h, SPAN("EXPIRE 30 USER")));
    host_free(h);
    h = world_login(&w);
    assert_true(capa_has(h, SPAN("EXPIRE NEVER"))); /* hers is the default class */
    host_free(h);
}

/* RFC 6856 §3.3 */
static void languages(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    send_expect(h, "LANG", "+OK");
    assert_true(span_eq(host_expect_dot(h), SPAN("en English\r\ni-default English\r\n")));
    send_expect(h, "LANG MUL", "-ERR ");
    send_expect(h, "LANG *", "+OK en ");
    send_expect(h, "LANG EN", "+OK en ");
    send_expect(h, "LANG en-GB", "+OK en ");
    send_expect(h, "LANG i-default", "+OK i-default ");
    host_free(h);
}

static void stls_forgets_what_was_before(void **state)
{
    (void)state;
    struct host *h = world_connect(&w, false, HOST_WHOLE);
    host_sends(h, "STLS\r\nCAPA\r\n"); /* injected: must not be answered */
    host_expect(h, "+OK Begin TLS");
    host_expect_silence(h);
    assert_true(host_discarded(h) > 0);
    send_expect(h, "STLS", "-ERR TLS is on already");
    send_expect(h, "USER " WORLD_USER, "+OK");
    send_expect(h, "PASS " WORLD_PASSWORD, "+OK");
    host_free(h);
    h = world_connect(&w, false, HOST_WHOLE);
    send_expect(h, "UTF8", "+OK");
    send_expect(h, "STLS", "-ERR STLS comes before UTF8");
    host_free(h);
}

/* However the bytes arrive, the answers are the same. */
static void pieces_do_not_matter(void **state)
{
    (void)state;
    static const struct span dialog =
        SPAN("CAPA\r\nAUTH\r\nFOO\r\nUSER " WORLD_USER "\r\nPASS wrong\r\nUSER " WORLD_USER
             "\r\nPASS " WORLD_PASSWORD "\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 2 1\r\nRETR "
             "3\r\nDELE 2\r\nLIST\r\nRSET\r\nLANG\r\nQUIT\r\n");
    two_messages();
    struct host *whole = world_connect(&w, true, HOST_WHOLE);
    host_send(whole, dialog);
    for (int cut = HOST_BYTES; cut <= HOST_RANDOM; cut++) {
        struct host *h = world_connect(&w, true, (enum host_cut)cut);
        host_send(h, dialog);
        assert_true(span_eq(host_output(h), host_output(whole)));
        assert_true(host_closed(h));
        host_free(h);
    }
    assert_true(host_closed(whole));
    host_free(whole);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_session_of_rfc_1939),
        TEST(an_empty_maildrop),
        TEST(deleted_messages_are_hidden_until_rset),
        TEST(other_ends_delete_nothing),
        TEST(a_session_ends_with_its_password),
        TEST(a_session_ends_with_its_account),
        TEST(commands_belong_to_states),
        TEST(arguments_are_counted),
        TEST(uidls_are_stable),
        TEST(two_sessions_see_their_own_snapshot),
        TEST(deletions_can_be_restored_for_the_days_configured),
        TEST(the_strict_lock),
        TEST(login_delay),
        TEST(too_many_errors_end_the_session),
        TEST(long_lines),
        TEST(odd_bytes_are_refused),
        TEST(capabilities_are_true),
        TEST(expire_tells_the_retention),
        TEST(languages),
        TEST(stls_forgets_what_was_before),
        TEST(pieces_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
