/* SPDX-License-Identifier: Apache-2.0 */
/* ESEARCH: many mailboxes at once (RFC 7377). */
#include "one_world.h"

#include "world.h"

static struct host *h;

/* Their ids are 7 and up, and UIDVALIDITY is not ours to know. */
static const char *const boxes[] = {"folder1", "folder2/banana", "folder2/peach/deep",
                                    "F\xc3\xbcnf"};

static void append(struct mailbox_id box, const char *text, uint32_t flags)
{
    struct blob_writer *writer;
    struct mail_appended out;
    struct mail_append in = {.mailbox = box, .received_ms = w.clock.now_ms, .flags = flags};
    assert_int_equal(store_blob_create(w.store, &writer), 0);
    assert_int_equal(store_blob_write(writer, span_str(text)), 0);
    assert_int_equal(store_blob_finish(writer, &in.blob, &in.info), 0);
    assert_int_equal(mailbox_append(&w.mail, w.account, &in, &out), 0);
}

static int setup(void **state)
{
    (void)world_setup(state);
    append((struct mailbox_id){1}, "Subject: in the inbox, chad\r\n\r\n", 0);
    append((struct mailbox_id){1}, "Subject: seen\r\n\r\n", FLAG_SEEN);
    for (size_t i = 0; i < COUNT_OF(boxes); i++) {
        struct mailbox_id id;
        assert_int_equal(mailbox_create(&w.mail, w.account, span_str(boxes[i]), USE_NONE, &id), 0);
        append(id, "Subject: first\r\n\r\n", FLAG_SEEN);
        append(id, "Subject: chad\r\n\r\n", 0);
        append(id, "Subject: third\r\n\r\n", 0);
    }
    assert_int_equal(mailbox_subscribe(&w.mail, w.account, SPAN("folder1"), false), 0);
    h = world_login(&w);
    return 0;
}

static int teardown(void **state)
{
    host_free(h);
    return world_teardown(state);
}

/* A response of mailbox and data, whatever the UIDVALIDITY; NULL: the tagged one. */
static void expect(const char *mailbox, const char *data)
{
    struct span line;
    assert_true(host_line(h, &line));
    struct span rest = span_trim(line);
    uint32_t number;
    if (mailbox == NULL) {
        if (!span_starts(rest, span_str(data)))
            fail_msg("%.*s, not %s", SPAN_ARG(rest), data);
        return;
    }
    bool right = span_skip(&rest, SPAN("* ESEARCH (TAG \"a\" MAILBOX ")) &&
                 span_skip(&rest, span_str(mailbox)) && span_skip(&rest, SPAN(" UIDVALIDITY ")) &&
                 span_to_u32(span_split(&rest, ')'), &number) && number > 0 &&
                 span_eq(rest, span_str(data));
    if (!right)
        fail_msg("%.*s, not %s%s", SPAN_ARG(line), mailbox, data);
}

static void sources(void **state)
{
    (void)state;
    host_sends(h, "a ESEARCH IN (mailboxes \"folder1\" subtree folder2) unseen\r\n");
    expect("folder1", " UID ALL 2:3");
    expect("folder2/banana", " UID ALL 2:3");
    expect("folder2/peach/deep", " UID ALL 2:3");
    expect(NULL, "a OK ESEARCH completed");
    host_sends(
        h, "a ESEARCH IN (mailboxes (folder1 nobody INBOX) subtree-one folder2) SUBJECT chad\r\n");
    expect("INBOX", " UID ALL 1");
    expect("folder1", " UID ALL 2");
    expect("folder2/banana", " UID ALL 2");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (personal) RETURN (MIN COUNT) UNSEEN\r\n");
    expect("INBOX", " UID MIN 1 COUNT 1");
    expect("folder1", " UID MIN 2 COUNT 2");
    expect("folder2/banana", " UID MIN 2 COUNT 2");
    expect("folder2/peach/deep", " UID MIN 2 COUNT 2");
    expect("F&APw-nf", " UID MIN 2 COUNT 2");
    expect(NULL, "a OK");
    host_sends(
        h, "a ESEARCH IN (subscribed inboxes subscribed) RETURN (PARTIAL -1:-1) SUBJECT third\r\n");
    expect("folder1", " UID PARTIAL (-1:-1 3)");
    expect("folder2/banana", " UID PARTIAL (-1:-1 3)");
    expect("folder2/peach/deep", " UID PARTIAL (-1:-1 3)");
    expect("F&APw-nf", " UID PARTIAL (-1:-1 3)");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (subscribed) 1 UID 1\r\n");
    expect("INBOX", " UID ALL 1");
    expect("folder2/banana", " UID ALL 1");
    expect("folder2/peach/deep", " UID ALL 1");
    expect("F&APw-nf", " UID ALL 1");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (mailboxes F&APw-nf subtree inbox) CHARSET UTF-8 UNSEEN\r\n");
    expect("INBOX", " UID ALL 1");
    expect("F&APw-nf", " UID ALL 2:3");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (mailboxes nobody) RETURN (COUNT) ALL\r\n");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (personal) RETURN (COUNT) SUBJECT nowhere\r\n");
    expect(NULL, "a OK");
    host_expect_silence(h);
}

static void the_selected_one(void **state)
{
    struct span line;
    (void)state;
    host_sends(h, "s SELECT folder1\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("s ")));
    host_sends(h, "a ESEARCH UNSEEN\r\n");
    expect("folder1", " UID ALL 2:3");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (selected mailboxes INBOX) RETURN () UNSEEN\r\n");
    expect("INBOX", " UID ALL 1");
    expect("folder1", " UID ALL 2:3");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (selected) RETURN (SAVE) 3\r\n");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (selected mailboxes INBOX) $\r\n");
    expect("folder1", " UID ALL 3");
    expect(NULL, "a OK");
    host_sends(h, "a ESEARCH IN (selected) RETURN (ALL COUNT) MODSEQ 1\r\n");
    host_expect(h, "* OK [HIGHESTMODSEQ ");
    host_expect(h, "* ESEARCH (TAG \"a\" MAILBOX folder1 UIDVALIDITY ");
    expect(NULL, "a OK");
    host_expect_silence(h);
}

/* RFC 9586: there are no numbers. */
static void by_uid_only(void **state)
{
    (void)state;
    world_talk(h, "a ENABLE UIDONLY", "* ENABLED UIDONLY", "a OK", NULL);
    host_sends(h, "a ESEARCH IN (mailboxes folder1) UNSEEN UID 3:9\r\n");
    expect("folder1", " UID ALL 3");
    expect(NULL, "a OK");
    world_talk(h, "a ESEARCH IN (mailboxes folder1) 2", "a BAD [UIDREQUIRED]", NULL);
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a ESEARCH",
        "a ESEARCH ALL", /* nothing is selected */
        "a ESEARCH IN (selected) ALL",
        "a ESEARCH IN ALL",
        "a ESEARCH IN () ALL",
        "a ESEARCH IN (personal)",
        "a ESEARCH IN (what) ALL",
        "a ESEARCH IN (selected-delayed) ALL",
        "a ESEARCH IN (mailboxes) ALL",
        "a ESEARCH IN (mailboxes ()) ALL",
        "a ESEARCH IN (subtree (a (b))) ALL",
        "a ESEARCH IN (mailboxes nobody) WHAT",
        "a ESEARCH IN (personal) RETURN (SAVE) ALL",
        "a ESEARCH IN (personal (x)) ALL",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        world_talk(h, bad[i], "a BAD Please write: ESEARCH ", NULL);
    world_talk(h, "a ESEARCH IN (personal) CHARSET X-NOBODY ALL", "a NO [BADCHARSET", NULL);
    world_talk(h, "a UID ESEARCH IN (mailboxes nobody) ALL", "a OK",
               NULL); /* as in an example of §2 */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(sources), T(the_selected_one), T(by_uid_only), T(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
