/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: COMPRESS=DEFLATE (RFC 4978), between the session and its host.
 *
 * When it is on, a unit of the host is any piece of the compressed stream. It is inflated bit by bit into lines and
 * literals, which the session handles as ever; what it writes is collected and deflated at the end of the step.
 *
 * Memory: while a session works, about 300 KiB. One that is idle keeps neither compressor (each step ends in a flush, and
 * the next begins a stream of its own, which the peer need not know) nor decompressor, only the window that the client
 * may refer to: as many bytes as it has sent, 32 KiB at most, usually a few hundred. */
#ifndef IMAP_COMPRESS_H
#define IMAP_COMPRESS_H

#include "imap/internal.h"

struct imap_compress;

/* NULL when memory has run out. What it holds counts in `budget`. */
struct imap_compress *imap_compress_new(struct budget *budget) MUST_CHECK;
void imap_compress_free(struct imap_compress *z); /* NULL is fine */

/* What the session's handle and wake do when it is on. */
enum step imap_compress_handle(struct imap *i, struct span unit);
enum step imap_compress_wake(struct imap *i, enum wake why);

/* UNAUTHENTICATE was answered: with that answer compression ends (RFC 8437 §4.1), if it was on. */
void imap_compress_end(struct imap *i);

#endif
