/* SPDX-License-Identifier: Apache-2.0 */
/* What is derived from a message once and kept beside it (the SUMMARY table of mailbox/keys.h): its envelope, its
 * structure by byte offset, the time it was sent, and the first words of its text. FETCH of metadata, SEARCH of
 * header fields, SORT and THREAD read this and not the message.
 *
 * Made from the message in pieces:                   struct summary_maker; summary_make does all at once
 * Kept:                                              summary_pack, a record with a version
 * Read:                                              summary_unpack; summary_parts for the structure as well
 *
 * The record is a cache: whatever cannot be read as one of this version (damaged, made by another program)
 * is as good as none and is made again from the message. A record is never longer than LIMIT_SUMMARY; what
 * would be (thousands of parts or recipients) is not kept, and made again each time it is asked for.
 *
 * Texts of the envelope are as struct message_envelope has them: unfolded, and otherwise as the message has them,
 * encoded-words included. Whoever compares them decodes them.
 *
 * Memory: about 50 times the record for the most hostile one, in the caller's arena. A reader of many uses an
 * arena of MIME_ARENA bytes that it resets between two messages. Spans are into the record, or the arena.
 * Pure functions; nothing blocks, no thread rule but the arena's. */
#ifndef MESSAGE_SUMMARY_H
#define MESSAGE_SUMMARY_H

#include "message/structure.h"

struct message_summary {
    const struct message_envelope *envelope;
    bool sent;       /* the Date field could be read */
    int64_t sent_ms; /* its time in UTC: SORT DATE, THREAD */
    int64_t
        sent_local_ms; /* the same on the sender's clock: SENTON looks at its day (RFC 9051 §6.4.4) */
    struct span
        preview; /* UTF-8, at most LIMIT_PREVIEW characters without line ends; may be empty (RFC 8970) */
    struct mime_part *root; /* NULL: ask summary_parts */
    /* private: the packed structure */
    struct span parts;
};

/* ---- making ------------------------------------------------------------------------------ */

struct summary_maker;

/* NULL when memory has run out. What it finds is in the arena, which should be of MIME_ARENA bytes. */
struct summary_maker *summary_maker_new(struct arena *a) MUST_CHECK;
void summary_maker_feed(struct summary_maker *m, struct span piece);
/* Ends the message and frees the maker. 0 (`root` is set), ERR_NOMEM, ERR_TOO_BIG (the arena was too small). */
int summary_maker_end(struct summary_maker *m, struct message_summary *out) MUST_CHECK;
/* Frees it without a result; NULL is fine. */
void summary_maker_free(struct summary_maker *m);

/* Appends the record. 0, ERR_NOMEM; ERR_TOO_BIG: it is longer than LIMIT_SUMMARY or does not fit `out`, which is then
 * as before (but for its sticky error). `s->root` is set. */
int summary_pack(const struct message_summary *s, struct buf *out) MUST_CHECK;

/* All of it for a message that is there as pieces that follow each other: appends the record. Errors as above. */
int summary_make(const struct span *pieces, size_t n, struct buf *out) MUST_CHECK;

/* ---- reading ----------------------------------------------------------------------------- */

/* Everything but the structure. 0, ERR_CORRUPT, ERR_UNSUPPORTED (another version), ERR_NOMEM, ERR_TOO_BIG (the arena). */
int summary_unpack(struct span record, struct arena *a, struct message_summary *out) MUST_CHECK;
/* The structure of an unpacked one: sets s->root unless it is set. Parts lie inside each other as a parser would say
 * (whatever the record says), so that offsets can be relied on. Errors as above. */
int summary_parts(struct message_summary *s, struct arena *a) MUST_CHECK;

#endif
