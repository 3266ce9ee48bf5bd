/* SPDX-License-Identifier: Apache-2.0 */
/* ACL and mailboxes of others: the examples of RFC 4314, RFC 8440 and RFC 2342, and each right by itself. */
#include "one_people.h"

#include "base/err.h"
#include "directory/directory.h"

/* ---- the commands --------------------------------------------------------------------------- */

static void the_examples_of_rfc_4314(void **state)
{
    (void)state;
    struct host *h = anna();
    world_talk(h, "a CREATE INBOX/Drafts", "a OK", NULL);
    /* §2.1.1: "d" is "te" */
    world_talk(h, "a SeTacl INBOX/Drafts bernd@example.test lrswida", "a OK", NULL);
    world_talk(h, "a getacl INBOX/Drafts",
               "* ACL INBOX/Drafts anna@example.test lrswipkxteacd bernd@example.test lrswitead",
               "a OK", NULL);
    /* "k" shows "c" */
    world_talk(h, "a Setacl INBOX/Drafts bernd@example.test lrswikda", "a OK", NULL);
    world_talk(h, "a getAcl INBOX/Drafts",
               "* ACL INBOX/Drafts anna@example.test lrswipkxteacd bernd@example.test lrswikteacd",
               "a OK", NULL);
    /* §3.1 */
    world_talk(h, "a SETACL INBOX/Drafts carla@example.test lrswi", "a OK", NULL);
    world_talk(h, "a SETACL INBOX/Drafts carla@example.test +cda", "a OK", NULL);
    world_talk(h, "a SETACL INBOX/Drafts bernd@example.test -swikda", "a OK", NULL);
    world_talk(h, "a GETACL INBOX/Drafts",
               "* ACL INBOX/Drafts anna@example.test lrswipkxteacd bernd@example.test lr "
               "carla@example.test lrswikxteacd",
               "a OK", NULL);
    world_talk(h, "a SETACL INBOX/Drafts carla@example.test lrQswicda",
               "a BAD Upper-case rights are not allowed", NULL);
    world_talk(h, "a SETACL INBOX/Drafts carla@example.test lrqswicda",
               "a BAD There is no such right as 'q'", NULL);
    /* §3.2 */
    world_talk(h, "a SETACL INBOX/Drafts -bernd@example.test wetd", "a OK", NULL);
    world_talk(h, "a DeleteAcl INBOX/Drafts bernd@example.test", "a OK", NULL);
    world_talk(h, "a GETACL INBOX/Drafts",
               "* ACL INBOX/Drafts anna@example.test lrswipkxteacd -bernd@example.test wted "
               "carla@example.test lrswikxteacd",
               "a OK", NULL);
    world_talk(h, "a DELETEACL INBOX/Drafts bernd@example.test", "a NO [NONEXISTENT]", NULL);
    /* §3.4: the same form of the identifier */
    world_talk(h, "a LISTRIGHTS INBOX/Drafts Bernd@Example.TEST",
               "* LISTRIGHTS INBOX/Drafts Bernd@Example.TEST \"\" l r s w i p k x t e a c d",
               "a OK", NULL);
    world_talk(h, "a LISTRIGHTS INBOX/Drafts anna@example.test",
               "* LISTRIGHTS INBOX/Drafts anna@example.test lrswipkxteacd", "a OK", NULL);
    /* §3.5 */
    world_talk(h, "a MYRIGHTS INBOX", "* MYRIGHTS INBOX lrswipkxteacd", "a OK", NULL);
    host_free(h);
}

static void identifiers_are_accounts(void **state)
{
    (void)state;
    struct host *h = anna();
    world_talk(h, "a SETACL INBOX nobody@example.test lr", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a SETACL INBOX bernd lr", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a SETACL INBOX \"\" lr", "a BAD", NULL);
    world_talk(h, "a SETACL INBOX - lr", "a BAD", NULL);
    world_talk(h, "a SETACL INBOX bernd@example.test", "a BAD", NULL);
    world_talk(h, "a SETACL Nowhere bernd@example.test lr", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a SETACL INBOX BERND@example.test lr", "a OK", NULL);
    world_talk(h, "a GETACL INBOX",
               "* ACL INBOX anna@example.test lrswipkxteacd bernd@example.test lr", "a OK", NULL);
    /* the owner has all */
    world_talk(h, "a SETACL INBOX anna@example.test lr", "a NO [CANNOT]", NULL);
    world_talk(h, "a SETACL INBOX anna@example.test +lr", "a OK", NULL);
    world_talk(h, "a SETACL INBOX -anna@example.test w", "a NO [CANNOT]", NULL);
    world_talk(h, "a DELETEACL INBOX anna@example.test", "a NO [CANNOT]", NULL);
    host_free(h);
}

static void who_shares_with_whom_is_configured(void **state)
{
    (void)state;
    struct host *h = anna();
    world_talk(h, "a SETACL INBOX dora@example.net lr", "a NO [NOPERM]", NULL);
    /* of people of other domains nobody learns whether they are there */
    static const char *const foreign[] = {"dora@example.net", "nobody@example.net",
                                          "a@nowhere.test"};
    for (size_t k = 0; k < COUNT_OF(foreign); k++) {
        char line[128], told[128];
        snprintf(line, sizeof line, "a SETACL INBOX %s lr", foreign[k]);
        world_talk(h, line, "a NO [NOPERM] Mailboxes can not be shared with this account", NULL);
        snprintf(line, sizeof line, "a SETACL INBOX -%s lr", foreign[k]);
        world_talk(h, line, "a NO [NOPERM] Mailboxes can not be shared with this account", NULL);
        snprintf(line, sizeof line, "a SETACL INBOX %s -lr", foreign[k]);
        world_talk(h, line, "a OK", NULL);
        snprintf(line, sizeof line, "a DELETEACL INBOX %s", foreign[k]);
        world_talk(h, line, "a NO [NONEXISTENT] The list has no such entry", NULL);
        snprintf(line, sizeof line, "a LISTRIGHTS INBOX %s", foreign[k]);
        snprintf(told, sizeof told, "* LISTRIGHTS INBOX %s \"\"", foreign[k]);
        world_talk(h, line, told, "a OK", NULL);
    }
    world_talk(h, "a GETACL INBOX", "* ACL INBOX anna@example.test lrswipkxteacd", "a OK", NULL);
    world_talk(h, "a SETACL INBOX anyone lr", "a NO [NOPERM]", NULL);
    world_talk(h, "a LISTRIGHTS INBOX anyone", "* LISTRIGHTS INBOX anyone \"\"", "a OK", NULL);
    world_talk(h, "a SETACL INBOX -anyone lr", "a OK", NULL); /* which gives nobody anything */
    world_talk(h, "a DELETEACL INBOX -anyone", "a OK", NULL);
    p.w.config->imap_sharing_anyone = true;
    p.w.config->imap_sharing = 2; /* everywhere */
    world_talk(h, "a SETACL INBOX dora@example.net lr", "a OK", NULL);
    world_talk(h, "a SETACL INBOX anyone lr", "a OK", NULL);
    host_free(h);
    h = as("carla@example.test");
    world_talk(h, "a LIST \"\" \"Other Users/*\"", "* LIST (\\HasNoChildren) \"/\" " INBOX_OF_ANNA,
               "a OK", NULL);
    host_free(h);
    h = as("dora@example.net");
    world_talk(h, "a MYRIGHTS " INBOX_OF_ANNA, "* MYRIGHTS " INBOX_OF_ANNA " lr", "a OK", NULL);
    host_free(h);
    p.w.config->imap_sharing = 0; /* off */
    h = anna();
    world_talk(h, "a SETACL INBOX bernd@example.test lr", "a NO [NOPERM]", NULL);
    world_talk(h, "a DELETEACL INBOX dora@example.net", "a OK", NULL);
    host_free(h);
}

/* ---- seeing --------------------------------------------------------------------------------- */

static void others_have_a_namespace(void **state)
{
    (void)state;
    struct host *h = anna(), *b = as("bernd@example.test");
    world_talk(b, "a NAMESPACE", "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL",
               "a OK", NULL);
    world_talk(b, "a LIST \"\" \"Other Users/%\"", "a OK", NULL);
    world_talk(h, "a CREATE Work/Deep", "a OK", NULL);
    world_talk(h, "a SETACL Work/Deep bernd@example.test lr", "a OK", NULL);
    /* RFC 9051 §6.3.9: "%" finds the way; "*" the mailbox; what he may not see does not exist */
    world_talk(b, "a LIST \"\" \"Other Users/%\"",
               "* LIST (\\Noselect \\HasChildren) \"/\" \"Other Users/anna@example.test\"", "a OK",
               NULL);
    world_talk(b, "a LIST (REMOTE) \"\" \"Other Users/%\"",
               "* LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users/anna@example.test\"",
               "a OK", NULL);
    world_talk(b, "a LIST \"Other Users/\" \"*\"",
               "* LIST (\\HasNoChildren) \"/\" \"Other Users/anna@example.test/Work/Deep\"", "a OK",
               NULL);
    world_talk(b, "a MYRIGHTS \"Other Users/anna@example.test/Work\"", "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a SELECT \"Other Users/anna@example.test/Sent\"", "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a STATUS \"Other Users/carla@example.test/INBOX\" (MESSAGES)",
               "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a CREATE \"Other Users\"", "a NO", NULL);
    world_talk(b, "a CREATE \"Other Users/mine\"", "a NO [NOPERM]", NULL);
    /* whether there is such an account is nobody's business */
    world_talk(b, "a CREATE \"Other Users/anna@example.test/x\"", "a NO [NOPERM]", NULL);
    world_talk(b, "a CREATE \"Other Users/carla@example.test/x\"", "a NO [NOPERM]", NULL);
    world_talk(b, "a CREATE \"Other Users/nobody@example.test/x\"", "a NO [NOPERM]", NULL);
    world_talk(b, "a RENAME Sent \"Other Users/mine\"", "a NO", NULL);
    /* nor does she have it there herself */
    world_talk(h, "a LIST \"\" \"Other Users/*\"", "a OK", NULL);
    /* taken away, it is gone */
    world_talk(h, "a DELETEACL Work/Deep bernd@example.test", "a OK", NULL);
    world_talk(b, "a LIST \"Other Users/\" \"*\"", "a OK", NULL);
    host_free(b);
    host_free(h);
}

static void the_examples_of_rfc_8440(void **state)
{
    (void)state;
    struct host *h = anna();
    world_talk(h, "a CREATE foo", "a OK", NULL);
    world_talk(h, "a SETACL foo bernd@example.test lrs", "a OK", NULL);
    host_free(h);
    h = as("bernd@example.test");
    world_talk(h, "a LIST \"\" INBOX RETURN (MYRIGHTS)", "* LIST (\\HasNoChildren) \"/\" INBOX",
               "* MYRIGHTS INBOX lrswipkxteacd", "a OK", NULL);
    world_talk(h, "a LIST \"Other Users/\" * RETURN (MYRIGHTS STATUS (MESSAGES) CHILDREN)",
               "* LIST (\\HasNoChildren) \"/\" \"Other Users/anna@example.test/foo\"",
               "* MYRIGHTS \"Other Users/anna@example.test/foo\" lrs",
               "* STATUS \"Other Users/anna@example.test/foo\" (MESSAGES 0)", "a OK", NULL);
    /* nothing of what is only a level */
    world_talk(h, "a LIST \"Other Users/\" % RETURN (MYRIGHTS)",
               "* LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users/anna@example.test\"",
               "a OK", NULL);
    /* RFC 5819 §2: what may be seen and not be opened */
    people_give(&p, "l");
    world_talk(h, "a LIST \"\" " INBOX_OF_ANNA " RETURN (STATUS (MESSAGES))",
               "* LIST (\\Noselect \\HasNoChildren) \"/\" " INBOX_OF_ANNA, "a OK", NULL);
    host_free(h);
}

static void subscriptions_are_ones_own(void **state)
{
    (void)state;
    people_give(&p, "lr");
    struct host *b = as("bernd@example.test");
    world_talk(b, "a SUBSCRIBE " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a LSUB \"Other Users/\" *", "* LSUB () \"/\" " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a LIST (SUBSCRIBED) \"Other Users/\" *",
               "* LIST (\\HasNoChildren \\Subscribed) \"/\" " INBOX_OF_ANNA, "a OK", NULL);
    people_give(&p, "");
    world_talk(b, "a LIST (SUBSCRIBED) \"Other Users/\" *",
               "* LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" " INBOX_OF_ANNA, "a OK",
               NULL);
    world_talk(b, "a UNSUBSCRIBE " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a LSUB \"Other Users/\" *", "a OK", NULL);
    people_give(&p, "lr"); /* as LIST writes it */
    world_talk(b, "a SUBSCRIBE \"Other Users/ANNA@example.test/inbox\"", "a OK", NULL);
    world_talk(b, "a LSUB \"Other Users/\" *", "* LSUB () \"/\" " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a UNSUBSCRIBE \"Other Users/Anna@example.test/Inbox\"", "a OK", NULL);
    world_talk(b, "a LSUB \"Other Users/\" *", "a OK", NULL);
    host_free(b);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void reading_alone_changes_nothing(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lr");
    struct host *b = as("bernd@example.test");
    world_talk(b, "a SELECT " INBOX_OF_ANNA,
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)", "* 1 EXISTS",
               "* 0 RECENT", "* OK [UNSEEN 1]", "* OK [UIDVALIDITY", "* OK [UIDNEXT 2]",
               "* OK [PERMANENTFLAGS ()]", "* OK [HIGHESTMODSEQ", "* OK [MAILBOXID (F1-",
               "* OK [URLMECH", "a OK [READ-ONLY]", NULL);
    world_talk(b, "a FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {8}", "Hello.", ")", "a OK", NULL);
    world_talk(b, "a FETCH 1 FLAGS", "* 1 FETCH (FLAGS ())", "a OK", NULL);
    world_talk(b, "a STORE 1 +FLAGS (\\Seen)", "a NO [NOPERM]", NULL);
    world_talk(b, "a STORE 1 FLAGS ($Forwarded)", "a NO [NOPERM]", NULL);
    world_talk(b, "a EXPUNGE", "a NO [NOPERM]", NULL);
    world_talk(b, "a MOVE 1 Trash", "a NO [NOPERM]", NULL);
    world_talk(b, "a APPEND " INBOX_OF_ANNA " {1+}\r\nx", "a NO [NOPERM]", NULL);
    world_talk(b, "a DELETE " INBOX_OF_ANNA, "a NO [NOPERM]", NULL);
    world_talk(b, "a CREATE \"Other Users/anna@example.test/INBOX/new\"", "a NO [NOPERM]", NULL);
    world_talk(b, "a CREATE \"Other Users/anna@example.test/new\"", "a NO [NOPERM]", NULL);
    world_talk(b, "a GETACL " INBOX_OF_ANNA, "a NO [NOPERM]", NULL);
    world_talk(b, "a SETACL " INBOX_OF_ANNA " carla@example.test lr", "a NO [NOPERM]", NULL);
    world_talk(b, "a COPY 1 INBOX", "a OK [COPYUID", NULL);
    world_talk(b, "a CLOSE", "a OK", NULL);
    world_talk(b, "a STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 1)", "a OK", NULL);
    host_free(b);
}

static void seeing_alone_is_not_reading(void **state)
{
    (void)state;
    people_give(&p, "l");
    struct host *b = as("bernd@example.test");
    world_talk(b, "a LIST \"Other Users/\" *",
               "* LIST (\\Noselect \\HasNoChildren) \"/\" " INBOX_OF_ANNA, "a OK", NULL);
    world_talk(b, "a SELECT " INBOX_OF_ANNA, "a NO [NOPERM]", NULL);
    world_talk(b, "a STATUS " INBOX_OF_ANNA " (MESSAGES)", "a NO [NOPERM]", NULL);
    world_talk(b, "a GETQUOTAROOT " INBOX_OF_ANNA, "a NO [NOPERM]", NULL);
    host_free(b);
    people_give(&p, "i"); /* a letter-box: who may not look may not know */
    b = as("bernd@example.test");
    world_talk(b, "a LIST \"Other Users/\" *", "a OK", NULL);
    world_talk(b, "a SELECT " INBOX_OF_ANNA, "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a GETACL " INBOX_OF_ANNA, "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a MYRIGHTS " INBOX_OF_ANNA, "* MYRIGHTS " INBOX_OF_ANNA " i", "a OK", NULL);
    /* RFC 4315 §3: no UIDs of what he may not open */
    world_talk(b, "a APPEND " INBOX_OF_ANNA " (\\Seen \\Flagged own) {1+}\r\nx", "a OK Appended",
               NULL);
    host_free(b);
    struct host *h = anna();
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    world_talk(h, "a FETCH 1 FLAGS", "* 1 FETCH (FLAGS ())", "a OK", NULL); /* §4 */
    host_free(h);
}

/* RFC 4314 §4: the flags one may set, and no other. */
static void flags_need_their_rights(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lrs");
    struct host *b = as("bernd@example.test"), *h = anna();
    host_sends(h, "a SELECT INBOX\r\nb STORE 1 FLAGS (\\Flagged work)\r\n");
    host_output_clear(h);
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    world_talk(b, "a STORE 1 FLAGS (\\Seen \\Deleted private)",
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)",
               "* 1 FETCH (FLAGS (\\Flagged \\Seen work))", "a OK", NULL);
    world_talk(b, "a STORE 1 +FLAGS (\\Deleted)", "a NO [NOPERM]", NULL);
    world_talk(b, "a STORE 1 -FLAGS (\\Seen \\Flagged work)", "* 1 FETCH (FLAGS (\\Flagged work))",
               "a OK", NULL);
    world_talk(b, "a STORE 1 +FLAGS (another)", "a NO [NOPERM]", NULL);
    /* silence is for what was done as it was asked */
    world_talk(b, "a STORE 1 +FLAGS.SILENT (\\Seen)", "a OK", NULL);
    world_talk(b, "a STORE 1 -FLAGS.SILENT (\\Seen \\Flagged)",
               "* 1 FETCH (FLAGS (\\Flagged work))", "a OK", NULL);
    world_talk(b, "a STORE 1 +FLAGS.SILENT (\\Seen other)",
               "* 1 FETCH (FLAGS (\\Flagged \\Seen work))", "a OK", NULL);
    world_talk(b, "a STORE 1 FLAGS.SILENT ()", "* 1 FETCH (FLAGS (\\Flagged work))", "a OK", NULL);
    people_give(&p, "lrt");
    world_talk(b, "a STORE 1 +FLAGS (\\Deleted \\Seen)", "* OK [PERMANENTFLAGS (\\Deleted)]",
               "* 1 FETCH (FLAGS (\\Flagged \\Deleted work))", "a OK", NULL);
    world_talk(b, "a FETCH 1 BODY[]", "* 1 FETCH (BODY[] {29}", "Subject", "", "Hello.", ")",
               "a OK", NULL);
    people_give(&p, "lrw");
    world_talk(b, "a STORE 1 FLAGS (another)",
               "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Draft work \\*)]",
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work another)",
               "* 1 FETCH (FLAGS (\\Deleted another))", "a OK", NULL);
    world_talk(b, "a EXPUNGE", "a NO [NOPERM]", NULL);
    world_talk(b, "a CLOSE", "a OK", NULL); /* §4: which expunges nothing */
    people_give(&p, "lre");
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    world_talk(b, "a EXPUNGE", "* 1 EXPUNGE", "a OK", NULL);
    host_free(b);
    host_free(h);
}

static void what_is_copied_keeps_what_one_may_set(void **state)
{
    (void)state;
    struct host *h = anna(), *b = as("bernd@example.test");
    people_give(&p, "lrwis");
    /* the example of §4 */
    world_talk(b, "a APPEND INBOX (\\Draft \\Deleted) {1+}\r\nx", "a OK", NULL);
    world_talk(b, "a APPEND INBOX (\\Answered) {1+}\r\nx", "a OK", NULL);
    world_talk(b, "a APPEND INBOX ($Forwarded \\Seen) {1+}\r\nx", "a OK", NULL);
    host_sends(b, "a SELECT INBOX\r\n");
    host_output_clear(b);
    world_talk(b, "a COPY 1:3 " INBOX_OF_ANNA, "a OK [COPYUID", NULL);
    people_give(&p, "rsti");
    world_talk(b, "a COPY 1:3 " INBOX_OF_ANNA, "a OK [COPYUID", NULL);
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    world_talk(h, "a FETCH 1:* FLAGS", "* 1 FETCH (FLAGS (\\Draft))",
               "* 2 FETCH (FLAGS (\\Answered))", "* 3 FETCH (FLAGS (\\Seen $Forwarded))",
               "* 4 FETCH (FLAGS (\\Deleted))", "* 5 FETCH (FLAGS ())",
               "* 6 FETCH (FLAGS (\\Seen))", "a OK", NULL);
    host_free(b);
    host_free(h);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void messages_move_between_accounts(void **state)
{
    (void)state;
    struct host *h = anna(), *b = as("bernd@example.test");
    people_letter(&p);
    people_letter(&p);
    people_give(&p, "lrswite");
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    world_talk(b, "a MOVE 1 Archive", "* OK [COPYUID ", "* 1 EXPUNGE", "a OK", NULL);
    world_talk(h, "a NOOP", "* 1 EXPUNGE", "a OK", NULL);
    world_talk(b, "a SELECT Archive", "* OK [CLOSED]", "* FLAGS", "* 1 EXISTS", "* 0 RECENT",
               "* OK [UNSEEN", "* OK [UIDVALIDITY", "* OK [UIDNEXT", "* OK [PERMANENTFLAGS",
               "* OK [HIGHESTMODSEQ", "* OK [MAILBOXID (F", "* OK [URLMECH", "a OK [READ-WRITE]",
               NULL);
    world_talk(b, "a FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {8}", "Hello.", ")", "a OK",
               NULL);
    world_talk(b, "a MOVE 1 " INBOX_OF_ANNA, "* OK [COPYUID ", "* 1 EXPUNGE", "a OK", NULL);
    world_talk(h, "a NOOP", "* 2 EXISTS", "* 0 RECENT", "a OK", NULL);
    /* ids say whose they are */
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    world_talk(b, "a FETCH 1 EMAILID", "* 1 FETCH (EMAILID (M2-1))", "a OK", NULL);
    world_talk(b, "a SEARCH EMAILID M2-1", "* SEARCH 1", "a OK", NULL);
    world_talk(b, "a SEARCH EMAILID M2", "* SEARCH", "a OK", NULL);
    world_talk(h, "a SEARCH EMAILID M2", "* SEARCH 1", "a OK", NULL);
    host_free(b);
    host_free(h);
}

static void mailboxes_are_made_below_shared_ones(void **state)
{
    (void)state;
    struct host *h = anna(), *b = as("bernd@example.test");
    world_talk(h, "a CREATE Work", "a OK", NULL);
    world_talk(h, "a SETACL Work bernd@example.test lrk", "a OK", NULL);
    world_talk(b, "a CREATE \"Other Users/anna@example.test/Work/a/b\"", "a OK [MAILBOXID (F",
               NULL);
    world_talk(b, "a MYRIGHTS \"Other Users/anna@example.test/Work/a/b\"",
               "* MYRIGHTS \"Other Users/anna@example.test/Work/a/b\" lrkc", "a OK", NULL);
    world_talk(h, "a GETACL Work/a/b",
               "* ACL Work/a/b anna@example.test lrswipkxteacd bernd@example.test lrkc", "a OK",
               NULL);
    world_talk(b, "a CREATE \"Other Users/anna@example.test/Work/s\" (USE (\\Sent))",
               "a NO [USEATTR]", NULL);
    world_talk(b,
               "a RENAME \"Other Users/anna@example.test/Work/a\" \"Other "
               "Users/anna@example.test/Work/c\"",
               "a NO [NOPERM]", NULL);
    world_talk(h, "a SETACL Work/a bernd@example.test lrx", "a OK", NULL);
    world_talk(b,
               "a RENAME \"Other Users/anna@example.test/Work/a\" \"Other "
               "Users/anna@example.test/new\"",
               "a NO [NOPERM]", NULL);
    world_talk(b, "a RENAME \"Other Users/anna@example.test/Work/a\" mine", "a NO [CANNOT]", NULL);
    world_talk(b,
               "a RENAME \"Other Users/anna@example.test/Work/a\" \"Other "
               "Users/anna@example.test/Work/c\"",
               "a OK", NULL);
    world_talk(h, "a LIST \"\" Work/c/%", "* LIST (\\HasNoChildren) \"/\" Work/c/b", "a OK", NULL);
    world_talk(b, "a DELETE \"Other Users/anna@example.test/Work/c/b\"", "a NO [NOPERM]", NULL);
    world_talk(h, "a SETACL Work/c/b bernd@example.test +x", "a OK", NULL);
    world_talk(b, "a DELETE \"Other Users/anna@example.test/Work/c/b\"", "a OK", NULL);
    world_talk(h, "a LIST \"\" Work/c/%", "a OK", NULL);
    host_free(b);
    host_free(h);
}

static void who_administers_gives_rights_too(void **state)
{
    (void)state;
    people_give(&p, "lra");
    struct host *b = as("bernd@example.test");
    world_talk(b, "a SETACL " INBOX_OF_ANNA " carla@example.test lr", "a OK", NULL);
    world_talk(b, "a GETACL " INBOX_OF_ANNA,
               "* ACL " INBOX_OF_ANNA " anna@example.test lrswipkxteacd bernd@example.test lra "
               "carla@example.test lr",
               "a OK", NULL);
    world_talk(b, "a SETACL " INBOX_OF_ANNA " anna@example.test \"\"", "a NO [CANNOT]", NULL);
    host_free(b);
}

static void the_owner_s_quota_counts(void **state)
{
    (void)state;
    struct class_of_service c = {.name = SPAN("default"), .quota_messages = 2};
    assert_int_equal(class_put(p.w.directory, &c), 0);
    people_letter(&p);
    people_letter(&p);
    people_give(&p, "lri");
    struct host *b = as("bernd@example.test");
    world_talk(b, "a APPEND " INBOX_OF_ANNA " {1+}\r\nx", "a NO [OVERQUOTA]", NULL);
    world_talk(b, "a GETQUOTAROOT " INBOX_OF_ANNA,
               "* QUOTAROOT " INBOX_OF_ANNA " anna@example.test",
               "* QUOTA anna@example.test (MESSAGE 2 2 MAILBOX 6 ", "a OK", NULL);
    world_talk(b, "a GETQUOTA anna@example.test", "* QUOTA anna@example.test (MESSAGE 2 2 ", "a OK",
               NULL);
    world_talk(b, "a GETQUOTA carla@example.test", "a NO [NONEXISTENT]", NULL);
    world_talk(b, "a GETQUOTA \"\"", "* QUOTA \"\" (MESSAGE 0 2 ", "a OK", NULL);
    host_free(b);
}

static void annotations_are_shared_or_ones_own(void **state)
{
    (void)state;
    people_give(&p, "lr");
    struct host *h = anna(), *b = as("bernd@example.test");
    world_talk(h, "a SETMETADATA INBOX (/private/comment hers)", "a BAD", NULL);
    world_talk(h, "a SETMETADATA INBOX (/private/comment \"hers\" /shared/comment \"ours\")",
               "a OK", NULL);
    world_talk(b, "a SETMETADATA " INBOX_OF_ANNA " (/private/comment \"his\")", "a OK", NULL);
    world_talk(b, "a SETMETADATA " INBOX_OF_ANNA " (/shared/comment \"his\")", "a NO [NOPERM]",
               NULL);
    world_talk(b, "a GETMETADATA " INBOX_OF_ANNA " (/private/comment /shared/comment)",
               "* METADATA " INBOX_OF_ANNA " (/private/comment \"his\" /shared/comment \"ours\")",
               "a OK", NULL);
    world_talk(h, "a GETMETADATA INBOX /private/comment",
               "* METADATA INBOX (/private/comment \"hers\")", "a OK", NULL);
    people_give(&p, "l");
    world_talk(b, "a GETMETADATA " INBOX_OF_ANNA " /shared/comment", "a NO [NOPERM]", NULL);
    host_free(b);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, people_teardown)
        T(the_examples_of_rfc_4314),
        T(identifiers_are_accounts),
        T(who_shares_with_whom_is_configured),
        T(others_have_a_namespace),
        T(the_examples_of_rfc_8440),
        T(subscriptions_are_ones_own),
        T(reading_alone_changes_nothing),
        T(seeing_alone_is_not_reading),
        T(flags_need_their_rights),
        T(what_is_copied_keeps_what_one_may_set),
        T(messages_move_between_accounts),
        T(mailboxes_are_made_below_shared_ones),
        T(who_administers_gives_rights_too),
        T(the_owner_s_quota_counts),
        T(annotations_are_shared_or_ones_own),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
