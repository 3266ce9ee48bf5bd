/* SPDX-License-Identifier: Apache-2.0 */
/* UPDATE and CANCELUPDATE (RFC 5267 §4.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static struct world w;
static struct host *h;
static const struct mailbox_id inbox = {1};

static void store(uint32_t uid, enum mail_store_op op, uint32_t flags)
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
}

/* UIDs 2 to 5; 3 is seen. */
static int setup(void **state)
{
    (void)state;
    struct span line;
    world_open(&w);
    for (int i = 1; i <= 5; i++)
        world_append(&w, SPAN("Subject: a\r\n\r\nhay\r\n"), i == 3 ? FLAG_SEEN : 0);
    expunge(1);
    h = world_login(&w);
    host_sends(h, "s SELECT INBOX\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("s ")));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_free(h);
    world_close(&w);
    return 0;
}

static void flags_change(void **state)
{
    (void)state;
    world_talk(h, "b UID SEARCH RETURN (UPDATE COUNT) UNSEEN", "* ESEARCH (TAG \"b\") UID COUNT 3",
               "b OK", NULL);
    world_talk(h, "c SEARCH RETURN (UPDATE) FLAGGED", "* ESEARCH (TAG \"c\")", "c OK", NULL);
    store(4, STORE_ADD, FLAG_SEEN | FLAG_FLAGGED);
    store(3, STORE_REMOVE, FLAG_SEEN);
    world_talk(h, "a NOOP", "* ESEARCH (TAG \"c\") ADDTO (0 3)",
               "* ESEARCH (TAG \"b\") UID REMOVEFROM (0 4)",
               "* ESEARCH (TAG \"b\") UID ADDTO (0 3)", "* 2 FETCH", "* 3 FETCH", "a OK", NULL);
    store(5, STORE_ADD, FLAG_ANSWERED); /* in and not in, as before */
    world_talk(h, "a NOOP", "* 4 FETCH", "a OK", NULL);
    /* a change of its own, told or not */
    world_talk(h, "a STORE 1 +FLAGS.SILENT (\\Seen \\Flagged)", "* ESEARCH (TAG \"c\") ADDTO (0 1)",
               "* ESEARCH (TAG \"b\") UID REMOVEFROM (0 2)", "a OK", NULL);
    /* it ends */
    world_talk(h, "a CANCELUPDATE \"c\" \"nobody\"", "a OK No further updates", NULL);
    store(2, STORE_REMOVE, FLAG_SEEN | FLAG_FLAGGED);
    world_talk(h, "a NOOP", "* ESEARCH (TAG \"b\") UID ADDTO (0 2)", "* 1 FETCH", "a OK", NULL);
    world_talk(h, "a UNSELECT", "a OK", NULL);
    store(2, STORE_ADD, FLAG_SEEN);
    world_talk(h, "a NOOP", "a OK", NULL);
}

static void messages_come_and_go(void **state)
{
    (void)state;
    world_talk(h, "b SEARCH RETURN (UPDATE ALL) BODY needle", "* ESEARCH (TAG \"b\")", "b OK",
               NULL);
    world_talk(h, "c UID SEARCH RETURN (UPDATE ALL) ALL", "* ESEARCH (TAG \"c\") UID ALL 2:5",
               "c OK", NULL);
    world_append(&w, SPAN("Subject: x\r\n\r\nNeedle\r\n"), 0);
    world_append(&w, SPAN("Subject: x\r\n\r\nhay\r\n"), 0);
    world_talk(h, "a NOOP", "* 6 EXISTS", "* 0 RECENT", "* ESEARCH (TAG \"c\") UID ADDTO (0 6:7)",
               "* ESEARCH (TAG \"b\") ADDTO (0 5)", "a OK", NULL);
    expunge(6);
    expunge(2);
    /* not while numbers are in use, and with the numbers of before */
    world_talk(h, "a FETCH 3 UID", "* 3 FETCH (UID 4)", "a OK", NULL);
    world_talk(h, "a NOOP", "* ESEARCH (TAG \"c\") UID REMOVEFROM (0 2,6)",
               "* ESEARCH (TAG \"b\") REMOVEFROM (0 5)", "* 5 EXPUNGE", "* 1 EXPUNGE", "a OK",
               NULL);
    world_talk(h, "a NOOP", "a OK", NULL);
    /* in IDLE, too */
    world_talk(h, "a IDLE", "+ ", NULL);
    world_append(&w, SPAN("Subject: x\r\n\r\nneedle\r\n"), 0);
    assert_true(host_wait(h, 1000));
    host_expect(h, "* 5 EXISTS");
    host_expect(h, "* 0 RECENT");
    host_expect(h, "* ESEARCH (TAG \"c\") UID ADDTO (0 8)");
    host_expect(h, "* ESEARCH (TAG \"b\") ADDTO (0 5)");
    world_talk(h, "DONE", "a OK", NULL);
}

/* What the numbers, "$" and keywords of the program mean is what they meant then. */
static void programs_stay(void **state)
{
    struct mail_store in = {.mailbox = inbox, .op = STORE_ADD};
    struct numset uids, refused;
    uint32_t id;
    (void)state;
    world_talk(h, "b SEARCH RETURN (UPDATE) HEADER subject a 2 KEYWORD $Late",
               "* ESEARCH (TAG \"b\")", "b OK", NULL);
    expunge(2);
    world_talk(h, "a NOOP", "* 1 EXPUNGE", "a OK", NULL);
    assert_int_equal(mailbox_keyword(&w.mail, w.account, SPAN("$Late"), false, &id), 0);
    in.keywords = (struct keyword_ids){.n = 1, .v = {(uint16_t)id}};
    numset_init(&uids);
    numset_init(&refused);
    numset_add_range(&uids, 2, 5);
    assert_int_equal(mailbox_store(&w.mail, w.account, &in, &uids, &refused), 0);
    numset_done(&uids);
    numset_done(&refused);
    world_talk(h, "a NOOP", "* ESEARCH (TAG \"b\") ADDTO (0 1)", "* FLAGS", "* 1 FETCH",
               "* 2 FETCH", "* 3 FETCH", "a OK", NULL);
}

static void refused(void **state)
{
    char command[80], line[80];
    (void)state;
    world_talk(h, "b SEARCH RETURN (UPDATE COUNT) ALL", "* ESEARCH (TAG \"b\") COUNT 4", "b OK",
               NULL);
    world_talk(h, "b SEARCH RETURN (UPDATE) FLAGGED", "b BAD This tag is that of a search", NULL);
    world_talk(h, "b SORT RETURN (UPDATE) (DATE) UTF-8 ALL", "b BAD", NULL);
    world_talk(h, "c SEARCH RETURN (UPDATE COUNT) WHAT", "c BAD", NULL);
    world_talk(h, "a CANCELUPDATE", "a BAD", NULL);
    world_talk(h, "a CANCELUPDATE (x)", "a BAD", NULL);
    world_talk(h, "a SEARCH RETURN (CONTEXT COUNT) ALL", "* ESEARCH (TAG \"a\") COUNT 4", "a OK",
               NULL);
    for (int n = 2; n <= LIMIT_IMAP_CONTEXTS; n++) {
        (void)snprintf(command, sizeof command, "t%d SEARCH RETURN (UPDATE SAVE) ALL", n);
        (void)snprintf(line, sizeof line, "t%d OK", n);
        world_talk(h, command, line, NULL);
    }
    world_talk(h, "x SEARCH RETURN (UPDATE COUNT) ALL", "* NO [NOUPDATE \"x\"]",
               "* ESEARCH (TAG \"x\") COUNT 4", "x OK", NULL);
    world_talk(h, "a CANCELUPDATE t2", "a OK", NULL);
    world_talk(h, "x ESEARCH RETURN (UPDATE) DELETED", "x OK", NULL);
    world_talk(h, "a CANCELUPDATE b t3 t4 t5 t6 t7 t8 t9 t10", "a OK", NULL);
    store(4, STORE_ADD, FLAG_DELETED);
    world_talk(h, "a NOOP", "* ESEARCH (TAG \"x\" MAILBOX INBOX UIDVALIDITY ", "* 3 FETCH", "a OK",
               NULL);
}

/* More than one response holds. */
static void many(void **state)
{
    enum { N = 5000 };
    static struct mail_append v[1000];
    static struct mail_appended out[1000];
    struct blob_writer *writer;
    struct mail_append one = {.received_ms = 1};
    struct span line;
    unsigned responses = 0;
    (void)state;
    world_talk(h, "b UID SEARCH RETURN (UPDATE COUNT) FLAGGED", "* ESEARCH (TAG \"b\") UID COUNT 0",
               "b OK", NULL);
    assert_int_equal(store_blob_create(w.store, &writer), 0);
    assert_int_equal(store_blob_write(writer, SPAN("\r\n")), 0);
    assert_int_equal(store_blob_finish(writer, &one.blob, &one.info), 0);
    for (int i = 0; i < N; i += 1000) {
        for (int k = 0; k < 1000; k++) {
            v[k] = one;
            v[k].flags = k % 2 ? FLAG_FLAGGED : 0;
        }
        assert_int_equal(mailbox_append_many(&w.mail, w.account, v, 1000, out), 0);
    }
    host_sends(h, "a NOOP\r\n");
    do {
        assert_true(host_line(h, &line));
        responses += span_starts(line, SPAN("* ESEARCH (TAG \"b\") UID ADDTO (0 "));
    } while (!span_starts(line, SPAN("a OK")));
    assert_int_equal(responses, 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(flags_change), T(messages_come_and_go), T(programs_stay),
                                       T(refused), T(many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
