/* SPDX-License-Identifier: Apache-2.0 */
/* One part is taken at a time and turned into words when it ends; the best words win. */
#include "message/preview.h"

#include "base/limits.h"
#include "message/charset.h"
#include "message/preview_words.h"

enum rank { RANK_NONE, RANK_EMBEDDED_HTML, RANK_EMBEDDED_PLAIN, RANK_HTML, RANK_PLAIN };

void preview_init(struct preview *p)
{
    *p = (struct preview){.rank = RANK_NONE};
    buf_init(&p->raw, PREVIEW_RAW_HTML);
    buf_init(&p->text, 4 * LIMIT_PREVIEW + 4);
}

void preview_done(struct preview *p)
{
    buf_done(&p->raw);
    buf_done(&p->text);
}

static bool is_embedded(const struct mime_part *part)
{
    for (part = part->parent; part != NULL; part = part->parent)
        if (part->kind == MIME_MESSAGE)
            return true;
    return false;
}

static bool is_attachment(const struct mime_part *part)
{
    return part->extras != NULL && span_eq(part->extras->disposition, SPAN("attachment"));
}

static unsigned rank_of(const struct mime_part *part)
{
    bool html = mime_is_type(part, SPAN("text"), SPAN("html"));
    if (part->kind != MIME_LEAF || is_attachment(part))
        return RANK_NONE;
    if (!html && !mime_is_type(part, SPAN("text"), SPAN("plain")))
        return RANK_NONE;
    if (is_embedded(part))
        return html ? RANK_EMBEDDED_HTML : RANK_EMBEDDED_PLAIN;
    return html ? RANK_HTML : RANK_PLAIN;
}

void preview_begin(struct preview *p, const struct mime_part *part)
{
    unsigned rank = p->rank == RANK_PLAIN ? RANK_NONE : rank_of(part);
    p->part = NULL;
    if (rank <= p->rank)
        return;
    p->part = part;
    p->next = rank;
    p->want = mime_is_type(part, SPAN("text"), SPAN("html")) ? PREVIEW_RAW_HTML : PREVIEW_RAW;
    buf_clear(&p->raw);
}

void preview_body(struct preview *p, const struct mime_part *part, struct span bytes)
{
    if (part != p->part || p->raw.n >= p->want)
        return;
    buf_put(&p->raw, span_slice(bytes, 0, p->want - p->raw.n));
}

/* The bytes taken, decoded, in UTF-8. What there is no memory for is no preview. */
static void decode(const struct preview *p, const struct mime_part *part, struct buf *out)
{
    const struct mime_param *charset = mime_param_find(part->params, SPAN("charset"));
    struct transfer_decoder d;
    struct buf bytes;
    buf_init(&bytes, 2 * p->want + sizeof(d.hold));
    transfer_decode_init(&d, part->encoding, false);
    transfer_decode(&d, buf_span(&p->raw), &bytes);
    transfer_decode_end(&d, &bytes);
    if (charset_to_utf8(charset != NULL ? charset->value : SPAN_EMPTY, buf_span(&bytes), out) != 0)
        buf_clear(out);
    buf_done(&bytes);
}

void preview_end(struct preview *p, const struct mime_part *part)
{
    struct buf text, words;
    if (part != p->part)
        return;
    p->part = NULL;
    buf_init(&text, 8 * p->want + 4096);
    buf_init(&words, 4 * LIMIT_PREVIEW + 4);
    decode(p, part, &text);
    if (mime_is_type(part, SPAN("text"), SPAN("html")))
        preview_of_html(buf_span(&text), &words);
    else
        preview_of_plain(buf_span(&text), &words);
    buf_done(&text);
    if (words.n == 0) {
        buf_done(&words);
        return;
    }
    buf_done(&p->text);
    p->text = words;
    p->rank = p->next;
}

struct span preview_text(const struct preview *p)
{
    return buf_span(&p->text);
}

/* ---- words ------------------------------------------------------------------------------- */

/* Has no shape: soft hyphen, joiners, direction marks, variation selectors, tags, and all control characters. */
static bool is_shapeless(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } none[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x34f, 0x34f},
        {0x61c, 0x61c},   {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
        {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},
        {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < COUNT_OF(none) && c >= none[i].first; i++)
        if (c <= none[i].last)
            return true;
    return false;
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x2800 || c == 0x3000;
}

bool words_put(struct words *w, uint32_t c)
{
    if (is_space(c)) {
        w->space = w->n > 0;
        return w->n < LIMIT_PREVIEW;
    }
    if (is_shapeless(c))
        return true;
    if (w->n + (w->space ? 1 : 0) >= LIMIT_PREVIEW)
        return false;
    if (w->space) {
        buf_putc(w->out, ' ');
        w->n++;
    }
    w->space = false;
    utf8_put(w->out, c);
    return ++w->n < LIMIT_PREVIEW;
}

bool words_put_text(struct words *w, struct span text)
{
    while (text.n > 0)
        if (!words_put(w, utf8_take(&text)))
            return false;
    return true;
}

/* ---- plain text -------------------------------------------------------------------------- */

/* With or without the lines that are somebody else's. */
static void plain_words(struct span text, bool quotes, struct buf *out)
{
    struct words w = {.out = out};
    while (text.n > 0) {
        struct span line = span_split(&text, '\n');
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (!quotes && span_eq(line, SPAN("-- "))) /* RFC 3676 §4.3 */
            return;
        if (!quotes && line.n > 0 && line.p[0] == '>')
            continue;
        if (!words_put_text(&w, line) || !words_put(&w, '\n'))
            return;
    }
}

void preview_of_plain(struct span text, struct buf *out)
{
    size_t had = out->n;
    plain_words(text, false, out);
    if (out->n == had)
        plain_words(text, true, out);
}
