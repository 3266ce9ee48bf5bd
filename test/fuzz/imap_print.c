/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message: what IMAP says of it can be read again, is the same from a kept summary, and is ASCII
 * for those who want that; each part is found by its number. */
#include "fuzz.h"

#include "base/limits.h"
#include "imap/args.h"
#include "imap/print.h"
#include "message/section.h"
#include "message/summary.h"

/* Outside of literals: UTF-8 or ASCII, no line ends, no NUL. */
static void check_text(struct span text, bool ascii)
{
    while (text.n > 0) {
        struct imap_literal literal;
        struct span line = text, octets;
        ssize_t cr = span_chr(text, '\r');
        line = span_slice(text, 0, cr < 0 ? text.n : (size_t)cr);
        must(span_chr(line, '\n') < 0 && span_chr(line, '\0') < 0 && span_is_utf8(line) &&
             (!ascii || span_is_ascii(line)));
        if (cr < 0)
            return;
        must(imap_literal_at_end(line, &literal));
        text = span_from(text, line.n);
        must(span_skip(&text, SPAN("\r\n")) && span_take(&text, literal.size, &octets));
    }
}

/* At a quoted string or literal: passes over it. */
static void skip_string(struct span *s)
{
    struct imap_literal literal;
    struct span octets;
    if (s->p[0] == '{') {
        ssize_t cr = span_chr(*s, '\r');
        must(cr > 0 && imap_literal_at_end(span_slice(*s, 0, (size_t)cr), &literal));
        *s = span_from(*s, (size_t)cr);
        must(span_skip(s, SPAN("\r\n")) && span_take(s, literal.size, &octets));
        return;
    }
    for (*s = span_from(*s, 1); s->n > 0 && s->p[0] != '"'; *s = span_from(*s, 1))
        if (s->p[0] == '\\')
            *s = span_from(*s, 1);
    must(span_skip(s, SPAN("\"")));
}

/* One list of strings, numbers, NIL and lists. */
static void check_list(struct span s)
{
    size_t depth = 0;
    must(s.n > 0 && s.p[0] == '(');
    while (s.n > 0) {
        char c = s.p[0];
        if (c == '"' || c == '{') {
            skip_string(&s);
            continue;
        }
        if (span_skip(&s, SPAN("NIL")))
            continue;
        must(c == '(' || c == ')' || c == ' ' || ascii_is_digit(c));
        depth += c == '(';
        depth -= c == ')';
        s = span_from(s, 1);
        must(depth > 0 || s.n == 0);
    }
    must(depth == 0);
}

static void print(const struct mime_part *root, unsigned how, struct buf *out)
{
    imap_print_envelope(out, root->envelope, how);
    check_list(buf_span(out));
    size_t n = out->n;
    imap_print_structure(out, root, (how & IMAP_PRINT_REV2) == 0, how);
    must(out->err == 0);
    check_text(buf_span(out), (how & IMAP_PRINT_UTF8) == 0);
    check_list(span_from(buf_span(out), n));
}

/* The path of a part as BODYSTRUCTURE shows it; false if it is the root of a message that has parts. */
static bool path_of(const struct mime_part *part, struct section *s, uint32_t *out)
{
    size_t n = 0;
    uint32_t path[LIMIT_MIME_DEPTH];
    if (part->envelope != NULL && part->kind == MIME_MULTIPART)
        return false;
    for (const struct mime_part *p = part; p != NULL; p = p->parent) {
        if (p->envelope != NULL && p->kind == MIME_MULTIPART)
            continue; /* has no number of its own */
        uint32_t number = 1;
        if (p->parent != NULL)
            for (const struct mime_part *b = p->parent->child; b != p; b = b->next)
                number++;
        path[n++] = number;
    }
    for (s->path_n = 0; n > 0; n--)
        out[s->path_n++] = path[n - 1];
    s->path = out;
    return true;
}

static void check_sections(const struct mime_part *root, struct span message)
{
    static const struct span fields[] = {{"Subject", 7}, {"to", 2}};
    size_t left = 1000;
    for (const struct mime_part *p = root; p != NULL && left > 0; p = mime_next(p), left--) {
        struct section s = {.what = SECTION_BODY, .fields = fields, .fields_n = COUNT_OF(fields)};
        struct section_range r;
        uint32_t path[LIMIT_MIME_DEPTH];
        struct buf chosen;
        if (!path_of(p, &s, path))
            continue;
        must(section_find(root, &s, &r) && r.part == p && r.offset == mime_body_offset(p) &&
             r.size == p->body_size);
        s.what = SECTION_MIME;
        must(section_find(root, &s, &r) && r.offset == p->offset && r.size == p->header_size);
        struct span header = span_slice(message, r.offset, r.size);
        buf_init(&chosen, header.n + 4);
        s.what = SECTION_FIELDS;
        section_fields(header, &s, &chosen);
        buf_truncate(&chosen, chosen.n - 2);
        s.what = SECTION_FIELDS_NOT;
        section_fields(header, &s, &chosen);
        must(chosen.err == 0);
        buf_done(&chosen);
    }
}

static const unsigned hows[] = {0, IMAP_PRINT_UTF8, IMAP_PRINT_UTF8 | IMAP_PRINT_REV2};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(2 * (size_t)MIME_ARENA);
    struct summary_maker *m = summary_maker_new(a);
    struct message_summary made, kept;
    struct buf record;
    buf_init(&record, LIMIT_SUMMARY);
    summary_maker_feed(m, span_of(data, size));
    must(summary_maker_end(m, &made) == 0);
    bool packed = summary_pack(&made, &record) == 0;
    if (packed)
        must(summary_unpack(buf_span(&record), a, &kept) == 0 && summary_parts(&kept, a) == 0);
    for (size_t i = 0; i < COUNT_OF(hows); i++) {
        struct buf first, second;
        buf_init(&first, 64 * 1024 * 1024);
        buf_init(&second, 64 * 1024 * 1024);
        print(made.root, hows[i], &first);
        if (packed) {
            print(kept.root, hows[i], &second);
            must(span_eq(buf_span(&first), buf_span(&second)));
        }
        buf_done(&first);
        buf_done(&second);
    }
    check_sections(made.root, span_of(data, size));
    buf_done(&record);
    arena_free(a);
    return 0;
}
