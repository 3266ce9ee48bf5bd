/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message in a file: however they are cut, the result is the same; every line ends with CRLF and
 * holds no other CR or LF; nothing but line ends and a first "From " line was changed. */
#include "fuzz.h"

#include "cli/lines.h"

static void convert(struct span in, size_t step, struct buf *to)
{
    struct lines l = {.cr = false};
    for (struct span rest = in; rest.n > 0; rest = span_from(rest, step))
        lines_feed(&l, span_slice(rest, 0, step), to);
    lines_end(&l, to);
    must(to->err == 0);
}

static bool is_end(char c)
{
    return c == '\r' || c == '\n';
}

/* The bytes without line ends are the same. */
static void same_text(struct span in, struct span out)
{
    size_t at = 0;
    if (span_starts(in, SPAN("From ")))
        while (in.n > 0 && !is_end(in.p[0]))
            in = span_from(in, 1);
    for (size_t i = 0; i < in.n; i++) {
        if (is_end(in.p[i]))
            continue;
        while (at < out.n && is_end(out.p[at]))
            at++;
        must(at < out.n && out.p[at] == in.p[i]);
        at++;
    }
    while (at < out.n && is_end(out.p[at]))
        at++;
    must(at == out.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct buf whole, cut, again;
    buf_init(&whole, 2 * size + 16);
    buf_init(&cut, 2 * size + 16);
    buf_init(&again, 2 * size + 16);
    convert(in, SIZE_MAX, &whole);
    convert(in, 1, &cut);
    must(span_eq(buf_span(&whole), buf_span(&cut)));
    buf_clear(&cut);
    convert(in, 1 + size % 5, &cut);
    must(span_eq(buf_span(&whole), buf_span(&cut)));
    for (size_t i = 0; i < whole.n; i++) {
        if (whole.p[i] == '\r')
            must(i + 1 < whole.n && whole.p[i + 1] == '\n');
        if (whole.p[i] == '\n')
            must(i > 0 && whole.p[i - 1] == '\r');
    }
    must(whole.n == 0 || span_ends(buf_span(&whole), SPAN("\r\n")));
    same_text(in, buf_span(&whole));
    if (!span_starts(buf_span(&whole), SPAN("From "))) {
        convert(buf_span(&whole), SIZE_MAX, &again);
        must(span_eq(buf_span(&whole), buf_span(&again)));
    }
    buf_done(&whole);
    buf_done(&cut);
    buf_done(&again);
    return 0;
}
