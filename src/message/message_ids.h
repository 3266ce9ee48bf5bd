/* SPDX-License-Identifier: Apache-2.0 */
/* The Message IDs in Message-ID, In-Reply-To and References (RFC 5322 §3.6.4), in the form that THREAD compares (RFC 5256
 * §3: quoting makes no difference, case does).
 *
 * A Message ID is what stands in angle brackets and has an "@" that is not quoted and something on both sides of
 * it. White space in it (long ones get folded) and quotes are taken away, escapes resolved. What else stands in the
 * field (comments, addresses, words) is passed over. Linear in the text. No I/O. */
#ifndef MESSAGE_MESSAGE_IDS_H
#define MESSAGE_MESSAGE_IDS_H

#include "base/buf.h"

/* Takes the next one from the front of `text` and appends it without its brackets; false when there is none
 * left. Nothing is appended then. The error is `out`'s. */
bool message_id_take(struct span *text, struct buf *out);

#endif
