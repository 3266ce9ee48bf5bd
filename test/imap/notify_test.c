/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY (RFC 5465): what it takes, and what a client hears of between its commands. */
#include "one_world.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/annotation.h"
#include "world.h"

#define MESSAGE "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n"

static int setup(void **state)
{
    (void)world_setup(state);
    for (int n = 0; n < 3; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    return 0;
}

static void append(struct host *h, const char *mailbox)
{
    host_sends(h, "o APPEND ");
    host_sends(h, mailbox);
    host_sends(h, " {6+}\r\na: b\r\n\r\n");
    host_expect(h, "o OK [APPENDUID");
}

static void what_it_takes(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "NOTIFY",
        "NOTIFY SET",
        "NOTIFY NONE NONE",
        "NOTIFY WHAT",
        "NOTIFY SET STATUS",
        "NOTIFY SET selected",
        "NOTIFY SET (selected)",
        "NOTIFY SET (elsewhere NONE)",
        "NOTIFY SET (selected ())",
        "NOTIFY SET (selected NONE NONE)",
        "NOTIFY SET (selected (MessageNew))",
        "NOTIFY SET (selected (MessageExpunge))",
        "NOTIFY SET (selected (FlagChange))",
        "NOTIFY SET (selected (MessageNew MessageExpunge MailboxName))",
        "NOTIFY SET (selected (ServerMetadataChange))",
        "NOTIFY SET (selected NONE) (selected-delayed NONE)",
        "NOTIFY SET (selected (MessageNew () MessageExpunge))",
        "NOTIFY SET (selected (MessageNew (WHAT) MessageExpunge))",
        "NOTIFY SET (selected (MessageNew (UID) (UID) MessageExpunge))",
        "NOTIFY SET (selected (\"MessageNew\" MessageExpunge))",
        "NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
        "NOTIFY SET (mailboxes)",
        "NOTIFY SET (mailboxes INBOX)",
        "NOTIFY SET (mailboxes () NONE)",
        "NOTIFY SET (mailboxes ((INBOX)) NONE)",
        "NOTIFY SET (subtree INBOX MessageNew)",
        "NOTIFY SET (personal NONE) x",
    };
    static const char *const events[] = {"AnnotationChange", "What"};
    struct host *h = world_login(&w);
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        host_sends(h, "a ");
        world_talk(h, bad[n], "a BAD Please write: NOTIFY", NULL);
        if (n % 10 == 9)
            world_talk(h, "a NOOP", "a OK", NULL);
    }
    for (size_t n = 0; n < COUNT_OF(events); n++) {
        host_sends(h, "b NOTIFY SET (personal (MessageNew MessageExpunge ");
        host_sends(h, events[n]);
        world_talk(
            h, "))",
            "b NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
            "MailboxMetadataChange ServerMetadataChange)]",
            NULL);
    }
    world_talk(h, "c NOTIFY NONE", "c OK", NULL);
    world_talk(
        h,
        "c NOTIFY SET (inboxes NONE) (subscribed (subscriptionchange)) (subtree (a b) MailboxName)",
        "c OK", NULL);
    world_talk(h, "c NOTIFY SET (mailboxes &notutf7 (MailboxName))", "c OK", NULL);
    host_sends(h, "d CAPABILITY\r\n");
    assert_true(span_find(host_expect(h, "* CAPABILITY"), SPAN(" NOTIFY ")) > 0);
    host_expect(h, "d OK");
    host_free(h);
}

/* The example of §3.1, with the events that §5 says must go together. */
static void as_in_the_rfc(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(other, "o CREATE Lists/Lemonade", "o OK", NULL);
    world_talk(other, "o CREATE Lists/Im2000", "o OK", NULL);
    world_talk(other, "o CREATE misc", "o OK", NULL);
    world_talk(h,
               "b notify set status (selected (MessageNew (uid body.peek[header.fields (from to "
               "subject)]) "
               "MessageExpunge)) (subtree Lists (MessageNew MessageExpunge))",
               "* STATUS Lists (MESSAGES 0 UIDNEXT 1 UIDVALIDITY",
               "* STATUS Lists/Im2000 (MESSAGES 0 UIDNEXT 1 UIDVALIDITY",
               "* STATUS Lists/Lemonade (MESSAGES 0 UIDNEXT 1 UIDVALIDITY", "b OK", NULL);
    host_sends(h, "c select inbox\r\n");
    assert_true(span_find(host_output(h), SPAN("c OK [READ-WRITE]")) > 0);
    host_output_clear(h);
    append(other, "Lists/Lemonade");
    append(other, "misc");
    world_hears(h, "* STATUS Lists/Lemonade (MESSAGES 1 UIDNEXT 2 UIDVALIDITY", NULL);
    world_append(
        &w,
        SPAN("Subject: Re: good morning\r\nFrom: alice@example.org\r\nTo: bob@example.org\r\n\r\n"),
        0);
    world_hears(h, "* 4 EXISTS", "* 0 RECENT",
                "* 4 FETCH (UID 4 BODY[HEADER.FIELDS (from to subject)] {75}",
                "Subject: Re: good morning", "From: alice@example.org", "To: bob@example.org", "",
                ")", NULL);
    world_talk(h,
               "e NOTIFY SET (selected (MessageNew (uid) MessageExpunge)) (subtree Lists "
               "(MessageNew MessageExpunge)) "
               "(mailboxes misc (MessageNew MessageExpunge))",
               "e OK", NULL);
    append(other, "misc");
    world_hears(h, "* STATUS misc (MESSAGES 2 UIDNEXT 3 UIDVALIDITY", NULL);
    host_free(other);
    host_free(h);
}

static void the_selected_mailbox(void **state)
{
    (void)state;
    struct host *h = world_select(&w), *other = world_select(&w);
    world_talk(h, "a NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))", "a OK", NULL);
    world_talk(other, "o STORE 2 +FLAGS.SILENT (\\Flagged \\Deleted)", "o OK", NULL);
    world_hears(h, "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Deleted))", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    world_hears(h, "* 4 EXISTS", "* 0 RECENT", NULL);
    world_talk(other, "o EXPUNGE", "* 2 EXPUNGE", "* 3 EXISTS", "* 0 RECENT", "o OK", NULL);
    world_hears(h, "* 2 EXPUNGE", NULL);
    /* its own changes are told once */
    world_talk(h, "b UID STORE 1 +FLAGS \\Answered", "* 1 FETCH (UID 1 FLAGS (\\Answered))", "b OK",
               NULL);
    world_hears(h, NULL);
    /* what is under way is not disturbed */
    host_sends(h, "c SEARCH SUBJECT {5+}\r\n");
    world_talk(other, "o NOOP", "* 1 FETCH (FLAGS (\\Answered))", "o OK", NULL);
    world_talk(other, "o STORE 1 FLAGS.SILENT ()", "o OK", NULL);
    world_hears(h, NULL);
    host_sends(h, "first\r\n");
    host_expect(h, "* SEARCH 1 2 3");
    host_expect(h, "* 1 FETCH (UID 1 FLAGS ())");
    host_expect(h, "c OK");
    world_hears(h, NULL);
    /* flags that are not wanted */
    world_talk(h, "d NOTIFY SET (SELECTED (MessageNew MessageExpunge))", "d OK", NULL);
    world_talk(other, "o STORE 1 +FLAGS.SILENT \\Seen", "o OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "d NOOP", "d OK", NULL);
    world_talk(h, "d UID STORE 3 +FLAGS \\Seen", "* 2 FETCH (UID 3 FLAGS (\\Seen))", "d OK", NULL);
    /* IDLE tells the same */
    world_talk(h, "e IDLE", "+ idling", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    world_hears(h, "* 4 EXISTS", "* 0 RECENT", NULL);
    world_talk(other, "o STORE 1 -FLAGS.SILENT \\Seen", "* 4 EXISTS", "* 0 RECENT",
               "* 2 FETCH (FLAGS (\\Seen))", "o OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "DONE", "e OK", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    world_hears(h, "* 5 EXISTS", "* 0 RECENT", NULL);
    host_free(other);
    host_free(h);
}

static void nothing_at_all(void **state)
{
    (void)state;
    static const char *const programs[] = {"NONE", "SET (SELECTED NONE)",
                                           "SET (mailboxes Sent (MailboxName))"};
    for (size_t n = 0; n < COUNT_OF(programs); n++) {
        struct host *h = world_select(&w), *other = world_select(&w);
        unsigned before = 3 + (unsigned)n;
        char line[64];
        host_sends(h, "a NOTIFY ");
        world_talk(h, programs[n], "a OK", NULL);
        world_append(&w, SPAN(MESSAGE), 0);
        world_talk(other, "o STORE 2 +FLAGS.SILENT (\\Flagged)",
                   n == 0   ? "* 4 EXISTS"
                   : n == 1 ? "* 5 EXISTS"
                            : "* 6 EXISTS",
                   "* 0 RECENT", "o OK", NULL);
        world_hears(h, NULL);
        world_talk(h, "b NOOP", "b OK", NULL);
        world_talk(h, "b STORE 1 +FLAGS \\Flagged", "* 1 FETCH (UID 1 FLAGS (\\Flagged))", "b OK",
                   NULL);
        (void)snprintf(line, sizeof line, "* SEARCH 1 2 3%s",
                       before == 3   ? ""
                       : before == 4 ? " 4"
                                     : " 4 5");
        world_talk(h, "b SEARCH ALL", line, "b OK", NULL);
        world_talk(h, "c IDLE", "+ idling", NULL);
        world_talk(other, "o STORE 1 -FLAGS.SILENT \\Flagged", "* 1 FETCH", "o OK", NULL);
        world_hears(h, NULL);
        world_talk(h, "DONE", "c OK", NULL);
        /* a new program tells all there is first */
        host_sends(h, "d NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))\r\n");
        assert_true(span_find(host_output(h), SPAN(" EXISTS\r\n")) > 0 &&
                    span_find(host_output(h), SPAN("* 2 FETCH (FLAGS (\\Flagged))")) > 0);
        host_output_clear(h);
        world_talk(other, "o STORE 2 -FLAGS.SILENT (\\Flagged)", "o OK", NULL);
        host_free(other);
        host_free(h);
    }
}

static void expunges_may_wait(void **state)
{
    (void)state;
    struct host *h = world_select(&w), *other = world_select(&w);
    world_talk(h, "a NOTIFY SET (SELECTED-DELAYED (MessageNew (FLAGS) MessageExpunge))", "a OK",
               NULL);
    world_talk(other, "o STORE 1 +FLAGS.SILENT \\Deleted", "o OK", NULL);
    world_talk(other, "o EXPUNGE", "* 1 EXPUNGE", "o OK", NULL);
    world_append(&w, SPAN(MESSAGE), FLAG_SEEN);
    world_hears(h, "* 4 EXISTS", "* 0 RECENT", "* 4 FETCH (FLAGS (\\Seen))", NULL);
    world_talk(h, "b NOOP", "* 1 EXPUNGE", "b OK", NULL);
    world_talk(other, "o STORE 1 +FLAGS.SILENT \\Deleted", "* 3 EXISTS", "* 0 RECENT", "o OK",
               NULL);
    world_talk(h, "c IDLE", "+ idling", NULL);
    world_talk(other, "o EXPUNGE", "* 1 EXPUNGE", "o OK", NULL);
    world_hears(h, "* 1 EXPUNGE", NULL);
    world_talk(h, "DONE", "c OK", NULL);
    /* what it puts there itself is only counted */
    host_sends(h, "d APPEND INBOX {6+}\r\na: b\r\n\r\n");
    host_expect(h, "* 3 EXISTS");
    host_expect(h, "* 0 RECENT");
    host_expect(h, "d OK [APPENDUID");
    world_hears(h, NULL);
    world_talk(h, "e COPY 1 INBOX", "* 4 EXISTS", "* 0 RECENT", "e OK [COPYUID", NULL);
    world_hears(h, NULL);
    host_free(other);
    host_free(h);
}

static void names(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(h, "a NOTIFY SET (personal (MailboxName SubscriptionChange))", "a OK", NULL);
    world_talk(other, "o CREATE NewMailbox", "o OK", NULL);
    world_hears(h, "* LIST (\\HasNoChildren \\Subscribed) \"/\" NewMailbox", NULL);
    world_talk(other, "o CREATE NewMailbox/Below", "o OK", NULL);
    world_hears(h, "* LIST (\\HasNoChildren \\Subscribed) \"/\" NewMailbox/Below",
                "* LIST (\\HasChildren \\Subscribed) \"/\" NewMailbox", NULL);
    world_talk(other, "o UNSUBSCRIBE NewMailbox", "o OK", NULL);
    world_hears(h, "* LIST (\\HasChildren) \"/\" NewMailbox", NULL);
    world_talk(other, "o SUBSCRIBE NewMailbox", "o OK", NULL);
    world_hears(h, "* LIST (\\HasChildren \\Subscribed) \"/\" NewMailbox", NULL);
    /* children come along silently */
    world_talk(other, "o RENAME NewMailbox Renamed", "o OK", NULL);
    world_hears(h, "* LIST (\\HasChildren", NULL);
    world_talk(other, "o DELETE Renamed", "o OK", NULL);
    world_hears(h, "* LIST (\\HasChildren \\Noselect", NULL);
    world_talk(other, "o DELETE Renamed/Below", "o OK", NULL);
    host_sends(h, "x NOOP\r\n");
    host_wait(h, 0);
    assert_true(span_find(host_output(h), SPAN("* LIST (\\NonExistent")) >= 0);
    host_output_clear(h);
    /* a use is told, as LIST does */
    world_talk(other, "o UNSUBSCRIBE Sent", "o OK", NULL);
    world_hears(h, "* LIST (\\HasNoChildren \\Sent) \"/\" Sent", NULL);
    host_free(other);
    host_free(h);
}

static void some_names(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(h,
               "a NOTIFY SET (subtree Sent (MailboxName)) (subscribed (MessageNew MessageExpunge))",
               "a OK", NULL);
    world_talk(other, "o CREATE Elsewhere", "o OK", NULL);
    world_talk(other, "o CREATE Sent/2026", "o OK", NULL);
    world_hears(h, "* LIST (\\HasNoChildren \\Subscribed) \"/\" Sent/2026", "* LIST (\\HasChildren",
                NULL);
    world_talk(other, "o DELETE Sent/2026", "o OK", NULL);
    world_hears(h, "* LIST (\\NonExistent \\Subscribed) \"/\" Sent/2026", "* LIST (\\HasNoChildren",
                NULL);
    /* the list of what is subscribed to is that of the moment */
    append(other, "Elsewhere");
    world_hears(h, "* STATUS Elsewhere (MESSAGES 1 UIDNEXT 2", NULL);
    world_talk(other, "o UNSUBSCRIBE Elsewhere", "o OK", NULL);
    append(other, "Elsewhere");
    world_hears(h, NULL);
    host_free(other);
    host_free(h);
}

static void flags_elsewhere(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_select(&w);
    world_talk(h, "a NOTIFY SET STATUS (mailboxes inbox (MessageNew MessageExpunge FlagChange))",
               "* STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY", "a OK", NULL);
    world_talk(other, "o STORE 1 +FLAGS.SILENT \\Seen", "o OK", NULL);
    world_hears(h, "* STATUS INBOX (UIDVALIDITY", NULL);
    world_talk(other, "o STORE 1 +FLAGS.SILENT \\Flagged", "o OK", NULL);
    world_hears(h, NULL); /* §5.1: nothing of it can be told without mod-sequences */
    world_talk(h, "b ENABLE CONDSTORE", "* ENABLED CONDSTORE", "b OK", NULL);
    world_talk(other, "o STORE 1 -FLAGS.SILENT \\Flagged", "o OK", NULL);
    world_hears(h, "* STATUS INBOX (UIDVALIDITY", NULL);
    /* once it is selected its events are those of SELECTED */
    host_sends(h, "c SELECT INBOX\r\n");
    host_output_clear(h);
    world_talk(other, "o STORE 1 +FLAGS.SILENT \\Flagged", "o OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "d UNAUTHENTICATE", "d OK", NULL);
    world_talk(other, "o STORE 1 -FLAGS.SILENT \\Flagged", "o OK", NULL);
    world_hears(h, NULL);
    host_free(other);
    host_free(h);
}

static void metadata(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(other, "o SETMETADATA INBOX (/shared/comment \"before\" /private/comment \"mine\")",
               "o OK", NULL);
    world_talk(h,
               "a NOTIFY SET (mailboxes (INBOX Sent) (MailboxMetadataChange)) (personal "
               "(ServerMetadataChange))",
               "a OK", NULL);
    world_talk(other, "o SETMETADATA INBOX (/shared/comment \"after\")", "o OK", NULL);
    world_hears(h, "* METADATA INBOX /shared/comment", NULL);
    world_talk(other,
               "o SETMETADATA INBOX (/shared/comment NIL /private/comment \"yours\" /private/color "
               "\"red\")",
               "o OK", NULL);
    world_hears(h, "* METADATA INBOX /private/color /private/comment /shared/comment", NULL);
    world_talk(other, "o SETMETADATA Sent (/private/comment {3+}\r\nout)", "o OK", NULL);
    world_talk(other, "o SETMETADATA Trash (/private/comment {3+}\r\nbin)", "o OK", NULL);
    world_talk(other, "o SETMETADATA \"\" (/private/comment \"all\")", "o OK", NULL);
    world_hears(h, "* METADATA Sent /private/comment", "* METADATA \"\" /private/comment", NULL);
    world_talk(other, "o SETMETADATA \"\" (/private/comment \"all\")", "o OK",
               NULL); /* as it was */
    world_hears(h, NULL);
    world_talk(other, "o SETMETADATA \"\" (/private/comment NIL)", "o OK", NULL);
    world_hears(h, "* METADATA \"\" /private/comment", NULL);
    host_free(other);
    host_free(h);
}

/* §5.4: one event, of the new name. */
static void inbox_is_renamed(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(other, "o CREATE Top", "o OK", NULL);
    world_talk(h, "a NOTIFY SET (personal (MailboxName)) (subscribed (MailboxName))", "a OK", NULL);
    world_append(&w, SPAN(MESSAGE), 0);
    world_talk(other, "o RENAME INBOX Top/Old", "o OK", NULL);
    world_hears(h, "* LIST (\\HasNoChildren \\Subscribed) \"/\" Top/Old (\"OLDNAME\" (INBOX))",
                NULL);
    world_talk(other, "o RENAME Top/Old Older", "o OK", NULL);
    world_hears(h, "* LIST (\\HasNoChildren \\Subscribed) \"/\" Older (\"OLDNAME\" (Top/Old))",
                NULL);
    world_talk(other, "o CREATE Older/Below", "o OK", NULL);
    world_hears(h, "* LIST (\\HasNoChildren \\Subscribed) \"/\" Older/Below",
                "* LIST (\\HasChildren \\Subscribed) \"/\" Older", NULL);
    world_talk(other, "o DELETE Older", "o OK", NULL);
    world_hears(h, "* LIST (\\HasChildren \\Noselect", NULL);
    world_talk(other, "o RENAME inbox Older", "o OK", NULL);
    world_hears(h, "* LIST (\\HasChildren \\Subscribed) \"/\" Older (\"OLDNAME\" (INBOX))", NULL);
    /* to whom it becomes known later it is no event */
    world_talk(other, "o UNSUBSCRIBE Older", "o OK", NULL);
    world_talk(h, "b NOTIFY SET (subscribed (MailboxName))", "b OK", NULL);
    world_talk(other, "o SUBSCRIBE Older", "o OK", NULL);
    world_hears(h, "* LIST (\\HasChildren \\Subscribed) \"/\" Older", NULL);
    assert_int_equal(span_find(host_output(h), SPAN("OLDNAME")), -1);
    host_free(other);
    host_free(h);
}

/* §5: who does it need not be told. */
static void own_names(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(h, "a NOTIFY SET (personal (MailboxName SubscriptionChange))", "a OK", NULL);
    world_talk(h, "b CREATE New", "b OK", NULL);
    world_talk(h, "b CREATE New/Below/", "b OK", NULL);
    world_hears(h, NULL);
    host_sends(h, "b CREATE Far/Away\r\n");
    host_expect(h, "b OK");
    world_hears(h, "* LIST (\\HasChildren \\Subscribed) \"/\" Far",
                NULL); /* this it did not ask for */
    world_talk(h, "b RENAME New Newer", "b OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "b UNSUBSCRIBE Newer", "b OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "b SUBSCRIBE Newer", "b OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "b DELETE Newer", "b OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "b DELETE Newer/Below", "b OK", NULL);
    host_output_clear(h);
    world_hears(h, NULL);
    /* what somebody else makes of it meanwhile is told */
    host_sends(h, "c CREATE Mine\r\n");
    host_output_clear(h);
    world_hears(h, NULL);
    world_talk(other, "o DELETE Mine", "o OK", NULL);
    world_hears(h, "* LIST (\\NonExistent \\Subscribed) \"/\" Mine", NULL);
    world_talk(h, "b CREATE Mine", "b OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "b RENAME INBOX Past", "b OK", NULL);
    world_hears(h, NULL);
    host_free(other);
    host_free(h);
}

static void own_messages(void **state)
{
    (void)state;
    struct host *h = world_select(&w), *other = world_login(&w);
    world_talk(h,
               "a NOTIFY SET (selected (MessageNew MessageExpunge)) "
               "(mailboxes (Sent Trash) (MessageNew MessageExpunge FlagChange))",
               "a OK", NULL);
    world_talk(h, "b ENABLE CONDSTORE", "b BAD", NULL);
    world_talk(h, "b STATUS INBOX (HIGHESTMODSEQ)", "* OK [HIGHESTMODSEQ ", "* STATUS", "b OK",
               NULL);
    append(h, "Sent");
    world_hears(h, NULL);
    append(other, "Sent");
    world_hears(h, "* STATUS Sent (MESSAGES 2 UIDNEXT 3 ", NULL);
    world_talk(h, "b COPY 1:2 Trash", "b OK [COPYUID", NULL);
    world_hears(h, NULL);
    world_talk(h, "b UID MOVE 3 Trash", "* OK [COPYUID", "* 3 EXPUNGE", "b OK", NULL);
    world_hears(h, NULL);
    /* together with what somebody else does it is told */
    for (int n = 0; n < 4; n++) {
        static const char *const others[] = {"o STORE 1 +FLAGS.SILENT \\Flagged",
                                             "o STORE 3 +FLAGS.SILENT \\Deleted", "o EXPUNGE",
                                             "o NOOP"};
        char append_it[] = "c APPEND Trash {47+}\r\n" MESSAGE "\r\n";
        if (n == 0)
            host_sends(other, "o SELECT Trash\r\n");
        host_sends(other, others[n]);
        host_sends(other, "\r\n");
        host_output_clear(other);
        host_sends(h, append_it); /* before it is looked at */
        host_expect(h, "c OK");
        if (n < 3)
            world_hears(h, "* STATUS Trash (", NULL);
        else
            world_hears(h, NULL);
    }
    host_free(other);
    host_free(h);
}

static void own_metadata(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    world_talk(h,
               "a NOTIFY SET (mailboxes (INBOX) (MailboxMetadataChange)) (personal "
               "(ServerMetadataChange))",
               "a OK", NULL);
    world_talk(h, "b SETMETADATA INBOX (/shared/comment \"a\" /private/comment \"b\")", "b OK",
               NULL);
    world_hears(h, NULL);
    world_talk(h, "b SETMETADATA INBOX (/shared/comment NIL)", "b OK", NULL);
    world_hears(h, NULL);
    world_talk(h, "b SETMETADATA \"\" (/private/comment \"b\")", "b OK", NULL);
    world_hears(h, NULL);
    world_talk(other, "o SETMETADATA INBOX (/private/comment NIL)", "o OK", NULL);
    world_hears(h, "* METADATA INBOX /private/comment", NULL);
    host_free(other);
    host_free(h);
}

/* §7: UPDATE with items, beside those of NOTIFY. */
static void searches(void **state)
{
    (void)state;
    struct host *h = world_select(&w);
    world_talk(
        h,
        "a SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) SUBJECT \"boss\"",
        "* ESEARCH (TAG \"a\") COUNT 0", "a OK", NULL);
    world_talk(h, "b SEARCH RETURN (UPDATE ALL) ALL", "* ESEARCH (TAG \"b\") ALL 1:3", "b OK",
               NULL);
    world_talk(h, "c SEARCH RETURN (UPDATE (WHAT)) ALL", "c BAD", NULL);
    world_append(&w, SPAN("Subject: the boss\r\n\r\n"), 0);
    world_append(&w, SPAN("Subject: nobody\r\n\r\n"), 0);
    world_talk(h, "d NOOP", "* 5 EXISTS", "* 0 RECENT", "* ESEARCH (TAG \"b\") ADDTO (0 4:5)",
               "* ESEARCH (TAG \"a\") ADDTO (0 4)",
               "* 4 FETCH (UID 4 BODY[HEADER.FIELDS (SUBJECT)] {21}", "Subject: the boss", "", ")",
               "d OK", NULL);
    world_talk(h, "e NOTIFY SET (SELECTED (MessageNew (FLAGS) MessageExpunge))", "e OK", NULL);
    world_append(&w, SPAN("Subject: boss\r\n\r\n"), FLAG_FLAGGED);
    world_hears(h, "* 6 EXISTS", "* 0 RECENT", "* ESEARCH (TAG \"b\") ADDTO (0 6)",
                "* ESEARCH (TAG \"a\") ADDTO (0 6)", "* 6 FETCH (FLAGS (\\Flagged))",
                "* 6 FETCH (UID 6 BODY[HEADER.FIELDS (SUBJECT)] {17}", "Subject: boss", "", ")",
                NULL);
    host_free(h);
}

static void too_much(void **state)
{
    (void)state;
    struct host *h = world_login(&w), *other = world_login(&w);
    char name[64];
    struct mailbox_id id;
    for (int n = 0; n < LIMIT_IMAP_NOTIFY - 6; n++) {
        (void)snprintf(name, sizeof name, "many%d", n);
        assert_int_equal(mailbox_create(&w.mail, w.account, span_str(name), USE_NONE, &id), 0);
    }
    world_talk(h, "a NOTIFY SET (personal (MailboxName))", "a OK", NULL);
    world_talk(other, "o CREATE more", "o OK", NULL);
    world_hears(h, "* OK [NOTIFICATIONOVERFLOW]", NULL);
    world_talk(h, "b NOTIFY SET (personal (MailboxName))", "b NO [NOTIFICATIONOVERFLOW]", NULL);
    world_talk(h, "c NOTIFY SET (subtree more (MailboxName))", "c OK", NULL);
    world_talk(other, "o DELETE more", "o OK", NULL);
    world_hears(h, "* LIST (\\NonExistent \\Subscribed) \"/\" more", NULL);
    /* and annotations */
    struct mail_annotation note[LIMIT_ANNOTATIONS];
    char notes[LIMIT_ANNOTATIONS][64];
    for (int n = 0; n < LIMIT_ANNOTATIONS; n++) {
        (void)snprintf(notes[n], sizeof notes[n], "/comment/%d", n);
        note[n] = (struct mail_annotation){.name = span_str(notes[n]), .value = SPAN("x")};
    }
    for (int n = 0; n <= LIMIT_IMAP_NOTIFY_NOTES / LIMIT_ANNOTATIONS; n++) {
        id.v = USE_COUNT + 1 + (uint32_t)n;
        assert_int_equal(
            mailbox_annotate(&w.mail, w.account, w.account, id, note, LIMIT_ANNOTATIONS), 0);
    }
    world_talk(h, "c NOTIFY SET (personal (MailboxMetadataChange))", "* OK [NOTIFICATIONOVERFLOW]",
               "c OK", NULL);
    host_sends(h, "d NOTIFY SET");
    for (int n = 0; n < 500; n++)
        host_sends(h, " (mailboxes (a b c) (MailboxName))");
    host_sends(h, "\r\n");
    host_expect(h, "d NO [NOTIFICATIONOVERFLOW]");
    host_free(other);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_it_takes, setup, world_teardown),
        cmocka_unit_test_setup_teardown(as_in_the_rfc, setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_selected_mailbox, setup, world_teardown),
        cmocka_unit_test_setup_teardown(nothing_at_all, setup, world_teardown),
        cmocka_unit_test_setup_teardown(expunges_may_wait, setup, world_teardown),
        cmocka_unit_test_setup_teardown(names, setup, world_teardown),
        cmocka_unit_test_setup_teardown(some_names, setup, world_teardown),
        cmocka_unit_test_setup_teardown(flags_elsewhere, setup, world_teardown),
        cmocka_unit_test_setup_teardown(metadata, setup, world_teardown),
        cmocka_unit_test_setup_teardown(inbox_is_renamed, setup, world_teardown),
        cmocka_unit_test_setup_teardown(own_names, setup, world_teardown),
        cmocka_unit_test_setup_teardown(own_messages, setup, world_teardown),
        cmocka_unit_test_setup_teardown(own_metadata, setup, world_teardown),
        cmocka_unit_test_setup_teardown(searches, setup, world_teardown),
        cmocka_unit_test_setup_teardown(too_much, setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
