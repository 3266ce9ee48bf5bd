/* SPDX-License-Identifier: Apache-2.0 */
/* i;unicode-casemap (RFC 5051): texts that differ in case only, or in how an accent is written, become the
 * same bytes. What IMAP sorts and searches by (I18NLEVEL=1, RFC 5255 §4).
 *
 * Each character becomes its title case and then what it decomposes into, as UnicodeData.txt has it (so
 * Hangul syllables, which have no entry of their own there, stay). The bytes of two results compare as the
 * texts do, and one is found in the other as the text is. Every character is mapped for itself: a text mapped
 * in pieces, cut between characters, gives the same as the whole. No state, thread-safe, no I/O. */
#ifndef MESSAGE_CASEMAP_H
#define MESSAGE_CASEMAP_H

#include "base/buf.h"

/* Of U+FDFA, the longest: 3 bytes become 33. */
enum { CASEMAP_GROWTH = 11 };

/* Appends what well-formed UTF-8 maps to; bytes that are none become U+FFFD. The error is `out`'s. */
void casemap_put(struct buf *out, struct span utf8);

enum { CASEMAP_COMPOSED_MAX = 1024 };
/* Is it well-formed UTF-8 of at most so many bytes, in Normalization Form C? */
bool casemap_is_composed(struct span utf8);

#endif
