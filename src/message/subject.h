/* SPDX-License-Identifier: Apache-2.0 */
/* The base subject (RFC 5256 §2.1): what SORT and THREAD compare, a subject without its "Re:", "Fwd:",
 * "[list]" and "(fwd)".
 *
 * Exactly the RFC's procedure, because clients that work off line do the same. Time is linear in the subject,
 * also where the procedure says "repeat". No I/O. */
#ifndef MESSAGE_SUBJECT_H
#define MESSAGE_SUBJECT_H

#include "base/buf.h"

/* Appends the base subject of a field's text (unfolded or not, encoded-words not yet decoded), in UTF-8;
 * message/casemap.h makes the comparison key of it. *reply_out (may be NULL): something was removed that
 * makes the message a reply or forward (§3, REFERENCES). 0, ERR_NOMEM, or the sticky error of `out`. */
int subject_base(struct span subject, struct buf *out, bool *reply_out) MUST_CHECK;

#endif
