/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of Apache James mime4j (test/vectors/mime4j, with their licences): the same leaves with the same
 * decoded bytes, but for those named below, where we read a message otherwise and say why. All of them in
 * pieces, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "message/transfer.h"
#include "mime_walk.h"

static const char ENCODED[] =
    "base64 of a multipart or message (RFC 2045 §6.4 forbids it) is not looked into";
static const char NO_PARTS[] =
    "a multipart in which no delimiter comes is a leaf, not a preamble nobody sees";
static const char UNFINISHED[] = "the whole bytes of an unfinished base64 group are kept";
static const char NO_FIELD[] = "a line that is no field does not end the header";
static const char SPACES[] = "spaces at the end of a boundary are not part of it (RFC 2046 §5.1.1)";

static const struct {
    const char *name, *why;
} others[] = {
    {"bad-newlines-multiple-parts-base64", ENCODED},
    {"badbound", NO_PARTS},
    {"base64encoded-rfc822message", ENCODED},
    {"base64encoded-rfc822message-nested", ENCODED},
    {"frag", UNFINISHED},
    {"malformedHeaderStartsBody-nocrlfcrlf", NO_FIELD},
    {"malformedHeaderStartsBody-noheader", NO_FIELD},
    {"missing-boundary", NO_PARTS},
    {"missing-inner-boundary", NO_PARTS},
    {"multi-2gifs-base64", ENCODED},
    {"multi-frag", UNFINISHED},
    {"very-long-boundary", SPACES},
    {"very-very-long-boundary", SPACES},
    {"weird-boundary", SPACES},
};

static const char *folder;

static void load(const char *name, const char *ending, struct buf *out)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s%s", folder, name, ending);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (;;) {
        char *room = buf_room(out, 65536);
        assert_non_null(room);
        size_t n = fread(room, 1, 65536, f);
        if (n == 0)
            break;
        buf_added(out, n);
    }
    (void)fclose(f);
}

static void put_path(const struct mime_part *part, struct buf *out)
{
    const struct mime_part *up[LIMIT_MIME_DEPTH];
    size_t n = 0;
    for (; part != NULL; part = part->parent)
        up[n++] = part;
    buf_putc(out, '1');
    for (n--; n > 0; n--) {
        unsigned number = 1;
        for (const struct mime_part *p = up[n]->child; p != up[n - 1]; p = p->next)
            number++;
        buf_printf(out, "_%u", number);
    }
}

/* "leaf PATH SIZE HASH" of the decoded body with LF for CRLF. */
static void put_leaf(struct span message, const struct mime_part *part, struct buf *out)
{
    struct transfer_decoder d;
    struct buf body;
    uint64_t hash = UINT64_C(0xcbf29ce484222325), size = 0;
    buf_init(&body, 2 * message.n + 4096);
    transfer_decode_init(&d, part->encoding, false);
    transfer_decode(&d, span_slice(message, mime_body_offset(part), part->body_size), &body);
    transfer_decode_end(&d, &body);
    for (size_t i = 0; i < body.n; i++) {
        if (body.p[i] == '\r' && i + 1 < body.n && body.p[i + 1] == '\n')
            continue;
        hash = (hash ^ (unsigned char)body.p[i]) * UINT64_C(0x100000001b3);
        size++;
    }
    buf_put(out, SPAN("leaf "));
    put_path(part, out);
    buf_printf(out, " %llu %016llx\n", (unsigned long long)size, (unsigned long long)hash);
    buf_done(&body);
}

static bool is_other(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (span_eq(name, span_str(others[i].name)))
            return true;
    return false;
}

static void check(struct span name, struct span leaves)
{
    struct arena *a = arena_new(MIME_ARENA);
    struct mime_part *root;
    struct buf message, seen;
    buf_init(&message, 1 << 20);
    buf_init(&seen, 1 << 20);
    load(arena_cstr(a, name), ".msg", &message);
    assert_int_equal(mime_parse(buf_span(&message), a, &root), 0);
    for (const struct mime_part *p = root; p != NULL; p = mime_next(p))
        if (p->kind == MIME_LEAF)
            put_leaf(buf_span(&message), p, &seen);
    if (span_eq(buf_span(&seen), leaves) == is_other(name))
        fail_msg("%.*s:\n%.*sand mime4j:\n%.*s", SPAN_ARG(name), SPAN_ARG(buf_span(&seen)),
                 SPAN_ARG(leaves));
    mime_walk_all(buf_span(&message));
    buf_done(&message);
    buf_done(&seen);
    arena_free(a);
}

static void mime4j(void **state)
{
    (void)state;
    struct buf expected;
    size_t n = 0;
    buf_init(&expected, 1 << 20);
    load("expected", "", &expected);
    struct span rest = buf_span(&expected);
    while (rest.n > 0) {
        struct span name = span_split(&rest, '\n');
        if (!span_skip(&name, SPAN("message ")))
            continue;
        struct span leaves = rest;
        while (span_starts(rest, SPAN("leaf ")))
            (void)span_split(&rest, '\n');
        check(name, span_slice(leaves, 0, leaves.n - rest.n));
        n++;
    }
    assert_int_equal(n, 80);
    buf_done(&expected);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mime4j)};
    assert_true(argc > 1);
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
