/* SPDX-License-Identifier: Apache-2.0 */
/* Structures of good and bad messages, byte for byte; in pieces as at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mime_walk.h"

#define B     "Content-Type: multipart/mixed; boundary=b\r\n\r\n"           /* 45 bytes */
#define TEXT  "Content-Type: text/html\r\n\r\n"                             /* 27 bytes */
#define INNER "Content-Type: multipart/alternative; boundary=\"i\"\r\n\r\n" /* 53 bytes */

static const struct {
    const char *name, *message, *structure;
} cases[] = {
    {"nothing", "", "at text/plain 0+0+0/0"},
    {"a body alone", "\r\nhello\r\n", "a text/plain 0+2+7/1"},
    {"a header alone", "A: b\r\n\r\n", "a text/plain 0+8+0/0"},
    {"a header without its end", "A: b\r\n", "at text/plain 0+6+0/0"},
    {"lines with LF", "A: b\n\nx\ny\n", "a text/plain 0+6+4/2"},
    {"mixed line ends", "A: b\n\r\nx\r\ny\n", "a text/plain 0+7+5/2"},
    {"no last line end", "A: b\r\n\r\nx\r\ny", "a text/plain 0+8+4/1"},
    {"a CR is the end", "A: b\r", "at text/plain 0+5+0/0"},
    {"CR alone ends nothing", "A: b\r\r\n\r\nx\ry", "a text/plain 0+9+3/0"},
    {"no empty line, no field", "hello\r\nworld\r\n", "at text/plain 0+14+0/0"},
    {"a line that is no field", "hello\r\n" TEXT "x", "text/html 0+34+1/0"},
    {"an mbox line", "From a Sun\n" TEXT "x", "text/html 0+38+1/0"},
    {"white space is no empty line", "A: b\r\n \r\n" TEXT, "text/html 0+36+0/0"},
    {"one part", B "--b\r\n" TEXT "x\r\n--b--\r\n",
     "multipart/mixed 0+45+42/5 (text/html 50+27+1/0)"},
    {"preamble and epilogue", B "pre\r\n--b\r\n\r\nx\r\n--b--\r\nepi\r\n",
     "multipart/mixed 0+45+27/6 (a text/plain 55+2+1/0)"},
    {"two parts", B "--b\r\n\r\nx\r\n\r\n--b\r\n" TEXT "y\r\n--b--",
     "multipart/mixed 0+45+52/8 (a text/plain 50+2+3/1, text/html 62+27+1/0)"},
    {"parts with LF", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
     "multipart/mixed 0+43+13/4 (a text/plain 47+1+1/0)"},
    {"no closing delimiter", B "--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n",
     "t multipart/mixed 0+45+20/6 (a text/plain 50+2+1/0, a text/plain 60+2+3/1)"},
    {"cut in a delimiter", B "--b\r\n\r\nx\r\n--",
     "t multipart/mixed 0+45+12/3 (a text/plain 50+2+5/1)"},
    {"cut behind a delimiter", B "--b\r\n\r\nx\r\n--b",
     "t multipart/mixed 0+45+13/3 (a text/plain 50+2+1/0, at text/plain 58+0+0/0)"},
    {"cut behind a delimiter line", B "--b\r\n\r\nx\r\n--b\r\n",
     "t multipart/mixed 0+45+15/4 (a text/plain 50+2+1/0, at text/plain 60+0+0/0)"},
    {"cut in a part's header", B "--b\r\nContent-Type: text/html",
     "t multipart/mixed 0+45+28/1 (t text/html 50+23+0/0)"},
    {"no delimiter", B "x\r\ny\r\n", "nt multipart/mixed 0+45+6/2"},
    {"no boundary", "Content-Type: multipart/mixed\r\n\r\n--\r\nx", "n multipart/mixed 0+33+5/1"},
    {"an empty boundary", "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n----",
     "n multipart/mixed 0+46+13/3"},
    {"closed before a part", B "pre\r\n--b--\r\nepi", "multipart/mixed 0+45+15/2"},
    {"empty parts", B "--b\r\n--b\r\n\r\n--b\r\n--b--\r\n",
     "multipart/mixed 0+45+24/5 (at text/plain 50+0+0/0, a text/plain 55+2+0/0, at text/plain "
     "62+0+0/0)"},
    {"a header cut by a delimiter", B "--b\r\nContent-Type: text/html\r\n--b--\r\n",
     "multipart/mixed 0+45+37/3 (t text/html 50+23+0/0)"},
    {"a body that is a line end", B "--b\r\n\r\n\r\n--b--\r\n",
     "multipart/mixed 0+45+16/4 (a text/plain 50+2+0/0)"},
    {"the rest of a delimiter does not matter", B "--b x\r\n\r\nx\r\n--b-- x\r\n--b\r\n",
     "multipart/mixed 0+45+26/5 (a text/plain 52+2+1/0)"},
    {"a delimiter not at the beginning", B "--b\r\n\r\n --b\r\n-b\r\nx--b\r\n--b--",
     "multipart/mixed 0+45+28/5 (a text/plain 50+2+14/2)"},
    {"boundaries in quotes, with spaces",
     "Content-Type: multipart/mixed; boundary=\"a b \"\r\n\r\n--a b\r\n\r\nx\r\n--a b  --\r\n"
     "\r\ny\r\n--a b--",
     "multipart/mixed 0+50+35/6 (a text/plain 57+2+1/0, a text/plain 73+2+1/0)"},
    {"nested", B "--b\r\n" INNER "--i\r\n\r\nx\r\n--i--\r\n\r\n--b\r\n\r\ny\r\n--b--\r\n",
     "multipart/mixed 0+45+94/12 (multipart/alternative 50+53+17/4 (a text/plain 108+2+1/0), a "
     "text/plain 127+2+1/0)"},
    {"an inner one not closed", B "--b\r\n" INNER "--i\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n",
     "multipart/mixed 0+45+85/10 (t multipart/alternative 50+53+8/2 (a text/plain 108+2+1/0), a "
     "text/plain 118+2+1/0)"},
    {"the outer one closed in an inner one", B "--b\r\n" INNER "--i\r\n\r\nx\r\n--b--\r\n--i\r\n",
     "multipart/mixed 0+45+80/8 (t multipart/alternative 50+53+8/2 (a text/plain 108+2+1/0))"},
    /* one line end between two delimiters: the inner line's, so that the empty part is inside */
    {"an inner delimiter before an outer one", B "--b\r\n" INNER "--i\r\n--b\r\n\r\ny\r\n--b--",
     "multipart/mixed 0+45+78/7 (t multipart/alternative 50+53+5/1 (at text/plain 108+0+0/0), a "
     "text/plain 113+2+1/0)"},
    {"an inner header before an outer delimiter", B "--b\r\n" INNER "--i\r\n\r\n--b--",
     "multipart/mixed 0+45+70/5 (t multipart/alternative 50+53+7/2 (a text/plain 108+2+0/0))"},
    {"an inner header cut by the outer delimiter",
     B "--b\r\nContent-Type: multipart/mixed; boundary=i\r\n--b\r\n\r\ny\r\n--b--",
     "multipart/mixed 0+45+63/5 (nt multipart/mixed 50+41+0/0, a text/plain 98+2+1/0)"},
};

static void same(const char *name, struct span message, const char *want)
{
    struct buf seen;
    buf_init(&seen, 1 << 20);
    mime_walk(message, message.n + 1, 0, &seen);
    if (!span_eq(buf_span(&seen), span_str(want)))
        fail_msg("%s:\n  %.*s\nis not\n  %s", name, SPAN_ARG(buf_span(&seen)), want);
    buf_done(&seen);
    mime_walk_all(message);
}

static void structures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        same(cases[i].name, span_str(cases[i].message), cases[i].structure);
}

/* Boundaries that are like each other. `%` is the list of lines behind two nested headers. */
static void boundaries(void **state)
{
    static const struct {
        const char *outer, *inner, *lines, *structure;
    } nested[] = {
        /* one a prefix of the other, both ways */
        {"b", "b1", "--b1\n\nx\n--b1--\n--b\n\ny\n--b--\n", "m(m(t1),t1)"},
        {"b1", "b", "--b\n\nx\n--b--\n--b1\n\ny\n--b1--\n", "m(m(t1),t1)"},
        {"b", "b1", "--b1\n\nx\n--b\n\ny\n--b--\n", "m(tm(t1),t1)"},
        /* behind its end an inner delimiter is text, not one of the outer */
        {"b", "b1", "--b1\n\nx\n--b1--\n--b1\n\nz\n--b\n\ny\n--b--\n", "m(m(t1),t1)"},
        /* the same twice: the inner one first, then the outer */
        {"b", "b", "--b\n\nx\n--b--\n--b\n\ny\n--b--\n", "m(m(t1),t1)"},
        /* "--b--" is the end of b or the beginning of b--; exactly one of them is meant, the inner */
        {"b", "b--", "--b--\n\nx\n--b----\n--b\n\ny\n--b--\n", "m(m(t1),t1)"},
        {"b--", "b", "--b\n\nx\n--b--\n--b--\n\ny\n--b----\n", "m(m(t1),t1)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(nested); i++) {
        struct buf m, seen;
        buf_init(&m, 4096);
        buf_init(&seen, 4096);
        buf_printf(&m, "Content-Type: multipart/m; boundary=\"%s\"\n\n--%s\n", nested[i].outer,
                   nested[i].outer);
        buf_printf(&m, "Content-Type: multipart/m; boundary=\"%s\"\n\n%s", nested[i].inner,
                   nested[i].lines);
        struct arena *a = arena_new(MIME_ARENA);
        struct mime_part *root;
        assert_int_equal(mime_parse(buf_span(&m), a, &root), 0);
        size_t depth = 1;
        for (struct mime_part *p = root; p != NULL; p = mime_next(p)) {
            for (; depth > p->depth; depth--)
                buf_putc(&seen, ')');
            if (p->depth > depth)
                buf_putc(&seen, '(');
            else if (p != root)
                buf_putc(&seen, ',');
            depth = p->depth;
            if ((p->flags & MIME_TRUNCATED) != 0)
                buf_putc(&seen, 't');
            if (p->kind == MIME_LEAF)
                buf_printf(&seen, "t%llu", (unsigned long long)p->body_size);
            else
                buf_putc(&seen, 'm');
        }
        for (; depth > 1; depth--)
            buf_putc(&seen, ')');
        if (!span_eq(buf_span(&seen), span_str(nested[i].structure)))
            fail_msg("%zu: %.*s", i, SPAN_ARG(buf_span(&seen)));
        mime_walk_all(buf_span(&m));
        arena_free(a);
        buf_done(&m);
        buf_done(&seen);
    }
}

static const struct {
    const char *name, *message, *structure;
} embedded[] = {
    {"a message", "Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx\r\n",
     "message/rfc822 0+32+11/3 (a text/plain 32+8+3/1)"},
    {"message/global", "Content-Type: message/global\r\n\r\nA: b\r\n\r\nx\r\n",
     "message/global 0+32+11/3 (a text/plain 32+8+3/1)"},
    {"in a multipart", B "--b\r\nContent-Type: message/rfc822\r\n\r\n\r\nx\r\n--b--\r\n",
     "multipart/mixed 0+45+49/6 (message/rfc822 50+32+3/1 (a text/plain 82+2+1/0))"},
    {"a multipart in it",
     "Content-Type: message/rfc822\r\n\r\n" B "--b\r\n\r\nx\r\n--b--\r\nepilogue\r\n",
     "message/rfc822 0+32+72/7 (multipart/mixed 32+45+27/5 (a text/plain 82+2+1/0))"},
    {"nothing in it", "Content-Type: message/rfc822\r\n\r\n",
     "message/rfc822 0+32+0/0 (at text/plain 32+0+0/0)"},
    {"without its own header's end", B "--b\r\nContent-Type: message/rfc822\r\n--b--\r\n",
     "multipart/mixed 0+45+42/3 (t message/rfc822 50+28+0/0 (at text/plain 78+0+0/0))"},
    {"at once a delimiter", B "--b\r\nContent-Type: message/rfc822\r\n\r\n--b--\r\n",
     "multipart/mixed 0+45+44/4 (message/rfc822 50+32+0/0 (at text/plain 82+0+0/0))"},
    {"a delimiter in its header", B "--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n--b--\r\n",
     "multipart/mixed 0+45+50/5 (message/rfc822 50+32+4/0 (at text/plain 82+4+0/0))"},
    {"a digest",
     "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nx\n--b\nContent-Type: "
     "text/plain\n\ny\n--b\nContent-Type: oops\n\nz\n--b--",
     "multipart/digest 0+44+76/13 (a message/rfc822 48+1+7/2 (a text/plain 49+6+1/0), text/plain "
     "61+26+1/0, b text/plain 93+20+1/0)"},
    {"base64 of a message is a leaf",
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgoKeA==\n",
     "e message/rfc822 0+64+13/1"},
    {"base64 of nothing is a leaf",
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n",
     "e message/rfc822 0+64+0/0"},
    {"base64 with an empty line is a leaf",
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n\nQTogYgoKeA==\n",
     "e message/rfc822 0+64+14/2"},
    {"what says base64 and is not",
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nA: b\n\nx\n",
     "message/rfc822 0+64+8/3 (a text/plain 64+6+2/1)"},
    {"quoted-printable is ignored",
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\nA: b\n\nx\n",
     "message/rfc822 0+74+8/3 (a text/plain 74+6+2/1)"},
    {"so it is of a multipart",
     "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: "
     "base64\n\n--b\n\nx\n--b--",
     "multipart/mixed 0+77+12/3 (a text/plain 81+1+1/0)"},
    {"a multipart that is all base64",
     "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: "
     "base64\n\nLS1iCgp4Ci0tYi0t\n",
     "nt multipart/mixed 0+77+17/1"},
};

static void messages_in_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(embedded); i++)
        same(embedded[i].name, span_str(embedded[i].message), embedded[i].structure);
}

static const struct {
    const char *name, *message, *structure;
} oddities[] = {
    {"a type twice", "Content-Type: text/html\nContent-Type: image/png\n\n",
     "2 text/html 0+49+0/0"},
    {"a broken type first", "Content-Type: html\nContent-Type: image/png\n\n",
     "2 image/png 0+44+0/0"},
    {"8-bit and NUL in fields", "Subject: \xe4\nContent-Type: text/html\n\n",
     "8 text/html 0+36+0/0"},
    {"types have no case", "content-TYPE: Text/HTML\n\n", "text/html 0+25+0/0"},
    {"a colon with space", "Content-Type : text/html\n\n", "text/html 0+26+0/0"},
    {"folding before the type", "Content-Type:\n text/html;\n\tcharset=x\n\n",
     "text/html 0+38+0/0"},
    {"a folded boundary",
     "Content-Type: multipart/mixed; boundary=\"a\n b\"\n\n--a b\n\nx\n--a b--",
     "multipart/mixed 0+48+16/3 (a text/plain 54+1+1/0)"},
};

static void fields(void **state)
{
    static const char nul[] = "Content-Type: text/html; x=\"a\0b\"\n\n\0\n";
    (void)state;
    for (size_t i = 0; i < COUNT_OF(oddities); i++)
        same(oddities[i].name, span_str(oddities[i].message), oddities[i].structure);
    same("NUL", span_of(nul, sizeof(nul) - 1), "0 text/html 0+34+2/1");
}

static void extras(void **state)
{
    (void)state;
    static const char m[] = "Content-Type: image/png; name=\"a b.png\"; x=y\r\n"
                            "Content-Transfer-Encoding: (c) BASE64 (d)\r\n"
                            "Content-ID: <a@b>\r\nContent-Description: some\r\n picture\r\n"
                            "Content-Disposition: ATTACHMENT; filename*=utf-8''%e2%82%ac.png\r\n"
                            "Content-Language: de, en-GB\r\nContent-Location: http://x/\r\n"
                            "Content-MD5: abc==\r\nFrom: A <a@b>\r\nFrom: c@d\r\nSubject: s\r\n"
                            "Subject: t\r\nDate:\r\n\r\n";
    struct arena *a = arena_new(MIME_ARENA);
    struct mime_part *root;
    assert_int_equal(mime_parse(span_str(m), a, &root), 0);
    assert_int_equal(root->encoding, TRANSFER_BASE64);
    assert_true(span_eq(root->extras->id, SPAN("<a@b>")));
    assert_true(span_eq(root->extras->description, SPAN("some picture")));
    assert_true(span_eq(root->extras->disposition, SPAN("attachment")));
    assert_true(span_eq(root->extras->location, SPAN("http://x/")));
    assert_true(span_eq(root->extras->md5, SPAN("abc==")));
    assert_true(span_eq(root->extras->languages->tag, SPAN("de")));
    assert_true(span_eq(root->extras->languages->next->tag, SPAN("en-GB")));
    assert_true(span_eq(mime_file_name(root)->value, SPAN("\xe2\x82\xac.png")));
    root->extras->disposition_params = NULL;
    assert_true(span_eq(mime_file_name(root)->value, SPAN("a b.png")));
    assert_true(span_eq(root->envelope->from->next->local, SPAN("c")));
    assert_true(span_eq(root->envelope->subject, SPAN("s")));
    assert_non_null(root->envelope->date.p);
    assert_int_equal(root->envelope->date.n, 0);
    assert_null(root->envelope->message_id.p);
    assert_int_equal(root->flags, MIME_FIELD_TWICE);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures),
        cmocka_unit_test(boundaries),
        cmocka_unit_test(messages_in_messages),
        cmocka_unit_test(fields),
        cmocka_unit_test(extras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
