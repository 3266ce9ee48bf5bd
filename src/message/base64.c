/* SPDX-License-Identifier: Apache-2.0 */
/* base64 (RFC 2045 §6.8) as mail has it. base/encode.h is for protocols: strict, and in constant time.
 *
 * Four characters at a time as long as all are of the alphabet; only around line ends and damage it
 * goes character by character.
 */
#include "message/transfer_impl.h"

enum {
    SKIP = 64, /* white space */
    PAD = 65,
    JUNK = 66,
};

enum state { DATA, ENDED, LINE_HELD, LINE_SKIPPED };

/* clang-format off */
static const uint8_t values[256] = {
    66, 66, 66, 66, 66, 66, 66, 66, 66, 64, 64, 66, 66, 64, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    64, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 62, 66, 66, 66, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 66, 66, 66, 65, 66, 66,
    66, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 66, 66, 66, 66, 66,
    66, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
};
/* clang-format on */

/* Whole groups at the front; how many characters they were. `to` has room. */
static size_t decode_groups(struct span in, char **to)
{
    const unsigned char *u = (const unsigned char *)in.p;
    char *p = *to;
    size_t i = 0;
    for (; i + 4 <= in.n; i += 4) {
        uint32_t a = values[u[i]], b = values[u[i + 1]], c = values[u[i + 2]], e = values[u[i + 3]];
        if ((a | b | c | e) >= SKIP)
            break;
        uint32_t w = a << 18 | b << 12 | c << 6 | e;
        p[0] = (char)(w >> 16);
        p[1] = (char)(w >> 8);
        p[2] = (char)w;
        p += 3;
    }
    *to = p;
    return i;
}

/* The bytes of a group that a "=" or the end cut short. */
static void finish_group(struct transfer_decoder *d, char **to)
{
    if (d->n_bits == 1)
        d->bad++;
    if (d->n_bits >= 2)
        *(*to)++ = (char)(d->bits >> (d->n_bits == 2 ? 4 : 10));
    if (d->n_bits == 3)
        *(*to)++ = (char)(d->bits >> 2);
    d->bits = 0;
    d->n_bits = 0;
}

static void decode_one(struct transfer_decoder *d, unsigned char c, char **to)
{
    uint8_t v = values[c];
    if (v < 64) {
        d->bits = d->bits << 6 | v;
        if (++d->n_bits == 4) {
            *(*to)++ = (char)(d->bits >> 16);
            *(*to)++ = (char)(d->bits >> 8);
            *(*to)++ = (char)d->bits;
            d->bits = 0;
            d->n_bits = 0;
        }
    } else if (v == PAD) {
        if (d->n_bits < 2)
            d->bad++; /* nothing to pad: "=" in the middle of nowhere */
        else
            d->state = ENDED;
        finish_group(d, to);
    } else if (v == JUNK) {
        d->bad++;
    }
}

/* A whole line behind the end: data if nothing else is on it, and it fills its groups. */
static void line_decide(struct transfer_decoder *d, char **to)
{
    size_t chars = 0, pads = 0;
    for (size_t i = 0; i < d->hold_n; i++) {
        uint8_t v = values[(unsigned char)d->hold[i]];
        if (v == SKIP)
            continue;
        pads += v == PAD;
        chars++;
        if (v == JUNK || (v != PAD && pads > 0))
            pads = 3;
    }
    if (chars == 0 || chars % 4 != 0 || pads > 2) {
        d->bad += chars > 0;
        d->state = ENDED;
    } else {
        d->state = DATA;
        for (size_t i = 0; i < d->hold_n; i++)
            if (d->state == DATA)
                decode_one(d, (unsigned char)d->hold[i], to);
    }
    d->hold_n = 0;
}

static void line_add(struct transfer_decoder *d, char c, char **to)
{
    if (c == '\n') {
        if (d->state == LINE_HELD)
            line_decide(d, to);
        else
            d->state = ENDED;
        return;
    }
    if (d->state == ENDED) {
        if (values[(unsigned char)c] == SKIP || c == '=') /* "==", and the rest of its line */
            return;
        d->state = LINE_HELD;
        d->hold_n = 0;
    }
    if (d->state == LINE_HELD && d->hold_n == sizeof(d->hold)) {
        d->bad++;
        d->state = LINE_SKIPPED;
    }
    if (d->state == LINE_HELD)
        d->hold[d->hold_n++] = c;
}

void transfer_base64(struct transfer_decoder *d, struct span in, struct buf *out)
{
    /* the groups begun and held may finish: 3 bytes for each 4 characters, rounded up */
    char *room = buf_room(out, (in.n + sizeof(d->hold) + 4) / 4 * 3 + 3), *to = room;
    if (room == NULL)
        return;
    while (in.n > 0) {
        if (d->state == DATA && d->n_bits == 0)
            in = span_from(in, decode_groups(in, &to));
        if (in.n == 0)
            break;
        if (d->state == DATA)
            decode_one(d, (unsigned char)in.p[0], &to);
        else
            line_add(d, in.p[0], &to);
        in = span_from(in, 1);
    }
    buf_added(out, (size_t)(to - room));
}

void transfer_base64_end(struct transfer_decoder *d, struct buf *out)
{
    char *room = buf_room(out, sizeof(d->hold) + 3), *to = room;
    if (room == NULL)
        return;
    if (d->state == LINE_HELD)
        line_decide(d, &to);
    if (d->n_bits > 0)
        d->bad += d->n_bits != 1; /* finish_group counts that one */
    finish_group(d, &to);
    buf_added(out, (size_t)(to - room));
}

void transfer_encode_base64(struct span in, struct buf *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *u = (const unsigned char *)in.p;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t n = in.n - i < 3 ? in.n - i : 3;
        uint32_t w = (uint32_t)u[i] << 16 | (n > 1 ? (uint32_t)u[i + 1] << 8 : 0) |
                     (n > 2 ? (uint32_t)u[i + 2] : 0);
        char four[4] = {alphabet[w >> 18], alphabet[w >> 12 & 63],
                        n > 1 ? alphabet[w >> 6 & 63] : '=', n > 2 ? alphabet[w & 63] : '='};
        buf_put(out, span_of(four, 4));
        if (i % 57 == 54 && i + 3 < in.n)
            buf_put(out, SPAN("\r\n"));
    }
    if (in.n > 0)
        buf_put(out, SPAN("\r\n"));
}
