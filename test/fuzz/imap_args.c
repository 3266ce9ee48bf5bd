/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of IMAP commands and sequence sets: what is read is written again, and read as the same. The first
 * byte is `*` of the sets. */
#include "fuzz.h"

#include "base/err.h"
#include "base/limits.h"
#include "imap/args.h"

static void write_args(struct buf *out, const struct imap_arg *a, size_t depth)
{
    must(depth <= LIMIT_IMAP_DEPTH);
    for (const char *between = ""; a != NULL; a = a->next, between = " ") {
        buf_puts(out, between);
        switch (a->kind) {
        case IMAP_LIST:
            buf_putc(out, '(');
            write_args(out, a->child, depth + 1);
            buf_putc(out, ')');
            break;
        case IMAP_ATOM:
            must(a->text.n > 0);
            buf_put(out, a->text);
            break;
        case IMAP_QUOTED:
            must(span_is_utf8(a->text));
            buf_putc(out, '"');
            for (size_t i = 0; i < a->text.n; i++) {
                if (a->text.p[i] == '"' || a->text.p[i] == '\\')
                    buf_putc(out, '\\');
                buf_putc(out, a->text.p[i]);
            }
            buf_putc(out, '"');
            break;
        case IMAP_LITERAL:
            must(a->binary || span_chr(a->text, '\0') < 0);
            buf_printf(out, "%s{%zu}\r\n", a->binary ? "~" : "", a->text.n);
            buf_put(out, a->text);
            break;
        }
    }
}

static void check_args(struct span in)
{
    struct arena *arena = arena_new(LIMIT_SESSION_ARENA);
    struct imap_arg *first, *second;
    struct buf once, twice;
    must(arena != NULL);
    buf_init(&once, 4 * in.n + 64);
    buf_init(&twice, 4 * in.n + 64);
    if (imap_args_parse(in, arena, &first) == 0) {
        write_args(&once, first, 0);
        must(once.err == 0 && imap_args_parse(buf_span(&once), arena, &second) == 0);
        write_args(&twice, second, 0);
        must(span_eq(buf_span(&once), buf_span(&twice)));
    }
    buf_done(&once);
    buf_done(&twice);
    arena_free(arena);
}

static void check_set(struct span in, uint32_t max)
{
    struct numset set, again;
    struct buf out;
    bool beyond;
    numset_init(&set);
    numset_init(&again);
    buf_init(&out, 16 * in.n + 64);
    if (imap_set_parse(in, max, &set, &beyond) == 0 && !numset_is_empty(&set)) {
        must(numset_max(&set) <= max && numset_min(&set) > 0);
        imap_set_write(&out, &set);
        must(out.err == 0 && imap_set_parse(buf_span(&out), max, &again, &beyond) == 0 && !beyond);
        must(numset_eq(&set, &again));
    }
    buf_done(&out);
    numset_done(&set);
    numset_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct imap_literal literal;
    uint8_t max = 0;
    if (size > 100000)
        return 0;
    (void)span_take_byte(&in, &max);
    check_args(in);
    check_set(in, max < 200 ? max : 1000000U + max);
    if (imap_literal_at_end(in, &literal))
        must(literal.prefix < in.n && in.p[literal.prefix] == (literal.binary ? '~' : '{'));
    return 0;
}
