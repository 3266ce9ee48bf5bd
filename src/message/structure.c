/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner: line by line with memchr, in three states (header, body, rest of a delimiter line).
 *
 * A byte is copied only if it belongs to a header field (to have it whole), or to the front of a line that
 * begins like a delimiter and was cut by the end of a piece. A line end in a body may belong to a delimiter
 * behind it, so the sink hears of it when the next line is known ("held").
 */
#include "message/structure_impl.h"

#include "base/err.h"
#include "message/header_impl.h"

enum {
    FIELD_KEPT = LIMIT_MIME_FIELD + 1024, /* with its name */
    PROBE_BYTES = 1024,
};

/* All parts with an envelope for each second one (a message and its root), what fields may keep, and the last of them in the
 * form that takes most: as it stands and in UTF-8. */
_Static_assert(LIMIT_MIME_PARTS *(sizeof(struct mime_part) + sizeof(struct message_envelope) / 2) +
                       2 * LIMIT_MIME_KEPT + 4 * LIMIT_MIME_FIELD <
                   MIME_ARENA,
               "an arena of MIME_ARENA bytes is never full");

void parser_advance(struct mime_parser *p, struct span *in, size_t n)
{
    *in = span_from(*in, n);
    p->at += n;
}

/* ---- parts ------------------------------------------------------------------------------- */

static struct mime_part *part_new(struct mime_parser *p, struct mime_part *parent, uint64_t offset)
{
    struct mime_part *part = arena_alloc(p->arena, sizeof(*part));
    if (part == NULL)
        return NULL;
    part->parent = parent;
    part->offset = offset;
    part->depth = (uint16_t)(parent == NULL ? 1 : parent->depth + 1);
    if (parent == NULL || parent->kind == MIME_MESSAGE) {
        part->envelope = arena_alloc(p->arena, sizeof(*part->envelope));
        if (part->envelope == NULL)
            return NULL;
    }
    return part;
}

static bool part_open_at(struct mime_parser *p, struct mime_part *parent, uint64_t offset)
{
    struct mime_part *part = part_new(p, parent, offset);
    if (part == NULL) {
        p->err = arena_err(p->arena);
        return false;
    }
    if (parent == NULL) {
        p->root = part;
    } else if (parent->child == NULL) {
        parent->child = part;
    } else {
        /* its last child: parts are closed right before their next sibling opens */
        p->last_closed->next = part;
    }
    p->current = part;
    if (++p->parts == LIMIT_MIME_PARTS)
        p->full = true;
    p->state = IN_HEADER;
    p->line_size = 0;
    p->field_cut = false;
    buf_clear(&p->field);
    return true;
}

bool part_open(struct mime_parser *p, struct mime_part *parent)
{
    return part_open_at(p, parent, p->at);
}

static void field_finish(struct mime_parser *p)
{
    if (p->field.n > 0)
        field_take(p, p->current, buf_span(&p->field), p->field_cut);
    if (p->field.err == ERR_NOMEM)
        p->err = ERR_NOMEM;
    buf_clear(&p->field);
    p->field_cut = false;
}

static void tell_begin(struct mime_parser *p, struct mime_part *part)
{
    if (p->sink != NULL && p->sink->begin != NULL)
        p->sink->begin(p->sink->context, part);
}

/* Is what `part` wants to be beyond a limit? Then it is a leaf. */
static bool is_opaque(struct mime_parser *p, struct mime_part *part, enum mime_kind kind)
{
    if (!p->full && (kind == MIME_LEAF || part->depth < LIMIT_MIME_DEPTH))
        return false;
    part->flags |= MIME_OPAQUE;
    p->root->flags |= MIME_ANY_OPAQUE;
    return true;
}

/* The header section of the current part ends at `offset`: what comes is its body. */
static void header_end(struct mime_parser *p, uint64_t offset, uint64_t lines)
{
    struct mime_part *part = p->current;
    struct span boundary = SPAN_EMPTY;
    field_finish(p);
    part->header_size = offset - part->offset;
    part->lines = lines;
    p->state = IN_BODY;
    p->epilogue = false;
    enum mime_kind kind = part_classify(part, &boundary);
    if (!is_opaque(p, part, kind))
        part->kind = (uint8_t)kind;
    if (part->kind == MIME_MULTIPART)
        delimiter_push(p, part, boundary);
    p->probe = part->kind == MIME_MESSAGE && part->encoding == TRANSFER_BASE64;
    if (!p->probe)
        tell_begin(p, part);
    if (part->kind == MIME_MESSAGE)
        (void)part_open_at(p, part, offset);
}

/* The first line of an embedded message is there: is it one, or base64 after all? */
static void probe_decide(struct mime_parser *p)
{
    struct mime_part *child = p->current, *part = child->parent;
    p->probe = false;
    if (header_field_name(buf_span(&p->field)).n > 0) {
        tell_begin(p, part);
        return;
    }
    part->child = NULL;
    part->kind = MIME_LEAF;
    part->flags |= MIME_ENCODED_MESSAGE;
    p->parts--;
    p->full = false; /* if it was, the child was the last part */
    p->current = part;
    p->state = IN_BODY;
    tell_begin(p, part);
    body_tell(p, buf_span(&p->field));
    buf_clear(&p->field);
}

/* Its body ends at `end`. A multipart in which no delimiter came is a leaf. */
static void part_end(struct mime_parser *p, struct mime_part *part, uint64_t end, uint64_t lines)
{
    uint64_t begin = mime_body_offset(part);
    part->body_size = end > begin ? end - begin : 0;
    part->lines = end > begin && lines > part->lines ? lines - part->lines : 0;
    if (part->kind == MIME_MULTIPART && !delimiter_pop(p)) {
        part->flags |= MIME_TRUNCATED;
        if (part->child == NULL) {
            part->kind = MIME_LEAF;
            part->flags |= MIME_NO_PARTS;
        }
    }
    if (p->sink != NULL && p->sink->end != NULL)
        p->sink->end(p->sink->context, part);
}

void parts_close(struct mime_parser *p, struct mime_part *until, uint64_t end, uint64_t lines)
{
    while (p->current != until && p->err == 0) {
        struct mime_part *part = p->current;
        if (p->state == IN_HEADER) {
            if (p->probe)
                probe_decide(p);
            else {
                part->flags |= MIME_TRUNCATED;
                header_end(p, end > part->offset ? end : part->offset, lines);
            }
            continue;
        }
        part_end(p, part, end, lines);
        if (mime_body_offset(part) > end) {
            /* empty: the line end before the delimiter is that of its header, and those around hold it, too */
            end = mime_body_offset(part);
            lines++;
        }
        p->last_closed = part;
        p->current = part->parent;
    }
}

/* ---- lines of a header ------------------------------------------------------------------- */

static void field_put(struct mime_parser *p, struct span s)
{
    size_t room = FIELD_KEPT - p->field.n;
    if (s.n > room) {
        p->field_cut = true;
        s.n = room;
    }
    buf_put(&p->field, s);
}

/* Bytes of one line, with its line end if they are its last. */
static void header_bytes(struct mime_parser *p, struct span s)
{
    if (p->line_start) {
        if (s.p[0] != ' ' && s.p[0] != '\t')
            field_finish(p);
        p->line_first = s.p[0];
        p->line_size = 0;
        p->line_start = false;
    }
    field_put(p, s);
    p->line_size += s.n;
    if (s.p[s.n - 1] != '\n') {
        p->last_cr = s.p[s.n - 1] == '\r';
        if (p->probe && p->field.n >= PROBE_BYTES)
            probe_decide(p);
        return;
    }
    line_ended(p, s.n > 1 ? s.p[s.n - 2] == '\r' : p->last_cr);
    bool empty = p->line_size == 1 || (p->line_size == 2 && p->line_first == '\r');
    if (p->probe) {
        probe_decide(p);
        if (p->state != IN_HEADER)
            return;
    }
    if (empty) {
        buf_clear(&p->field);
        header_end(p, p->at, p->lines);
    }
}

static void header_take(struct mime_parser *p, struct span *in)
{
    if (p->line_start && p->boundaries_n > 0 && !p->full) {
        enum verdict v = delimiter_try(p, in);
        if (v != DELIMITER_NO)
            return;
        if (p->line.n > 0) {
            header_bytes(p, buf_span(&p->line));
            buf_clear(&p->line);
            return;
        }
    }
    ssize_t lf = span_chr(*in, '\n');
    struct span bytes = span_slice(*in, 0, lf < 0 ? in->n : (size_t)lf + 1);
    parser_advance(p, in, bytes.n);
    header_bytes(p, bytes);
}

/* ---- lines of a body --------------------------------------------------------------------- */

static void body_take(struct mime_parser *p, struct span *in)
{
    const char *start = in->p;
    bool delimiters = p->boundaries_n > 0 && !p->full;
    struct span rest = *in;
    while (rest.n > 0 && p->line.n == 0) {
        if (p->line_start && delimiters && rest.p[0] == '-')
            break;
        ssize_t lf = span_chr(rest, '\n');
        p->line_start = false;
        if (lf < 0) {
            p->last_cr = rest.p[rest.n - 1] == '\r';
            rest = span_from(rest, rest.n);
        } else {
            line_ended(p, lf > 0 ? rest.p[lf - 1] == '\r' : p->last_cr);
            rest = span_from(rest, (size_t)lf + 1);
        }
    }
    size_t n = in->n - rest.n;
    if (n > 0) {
        body_tell(p, span_of(start, n));
        parser_advance(p, in, n);
    }
    if (in->n == 0 || delimiter_try(p, in) != DELIMITER_NO)
        return;
    if (p->line.n == 0) { /* the first byte of the line looks like a delimiter, and that is all */
        p->line_start = false;
        return;
    }
    char last = p->line.p[p->line.n - 1];
    p->line_start = false;
    p->last_cr = last == '\r';
    if (last == '\n')
        line_ended(p, p->line.n > 1 && p->line.p[p->line.n - 2] == '\r');
    body_tell(p, buf_span(&p->line));
    buf_clear(&p->line);
}

static void delimiter_rest(struct mime_parser *p, struct span *in)
{
    ssize_t lf = span_chr(*in, '\n');
    if (lf < 0) {
        p->last_cr = in->p[in->n - 1] == '\r';
        parser_advance(p, in, in->n);
        return;
    }
    line_ended(p, lf > 0 ? in->p[lf - 1] == '\r' : p->last_cr);
    parser_advance(p, in, (size_t)lf + 1);
    delimiter_end(p);
}

/* ---- the message ------------------------------------------------------------------------- */

struct mime_parser *mime_parser_new(struct arena *a, const struct mime_sink *sink)
{
    struct mime_parser *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->arena = a;
    p->sink = sink;
    p->arena_base = arena_used(a);
    p->line_start = true;
    buf_init(&p->field, FIELD_KEPT);
    buf_init(&p->line, FIELD_KEPT);
    (void)part_open_at(p, NULL, 0);
    return p;
}

void mime_parser_feed(struct mime_parser *p, struct span piece)
{
    while (piece.n > 0 && p->err == 0) {
        if (p->state == IN_HEADER)
            header_take(p, &piece);
        else if (p->state == IN_BODY)
            body_take(p, &piece);
        else
            delimiter_rest(p, &piece);
    }
}

/* What was held back because something might have followed. */
static void finish_pieces(struct mime_parser *p)
{
    if (p->line.n > 0 && delimiter_last(p) == DELIMITER_NO) {
        char last = p->line.p[p->line.n - 1];
        if (p->state == IN_HEADER) {
            header_bytes(p, buf_span(&p->line));
        } else {
            p->line_start = false;
            p->last_cr = last == '\r';
            body_tell(p, buf_span(&p->line));
        }
    }
    if (p->state == IN_DELIMITER)
        delimiter_end(p);
    else if (p->state == IN_BODY)
        body_tell_held(p);
}

int mime_parser_end(struct mime_parser *p, struct mime_part **root_out)
{
    if (p->err == 0)
        finish_pieces(p);
    if (p->err == 0)
        parts_close(p, NULL, p->at, p->lines);
    int err = p->err;
    if (err == 0 && arena_err(p->arena) != 0)
        err = arena_err(p->arena);
    if (err == 0)
        *root_out = p->root;
    mime_parser_free(p);
    return err;
}

void mime_parser_free(struct mime_parser *p)
{
    if (p == NULL)
        return;
    buf_done(&p->field);
    buf_done(&p->line);
    free(p);
}

int mime_parse(struct span message, struct arena *a, struct mime_part **root_out)
{
    struct mime_parser *p = mime_parser_new(a, NULL);
    if (p == NULL)
        return ERR_NOMEM;
    mime_parser_feed(p, message);
    return mime_parser_end(p, root_out);
}
