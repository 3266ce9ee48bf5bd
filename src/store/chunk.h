/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of blobs as they lie in the engine: packed before the log is written, so that the log, the
 * memory table and the file all hold the smaller form, and the compressor runs once.
 *
 *   content, as zstd made it or as it was                                          form u8   sum u64
 *   lines of base64: bytes, text (base64_lines.h)   length of text u32   flags u8   form u8   sum u64
 *
 * The sum is XXH3 (64 bit, big-endian here) over the content as it lies there and the form, seeded with that of
 * the key: a chunk that is damaged, or is another's, is noticed. Of lines of base64 each of the two parts is as zstd
 * made it where that is smaller; the bytes are mostly packed already. Format 2 of the store had no such chunks. Format 1 had the
 * content as it was and the frame of keys.h instead; such chunks are read, and stay as they are.
 *
 * Contexts of the compressor are kept for the next caller. Thread-safe; blocks on nothing but a
 * lock that is held for a few instructions. Private to the room.
 */
#ifndef STORE_CHUNK_H
#define STORE_CHUNK_H

#include "store/base64_lines.h"

struct chunk_tools;

/* NULL: no memory. */
struct chunk_tools *chunk_tools_new(void) MUST_CHECK;
void chunk_tools_free(struct chunk_tools *t); /* NULL is fine */

/* The most bytes that chunk_seal appends for `n`. */
size_t chunk_sealed_max(size_t n);
/* Appends the form for the disk. ERR_NOMEM, or the sticky error of `out`. */
int chunk_seal(struct chunk_tools *t, struct span key, struct span content, struct buf *out)
    MUST_CHECK;
/* Appends the content, at most `max` bytes of it. ERR_CORRUPT (also when there is more), ERR_NOMEM,
 * or the sticky error of `out`. */
int chunk_open(struct chunk_tools *t,
               struct span key,
               struct span sealed,
               size_t max,
               struct buf *out) MUST_CHECK;

/* A chunk that is known to be whole, for reading pieces of it: what lies there as lines of base64 is made lines only
 * then, where it is wanted. */
struct chunk_view {
    size_t n;     /* bytes of content */
    bool borrows; /* from `sealed`, which must stay; else nothing does */
    bool is_lines;
    struct span content;      /* not is_lines: all of it */
    struct base64_view lines; /* is_lines */
    struct buf held, held_text;
};

/* ERR_CORRUPT, ERR_NOMEM; then there is nothing to be done with *out. */
int chunk_view_open(struct chunk_tools *t,
                    struct span key,
                    struct span sealed,
                    size_t max,
                    struct chunk_view *out) MUST_CHECK;
/* Appends up to `n` bytes from `offset` on, fewer only at the end. The sticky error of `to`. */
int chunk_view_read(struct chunk_view *v, size_t offset, size_t n, struct buf *to) MUST_CHECK;
/* Also of one that is all zero, or done. */
void chunk_view_done(struct chunk_view *v);

#endif
