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

/* Appends to both; together never more than the content and 16 bytes. `bytes` must have room for as many as
 * the content has. The sticky error of either. */
int base64_lines_pack(struct span content, struct buf *text, struct buf *bytes) MUST_CHECK;

/* Appends the content, at most `max` bytes of it: ERR_CORRUPT if it is more, or these are no such pieces; or the
 * sticky error of `out`. */
int base64_lines_unpack(struct span text, struct span bytes, size_t max, struct buf *out)
    MUST_CHECK;

#endif
