/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding is checked by encoding again: a name has one spelling only, so that no two names are one mailbox. */
#include "imap/utf7.h"

#include "base/err.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* ---- writing --------------------------------------------------------------------------------- */

struct bits { /* UTF-16 on its way to base64 */
    uint32_t value;
    unsigned n; /* bits of it, below 6 between two calls */
};

static void put_unit(struct buf *out, struct bits *b, uint32_t unit)
{
    b->value = b->value << 16 | unit;
    b->n += 16;
    while (b->n >= 6) {
        b->n -= 6;
        buf_putc(out, digits[b->value >> b->n & 63]);
    }
    b->value &= (1u << b->n) - 1;
}

static void put_end(struct buf *out, struct bits *b)
{
    if (b->n > 0)
        buf_putc(out, digits[b->value << (6 - b->n) & 63]);
    buf_putc(out, '-');
}

/* One character of well-formed UTF-8. */
static uint32_t utf8_take(struct span *s)
{
    unsigned char c = (unsigned char)s->p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t v = c & mask[n];
    for (size_t k = 1; k < n && k < s->n; k++)
        v = v << 6 | ((unsigned char)s->p[k] & 0x3f);
    *s = span_from(*s, n);
    return v;
}

void imap_utf7_encode(struct buf *out, struct span utf8)
{
    struct bits b = {0};
    bool shifted = false;
    while (utf8.n > 0) {
        uint32_t c = utf8_take(&utf8);
        if (c >= 0x20 && c <= 0x7e) {
            if (shifted)
                put_end(out, &b);
            shifted = false;
            buf_putc(out, (char)c);
            if (c == '&')
                buf_putc(out, '-');
            continue;
        }
        if (!shifted) {
            buf_putc(out, '&');
            b = (struct bits){0};
            shifted = true;
        }
        if (c > 0xffff) {
            put_unit(out, &b, 0xd800 + ((c - 0x10000) >> 10));
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        put_unit(out, &b, c);
    }
    if (shifted)
        put_end(out, &b);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(out, (char)c);
    } else if (c < 0x800) {
        buf_putc(out, (char)(0xc0 | c >> 6));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_putc(out, (char)(0xe0 | c >> 12));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_putc(out, (char)(0xf0 | c >> 18));
        buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* What stands between `&` and `-`. */
static int take_shifted(struct buf *out, struct span base64)
{
    uint32_t bits = 0, high = 0;
    unsigned n = 0;
    for (size_t k = 0; k < base64.n; k++) {
        const char *digit = memchr(digits, base64.p[k], 64);
        if (digit == NULL)
            return ERR_INVALID;
        bits = bits << 6 | (uint32_t)(digit - digits);
        n += 6;
        if (n < 16)
            continue;
        n -= 16;
        uint32_t unit = bits >> n & 0xffff;
        bits &= (1u << n) - 1;
        if (high != 0) {
            if ((unit & 0xfc00) != 0xdc00)
                return ERR_INVALID;
            put_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
            high = 0;
        } else if ((unit & 0xfc00) == 0xd800) {
            high = unit;
        } else if ((unit & 0xfc00) == 0xdc00) {
            return ERR_INVALID;
        } else {
            put_utf8(out, unit);
        }
    }
    return high == 0 ? 0 : ERR_INVALID;
}

static int take_name(struct buf *out, struct span utf7)
{
    while (utf7.n > 0) {
        ssize_t amp = span_chr(utf7, '&');
        buf_put(out, amp < 0 ? utf7 : span_slice(utf7, 0, (size_t)amp));
        if (amp < 0)
            return 0;
        utf7 = span_from(utf7, (size_t)amp + 1);
        ssize_t end = span_chr(utf7, '-');
        if (end < 0)
            return ERR_INVALID;
        int err = 0;
        if (end == 0)
            buf_putc(out, '&');
        else
            err = take_shifted(out, span_slice(utf7, 0, (size_t)end));
        if (err != 0)
            return err;
        utf7 = span_from(utf7, (size_t)end + 1);
    }
    return 0;
}

int imap_utf7_decode(struct buf *out, struct span utf7)
{
    size_t from = out->n;
    struct buf again;
    int err = take_name(out, utf7);
    if (err == 0)
        err = out->err;
    if (err != 0)
        return err;
    struct span name = span_from(buf_span(out), from);
    if (!span_is_ascii(utf7)) /* then nothing of it may be shifted: one spelling */
        return span_is_utf8(utf7) && span_chr(utf7, '&') < 0 ? 0 : ERR_INVALID;
    if (!span_is_utf8(name))
        return ERR_INVALID;
    buf_init(&again, 2 * utf7.n + 16);
    imap_utf7_encode(&again, name);
    err = again.err != 0 ? again.err : span_eq(buf_span(&again), utf7) ? 0 : ERR_INVALID;
    buf_done(&again);
    return err;
}
