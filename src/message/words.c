/* SPDX-License-Identifier: Apache-2.0 */
/* One walk: look for "=?", see whether a word stands there, convert what is between the words and them. */
#include "message/words.h"

#include "base/err.h"
#include "message/charset.h"
#include "message/transfer.h"

enum {
    CHARSET_MAX = 100
}; /* bytes of a charset's name with its language; longer is no encoded-word */

struct word {
    struct span charset;
    struct span text;
    bool base64;
    size_t n; /* bytes in all */
};

struct decoding {
    struct span in;
    struct span end; /* what begins with the next "?=" at or behind where it was last looked for */
    struct buf *out;
    struct buf bytes;       /* of one word, decoded */
    struct charset charset; /* of the word before */
    struct span name;
    bool open; /* there is one */
    int err;
};

static bool is_blank(struct span s)
{
    return span_trim(s).n == 0;
}

/* Where the "?=" at or behind `at` stands, -1 if nowhere. It is looked for once, however many "=?" come
 * before it. */
static ssize_t end_behind(struct decoding *d, size_t at)
{
    if (d->end.p == NULL || d->end.p < d->in.p + at) {
        struct span rest = span_from(d->in, at);
        ssize_t i = span_find(rest, SPAN("?="));
        d->end = i < 0 ? span_from(d->in, d->in.n) : span_from(rest, (size_t)i);
    }
    return d->end.n == 0 ? -1 : d->end.p - d->in.p;
}

/* encoded-word = "=?" charset "?" encoding "?" encoded-text "?=" (§2). `at`: where the "=?" stands. */
static bool word_at(struct decoding *d, size_t at, struct word *out)
{
    struct span head = span_slice(d->in, at + 2, CHARSET_MAX);
    ssize_t mark = span_chr(head, '?');
    if (mark <= 0)
        return false;
    out->charset = span_slice(head, 0, (size_t)mark);
    if (span_chr(out->charset, ' ') >= 0 || span_chr(out->charset, '=') >= 0)
        return false;
    size_t text = at + 2 + (size_t)mark + 1;
    if (text + 2 > d->in.n || d->in.p[text + 1] != '?')
        return false;
    char encoding = ascii_lower(d->in.p[text]);
    if (encoding != 'b' && encoding != 'q')
        return false;
    text += 2;
    ssize_t end = end_behind(d, text);
    if (end < 0)
        return false;
    out->text = span_slice(d->in, text, (size_t)end - text);
    if (span_find(out->text, SPAN("=?")) >= 0) /* this one was left open, and the next is whole */
        return false;
    ssize_t language = span_chr(out->charset, '*');
    if (language >= 0)
        out->charset = span_slice(out->charset, 0, (size_t)language);
    out->base64 = encoding == 'b';
    out->n = (size_t)end + 2 - at;
    return true;
}

static int hex_of(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The "Q" encoding (§4.2). */
static void decode_q(struct span in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '=' && i + 2 < in.n && hex_of(in.p[i + 1]) >= 0 && hex_of(in.p[i + 2]) >= 0) {
            buf_putc(out, (char)(hex_of(in.p[i + 1]) << 4 | hex_of(in.p[i + 2])));
            i += 2;
        } else {
            buf_putc(out, c == '_' ? ' ' : c);
        }
    }
}

static void word_close(struct decoding *d)
{
    if (!d->open)
        return;
    charset_convert(&d->charset, SPAN_EMPTY, true, d->out);
    charset_done(&d->charset);
    d->open = false;
}

static void word_put(struct decoding *d, const struct word *w)
{
    if (d->open && !span_ieq(d->name, w->charset))
        word_close(d);
    if (!d->open) {
        d->err = charset_init(&d->charset, w->charset);
        if (d->err != 0)
            return;
        d->name = w->charset;
        d->open = true;
    }
    buf_clear(&d->bytes);
    if (w->base64) {
        struct transfer_decoder t;
        transfer_decode_init(&t, TRANSFER_BASE64, false);
        transfer_decode(&t, w->text, &d->bytes);
        transfer_decode_end(&t, &d->bytes);
    } else {
        decode_q(w->text, &d->bytes);
    }
    d->err = d->bytes.err;
    charset_convert(&d->charset, buf_span(&d->bytes), false, d->out);
}

static void plain_put(struct decoding *d, struct span text)
{
    word_close(d);
    if (text.n > 0)
        d->err = charset_to_utf8(SPAN_EMPTY, text, d->out);
}

int words_decode(struct span text, struct buf *out)
{
    struct decoding d = {.in = text, .out = out};
    size_t plain = 0, at = 0; /* text from `plain` on is not put yet */
    ssize_t i;
    buf_init(&d.bytes, 2 * text.n + 256);
    while (d.err == 0 && (i = span_find(span_from(text, at), SPAN("=?"))) >= 0) {
        struct word w;
        at += (size_t)i;
        if (!word_at(&d, at, &w)) {
            at++;
            continue;
        }
        struct span between = span_slice(text, plain, at - plain);
        if (!d.open || !is_blank(between))
            plain_put(&d, between);
        if (d.err == 0)
            word_put(&d, &w);
        at += w.n;
        plain = at;
    }
    if (d.err == 0)
        plain_put(&d, span_from(text, plain));
    word_close(&d);
    buf_done(&d.bytes);
    return d.err != 0 ? d.err : out->err;
}
