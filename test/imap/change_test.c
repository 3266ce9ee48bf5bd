/* SPDX-License-Identifier: Apache-2.0 */
/* STORE, COPY, MOVE, EXPUNGE, CLOSE, and what other sessions hear of them and when. */
#include "one_world.h"

#include "base/err.h"
#include "base/limits.h"
#include "world.h"

#define MESSAGE "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n"

static int setup(void **state)
{
    (void)world_setup(state);
    for (int n = 0; n < 5; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    return 0;
}

static struct host *selected(const char *before, const char *command)
{
    struct host *h = world_login(&w);
    host_sends(h, before);
    host_sends(h, "a ");
    host_sends(h, command);
    host_sends(h, " INBOX\r\n");
    must(span_find(host_output(h), SPAN("a OK [READ-")) > 0);
    host_output_clear(h);
    return h;
}

static void flags_are_stored(void **state)
{
    (void)state;
    struct host *h = selected("", "SELECT"), *other = selected("", "SELECT");
    world_talk(h, "b STORE 1:2 +FLAGS (\\Seen \\deleted)", "* 1 FETCH (FLAGS (\\Deleted \\Seen))",
               "* 2 FETCH (FLAGS (\\Deleted \\Seen))", "b OK", NULL);
    world_talk(h, "b STORE 2 -FLAGS \\Deleted", "* 2 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    world_talk(h, "b STORE 2 FLAGS ()", "* 2 FETCH (FLAGS ())", "b OK", NULL);
    world_talk(h, "b STORE 2 FLAGS ()", "* 2 FETCH (FLAGS ())", "b OK", NULL); /* also unchanged */
    world_talk(h, "b UID STORE 5 FLAGS \\Draft \\Answered",
               "* 5 FETCH (UID 5 FLAGS (\\Answered \\Draft))", "b OK", NULL);
    world_talk(h, "b STORE 3 +FLAGS.SILENT \\Flagged", "b OK", NULL);
    world_talk(other, "c NOOP", "* 1 FETCH (FLAGS (\\Deleted \\Seen))", "* 2 FETCH (FLAGS ())",
               "* 3 FETCH (FLAGS (\\Flagged))", "* 5 FETCH (FLAGS (\\Answered \\Draft))", "c OK",
               NULL);
    world_talk(h, "b UID STORE 99 +FLAGS (\\Seen)", "b OK", NULL);
    /* what is not among PERMANENTFLAGS changes nothing */
    world_talk(h, "b STORE 3 +FLAGS (\\Recent \\What)", "* 3 FETCH (FLAGS (\\Flagged))", "b OK",
               NULL);
    char name[200] = "b STORE 3 +FLAGS ";
    memset(name + strlen(name), 'k', LIMIT_KEYWORD + 1);
    world_talk(h, name, "b NO [LIMIT]", NULL);
    world_talk(h, "b STORE 1:* +FLAGS.SILENT (\\Seen)", "b OK", NULL);
    static const char *const bad[] = {
        "STORE",
        "STORE 1",
        "STORE 1 +FLAGS",
        "STORE 6 FLAGS ()",
        "STORE 1:6 FLAGS ()",
        "STORE 0 FLAGS ()",
        "STORE a FLAGS ()",
        "STORE \"1\" FLAGS ()",
        "STORE 1 FLAGS (\\)",
        "STORE 1 FLAGS (\\*)",
        "STORE 1 FLAGS () x",
        "STORE 1 FLAGS (\"x\")",
        "STORE 1 FLAG ()",
        "STORE 1 FLAGS.LOUD ()",
        "STORE 1 (WHAT 3) FLAGS ()",
        "STORE 1 (UNCHANGEDSINCE) FLAGS ()",
        "STORE 1 (UNCHANGEDSINCE x) FLAGS ()",
        "STORE 1 FLAGS (a{)",
    };
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        host_sends(h, "a NOOP\r\nb ");
        host_expect(h, "a OK");
        world_talk(h, bad[n], "b BAD", NULL);
    }
    host_free(h);
    host_free(other);
    h = selected("", "EXAMINE");
    world_talk(h, "b STORE 1 FLAGS ()", "b NO [CANNOT]", NULL);
    world_talk(h, "b EXPUNGE", "b NO [CANNOT]", NULL);
    world_talk(h, "b CLOSE", "b OK", NULL);
    world_talk(h, "b STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 5)", "b OK", NULL);
    host_free(h);
}

static void keywords_are_announced(void **state)
{
    (void)state;
    struct host *h = selected("", "SELECT"), *other = selected("", "SELECT");
    world_talk(h, "b STORE 1 +FLAGS ($Forwarded Work \\Seen)",
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded Work)",
               "* 1 FETCH (FLAGS (\\Seen $Forwarded Work))", "b OK", NULL);
    world_talk(h, "b STORE 1 +FLAGS (work $FORWARDED)",
               "* 1 FETCH (FLAGS (\\Seen $Forwarded Work))", "b OK", NULL);
    world_talk(h, "b STORE 1 +FLAGS ($IsTrusted)", "* 1 FETCH (FLAGS (\\Seen $Forwarded Work))",
               "b OK", NULL);
    world_talk(h, "b STORE 1 -FLAGS (work unknown)", "* 1 FETCH (FLAGS (\\Seen $Forwarded))",
               "b OK", NULL);
    world_talk(other, "c NOOP",
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded Work)",
               "* 1 FETCH (FLAGS (\\Seen $Forwarded))", "c OK", NULL);
    host_free(h);
    host_free(other);
}

/* What .SILENT leaves out is what the client knows, and not what somebody else did. */
static void silence_hides_nothing_foreign(void **state)
{
    (void)state;
    struct host *h = selected("", "SELECT"), *other = selected("", "SELECT");
    world_talk(other, "c STORE 2 +FLAGS.SILENT \\Answered", "c OK", NULL);
    world_talk(h, "b STORE 1:3 +FLAGS.SILENT \\Seen", "* 2 FETCH (FLAGS (\\Answered \\Seen))",
               "b OK", NULL);
    world_talk(h, "b NOOP", "b OK", NULL);
    host_free(h);
    host_free(other);
}

static uint64_t modseq(void)
{
    struct mail_head head;
    assert_int_equal(mailbox_head(&w.mail, w.account, (struct mailbox_id){1}, &head), 0);
    return head.modseq.v;
}

static void keywords_in_one_command(void **state)
{
    (void)state;
    struct host *h = selected("", "SELECT");
    world_talk(h, "b STORE 1 FLAGS (new NEW other new)", "* FLAGS (",
               "* 1 FETCH (FLAGS (new other))", "b OK", NULL);
    world_talk(h, "b STORE 1 -FLAGS (unknown New unknown)", "* 1 FETCH (FLAGS (other))", "b OK",
               NULL);
    world_talk(h, "b STORE 1 -FLAGS (a]b)", "b BAD", NULL);
    world_talk(h, "b STORE 1 +FLAGS (a]b)", "b BAD", NULL);
    host_sends(h, "b STORE 1 -FLAGS (");
    for (int n = 0; n < 9000; n++)
        host_sends(h, "none ");
    host_sends(h, "other)\r\n");
    host_expect(h, "* 1 FETCH (FLAGS ())");
    host_expect(h, "b OK");
    host_free(h);
}

/* RFC 9051 §7.5.2: a FETCH response that was not asked for has the UID. */
static void what_others_change_has_its_uid_in_rev2(void **state)
{
    (void)state;
    struct host *h = selected("x ENABLE IMAP4rev2\r\n", "SELECT"), *other = selected("", "SELECT");
    world_talk(other, "c STORE 2 +FLAGS.SILENT \\Answered", "c OK", NULL);
    world_talk(h, "b NOOP", "* 2 FETCH (UID 2 FLAGS (\\Answered))", "b OK", NULL);
    world_talk(h, "b STORE 3 +FLAGS \\Seen", "* 3 FETCH (UID 3 FLAGS (\\Seen))", "b OK", NULL);
    world_talk(other, "c NOOP", "* 3 FETCH (FLAGS (\\Seen))", "c OK", NULL);
    host_free(h);
    host_free(other);
}

/* RFC 7162 §3.1.3 */
static void stores_may_be_conditional(void **state)
{
    (void)state;
    char command[128], told[64];
    struct host *h = selected("", "SELECT"), *other = selected("", "SELECT");
    unsigned long long then = modseq();
    world_talk(other, "c STORE 2,4 +FLAGS.SILENT \\Answered", "c OK", NULL);
    snprintf(command, sizeof command, "b STORE 1:3 (UNCHANGEDSINCE %llu) +FLAGS.SILENT (\\Seen)",
             then);
    snprintf(told, sizeof told, "* OK [HIGHESTMODSEQ %llu]", then);
    world_talk(h, command, told, "* 1 FETCH (UID 1 MODSEQ (",
               "* 2 FETCH (UID 2 FLAGS (\\Answered) MODSEQ (", "* 3 FETCH (UID 3 MODSEQ (",
               "* 4 FETCH (UID 4 FLAGS (\\Answered) MODSEQ (", "b OK [MODIFIED 2]", NULL);
    snprintf(command, sizeof command, "b UID STORE 4:5 (UNCHANGEDSINCE %llu) +FLAGS (\\Seen)",
             then);
    world_talk(h, command, "* 5 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (", "b OK [MODIFIED 4]", NULL);
    world_talk(h, "b STORE 5 (UNCHANGEDSINCE 0) FLAGS ()", "b OK [MODIFIED 5]", NULL);
    /* one that had the flag is told all the same, and its mod-sequence stays */
    then = modseq();
    snprintf(command, sizeof command, "b STORE 3 (UNCHANGEDSINCE %llu) +FLAGS.SILENT (\\Seen)",
             then);
    world_talk(h, command, "* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (", "b OK Stored", NULL);
    assert_int_equal(modseq(), then);
    world_talk(h, "b NOOP", "b OK", NULL);
    host_free(h);
    host_free(other);
}

/* RFC 7162 §3.1: the first of these is answered with HIGHESTMODSEQ, and from then on each FETCH response that nobody asked
 * for has the mod-sequence and, §3.2.4, the UID. */
static void mod_sequences_begin(void **state)
{
    (void)state;
    static const struct {
        const char *command, *first, *second;
    } tries[] = {
        {"STORE 3 (UNCHANGEDSINCE 9999) FLAGS.SILENT ()", "* 3 FETCH (UID 3 ", NULL},
        {"STATUS Sent (HIGHESTMODSEQ)", "* STATUS Sent (HIGHESTMODSEQ ", NULL},
        {"LIST \"\" Sent RETURN (STATUS (HIGHESTMODSEQ))", "* LIST ",
         "* STATUS Sent (HIGHESTMODSEQ "},
        {"FETCH 3 MODSEQ", "* 3 FETCH (MODSEQ (", NULL},
        {"SEARCH MODSEQ 9999", "* SEARCH", NULL},
    };
    for (size_t n = 0; n < COUNT_OF(tries); n++) {
        struct host *h = selected("", "SELECT");
        world_talk(h, "b STORE 1 FLAGS \\Draft", "* 1 FETCH (FLAGS (\\Draft))", "b OK", NULL);
        for (int twice = 0; twice < 2; twice++) {
            char line[128], told[64];
            snprintf(line, sizeof line, "b %s", tries[n].command);
            snprintf(told, sizeof told, "* OK [HIGHESTMODSEQ %llu]", (unsigned long long)modseq());
            host_sends(h, line);
            host_sends(h, "\r\n");
            if (twice == 0)
                host_expect(h, told);
            host_expect(h, tries[n].first);
            if (tries[n].second != NULL)
                host_expect(h, tries[n].second);
            host_expect(h, "b OK");
        }
        world_talk(h, "b STORE 1 FLAGS ()", "* 1 FETCH (UID 1 FLAGS () MODSEQ (", "b OK", NULL);
        world_talk(h, "b FETCH 2 BODY[TEXT]", "* 2 FETCH (BODY[TEXT] {8}", "Hello.",
                   " UID 2 MODSEQ (", "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (", "b OK", NULL);
        world_talk(h, "b FETCH 2 BODY.PEEK[TEXT]", "* 2 FETCH (BODY[TEXT] {8}", "Hello.", ")",
                   "b OK", NULL);
        world_talk(h, "b FETCH 2 FLAGS", "* 2 FETCH (FLAGS (\\Seen))", "b OK", NULL);
        world_talk(h, "b STORE 2 FLAGS.SILENT ()", "* 2 FETCH (UID 2 MODSEQ (", "b OK", NULL);
        host_free(h);
    }
}

/* More than fit an answer: none of them is left out. */
static void nothing_refused_is_left_out(void **state)
{
    (void)state;
    struct host *h = selected("", "SELECT");
    world_append_apart(&w, SPAN(MESSAGE), 12000);
    world_talk(h, "b NOOP", "* 12005 EXISTS", "* 0 RECENT", "b OK", NULL);
    world_talk(h, "b UID STORE 2:4100000000 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)",
               "* OK [HIGHESTMODSEQ ", "b OK [MODIFIED 2:4000023999]", NULL);
    world_talk(h, "b STORE 4:9 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)", "b OK [MODIFIED 4:9]",
               NULL);
    host_free(h);
}

/* RFC 9051 §7.5.1: not while sequence numbers are in use */
static void expunges_wait_for_their_time(void **state)
{
    (void)state;
    struct host *h = selected("", "SELECT"), *other = selected("", "SELECT");
    world_talk(other, "c STORE 2:3 +FLAGS.SILENT \\Deleted", "c OK", NULL);
    world_talk(other, "c EXPUNGE", "* 3 EXPUNGE", "* 2 EXPUNGE", "c OK", NULL);
    world_talk(h, "b STORE 5 +FLAGS \\Seen", "* 5 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    world_talk(h, "b STORE 5 +FLAGS \\Seen", "* 6 EXISTS", "* 0 RECENT",
               "* 5 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    world_talk(h, "b STORE 2:3 +FLAGS \\Seen", "b OK", NULL); /* gone already */
    /* RFC 7162 §3.2.10.2: also where only the criteria have them */
    world_talk(h, "b UID SEARCH 1:3", "* SEARCH 1", "b OK", NULL);
    world_talk(h, "b UID SEARCH NOT (OR 1:3 UID 4)", "* SEARCH 5 6", "b OK", NULL);
    world_talk(h, "b UID SORT (ARRIVAL) UTF-8 *", "* SORT 6", "b OK", NULL);
    world_talk(h, "b ESEARCH RETURN (COUNT) 5:6", "* ESEARCH (", "b OK", NULL);
    world_talk(h, "b UID STORE 5 +FLAGS \\Flagged", "* 3 EXPUNGE", "* 2 EXPUNGE",
               "* 3 FETCH (UID 5 FLAGS (\\Flagged \\Seen))", "b OK", NULL);
    world_talk(h, "b STORE 4 +FLAGS \\Seen", "* 4 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    host_free(h);
    host_free(other);
}

static void messages_are_expunged(void **state)
{
    (void)state;
    struct mail_quota quota;
    struct host *h = selected("", "SELECT");
    world_talk(h, "b EXPUNGE", "b OK", NULL);
    world_talk(h, "b EXPUNGE 1", "b BAD", NULL);
    world_talk(h, "b UID EXPUNGE", "b BAD", NULL);
    world_talk(h, "b STORE 1,2,5 +FLAGS.SILENT \\Deleted", "b OK", NULL);
    world_talk(h, "b UID EXPUNGE 2:4", "* 2 EXPUNGE", "b OK", NULL);
    world_talk(h, "b EXPUNGE", "* 4 EXPUNGE", "* 1 EXPUNGE", "b OK", NULL);
    world_talk(h, "b STORE 1 +FLAGS.SILENT \\Deleted", "b OK", NULL);
    world_talk(h, "b CLOSE", "b OK", NULL);
    world_talk(h, "b STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 1)", "b OK", NULL);
    assert_int_equal(mailbox_quota(&w.mail, w.account, &quota), 0);
    assert_int_equal(quota.restorable_messages, 4);
    host_free(h);
    h = selected("x ENABLE QRESYNC\r\n", "SELECT");
    world_talk(h, "b STORE 1 +FLAGS.SILENT \\Deleted", "* 1 FETCH (UID 4 MODSEQ (", "b OK", NULL);
    world_talk(h, "b EXPUNGE", "* VANISHED 4", "b OK [HIGHESTMODSEQ ", NULL);
    /* RFC 6851 §4.4, RFC 8508 §4.5 */
    world_append(&w, SPAN(MESSAGE), 0);
    world_append(&w, SPAN(MESSAGE), 0);
    world_talk(h, "b NOOP", "* 2 EXISTS", "* 0 RECENT", "b OK", NULL);
    world_talk(h, "b MOVE 1 Trash", "* OK [COPYUID ", "* VANISHED 6", "b OK [HIGHESTMODSEQ ", NULL);
    world_talk(h, "b UID MOVE 6 Trash", "b OK There was nothing to move", NULL);
    world_talk(h, "b UID REPLACE 7 Sent {4+}\r\n\r\nxx", "* OK [APPENDUID ", "* VANISHED 7",
               "b OK [HIGHESTMODSEQ ", NULL);
    host_free(h);
}

static void messages_are_copied_and_moved(void **state)
{
    (void)state;
    struct host *h = selected("", "SELECT");
    world_talk(h, "b COPY 2:4 Nowhere", "b NO [TRYCREATE]", NULL);
    world_talk(h, "b COPY 9 Trash", "b BAD There is no message with such a number", NULL);
    world_talk(h, "b FETCH 9 FLAGS", "b BAD There is no message with such a number", NULL);
    world_talk(h, "b STORE 9 FLAGS ()", "b BAD There is no message with such a number", NULL);
    world_talk(h, "b COPY 1", "b BAD Please write: COPY ", NULL);
    world_talk(h, "b UID COPY 9 Trash", "b OK There was nothing to copy", NULL);
    world_talk(h, "b COPY 2,4 Trash", "b OK [COPYUID 1790000004 2,4 1:2] Copied", NULL);
    world_talk(h, "b COPY 1 inbox", "* 6 EXISTS", "* 0 RECENT", "b OK [COPYUID 1790000000 1 6]",
               NULL);
    world_talk(h, "b UID MOVE 1:3 Trash", "* OK [COPYUID 1790000004 1:3 3:5] Moved", "* 3 EXPUNGE",
               "* 2 EXPUNGE", "* 1 EXPUNGE", "b OK Done", NULL);
    world_talk(h, "b MOVE 1 Nowhere", "b NO [TRYCREATE]", NULL);
    world_talk(h, "b MOVE 3 Archive", "* OK [COPYUID 1790000005 6 1] Moved", "* 3 EXPUNGE", "b OK",
               NULL);
    world_talk(h, "b UID MOVE 77 Archive", "b OK There was nothing to move", NULL);
    world_talk(h, "b STATUS Trash (MESSAGES)", "* STATUS Trash (MESSAGES 5)", "b OK", NULL);
    host_free(h);
    h = selected("", "EXAMINE");
    world_talk(h, "b MOVE 1 Archive", "b NO [CANNOT]", NULL);
    world_talk(h, "b COPY 1 Archive", "b OK [COPYUID", NULL);
    host_free(h);
}

static void a_full_mailbox_takes_no_copies(void **state)
{
    (void)state;
    struct class_of_service class = {.name = SPAN("default"), .quota_messages = 6};
    assert_int_equal(class_put(w.directory, &class), 0);
    struct host *h = selected("", "SELECT");
    world_talk(h, "b COPY 1 Trash", "b OK", NULL);
    world_talk(h, "b COPY 1:2 Trash", "b NO [OVERQUOTA]", NULL);
    world_talk(h, "b MOVE 1:2 Trash", "* OK [COPYUID", "* 2 EXPUNGE", "* 1 EXPUNGE", "b OK", NULL);
    host_free(h);
}

/* RFC 9586 */
static void only_uids(void **state)
{
    (void)state;
    struct host *h = selected("x ENABLE UIDONLY\r\n", "SELECT"), *other = selected("", "SELECT");
    static const char *const numbers[] = {
        "FETCH 1 (FLAGS)",    "STORE 1 FLAGS ()",    "COPY 1 Trash",
        "MOVE 1 Trash",       "SEARCH ALL",          "UID SEARCH 1:2",
        "UID SEARCH NOT (2)", "REPLACE 1 Trash {3}", "SORT (DATE) UTF-8 ALL"};
    for (size_t n = 0; n < COUNT_OF(numbers); n++) {
        host_sends(h, "b ");
        world_talk(h, numbers[n], "b BAD [UIDREQUIRED]", NULL);
    }
    world_talk(h, "b UID FETCH 2 (FLAGS)", "* 2 UIDFETCH (FLAGS ())", "b OK", NULL);
    world_talk(h, "b UID FETCH 2 (UID)", "* 2 UIDFETCH (UID 2)", "b OK", NULL);
    world_talk(h, "b UID STORE 2 +FLAGS (\\Deleted)", "* 2 UIDFETCH (FLAGS (\\Deleted))", "b OK",
               NULL);
    world_talk(other, "c STORE 4 +FLAGS.SILENT (\\Seen)", "* 2 FETCH (FLAGS (\\Deleted))", "c OK",
               NULL);
    world_talk(h, "b EXPUNGE", "* VANISHED 2", "* 4 UIDFETCH (FLAGS (\\Seen))", "b OK Expunged",
               NULL);
    world_talk(h, "b UID SEARCH RETURN (SAVE) UID 3:4", "b OK", NULL);
    world_talk(h, "b UID SEARCH $ SEEN", "* SEARCH 4", "b OK", NULL);
    world_talk(h, "b UID MOVE 3 Trash", "* OK [COPYUID 1790000004 3 1]", "* VANISHED 3", "b OK",
               NULL);
    world_talk(h, "b SELECT INBOX (QRESYNC (1 2 3 (1 2)))",
               "b BAD Please write ENABLE QRESYNC first", NULL);
    host_free(h);
    h = selected("x ENABLE UIDONLY QRESYNC\r\n", "SELECT");
    world_talk(h, "b REPLACE 1 Nowhere {4+}\r\n\r\nxx", "b BAD [UIDREQUIRED]", NULL);
    world_talk(h, "b REPLACE 1 INBOX {4}", "b BAD [UIDREQUIRED]", NULL);
    world_talk(h, "b SELECT INBOX (QRESYNC (1 2 3 (1 2)))", "b BAD [UIDREQUIRED]", NULL);
    host_free(h);
    host_free(other);
}

static void pipelined_commands_run_in_order(void **state)
{
    (void)state;
    struct host *h = selected("", "SELECT");
    host_sends(h, "b UID STORE 1:2 +FLAGS.SILENT (\\Deleted)\r\nc UID EXPUNGE 1:2\r\nd STORE 1 "
                  "+FLAGS (\\Seen)\r\n"
                  "e UID MOVE 4 Trash\r\nf STORE 2 +FLAGS (\\Flagged)\r\ng CLOSE\r\nh EXPUNGE\r\n");
    host_expect(h, "b OK");
    host_expect(h, "* 2 EXPUNGE");
    host_expect(h, "* 1 EXPUNGE");
    host_expect(h, "c OK");
    host_expect(h, "* 1 FETCH (FLAGS (\\Seen))");
    host_expect(h, "d OK");
    host_expect(h, "* OK [COPYUID");
    host_expect(h, "* 2 EXPUNGE");
    host_expect(h, "e OK");
    host_expect(h, "* 2 FETCH (FLAGS (\\Flagged))");
    host_expect(h, "f OK");
    host_expect(h, "g OK");
    host_expect(h, "h BAD");
    host_expect_silence(h);
    host_free(h);
}

/* More than fits one step, of each kind. */
static void many_changes_are_told_in_steps(void **state)
{
    (void)state;
    enum { MANY = 9000 };
    char text[64];
    struct mail_appended out[100];
    struct mail_append in[100] = {0};
    struct blob_writer *writer;
    assert_int_equal(store_blob_create(w.store, &writer), 0);
    assert_int_equal(store_blob_write(writer, SPAN(MESSAGE)), 0);
    assert_int_equal(store_blob_finish(writer, &in[0].blob, &in[0].info), 0);
    for (size_t n = 1; n < COUNT_OF(in); n++)
        in[n] = in[0];
    for (int n = 0; n < MANY / 100; n++)
        assert_int_equal(mailbox_append_many(&w.mail, w.account, in, 100, out), 0);
    struct host *h = selected("", "SELECT"), *q = selected("x ENABLE QRESYNC\r\n", "SELECT");
    struct host *other = selected("", "SELECT");
    host_sends(other, "c STORE 1:* +FLAGS.SILENT (\\Seen)\r\n");
    host_expect(other, "c OK");
    host_sends(h, "b NOOP\r\n");
    host_sends(q, "b NOOP\r\n");
    for (int n = 1; n <= MANY + 5; n++) {
        snprintf(text, sizeof text, "* %d FETCH (FLAGS (\\Seen))", n);
        host_expect(h, text);
        snprintf(text, sizeof text, "* %d FETCH (UID %d FLAGS (\\Seen) MODSEQ (", n, n);
        host_expect(q, text);
    }
    host_expect(h, "b OK");
    host_expect(q, "b OK");
    /* every second one, so that nothing is a run */
    struct buf set;
    buf_init(&set, 1 << 20);
    for (int n = 1; n <= MANY; n += 2)
        buf_printf(&set, "%s%d", n > 1 ? "," : "", n);
    host_sends(other, "c UID STORE ");
    host_send(other, buf_span(&set));
    host_sends(other, " +FLAGS.SILENT (\\Deleted)\r\nd CLOSE\r\n");
    host_expect(other, "c OK");
    host_expect(other, "d OK");
    host_sends(h, "b NOOP\r\n");
    for (int n = MANY - 1; n >= 1; n -= 2) {
        snprintf(text, sizeof text, "* %d EXPUNGE", n);
        host_expect(h, text);
    }
    host_expect(h, "b OK");
    host_sends(q, "b NOOP\r\n");
    for (int n = 0; n < (MANY / 2 + 999) / 1000; n++)
        host_expect(q, "* VANISHED ");
    host_expect(q, "b OK");
    buf_done(&set);
    host_free(h);
    host_free(q);
    host_free(other);
}

/* RFC 7162 §3.2: who is cut off while expunges wait, and was told of later changes, comes back with what is sure. */
static void waiting_expunges_are_not_lost(void **state)
{
    (void)state;
    char told[64], resumed[96];
    struct mail_head head;
    struct host *other = selected("", "SELECT"), *h = selected("x ENABLE QRESYNC\r\n", "SELECT");
    assert_int_equal(mailbox_head(&w.mail, w.account, (struct mailbox_id){1}, &head), 0);
    snprintf(told, sizeof told, "* OK [HIGHESTMODSEQ %llu]", (unsigned long long)head.modseq.v);
    snprintf(resumed, sizeof resumed, "c SELECT INBOX (QRESYNC (%u %llu))", head.uidvalidity,
             (unsigned long long)head.modseq.v);
    world_talk(other, "o STORE 2 +FLAGS.SILENT (\\Deleted)", "o OK", NULL);
    world_talk(other, "o EXPUNGE", "* 2 EXPUNGE", "o OK", NULL);
    world_talk(h, "b STORE 1 +FLAGS.SILENT (\\Seen)", "* 1 FETCH (UID 1 MODSEQ (", told, "b OK",
               NULL);
    world_talk(h, "b FETCH 1 (MODSEQ)", "* 1 FETCH (MODSEQ (", told, "b OK", NULL);
    host_free(h);
    h = world_login(&w);
    world_talk(h, "b ENABLE QRESYNC", "* ENABLED", "b OK", NULL);
    host_sends(h, resumed);
    host_sends(h, "\r\n");
    assert_true(span_find(host_output(h), SPAN("* VANISHED (EARLIER) 2\r\n")) > 0);
    host_output_clear(h);
    /* once they are told, nothing is lower than it seems */
    world_talk(other, "o STORE 1 +FLAGS.SILENT (\\Deleted)", "* 1 FETCH (FLAGS (\\Deleted \\Seen))",
               "o OK", NULL);
    world_talk(other, "o EXPUNGE", "* 1 EXPUNGE", "o OK", NULL);
    world_talk(h, "d NOOP", "* VANISHED 1", "d OK", NULL);
    world_talk(h, "d FETCH 1 (MODSEQ)", "* 1 FETCH (MODSEQ (", "d OK", NULL);
    host_free(h);
    host_free(other);
}

/* RFC 9738: COPY has a limit, and MOVE goes on. */
static void many_messages(void **state)
{
    (void)state;
    enum { AT_ONCE = 1000, MORE = LIMIT_MAIL_COPY / AT_ONCE };
    struct mail_append *v = calloc(AT_ONCE, sizeof *v);
    struct mail_appended *out = calloc(AT_ONCE, sizeof *out);
    struct mail_message m;
    struct mail_appended one = world_append(&w, SPAN(MESSAGE), 0); /* UID 6 */
    assert_int_equal(mailbox_message_get(&w.mail, w.account, one.message, w.arena, &m), 0);
    for (size_t n = 0; n < AT_ONCE; n++) {
        v[n] = (struct mail_append){.blob = m.blob, .info.size = m.size};
        memcpy(v[n].info.digest, m.digest, sizeof m.digest);
    }
    for (size_t n = 0; n < MORE; n++)
        assert_int_equal(mailbox_append_many(&w.mail, w.account, v, AT_ONCE, out), 0);
    free(v);
    free(out);
    struct host *h = selected("z ENABLE QRESYNC\r\n", "SELECT");
    world_talk(h, "b COPY 1:* Trash", "b NO [MESSAGELIMIT 20000 7] ", NULL);
    world_talk(h, "b COPY 7:* Archive", "b OK [COPYUID 1790000005 7:20006 1:20000]", NULL);
    world_talk(h, "b MOVE 1:* Trash", "* OK [COPYUID 1790000004 1:20000 1:20000] Moved",
               "* OK [COPYUID 1790000004 20001:20006 20001:20006] Moved", "* VANISHED 1:20006",
               "b OK", NULL);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flags_are_stored, setup, world_teardown),
        cmocka_unit_test_setup_teardown(keywords_are_announced, setup, world_teardown),
        cmocka_unit_test_setup_teardown(silence_hides_nothing_foreign, setup, world_teardown),
        cmocka_unit_test_setup_teardown(keywords_in_one_command, setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_others_change_has_its_uid_in_rev2, setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(mod_sequences_begin, setup, world_teardown),
        cmocka_unit_test_setup_teardown(stores_may_be_conditional, setup, world_teardown),
        cmocka_unit_test_setup_teardown(nothing_refused_is_left_out, setup, world_teardown),
        cmocka_unit_test_setup_teardown(expunges_wait_for_their_time, setup, world_teardown),
        cmocka_unit_test_setup_teardown(messages_are_expunged, setup, world_teardown),
        cmocka_unit_test_setup_teardown(messages_are_copied_and_moved, setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_full_mailbox_takes_no_copies, setup, world_teardown),
        cmocka_unit_test_setup_teardown(only_uids, setup, world_teardown),
        cmocka_unit_test_setup_teardown(pipelined_commands_run_in_order, setup, world_teardown),
        cmocka_unit_test_setup_teardown(many_changes_are_told_in_steps, setup, world_teardown),
        cmocka_unit_test_setup_teardown(waiting_expunges_are_not_lost, setup, world_teardown),
        cmocka_unit_test_setup_teardown(many_messages, setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
