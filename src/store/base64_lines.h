/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of base64 as the bytes they stand for. Attachments are most of all mail by size, mostly pictures
 * and archives: a general compressor makes the 8 bits of a letter the 6 that it holds, one letter at
 * a time, and finds nothing else. Written as what was encoded the same comes out smaller (the line
 * ends go too), in a tenth of the time; and what can be packed beyond that can be packed better.
 *
 * Content becomes pieces of text, each followed by lines, and bytes:
 *
 *   text    { length varint, text, groups u8 (0: no lines, this was the last piece), crlf u8, lines varint } …
 *   bytes   groups * 3 for each line of groups * 4 letters
 *
 * Lines are taken only where all of them comes back as it was: whole groups of the alphabet of RFC 4648 §4, without
 * padding, of one length and with one kind of line end. Pure; thread-safe. Private to the room.
 */
#ifndef STORE_BASE64_LINES_H
#define STORE_BASE64_LINES_H

#include "base/buf.h"
#include "base/pack.h"

/* Appends to both; together never more than the content and 16 bytes. `bytes` must have room for as many as
 * the content has. The sticky error of either. */
int base64_lines_pack(struct span content, struct buf *text, struct buf *bytes) MUST_CHECK;

/* Appends the content, at most `max` bytes of it: ERR_CORRUPT if it is more, or these are no such pieces; or the
 * sticky error of `out`. */
int base64_lines_unpack(struct span text, struct span bytes, size_t max, struct buf *out)
    MUST_CHECK;

/* One piece: text, and the lines behind it. */
struct base64_piece {
    struct span text;
    size_t groups, end, count; /* of letters in a line, bytes of its end, lines */
};

/* The content without unpacking all of it. Refers to text and bytes. */
struct base64_view {
    struct span text, bytes;
    size_t n; /* bytes of content */
    /* the piece that was read last, so that whoever goes on there finds it at once: where it begins in the content and
     * its lines in the bytes, and the text behind it */
    struct base64_piece piece;
    size_t begin, bytes_at;
    struct unpack rest;
};

/* ERR_CORRUPT as above: what is open can be read to its end. */
int base64_view_open(struct span text, struct span bytes, size_t max, struct base64_view *out)
    MUST_CHECK;
/* Appends up to `n` bytes of the content from `offset` on, fewer only at its end. The sticky error of `to`. */
int base64_view_read(struct base64_view *v, size_t offset, size_t n, struct buf *to) MUST_CHECK;

#endif
