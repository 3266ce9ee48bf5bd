/* SPDX-License-Identifier: Apache-2.0 */
/* Modified UTF-7 of mailbox names (RFC 3501 §5.1.3, RFC 9051 §A.1): what IMAP4rev1 writes. Pure functions. */
#ifndef IMAP_UTF7_H
#define IMAP_UTF7_H

#include "base/buf.h"

/* From UTF-8, which must be well formed. */
void imap_utf7_encode(struct buf *out, struct span utf8);
/* To UTF-8. ERR_INVALID: not the one way to write a name (base64 where none is needed, bits left over, half a
 * surrogate pair), control characters, or bytes that are neither ASCII nor UTF-8. Plain UTF-8 is taken as it is:
 * programs that send it mean it. */
int imap_utf7_decode(struct buf *out, struct span utf7) MUST_CHECK;

#endif
