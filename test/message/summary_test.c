/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "summary_walk.h"

static const char LETTER[] = "Date: Mon, 30 Nov 2026 23:30:00 -0500\r\n"
                             "From: Anna <anna@example.org>, <@relay:b@example.org>\r\n"
                             "To: Team: a@b, \"c d\"@e;, root, Just a Name\r\n"
                             "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
                             "In-Reply-To:\r\n"
                             "References: <1@x> <2@x>\r\n"
                             "Message-ID: <3@x>\r\n"
                             "MIME-Version: 1.0\r\n"
                             "Content-Type: multipart/mixed; boundary=b\r\n"
                             "Content-Language: de, en\r\n"
                             "\r\n"
                             "--b\r\n"
                             "Content-Type: text/plain; charset=utf-8; format=flowed\r\n"
                             "Content-Transfer-Encoding: quoted-printable\r\n"
                             "Content-ID: <part@x>\r\n"
                             "Content-Description: the text\r\n"
                             "Content-Location: http://example.org/\r\n"
                             "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
                             "\r\n"
                             "Sch=C3=B6ne Gr=C3=BC=C3=9Fe\r\n"
                             "--b\r\n"
                             "Content-Type: message/rfc822\r\n"
                             "Content-Disposition: attachment; filename*=utf-8''%C3%A4.eml\r\n"
                             "\r\n"
                             "From: inner@example.org\r\n"
                             "Subject: inner\r\n"
                             "Content-Type: multipart/alternative; boundary=c\r\n"
                             "\r\n"
                             "--c\r\n"
                             "\r\n"
                             "one\r\n"
                             "--c--\r\n"
                             "--b--\r\n";

static void letter(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIME_ARENA);
    struct message_summary s;
    struct buf record;
    buf_init(&record, LIMIT_SUMMARY);
    summary_walk(span_str(LETTER), &record);
    assert_int_equal(summary_unpack(buf_span(&record), a, &s), 0);
    assert_true(span_eq(s.envelope->subject, SPAN("=?utf-8?q?Gr=C3=BC=C3=9Fe?=")));
    assert_true(s.envelope->in_reply_to.p != NULL && s.envelope->in_reply_to.n == 0);
    assert_true(span_eq(s.envelope->from->next->route, SPAN("@relay")));
    assert_true(span_eq(s.preview, SPAN("Schöne Grüße")));
    assert_true(s.sent);
    assert_int_equal(s.sent_ms, INT64_C(1796099400000));
    assert_int_equal(s.sent_local_ms, s.sent_ms - 5 * 3600 * 1000);
    assert_int_equal(summary_parts(&s, a), 0);
    assert_true(mime_is_type(s.root->child->next, SPAN("message"), SPAN("rfc822")));
    buf_done(&record);
    arena_free(a);
}

static void any_message(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "",
        "\r\n",
        "no header",
        "Date: never\r\nSubject: \r\n\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n",
        "Content-Type: multipart/mixed\r\n\r\n--b--\r\n",
        "Content-Type: message/rfc822\r\n\r\n",
        "Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nx: y",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA",
        "Content-Type: x/y; a=; b=\"\"\r\nContent-Disposition: ;x\r\nContent-Language: "
        ",\r\nContent-ID:\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        summary_walk(span_str(messages[i]), NULL);
}

/* Every way to cut a record short, and every single byte changed. */
static void damage(void **state)
{
    (void)state;
    struct buf record;
    buf_init(&record, LIMIT_SUMMARY);
    summary_walk(span_str(LETTER), &record);
    assert_int_equal(summary_walk_record(buf_span(&record)), 0);
    for (size_t n = 0; n < record.n; n++)
        assert_int_equal(summary_walk_record(span_slice(buf_span(&record), 0, n)), ERR_CORRUPT);
    for (size_t i = 0; i < record.n; i++) {
        char was = record.p[i];
        static const int changes[] = {1, 2, 0x40, 0x80, 0xff};
        for (size_t c = 0; c < COUNT_OF(changes); c++) {
            record.p[i] = (char)(was ^ changes[c]);
            (void)summary_walk_record(buf_span(&record));
        }
        record.p[i] = was;
    }
    record.p[0]++;
    assert_int_equal(summary_walk_record(buf_span(&record)), ERR_UNSUPPORTED);
    buf_done(&record);
}

/* What comes after the record is a newer program's, which appends. */
static void appended(void **state)
{
    (void)state;
    struct buf record;
    buf_init(&record, LIMIT_SUMMARY);
    summary_walk(span_str(LETTER), &record);
    buf_puts(&record, "more");
    assert_int_equal(summary_walk_record(buf_span(&record)), 0);
    buf_done(&record);
}

static void limits(void **state)
{
    (void)state;
    struct buf message, record;
    buf_init(&message, 16 * 1024 * 1024);
    buf_init(&record, LIMIT_SUMMARY);
    buf_puts(&message, "To: a@example.org");
    for (int i = 0; i < 10000; i++)
        buf_puts(&message, ",\r\n a@example.org");
    buf_puts(&message, "\r\n\r\n");
    summary_walk(buf_span(&message), &record);
    assert_int_equal(record.n, 0);

    buf_clear(&message);
    buf_puts(&message, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (int i = 0; i < 12000; i++)
        buf_puts(&message, "--b\r\n\r\n\r\n");
    summary_walk(buf_span(&message), &record);
    assert_int_equal(record.n, 0);

    buf_clear(&message);
    for (int i = 0; i < 200; i++)
        buf_puts(&message, "Content-Type: message/rfc822\r\n\r\n");
    summary_walk(buf_span(&message), &record);
    assert_true(record.n > 0);
    buf_done(&message);
    buf_done(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letter),   cmocka_unit_test(any_message), cmocka_unit_test(damage),
        cmocka_unit_test(appended), cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
