/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes: made, renamed, deleted, listed, subscribed to, looked at. Examples of RFC 5258 and others. */
#include "one_world.h"

#include "base/err.h"
#include "world.h"

#define MESSAGE "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n"

/* Several commands that must all be OK and say nothing else. */
static void all_ok(struct host *h, const char *const *commands, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        host_sends(h, "x ");
        world_talk(h, commands[k], "x OK", NULL);
    }
}
#define ALL_OK(h, ...)                                                                             \
    all_ok((h), (const char *const[]){__VA_ARGS__}, COUNT_OF(((const char *const[]){__VA_ARGS__})))

static void a_new_account_has_six(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a LIST \"\" *", "* LIST (\\HasNoChildren \\Archive) \"/\" Archive",
               "* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts",
               "* LIST (\\HasNoChildren) \"/\" INBOX", "* LIST (\\HasNoChildren \\Junk) \"/\" Junk",
               "* LIST (\\HasNoChildren \\Sent) \"/\" Sent",
               "* LIST (\\HasNoChildren \\Trash) \"/\" Trash", "a OK", NULL);
    world_talk(h, "a LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"", "a OK", NULL);
    /* in the extended syntax an empty pattern is nothing */
    world_talk(h, "a LIST \"\" \"\" RETURN (CHILDREN)", "a OK", NULL);
    world_talk(h, "a LIST () \"\" \"\"", "a OK", NULL);
    world_talk(h, "a LIST \"\" (\"\" inbox)", "* LIST (\\HasNoChildren) \"/\" INBOX", "a OK", NULL);
    /* and one that is too much for us has no match, nor has one behind a thousand */
    world_talk(h, "a LIST \"\" (%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a inbox)",
               "* LIST (\\HasNoChildren) \"/\" INBOX", "a OK", NULL);
    host_sends(h, "a LIST \"\" (");
    for (int n = 0; n < 999; n++)
        host_sends(h, "x ");
    world_talk(h, "inbox sent Sent)", "* LIST (\\HasNoChildren) \"/\" INBOX", "a OK", NULL);
    world_talk(h, "a LIST \"\" inbox", "* LIST (\\HasNoChildren) \"/\" INBOX", "a OK", NULL);
    world_talk(h, "a LIST In {3+}\r\nbox", "* LIST (\\HasNoChildren) \"/\" INBOX", "a OK", NULL);
    world_talk(h, "a LIST (SPECIAL-USE) \"\" (\"S%\" T%)",
               "* LIST (\\HasNoChildren \\Sent) \"/\" Sent",
               "* LIST (\\HasNoChildren \\Trash) \"/\" Trash", "a OK", NULL);
    world_talk(h, "a NAMESPACE", "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL",
               "a OK", NULL);
    static const char *const bad[] = {
        "LIST",
        "LIST \"\"",
        "LIST \"\" () ",
        "LIST (WHAT) \"\" *",
        "LIST (RECURSIVEMATCH) \"\" *",
        "LIST (RECURSIVEMATCH REMOTE) \"\" *",
        "LIST \"\" * RETURN",
        "LIST \"\" * RETURN (WHAT)",
        "LIST \"\" * RETURN (STATUS)",
        "LIST \"\" * RETURN (STATUS (WHAT))",
        "LIST \"\" * GIVE (STATUS (MESSAGES))",
        "LIST \"\" ((a))",
        "LSUB \"\"",
        "LSUB \"\" (a)",
        "LSUB () \"\" a",
        "NAMESPACE x",
        "CREATE",
        "CREATE (a)",
        "CREATE a b",
        "CREATE a (USE)",
        "CREATE a (USE \\Sent)",
        "DELETE",
        "DELETE a b",
        "RENAME a",
        "SUBSCRIBE",
        "STATUS INBOX",
        "STATUS INBOX ()",
        "STATUS INBOX (WHAT)",
    };
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        host_sends(h, "a NOOP\r\nb ");
        host_expect(h, "a OK");
        world_talk(h, bad[n], "b BAD Please write: ", NULL);
    }
    host_free(h);
}

static void names_in_both_spellings(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a CREATE Entw&APw-rfe/neu/", "a OK [MAILBOXID (F", NULL);
    world_talk(h, "a CREATE \"R&-D\"", "a OK", NULL);
    world_talk(h, "a CREATE \"R&D\"", "a NO [CANNOT]", NULL);
    world_talk(h, "a LIST Entw&APw-rfe %", "* LIST (\\HasChildren) \"/\" Entw&APw-rfe", "a OK",
               NULL);
    world_talk(h, "a LIST \"\" \"Entw\xc3\xbcrfe/%\"",
               "* LIST (\\HasNoChildren) \"/\" Entw&APw-rfe/neu", "a OK", NULL);
    world_talk(h, "a STATUS \"R&-D\" (MESSAGES)", "* STATUS R&-D (MESSAGES 0)", "a OK", NULL);
    world_talk(h, "a ENABLE IMAP4rev2", "* ENABLED", "a OK", NULL);
    world_talk(h, "a LIST \"\" \"Entw\xc3\xbcrfe*\"",
               "* LIST (\\HasChildren) \"/\" \"Entw\xc3\xbcrfe\"",
               "* LIST (\\HasNoChildren) \"/\" \"Entw\xc3\xbcrfe/neu\"", "a OK", NULL);
    world_talk(h, "a STATUS R&D (MESSAGES)", "* STATUS R&D (MESSAGES 0)", "a OK", NULL);
    /* a name in UTF-8 is in Normalization Form C */
    world_talk(h, "a CREATE \"Entwu\xcc\x88rfe\"", "a NO [CANNOT]", NULL);
    world_talk(h, "a RENAME R&D \"Entwu\xcc\x88rfe\"", "a NO [CANNOT]", NULL);
    world_talk(h, "a SELECT R&-D", "a NO [NONEXISTENT]", NULL);
    host_free(h);
}

/* RFC 2180 §3.3: who has it open sees an empty mailbox, and is told why nothing can be done to it. */
static void a_deleted_mailbox_says_so(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(h, "a CREATE x", "a OK", NULL);
    world_talk(h, "a APPEND x {1+}\r\nx", "a OK", NULL);
    host_sends(h, "a SELECT x\r\n");
    for (struct span line = SPAN_EMPTY; !span_starts(line, SPAN("a OK")); line = host_expect(h, ""))
        ;
    world_talk(other, "a DELETE x", "a OK", NULL);
    world_talk(h, "a NOOP", "* 1 EXPUNGE", "a OK", NULL);
    world_talk(h, "a EXPUNGE", "a NO [NONEXISTENT] The mailbox was deleted", NULL);
    world_talk(h, "a UID STORE 1 FLAGS ()", "a NO [NONEXISTENT] The mailbox was deleted", NULL);
    world_talk(h, "a UID REPLACE 1 INBOX {1+}\r\nx", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a UID FETCH 1:* FLAGS", "a OK", NULL);
    world_talk(h, "a SEARCH ALL", "* SEARCH", "a OK", NULL);
    world_talk(h, "a UNSELECT", "a OK", NULL);
    host_free(other);
    host_free(h);
}

static void mailboxes_are_made_and_unmade(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a CREATE a/b/c", "a OK [MAILBOXID (F9)]", NULL);
    world_talk(h, "a CREATE a/b/c", "a NO [ALREADYEXISTS]", NULL);
    world_talk(h, "a CREATE inbox", "a NO [ALREADYEXISTS]", NULL);
    world_talk(h, "a CREATE \"\"", "a NO [CANNOT]", NULL);
    world_talk(h, "a CREATE a//b", "a NO [CANNOT]", NULL);
    world_talk(h, "a RENAME a/b b", "a OK", NULL);
    world_talk(h, "a LIST \"\" (a* b*)", "* LIST (\\HasNoChildren) \"/\" a",
               "* LIST (\\HasChildren) \"/\" b", "* LIST (\\HasNoChildren) \"/\" b/c", "a OK",
               NULL);
    world_talk(h, "a RENAME b a", "a NO [ALREADYEXISTS]", NULL);
    world_talk(h, "a RENAME what b2", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a RENAME & b2", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a RENAME b b/d", "a NO [CANNOT]", NULL);
    world_talk(h, "a DELETE b", "a OK", NULL);
    world_talk(h, "a LIST \"\" b*", "* LIST (\\Noselect \\HasChildren) \"/\" b",
               "* LIST (\\HasNoChildren) \"/\" b/c", "a OK", NULL);
    world_talk(h, "a SELECT b", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a STATUS b (MESSAGES)", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a DELETE b", "a NO [HASCHILDREN]", NULL);
    world_talk(h, "a DELETE b/c", "a OK", NULL);
    world_talk(h, "a DELETE b", "a OK", NULL);
    world_talk(h, "a DELETE b", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a DELETE INBOX", "a NO [CANNOT]", NULL);
    /* RFC 6154 §3 */
    world_talk(h, "a CREATE Old (USE (\\Archive))", "a NO [USEATTR]", NULL);
    world_talk(h, "a CREATE Old (USE (\\All))", "a NO [USEATTR]", NULL);
    world_talk(h, "a CREATE Old (USE (\\Sent \\Junk))", "a NO [USEATTR]", NULL);
    world_talk(h, "a DELETE Archive", "a OK", NULL);
    world_talk(h, "a CREATE Old (USE (\\Archive))", "a OK", NULL);
    world_talk(h, "a LIST \"\" Old RETURN (SPECIAL-USE)",
               "* LIST (\\HasNoChildren \\Archive) \"/\" Old", "a OK", NULL);
    host_free(h);
}

/* RFC 5258 §5, examples 4 to 6, 8 and 9 */
static void list_extended(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    ALL_OK(h, "CREATE Fruit/Apple", "CREATE Fruit/Banana", "UNSUBSCRIBE Fruit",
           "UNSUBSCRIBE Fruit/Apple", "SUBSCRIBE Fruit/Peach", "CREATE Vegetable/Broccoli",
           "CREATE Vegetable/Corn", "UNSUBSCRIBE Vegetable/Corn");
    world_talk(h, "a LIST (SUBSCRIBED) \"\" (F* V*)",
               "* LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana",
               "* LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" Fruit/Peach",
               "* LIST (\\HasChildren \\Subscribed) \"/\" Vegetable",
               "* LIST (\\HasNoChildren \\Subscribed) \"/\" Vegetable/Broccoli", "a OK", NULL);
    world_talk(h, "a LIST () \"\" F* RETURN (SUBSCRIBED CHILDREN)",
               "* LIST (\\HasChildren) \"/\" Fruit", "* LIST (\\HasNoChildren) \"/\" Fruit/Apple",
               "* LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana", "a OK", NULL);
    world_talk(h, "a LIST (SUBSCRIBED) \"\" Fruit%", "a OK", NULL);
    world_talk(h, "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" Fruit%",
               "* LIST (\\HasChildren) \"/\" Fruit (\"CHILDINFO\" (\"SUBSCRIBED\"))", "a OK", NULL);
    world_talk(h, "a LIST (RECURSIVEMATCH SUBSCRIBED SPECIAL-USE) \"\" Fruit%", "a OK", NULL);
    world_talk(h, "a LSUB \"\" F*", "* LSUB () \"/\" Fruit/Banana",
               "* LSUB (\\Noselect) \"/\" Fruit/Peach", "a OK", NULL);
    world_talk(h, "a LSUB \"\" F%", "* LSUB (\\Noselect) \"/\" Fruit", "a OK", NULL);
    /* a level that is nowhere but in a subscription */
    ALL_OK(h, "SUBSCRIBE qux2/bar2");
    world_talk(h, "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" q%",
               "* LIST (\\NonExistent \\HasNoChildren) \"/\" qux2 (\"CHILDINFO\" (\"SUBSCRIBED\"))",
               "a OK", NULL);
    world_talk(h, "a LIST \"\" q*", "a OK", NULL);
    ALL_OK(h, "UNSUBSCRIBE qux2/bar2", "UNSUBSCRIBE never/was");
    world_talk(h, "a LSUB \"\" q*", "a OK", NULL);
    host_free(h);
}

static void list_with_status(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_append(&w, SPAN(MESSAGE), FLAG_SEEN);
    world_append(&w, SPAN(MESSAGE), FLAG_DELETED);
    ALL_OK(h, "CREATE a/b", "DELETE a");
    world_talk(h, "a LIST \"\" (INBOX a a/b) RETURN (STATUS (MESSAGES UNSEEN))",
               "* LIST (\\HasNoChildren) \"/\" INBOX", "* STATUS INBOX (MESSAGES 2 UNSEEN 1)",
               "* LIST (\\Noselect \\HasChildren) \"/\" a", "* LIST (\\HasNoChildren) \"/\" a/b",
               "* STATUS a/b (MESSAGES 0 UNSEEN 0)", "a OK", NULL);
    world_talk(h,
               "a STATUS inbox (SIZE DELETED UIDNEXT UIDVALIDITY RECENT MAILBOXID APPENDLIMIT "
               "HIGHESTMODSEQ)",
               "* STATUS INBOX (UIDNEXT 3 UIDVALIDITY 1790000000 RECENT 0 DELETED 1 SIZE 94 "
               "HIGHESTMODSEQ ",
               "a OK", NULL);
    world_talk(h, "a STATUS nothing (SIZE)", "a NO [NONEXISTENT]", NULL);
    host_free(h);
    /* RFC 7162 §3.1: this switches CONDSTORE on, and so that of the selected mailbox is told, once */
    h = world_select(&w);
    world_talk(h, "a LIST \"\" a RETURN (STATUS (HIGHESTMODSEQ))", "* OK [HIGHESTMODSEQ ",
               "* LIST (\\Noselect \\HasChildren) \"/\" a", "a OK", NULL);
    world_talk(h, "a STATUS Sent (HIGHESTMODSEQ)", "* STATUS Sent (HIGHESTMODSEQ ", "a OK", NULL);
    host_free(h);
}

/* RFC 9208 */
static void quotas_are_told(void **state)
{
    (void)state;
    struct class_of_service class = {
        .name = SPAN("default"), .quota_bytes = 10240, .quota_messages = 7};
    struct host *h = world_login(&w);
    world_append(&w, SPAN(MESSAGE), FLAG_DELETED);
    world_append(&w, SPAN(MESSAGE), FLAG_DELETED);
    world_talk(h, "a GETQUOTA \"\"", "* QUOTA \"\" (MAILBOX 6 10000)", "a OK", NULL);
    assert_int_equal(class_put(w.directory, &class), 0);
    world_talk(h, "a GETQUOTA \"\"", "* QUOTA \"\" (STORAGE 1 10 MESSAGE 2 7 MAILBOX 6 10000)",
               "a OK", NULL);
    class.quota_bytes = 0;
    assert_int_equal(class_put(w.directory, &class), 0);
    world_talk(h, "a GETQUOTAROOT inbox", "* QUOTAROOT INBOX \"\"",
               "* QUOTA \"\" (MESSAGE 2 7 MAILBOX 6 10000)", "a OK", NULL);
    world_talk(h, "a GETQUOTA other", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a CREATE more", "a OK", NULL);
    world_talk(h, "a GETQUOTAROOT other", "* QUOTAROOT other \"\"",
               "* QUOTA \"\" (MESSAGE 2 7 MAILBOX 7 10000)", "a OK", NULL);
    world_talk(h, "a GETQUOTAROOT \"R&D\"", "a NO [CANNOT]", NULL);
    world_talk(h, "a SETQUOTA \"\" (STORAGE 1)", "a BAD", NULL);
    world_talk(h, "a GETQUOTA", "a BAD", NULL);
    world_talk(h, "a GETQUOTAROOT ()", "a BAD", NULL);
    world_talk(h, "a STATUS INBOX (DELETED DELETED-STORAGE)",
               "* STATUS INBOX (DELETED 2 DELETED-STORAGE 94)", "a OK", NULL);
    world_talk(h, "a STATUS Sent (DELETED-STORAGE)", "* STATUS Sent (DELETED-STORAGE 0)", "a OK",
               NULL);
    host_free(h);
}

/* As many as an account can have, in several steps. */
static void many_mailboxes(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    char name[80];
    struct mailbox_id id;
    struct span line;
    for (int n = 0; n < MANY; n++) {
        int len = snprintf(name, sizeof name, "many/box%04d", n);
        assert_int_equal(
            mailbox_create(&w.mail, w.account, span_of(name, (size_t)len), USE_NONE, &id), 0);
    }
    struct host *h = world_login(&w);
    host_sends(h, "a LIST \"\" many/%\r\n");
    for (int n = 0; n < MANY; n++) {
        snprintf(name, sizeof name, "* LIST (\\HasNoChildren) \"/\" many/box%04d", n);
        line = host_expect(h, name);
        assert_int_equal(line.n, strlen(name));
    }
    host_expect(h, "a OK");
    world_talk(h, "a SETMETADATA many/box2999 (/private/a \"last\")", "a OK", NULL);
    host_sends(h, "a LIST \"\" many/% RETURN (METADATA (/private/a /shared/b))\r\n");
    for (int n = 0; n < MANY; n++) {
        snprintf(name, sizeof name, "* LIST (\\HasNoChildren) \"/\" many/box%04d", n);
        host_expect(h, name);
        snprintf(name, sizeof name, "* METADATA many/box%04d (/private/a %s /shared/b NIL)", n,
                 n == MANY - 1 ? "\"last\"" : "NIL");
        host_expect(h, name);
    }
    host_expect(h, "a OK");
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_account_has_six, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(names_in_both_spellings, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_deleted_mailbox_says_so, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(mailboxes_are_made_and_unmade, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(list_extended, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(list_with_status, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(quotas_are_told, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(many_mailboxes, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
