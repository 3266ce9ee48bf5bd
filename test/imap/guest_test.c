/* SPDX-License-Identifier: Apache-2.0 */
/* What people who share mailboxes cannot do to one another: learn of what is not shared, or leave nothing for the owner. */
#include "one_people.h"

#include "base/limits.h"
#include "mailbox/acl.h"

/* ---- what is not shared ----------------------------------------------------------------------- */

/* The list of keywords is one for all mailboxes of an account. */
static void keywords_of_other_mailboxes_are_not_told(void **state)
{
    (void)state;
    struct host *h = anna();
    world_talk(h, "a APPEND Archive (divorce) {1+}\r\nx", "a OK", NULL);
    world_talk(h, "a APPEND INBOX (work) {1+}\r\nx", "a OK", NULL);
    people_give(&p, "lrw");
    struct host *b = bernd();
    world_talk(b, "a SELECT " INBOX_OF_ANNA,
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)", "* 1 EXISTS",
               "* 0 RECENT", "* OK [UNSEEN 1]", "* OK [UIDVALIDITY", "* OK [UIDNEXT 2]",
               "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Draft \\*)]", "* OK [HIGHESTMODSEQ",
               "* OK [MAILBOXID (F1-", "* OK [URLMECH", "a OK [READ-WRITE]", NULL);
    /* those of its messages are, before they are seen */
    world_talk(b, "a FETCH 1 FLAGS", "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)",
               "* 1 FETCH (FLAGS (work))", "a OK", NULL);
    world_talk(b, "a FETCH 1 FLAGS", "* 1 FETCH (FLAGS (work))", "a OK", NULL);
    world_talk(b, "a STORE 1 +FLAGS (divorce)",
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft divorce work)",
               "* 1 FETCH (FLAGS (divorce work))", "a OK", NULL);
    host_free(b);
    host_free(h);
}

/* ---- what is left for the owner ------------------------------------------------------------------ */

static void half_of_the_keywords_is_the_owner_s(void **state)
{
    (void)state;
    char line[64];
    uint32_t id;
    people_letter(&p);
    people_give(&p, "lrwi");
    struct host *h = anna(), *b = bernd();
    for (unsigned k = 0; k + 1 < LIMIT_KEYWORDS / 2; k++) {
        snprintf(line, sizeof line, "word%u", k);
        assert_int_equal(
            mailbox_keyword(&p.w.mail, p.id[0], span_str(line), KEYWORD_ADD_GUEST, &id), 0);
    }
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    host_sends(b, "a STORE 1 +FLAGS.SILENT (last)\r\n"); /* RFC 9051 §7.1: without \* */
    struct span line_of = host_expect(b, "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Draft)]");
    assert_true(span_chr(line_of, '*') == 0 && span_rchr(line_of, '*') == 0);
    host_expect(b, "a OK");
    world_talk(b, "a STORE 1 +FLAGS (more)", "a NO [LIMIT]", NULL);
    world_talk(b, "a STORE 1 +FLAGS.SILENT (word7)", "a OK", NULL);
    world_talk(b, "a APPEND " INBOX_OF_ANNA " (more) {1+}\r\nx", "a NO [LIMIT]", NULL);
    world_talk(b, "a APPEND INBOX (more word7) {1+}\r\nx", "a OK", NULL);
    host_sends(b, "a SELECT INBOX\r\n");
    host_output_clear(b);
    world_talk(b, "a COPY 1 " INBOX_OF_ANNA, "a OK", NULL); /* goes without */
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    world_talk(h, "a FETCH 2 FLAGS", "* 2 FETCH (FLAGS (word7))", "a OK", NULL);
    world_talk(h, "a STORE 2 +FLAGS.SILENT (more)", "a OK", NULL);
    /* nor is the owner's without end; the room that a STORE took before it failed is taken */
    for (unsigned k = LIMIT_KEYWORDS / 2 + 2; k < LIMIT_KEYWORDS; k++) {
        snprintf(line, sizeof line, "word%u", k);
        assert_int_equal(mailbox_keyword(&p.w.mail, p.id[0], span_str(line), KEYWORD_ADD, &id), 0);
    }
    world_talk(h, "a STORE 2 +FLAGS.SILENT (final beyond)",
               "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft ",
               "a NO [LIMIT]", NULL);
    world_talk(h, "a STORE 2 +FLAGS.SILENT (final beyond)", "a NO [LIMIT]", NULL);
    host_free(b);
    host_free(h);
}

static void half_of_the_mailboxes_is_the_owner_s(void **state)
{
    (void)state;
    enum { LEVELS = LIMIT_MAILBOX_DEPTH - 1 };
    char name[LIMIT_MAILBOX_NAME];
    struct mailbox_id id;
    struct host *h = anna(), *b = bernd();
    for (unsigned k = 0; k < LIMIT_MAILBOXES / 2 / LEVELS + 1; k++) {
        int n = snprintf(name, sizeof name, "%u", k);
        for (unsigned level = 1; level < LEVELS; level++)
            n += snprintf(name + n, sizeof name - (size_t)n, "/x");
        assert_int_equal(mailbox_create(&p.w.mail, p.id[0], span_str(name), USE_NONE, &id), 0);
    }
    world_talk(h, "a SETACL 1 bernd@example.test lrkx", "a OK", NULL);
    world_talk(b, "a CREATE \"Other Users/anna@example.test/1/new\"", "a NO [LIMIT]", NULL);
    world_talk(h, "a CREATE 1/new", "a OK", NULL);
    world_talk(b, "a CREATE new", "a OK", NULL);
    host_free(b);
    host_free(h);
}

/* ---- what is taken away meanwhile ------------------------------------------------------------- */

/* Bernd's mail has changed: what he moves has come. */
static void take_away(void *arg, struct part part)
{
    bool *over = arg;
    struct mail_grant_change change = {.user = {p.id[1], SPAN("bernd@example.test")},
                                       .rights = RIGHT_LOOKUP | RIGHT_READ};
    (void)part;
    if (!*over)
        assert_int_equal(mailbox_grant(&p.w.mail, p.id[0], (struct mailbox_id){USE_INBOX}, &change),
                         0);
    *over = true;
}

/* MOVE goes piece by piece, and its rights are looked at again for each. */
static void a_long_move_ends_with_its_rights(void **state)
{
    (void)state;
    enum { DOUBLINGS = 15 };
    struct store_watch *watch;
    struct span line;
    bool over = false;
    struct host *h = anna(), *b = bernd();
    people_letter(&p);
    host_sends(h, "a SELECT INBOX\r\n");
    for (int k = 0; k < DOUBLINGS; k++)
        host_sends(h, "a COPY 1:* INBOX\r\n");
    people_give(&p, "lrte");
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    assert_int_equal(
        store_watch(p.w.store, (struct part){PART_ACCOUNT, p.id[1]}, take_away, &over, &watch), 0);
    host_sends(b, "m MOVE 1:* Archive\r\n");
    store_unwatch(watch);
    host_expect(b, "* OK [COPYUID ");
    while (host_line(b, &line) && !span_starts(line, SPAN("m ")))
        assert_true(span_ends(line, SPAN("EXPUNGE")) ||
                    span_starts(line, SPAN("* OK [PERMANENTFLAGS ()]")));
    assert_true(span_starts(line, SPAN("m NO [NOPERM]")));
    world_talk(b, "a STATUS Archive (MESSAGES)", "* STATUS Archive (MESSAGES 20000)", "a OK", NULL);
    host_free(b);
    host_free(h);
}

/* Anna's mail has changed: what moves to her has come. */
static void delete_source(void *arg, struct part part)
{
    struct mailbox_id *box = arg;
    (void)part;
    if (box->v != 0)
        assert_int_equal(mailbox_delete(&p.w.mail, p.id[1], *box, 0), 0);
    box->v = 0;
}

/* They are where they were to go, and nowhere else: NO would say that nothing was moved. */
static void a_move_out_of_a_mailbox_that_is_deleted_meanwhile(void **state)
{
    (void)state;
    struct store_watch *watch;
    struct mailbox_id box;
    struct part part = {PART_ACCOUNT, p.id[0]};
    struct host *b = bernd();
    people_give(&p, "lri");
    assert_int_equal(mailbox_create(&p.w.mail, p.id[1], SPAN("Box"), USE_NONE, &box), 0);
    world_talk(b, "a APPEND Box {1+}\r\nx", "a OK", NULL);
    world_talk(b, "a APPEND Box {1+}\r\ny", "a OK", NULL);
    host_sends(b, "a SELECT Box\r\n");
    host_output_clear(b);
    assert_int_equal(store_watch(p.w.store, part, delete_source, &box, &watch), 0);
    world_talk(b, "a MOVE 1:2 " INBOX_OF_ANNA, "* OK [COPYUID ", "* 2 EXPUNGE", "* 1 EXPUNGE",
               "a OK", NULL);
    store_unwatch(watch);
    world_talk(b, "a STATUS " INBOX_OF_ANNA " (MESSAGES)",
               "* STATUS \"Other Users/anna@example.test/INBOX\" (MESSAGES 2)", "a OK", NULL);
    world_talk(b, "a STATUS Box (MESSAGES)", "a NO [NONEXISTENT]", NULL);
    host_free(b);
}

/* ---- what others share ---------------------------------------------------------------------------- */

/* A level above many counts once. */
static void deep_mailboxes_are_all_listed(void **state)
{
    (void)state;
    enum { MANY = LIMIT_SHARED_NAMES / LIMIT_MAILBOX_DEPTH + 100 };
    static const char top[] = "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s";
    char name[LIMIT_MAILBOX_NAME];
    struct mail_grant_change give = {.user = {p.id[1], SPAN("bernd@example.test")},
                                     .rights = RIGHT_LOOKUP | RIGHT_READ};
    struct mailbox_id id;
    struct span line;
    size_t n = 0;
    assert_int_equal(mailbox_create(&p.w.mail, p.id[0], span_str(top), USE_NONE, &id), 0);
    assert_int_equal(mailbox_grant(&p.w.mail, p.id[0], id, &give), 0);
    for (unsigned k = 0; k < MANY; k++) { /* each with the list of the one above */
        snprintf(name, sizeof name, "%s/%u", top, k);
        assert_int_equal(mailbox_create(&p.w.mail, p.id[0], span_str(name), USE_NONE, &id), 0);
    }
    struct host *b = bernd();
    host_sends(b, "a LIST \"Other Users/\" *\r\n");
    line = host_expect(b, "* LIST (\\HasChildren) \"/\" \"Other Users/anna@example.test/a/b");
    while (host_line(b, &line) && span_starts(line, SPAN("* LIST (\\HasNoChildren)")))
        n++;
    assert_int_equal(n, MANY);
    assert_true(span_starts(line, SPAN("a OK")));
    host_free(b);
}

/* The owner has the room back, and whoever gets rights again begins anew. */
static void notes_go_with_the_last_right(void **state)
{
    (void)state;
    people_give(&p, "lr");
    struct host *h = anna(), *b = bernd();
    world_talk(b, "a SETMETADATA " INBOX_OF_ANNA " (/private/comment \"mine\")", "a OK", NULL);
    world_talk(h, "a SETMETADATA INBOX (/private/comment \"hers\")", "a OK", NULL);
    world_talk(h, "a SETACL INBOX bernd@example.test -r", "a OK", NULL);
    world_talk(h, "a SETACL INBOX bernd@example.test +r", "a OK", NULL);
    world_talk(b, "a GETMETADATA " INBOX_OF_ANNA " /private/comment",
               "* METADATA " INBOX_OF_ANNA " (/private/comment \"mine\")", "a OK", NULL);
    world_talk(h, "a DELETEACL INBOX bernd@example.test", "a OK", NULL);
    world_talk(b, "a SETMETADATA " INBOX_OF_ANNA " (/private/comment \"x\")", "a NO [NONEXISTENT]",
               NULL);
    world_talk(h, "a SETACL INBOX bernd@example.test lr", "a OK", NULL);
    world_talk(b, "a GETMETADATA " INBOX_OF_ANNA " /private/comment",
               "* METADATA " INBOX_OF_ANNA " (/private/comment NIL)", "a OK", NULL);
    world_talk(h, "a GETMETADATA INBOX /private/comment",
               "* METADATA INBOX (/private/comment \"hers\")", "a OK", NULL);
    host_free(b);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, people_teardown)
        T(keywords_of_other_mailboxes_are_not_told),
        T(half_of_the_keywords_is_the_owner_s),
        T(half_of_the_mailboxes_is_the_owner_s),
        T(a_long_move_ends_with_its_rights),
        T(a_move_out_of_a_mailbox_that_is_deleted_meanwhile),
        T(deep_mailboxes_are_all_listed),
        T(notes_go_with_the_last_right),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
