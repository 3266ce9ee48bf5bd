/* SPDX-License-Identifier: Apache-2.0 */
/* Messages made to hurt: their structure, and what the parser takes from the heap, all of it counted, while
 * they go by. Each is so large that a parser whose time grew faster than the message would be ended by the time
 * limit of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>

#include "base/limits.h"
#include "message/structure.h"

/* The arena, the parser, and a field and a line while their buffers grow. */
enum { HEAP_MOST = MIME_ARENA + 4 * LIMIT_MIME_FIELD };

/* linked with --wrap */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static size_t heap_now, heap_most;

static void *heap_count(void *p)
{
    heap_now += malloc_usable_size(p);
    if (heap_now > heap_most)
        heap_most = heap_now;
    return p;
}

void *__wrap_malloc(size_t n)
{
    return heap_count(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return heap_count(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
    heap_now -= malloc_usable_size(p);
    return heap_count(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
    heap_now -= malloc_usable_size(p);
    __real_free(p);
}

struct fed {
    struct arena *arena;
    struct mime_parser *parser;
    struct mime_part *root;
    struct buf piece; /* many small writes, one feed */
    uint64_t size;
    size_t heap_before;
};

static void fed_init(struct fed *f)
{
    buf_init(&f->piece, 1 << 20);
    assert_non_null(buf_room(&f->piece, 1 << 17)); /* not the parser's: before the count begins */
    f->heap_before = heap_most = heap_now;
    f->arena = arena_new(MIME_ARENA);
    f->parser = mime_parser_new(f->arena, NULL);
    f->size = 0;
    assert_non_null(f->parser);
}

static void flush(struct fed *f)
{
    f->size += f->piece.n;
    mime_parser_feed(f->parser, buf_span(&f->piece));
    buf_clear(&f->piece);
}

static void put(struct fed *f, struct span s)
{
    if (f->piece.n + s.n > 60000)
        flush(f);
    buf_put(&f->piece, s);
}

static void many(struct fed *f, struct span s, size_t times)
{
    for (size_t i = 0; i < times; i++)
        put(f, s);
}

static void fed_end(struct fed *f)
{
    flush(f);
    assert_int_equal(mime_parser_end(f->parser, &f->root), 0);
    assert_true(f->root->header_size + f->root->body_size == f->size);
    assert_true(arena_used(f->arena) <= MIME_ARENA);
    assert_true(heap_most > f->heap_before);
    if (heap_most - f->heap_before > HEAP_MOST)
        fail_msg("%zu bytes", heap_most - f->heap_before);
}

static void fed_done(struct fed *f)
{
    arena_free(f->arena);
    buf_done(&f->piece);
}

static size_t count(const struct mime_part *root)
{
    size_t n = 0;
    for (const struct mime_part *p = root; p != NULL; p = mime_next(p))
        n++;
    return n;
}

static void million_parts(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    put(&f, SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
    many(&f, SPAN("--b\r\n\r\nx\r\n"), 1000000);
    put(&f, SPAN("--b--\r\n"));
    fed_end(&f);
    assert_int_equal(count(f.root), LIMIT_MIME_PARTS);
    assert_true((f.root->flags & MIME_ANY_OPAQUE) != 0);
    const struct mime_part *last = f.root->child;
    for (size_t n = 2; last->next != NULL; n++, last = last->next) {
        assert_int_equal(last->offset, 45 + 5 + (n - 2) * 10);
        assert_int_equal(last->body_size, 1);
        assert_int_equal(last->flags, MIME_TYPE_ABSENT);
    }
    assert_true((last->flags & MIME_OPAQUE) != 0);
    assert_true(mime_body_offset(last) + last->body_size == f.size);
    struct span type, subtype;
    mime_shown_type(last, &type, &subtype);
    assert_true(span_eq(type, SPAN("application")) && span_eq(subtype, SPAN("octet-stream")));
    fed_done(&f);
}

/* One part below the limit nothing is opaque. */
static void just_enough_parts(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    put(&f, SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
    many(&f, SPAN("--b\r\n\r\nx\r\n"), LIMIT_MIME_PARTS - 2);
    put(&f, SPAN("--b--\r\n"));
    fed_end(&f);
    assert_int_equal(count(f.root), LIMIT_MIME_PARTS - 1);
    assert_int_equal(f.root->flags, 0);
    fed_done(&f);
}

/* Parts whose every field costs memory: still an arena of MIME_ARENA is enough. */
static void expensive_parts(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    put(&f, SPAN("Content-Type: multipart/mixed; boundary=b\r\nTo: "));
    many(&f, SPAN("a,"), 100000);
    put(&f, SPAN("b\r\nCc: "));
    many(&f, SPAN("a@b,"), 100000);
    put(&f, SPAN("b\r\n\r\n"));
    for (size_t i = 0; i < 20000; i++) {
        put(&f, SPAN("--b\r\nContent-Type: text/plain"));
        many(&f, SPAN(";a=b"), 200);
        put(&f, SPAN("\r\nContent-Disposition: a"));
        many(&f, SPAN(";a*0=b"), 200);
        put(&f, SPAN("\r\nContent-Language: a"));
        many(&f, SPAN(",a"), 200);
        put(&f, SPAN("\r\nContent-ID: <>\r\nContent-MD5: x\r\n\r\n"));
    }
    fed_end(&f);
    assert_int_equal(count(f.root), LIMIT_MIME_PARTS);
    assert_true((f.root->flags & MIME_ANY_CUT) != 0);
    const struct mime_part *p = f.root->child;
    assert_non_null(p->params);
    while (p->next != NULL)
        p = p->next;
    assert_null(p->params); /* by then the memory is used up */
    fed_done(&f);
}

/* Memory used up to the last byte that fields may have, then the field that takes most for its size, then as
 * many parts as there may be, each second with an envelope. */
static void most_memory(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    put(&f, SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
    for (size_t i = 0; i < 7; i++) {
        put(&f, SPAN("--b\r\nContent-Type: a/b; x="));
        many(&f, SPAN("y"), LIMIT_MIME_FIELD - 20000);
        put(&f, SPAN("\r\n\r\n"));
    }
    put(&f, SPAN("--b\r\nContent-Type: a/b; x*=windows-1252''"));
    many(&f, SPAN("\x80"), LIMIT_MIME_FIELD - 100);
    put(&f, SPAN("\r\n\r\n"));
    many(&f, SPAN("--b\nContent-Type: message/rfc822\n\n\n"), LIMIT_MIME_PARTS);
    fed_end(&f);
    assert_int_equal(count(f.root), LIMIT_MIME_PARTS);
    const struct mime_part *p = f.root->child;
    for (size_t i = 0; i < 7; i++, p = p->next)
        assert_int_equal(p->params->value.n, LIMIT_MIME_FIELD - 20000);
    assert_true(p->params->value.n > LIMIT_MIME_FIELD); /* in UTF-8 */
    assert_true(arena_used(f.arena) > 2 * LIMIT_MIME_KEPT);
    fed_done(&f);
}

static void parameters(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    put(&f, SPAN("Content-Type: text/plain"));
    many(&f, SPAN(";a=b"), 200);
    fed_end(&f);
    size_t n = 0;
    for (const struct mime_param *p = f.root->params; p != NULL; p = p->next)
        n++;
    assert_int_equal(n, LIMIT_MIME_PARAMS);
    fed_done(&f);
}

static void deep_multiparts(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    put(&f, SPAN("Content-Type: multipart/mixed; boundary=b000000\r\n\r\n"));
    for (size_t i = 1; i <= 100000; i++) {
        char text[128];
        int n = snprintf(text, sizeof(text),
                         "--b%06zu\r\nContent-Type: multipart/mixed; boundary=b%06zu\r\n\r\n",
                         i - 1, i);
        put(&f, span_of(text, (size_t)n));
    }
    fed_end(&f);
    assert_int_equal(count(f.root), LIMIT_MIME_DEPTH);
    const struct mime_part *p = f.root;
    while (p->child != NULL)
        p = p->child;
    assert_int_equal(p->depth, LIMIT_MIME_DEPTH);
    assert_int_equal(p->kind, MIME_LEAF);
    assert_true((p->flags & MIME_OPAQUE) != 0 && (f.root->flags & MIME_ANY_OPAQUE) != 0);
    fed_done(&f);
}

static void deep_messages(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    many(&f, SPAN("Content-Type: message/rfc822\r\n\r\n"), 100000);
    fed_end(&f);
    assert_int_equal(count(f.root), LIMIT_MIME_DEPTH);
    fed_done(&f);
}

/* The same boundary in every level: each line ends one and begins another. */
static void deep_and_wide(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    put(&f, SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
    many(&f, SPAN("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n"), 100000);
    fed_end(&f);
    assert_int_equal(count(f.root), LIMIT_MIME_PARTS);
    fed_done(&f);
}

/* 100 boundaries that are compared with each of a million lines, all alike up to their last byte. */
static void look_alikes(void **state)
{
    (void)state;
    struct fed f;
    char boundary[80];
    fed_init(&f);
    memset(boundary, '-', 70);
    put(&f, SPAN("Content-Type: multipart/mixed; boundary=\""));
    for (size_t i = 0; i < LIMIT_MIME_DEPTH; i++) {
        int n = snprintf(boundary + 66, 8, "%04zu", i);
        assert_int_equal(n, 4);
        put(&f, span_of(boundary, 70));
        put(&f, SPAN("\"\r\n\r\n--"));
        put(&f, span_of(boundary, 70));
        put(&f, SPAN("\r\nContent-Type: multipart/mixed; boundary=\""));
    }
    put(&f, SPAN("\"\r\n\r\n"));
    memset(boundary, '-', 70);
    boundary[70] = '\n';
    many(&f, span_of(boundary, 71), 1000000);
    fed_end(&f);
    assert_int_equal(count(f.root), LIMIT_MIME_DEPTH);
    assert_int_equal(f.root->lines, 1000000 + 3 * 100);
    fed_done(&f);
}

static void one_long_line(struct span before, struct span line, struct span after, uint32_t flags)
{
    struct fed f;
    fed_init(&f);
    put(&f, before);
    many(&f, line, 10 * 1000 * 1000 / line.n);
    put(&f, after);
    fed_end(&f);
    if ((f.root->flags & MIME_FIELD_CUT) != flags)
        fail_msg("%.*s: flags %x", SPAN_ARG(before), f.root->flags);
    assert_true(f.root->body_size == 1);
    fed_done(&f);
}

static void long_headers(void **state)
{
    static char x[10000];
    (void)state;
    memset(x, 'x', sizeof(x));
    struct span line = span_of(x, sizeof(x)), after = SPAN("\r\n\r\nb");
    one_long_line(SPAN("X: "), line, after, 0);
    one_long_line(SPAN("Subject: "), line, after, MIME_FIELD_CUT);
    one_long_line(SPAN("To: "), line, after, MIME_FIELD_CUT);
    one_long_line(SPAN("Content-Type: "), line, after, MIME_FIELD_CUT);
    one_long_line(SPAN(""), line, after, 0);
    one_long_line(SPAN("To: x"), SPAN(",\"\r\n ("), after, MIME_FIELD_CUT);
    one_long_line(SPAN("Content-Type: a/b;x="), SPAN(" x(\""), after, MIME_FIELD_CUT);
    one_long_line(SPAN("Content-Type: multipart/mixed; boundary="), line, after, MIME_FIELD_CUT);
    one_long_line(SPAN("Content-Type: multipart/mixed; boundary=\""), line, after, MIME_FIELD_CUT);
    one_long_line(SPAN(""), SPAN("X: y\r\n"), SPAN("\r\nb"), 0);
    one_long_line(SPAN(""), SPAN("Content-Type: a\r\n"), SPAN("\r\nb"), 0);
    one_long_line(SPAN(""), SPAN("To: a\r\n"), SPAN("\r\nb"), MIME_FIELD_CUT);
    one_long_line(SPAN(""), SPAN("Content-Disposition: ;\r\n"), SPAN("\r\nb"), 0);
}

/* A boundary as long as a field may be, and lines that begin like it. */
static void long_boundary(void **state)
{
    (void)state;
    struct fed f;
    fed_init(&f);
    put(&f, SPAN("Content-Type: multipart/mixed; boundary="));
    many(&f, SPAN("x"), 500000);
    put(&f, SPAN("\r\n\r\n--"));
    many(&f, SPAN("x"), 499999);
    put(&f, SPAN("\r\n--"));
    many(&f, SPAN("x"), 500000);
    put(&f, SPAN("\r\n\r\n--"));
    many(&f, SPAN("x"), 499999);
    put(&f, SPAN("y\r\n--"));
    many(&f, SPAN("x"), 500000);
    put(&f, SPAN("--\r\n"));
    many(&f, SPAN("--\n"), 1000000);
    fed_end(&f);
    assert_int_equal(count(f.root), 2);
    assert_int_equal(f.root->child->body_size, 500002);
    fed_done(&f);
}

/* Lines without an end where delimiters are looked for, and a delimiter line without one. */
static void long_lines(void **state)
{
    static const char *const lines[] = {"-", "--", "--b", "--b-", "-\r", "\r", "\r\n", "\n--", "x"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct fed f;
        struct span line = span_str(lines[i]);
        fed_init(&f);
        put(&f, SPAN("Content-Type: multipart/mixed; boundary=bound\r\n\r\n--bound\r\n\r\n"));
        many(&f, line, 5 * 1000 * 1000 / line.n);
        put(&f, SPAN("\r\n--bound"));
        many(&f, line, 5 * 1000 * 1000 / line.n);
        fed_end(&f);
        const struct mime_part *part = f.root->child;
        assert_int_equal(part->body_size, 5 * 1000 * 1000 / line.n * line.n);
        /* behind "--bound" a "--" closes, anything else opens one more part */
        assert_int_equal(count(f.root),
                         span_starts(line, SPAN("--")) || span_eq(line, SPAN("-")) ? 2 : 3);
        fed_done(&f);
    }
}

/* An arena that is too small is the caller's to hear of, and nothing else happens. */
static void small_arenas(void **state)
{
    (void)state;
    static const char m[] = "From: a@b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                            "--b\r\nContent-Type: message/rfc822\r\nContent-ID: <x>\r\n\r\n"
                            "Subject: x\r\n\r\n--b--\r\n";
    bool failed = false;
    for (size_t size = 16; size < 4096; size += 16) {
        struct arena *a = arena_new(size);
        struct mime_part *root = NULL;
        int err = mime_parse(span_str(m), a, &root);
        assert_true(err == 0 ? root != NULL : root == NULL && err == arena_err(a));
        failed |= err != 0;
        arena_free(a);
    }
    assert_true(failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(million_parts),   cmocka_unit_test(just_enough_parts),
        cmocka_unit_test(expensive_parts), cmocka_unit_test(most_memory),
        cmocka_unit_test(parameters),      cmocka_unit_test(deep_multiparts),
        cmocka_unit_test(deep_messages),   cmocka_unit_test(deep_and_wide),
        cmocka_unit_test(look_alikes),     cmocka_unit_test(long_headers),
        cmocka_unit_test(long_boundary),   cmocka_unit_test(long_lines),
        cmocka_unit_test(small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
