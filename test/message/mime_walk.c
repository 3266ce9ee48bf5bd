/* SPDX-License-Identifier: Apache-2.0 */
#include "mime_walk.h"

#include "base/limits.h"
#include "base/random.h"
#include "message/message.h"

static const struct {
    uint32_t flag;
    char letter;
} letters[] = {
    {MIME_TYPE_ABSENT, 'a'},     {MIME_TYPE_BROKEN, 'b'}, {MIME_NO_PARTS, 'n'},
    {MIME_ENCODED_MESSAGE, 'e'}, {MIME_OPAQUE, 'o'},      {MIME_TRUNCATED, 't'},
    {MIME_FIELD_TWICE, '2'},     {MIME_FIELD_CUT, 'c'},   {MIME_HEADER_8BIT, '8'},
    {MIME_HEADER_NUL, '0'},
};

static void describe_part(const struct mime_part *part, struct buf *out)
{
    size_t had = out->n;
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        if ((part->flags & letters[i].flag) != 0)
            buf_putc(out, letters[i].letter);
    if (out->n > had)
        buf_putc(out, ' ');
    buf_printf(out, "%.*s/%.*s %llu+%llu+%llu/%llu", SPAN_ARG(part->type), SPAN_ARG(part->subtype),
               (unsigned long long)part->offset, (unsigned long long)part->header_size,
               (unsigned long long)part->body_size, (unsigned long long)part->lines);
}

/* Without recursion, so that it can look at what a limit let through. */
void mime_describe(const struct mime_part *root, struct buf *out)
{
    const struct mime_part *part = root;
    while (part != NULL) {
        describe_part(part, out);
        if (part->child != NULL) {
            buf_put(out, SPAN(" ("));
            part = part->child;
            continue;
        }
        while (part != NULL && part->next == NULL) {
            part = part->parent;
            if (part != NULL)
                buf_putc(out, ')');
        }
        if (part != NULL) {
            buf_put(out, SPAN(", "));
            part = part->next;
        }
    }
}

/* What the sink was told of the part that is open. */
struct told {
    struct span message;
    struct header_walk fields;
    struct mime_part *part;
    uint64_t bytes;
    size_t begun, ended;
};

static void told_field(void *context, struct span name, struct span value)
{
    struct told *t = context;
    struct header_field f;
    must(header_next(&t->fields, &f));
    must(span_eq(f.name, name) && span_eq(span_slice(f.value, 0, LIMIT_MIME_FIELD), value));
}

static void told_begin(void *context, struct mime_part *part)
{
    struct told *t = context;
    t->part = part;
    t->bytes = 0;
    t->begun++;
}

static void told_body(void *context, struct mime_part *part, struct span bytes)
{
    struct told *t = context;
    must(part == t->part && bytes.n > 0 && part->kind != MIME_MESSAGE);
    struct span here = span_slice(t->message, mime_body_offset(part) + t->bytes, bytes.n);
    must(span_eq(here, bytes));
    t->bytes += bytes.n;
}

static void told_end(void *context, struct mime_part *part)
{
    struct told *t = context;
    if (part->kind == MIME_LEAF)
        must(part == t->part && t->bytes == part->body_size);
    t->ended++;
}

static uint64_t line_ends(struct span s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

static void check_part(struct span message, const struct mime_part *part)
{
    uint64_t body = mime_body_offset(part), end = body + part->body_size;
    const struct mime_part *up = part->parent;
    must(part->offset <= body && body <= end && end <= message.n);
    must(part->lines == line_ends(span_slice(message, body, part->body_size)));
    must(part->depth >= 1 && part->depth <= LIMIT_MIME_DEPTH);
    must(part->type.n > 0 && part->subtype.n > 0);
    must(part->kind != MIME_LEAF || part->child == NULL);
    must((part->kind == MIME_MESSAGE) == (part->child != NULL && part->child->envelope != NULL));
    must((part->envelope != NULL) == (up == NULL || up->kind == MIME_MESSAGE));
    if (up != NULL) {
        must(part->depth == up->depth + 1);
        must(part->offset >= mime_body_offset(up));
        must(end <= mime_body_offset(up) + up->body_size);
    }
    if (up != NULL && up->kind == MIME_MESSAGE)
        must(part->next == NULL && part->offset == mime_body_offset(up) &&
             end == mime_body_offset(up) + up->body_size);
    if (part->next != NULL)
        must(part->next->parent == up && part->next->offset > end);
}

static void check_root(struct span message, const struct mime_part *root)
{
    must(root->parent == NULL && root->next == NULL && root->offset == 0);
    must(root->header_size == header_size(message));
    must(root->header_size + root->body_size == message.n);
    size_t parts = 0;
    for (const struct mime_part *p = root; p != NULL; p = mime_next(p)) {
        check_part(message, p);
        parts++;
    }
    must(parts <= LIMIT_MIME_PARTS);
}

void mime_walk(struct span message, size_t cut, uint64_t seed, struct buf *out)
{
    struct told told = {.message = message, .fields = header_walk_of(message)};
    struct mime_sink sink = {.context = &told,
                             .field = told_field,
                             .begin = told_begin,
                             .body = told_body,
                             .end = told_end};
    struct arena *a = arena_new(MIME_ARENA);
    struct mime_parser *p = mime_parser_new(a, &sink);
    struct rng_seeded rng;
    struct span rest = message;
    struct mime_part *root;
    must(p != NULL);
    rng_seeded_init(&rng, seed);
    while (rest.n > 0) {
        size_t n = cut > 0 ? cut : rng_u64(&rng.rng) % 40;
        /* a copy of its exact size, so that a read behind it is seen */
        struct span piece = span_slice(rest, 0, n);
        char *copy = malloc(piece.n + 1);
        must(copy != NULL);
        memcpy(copy, piece.p, piece.n);
        mime_parser_feed(p, span_of(copy, piece.n));
        free(copy);
        rest = span_from(rest, n);
    }
    must(mime_parser_end(p, &root) == 0);
    check_root(message, root);
    struct header_field more;
    must(!header_next(&told.fields, &more));
    size_t parts = 0;
    for (const struct mime_part *part = root; part != NULL; part = mime_next(part))
        parts++;
    must(told.begun == parts && told.ended == parts);
    mime_describe(root, out);
    arena_free(a);
}

void mime_walk_all(struct span message)
{
    struct buf first, again;
    buf_init(&first, 64 * 1024 * 1024);
    buf_init(&again, 64 * 1024 * 1024);
    mime_walk(message, message.n + 1, 0, &first);
    for (size_t i = 0; i < 4; i++) {
        buf_clear(&again);
        mime_walk(message, i < 3 ? 1 + i * i : 0, i, &again);
        must(span_eq(buf_span(&first), buf_span(&again)));
    }
    buf_done(&first);
    buf_done(&again);
}
