/* SPDX-License-Identifier: Apache-2.0 */
/* ENVELOPE and BODYSTRUCTURE of good and bad messages, in rev1 and in rev2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imap/print.h"

enum { REV1 = 0, UTF8 = IMAP_PRINT_UTF8, REV2 = IMAP_PRINT_UTF8 | IMAP_PRINT_REV2 };

static void expect_text(const struct buf *out, const char *what, const char *text)
{
    if (out->err != 0 || !span_eq(buf_span(out), span_str(text)))
        fail_msg("%s\n  %.*s\nand not\n  %s", what, SPAN_ARG(buf_span(out)), text);
}

static void string_is(struct span s, unsigned how, const char *text)
{
    struct buf out;
    buf_init(&out, 16384);
    imap_print_nstring(&out, s, how);
    expect_text(&out, "string", text);
    buf_done(&out);
}

static void strings(void **state)
{
    (void)state;
    string_is(SPAN_EMPTY, REV1, "NIL");
    string_is(SPAN(""), REV1, "\"\"");
    string_is(SPAN("NIL"), REV1, "\"NIL\"");
    string_is(SPAN("a \"b\\c\""), REV1, "\"a \\\"b\\\\c\\\"\"");
    string_is(SPAN("a\0\"b"), REV1, "\"a?\\\"b\"");
    string_is(SPAN("a\r\nb"), REV1, "{4}\r\na\r\nb");
    string_is(SPAN("a\nb\0"), REV1, "{4}\r\na\nb?");
    string_is(SPAN("\xc3\xa4"), REV1, "{2}\r\n\xc3\xa4");
    string_is(SPAN("\xc3\xa4"), UTF8, "\"\xc3\xa4\"");
    string_is(SPAN("\xe4"), UTF8, "{1}\r\n\xe4");
    struct buf longer, literal;
    buf_init(&longer, IMAP_QUOTED_MAX + 1);
    buf_init(&literal, 2 * IMAP_QUOTED_MAX);
    for (size_t i = 0; i <= IMAP_QUOTED_MAX; i++)
        buf_putc(&longer, 'x');
    buf_printf(&literal, "{%d}\r\n", IMAP_QUOTED_MAX + 1);
    buf_put(&literal, buf_span(&longer));
    buf_putc(&literal, '\0');
    string_is(buf_span(&longer), REV1, literal.p);
    buf_done(&longer);
    buf_done(&literal);
}

static void dates(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {INT64_C(837571465000), "\"17-Jul-1996 02:44:25 +0000\""},
        {0, "\"01-Jan-1970 00:00:00 +0000\""},
        {-1, "\"31-Dec-1969 23:59:59 +0000\""},
        {INT64_MIN, "\"01-Jan-0000 00:00:00 +0000\""},
        {INT64_MAX, "\"31-Dec-9999 23:59:59 +0000\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 100);
        imap_print_date(&out, cases[i].ms);
        expect_text(&out, "date", cases[i].text);
        buf_done(&out);
    }
}

static const struct {
    const char *header;
    unsigned how;
    const char *envelope;
} envelopes[] = {
    /* RFC 9051 §8 */
    {"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
     "From: Terry Gray <gray@cac.washington.edu>\r\n"
     "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
     "To: imap@cac.washington.edu\r\n"
     "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
     "Message-Id: <B27397-0100000@cac.washington.edu>\r\n",
     REV1,
     "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" "
     "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" "
     "\"cac.washington.edu\")) "
     "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" "
     "\"cac.washington.edu\")) "
     "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) "
     "NIL NIL \"<B27397-0100000@cac.washington.edu>\")"},
    {"", REV1, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"Date:\r\nSubject: \r\nFrom: \r\nIn-Reply-To:\r\n", REV1,
     "(\"\" \"\" NIL NIL NIL NIL NIL NIL \"\" NIL)"},
    {"From: a@b\r\nSender: c@d\r\nReply-To:\r\n", REV1,
     "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) ((NIL NIL \"a\" \"b\")) NIL NIL NIL "
     "NIL NIL)"},
    {"To: Team: a@b, <@r:c@d>;, root, Only a Name\r\n", REV1,
     "(NIL NIL NIL NIL NIL ((NIL NIL \"Team\" NIL)(NIL NIL \"a\" \"b\")(NIL \"@r\" \"c\" "
     "\"d\")(NIL NIL NIL NIL)"
     "(NIL NIL \"root\" \"\")(\"Only a Name\" NIL \"\" \"\")) NIL NIL NIL NIL)"},
    {"Bcc: undisclosed-recipients:;\r\n", REV1,
     "(NIL NIL NIL NIL NIL NIL NIL ((NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL)) NIL "
     "NIL)"},
    {"Subject: =?utf-8?q?=C3=A4?= \"x\"\r\n", REV2,
     "(NIL \"=?utf-8?q?=C3=A4?= \\\"x\\\"\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"Subject: \xc3\xa4\r\n", REV1, "(NIL {2}\r\n\xc3\xa4 NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"Subject: \xc3\xa4\r\n", REV2, "(NIL \"\xc3\xa4\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"Subject: a\r\n  b\r\nSubject: c\r\n", REV1, "(NIL \"a  b\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
};

static struct mime_part *parsed(struct arena *a, const char *message)
{
    struct mime_part *root;
    assert_int_equal(mime_parse(span_str(message), a, &root), 0);
    return root;
}

static void envelope(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(envelopes); i++) {
        struct arena *a = arena_new(MIME_ARENA);
        struct buf out;
        buf_init(&out, 65536);
        imap_print_envelope(&out, parsed(a, envelopes[i].header)->envelope, envelopes[i].how);
        expect_text(&out, envelopes[i].header, envelopes[i].envelope);
        buf_done(&out);
        arena_free(a);
    }
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static const struct {
    const char *message;
    bool extended;
    unsigned how;
    const char *structure;
} structures[] = {
    {"", false, REV1, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)"},
    {"", true, REV1,
     "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)"},
    {"Content-Type: TEXT/HTML; Charset=\"US-ASCII\"; x=\"a\\\"b\"\r\nContent-Transfer-Encoding: "
     "8BIT\r\n\r\na\r\nb\r\n",
     false, REV1,
     "(\"text\" \"html\" (\"charset\" \"US-ASCII\" \"x\" \"a\\\"b\") NIL NIL \"8bit\" 6 2)"},
    {"Content-Type: image/png\r\nContent-Transfer-Encoding: x-uue\r\nContent-ID: "
     "<i@x>\r\nContent-Description: "
     "d\r\nContent-MD5: m==\r\nContent-Language: de, en\r\nContent-Location: "
     "l\r\nContent-Disposition: inline; "
     "filename=f\r\n\r\na\r\n",
     true, REV1,
     "(\"image\" \"png\" NIL \"<i@x>\" \"d\" \"x-uue\" 3 \"m==\" (\"inline\" (\"filename\" \"f\")) "
     "(\"de\" \"en\") "
     "\"l\")"},
    {MIXED "--b\r\n\r\na\r\n--b\r\nContent-Type: image/gif\r\n\r\nb\r\n--b--\r\n", false, REV1,
     "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0)(\"image\" \"gif\" NIL "
     "NIL NIL \"7bit\" 1) "
     "\"mixed\")"},
    {MIXED "--b\r\n\r\na\r\n--b--\r\n", true, REV1,
     "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL) "
     "\"mixed\" (\"boundary\" "
     "\"b\") NIL NIL NIL)"},
    {MIXED "--b--\r\n", false, REV1,
     "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) \"mixed\")"},
    {MIXED "text\r\n", false, REV1,
     "(\"text\" \"plain\" (\"boundary\" \"b\" \"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 1)"},
    {"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\na\r\n", true, REV1,
     "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL) "
     "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1 NIL NIL NIL NIL) 3 NIL "
     "NIL NIL NIL)"},
    {"Content-Type: message/global\r\n\r\nSubject: x\r\n\r\na\r\n", false, REV1,
     "(\"message\" \"global\" NIL NIL NIL \"7bit\" 17)"},
    {"Content-Type: message/global\r\n\r\nSubject: x\r\n\r\na\r\n", false, REV2,
     "(\"message\" \"global\" NIL NIL NIL \"7bit\" 17 (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL) "
     "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1) 3)"},
    {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA", false, REV1,
     "(\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 4)"},
    {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nSubject: x\r\n\r\n",
     false, REV1,
     "(\"message\" \"rfc822\" NIL NIL NIL \"8bit\" 14 (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL) "
     "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) 2)"},
    {"Content-Type: message/delivery-status\r\n\r\na\r\n", false, REV1,
     "(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 3)"},
    {"Content-Type: a/b; n*0*=utf-8''%c3; n*1*=%a4; m*=us-ascii'en'x\r\n\r\n", false, REV1,
     "(\"a\" \"b\" (\"n*\" \"utf-8''%C3%A4\" \"m\" \"x\") NIL NIL \"7bit\" 0)"},
    {"Content-Type: a/b; n*0*=utf-8''%c3; n*1*=%a4; m*=us-ascii'en'x\r\n\r\n", false, REV2,
     "(\"a\" \"b\" (\"n*\" \"\xc3\xa4\" \"m\" \"x\") NIL NIL \"7bit\" 0)"},
};

static void structure(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(structures); i++) {
        struct arena *a = arena_new(MIME_ARENA);
        struct buf out;
        buf_init(&out, 65536);
        imap_print_structure(&out, parsed(a, structures[i].message), structures[i].extended,
                             structures[i].how);
        expect_text(&out, structures[i].message, structures[i].structure);
        buf_done(&out);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(dates),
        cmocka_unit_test(envelope),
        cmocka_unit_test(structure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
