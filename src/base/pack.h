/* SPDX-License-Identifier: Apache-2.0 */
/* How records and keys are written: one way for every room.
 *
 * Records: a version byte, then fields in a fixed order. Integers are LEB128 varints, byte strings
 * a varint length and the bytes. A newer program appends fields and raises the version; a reader
 * asks the version (or unpack_at_end) before it reads those. Keys: big-endian
 * integers, so that byte order is number order; a byte string inside a key ends with 0x00 0x01 and
 * its 0x00 bytes are written 0x00 0xff, so that tuples sort by their parts.
 *
 * Writers use buf's sticky error. Readers use a sticky `bad`: read everything, check once.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "base/buf.h"

void pack_u8(struct buf *b, uint8_t v);
void pack_uint(struct buf *b, uint64_t v); /* varint */
void pack_int(struct buf *b, int64_t v);   /* zigzag varint */
void pack_span(struct buf *b, struct span s);

void pack_key_u8(struct buf *b, uint8_t v);
void pack_key_u32(struct buf *b, uint32_t v);
void pack_key_u64(struct buf *b, uint64_t v);
void pack_key_span(struct buf *b, struct span s);

struct unpack {
    struct span rest;
    bool bad; /* a field was cut short, over-long or out of range; all later reads give 0 */
};

struct unpack unpack_of(struct span record);
uint8_t unpack_u8(struct unpack *u);
uint64_t unpack_uint(struct unpack *u);
int64_t unpack_int(struct unpack *u);
struct span unpack_span(struct unpack *u); /* into the record */
bool unpack_at_end(const struct unpack *u);

uint8_t unpack_key_u8(struct unpack *u);
uint32_t unpack_key_u32(struct unpack *u);
uint64_t unpack_key_u64(struct unpack *u);
/* The unescaped bytes, written to `to` (which is cleared first). */
void unpack_key_span(struct unpack *u, struct buf *to);

/* 0, or ERR_CORRUPT if anything was bad. Trailing bytes are a newer program's fields: fine. */
int unpack_end(const struct unpack *u) MUST_CHECK;

#endif
