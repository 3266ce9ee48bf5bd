/* SPDX-License-Identifier: Apache-2.0 */
/* What a message looks like in IMAP: strings, dates, ENVELOPE, BODY and BODYSTRUCTURE (RFC 9051 §7.5.2).
 *
 * Pure functions of what message/structure.h found: the same bytes for the same message, for ever. Everything
 * is appended to `out`; a structure of LIMIT_MIME_PARTS parts is megabytes, so `out` may run full (its sticky error).
 *
 * Where the protocols differ, `how` says what the client has enabled:
 *   IMAP_PRINT_UTF8   quoted strings may hold UTF-8 (RFC 9051 §4.3, RFC 9755 §3), and message/global is shown as
 *                     message/rfc822 is. Else 8-bit text is a literal, and message/global any other part.
 *   IMAP_PRINT_REV2   parameters of RFC 2231 are decoded; else the name has its "*" and the value its charset.
 *
 * Strings that no string of IMAP can hold: NUL is sent as "?". A quoted string is never longer than
 * IMAP_QUOTED_MAX; longer ones are literals. */
#ifndef IMAP_PRINT_H
#define IMAP_PRINT_H

#include "message/structure.h"

enum imap_print { IMAP_PRINT_UTF8 = 1, IMAP_PRINT_REV2 = 2 };

enum { IMAP_QUOTED_MAX = 4096 };

/* `string` of §9; the empty span is "". */
void imap_print_string(struct buf *out, struct span s, unsigned how);
/* `nstring`: NIL if its pointer is NULL. */
void imap_print_nstring(struct buf *out, struct span s, unsigned how);
/* `date-time`: "17-Jul-1996 02:44:25 +0000" with its quotes, in UTC. */
void imap_print_date(struct buf *out, int64_t wall_ms);

void imap_print_envelope(struct buf *out, const struct message_envelope *e, unsigned how);
/* BODYSTRUCTURE if `extended`, else BODY. */
void imap_print_structure(struct buf *out,
                          const struct mime_part *root,
                          bool extended,
                          unsigned how);

#endif
