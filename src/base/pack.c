/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pack.h"
#include "base/err.h"

enum { VARINT_MAX = 10 }; /* bytes of UINT64_MAX */

void pack_u8(struct buf *b, uint8_t v)
{
    buf_putc(b, (char)v);
}

void pack_uint(struct buf *b, uint64_t v)
{
    char bytes[VARINT_MAX];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (char)(uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (char)(uint8_t)v;
    buf_put(b, span_of(bytes, n));
}

void pack_int(struct buf *b, int64_t v)
{
    pack_uint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void pack_span(struct buf *b, struct span s)
{
    pack_uint(b, s.n);
    buf_put(b, s);
}

void pack_key_u8(struct buf *b, uint8_t v)
{
    pack_u8(b, v);
}

static void pack_big_endian(struct buf *b, uint64_t v, size_t bytes)
{
    char text[8];
    for (size_t i = bytes; i-- > 0; v >>= 8)
        text[i] = (char)(uint8_t)v;
    buf_put(b, span_of(text, bytes));
}

void pack_key_u32(struct buf *b, uint32_t v)
{
    pack_big_endian(b, v, 4);
}

void pack_key_u64(struct buf *b, uint64_t v)
{
    pack_big_endian(b, v, 8);
}

void pack_key_span(struct buf *b, struct span s)
{
    while (s.n > 0) {
        ssize_t zero = span_chr(s, '\0');
        if (zero < 0) {
            buf_put(b, s);
            break;
        }
        buf_put(b, span_slice(s, 0, (size_t)zero));
        buf_put(b, SPAN("\x00\xff"));
        s = span_from(s, (size_t)zero + 1);
    }
    buf_put(b, SPAN("\x00\x01"));
}

struct unpack unpack_of(struct span record)
{
    return (struct unpack){.rest = record};
}

static uint8_t unpack_fail(struct unpack *u)
{
    u->bad = true;
    u->rest = SPAN_EMPTY;
    return 0;
}

static void advance(struct unpack *u, size_t n)
{
    u->rest.p += n;
    u->rest.n -= n;
}

uint8_t unpack_u8(struct unpack *u)
{
    if (u->bad || u->rest.n == 0)
        return unpack_fail(u);
    uint8_t v = (uint8_t)u->rest.p[0];
    advance(u, 1);
    return v;
}

uint64_t unpack_uint(struct unpack *u)
{
    uint64_t v = 0;
    size_t n = u->bad ? 0 : u->rest.n < VARINT_MAX ? u->rest.n : VARINT_MAX;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)u->rest.p[i];
        if (i == VARINT_MAX - 1 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            advance(u, i + 1);
            return v;
        }
    }
    return unpack_fail(u);
}

int64_t unpack_int(struct unpack *u)
{
    uint64_t v = unpack_uint(u);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

struct span unpack_span(struct unpack *u)
{
    uint64_t n = unpack_uint(u);
    if (u->bad || n > u->rest.n) {
        unpack_fail(u);
        return SPAN_EMPTY;
    }
    struct span s = span_of(u->rest.p, n);
    advance(u, n);
    return s;
}

bool unpack_at_end(const struct unpack *u)
{
    return u->rest.n == 0;
}

static uint64_t unpack_big_endian(struct unpack *u, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | unpack_u8(u);
    return u->bad ? 0 : v;
}

uint8_t unpack_key_u8(struct unpack *u)
{
    return unpack_u8(u);
}

uint32_t unpack_key_u32(struct unpack *u)
{
    return (uint32_t)unpack_big_endian(u, 4);
}

uint64_t unpack_key_u64(struct unpack *u)
{
    return unpack_big_endian(u, 8);
}

void unpack_key_span(struct unpack *u, struct buf *to)
{
    buf_clear(to);
    for (;;) {
        uint8_t byte = unpack_u8(u);
        if (u->bad)
            return;
        if (byte != 0) {
            buf_putc(to, (char)byte);
            continue;
        }
        uint8_t mark = unpack_u8(u);
        if (mark == 0x01)
            return;
        if (mark != 0xff) {
            unpack_fail(u);
            return;
        }
        buf_putc(to, '\0');
    }
}

int unpack_end(const struct unpack *u)
{
    return u->bad ? ERR_CORRUPT : 0;
}
