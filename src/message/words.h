/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a header field as people read it: encoded-words (RFC 2047) to UTF-8.
 *
 * Taken more widely than the grammar allows, because mail that is shown as it was meant is what its reader
 * wants to search for and sort by:
 *   - an encoded-word may stand anywhere, also inside a word or a quoted string, be longer than 75 bytes and
 *     hold spaces; white space between two of them is dropped (§6.2), also if the line was not unfolded;
 *   - neighbours of the same charset are converted as one text, so that a character cut between them (which
 *     §5 (3) forbids) is whole;
 *   - a language behind the charset (RFC 2231 §5) is passed over;
 *   - what is not encoded is unlabelled text (message/charset.h): UTF-8 where it is that, else windows-1252.
 * What only looks like an encoded-word stays as it stands. The output is well-formed UTF-8, at most
 * WORDS_GROWTH bytes for each that went in. Control characters that were encoded are in it. Time is linear in the
 * input. No I/O. */
#ifndef MESSAGE_WORDS_H
#define MESSAGE_WORDS_H

#include "base/buf.h"

enum { WORDS_GROWTH = 4 };

/* Appends. 0, ERR_NOMEM, or the sticky error of `out`. */
int words_decode(struct span text, struct buf *out) MUST_CHECK;

#endif
