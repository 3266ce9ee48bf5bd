/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes of an owner whom the user refuses are nowhere. */
#include "one_people.h"

#include "mailbox/refusals.h"

#define LIST_ANNA "* LIST (\\HasNoChildren) \"/\" " INBOX_OF_ANNA

static void refuse(bool on)
{
    struct mail_sharer owner = {p.id[0], SPAN("anna@example.test")};
    assert_int_equal(mailbox_refuse(&p.w.mail, p.id[1], &owner, on), 0);
}

static void in_no_list_and_by_no_name(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lrwi");
    struct host *b = bernd();
    world_talk(b, "a LIST \"\" \"Other*\"", LIST_ANNA, "a OK", NULL);
    refuse(true);
    world_talk(b, "a LIST \"\" \"Other*\"", "a OK", NULL);
    world_talk(b, "a SELECT " INBOX_OF_ANNA, "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a STATUS " INBOX_OF_ANNA " (MESSAGES)", "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a MYRIGHTS " INBOX_OF_ANNA, "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a APPEND " INBOX_OF_ANNA " {1+}\r\nx", "a NO [TRYCREATE]", NULL);
    world_talk(b, "a ESEARCH IN (subtree \"Other Users\") ALL", "a OK", NULL);
    world_talk(b, "a GETMETADATA " INBOX_OF_ANNA " /private/comment", "a NO [NONEXISTENT]", NULL);
    refuse(false);
    world_talk(b, "a LIST \"\" \"Other*\"", LIST_ANNA, "a OK", NULL);
    world_talk(b, "a ESEARCH IN (subtree \"Other Users\") ALL",
               "* ESEARCH (TAG \"a\" MAILBOX " INBOX_OF_ANNA, "a OK", NULL);
    host_free(b);
}

static void notify_tells_of_both(void **state)
{
    (void)state;
    people_give(&p, "lr");
    struct host *b = bernd();
    world_talk(b, "a NOTIFY SET (subtree \"Other Users\" (MessageNew MessageExpunge MailboxName))",
               "a OK", NULL);
    refuse(true);
    assert_true(host_wait(b, 0));
    host_expect(b, "* LIST (\\NonExistent \\NoAccess) \"/\" " INBOX_OF_ANNA);
    host_expect_silence(b);
    people_letter(&p);
    while (host_wait(b, 0))
        ;
    host_expect_silence(b);
    refuse(false);
    assert_true(host_wait(b, 0));
    host_expect(b, "* LIST ");
    host_free(b);
}

/* Whoever has it open goes on until he leaves it. */
static void a_selected_mailbox_stays(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lr");
    struct host *b = bernd();
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    refuse(true);
    world_talk(b, "a FETCH 1 UID", "* 1 FETCH (UID 1)", "a OK", NULL);
    world_talk(b, "a CLOSE", "a OK", NULL);
    world_talk(b, "a SELECT " INBOX_OF_ANNA, "a NO [NONEXISTENT]", NULL);
    host_free(b);
}

static void who_is_refused_hears_it(void **state)
{
    (void)state;
    refuse(true);
    struct host *h = anna();
    world_talk(h, "a SETACL INBOX bernd@example.test lr",
               "a NO [NOPERM] This user does not want to see mailboxes of anna@example.test", NULL);
    world_talk(h, "a GETACL INBOX", "* ACL INBOX anna@example.test lrswipkxteacd", "a OK", NULL);
    refuse(false);
    world_talk(h, "a SETACL INBOX bernd@example.test lr", "a OK", NULL);
    host_free(h);
}

/* Before they are told of them people have no way to send them away. */
static void too_many_hear_it(void **state)
{
    (void)state;
    struct mail_sharer mallory = {0, SPAN("mallory@example.test")};
    for (uint64_t k = 0; k < LIMIT_SHARERS; k++) {
        mallory.owner = 5000 + k;
        assert_int_equal(sharers_put(&p.w.mail, p.id[1], SPAN(""), &mallory), 0);
    }
    struct host *h = anna();
    world_talk(h, "a SETACL INBOX bernd@example.test lr",
               "a NO [LIMIT] 1000 others share mailboxes with this user already", NULL);
    assert_int_equal(mailbox_refuse(&p.w.mail, p.id[1], &mallory, true), 0);
    world_talk(h, "a SETACL INBOX bernd@example.test lr", "a OK", NULL);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, people_teardown)
        T(in_no_list_and_by_no_name), T(notify_tells_of_both), T(a_selected_mailbox_stays),
        T(who_is_refused_hears_it),   T(too_many_hear_it),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
