/* SPDX-License-Identifier: Apache-2.0 */
/* Any content comes back from its pieces; any pieces are content or refused. The first byte says whether the rest is
 * content as it is, content of text and lines drawn from it, or pieces. */
#include "draw.h"
#include "fuzz.h"

#include "store/base64_lines.h"

#include "base/encode.h"
#include "base/err.h"

enum { MOST = 1 << 20 };

/* Forward in pieces, and then the last half again. */
static void in_pieces(struct span text, struct span bytes, struct span content, struct buf *out)
{
    struct base64_view v;
    size_t piece = content.n / 5 + 1;
    must(base64_view_open(text, bytes, content.n, &v) == 0 && v.n == content.n);
    buf_clear(out);
    for (size_t at = 0; at < content.n; at += piece)
        must(base64_view_read(&v, at, piece, out) == 0);
    must(span_eq(buf_span(out), content));
    buf_clear(out);
    must(base64_view_read(&v, content.n / 2, content.n, out) == 0);
    must(span_eq(buf_span(out), span_from(content, content.n / 2)));
}

static void there_and_back(struct span content)
{
    struct buf text, bytes, out;
    buf_init(&text, content.n + 16);
    buf_init(&bytes, content.n);
    buf_init(&out, content.n);
    must(base64_lines_pack(content, &text, &bytes) == 0);
    must(text.n + bytes.n <= content.n + 16);
    must(base64_lines_unpack(buf_span(&text), buf_span(&bytes), content.n, &out) == 0);
    must(span_eq(buf_span(&out), content));
    in_pieces(buf_span(&text), buf_span(&bytes), content, &out);
    if (content.n > 0) {
        buf_clear(&out);
        must(base64_lines_unpack(buf_span(&text), buf_span(&bytes), content.n - 1, &out) ==
             ERR_CORRUPT);
        must(out.n == 0);
    }
    buf_done(&text);
    buf_done(&bytes);
    buf_done(&out);
}

static void drawn(struct draw *d)
{
    struct buf content;
    buf_init(&content, MOST);
    while (d->rest.n > 0 && content.n < MOST / 16) {
        buf_put(&content, draw_span(d, 64));
        size_t line = 3 * draw_below(d, 140), lines = draw_below(d, 20);
        const char *end = draw_bool(d) ? "\r\n" : "\n";
        for (size_t i = 0; i < lines && d->rest.n > 0; i++) {
            base64_encode(&content, span_slice(d->rest, 0, line));
            buf_puts(&content, end);
            d->rest = span_from(d->rest, 1); /* the next line is much like this one */
        }
    }
    must(content.err == 0);
    there_and_back(buf_span(&content));
    buf_done(&content);
}

static void pieces(struct span in)
{
    struct buf out;
    uint8_t text_n = 0;
    (void)span_take_byte(&in, &text_n);
    buf_init(&out, MOST);
    int err = base64_lines_unpack(span_slice(in, 0, text_n), span_from(in, text_n), MOST, &out);
    must(err == ERR_CORRUPT || (err == 0 && out.n <= MOST));
    must(err == 0 || out.n == 0);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size);
    switch (draw_u8(&d) % 3) {
    case 0: there_and_back(d.rest); break;
    case 1: drawn(&d); break;
    default: pieces(d.rest); break;
    }
    return 0;
}
