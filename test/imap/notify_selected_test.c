/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY and the selected mailbox (RFC 5465 §3.1, §5.1, §5.2): what a client hears of that wants to hear of little, and what
 * it is told of new messages. */
#include "one_world.h"

#include "base/err.h"
#include "world.h"

#define MESSAGE "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n"

static int setup(void **state)
{
    (void)world_setup(state);
    for (int n = 0; n < 6; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    return 0;
}

/* What the client's own commands take away, and nothing else. */
static void own_expunges_are_told(void **state)
{
    (void)state;
    static const char *const programs[] = {"NONE", "SET (mailboxes Sent (MailboxName))"};
    for (size_t n = 0; n < COUNT_OF(programs); n++) {
        struct host *h = world_select(&w), *other = world_select(&w);
        host_sends(h, "a NOTIFY ");
        world_talk(h, programs[n], "a OK", NULL);
        world_talk(h, "b STORE 1 +FLAGS.SILENT \\Deleted", "b OK", NULL);
        host_sends(other, "o STORE 2 +FLAGS.SILENT \\Deleted\r\no UID EXPUNGE 2\r\n");
        host_output_clear(other);
        world_append(&w, SPAN(MESSAGE), FLAG_DELETED);
        world_talk(h, "b EXPUNGE", "* 1 EXPUNGE", "b OK", NULL);
        world_talk(h, "b NOOP", "b OK", NULL);
        world_talk(h, "b MOVE 3 Trash", "* OK [COPYUID ", "* 3 EXPUNGE", "b OK", NULL);
        world_talk(h, "b REPLACE 3 INBOX {4+}\r\n\r\nxx", "* OK [APPENDUID ", "* 3 EXPUNGE", "b OK",
                   NULL);
        /* \Seen is the client's doing, too */
        world_talk(h, "b FETCH 3 BODY[TEXT]", "* 3 FETCH (BODY[TEXT] {8}", "Hello.", ")",
                   "* 3 FETCH (UID 6 FLAGS (\\Seen))", "b OK", NULL);
        /* what others have done is known then */
        world_talk(h, "c NOTIFY SET (SELECTED (MessageNew MessageExpunge))", "* 1 EXPUNGE",
                   "* 4 EXISTS", "* 0 RECENT", "* 2 FETCH (FLAGS (\\Seen))", "c OK", NULL);
        host_free(other);
        host_free(h);
        assert_int_equal(world_teardown(state), 0);
        (void)setup(state);
    }
}

static void own_expunges_are_told_by_uid(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a ENABLE QRESYNC", "* ENABLED", "a OK", NULL);
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    world_talk(h, "a NOTIFY NONE", "a OK", NULL);
    world_talk(h, "b UID STORE 2 +FLAGS \\Deleted", "* 2 FETCH (UID 2 FLAGS (\\Deleted) MODSEQ (",
               "* OK [HIGHESTMODSEQ ", "b OK", NULL);
    world_talk(h, "b EXPUNGE", "* VANISHED 2", "b OK [HIGHESTMODSEQ ", NULL);
    world_talk(h, "b UID MOVE 3 Trash", "* OK [COPYUID ", "* VANISHED 3", "b OK", NULL);
    host_free(h);
}

/* RFC 7162 §3.2.4: with mod-sequences switched on, also UID and MODSEQ. */
static void new_messages(void **state)
{
    (void)state;
    struct host *h = world_select(&w);
    world_talk(h, "a NOTIFY SET (SELECTED (MessageNew (PREVIEW (LAZY) FLAGS) MessageExpunge))",
               "a OK", NULL);
    world_append(&w, SPAN(MESSAGE), 0); /* its preview is not made yet */
    world_hears(h, "* 7 EXISTS", "* 0 RECENT", "* 7 FETCH (PREVIEW NIL FLAGS ())", NULL);
    world_talk(h, "b FETCH 1 MODSEQ", "* OK [HIGHESTMODSEQ ", "* 1 FETCH (MODSEQ (", "b OK", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    world_hears(h, "* 8 EXISTS", "* 0 RECENT", "* 8 FETCH (PREVIEW NIL FLAGS () UID 8 MODSEQ (",
                NULL);
    host_free(h);
}

/* RFC 9051 §5.1 */
static void inbox_is_spelled_in_any_case(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(other, "o CREATE Inbox/Sub", "o OK", NULL);
    world_talk(h,
               "a NOTIFY SET (mailboxes iNbox/Sub (MessageNew MessageExpunge)) (subtree INbox/sub/ "
               "(MailboxName))",
               "a OK", NULL);
    world_talk(other, "o APPEND INBOX/Sub {4+}\r\n\r\nxx", "o OK", NULL);
    world_hears(h, "* STATUS INBOX/Sub (MESSAGES 1 UIDNEXT 2", NULL);
    world_talk(other, "o CREATE INBOX/sub", "o OK", NULL);
    world_hears(h, "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX/sub", NULL);
    host_free(other);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_expunges_are_told, setup, world_teardown),
        cmocka_unit_test_setup_teardown(own_expunges_are_told_by_uid, setup, world_teardown),
        cmocka_unit_test_setup_teardown(new_messages, setup, world_teardown),
        cmocka_unit_test_setup_teardown(inbox_is_spelled_in_any_case, setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
