/* SPDX-License-Identifier: Apache-2.0 */
/* Values out of a fuzzer's bytes, so that a target can begin with a sound record (or address, or row) and
 * not only with bytes that almost never are one. Whatever the bytes are, something is drawn; where they
 * have run out, zeroes. Small numbers and the edges of the large ones come often, because the encodings
 * change there. */
#ifndef TEST_FUZZ_DRAW_H
#define TEST_FUZZ_DRAW_H

#include "base/buf.h"

struct draw {
    struct span rest;
};

static inline struct draw draw_of(const uint8_t *data, size_t size)
{
    return (struct draw){span_of(data, size)};
}

static inline uint8_t draw_u8(struct draw *d)
{
    uint8_t v = 0;
    (void)span_take_byte(&d->rest, &v);
    return v;
}

static inline bool draw_bool(struct draw *d)
{
    return (draw_u8(d) & 1) != 0;
}

/* 0 up to n-1; n > 0. */
static inline size_t draw_below(struct draw *d, size_t n)
{
    size_t v = draw_u8(d);
    if (n > 256)
        v = v << 8 | draw_u8(d);
    return v % n;
}

static inline uint64_t draw_u64(struct draw *d)
{
    static const uint64_t edges[] = {127,      128,       16383,     16384,          UINT32_MAX,
                                     1u << 31, INT32_MAX, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};
    uint8_t how = draw_u8(d);
    uint64_t v = 0;
    if (how >= 0xf0)
        return edges[(how & 15) % COUNT_OF(edges)];
    for (int i = how % 9; i > 0; i--)
        v = v << 8 | draw_u8(d);
    return v;
}

static inline uint32_t draw_u32(struct draw *d)
{
    return (uint32_t)draw_u64(d);
}

static inline int64_t draw_i64(struct draw *d)
{
    return (int64_t)draw_u64(d);
}

/* 0 up to max, for fields whose readers refuse more. */
static inline uint64_t draw_up_to(struct draw *d, uint64_t max)
{
    uint64_t v = draw_u64(d);
    return v <= max ? v : max == UINT64_MAX ? v : v % (max + 1);
}

/* At most `max` bytes of what is left, borrowed. */
static inline struct span draw_span(struct draw *d, size_t max)
{
    size_t n = draw_below(d, max + 1);
    struct span out = span_slice(d->rest, 0, n);
    d->rest = span_from(d->rest, out.n);
    return out;
}

/* What a disk may make of bytes: some of them changed, some cut off the end, some more behind them. */
static inline void draw_damage(struct draw *d, struct buf *b)
{
    for (size_t i = draw_below(d, 4); i > 0 && b->n > 0; i--) {
        size_t at = draw_below(d, b->n);
        b->p[at] = (char)draw_u8(d);
    }
    size_t cut = draw_below(d, 8);
    if (draw_bool(d))
        buf_truncate(b, b->n > cut ? b->n - cut : 0);
    else if (draw_bool(d))
        buf_put(b, draw_span(d, 16));
}

#endif
