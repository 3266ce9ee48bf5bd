/* SPDX-License-Identifier: Apache-2.0 */
/* A charset's name up to the first LF, and text in it: always UTF-8, and the same in pieces. */
#include "fuzz.h"

#include "message/charset.h"

static void convert(struct span name, struct span in, size_t cut, struct buf *out, uint64_t *bad)
{
    struct charset c;
    must(charset_init(&c, name) == 0);
    do {
        struct span piece = span_slice(in, 0, cut);
        in = span_from(in, cut);
        charset_convert(&c, piece, in.n == 0, out);
    } while (in.n > 0);
    *bad = c.bad;
    charset_done(&c);
    must(out->err == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct span name = span_split(&in, '\n');
    struct buf once, pieces;
    uint64_t bad, bad_pieces;
    buf_init(&once, 64 * size + 4096);
    buf_init(&pieces, 64 * size + 4096);
    convert(name, in, size + 1, &once, &bad);
    convert(name, in, 1 + size % 5, &pieces, &bad_pieces);
    must(span_is_utf8(buf_span(&once)) && once.n <= 4 * in.n + 4);
    must(span_eq(buf_span(&once), buf_span(&pieces)) && bad == bad_pieces);
    buf_done(&once);
    buf_done(&pieces);
    return 0;
}
