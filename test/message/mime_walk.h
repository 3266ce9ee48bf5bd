/* SPDX-License-Identifier: Apache-2.0 */
/* What tests and fuzz targets of the MIME parser share: a structure as a line of text, and the proof that
 * pieces make no difference. */
#ifndef TEST_MESSAGE_MIME_WALK_H
#define TEST_MESSAGE_MIME_WALK_H

#include "message/structure.h"

/* "text/plain 0+20+5/1" is a part at 0 with 20 bytes of header and 5 of body in 1 line; children follow in
 * parentheses; flags as letters before the type (see the .c). */
void mime_describe(const struct mime_part *root, struct buf *out);

/* Parses the message in pieces: `cut` bytes each, or, if it is 0, of sizes that depend on `seed`. Checks what
 * must hold of any structure, and that the sink was told the root's fields and each leaf's bytes, in order, and nothing else.
 * Appends the description. */
void mime_walk(struct span message, size_t cut, uint64_t seed, struct buf *out);

/* All of the above at once and in several ways to cut; they must agree. */
void mime_walk_all(struct span message);

#endif
