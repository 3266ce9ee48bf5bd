/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT and its kin, and what is told of changes. */
#include "one_world.h"

#include "base/err.h"
#include "world.h"

#define MESSAGE "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n"

static const struct mailbox_id inbox = {1};

static void flag(uint32_t uid, enum mail_store_op op, uint32_t flags)
{
    struct mail_store in = {.mailbox = inbox, .op = op, .flags = flags};
    struct numset uids, refused;
    numset_init(&uids);
    numset_init(&refused);
    numset_add(&uids, uid);
    assert_int_equal(mailbox_store(&w.mail, w.account, &in, &uids, &refused), 0);
    numset_done(&uids);
    numset_done(&refused);
}

static void expunge(uint32_t uid)
{
    struct mail_uid u = {uid};
    size_t removed;
    assert_int_equal(mailbox_expunge(&w.mail, w.account, inbox, &u, 1, 0, &removed), 0);
    assert_int_equal(removed, 1);
}

static void select_tells_what_is_there(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_append(&w, SPAN(MESSAGE), FLAG_SEEN);
    world_append(&w, SPAN(MESSAGE), 0);
    world_talk(h, "a SELECT INBOX", "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
               "* 2 EXISTS", "* 0 RECENT", "* OK [UNSEEN 2]", "* OK [UIDVALIDITY ",
               "* OK [UIDNEXT 3]",
               "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)]",
               "* OK [HIGHESTMODSEQ ", "* OK [MAILBOXID (F1)]", "* OK [URLMECH INTERNAL]",
               "a OK [READ-WRITE]", NULL);
    world_talk(h, "b EXAMINE inbox", "* OK [CLOSED]", "* FLAGS", "* 2 EXISTS", "* 0 RECENT",
               "* OK [UNSEEN 2]", "* OK [UIDVALIDITY ", "* OK [UIDNEXT 3]",
               "* OK [PERMANENTFLAGS ()]", "* OK [HIGHESTMODSEQ ", "* OK [MAILBOXID (F1)]",
               "* OK [URLMECH INTERNAL]", "b OK [READ-ONLY]", NULL);
    world_talk(h, "c SELECT nothing", "* OK [CLOSED]", "c NO [NONEXISTENT]", NULL);
    world_talk(h, "d UNSELECT", "d BAD", NULL);
    world_talk(h, "d SELECT", "d BAD", NULL);
    world_talk(h, "d SELECT &", "d NO [NONEXISTENT]", NULL);
    world_talk(h, "d SELECT INBOX (WHAT)", "d BAD", NULL);
    world_talk(h, "d SELECT INBOX (QRESYNC (1 2))", "d BAD Please write ENABLE QRESYNC first",
               NULL);
    host_free(h);
    h = world_login(&w);
    world_talk(h, "a ENABLE IMAP4rev2", "* ENABLED IMAP4rev2", "a OK", NULL);
    world_talk(h, "a SELECT INBOX", "* FLAGS", "* 2 EXISTS", "* OK [UIDVALIDITY ",
               "* OK [UIDNEXT 3]", "* OK [PERMANENTFLAGS ", "* OK [HIGHESTMODSEQ ",
               "* OK [MAILBOXID (F1)]", "* OK [URLMECH INTERNAL]",
               "* LIST (\\HasNoChildren) \"/\" INBOX", "a OK [READ-WRITE]", NULL);
    world_talk(h, "a CREATE Sent/2026", "a OK", NULL);
    world_talk(h, "a EXAMINE Sent", "* OK [CLOSED]", "* FLAGS", "* 0 EXISTS", "* OK [UIDVALIDITY ",
               "* OK [UIDNEXT 1]", "* OK [PERMANENTFLAGS ", "* OK [HIGHESTMODSEQ ",
               "* OK [MAILBOXID (", "* OK [URLMECH INTERNAL]",
               "* LIST (\\HasChildren \\Sent) \"/\" Sent", "a OK [READ-ONLY]", NULL);
    world_talk(h, "b UNSELECT", "b OK", NULL);
    host_free(h);
}

static struct host *selected(const char *before)
{
    struct host *h = world_login(&w);
    host_sends(h, before);
    host_sends(h, "a SELECT INBOX\r\n");
    must(span_ends(host_output(h), SPAN("a OK [READ-WRITE] Opened\r\n")));
    host_output_clear(h);
    return h;
}

static void changes_are_told(void **state)
{
    (void)state;
    for (int n = 0; n < 4; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    struct host *h = selected("");
    world_talk(h, "b NOOP", "b OK", NULL);
    world_talk(h, "b CHECK", "b OK", NULL);
    flag(2, STORE_ADD, FLAG_SEEN);
    world_talk(h, "b NOOP", "* 2 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    expunge(1);
    expunge(3);
    flag(4, STORE_ADD, FLAG_FLAGGED | FLAG_ANSWERED);
    world_talk(h, "b NOOP", "* 3 EXPUNGE", "* 1 EXPUNGE", "* 3 EXISTS", "* 0 RECENT",
               "* 2 FETCH (FLAGS (\\Answered \\Flagged))", "b OK", NULL);
    expunge(2);
    world_talk(h, "b NOOP", "* 1 EXPUNGE", "b OK", NULL);
    world_talk(h, "b UNSELECT", "b OK", NULL);
    flag(4, STORE_REMOVE, FLAG_FLAGGED);
    world_talk(h, "b NOOP", "b OK", NULL);
    host_free(h);
}

static void changes_are_told_with_qresync(void **state)
{
    (void)state;
    for (int n = 0; n < 6; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    struct host *h = selected("x ENABLE QRESYNC\r\n");
    expunge(2);
    expunge(3);
    expunge(5);
    flag(6, STORE_ADD, FLAG_SEEN);
    world_talk(h, "b NOOP", "* VANISHED 2:3,5", "* 3 FETCH (UID 6 FLAGS (\\Seen) MODSEQ (", "b OK",
               NULL);
    host_free(h);
}

static void idle_tells_at_once(void **state)
{
    (void)state;
    world_append(&w, SPAN(MESSAGE), 0);
    struct host *h = selected("");
    world_append(&w, SPAN(MESSAGE), 0);
    world_talk(h, "b IDLE", "+ idling", "* 2 EXISTS", "* 0 RECENT", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    assert_true(host_wait(h, 1000));
    host_expect(h, "* 3 EXISTS");
    host_expect(h, "* 0 RECENT");
    expunge(2);
    assert_true(host_wait(h, 1000));
    host_expect(h, "* 2 EXPUNGE");
    flag(3, STORE_ADD, FLAG_SEEN);
    assert_true(host_wait(h, 1000));
    host_expect(h, "* 2 FETCH (FLAGS (\\Seen))");
    expunge(1);
    world_talk(h, "DONE", "* 1 EXPUNGE", "b OK", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    assert_false(host_wait(h, 0)); /* it is not woken for this any more */
    host_expect_silence(h);
    world_talk(h, "c IDLE x", "* 2 EXISTS", "* 0 RECENT", "c BAD", NULL);
    world_talk(h, "c IDLE", "+ idling", NULL);
    world_talk(h, "c NOOP", "c BAD Expected DONE", NULL);
    host_free(h);
}

static void a_mailbox_may_go(void **state)
{
    (void)state;
    struct mailbox_id id;
    struct mail_append in = {.received_ms = w.clock.now_ms};
    struct mail_appended out;
    struct blob_writer *writer;
    assert_int_equal(mailbox_create(&w.mail, w.account, SPAN("M\xc3\xbcll"), USE_NONE, &id), 0);
    assert_int_equal(store_blob_create(w.store, &writer), 0);
    assert_int_equal(store_blob_write(writer, SPAN(MESSAGE)), 0);
    assert_int_equal(store_blob_finish(writer, &in.blob, &in.info), 0);
    in.mailbox = id;
    assert_int_equal(mailbox_append(&w.mail, w.account, &in, &out), 0);
    struct host *h = world_login(&w);
    host_sends(h, "a SELECT M&APw-ll\r\n");
    assert_true(span_ends(host_output(h), SPAN("a OK [READ-WRITE] Opened\r\n")));
    host_output_clear(h);
    assert_int_equal(mailbox_delete(&w.mail, w.account, id, 0), 0);
    world_talk(h, "b NOOP", "* 1 EXPUNGE", "b OK", NULL);
    world_talk(h, "b NOOP", "b OK", NULL);
    host_free(h);
}

static uint64_t modseq_of(struct host *h)
{
    struct span out = host_output(h);
    uint64_t v;
    ssize_t at = span_find(out, SPAN("[HIGHESTMODSEQ "));
    assert_true(at >= 0);
    out = span_from(out, (size_t)at + 15);
    assert_true(span_to_u64(span_split(&out, ']'), &v));
    return v;
}

static struct host *back(const char *params)
{
    struct host *h = world_login(&w);
    host_sends(h, "x ENABLE QRESYNC\r\n");
    host_output_clear(h);
    host_sends(h, "a SELECT INBOX (QRESYNC (");
    host_sends(h, params);
    host_sends(h, "))\r\n");
    for (int n = 0; n < 9; n++)
        host_expect(h, "* ");
    return h;
}

static void clients_come_back(void **state)
{
    (void)state;
    char params[128];
    struct mail_head head;
    for (int n = 0; n < 9; n++)
        world_append(&w, SPAN(MESSAGE), FLAG_SEEN);
    struct host *h = world_login(&w);
    host_sends(h, "a SELECT INBOX\r\n");
    unsigned long long modseq = modseq_of(h);
    host_free(h);
    assert_int_equal(mailbox_head(&w.mail, w.account, inbox, &head), 0);
    expunge(2);
    expunge(7);
    flag(4, STORE_ADD, FLAG_FLAGGED);
    flag(9, STORE_ADD, FLAG_FLAGGED);
    world_append(&w, SPAN(MESSAGE), FLAG_SEEN);

    snprintf(params, sizeof params, "%u %llu", head.uidvalidity, modseq);
    h = back(params);
    host_expect(h, "* VANISHED (EARLIER) 2,7");
    host_expect(h, "* 3 FETCH (UID 4 FLAGS (\\Flagged \\Seen) MODSEQ (");
    host_expect(h, "* 7 FETCH (UID 9 FLAGS (\\Flagged \\Seen) MODSEQ (");
    host_expect(h, "* 8 FETCH (UID 10 FLAGS (\\Seen) MODSEQ (");
    host_expect(h, "a OK [READ-WRITE]");
    host_free(h);
    /* of the UIDs that it knows */
    snprintf(params, sizeof params, "%u %llu 1:5", head.uidvalidity, modseq);
    h = back(params);
    host_expect(h, "* VANISHED (EARLIER) 2");
    host_expect(h, "* 3 FETCH (UID 4 ");
    host_expect(h, "a OK [READ-WRITE]");
    host_free(h);
    /* with pairs that show that it knows of UID 2: RFC 7162 §3.2.5.2 */
    snprintf(params, sizeof params, "%u %llu 1:9 (1,4,6 1,5,7)", head.uidvalidity, modseq);
    h = back(params);
    host_expect(h, "* VANISHED (EARLIER) 7");
    host_expect(h, "* 3 FETCH (UID 4 ");
    host_expect(h, "* 7 FETCH (UID 9 ");
    host_expect(h, "a OK [READ-WRITE]");
    host_free(h);
    /* another UIDVALIDITY */
    snprintf(params, sizeof params, "%u %llu 1:5", head.uidvalidity + 1, modseq);
    h = back(params);
    host_expect(h, "a OK [READ-WRITE]");
    host_expect_silence(h);
    host_free(h);
    /* nothing is wrong with one that knows all */
    assert_int_equal(mailbox_head(&w.mail, w.account, inbox, &head), 0);
    snprintf(params, sizeof params, "%u %llu", head.uidvalidity, (unsigned long long)head.modseq.v);
    h = back(params);
    host_expect(h, "a OK [READ-WRITE]");
    host_expect_silence(h);
    static const char *const bad[] = {
        "1",           "1 2 *",       "1 2 1:*", "1 2 3 (1)", "1 2 3 4",
        "1 2 (1 2) 3", "1 2 3 (1 *)", "x 2",     "1 x",       ""};
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        host_sends(h, "b SELECT INBOX (QRESYNC (");
        host_sends(h, bad[n]);
        host_sends(h, "))\r\n");
        host_expect(h, "b BAD");
        world_talk(h, "c NOOP", "c OK", NULL);
    }
    host_free(h);
}

/* When the list of expunges does not reach back far enough all that is not there has vanished. */
static bool has(struct host *h, const char *text)
{
    return span_find(host_output(h), span_str(text)) >= 0;
}

/* Whatever cannot be read: a client hears of it at the next command, or that its mailbox cannot be opened. */
static void what_could_not_be_read_is_told_later(void **state)
{
    (void)state;
    char command[100];
    world_append(&w, SPAN(MESSAGE), 0);
    struct host *one = selected(""), *two = selected("");
    for (uint64_t nth = 1; nth < 30; nth++) {
        snprintf(command, sizeof command, "a STORE 1 FLAGS (k%u)\r\n", (unsigned)nth);
        host_sends(two, command);
        host_output_clear(two);
        sim_fail(w.disk, SIM_READ, nth, ERR_IO, false);
        host_sends(one, "a NOOP\r\n");
        sim_fail(w.disk, SIM_READ, 0, 0, false);
        host_sends(one, "a NOOP\r\n");
        snprintf(command, sizeof command, "* 1 FETCH (FLAGS (k%u))\r\n", (unsigned)nth);
        if (!has(one, command))
            fail_msg("read %u: %.*s", (unsigned)nth, SPAN_ARG(host_output(one)));
        host_output_clear(one);
    }
    host_free(one);
    for (uint64_t nth = 1; nth < 30; nth++) {
        one = world_login(&w);
        host_sends(one, "a ENABLE QRESYNC\r\n");
        host_output_clear(one);
        sim_fail(w.disk, SIM_READ, nth, ERR_IO, false);
        host_sends(one, "a SELECT INBOX (QRESYNC (1790000000 1))\r\n");
        sim_fail(w.disk, SIM_READ, 0, 0, false);
        if (!has(one, "a NO ") && !has(one, "* 1 FETCH (UID 1 FLAGS (k29) MODSEQ ("))
            fail_msg("read %u: %.*s", (unsigned)nth, SPAN_ARG(host_output(one)));
        host_free(one);
    }
    host_free(two);
}

static void clients_come_back_late(void **state)
{
    (void)state;
    char params[128];
    struct mail_head head;
    w.mail.tombstones_max = 2;
    for (int n = 0; n < 9; n++)
        world_append(&w, SPAN(MESSAGE), FLAG_SEEN);
    assert_int_equal(mailbox_head(&w.mail, w.account, inbox, &head), 0);
    struct host *follows = selected("");
    for (uint32_t uid = 2; uid < 8; uid++)
        expunge(uid);
    snprintf(params, sizeof params, "%u %llu", head.uidvalidity, (unsigned long long)head.modseq.v);
    struct host *h = back(params);
    host_expect(h, "* VANISHED (EARLIER) 2:7");
    host_expect(h, "a OK [READ-WRITE]");
    host_free(h);
    /* its last three are right: nothing up to UID 9 is news */
    snprintf(params, sizeof params, "%u %llu 1:9 (1:3 1,8:9)", head.uidvalidity,
             (unsigned long long)head.modseq.v);
    h = back(params);
    host_expect(h, "a OK [READ-WRITE]");
    host_free(h);
    world_talk(follows, "b NOOP", "* 7 EXPUNGE", "* 6 EXPUNGE", "* 5 EXPUNGE", "* 4 EXPUNGE",
               "* 3 EXPUNGE", "* 2 EXPUNGE", "b OK", NULL);
    host_free(follows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(select_tells_what_is_there, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(changes_are_told, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(changes_are_told_with_qresync, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(idle_tells_at_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_mailbox_may_go, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(clients_come_back, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(clients_come_back_late, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_could_not_be_read_is_told_later, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
