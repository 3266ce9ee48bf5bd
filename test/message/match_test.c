/* SPDX-License-Identifier: Apache-2.0 */
/* Strings in messages: headers, parts, encodings, charsets, and where the pieces are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/casemap.h"
#include "message/match.h"
#include "message/structure.h"

static const char mixed[] = "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n"
                            "Subject: folded\r\n\tsubject\r\n"
                            "Content-Type: multipart/mixed; boundary=b\r\n"
                            "\r\n"
                            "preamble\r\n"
                            "--b\r\n"
                            "Content-Type: text/plain; charset=iso-8859-1\r\n"
                            "Content-Transfer-Encoding: quoted-printable\r\n"
                            "X-Part: partheader\r\n"
                            "\r\n"
                            "Gr=FC=\r\n=DFe und eine lange Zei=\r\nle\r\n"
                            "--b\r\n"
                            "Content-Type: text/html; charset=utf-8\r\n"
                            "Content-Transfer-Encoding: base64\r\n"
                            "\r\n"
                            "PGI+d29y\r\n"
                            "bGQ8L2I+\r\n"
                            "--b\r\n"
                            "Content-Type: image/png\r\n"
                            "\r\n"
                            "pixels\r\n"
                            "--b\r\n"
                            "Content-Type: message/rfc822\r\n"
                            "\r\n"
                            "Subject: inner =?utf-8?b?w6Q=?=\r\n"
                            "\r\n"
                            "inner body\r\n"
                            "--b--\r\n"
                            "epilogue\r\n";

/* B: in the body; H: in the header; N: in neither. */
static const struct {
    const char *text;
    char where;
} cases[] = {
    {"", 'B'},
    {"preamble", 'B'},
    {"Gr\xc3\xbc\xc3\x9f"
     "e",
     'B'},
    {"GR\xc3\x9c\xc3\x9f"
     "E UND",
     'B'},
    {"grue", 'N'},
    {"lange zeile", 'B'},
    {"<b>world</b>", 'B'},
    {"PGI+", 'N'},
    {"pixels", 'N'},
    {"inner body", 'B'},
    {"subject: inner \xc3\x84", 'B'},
    {"epilogue", 'N'},
    {"j\xc3\xb6rg <joerg@", 'H'},
    {"JO\xcc\x88RG", 'H'},
    {"from: ", 'H'},
    {"folded\tsubject", 'H'},
    {"partheader", 'H'},
    {"text/html", 'H'},
    {"worldinner", 'N'},
    {"subject\r\ncontent", 'N'},
};

static struct span key_of(const char *text, struct buf *b)
{
    buf_init(b, 4096);
    casemap_put(b, span_str(text));
    return buf_span(b);
}

static void look(struct span message, struct match_needle *v, size_t n, size_t cut, struct arena *a)
{
    struct match *m = match_new(a, v, n);
    assert_non_null(m);
    for (; message.n > 0 && !match_is_done(m); message = span_from(message, cut))
        match_feed(m, span_slice(message, 0, cut));
    assert_int_equal(match_end(m), 0);
    arena_reset(a);
}

static void finds(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIME_ARENA);
    static const size_t cuts[] = {1, 2, 3, 7, 64, sizeof(mixed)};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t c = 0; c < COUNT_OF(cuts); c++) {
            struct buf b;
            struct match_needle v[2] = {{.key = key_of(cases[i].text, &b)},
                                        {.key = buf_span(&b), .headers = true}};
            look(span_str(mixed), v, 2, cuts[c], a);
            if (v[0].found != (cases[i].where == 'B') || v[1].found != (cases[i].where != 'N'))
                fail_msg("%s, pieces of %zu: %d %d", cases[i].text, cuts[c], v[0].found,
                         v[1].found);
            buf_done(&b);
        }
    arena_free(a);
}

static void many_at_once(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIME_ARENA);
    struct match_needle v[COUNT_OF(cases)];
    struct buf b[COUNT_OF(cases)];
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        v[i] = (struct match_needle){.key = key_of(cases[i].text, &b[i]), .headers = i % 2 != 0};
    look(span_str(mixed), v, COUNT_OF(cases), 5, a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(v[i].found,
                         cases[i].where == 'B' || (cases[i].where == 'H' && i % 2 != 0));
        buf_done(&b[i]);
    }
    arena_free(a);
}

static const struct {
    const char *message, *text;
    bool found;
} odd[] = {
    {"", "a", false},
    {"A: b\n", "b", false},
    {"A: b\n\nc", "C", true},
    {"\n\xe4", "\xc3\xa4", true}, /* unlabelled */
    {"Content-Type: text/plain; charset=utf-7\n\n+AOQ-", "\xc3\x84", true},
    {"Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B%F%9\x1b(B",
     "\xe3\x83\x86\xe3\x82\xb9", true},
    {"Content-Type: multipart/mixed; boundary=x\n\nno parts", "NO PARTS", true},
    {"Content-Type: multipart/mixed\n\nno boundary", "no b", true},
    {"Content-Type: message/delivery-status\n\nAction: failed\n", "action: failed", true},
    {"Content-Type: application/pdf\n\nbytes", "bytes", false},
    {"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nYWJj\n\n", "abc", true},
    {"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nYWJj", "abc", true},
};

static void odd_messages(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIME_ARENA);
    for (size_t i = 0; i < COUNT_OF(odd); i++)
        for (size_t cut = 1; cut < 40; cut += 13) {
            struct buf b;
            struct match_needle v = {.key = key_of(odd[i].text, &b)};
            look(span_str(odd[i].message), &v, 1, cut, a);
            if (v.found != odd[i].found)
                fail_msg("%s: %s", odd[i].message, odd[i].text);
            buf_done(&b);
        }
    arena_free(a);
}

/* Lines of a header that are no field are in it all the same. */
static void stray_lines(void **state)
{
    (void)state;
    static const char *const strays[][2] = {
        {"From me@x Mon\nA: b\n\nc", "ME@X m"},
        {"A: b\nno =?utf-8?q?f=C3=AEeld?=\n of mine\n\nc", "no f\xc3\xae"
                                                           "eld of mine"},
        {" odd\nA: b\n\nc", "odd"},
        {"A: b\nlast of all", "last of"},
    };
    struct arena *a = arena_new(MIME_ARENA);
    for (size_t i = 0; i < COUNT_OF(strays); i++)
        for (size_t cut = 1; cut < 40; cut += 13) {
            struct buf b;
            struct match_needle v[2] = {{.key = key_of(strays[i][1], &b), .headers = true},
                                        {.key = buf_span(&b)}};
            look(span_str(strays[i][0]), v, 2, cut, a);
            if (!v[0].found || v[1].found)
                fail_msg("%s: %s", strays[i][0], strays[i][1]);
            buf_done(&b);
        }
    arena_free(a);
}

/* A needle that lies across the slices text is mapped in, in characters of two bytes. */
static void long_bodies(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIME_ARENA);
    for (size_t pad = 0; pad < 5; pad++) {
        struct buf message, b;
        buf_init(&message, 1 << 20);
        buf_puts(&message, "Content-Type: text/plain; charset=utf-8\n\n");
        for (size_t i = 0; i < pad; i++)
            buf_putc(&message, 'x');
        for (size_t i = 0; i < 100000; i++)
            buf_puts(&message, i % 10007 == 0 ? "\xc3\xb6" : "\xc3\xa4");
        buf_puts(&message, "\xc3\xb6\xc3\xa4\xc3\xb6!");
        struct match_needle v[] = {
            {.key = key_of("\xc3\xa4\xc3\xb6\xc3\xa4\xc3\xb6!", &b)},
            {.key = SPAN("O\xcc\x88!O")},
        };
        look(buf_span(&message), v, 2, 70001, a);
        assert_true(v[0].found);
        assert_false(v[1].found);
        buf_done(&message);
        buf_done(&b);
    }
    arena_free(a);
}

static void fields(void **state)
{
    (void)state;
    struct buf scratch;
    bool found = false;
    buf_init(&scratch, 4096);
    assert_int_equal(
        match_field(SPAN("a\r\n =?utf-8?q?=C3=A4?="), SPAN("A A\xcc\x88"), &scratch, &found), 0);
    assert_true(found);
    assert_int_equal(match_field(SPAN("abc"), SPAN("X"), &scratch, &found), 0);
    assert_false(found);
    assert_int_equal(match_field(SPAN(""), SPAN(""), &scratch, &found), 0);
    assert_true(found);
    buf_done(&scratch);
}

static void given_up(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIME_ARENA);
    struct match_needle v = {.key = SPAN("NOWHERE")};
    struct match *m = match_new(a, &v, 1);
    match_feed(m, span_slice(span_str(mixed), 0, 400)); /* in the middle of a body */
    match_free(m);
    match_free(NULL);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),        cmocka_unit_test(many_at_once),
        cmocka_unit_test(odd_messages), cmocka_unit_test(stray_lines),
        cmocka_unit_test(long_bodies),  cmocka_unit_test(fields),
        cmocka_unit_test(given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
