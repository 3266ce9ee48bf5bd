/* SPDX-License-Identifier: Apache-2.0 */
/* Sections: the example of RFC 9051 §6.4.5.1, and messages that are not what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/section.h"

#define GIF   "Content-Type: image/gif\r\n\r\n"
#define TEXT  "Content-Type: text/plain\r\n\r\n"
#define INNER "Subject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"

static const char EXAMPLE[] =
    "Subject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    "--o\r\n" TEXT "one\r\n"
    "--o\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n"
    "--o\r\nContent-Type: message/rfc822\r\n\r\n" INNER "--i\r\n" TEXT
    "three.one\r\n--i\r\n\r\nthree.two\r\n--i--\r\n"
    "--o\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
    "--m\r\n" GIF "four.one\r\n"
    "--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: single\r\n\r\nalone\r\n--m--\r\n"
    "--o--\r\n";

struct text_case {
    const char *path; /* digits, one a level */
    enum section_what what;
    const char *text; /* NULL: no such section */
};

static struct section section_of(const char *path, enum section_what what, uint32_t *numbers)
{
    struct section s = {.what = what, .path = numbers};
    for (; path[s.path_n] != '\0'; s.path_n++)
        numbers[s.path_n] = (uint32_t)(path[s.path_n] - '0');
    return s;
}

static void expect(const char *message, const struct text_case *cases, size_t n)
{
    struct arena *a = arena_new(MIME_ARENA);
    struct mime_part *root;
    assert_int_equal(mime_parse(span_str(message), a, &root), 0);
    for (size_t i = 0; i < n; i++) {
        uint32_t numbers[10];
        struct section s = section_of(cases[i].path, cases[i].what, numbers);
        struct section_range r;
        bool found = section_find(root, &s, &r);
        if (found != (cases[i].text != NULL))
            fail_msg("%s, %d: found %d", cases[i].path, cases[i].what, found);
        if (!found)
            continue;
        struct span text = span_slice(span_str(message), r.offset, r.size);
        if (!span_eq(text, span_str(cases[i].text)))
            fail_msg("%s, %d: %.*s", cases[i].path, cases[i].what, SPAN_ARG(text));
    }
    arena_free(a);
}

static void example(void **state)
{
    (void)state;
    static const char three_text[] = "--i\r\n" TEXT "three.one\r\n--i\r\n\r\nthree.two\r\n--i--";
    static const char single[] = "Subject: single\r\n\r\nalone";
    const struct text_case cases[] = {
        {"", SECTION_BODY, EXAMPLE},
        {"", SECTION_HEADER, "Subject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"},
        {"", SECTION_FIELDS, "Subject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"},
        {"", SECTION_TEXT, EXAMPLE + 61},
        {"", SECTION_MIME, NULL},
        {"1", SECTION_BODY, "one"},
        {"1", SECTION_MIME, TEXT},
        {"1", SECTION_HEADER, NULL},
        {"1", SECTION_TEXT, NULL},
        {"11", SECTION_BODY, NULL},
        {"2", SECTION_BODY, "two"},
        {"3", SECTION_MIME, "Content-Type: message/rfc822\r\n\r\n"},
        {"3", SECTION_HEADER, INNER},
        {"3", SECTION_TEXT, three_text},
        {"31", SECTION_BODY, "three.one"},
        {"32", SECTION_BODY, "three.two"},
        {"33", SECTION_BODY, NULL},
        {"41", SECTION_BODY, "four.one"},
        {"41", SECTION_MIME, GIF},
        {"42", SECTION_BODY, single},
        {"42", SECTION_HEADER, "Subject: single\r\n\r\n"},
        {"42", SECTION_TEXT, "alone"},
        {"421", SECTION_BODY, "alone"},
        {"421", SECTION_MIME, "Subject: single\r\n\r\n"},
        {"422", SECTION_BODY, NULL},
        {"4211", SECTION_BODY, NULL},
        {"4", SECTION_HEADER, NULL},
        {"5", SECTION_BODY, NULL},
        {"0", SECTION_BODY, NULL},
    };
    expect(EXAMPLE, cases, COUNT_OF(cases));
}

static void others(void **state)
{
    (void)state;
    const struct text_case plain[] = {
        {"1", SECTION_BODY, "hello"}, {"1", SECTION_MIME, "A: b\r\n\r\n"},
        {"2", SECTION_BODY, NULL},    {"11", SECTION_BODY, NULL},
        {"1", SECTION_TEXT, NULL},
    };
    expect("A: b\r\n\r\nhello", plain, COUNT_OF(plain));
    const struct text_case nothing[] = {{"", SECTION_BODY, ""},
                                        {"", SECTION_HEADER, ""},
                                        {"", SECTION_TEXT, ""},
                                        {"1", SECTION_BODY, ""}};
    expect("", nothing, COUNT_OF(nothing));
    const struct text_case wrapped[] = {
        {"1", SECTION_BODY, "C: d\r\n\r\nx"},
        {"1", SECTION_HEADER, "C: d\r\n\r\n"},
        {"11", SECTION_BODY, "x"},
        {"1", SECTION_TEXT, "x"},
        {"2", SECTION_BODY, NULL},
    };
    expect("Content-Type: message/rfc822\r\n\r\nC: d\r\n\r\nx", wrapped, COUNT_OF(wrapped));
    const struct text_case hollow[] = {{"1", SECTION_BODY, ""},
                                       {"1", SECTION_MIME, NULL},
                                       {"11", SECTION_BODY, NULL},
                                       {"2", SECTION_BODY, NULL}};
    expect("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n", hollow, COUNT_OF(hollow));
    const struct text_case encoded[] = {{"1", SECTION_BODY, "AAAA"}, {"1", SECTION_HEADER, NULL}};
    expect("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA", encoded,
           COUNT_OF(encoded));
}

static void expect_fields(const char *header, bool not, const char *names, const char *lines)
{
    struct span fields[20], rest = span_str(names);
    struct section s = {.what = not ? SECTION_FIELDS_NOT : SECTION_FIELDS, .fields = fields};
    struct buf out;
    buf_init(&out, 4096);
    while (rest.n > 0)
        fields[s.fields_n++] = span_split(&rest, ' ');
    section_fields(span_str(header), &s, &out);
    if (!span_eq(buf_span(&out), span_str(lines)))
        fail_msg("%s: %.*s", header, SPAN_ARG(buf_span(&out)));
    buf_done(&out);
}

/* The names that were not chosen are looked for in another way when they are many. */
static void many_names(void **state)
{
    (void)state;
    expect_fields("From: a\r\nX-20: b\r\nTo: c\r\n\r\n", false,
                  "x-1 x-2 x-3 x-4 x-5 x-6 x-7 x-8 x-9 x-10 x-11 x-12 x-13 x-14 x-20 TO x-30 x-20",
                  "X-20: b\r\nTo: c\r\n\r\n");
    expect_fields("From: a\r\nX-20: b\r\nTo: c\r\n\r\n", true,
                  "x-1 x-2 x-3 x-4 x-5 x-6 x-7 x-8 x-9 x-10 x-11 x-12 x-13 x-14 x-20 x-30 x-31 TO",
                  "From: a\r\n\r\n");
}

static void fields(void **state)
{
    (void)state;
    static const char header[] =
        "From: a\r\nSubject: x\r\n y\r\nno field\r\nTO : b\r\nsubject: z\r\n\r\n";
    expect_fields(header, false, "subject", "Subject: x\r\n y\r\nsubject: z\r\n\r\n");
    expect_fields(header, false, "To FROM", "From: a\r\nTO : b\r\n\r\n");
    expect_fields(header, false, "Sub", "\r\n");
    expect_fields(header, true, "subject", "From: a\r\nTO : b\r\n\r\n");
    expect_fields(header, true, "x", "From: a\r\nSubject: x\r\n y\r\nTO : b\r\nsubject: z\r\n\r\n");
    expect_fields("From: a", false, "from", "From: a\r\n\r\n");
    expect_fields("From: a\n\n", false, "from", "From: a\n\r\n");
    expect_fields("", false, "from", "\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example),
        cmocka_unit_test(others),
        cmocka_unit_test(fields),
        cmocka_unit_test(many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
