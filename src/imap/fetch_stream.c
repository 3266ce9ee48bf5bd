/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies on their way out: a piece at a time from the blob to `out`, whatever the size of the message. How long a
 * literal is must be known before its first byte. Of bytes of the message that is a subtraction; what is decoded
 * is decoded twice when it does not fit one piece: first to count, then to send.
 *
 * A literal cannot hold NUL (RFC 9051 §9, CHAR8), so it is sent as 0x80, which keeps lengths; BINARY sends it as it
 * is, in a literal8. */
#include "imap/fetch_impl.h"

#include "base/err.h"
#include "imap/print.h"

#include <inttypes.h>

void fetch_stream_init(struct fetch_stream *s)
{
    *s = (struct fetch_stream){.flow = FLOW_NONE};
    /* a structure of all the parts that there may be, with all their fields */
    buf_init(&s->text, 8 * (size_t)MIME_ARENA);
}

void fetch_stream_done(struct fetch_stream *s)
{
    buf_done(&s->text);
    s->flow = FLOW_NONE;
}

void fetch_hide_nul(struct span bytes)
{
    char *p = (char *)(uintptr_t)bytes.p, *end = p + bytes.n;
    while (p < end && (p = memchr(p, '\0', (size_t)(end - p))) != NULL)
        *p++ = (char)0x80;
}

/* Those of `size` bytes that a partial item wants (RFC 9051 §6.4.5). */
static struct section_range window(const struct fetch_item *item, uint64_t size)
{
    struct section_range r = {.offset = 0, .size = size};
    if (!item->partial)
        return r;
    r.offset = item->from < size ? item->from : size;
    r.size = item->count < size - r.offset ? item->count : size - r.offset;
    return r;
}

/* The chunk of the store with the first byte: damage there is known before anything is promised, and that is
 * all of a message that is no larger than a chunk. */
static int probe(const struct fetch *f, uint64_t at, uint64_t n)
{
    struct buf byte;
    buf_init(&byte, 1);
    int err = n > 0 ? store_blob_read(f->reader, at, 1, &byte) : 0;
    if (err == 0 && n > 0 && byte.n == 0)
        err = ERR_CORRUPT;
    buf_done(&byte);
    return err;
}

/* ---- text that was made ------------------------------------------------------------------- */

int fetch_put_text(struct imap *i, struct fetch *f)
{
    struct fetch_stream *s = &f->stream;
    if (s->text.err != 0)
        return s->text.err;
    fetch_label(i, f, f->item->label);
    s->flow = FLOW_TEXT;
    s->text_at = 0;
    return 0;
}

static int text_more(struct imap *i, struct fetch_stream *s)
{
    struct span rest = span_slice(buf_span(&s->text), s->text_at, FETCH_PIECE);
    buf_put(i->s.out, rest);
    s->text_at += rest.n;
    if (s->text_at == s->text.n) {
        s->flow = FLOW_NONE;
        if (s->text.cap > FETCH_PIECE)
            buf_done(&s->text);
    }
    return 0;
}

/* stream.text as a string of an item. */
static int put_string(struct imap *i, struct fetch *f, bool nul)
{
    struct fetch_stream *s = &f->stream;
    struct section_range w = window(f->item, s->text.n);
    if (s->text.err != 0)
        return s->text.err;
    buf_consume(&s->text, (size_t)w.offset);
    buf_truncate(&s->text, (size_t)w.size);
    bool literal8 = nul && span_chr(buf_span(&s->text), '\0') >= 0;
    if (!literal8)
        fetch_hide_nul(buf_span(&s->text));
    int err = fetch_put_text(i, f);
    if (err == 0)
        buf_printf(i->s.out, "%s{%zu}\r\n", literal8 ? "~" : "", s->text.n);
    return err;
}

int fetch_put_fields(struct imap *i, struct fetch *f, const struct section_range *r)
{
    struct buf header;
    size_t size = r->size < LIMIT_IMAP_HEADER ? (size_t)r->size : LIMIT_IMAP_HEADER;
    buf_init(&header, LIMIT_IMAP_HEADER);
    int err = store_blob_read(f->reader, r->offset, size, &header);
    f->looked += size;
    if (err == 0) {
        buf_clear(&f->stream.text);
        section_fields(buf_span(&header), &f->item->section, &f->stream.text);
        err = put_string(i, f, false);
    }
    buf_done(&header);
    return err;
}

/* ---- bytes of the message ----------------------------------------------------------------- */

int fetch_put_section(struct imap *i, struct fetch *f, const struct section_range *r)
{
    struct fetch_stream *s = &f->stream;
    struct section_range w = window(f->item, r->size);
    int err = probe(f, r->offset + w.offset, w.size);
    if (err != 0)
        return err;
    fetch_label(i, f, f->item->label);
    buf_printf(i->s.out, "{%" PRIu64 "}\r\n", w.size);
    s->at = r->offset + w.offset;
    s->end = s->at + w.size;
    s->nul = false;
    s->flow = w.size > 0 ? FLOW_RAW : FLOW_NONE;
    return 0;
}

/* Up to `most` bytes of the message, appended; never less than the message has. */
static int
read_piece(const struct fetch *f, uint64_t at, uint64_t end, size_t most, struct buf *out)
{
    size_t before = out->n, n = end - at < most ? (size_t)(end - at) : most;
    int err = store_blob_read(f->reader, at, n, out);
    if (err == 0 && out->n - before != n)
        err = ERR_CORRUPT;
    return err;
}

static int raw_more(struct imap *i, struct fetch *f)
{
    struct fetch_stream *s = &f->stream;
    /* as much as fills the step, whatever message or item came before in it */
    size_t before = i->s.out->n, most = before < IMAP_OUT_STEP ? IMAP_OUT_STEP - before : 1;
    int err = read_piece(f, s->at, s->end, most, i->s.out);
    if (err != 0)
        return err;
    struct span piece = span_from(buf_span(i->s.out), before);
    if (!s->nul)
        fetch_hide_nul(piece);
    s->at += piece.n;
    if (s->at == s->end)
        s->flow = FLOW_NONE;
    return 0;
}

/* ---- decoded parts ------------------------------------------------------------------------ */

/* RFC 3516 §4.3: lines of text end with CRLF, whatever the message has. */
static void decoder_begin(struct fetch_stream *s, const struct section_range *r)
{
    struct span type = SPAN_EMPTY, subtype;
    enum transfer encoding = TRANSFER_BINARY;
    if (r->part != NULL && r->part->kind == MIME_LEAF && r->size == r->part->body_size) {
        encoding = r->part->encoding;
        mime_shown_type(r->part, &type, &subtype);
    }
    transfer_decode_init(&s->decoder, encoding, span_eq(type, SPAN("text")));
    s->at = r->offset;
    s->end = r->offset + r->size;
}

/* The next bytes, decoded, replace `out`; *more_out is false behind the last. */
static int decode_piece(struct fetch *f, struct buf *raw, struct buf *out, bool *more_out)
{
    struct fetch_stream *s = &f->stream;
    buf_clear(raw);
    buf_clear(out);
    int err = s->at < s->end ? read_piece(f, s->at, s->end, FETCH_PIECE, raw) : 0;
    if (err != 0)
        return err;
    s->at += raw->n;
    f->looked += raw->n;
    transfer_decode(&s->decoder, buf_span(raw), out);
    *more_out = s->at < s->end;
    if (!*more_out)
        transfer_decode_end(&s->decoder, out);
    return out->err;
}

struct count {
    uint64_t size; /* of all that is decoded, or at least up to `enough` */
    bool nul;
};

/* Decodes up to `enough` bytes to see how many there are. What fits one piece stays in stream.text. */
static int
decode_count(struct fetch *f, const struct section_range *r, uint64_t enough, struct count *out)
{
    struct fetch_stream *s = &f->stream;
    struct count c = {0};
    struct buf raw, piece;
    bool more = true;
    int err = 0;
    buf_init(&raw, FETCH_PIECE);
    buf_init(&piece, 2 * FETCH_PIECE + sizeof(s->decoder.hold));
    buf_clear(&s->text);
    decoder_begin(s, r);
    while (err == 0 && more && c.size < enough) {
        err = decode_piece(f, &raw, &piece, &more);
        c.nul |= span_chr(buf_span(&piece), '\0') >= 0;
        if (c.size + piece.n <= FETCH_PIECE)
            buf_put(&s->text, buf_span(&piece));
        c.size += piece.n;
    }
    buf_done(&raw);
    buf_done(&piece);
    *out = c;
    return err;
}

static bool is_decodable(const struct section_range *r)
{
    return r->part == NULL || r->part->kind != MIME_LEAF || r->size != r->part->body_size ||
           r->part->encoding != TRANSFER_UNKNOWN;
}

int fetch_put_binary(struct imap *i, struct fetch *f, const struct section_range *r)
{
    struct fetch_stream *s = &f->stream;
    const struct fetch_item *item = f->item;
    struct count c;
    if (!is_decodable(r)) {
        f->unknown_cte = true;
        return ERR_UNSUPPORTED;
    }
    uint64_t enough = item->partial ? item->from + item->count : UINT64_MAX;
    int err = decode_count(f, r, enough, &c);
    if (err != 0)
        return err;
    if (c.size <= FETCH_PIECE)
        return put_string(i, f, true);
    struct section_range w = window(item, c.size);
    buf_done(&s->text);
    decoder_begin(s, r);
    fetch_label(i, f, item->label);
    buf_printf(i->s.out, "%s{%" PRIu64 "}\r\n", c.nul ? "~" : "", w.size);
    s->skip = w.offset;
    s->left = w.size;
    s->flow = w.size > 0 ? FLOW_DECODED : FLOW_NONE;
    return 0;
}

int fetch_put_binary_size(struct imap *i, struct fetch *f, const struct section_range *r)
{
    struct count c;
    if (!is_decodable(r)) {
        f->unknown_cte = true;
        return ERR_UNSUPPORTED;
    }
    int err = decode_count(f, r, UINT64_MAX, &c);
    buf_done(&f->stream.text);
    if (err != 0)
        return err;
    fetch_label(i, f, f->item->label);
    buf_printf(i->s.out, "%" PRIu64, c.size);
    return 0;
}

static int decoded_more(struct imap *i, struct fetch *f)
{
    struct fetch_stream *s = &f->stream;
    struct buf raw, piece;
    bool more;
    buf_init(&raw, FETCH_PIECE);
    buf_init(&piece, 2 * FETCH_PIECE + sizeof(s->decoder.hold));
    int err = decode_piece(f, &raw, &piece, &more);
    if (err == 0) {
        struct span bytes = buf_span(&piece);
        uint64_t skip = s->skip < bytes.n ? s->skip : bytes.n;
        bytes = span_from(bytes, (size_t)skip);
        bytes = span_slice(bytes, 0, s->left < bytes.n ? (size_t)s->left : bytes.n);
        s->skip -= skip;
        s->left -= bytes.n;
        buf_put(i->s.out, bytes);
        if (s->left == 0)
            s->flow = FLOW_NONE;
        else if (!more)
            err = ERR_CORRUPT; /* less than was counted */
    }
    buf_done(&raw);
    buf_done(&piece);
    return err;
}

int fetch_stream_more(struct imap *i, struct fetch *f)
{
    switch (f->stream.flow) {
    case FLOW_NONE: break;
    case FLOW_TEXT: return text_more(i, &f->stream);
    case FLOW_RAW: return raw_more(i, f);
    case FLOW_DECODED: return decoded_more(i, f);
    }
    return 0;
}
