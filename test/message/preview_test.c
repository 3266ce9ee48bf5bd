/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "message/charset.h"
#include "message/preview.h"
#include "message/summary.h"

static void expect(void (*words)(struct span, struct buf *), const char *text, const char *preview)
{
    struct buf out;
    buf_init(&out, 4 * LIMIT_PREVIEW + 4);
    words(span_str(text), &out);
    if (!span_eq(buf_span(&out), span_str(preview)))
        fail_msg("%s: %.*s", text, SPAN_ARG(buf_span(&out)));
    buf_done(&out);
}

static void plain(void **state)
{
    (void)state;
    expect(preview_of_plain, "Hello\r\n\r\n  world \t again\r\n", "Hello world again");
    expect(preview_of_plain, "> what?\r\nNo.\r\n>> more\r\n", "No.");
    expect(preview_of_plain, "> what?\r\n> who?\r\n", "> what? > who?");
    expect(preview_of_plain, "Yes\r\n-- \r\nAnna\r\n", "Yes");
    expect(preview_of_plain, "-- \r\nAnna\r\n", "-- Anna");
    expect(preview_of_plain, "--\r\nnot a signature\r\n", "-- not a signature");
    expect(preview_of_plain, " \r\n\t\r\n", "");
    expect(preview_of_plain, "", "");
    expect(preview_of_plain,
           "a\xe2\x80\x8b\xcd\x8f\xc2\xad\xef\xbb\xbf"
           "b\xc2\xa0\xc2\xa0"
           "c\x01",
           "ab c");
}

static void html(void **state)
{
    (void)state;
    expect(preview_of_html, "<p>Hello <b>w</b>orld</p><p>again</p>", "Hello world again");
    expect(preview_of_html, "<html><head><title>No</title><style>p{}</style></head><body>Yes",
           "Yes");
    expect(preview_of_html, "<style>a</style>b<script>if (a < b) '</scrip>'</script >c", "b c");
    expect(preview_of_html, "<STYLE>a</Style>b", "b");
    expect(preview_of_html, "a<!-- <p>b</p> -- > -->c<!doctype x>d", "ac d");
    expect(preview_of_html, "a<br>b<br/>c<td>d", "a b c d");
    expect(preview_of_html, "a<a href=\"x>y\">b</a>c", "abc");
    expect(preview_of_html, "1 < 2 &amp; 3 &gt; 2 &#228;&#xE4;&auml;&nbsp;&unknown; &",
           "1 < 2 & 3 > 2 äää &unknown; &");
    expect(preview_of_html, "&#0;&#xd800;&#99999999;x", "&#0;\xef\xbf\xbd&#99999999;x");
    expect(preview_of_html, "<", "<");
    expect(preview_of_html, "a<b", "a");
    expect(preview_of_html, "a<!-- b", "a");
    expect(preview_of_html, "a<style>b", "a");
    expect(preview_of_html, "a<style>b</style", "a");
}

static void is_cut_at_characters(void **state)
{
    (void)state;
    struct buf in, out;
    buf_init(&in, 10000);
    buf_init(&out, 4 * LIMIT_PREVIEW + 4);
    for (int i = 0; i < 1000; i++)
        buf_puts(&in, "\xf0\x9f\x98\x80 ");
    preview_of_plain(buf_span(&in), &out);
    size_t n = 0;
    struct span rest = buf_span(&out);
    assert_true(span_is_utf8(rest) && out.err == 0);
    while (rest.n > 0 && utf8_take(&rest) != 0)
        n++;
    assert_true(n == LIMIT_PREVIEW || n == LIMIT_PREVIEW - 1);
    buf_done(&in);
    buf_done(&out);
}

static void expect_message(const char *message, const char *preview)
{
    for (size_t cut = 1; cut < 200; cut += 37) {
        struct arena *a = arena_new(MIME_ARENA);
        struct summary_maker *m = summary_maker_new(a);
        struct message_summary s;
        for (struct span rest = span_str(message); rest.n > 0; rest = span_from(rest, cut))
            summary_maker_feed(m, span_slice(rest, 0, cut));
        assert_int_equal(summary_maker_end(m, &s), 0);
        if (!span_eq(s.preview, span_str(preview)))
            fail_msg("%s: %.*s", message, SPAN_ARG(s.preview));
        arena_free(a);
    }
}

#define HTML  "Content-Type: text/html\r\n\r\n"
#define PLAIN "Content-Type: text/plain\r\n\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static void parts(void **state)
{
    (void)state;
    expect_message("Subject: x\r\n\r\nHello", "Hello");
    expect_message("Subject: x\r\n\r\n", "");
    expect_message("", "");
    expect_message(HTML "<p>Hello", "Hello");
    expect_message("Content-Type: image/png\r\n\r\nHello", "");
    expect_message("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
                   "quoted-printable\r\n\r\n"
                   "Gr=FC=\r\n=DFe",
                   "Grüße");
    expect_message("Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: "
                   "base64\r\n\r\nSABpAA==",
                   "Hi");
    expect_message("preamble\r\n" MIXED "--b\r\n" HTML "html\r\n--b\r\n" PLAIN "plain\r\n--b--\r\n",
                   "plain");
    expect_message(MIXED "--b\r\n" HTML "html\r\n--b\r\n" PLAIN " \r\n--b--\r\n", "html");
    expect_message(MIXED "--b\r\n" PLAIN "first\r\n--b\r\n" PLAIN "second\r\n--b--\r\n", "first");
    expect_message(MIXED "--b\r\nContent-Disposition: attachment; filename=a.txt\r\n" PLAIN
                         "a\r\n--b\r\n" HTML "html\r\n--b--\r\n",
                   "html");
    expect_message(
        MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner\r\n--b\r\n" HTML
              "outer\r\n--b--\r\n",
        "outer");
    expect_message(
        MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner\r\n--b--\r\n",
        "inner");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(html),
        cmocka_unit_test(is_cut_at_characters),
        cmocka_unit_test(parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
