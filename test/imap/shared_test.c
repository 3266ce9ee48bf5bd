/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes of others while they are open, and in commands that are about several (ACL itself: acl_test.c). */
#include "one_people.h"

#include "base/err.h"
#include "directory/directory.h"

/* ---- while it is open ------------------------------------------------------------------------- */

static void changes_are_told_across_accounts(void **state)
{
    (void)state;
    people_give(&p, "lrs");
    struct host *h = anna(), *b = as("bernd@example.test");
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    host_sends(b, "i IDLE\r\n");
    host_expect(b, "+ ");
    people_letter(&p);
    assert_true(host_wait(b, 1000));
    host_expect(b, "* 1 EXISTS");
    host_expect(b, "* 0 RECENT");
    host_sends(b, "DONE\r\n");
    host_expect(b, "i OK");
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    world_talk(b, "a STORE 1 +FLAGS (\\Seen)", "* 1 FETCH (FLAGS (\\Seen))", "a OK", NULL);
    world_talk(h, "a NOOP", "* 1 FETCH (FLAGS (\\Seen))", "a OK", NULL);
    host_free(b);
    host_free(h);
}

static void lost_rights_are_lost_at_once(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lrs");
    struct host *b = as("bernd@example.test");
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    people_give(&p, "l");
    people_letter(&p);
    world_talk(b, "a FETCH 1 BODY[]", "* OK [PERMANENTFLAGS ()]", "a NO [NOPERM]", NULL);
    world_talk(b, "a NOOP", "a OK", NULL); /* nothing is told */
    world_talk(b, "a SEARCH ALL", "a NO [NOPERM]", NULL);
    people_give(&p, "lr");
    world_talk(b, "a NOOP", "* OK [PERMANENTFLAGS ()]", "* 2 EXISTS", "* 0 RECENT", "a OK", NULL);
    people_give(&p, "");
    world_talk(b, "a UID FETCH 1 FLAGS", "* OK [PERMANENTFLAGS ()]", "a NO [NOPERM]", NULL);
    world_talk(b, "a UNSELECT", "a OK", NULL);
    world_talk(b, "a SELECT " INBOX_OF_ANNA, "a NO [NONEXISTENT]", NULL);
    host_free(b);
}

/* RFC 4314 §4: CLOSE, which tells nothing, looks at the rights all the same. */
static void who_may_not_expunge_any_more_does_not_by_closing(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lrte");
    struct host *b = as("bernd@example.test");
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\nb STORE 1 +FLAGS (\\Deleted)\r\n");
    host_output_clear(b);
    people_give(&p, "lr");
    world_talk(b, "a CLOSE", "a OK", NULL);
    world_talk(b, "a STATUS " INBOX_OF_ANNA " (MESSAGES DELETED)",
               "* STATUS " INBOX_OF_ANNA " (MESSAGES 1 DELETED 1)", "a OK", NULL);
    host_free(b);
}

static void a_long_upload_needs_its_right_at_the_end_too(void **state)
{
    (void)state;
    people_give(&p, "lri");
    struct host *b = as("bernd@example.test");
    host_sends(b, "a APPEND " INBOX_OF_ANNA " {2+}\r\nx");
    people_give(&p, "lr");
    host_sends(b, "y\r\n");
    host_expect(b, "a NO [NOPERM]");
    people_give(&p, "i");
    host_sends(b, "a APPEND " INBOX_OF_ANNA " {2+}\r\nx");
    people_give(&p, "");
    host_sends(b, "y\r\n");
    host_expect(b, "a NO [TRYCREATE]"); /* as if it was not there */
    host_expect_silence(b);
    people_give(&p, "lrite");
    host_sends(b, "a APPEND " INBOX_OF_ANNA " {1+}\r\nx\r\nb SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    host_sends(b, "a REPLACE 1 " INBOX_OF_ANNA " {2+}\r\nx");
    people_give(&p, "lri");
    host_sends(b, "y\r\n");
    host_expect(b, "* OK [PERMANENTFLAGS");
    host_expect(b, "a NO [NOPERM]");
    host_expect_silence(b);
    host_free(b);
}

/* RFC 4315 §3 */
static void a_letter_box_tells_no_uids(void **state)
{
    (void)state;
    people_give(&p, "li");
    struct host *b = as("bernd@example.test");
    world_talk(b, "a APPEND INBOX {1+}\r\nx", "a OK [APPENDUID", NULL);
    world_talk(b, "a APPEND " INBOX_OF_ANNA " {1+}\r\nx", "a OK Appended", NULL);
    host_sends(b, "a SELECT INBOX\r\n");
    host_output_clear(b);
    world_talk(b, "a COPY 1 " INBOX_OF_ANNA, "a OK Copied", NULL);
    world_talk(b, "a MOVE 1 " INBOX_OF_ANNA, "* 1 EXPUNGE", "a OK Done", NULL);
    host_free(b);
}

/* RFC 4314 §4: it is the nearest mailbox above that counts, whether or not the user may know of it. */
static void nothing_is_made_below_what_is_hidden(void **state)
{
    (void)state;
    struct host *h = anna(), *b = as("bernd@example.test");
    world_talk(h, "a CREATE Work/Secret", "a OK", NULL);
    world_talk(h, "a CREATE Work/Level/Below", "a OK", NULL);
    world_talk(h, "a DELETE Work/Level", "a OK", NULL); /* that is not one any more */
    world_talk(h, "a SETACL Work bernd@example.test lrkx", "a OK", NULL);
    world_talk(b, "a CREATE \"Other Users/anna@example.test/Work/Secret/new\"", "a NO [NOPERM]",
               NULL);
    world_talk(b, "a CREATE \"Other Users/anna@example.test/Work/Open\"", "a OK", NULL);
    world_talk(b,
               "a RENAME \"Other Users/anna@example.test/Work/Open\" \"Other "
               "Users/anna@example.test/Work/Secret/Open\"",
               "a NO [NOPERM]", NULL);
    world_talk(b, "a CREATE \"Other Users/anna@example.test/Work/Level/new\"", "a OK", NULL);
    host_free(b);
    host_free(h);
}

static void a_deleted_mailbox_is_empty(void **state)
{
    (void)state;
    struct host *h = anna(), *b = as("bernd@example.test");
    world_talk(h, "a CREATE Work", "a OK", NULL);
    world_talk(h, "a SETACL Work bernd@example.test lri", "a OK", NULL);
    world_talk(b, "a APPEND \"Other Users/anna@example.test/Work\" {1+}\r\nx", "a OK", NULL);
    host_sends(b, "a SELECT \"Other Users/anna@example.test/Work\"\r\n");
    host_output_clear(b);
    world_talk(h, "a DELETE Work", "a OK", NULL);
    world_talk(b, "a NOOP", "* 1 EXPUNGE", "a OK", NULL);
    host_free(b);
    host_free(h);
}

/* ---- with other commands ------------------------------------------------------------------------ */

static void searches_go_over_mailboxes_of_others(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lr");
    struct host *b = as("bernd@example.test");
    world_talk(b, "a ESEARCH IN (mailboxes (" INBOX_OF_ANNA " INBOX)) SUBJECT letter",
               "* ESEARCH (TAG \"a\" MAILBOX " INBOX_OF_ANNA " UIDVALIDITY ", "a OK", NULL);
    world_talk(b, "a ESEARCH IN (subtree \"Other Users\") KEYWORD none", "a OK", NULL);
    world_talk(b, "a ESEARCH IN (subtree \"Other Users/\") SUBJECT letter",
               "* ESEARCH (TAG \"a\" MAILBOX " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a ESEARCH IN (personal) SUBJECT letter", "a OK", NULL);
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    world_talk(b, "a ESEARCH IN (selected) SUBJECT letter", "* ESEARCH (TAG \"a\" MAILBOX ", "a OK",
               NULL);
    /* RFC 7377 §2.2: what is named or selected needs no "l", others do */
    people_give(&p, "r");
    world_talk(b, "a ESEARCH SUBJECT letter", "* ESEARCH (TAG \"a\" MAILBOX " INBOX_OF_ANNA,
               "* OK [PERMANENTFLAGS ()]", "a OK", NULL);
    world_talk(b,
               "a ESEARCH IN (selected mailboxes (" INBOX_OF_ANNA " \"Other "
               "Users/ANNA@example.test/inbox\" \"Other Users/nobody\" &wrong)) ALL",
               "* ESEARCH (TAG \"a\" MAILBOX " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a CLOSE", "a OK", NULL);
    world_talk(b, "a ESEARCH IN (mailboxes " INBOX_OF_ANNA ") RETURN (COUNT) ALL",
               "* ESEARCH (TAG \"a\" MAILBOX " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a ESEARCH IN (subtree \"Other Users\" subscribed) ALL", "a OK", NULL);
    people_give(&p, "lr");
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    people_give(&p, "l");
    world_talk(b, "a ESEARCH IN (mailboxes (" INBOX_OF_ANNA ")) ALL", "* OK [PERMANENTFLAGS ()]",
               "a OK", NULL);
    host_free(b);
}

static void parts_of_others_messages_are_catenated(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lr");
    struct host *b = as("bernd@example.test");
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    world_talk(b, "a APPEND Drafts CATENATE (URL \";UID=1/;SECTION=HEADER\" TEXT {4+}\r\nmore)",
               "a OK [APPENDUID", NULL);
    world_talk(b,
               "a APPEND Drafts CATENATE (URL \"/Other%20Users/anna@example.test/INBOX/;UID=1\")",
               "a OK [APPENDUID", NULL);
    world_talk(b,
               "a GENURLAUTH \"imap://bernd%40example.test@localhost/Other%20Users/anna@example"
               ".test/INBOX/;UID=1;URLAUTH=anonymous\" INTERNAL",
               "a BAD", NULL);
    people_give(&p, "l");
    world_talk(b, "a APPEND Drafts CATENATE (URL \";UID=1/;SECTION=HEADER\")",
               "* OK [PERMANENTFLAGS ()]", "a NO [BADURL", NULL);
    world_talk(b, "a UNSELECT", "a OK", NULL);
    world_talk(b,
               "a APPEND Drafts CATENATE (URL \"/Other%20Users/anna@example.test/INBOX/;UID=1\")",
               "a NO [BADURL", NULL);
    host_free(b);
}

static void names_with_a_slash_in_the_address(void **state)
{
    (void)state;
    struct host *h;
    people_make(&p.w, "a/b%c@example.test");
    h = as("\"a/b%c@example.test\"");
    world_talk(h, "a SETACL INBOX bernd@example.test lr", "a OK", NULL);
    host_free(h);
    h = as("bernd@example.test");
    world_talk(h, "a LIST \"Other Users/\" *",
               "* LIST (\\HasNoChildren) \"/\" \"Other Users/a%2Fb%25c@example.test/INBOX\"",
               "a OK", NULL);
    world_talk(h, "a STATUS \"Other Users/A%2fb%25c@example.test/inbox\" (MESSAGES)",
               "* STATUS \"Other Users/a%2Fb%25c@example.test/INBOX\" (MESSAGES 0)", "a OK", NULL);
    host_free(h);
}

/* His connection may outlive his account. */
static void a_guest_who_is_gone(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lri");
    struct host *b = as("bernd@example.test");
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    assert_int_equal(mailbox_account_destroy(&p.w.mail, p.id[1]), 0);
    world_talk(b, "a FETCH 1 BODY[]", "* OK [PERMANENTFLAGS ()]", "a NO [NOPERM]", NULL);
    world_talk(b, "a APPEND " INBOX_OF_ANNA " {1+}\r\nx", "a NO", NULL);
    world_talk(b, "a UNSELECT", "a OK", NULL);
    world_talk(b, "a SELECT " INBOX_OF_ANNA, "a NO", NULL);
    host_free(b);
}

static void an_owner_who_is_gone(void **state)
{
    (void)state;
    uint64_t id;
    people_give(&p, "lri");
    struct host *b = as("bernd@example.test");
    assert_int_equal(account_remove(p.w.directory, SPAN(WORLD_USER)), 0);
    world_talk(b, "a APPEND " INBOX_OF_ANNA " {1+}\r\nx", "a NO [CONTACTADMIN]", NULL);
    p.w.clock.now_ms += 2000;
    assert_int_equal(account_purge_begin(p.w.directory, SPAN(WORLD_USER), INT64_MAX, &id), 0);
    assert_int_equal(mailbox_account_destroy(&p.w.mail, id), 0);
    assert_int_equal(account_purge(p.w.directory, SPAN(WORLD_USER)), 0);
    world_talk(b, "a LIST \"Other Users/\" *", "a OK", NULL);
    world_talk(b, "a SELECT " INBOX_OF_ANNA, "a NO [NONEXISTENT]", NULL);
    /* another Anna */
    p.id[0] = people_make(&p.w, WORLD_USER);
    world_talk(b, "a SELECT " INBOX_OF_ANNA, "a NO [NONEXISTENT]", NULL);
    people_give(&p, "lr");
    world_talk(b, "a STATUS " INBOX_OF_ANNA " (MESSAGES)",
               "* STATUS " INBOX_OF_ANNA " (MESSAGES 0)", "a OK", NULL);
    host_free(b);
}

/* ---- NOTIFY ----------------------------------------------------------------------------------- */

/* Lets the session hear of what has changed. */
static void hear(struct host *h)
{
    while (host_session(h)->wakeable && host_wait(h, 0))
        continue;
}

static void mailboxes_of_others_can_be_watched(void **state)
{
    (void)state;
    struct host *h = anna(), *b = as("bernd@example.test");
    people_give(&p, "lr");
    /* INBOX of both has the same id: one is not the other */
    world_talk(b, "a SELECT INBOX", "* FLAGS", "* 0 EXISTS", "* 0 RECENT", "* OK [UIDVALIDITY",
               "* OK [UIDNEXT", "* OK [PERMANENTFLAGS", "* OK [HIGHESTMODSEQ", "* OK [MAILBOXID",
               "* OK [URLMECH", "a OK", NULL);
    world_talk(b,
               "a NOTIFY SET STATUS (mailboxes " INBOX_OF_ANNA
               " (MessageNew MessageExpunge MailboxName)) (subtree \"Other Users\" (MailboxName))",
               "* STATUS " INBOX_OF_ANNA " (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ", "a OK", NULL);
    people_letter(&p);
    hear(b);
    host_expect(b, "* STATUS " INBOX_OF_ANNA " (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ");
    host_expect_silence(b);
    /* something is shared anew, and renamed, and not shared any more */
    world_talk(h, "a CREATE Work", "a OK", NULL);
    world_talk(h, "a SETACL Work bernd@example.test lr", "a OK", NULL);
    hear(b);
    host_expect(b, "* LIST (\\HasNoChildren) \"/\" \"Other Users/anna@example.test/Work\"");
    host_expect(b, "* LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users/anna@example.test\"");
    host_expect_silence(b);
    world_talk(h, "a RENAME Work Job", "a OK", NULL);
    hear(b);
    host_expect(b,
                "* LIST (\\HasNoChildren) \"/\" \"Other Users/anna@example.test/Job\" (\"OLDNAME\" "
                "(\"Other Users/anna@example.test/Work\"))");
    host_expect_silence(b);
    world_talk(h, "a DELETEACL Job bernd@example.test", "a OK", NULL);
    hear(b);
    host_expect(b, "* LIST (\\NonExistent \\NoAccess) \"/\" \"Other Users/anna@example.test/Job\"");
    host_expect(b, "* LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users/anna@example.test\"");
    host_expect_silence(b);
    /* from somebody new */
    host_free(h);
    h = as("carla@example.test");
    world_talk(h, "a SETACL Sent bernd@example.test l", "a OK", NULL);
    hear(b);
    host_expect(b, "* LIST (\\HasNoChildren) \"/\" \"Other Users/carla@example.test/Sent\"");
    host_expect(b, "* LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users/carla@example.test\"");
    host_expect_silence(b);
    world_talk(h, "a DELETE Sent", "a OK", NULL);
    hear(b);
    host_expect(b,
                "* LIST (\\NonExistent \\NoAccess) \"/\" \"Other Users/carla@example.test/Sent\"");
    host_expect_silence(b);
    host_free(h);
    host_free(b);
}

/* RFC 5465 §3.1, §5.9 */
static void access_is_lost_and_granted_again(void **state)
{
    (void)state;
    struct host *b = as("bernd@example.test");
    people_give(&p, "l");
    world_talk(b, "a NOTIFY SET STATUS (mailboxes " INBOX_OF_ANNA " (MessageNew MessageExpunge))",
               "* LIST (\\HasNoChildren \\NoAccess) \"/\" " INBOX_OF_ANNA, "a OK", NULL);
    people_letter(&p);
    hear(b);
    host_expect_silence(b);
    people_give(&p, "lr");
    hear(b);
    host_expect(b, "* LIST (\\HasNoChildren) \"/\" " INBOX_OF_ANNA);
    host_expect_silence(b);
    people_letter(&p);
    hear(b);
    host_expect(b, "* STATUS " INBOX_OF_ANNA " (MESSAGES 2 UIDNEXT 3");
    people_give(&p, "l");
    hear(b);
    host_expect(b, "* LIST (\\HasNoChildren \\NoAccess) \"/\" " INBOX_OF_ANNA);
    people_letter(&p);
    hear(b);
    host_expect_silence(b);
    host_free(b);
}

/* RFC 5465 §5: what the client has done itself; and "personal" is one's own. */
static void ones_own_changes_are_not_told(void **state)
{
    (void)state;
    struct host *b = as("bernd@example.test");
    people_give(&p, "lri");
    world_talk(b, "a SUBSCRIBE " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a NOTIFY SET (subscribed (MessageNew MessageExpunge))", "a OK", NULL);
    world_talk(b, "a APPEND " INBOX_OF_ANNA " {1+}\r\nx", "a OK", NULL);
    hear(b);
    host_expect_silence(b);
    people_letter(&p);
    hear(b);
    host_expect(b, "* STATUS " INBOX_OF_ANNA " (MESSAGES 2");
    host_expect_silence(b);
    world_talk(b, "a NOTIFY SET (personal (MessageNew MessageExpunge))", "a OK", NULL);
    people_letter(&p);
    hear(b);
    host_expect_silence(b);
    host_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, people_teardown)
        T(changes_are_told_across_accounts),
        T(lost_rights_are_lost_at_once),
        T(who_may_not_expunge_any_more_does_not_by_closing),
        T(a_long_upload_needs_its_right_at_the_end_too),
        T(a_letter_box_tells_no_uids),
        T(nothing_is_made_below_what_is_hidden),
        T(a_deleted_mailbox_is_empty),
        T(searches_go_over_mailboxes_of_others),
        T(parts_of_others_messages_are_catenated),
        T(names_with_a_slash_in_the_address),
        T(a_guest_who_is_gone),
        T(an_owner_who_is_gone),
        T(mailboxes_of_others_can_be_watched),
        T(access_is_lost_and_granted_again),
        T(ones_own_changes_are_not_told),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
