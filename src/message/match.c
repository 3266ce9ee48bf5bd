/* SPDX-License-Identifier: Apache-2.0 */
/* A sink of the MIME parser: bytes -> transfer decoder -> charset -> casemap -> the end of what came before
 * together with what is new -> memmem for each needle. */
#include "message/match.h"

#include "base/err.h"
#include "base/limits.h"
#include "message/casemap.h"
#include "message/charset.h"
#include "message/structure.h"
#include "message/words.h"

enum {
    MATCH_PIECE = 32 * 1024, /* fed at once, so that the buffers behind it are bounded */
    MATCH_SLICE = 16 * 1024, /* mapped at once */
};

struct match {
    struct mime_parser *parser;
    struct mime_sink sink;
    struct match_needle *v;
    size_t n, left;         /* left: not found yet */
    size_t tail_max;        /* of the key: what a needle may have begun in */
    struct mime_part *part; /* whose body goes by; NULL: none that is looked into */
    struct transfer_decoder decoder;
    struct charset charset;
    struct buf bytes, text, key;
    int err;
};

/* ---- keys -------------------------------------------------------------------------------- */

static void key_look(struct match *m, bool header)
{
    for (size_t i = 0; i < m->n; i++) {
        struct match_needle *needle = &m->v[i];
        if (needle->found || (header && !needle->headers) || m->key.n < needle->key.n ||
            span_find(buf_span(&m->key), needle->key) < 0)
            continue;
        needle->found = true;
        m->left--;
    }
}

/* More of the text that goes by. `header`: of a field that only some needles want. */
static void key_put(struct match *m, struct span utf8, bool header)
{
    while (utf8.n > 0 && m->left > 0) {
        size_t n = utf8.n < MATCH_SLICE ? utf8.n : MATCH_SLICE;
        while (n < utf8.n && ((unsigned char)utf8.p[n] & 0xc0) == 0x80)
            n++;
        casemap_put(&m->key, span_slice(utf8, 0, n));
        key_look(m, header);
        if (m->key.n > m->tail_max)
            buf_consume(&m->key, m->key.n - m->tail_max);
        utf8 = span_from(utf8, n);
    }
    if (m->key.err != 0)
        m->err = m->key.err;
}

/* ---- bodies ------------------------------------------------------------------------------ */

static void text_put(struct match *m, bool last)
{
    charset_convert(&m->charset, buf_span(&m->bytes), last, &m->text);
    if (m->bytes.err != 0 || m->text.err != 0)
        m->err = m->bytes.err != 0 ? m->bytes.err : m->text.err;
    key_put(m, buf_span(&m->text), false);
    buf_clear(&m->bytes);
    buf_clear(&m->text);
}

static void body_finish(struct match *m)
{
    if (m->part == NULL)
        return;
    transfer_decode_end(&m->decoder, &m->bytes);
    text_put(m, true);
    charset_done(&m->charset);
    buf_clear(&m->key);
    m->part = NULL;
}

static void body_begin(struct match *m, struct mime_part *part)
{
    bool multipart = part->kind == MIME_MULTIPART || (part->flags & MIME_NO_PARTS) != 0;
    if (!multipart && !span_eq(part->type, SPAN("text")) && !span_eq(part->type, SPAN("message")))
        return;
    const struct mime_param *charset = mime_param_find(part->params, SPAN("charset"));
    m->err = charset_init(&m->charset, charset != NULL ? charset->value : SPAN_EMPTY);
    if (m->err != 0)
        return;
    transfer_decode_init(&m->decoder, multipart ? TRANSFER_8BIT : (enum transfer)part->encoding,
                         false);
    m->part = part;
}

static void on_body(void *context, struct mime_part *part, struct span bytes)
{
    struct match *m = context;
    if (m->part != part) {
        body_finish(m);
        if (m->left == 0 || m->err != 0)
            return;
        body_begin(m, part);
    }
    if (m->part == NULL || m->left == 0 || m->err != 0)
        return;
    transfer_decode(&m->decoder, bytes, &m->bytes);
    text_put(m, false);
}

static void on_end(void *context, struct mime_part *part)
{
    struct match *m = context;
    if (m->part == part)
        body_finish(m);
}

/* ---- fields ------------------------------------------------------------------------------ */

/* Line ends go; the white space behind them stays (RFC 5322 §2.2.3). */
static void put_unfolded(struct buf *out, struct span value)
{
    while (value.n > 0) {
        size_t n = 0;
        while (n < value.n && value.p[n] != '\r' && value.p[n] != '\n')
            n++;
        buf_put(out, span_slice(value, 0, n));
        value = span_from(value, n + 1);
    }
}

/* What was put into `bytes`, as it is read. */
static void field_look(struct match *m, const struct mime_part *part)
{
    bool own = part->envelope == NULL || part->parent == NULL;
    int err = m->bytes.err != 0 ? m->bytes.err : words_decode(buf_span(&m->bytes), &m->text);
    if (err != 0)
        m->err = err;
    key_put(m, buf_span(&m->text), own);
    buf_clear(&m->bytes);
    buf_clear(&m->text);
    buf_clear(&m->key);
}

static void on_field(void *context, struct mime_part *part, struct span name, struct span value)
{
    struct match *m = context;
    body_finish(m);
    if (m->left == 0 || m->err != 0)
        return;
    buf_put(&m->bytes, name);
    buf_puts(&m->bytes, ": ");
    put_unfolded(&m->bytes, span_trim(value));
    field_look(m, part);
}

/* RFC 9051 §6.4.4: TEXT looks at the header, and this is in it. */
static void on_stray(void *context, struct mime_part *part, struct span text)
{
    struct match *m = context;
    body_finish(m);
    if (m->left == 0 || m->err != 0)
        return;
    put_unfolded(&m->bytes, text);
    field_look(m, part);
}

/* ---- the message ------------------------------------------------------------------------- */

struct match *match_new(struct arena *a, struct match_needle *v, size_t n)
{
    struct match *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return NULL;
    m->sink = (struct mime_sink){
        .context = m, .part_field = on_field, .stray = on_stray, .body = on_body, .end = on_end};
    m->v = v;
    m->n = n;
    for (size_t i = 0; i < n; i++) {
        if (v[i].key.n == 0)
            v[i].found = true;
        if (v[i].found)
            continue;
        m->left++;
        if (v[i].key.n > m->tail_max)
            m->tail_max = v[i].key.n - 1;
    }
    buf_init(&m->bytes, 2 * LIMIT_MIME_FIELD);
    buf_init(&m->text, WORDS_GROWTH * 2 * LIMIT_MIME_FIELD);
    buf_init(&m->key, m->tail_max + CASEMAP_GROWTH * (MATCH_SLICE + 4));
    m->parser = mime_parser_new(a, &m->sink);
    if (m->parser != NULL)
        return m;
    match_free(m);
    return NULL;
}

void match_feed(struct match *m, struct span piece)
{
    for (; piece.n > 0 && m->left > 0 && m->err == 0; piece = span_from(piece, MATCH_PIECE))
        mime_parser_feed(m->parser, span_slice(piece, 0, MATCH_PIECE));
}

bool match_is_done(const struct match *m)
{
    return m->left == 0;
}

int match_end(struct match *m)
{
    struct mime_part *root;
    int err = m->err;
    if (err == 0 && m->left > 0) {
        err = mime_parser_end(m->parser, &root);
        m->parser = NULL;
        if (err == 0)
            err = m->err;
    }
    match_free(m);
    return err;
}

void match_free(struct match *m)
{
    if (m == NULL)
        return;
    mime_parser_free(m->parser);
    if (m->part != NULL)
        charset_done(&m->charset);
    buf_done(&m->bytes);
    buf_done(&m->text);
    buf_done(&m->key);
    free(m);
}

int match_field(struct span text, struct span key, struct buf *scratch, bool *found_out)
{
    struct buf plain;
    buf_init(&plain, WORDS_GROWTH * text.n + 16);
    buf_clear(scratch);
    put_unfolded(scratch, text);
    int err = scratch->err != 0 ? scratch->err : words_decode(buf_span(scratch), &plain);
    if (err == 0) {
        buf_clear(scratch);
        casemap_put(scratch, buf_span(&plain));
        err = scratch->err;
    }
    buf_done(&plain);
    if (err == 0)
        *found_out = span_find(buf_span(scratch), key) >= 0;
    return err;
}
