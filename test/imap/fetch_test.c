/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH: each item byte for byte; messages that go while they are read. */
#include "fetch_rig.h"
#include "mailbox/keys.h"

#define LETTER                                                                                     \
    "Date: Mon, 30 Nov 2026 10:00:00 +0100\r\nFrom: Anna <anna@example.org>\r\nSubject: Hi\r\n"    \
    "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\nHello there.\r\n--b\r\n"   \
    "Content-Type: text/html\r\nContent-Transfer-Encoding: "                                       \
    "base64\r\n\r\nPGI+AEg8L2I+\r\n--b--\r\n"

static void words(void **state)
{
    (void)state;
    world_append(&w, SPAN(LETTER), FLAG_SEEN | FLAG_FLAGGED);
    struct host *h = selected("");
    says(h, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Flagged \\Seen))\r\n");
    says(h, "FETCH 1 (UID)", "* 1 FETCH (UID 1)\r\n");
    says(h, "UID FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Flagged \\Seen) UID 1)\r\n");
    says(h, "UID FETCH 1 (UID rfc822.size)", "* 1 FETCH (UID 1 RFC822.SIZE 242)\r\n");
    says(h, "FETCH 1 INTERNALDATE", "* 1 FETCH (INTERNALDATE \"21-Sep-2026 14:13:20 +0000\")\r\n");
    says(h, "FETCH 1 SAVEDATE", "* 1 FETCH (SAVEDATE \"21-Sep-2026 14:13:20 +0000\")\r\n");
    says(h, "FETCH 1 (EMAILID THREADID)", "* 1 FETCH (EMAILID (M1) THREADID NIL)\r\n");
    says(h, "FETCH 1 PREVIEW", "* 1 FETCH (PREVIEW \"Hello there.\")\r\n");
    says(h, "FETCH 1 FAST",
         "* 1 FETCH (FLAGS (\\Flagged \\Seen) INTERNALDATE \"21-Sep-2026 14:13:20 +0000\" "
         "RFC822.SIZE 242)\r\n");
#define ENVELOPE                                                                                   \
    "ENVELOPE (\"Mon, 30 Nov 2026 10:00:00 +0100\" \"Hi\" ((\"Anna\" NIL \"anna\" "                \
    "\"example.org\")) ((\"Anna\" "                                                                \
    "NIL \"anna\" \"example.org\")) ((\"Anna\" NIL \"anna\" \"example.org\")) NIL NIL NIL NIL "    \
    "NIL)"
    says(h, "FETCH 1 ALL",
         "* 1 FETCH (FLAGS (\\Flagged \\Seen) INTERNALDATE \"21-Sep-2026 14:13:20 +0000\" "
         "RFC822.SIZE 242 " ENVELOPE ")\r\n");
    says(h, "FETCH 1 FULL",
         "* 1 FETCH (FLAGS (\\Flagged \\Seen) INTERNALDATE \"21-Sep-2026 14:13:20 +0000\" "
         "RFC822.SIZE 242 " ENVELOPE
         " BODY ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 12 "
         "0)(\"text\" \"html\" (\"charset\" \"us-ascii\") NIL NIL \"base64\" 12 0) "
         "\"mixed\"))\r\n");
    says(h, "FETCH 1 BODYSTRUCTURE",
         "* 1 FETCH (BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
         "\"7bit\" 12 0 NIL NIL NIL "
         "NIL)(\"text\" \"html\" "
         "(\"charset\" \"us-ascii\") NIL NIL \"base64\" 12 0 NIL NIL NIL NIL) \"mixed\" "
         "(\"boundary\" \"b\") NIL NIL "
         "NIL))\r\n");
    host_free(h);
}

static void sections(void **state)
{
    (void)state;
    world_append(&w, SPAN(LETTER), FLAG_SEEN);
    struct host *h = selected("");
    says(h, "FETCH 1 BODY[]", "* 1 FETCH (BODY[] {242}\r\n" LETTER ")\r\n");
    says(h, "FETCH 1 RFC822", "* 1 FETCH (RFC822 {242}\r\n" LETTER ")\r\n");
    says(h, "FETCH 1 (BODY.PEEK[1] UID)", "* 1 FETCH (BODY[1] {12}\r\nHello there. UID 1)\r\n");
    says(h, "FETCH 1 BODY[1]<6.5>", "* 1 FETCH (BODY[1]<6> {5}\r\nthere)\r\n");
    says(h, "FETCH 1 BODY[1]<6.500>", "* 1 FETCH (BODY[1]<6> {6}\r\nthere.)\r\n");
    says(h, "FETCH 1 BODY[1]<12.1>", "* 1 FETCH (BODY[1]<12> {0}\r\n)\r\n");
    says(h, "FETCH 1 BODY[1]<9000000000.9000000000>",
         "* 1 FETCH (BODY[1]<9000000000> {0}\r\n)\r\n");
    says(h, "FETCH 1 BODY[]<0.5>", "* 1 FETCH (BODY[]<0> {5}\r\nDate:)\r\n");
    says(h, "FETCH 1 BODY[3]", "* 1 FETCH (BODY[3] NIL)\r\n");
    says(h, "FETCH 1 BODY[1.HEADER]", "* 1 FETCH (BODY[1.HEADER] NIL)\r\n");
    says(h, "FETCH 1 BODY[2.MIME]",
         "* 1 FETCH (BODY[2.MIME] {62}\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\n)\r\n");
    says(h, "FETCH 1 body[header.fields (FROM \"subject\" {4}\r\nDATE)]",
         "+ OK\r\n* 1 FETCH (BODY[HEADER.FIELDS (FROM subject DATE)] {85}\r\nDate: Mon, 30 Nov "
         "2026 10:00:00 "
         "+0100\r\nFrom: Anna <anna@example.org>\r\nSubject: Hi\r\n\r\n)\r\n");
    says(h, "FETCH 1 BODY[HEADER.FIELDS.NOT (DATE FROM CONTENT-TYPE)]<0.7>",
         "* 1 FETCH (BODY[HEADER.FIELDS.NOT (DATE FROM CONTENT-TYPE)]<0> {7}\r\nSubject)\r\n");
    says(h, "FETCH 1 BODY[HEADER.FIELDS (\"BODY[x\")]",
         "* 1 FETCH (BODY[HEADER.FIELDS (\"BODY[x\")] {2}\r\n\r\n)\r\n");
    says(h, "FETCH 1 BODY[HEADER.FIELDS (X)]",
         "* 1 FETCH (BODY[HEADER.FIELDS (X)] {2}\r\n\r\n)\r\n");
    says(h, "FETCH 1 RFC822.HEADER",
         "* 1 FETCH (RFC822.HEADER {128}\r\nDate: Mon, 30 Nov 2026 10:00:00 +0100\r\nFrom: Anna "
         "<anna@example.org>\r\nSubject: Hi\r\nContent-Type: multipart/mixed; "
         "boundary=b\r\n\r\n)\r\n");
    says(h, "FETCH 1 RFC822.TEXT",
         "* 1 FETCH (RFC822.TEXT {114}\r\npre\r\n--b\r\n\r\nHello there.\r\n--b\r\n"
         "Content-Type: text/html\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\nPGI+AEg8L2I+\r\n--b--\r\n)\r\n");
    host_free(h);
}

static void binary(void **state)
{
    (void)state;
    world_append(&w, SPAN(LETTER), FLAG_SEEN);
    world_append(&w, SPAN("Content-Transfer-Encoding: x-own\r\n\r\na\0b"), FLAG_SEEN);
    world_append(&w, SPAN("Content-Transfer-Encoding: quoted-printable\n\na=3D=\nb\nc"), FLAG_SEEN);
    struct host *h = selected("");
    says(h, "FETCH 1 BINARY[1]", "* 1 FETCH (BINARY[1] {12}\r\nHello there.)\r\n");
    answer_is(h, "FETCH 1 BINARY.PEEK[2]", SPAN("* 1 FETCH (BINARY[2] ~{9}\r\n<b>\0H</b>)\r\n"),
              "b OK");
    says(h, "FETCH 1 BINARY[2]<4.2>", "* 1 FETCH (BINARY[2]<4> {2}\r\nH<)\r\n");
    says(h, "FETCH 1 BINARY[2]<40.2>", "* 1 FETCH (BINARY[2]<40> {0}\r\n)\r\n");
    says(h, "FETCH 1 BINARY.SIZE[2]", "* 1 FETCH (BINARY.SIZE[2] 9)\r\n");
    says(h, "FETCH 1 BINARY.SIZE[]", "* 1 FETCH (BINARY.SIZE[] 242)\r\n");
    says(h, "FETCH 1 BINARY[3]", "* 1 FETCH (BINARY[3] NIL)\r\n");
    answer_is(h, "FETCH 2 BINARY[1]", SPAN(""), "b NO [UNKNOWN-CTE]");
    answer_is(h, "FETCH 2 (UID BINARY.SIZE[1])", SPAN("* 2 FETCH (UID 2)\r\n"),
              "b NO [UNKNOWN-CTE]");
    answer_is(h, "FETCH 2 BODY[1]",
              SPAN("* 2 FETCH (BODY[1] {3}\r\na\x80"
                   "b)\r\n"),
              "b OK");
    answer_is(
        h, "FETCH 2 BINARY[]",
        SPAN("* 2 FETCH (BINARY[] ~{39}\r\nContent-Transfer-Encoding: x-own\r\n\r\na\0b)\r\n"),
        "b OK");
    says(h, "FETCH 3 BINARY[1]", "* 3 FETCH (BINARY[1] {6}\r\na=b\r\nc)\r\n");
    says(h, "FETCH 3 BINARY.SIZE[1]", "* 3 FETCH (BINARY.SIZE[1] 6)\r\n");
    host_free(h);
}

/* What a client has enabled decides how text beyond ASCII is written. */
static void utf8(void **state)
{
    (void)state;
    world_append(&w, SPAN("Subject: \xc3\xa4\r\nContent-Type: a/b; n*=utf-8''%c3%a4\r\n\r\n"),
                 FLAG_SEEN);
    struct host *h = selected("");
    says(h, "FETCH 1 (ENVELOPE BODY)",
         "* 1 FETCH (ENVELOPE (NIL {2}\r\n\xc3\xa4 NIL NIL NIL NIL NIL NIL NIL NIL) BODY (\"a\" "
         "\"b\" (\"n*\" "
         "\"utf-8''%C3%A4\") NIL NIL \"7bit\" 0))\r\n");
    host_free(h);
    h = selected("x ENABLE IMAP4rev2\r\n");
    says(h, "FETCH 1 (ENVELOPE BODY)",
         "* 1 FETCH (ENVELOPE (NIL \"\xc3\xa4\" NIL NIL NIL NIL NIL NIL NIL NIL) BODY (\"a\" \"b\" "
         "(\"n*\" "
         "\"\xc3\xa4\") NIL NIL \"7bit\" 0))\r\n");
    host_free(h);
}

static void seen(void **state)
{
    (void)state;
    world_append(&w, SPAN("A: b\r\n\r\nx"), 0);
    world_append(&w, SPAN("A: b\r\n\r\ny"), FLAG_SEEN);
    struct host *h = selected("");
    says(h, "FETCH 1:2 (FLAGS BODY.PEEK[1] RFC822.HEADER)",
         "* 1 FETCH (FLAGS () BODY[1] {1}\r\nx RFC822.HEADER {8}\r\nA: b\r\n\r\n)\r\n"
         "* 2 FETCH (FLAGS (\\Seen) BODY[1] {1}\r\ny RFC822.HEADER {8}\r\nA: b\r\n\r\n)\r\n");
    says(h, "FETCH 1:2 BODY[1]",
         "* 1 FETCH (BODY[1] {1}\r\nx)\r\n* 2 FETCH (BODY[1] {1}\r\ny)\r\n* 1 FETCH (FLAGS "
         "(\\Seen))\r\n");
    says(h, "FETCH 1:2 BODY[1]",
         "* 1 FETCH (BODY[1] {1}\r\nx)\r\n* 2 FETCH (BODY[1] {1}\r\ny)\r\n");
    host_free(h);
    world_append(&w, SPAN("A: b\r\n\r\nz"), 0);
    h = opened("", "a EXAMINE");
    says(h, "FETCH 3 (BODY[1] FLAGS)", "* 3 FETCH (BODY[1] {1}\r\nz FLAGS ())\r\n");
    host_free(h);
    h = selected("");
    says(h, "FETCH 3 (FLAGS BINARY[1])",
         "* 3 FETCH (FLAGS (\\Seen) BINARY[1] {1}\r\nz)\r\n* 3 FETCH (FLAGS (\\Seen))\r\n");
    host_free(h);
}

/* RFC 9051 §7.3.5: in FLAGS before a message has it. */
static void keywords(void **state)
{
    (void)state;
    world_append(&w, SPAN("x"), FLAG_SEEN);
    struct host *h = selected("");
    struct mail_store in = {.mailbox = inbox, .op = STORE_ADD, .keywords = {.n = 1}};
    struct numset uids, refused;
    uint32_t id;
    assert_int_equal(mailbox_keyword(&w.mail, w.account, SPAN("$Work"), true, &id), 0);
    in.keywords.v[0] = (uint16_t)id;
    numset_init(&uids);
    numset_init(&refused);
    numset_add(&uids, 1);
    assert_int_equal(mailbox_store(&w.mail, w.account, &in, &uids, &refused), 0);
    says(h, "FETCH 1 FLAGS",
         "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)\r\n"
         "* 1 FETCH (FLAGS (\\Seen $Work))\r\n* 1 FETCH (FLAGS (\\Seen $Work))\r\n");
    says(h, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Seen $Work))\r\n");
    numset_done(&uids);
    numset_done(&refused);
    host_free(h);
}

static void modseq(void **state)
{
    (void)state;
    struct mail_appended a = world_append(&w, SPAN("1"), 0), b = world_append(&w, SPAN("2"), 0);
    struct host *h = selected("");
    char text[200], command[100];
    (void)snprintf(
        text, sizeof(text),
        "* OK [HIGHESTMODSEQ %llu] Highest mod-sequence\r\n* 1 FETCH (MODSEQ (%llu))\r\n",
        (unsigned long long)b.modseq.v, (unsigned long long)a.modseq.v);
    says(h, "FETCH 1 MODSEQ", text);
    (void)snprintf(text, sizeof(text), "* 2 FETCH (FLAGS () UID 2 MODSEQ (%llu))\r\n",
                   (unsigned long long)b.modseq.v);
    (void)snprintf(command, sizeof(command), "UID FETCH 1:* FLAGS (CHANGEDSINCE %llu)",
                   (unsigned long long)a.modseq.v);
    says(h, command, text);
    (void)snprintf(command, sizeof(command), "FETCH 1:* FLAGS (CHANGEDSINCE %llu)",
                   (unsigned long long)b.modseq.v);
    says(h, command, "");
    answer_is(h, "UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)", SPAN(""), "b BAD");
    host_free(h);
    h = selected("x ENABLE QRESYNC\r\n");
    answer_is(h, "FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)", SPAN(""), "b BAD");
    answer_is(h, "UID FETCH 1:* FLAGS (VANISHED)", SPAN(""), "b BAD");
    host_free(h);
    expunge(1);
    h = selected("x ENABLE QRESYNC\r\n");
    (void)snprintf(command, sizeof(command), "UID FETCH 1:* FLAGS (CHANGEDSINCE %llu VANISHED)",
                   (unsigned long long)b.modseq.v);
    says(h, command, "* VANISHED (EARLIER) 1\r\n");
    says(h, "UID FETCH 2:* UID (CHANGEDSINCE 999999999 VANISHED)", "");
    expunge(2);
    answer_is(h, command, SPAN("* VANISHED (EARLIER) 1\r\n* VANISHED 2\r\n"), "b OK");
    host_free(h);
}

static void pages(void **state)
{
    (void)state;
    static const struct {
        const char *range, *answer;
    } cases[] = {
        {"1:2", "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n"},
        {"2:1", "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n"},
        {"-1:-2", "* 4 FETCH (UID 5)\r\n* 5 FETCH (UID 6)\r\n"},
        {"-4294967295:-5", "* 1 FETCH (UID 1)\r\n"},
        {"5:4294967295", "* 5 FETCH (UID 6)\r\n"},
        {"6:7", ""},
        {"-6:-7", ""},
    };
    for (int n = 0; n < 6; n++)
        world_append(&w, SPAN("x"), 0);
    expunge(3);
    struct host *h = selected("");
    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        char command[100];
        (void)snprintf(command, sizeof(command), "UID FETCH 1:* UID (PARTIAL %s)", cases[n].range);
        says(h, command, cases[n].answer);
    }
    says(h, "UID FETCH 2:5 UID (PARTIAL -1:-2)", "* 3 FETCH (UID 4)\r\n* 4 FETCH (UID 5)\r\n");
    answer_is(h, "FETCH 1:* UID (PARTIAL 1:2)", SPAN(""), "b BAD");
    host_free(h);
}

static void wrong(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "FETCH",
        "FETCH 1",
        "FETCH 1 ()",
        "FETCH 1 (FLAGS",
        "FETCH 0 FLAGS",
        "FETCH 2 FLAGS",
        "FETCH x FLAGS",
        "FETCH 1 WHAT",
        "FETCH 1 \"FLAGS\"",
        "FETCH 1 (ALL FLAGS)",
        "FETCH 1 FLAGS UID",
        "FETCH 1 FLAGS ()",
        "FETCH 1 FLAGS (WHAT 1)",
        "FETCH 1 FLAGS (CHANGEDSINCE)",
        "FETCH 1 FLAGS (CHANGEDSINCE x)",
        "FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 1)",
        "FETCH 1 BODY[",
        "FETCH 1 BODY[0]",
        "FETCH 1 BODY[01]",
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[.1]",
        "FETCH 1 BODY[1..2]",
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[WHAT]",
        "FETCH 1 BODY[HEADER.FIELDS]",
        "FETCH 1 BODY[HEADER.FIELDS ()]",
        "FETCH 1 BODY[HEADER.FIELDS (a:b)]",
        "FETCH 1 BODY[HEADER.FIELDS (a) b]",
        "FETCH 1 BODY[4294967296]",
        "FETCH 1 BODY[]<0>",
        "FETCH 1 BODY[]<0.0>",
        "FETCH 1 BODY[]<.5>",
        "FETCH 1 BODY[]<1.x>",
        "FETCH 1 BODY[]x",
        "FETCH 1 BODY[]<99999999999999999999.1>",
        "FETCH 1 BINARY[HEADER]",
        "FETCH 1 BINARY.SIZE[1]<0.5>",
        "FETCH 1 PREVIEW ()",
        "FETCH 1 PREVIEW (EAGER)",
    };
    world_append(&w, SPAN("x"), 0);
    for (size_t n = 0; n < COUNT_OF(commands); n++) {
        struct host *h = selected("");
        answer_is(h, commands[n], SPAN(""), "b BAD");
        host_free(h);
    }
}

static void gone(void **state)
{
    (void)state;
    for (int n = 0; n < 3; n++)
        world_append(&w, SPAN("x"), 0);
    struct host *h = selected("");
    expunge(2);
    answer_is(h, "FETCH 1:3 UID", SPAN("* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\n"),
              "b OK [EXPUNGEISSUED]");
    answer_is(h, "UID FETCH 1:3 UID",
              SPAN("* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\n* 2 EXPUNGE\r\n"), "b OK FETCH");
    says(h, "UID FETCH 2 UID", "");
    says(h, "UID FETCH 17:19 UID", "");
    host_free(h);
}

/* Who is told OK takes what is left out for expunged, and may drop a copy that is the last one. */
static void a_damaged_entry_is_not_absent(void **state)
{
    (void)state;
    static const char *const ways[] = {"UID", "(UID FLAGS)", "BODY[]", "ENVELOPE"};
    struct part part = {PART_ACCOUNT, w.account};
    for (int n = 0; n < 12; n++)
        world_append(&w, SPAN("x"), FLAG_SEEN);
    struct host *h = selected("");
    struct mail_key key = mail_key_entry(inbox, (struct mail_uid){2});
    assert_true(sim_corrupt_record(w.disk, part, mail_key_span(&key)));
    answer_is(h, "FETCH 1:3 UID", SPAN("* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\n"),
              "b NO [SERVERBUG]");
    answer_is(h, "UID FETCH 2 FLAGS", SPAN(""), "b NO [SERVERBUG]");
    for (size_t n = 0; n < COUNT_OF(ways); n++) {
        char line[100];
        struct span out;
        unsigned answered = 0;
        (void)snprintf(line, sizeof(line), "b FETCH 1:12 %s\r\n", ways[n]);
        host_sends(h, line);
        while (host_line(h, &out) && !span_starts(out, SPAN("b ")))
            answered += span_starts(out, SPAN("* "));
        assert_int_equal(answered, 11);
        assert_true(span_starts(out, SPAN("b NO [SERVERBUG]")));
    }
    says(h, "FETCH 3:4 UID", "* 3 FETCH (UID 3)\r\n* 4 FETCH (UID 4)\r\n");
    expunge(4);
    answer_is(h, "FETCH 3:4 UID", SPAN("* 3 FETCH (UID 3)\r\n"), "b OK [EXPUNGEISSUED]");
    host_free(h);
}

/* What was delivered by an older program has none; the first who asks makes it. */
static void summaries_are_made_and_kept(void **state)
{
    (void)state;
    for (int n = 0; n < 70; n++)
        world_append(&w, SPAN("Subject: x\r\n\r\nHello"), 0);
    struct host *h = selected("");
    says(h, "FETCH 1 (PREVIEW (LAZY))", "* 1 FETCH (PREVIEW NIL)\r\n");
    host_sends(h, "b FETCH 1:* ENVELOPE\r\n");
    for (unsigned n = 1; n <= 70; n++) {
        char line[100];
        (void)snprintf(line, sizeof(line),
                       "* %u FETCH (ENVELOPE (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL))", n);
        host_expect(h, line);
    }
    host_expect(h, "b OK");
    says(h, "FETCH 1 PREVIEW (LAZY)", "* 1 FETCH (PREVIEW \"Hello\")\r\n");
    says(h, "FETCH 70 PREVIEW (LAZY)", "* 70 FETCH (PREVIEW \"Hello\")\r\n");
    struct mail_summary bad = {{1}, SPAN("\x01 damaged")};
    assert_int_equal(mailbox_summary_put(&w.mail, w.account, &bad, 1), 0);
    says(h, "FETCH 1 (PREVIEW (LAZY))", "* 1 FETCH (PREVIEW NIL)\r\n");
    says(h, "FETCH 1 PREVIEW", "* 1 FETCH (PREVIEW \"Hello\")\r\n");
    host_free(h);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(words),
        TEST(sections),
        TEST(binary),
        TEST(utf8),
        TEST(seen),
        TEST(keywords),
        TEST(modseq),
        TEST(pages),
        TEST(wrong),
        TEST(gone),
        cmocka_unit_test_setup_teardown(a_damaged_entry_is_not_absent, world_setup,
                                        world_teardown_damaged),
        TEST(summaries_are_made_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
