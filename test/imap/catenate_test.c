/* SPDX-License-Identifier: Apache-2.0 */
/* CATENATE (RFC 4469), after its examples: messages of texts and of parts of other messages. */
#include "one_world.h"

#include "base/err.h"
#include "base/limits.h"
#include "world.h"

#define LINE "--------------030308070208000400050907"
#define HEADER                                                                                     \
    "From: bar@example.org\r\nSubject: holiday\r\nContent-Type: multipart/mixed;\r\n "             \
    "boundary=\"------------030308070208000400050907\"\r\n\r\n"
#define MIME_1 "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
#define BODY_1 "Our travel agent has sent the schedule."
#define MIME_2                                                                                     \
    "Content-Type: application/x-zip-compressed\r\nContent-Transfer-Encoding: base64\r\n\r\n"
#define BODY_2 "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="
#define DRAFT  HEADER LINE "\r\n" MIME_1 BODY_1 "\r\n" LINE "\r\n" MIME_2 BODY_2 "\r\n" LINE "--\r\n"

static struct host *h;

/* The draft is message 2 of INBOX. */
static int setup(void **state)
{
    (void)world_setup(state);
    world_append(&w, SPAN("Subject: first\r\n\r\nx\r\n"), 0);
    world_append(&w, SPAN(DRAFT), 0);
    h = world_login(&w);
    return 0;
}

static int teardown(void **state)
{
    host_free(h);
    return world_teardown(state);
}

static struct mail_view inbox(void)
{
    struct mail_view v;
    assert_int_equal(mailbox_view_load(&w.mail, w.account, (struct mailbox_id){1}, 1000, &v), 0);
    return v;
}

/* The latest message of INBOX. */
static void assert_latest(struct span expected)
{
    struct mail_view v = inbox();
    struct blob_reader *r;
    struct blob_info info;
    struct buf body;
    buf_init(&body, 1 << 20);
    assert_true(v.n > 0);
    assert_int_equal(mailbox_message_open(&w.mail, w.account, v.v[v.n - 1].message, &r, &info), 0);
    assert_int_equal(store_blob_read(r, 0, 1 << 20, &body), 0);
    if (!span_eq(buf_span(&body), expected))
        print_error("got: %.*s\n", SPAN_ARG(buf_span(&body)));
    assert_true(span_eq(buf_span(&body), expected));
    store_blob_close(r);
    buf_done(&body);
    mailbox_view_done(&v);
}

static void assert_count(size_t n)
{
    struct mail_view v = inbox();
    assert_int_equal(v.n, n);
    mailbox_view_done(&v);
}

/* Appendix A, example 1: another attachment */
static void an_attachment_is_replaced(void **state)
{
    (void)state;
    world_talk(h,
               "A003 APPEND INBOX (\\Seen \\Draft $MDNSent) CATENATE (URL "
               "\"/INBOX;UIDVALIDITY=1790000000/;UID=2/;section=HEADER\" TEXT {40}",
               "+ OK", NULL);
    world_talk(h,
               LINE "\r\n URL \"/INBOX;UIDVALIDITY=1790000000/;UID=2/;section=1.MIME\" URL "
                    "\"/INBOX;UIDVALIDITY=1790000000/;UID=2/;section=1\" TEXT {42}",
               "+ OK", NULL);
    world_talk(h, "\r\n" LINE "\r\n URL \"/INBOX;UIDVALIDITY=1790000000/;UID=1\" TEXT {44}", "+ OK",
               NULL);
    world_talk(h, "\r\n" LINE "--\r\n)", "A003 OK [APPENDUID 1790000000 3]", NULL);
    assert_latest(SPAN(HEADER LINE "\r\n" MIME_1 BODY_1 "\r\n" LINE
                                   "\r\nSubject: first\r\n\r\nx\r\n\r\n" LINE "--\r\n"));
    struct mail_view v = inbox();
    assert_int_equal(v.v[2].flags, FLAG_SEEN | FLAG_DRAFT);
    assert_int_equal(v.v[1].flags, 0); /* §3: not \Seen */
    mailbox_view_done(&v);
}

/* Nothing but URLs, and the command has no literal. */
static void parts_alone(void **state)
{
    (void)state;
    world_talk(h, "a APPEND INBOX CATENATE (URL /INBOX/;UID=2)", "a OK [APPENDUID 1790000000 3]",
               NULL);
    assert_latest(SPAN(DRAFT));
    world_talk(h,
               "a APPEND INBOX CATENATE (URL \"/INBOX/;UID=2/;SECTION=HEADER.FIELDS%20(SUBJECT)\" "
               "URL /INBOX/;UID=2/;SECTION=2/;PARTIAL=4.5)",
               "a OK", NULL);
    assert_latest(SPAN("Subject: holiday\r\n\r\nBgAAA"));
    world_talk(h, "a APPEND INBOX CATENATE (URL /INBOX/;UID=2/;PARTIAL=1000)", "a NO [CANNOT]",
               NULL);
    world_talk(h, "a APPEND INBOX CATENATE (URL /INBOX/;UID=2/;SECTION=TEXT/;PARTIAL=0.10)", "a OK",
               NULL);
    assert_latest(SPAN("----------"));
    /* URLs that are literals, in any place */
    world_talk(h, "a APPEND INBOX CATENATE (URL {34}", "+ OK", NULL);
    world_talk(h, "/INBOX/;UID=2/;SECTION=1.MIME/;x=y URL {13}", "+ OK", NULL);
    world_talk(h, "/INBOX/;UID=2)", "a NO [BADURL \"/INBOX/;UID=2/;SECTION=1.MIME/;x=y\"]", NULL);
    world_talk(h,
               "a APPEND {5+}\r\nINBOX CATENATE (TEXT {2+}\r\na: URL "
               "{29+}\r\n/INBOX/;UID=2/;SECTION=1.MIME TEXT {1+}\r\nb)",
               "a OK", NULL);
    assert_latest(SPAN("a:" MIME_1 "b"));
    world_talk(h, "a APPEND INBOX CATENATE (TEXT {2+}\r\na: URL {29}", "+ OK", NULL);
    world_talk(h, "/INBOX/;UID=2/;SECTION=1.MIME URL {13+}\r\n/INBOX/;UID=2)", "a OK", NULL);
    assert_latest(SPAN("a:" MIME_1 DRAFT));
}

/* §3: the base of relative URLs is the selected mailbox. */
static void relative_urls(void **state)
{
    (void)state;
    struct span line;
    world_talk(h, "a APPEND INBOX CATENATE (URL ;UID=2)", "a NO [BADURL \";UID=2\"]", NULL);
    world_talk(h, "c CREATE a/b", "c OK", NULL);
    world_talk(h, "c APPEND a/b {3+}\r\nb\r\n", "c OK", NULL);
    world_talk(h, "c APPEND a {3+}\r\na\r\n", "c OK", NULL);
    host_sends(h, "s SELECT a/b\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("s OK")));
    world_talk(h, "a APPEND INBOX CATENATE (URL ;UID=1)", "a OK", NULL);
    assert_latest(SPAN("b\r\n"));
    world_talk(h, "a APPEND INBOX CATENATE (URL b/;UID=1 URL /a/;UID=1)", "a OK", NULL);
    assert_latest(SPAN("b\r\na\r\n"));
    world_talk(h, "a APPEND INBOX CATENATE (URL a/;UID=1)", "a NO [BADURL ", NULL);
}

/* RFC 3502, and RFC 4469 §1: several messages, some of them of parts */
static void with_multiappend(void **state)
{
    (void)state;
    world_talk(
        h,
        "a APPEND INBOX (\\Seen) CATENATE (URL /INBOX/;UID=1) \"17-Jul-1996 02:44:25 -0700\" "
        "CATENATE (TEXT {1+}\r\nx) {1+}\r\ny () UTF8 (~{1+}\r\nz) CATENATE (URL /INBOX/;UID=1 TEXT "
        "{0+}\r\n)",
        "a OK [APPENDUID 1790000000 3:7]", NULL);
    struct mail_view v = inbox();
    assert_int_equal(v.n, 7);
    assert_int_equal(v.v[2].flags, FLAG_SEEN);
    assert_int_equal(v.v[3].received_ms, INT64_C(837596665000));
    assert_int_equal(v.v[3].size, 1);
    assert_int_equal(v.v[6].size, v.v[0].size);
    mailbox_view_done(&v);
    /* all or none */
    world_talk(h, "a APPEND INBOX CATENATE (URL /INBOX/;UID=1) CATENATE (URL /INBOX/;UID=99)",
               "a NO [BADURL \"/INBOX/;UID=99\"]", NULL);
    assert_count(7);
}

/* Example 4, and all that is no URL of a message here */
static void bad_urls(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "/INBOX;UIDVALIDITY=785799047/;UID=1",
        "/INBOX/;UID=113330/;section=1.5.9",
        "/INBOX/;UID=2/;section=3",
        "/INBOX/;UID=2/;section=1.x",
        "/INBOX/;UID=0",
        "/Nowhere/;UID=1",
        "/INBOX",
        "/",
        "imap://anna@example.test/INBOX/;UID=1",
        "//example.test/INBOX/;UID=1",
        "http://example.test/;UID=1",
        "/INBOX/;UID=1;URLAUTH=anonymous",
        "/INBOX/;UID=1;EXPIRE=2030-01-01T00:00:00Z",
        "/INBOX/;UID=1/;UID=1",
        "/INBOX/;SECTION=1/;UID=2",
        "/INB%4FX/;UID=%31",
        "/INBOX/;UID=1/;section=%",
        "/INBOX/;UID=1/;section=%0",
        "/INBOX/;UID=1/;section=%00",
        "/INBOX%ff/;UID=1",
        "/INBOX?SUBJECT",
        "/;UID=1",
    };
    char command[200];
    world_talk(h, "A003 APPEND INBOX (\\Seen $MDNSent) CATENATE (TEXT {3}", "+ OK", NULL);
    world_talk(h, "x\r\n URL \"/INBOX;UIDVALIDITY=1790000000/;UID=1\" TEXT {3}", "+ OK", NULL);
    world_talk(
        h, "y\r\n URL \"/INBOX;UIDVALIDITY=1790000000/;UID=113330/;section=1.5.9\" TEXT {42}",
        "A003 NO [BADURL \"/INBOX;UIDVALIDITY=1790000000/;UID=113330/;section=1.5.9\"]", NULL);
    for (size_t n = 0; n < COUNT_OF(urls); n++) {
        snprintf(command, sizeof command, "a APPEND INBOX CATENATE (URL \"%s\")", urls[n]);
        world_talk(h, command, "a NO [BADURL \"", NULL);
    }
    world_talk(h, "a APPEND INBOX CATENATE (URL \"x]\\\\ \")", "a NO [BADURL \"x%5D%5C%20\"]",
               NULL);
    assert_count(2);
}

static void mistakes(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "a APPEND INBOX CATENATE",
        "a APPEND INBOX CATENATE ()",
        "a APPEND INBOX CATENATE (URL)",
        "a APPEND INBOX CATENATE (TEXT)",
        "a APPEND INBOX CATENATE (TEXT x)",
        "a APPEND INBOX CATENATE (URL /INBOX/;UID=1",
        "a APPEND INBOX CATENATE URL /INBOX/;UID=1",
        "a APPEND INBOX CATENATE (URL (x))",
        "a APPEND INBOX CATENATE (URL /INBOX/;UID=1) x",
        "a APPEND INBOX CATENATE (URL /INBOX/;UID=1 {1}",
        "a APPEND INBOX CATENATE ({1}",
        "a APPEND INBOX CATENATE (TEXT TEXT {1}",
        "a APPEND INBOX CATENATE (TEXT {1+}\r\nx",
        "a APPEND INBOX CATENATE (TEXT {1+}\r\nxTEXT {1}",
        "a APPEND INBOX CATENATE (TEXT {1+}\r\nx{1}",
        "a APPEND INBOX CATENATE (TEXT {1+}\r\nx ))",
        "a APPEND INBOX CATENATE (TEXT {1+}\r\nx) x",
        "a APPEND INBOX CATENATE (TEXT {1+}\r\nx (TEXT {1}",
        "a APPEND INBOX UTF8 (~{1+}\r\nx TEXT {1}",
        "a APPEND INBOX UTF8 (URL ~{1}",
        "a APPEND INBOX (\\Seen {1}",
        "a REPLACE 1 INBOX",
    };
    for (size_t n = 0; n < COUNT_OF(commands); n++) {
        world_talk(h, commands[n], "a BAD ", NULL);
        world_talk(h, "n NOOP", "n OK", NULL); /* too many mistakes in a row end a session */
    }
    world_talk(h, "a APPEND INBOX CATENATE (TEXT {0+}\r\n)", "a NO [CANNOT]", NULL);
    world_talk(h, "a APPEND Nowhere CATENATE (TEXT {1}", "a NO [TRYCREATE]", NULL);
    world_talk(h, "a APPEND Nowhere CATENATE (TEXT {1+}\r\nx URL {3+}\r\nabc)", "a NO [TRYCREATE]",
               NULL);
    world_talk(h, "a APPEND INBOX CATENATE (URL {40000}", "a NO [TOOBIG]", NULL);
    world_talk(h, "a APPEND INBOX CATENATE (TEXT {1+}\r\nx URL {40000}", "a NO [TOOBIG]", NULL);
    assert_count(2);
    world_talk(h, "a APPEND INBOX CATENATE (TEXT {1+}\r\nx URL {40000+}", "* BYE [TOOBIG]", NULL);
    host_expect_closed(h);
}

/* §4.2, and limits of the class */
static void limits(void **state)
{
    (void)state;
    struct class_of_service class = {
        .name = SPAN("default"), .quota_messages = 3, .quota_bytes = 1000, .message_size = 30};
    assert_int_equal(class_put(w.directory, &class), 0);
    world_talk(h, "a APPEND INBOX CATENATE (URL /INBOX/;UID=2)", "a NO [TOOBIG]", NULL);
    world_talk(h, "a APPEND INBOX CATENATE (TEXT {20+}\r\n01234567890123456789 TEXT {20}",
               "a NO [TOOBIG]", NULL);
    world_talk(h, "a APPEND INBOX CATENATE (URL /INBOX/;UID=1) CATENATE (URL /INBOX/;UID=1)",
               "a NO [OVERQUOTA]", NULL);
    assert_count(2);
}

static void not_too_many_urls(void **state)
{
    (void)state;
    for (int n = LIMIT_IMAP_CATENATE; n <= LIMIT_IMAP_CATENATE + 1; n++) {
        host_sends(h, "a APPEND INBOX CATENATE (");
        for (int k = 0; k < n; k++)
            host_sends(h, k > 0 ? " URL /INBOX/;UID=2/;SECTION=1" : "URL /INBOX/;UID=2/;SECTION=1");
        world_talk(h, ")", n > LIMIT_IMAP_CATENATE ? "a NO [LIMIT]" : "a OK", NULL);
    }
}

/* RFC 8508 §4.2 */
static void with_replace(void **state)
{
    (void)state;
    struct span line;
    host_sends(h, "s SELECT INBOX\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("s OK")));
    world_talk(h, "A011 UID REPLACE 2 INBOX CATENATE (TEXT {25}", "+ OK", NULL);
    world_talk(h, "To: mitzy@example.org\r\nX: URL \"/INBOX/;UID=2\")",
               "* OK [APPENDUID 1790000000 3]", "* 2 EXPUNGE", "* 2 EXISTS", "* 0 RECENT",
               "A011 OK", NULL);
    assert_latest(SPAN("To: mitzy@example.org\r\nX:" DRAFT));
    world_talk(h, "A012 REPLACE 2 INBOX CATENATE (URL /INBOX/;UID=1)",
               "* OK [APPENDUID 1790000000 4]", "* 2 EXPUNGE", "* 2 EXISTS", "* 0 RECENT",
               "A012 OK", NULL);
    world_talk(h, "A013 REPLACE 2 INBOX CATENATE (URL /INBOX/;UID=1) CATENATE (URL /INBOX/;UID=1)",
               "A013 BAD", NULL);
    world_talk(h, "A013 REPLACE 2 INBOX CATENATE (URL /INBOX/;UID=2)", "A013 NO [BADURL", NULL);
    assert_count(2);
}

static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    for (enum host_cut cut = HOST_BYTES; cut <= HOST_RANDOM; cut++) {
        struct host *c = world_connect(&w, true, cut);
        host_sends(c,
                   "a LOGIN " WORLD_USER " \"" WORLD_PASSWORD
                   "\"\r\nb APPEND INBOX CATENATE (URL {13+}\r\n/INBOX/;UID=1 TEXT {3+}\r\na b URL "
                   "{13+}\r\n/INBOX/;UID=1) (\\Seen) {3+}\r\nc d\r\nc NOOP\r\n");
        host_expect(c, "a OK");
        host_expect(c, "b OK [APPENDUID 1790000000 ");
        host_expect(c, "c OK");
        host_expect_silence(c);
        host_free(c);
        assert_latest(SPAN("c d"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_attachment_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(relative_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(with_multiappend, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes, setup, teardown),
        cmocka_unit_test_setup_teardown(limits, setup, teardown),
        cmocka_unit_test_setup_teardown(not_too_many_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(with_replace, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_may_come_one_by_one, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
