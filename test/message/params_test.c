/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Type, Content-Disposition, Content-Language and their parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "message/params.h"

static void show(struct buf *out, const struct mime_param *p)
{
    for (; p != NULL; p = p->next)
        buf_printf(out, "|%.*s%s=%.*s", SPAN_ARG(p->name), p->extended ? "*" : "",
                   SPAN_ARG(p->value));
}

/* "type/subtype|name=value|extended*=value"; "-" for what is no type. */
static const struct {
    const char *value, *seen;
} types[] = {
    {"text/plain", "text/plain"},
    {" TEXT / PLAIN ", "text/plain"},
    {"(a)text(b)/(c)plain(d);(e)charset(f)=(g)x(h)", "text/plain|charset=x"},
    /* RFC 2045 §5.1 */
    {"text/plain; charset=us-ascii (Plain text)", "text/plain|charset=us-ascii"},
    {"text/plain; charset=\"us-ascii\"", "text/plain|charset=us-ascii"},
    {"text/plain; Charset=UTF-8;format=flowed", "text/plain|charset=UTF-8|format=flowed"},
    {"a/b; x=\"a\\\"b\\\\c\"", "a/b|x=a\"b\\c"},
    {"a/b; x=\"a\r\n b\"", "a/b|x=a b"},
    {"a/b; x=\"a\\\nb\\\rc\"", "a/b|x=abc"},
    {"a/b; x=\"\"", "a/b|x="},
    {"a/b; x=", "a/b|x="},
    {"a/b; x=;y=z", "a/b|x=|y=z"},
    /* no type */
    {"", "-"},
    {"text", "-"},
    {"/plain", "-"},
    {"text/", "-"},
    {"text;charset=x", "-"},
    {"text/;charset=x", "-"},
    /* what real mail has */
    {"a/b;;x=y;", "a/b|x=y"},
    {"a/b x=y", "a/b|x=y"},
    {"a/b; x=y z=w", "a/b|x=y|z=w"},
    {"a/b; x=\"y\" z=w", "a/b|x=y|z=w"},
    {"a/b; x=\"y\"junk; z=w", "a/b|x=y|z=w"},
    {"a/b; name=my file.txt; z=w", "a/b|name=my file.txt|z=w"},
    {"a/b; name=my file.txt z=w", "a/b|name=my file.txt|z=w"},
    {"a/b; name=a/b@c", "a/b|name=a/b@c"},
    {"a/b; name=\"left open; z=w", "a/b|name=left open; z=w"},
    {"a/b; name=caf\xe9", "a/b|name=caf\xe9"},
    {"a/b; junk; x=y", "a/b|x=y"},
    {"a/b; \"junk; x=z\"; x=y", "a/b|x=y"},
    {"a/b; (junk; x=z); x=y", "a/b|x=y"},
    {"a/b/c; x=y", "a/b|x=y"},
    {"a/b, c/d; x=y", "a/b|x=y"},
    {"a/b; x=1; x=2", "a/b|x=1|x=2"},
    {"a/b; name==?utf-8?q?x?=", "a/b|name==?utf-8?q?x?="},
    {"a/b; =y; x=y", "a/b|x=y"},
    {"a/b; x*=", "a/b|x*="},
    {"a/b; *=x; y=z", "a/b|*=x|y=z"},
    /* RFC 2231 §3, §4 and §4.1 */
    {"message/external-body; access-type=URL; URL*0=\"ftp://\"; "
     "URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
     "message/external-body|access-type=URL|url=ftp://cs.utk.edu/pub/moore/bulk-mailer/"
     "bulk-mailer.tar"},
    {"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
     "application/x-stuff|title*=This is ***fun***"},
    {"application/x-stuff\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n "
     "title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"",
     "application/x-stuff|title*=This is even more ***fun*** isn't it!"},
    {"a/b; x*=iso-8859-1''%e4", "a/b|x*=\xc3\xa4"},
    {"a/b; x*=UTF-8''%c3%a4%", "a/b|x*=\xc3\xa4%"},
    {"a/b; x*=''%c3%a4", "a/b|x*=\xc3\xa4"},
    {"a/b; x*=%c3%a4", "a/b|x*=\xc3\xa4"},
    {"a/b; x*=\"utf-8''%c3%a4\"", "a/b|x*=\xc3\xa4"},
    {"a/b; x*=nobody''%e4", "a/b|x*=\xc3\xa4"},
    {"a/b; x*0*=utf-8''%c3; x*1*=%a4", "a/b|x*=\xc3\xa4"},
    {"a/b; x*1=b; x*0=a; y=z; x*2=c", "a/b|x=abc|y=z"},
    {"a/b; x*1=a; x*2=b", "a/b|x=ab"},
    {"a/b; x*0=a; x*2=b", "a/b|x=a|x=b"},
    {"a/b; x*0=a; x*0=b", "a/b|x=a|x=b"},
    {"a/b; x*0=a; x*1*=%62", "a/b|x*=ab"},
    {"a/b; x*9999=a", "a/b|x*9999=a"},
    {"a/b; x*y=a", "a/b|x*y=a"},
    {"a/b; x=plain; x*=utf-8''%c3%a4", "a/b|x=plain|x*=\xc3\xa4"},
};

static void reads_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct arena *a = arena_new(65536);
        struct span type, subtype;
        struct mime_param *params;
        struct buf out;
        buf_init(&out, 4096);
        if (mime_type_parse(span_str(types[i].value), a, &type, &subtype, &params)) {
            buf_printf(&out, "%.*s/%.*s", SPAN_ARG(type), SPAN_ARG(subtype));
            show(&out, params);
        } else {
            buf_putc(&out, '-');
        }
        if (!span_eq(buf_span(&out), span_str(types[i].seen)))
            fail_msg("%s:\n  %.*s", types[i].value, SPAN_ARG(buf_span(&out)));
        buf_done(&out);
        arena_free(a);
    }
}

static const struct {
    const char *value, *seen;
} dispositions[] = {
    {"inline", "inline"},
    {"Attachment; filename=genome.jpeg;\r\n modification-date=\"Wed, 12 Feb 1997 16:29:51 -0500\"",
     "attachment|filename=genome.jpeg|modification-date=Wed, 12 Feb 1997 16:29:51 -0500"},
    {"filename=x", "attachment|filename=x"},
    {"", "-"},
    {";filename=x", "-"},
    {"attachment filename=\"x y\"", "attachment|filename=x y"},
};

static void reads_dispositions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(dispositions); i++) {
        struct arena *a = arena_new(65536);
        struct span token;
        struct mime_param *params;
        struct buf out;
        buf_init(&out, 4096);
        if (mime_disposition_parse(span_str(dispositions[i].value), a, &token, &params)) {
            buf_put(&out, token);
            show(&out, params);
        } else {
            buf_putc(&out, '-');
        }
        if (!span_eq(buf_span(&out), span_str(dispositions[i].seen)))
            fail_msg("%s:\n  %.*s", dispositions[i].value, SPAN_ARG(buf_span(&out)));
        buf_done(&out);
        arena_free(a);
    }
}

static void reads_languages(void **state)
{
    static const struct {
        const char *value, *seen;
    } languages[] = {
        {"en", "en."},
        {"de, en-GB (British) ,fr", "de.en-GB.fr."},
        {"", ""},
        {",,", ""},
        {"en us, de", "en.de."},
        {"x\xe4, (a) b", "b."},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(languages); i++) {
        struct arena *a = arena_new(65536);
        struct buf out;
        buf_init(&out, 4096);
        for (struct mime_language *l = mime_languages_parse(span_str(languages[i].value), a);
             l != NULL; l = l->next)
            buf_printf(&out, "%.*s.", SPAN_ARG(l->tag));
        if (!span_eq(buf_span(&out), span_str(languages[i].seen)))
            fail_msg("%s: %.*s", languages[i].value, SPAN_ARG(buf_span(&out)));
        buf_done(&out);
        arena_free(a);
    }
}

static void finds(void **state)
{
    (void)state;
    struct arena *a = arena_new(65536);
    struct span type, subtype;
    struct mime_param *p;
    assert_true(mime_type_parse(SPAN("a/b; X=1; y=2; x*=''3; y=4"), a, &type, &subtype, &p));
    assert_true(span_eq(mime_param_find(p, SPAN("x"))->value, SPAN("3")));
    assert_true(span_eq(mime_param_find(p, SPAN("y"))->value, SPAN("2")));
    assert_null(mime_param_find(p, SPAN("z")));
    arena_free(a);
}

static void writes(void **state)
{
    static const struct {
        const char *value, *written;
    } values[] = {
        {"abc.txt", ";\r\n name=abc.txt"},
        {"a b", ";\r\n name=\"a b\""},
        {"a\"b\\", ";\r\n name=\"a\\\"b\\\\\""},
        {"", ";\r\n name=\"\""},
        {"\xc3\xa4 b", ";\r\n name*=utf-8''%C3%A4%20b"},
        {"a\nb", ";\r\n name*=utf-8''a%0Ab"},
    };
    (void)state;
    struct buf out;
    buf_init(&out, 65536);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        buf_clear(&out);
        mime_param_write(SPAN("name"), span_str(values[i].value), &out);
        if (!span_eq(buf_span(&out), span_str(values[i].written)))
            fail_msg("%s: %.*s", values[i].value, SPAN_ARG(buf_span(&out)));
    }
    buf_done(&out);
}

/* What is written is read again, in lines of at most 76. */
static void there_and_back(void **state)
{
    (void)state;
    struct buf out, value;
    buf_init(&out, 65536);
    buf_init(&value, 65536);
    for (size_t n = 0; n < 300; n++) {
        buf_clear(&out);
        buf_putc(&value, "a b\"\\;'%*"[n % 9]);
        if (n % 3 == 1)
            buf_puts(&value, "\xe2\x82\xac");
        buf_puts(&out, "a/b");
        mime_param_write(SPAN("filename"), buf_span(&value), &out);
        struct span rest = buf_span(&out);
        while (rest.n > 0)
            assert_true(span_split(&rest, '\n').n <= 77);
        struct arena *a = arena_new(65536);
        struct span type, subtype;
        struct mime_param *p;
        assert_true(mime_type_parse(buf_span(&out), a, &type, &subtype, &p));
        assert_non_null(p);
        assert_null(p->next);
        if (!span_eq(p->value, buf_span(&value)))
            fail_msg("%.*s", SPAN_ARG(buf_span(&out)));
        arena_free(a);
    }
    buf_done(&out);
    buf_done(&value);
}

/* A long name, a long value: fewer pieces than are read, so that all of it is read again. */
static void long_values(void **state)
{
    (void)state;
    struct buf out, value, name;
    buf_init(&out, 1 << 20);
    buf_init(&value, 1 << 20);
    buf_init(&name, 1 << 10);
    for (size_t i = 0; i < 100; i++)
        buf_putc(&name, 'q');
    for (size_t i = 0; i < 10000; i++)
        buf_puts(&value, "\xe2\x82\xac");
    for (size_t i = 0; i < 2; i++) {
        buf_clear(&out);
        buf_puts(&out, "a/b");
        mime_param_write(i == 0 ? SPAN("name") : buf_span(&name), buf_span(&value), &out);
        struct arena *a = arena_new(1 << 20);
        struct span type, subtype;
        struct mime_param *p;
        assert_true(mime_type_parse(buf_span(&out), a, &type, &subtype, &p));
        assert_non_null(p);
        assert_null(p->next);
        assert_true(span_eq(p->value, buf_span(&value)));
        arena_free(a);
    }
    buf_done(&out);
    buf_done(&value);
    buf_done(&name);
}

/* Half a megabyte of what repeats, opens or never ends: as many parameters as the limit says, memory that is
 * no more than UTF-8 of the value, and time that, if it grew faster than the value, would meet the time limit
 * of the test. */
static void hostile(void **state)
{
    static const char *const units[] = {";a=b",
                                        ";",
                                        "\"",
                                        "(",
                                        "a=\"",
                                        " x",
                                        "=",
                                        "a=b c ",
                                        "%",
                                        "x*=%",
                                        "\\",
                                        "a*0=b;",
                                        ";a*0*=\xe4",
                                        ";a*1=x;a*0=''",
                                        " \t\r\n",
                                        "x ;",
                                        ";a*=big5''%a7%41",
                                        "; a=b(",
                                        "; junk (a=b) \"",
                                        ", ,"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct arena *a = arena_new(1 << 26);
        struct span type, subtype;
        struct mime_param *params = NULL;
        struct buf in;
        buf_init(&in, 1 << 20);
        buf_puts(&in, "a/b;x=");
        while (in.n < 500000)
            buf_puts(&in, units[i]);
        assert_true(mime_type_parse(buf_span(&in), a, &type, &subtype, &params));
        size_t n = 0;
        for (const struct mime_param *p = params; p != NULL; p = p->next)
            n++;
        assert_true(n >= 1 && n <= LIMIT_MIME_PARAMS);
        assert_true(mime_disposition_parse(buf_span(&in), a, &type, &params));
        (void)mime_languages_parse(buf_span(&in), a);
        assert_int_equal(arena_err(a), 0);
        if (arena_used(a) > 2 * (5 * in.n + LIMIT_MIME_PARAMS * 128))
            fail_msg("%s: %zu", units[i], arena_used(a));
        buf_done(&in);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_types),     cmocka_unit_test(reads_dispositions),
        cmocka_unit_test(reads_languages), cmocka_unit_test(finds),
        cmocka_unit_test(writes),          cmocka_unit_test(there_and_back),
        cmocka_unit_test(hostile),         cmocka_unit_test(long_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
