/* SPDX-License-Identifier: Apache-2.0 */
/* The content of DATA against a reader that is as plain as the RFC: where the message ends, what of it is kept,
 * and whether it is refused must be the same, however the bytes are cut. The first byte chooses the settings. */
#include "fuzz.h"

#include "base/limits.h"
#include "smtp/body.h"
#include "smtp/dot.h"

enum { SIZE_LIMIT = 3000 };

struct outcome {
    size_t taken; /* 0: no end */
    struct buf content;
    bool refused;
};

static bool newline_at(struct span in, size_t i)
{
    return i + 1 < in.n && in.p[i] == '\r' && in.p[i + 1] == '\n';
}

/* RFC 5321 §4.5.2, byte by byte. */
static size_t plain_dots(struct span in, struct buf *content)
{
    bool line_begins = true;
    for (size_t i = 0; i < in.n; i++) {
        if (line_begins && in.p[i] == '.') {
            if (newline_at(in, i + 1))
                return i + 3;
            line_begins = false;
            continue;
        }
        buf_putc(content, in.p[i]);
        line_begins = in.p[i] == '\n' && i > 0 && in.p[i - 1] == '\r';
    }
    return 0;
}

/* Lines of text: CRLF, or (false) something else that is made to CRLF. */
static bool plain_lines(struct span in, struct buf *out)
{
    bool right = true;
    for (size_t i = 0; i < in.n; i++) {
        if (newline_at(in, i)) {
            buf_puts(out, "\r\n");
            i++;
        } else if (in.p[i] == '\r' || in.p[i] == '\n') {
            buf_puts(out, "\r\n");
            right = false;
        } else {
            buf_putc(out, in.p[i]);
        }
    }
    return right;
}

static void plain(struct span in, bool normalize, bool binary, struct outcome *o)
{
    struct buf raw;
    buf_init(&raw, in.n);
    o->taken = plain_dots(in, &raw);
    bool right = true;
    if (binary)
        buf_put(&o->content, buf_span(&raw));
    else
        right = plain_lines(buf_span(&raw), &o->content);
    o->refused = (!right && !normalize) || o->content.n > SIZE_LIMIT ||
                 (!binary && span_chr(buf_span(&raw), '\0') >= 0);
    buf_done(&raw);
}

static void put(void *body, struct span content)
{
    smtp_body_put(body, content);
}

/* As the session does it: frame looks, handle takes. */
static void ours(struct span in, size_t step, bool normalize, bool binary, struct outcome *o)
{
    static struct spools spools = {.dir = "/tmp"};
    struct smtp_body body;
    enum smtp_dot dot = DOT_LINE;
    size_t taken = 0;
    must(smtp_body_open(&body, &spools, SIZE_LIMIT) == 0);
    body.normalize = normalize;
    body.binary = binary;
    while (taken < in.n && dot != DOT_END) {
        struct span piece = span_slice(in, taken, step);
        enum smtp_dot looked = dot;
        size_t n = smtp_dot_feed(&looked, piece, NULL, NULL);
        must(n <= piece.n && n == smtp_dot_feed(&dot, piece, put, &body) && looked == dot);
        must(n == piece.n || dot == DOT_END);
        taken += n;
    }
    if (dot == DOT_END) {
        struct span view = SPAN_EMPTY;
        smtp_body_end(&body);
        o->taken = taken;
        o->refused = body.fault != FAULT_NONE;
        if (!o->refused) {
            must(spool_view(body.spool, &view) == 0);
            buf_put(&o->content, view);
        } else {
            must(body.spool == NULL);
        }
    }
    smtp_body_close(&body);
}

static void compare(struct span in, size_t step, bool normalize, bool binary)
{
    struct outcome want = {.taken = 0}, got = {.taken = 0};
    buf_init(&want.content, 2 * in.n + 16);
    buf_init(&got.content, 2 * in.n + 16);
    plain(in, normalize, binary, &want);
    ours(in, step, normalize, binary, &got);
    must(want.content.err == 0 && got.content.err == 0);
    must(want.taken == got.taken);
    if (want.taken > 0) {
        must(want.refused == got.refused);
        must(want.refused || span_eq(buf_span(&want.content), buf_span(&got.content)));
    }
    buf_done(&want.content);
    buf_done(&got.content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 8192)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    bool normalize = (data[0] & 1) != 0, binary = (data[0] & 2) != 0;
    compare(in, SIZE_MAX, normalize, binary);
    compare(in, 1, normalize, binary);
    compare(in, 2 + data[0] / 4 % 8, normalize, binary);
    return 0;
}
