/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5322 messages, parsed in place: header fields as spans into the message, dates, addresses.
 * Pure functions: nothing allocates except into the arena or buf given, nothing blocks. Malformed mail is
 * normal: parsers take what they can and never read outside the span. */
#ifndef MESSAGE_MESSAGE_H
#define MESSAGE_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/random.h"

/* ---- header section ---------------------------------------------------------------------- */

struct header_field {
    struct span name;  /* without the colon; no white space */
    struct span value; /* raw, folding included, without the last CRLF */
    size_t offset;     /* of the field in the message */
};

/* Walks the fields: true and the next field, false at the end of the header section (empty line, end of
 * input). Lines that are no field (no colon, leading mbox "From ") are passed over. */
struct header_walk {
    struct span message;
    size_t at;
};
struct header_walk header_walk_of(struct span message);
bool header_next(struct header_walk *w, struct header_field *out);
/* First field of that name (ASCII case-insensitive). */
bool header_find(struct span message, struct span name, struct header_field *out);
/* Bytes of the header section with its empty line: where the body begins. */
size_t header_size(struct span message);
/* The value unfolded (RFC 5322 §2.2.3), without white space around it, into the arena. It holds no CR
 * and no LF. */
struct span header_unfold(struct span value, struct arena *a);

/* ---- addresses --------------------------------------------------------------------------- */

/* A mailbox as SMTP writes it, between the angle brackets: RFC 5321 §4.1.2 with RFC 6531's UTF-8. Quoted
 * local parts and address literals are understood; source routes are skipped. */
struct smtp_address {
    struct span local; /* as written, quotes included */
    struct span
        domain; /* empty when there is no "@": the caller knows where a bare "postmaster" may stand */
    bool utf8;    /* holds non-ASCII: needs SMTPUTF8 */
    bool literal; /* domain is an [address literal] */
};
/* Length taken from the front of `in` (an address without brackets), or ERR_BAD_ADDRESS. local and domain
 * lie side by side in `in`, so local.p .. is the whole address. At most LIMIT_ADDRESS bytes; the local part
 * alone is not limited (the directory does that for addresses of its own). */
ssize_t smtp_address_parse(struct span in, struct smtp_address *out);

/* The first mailbox of a From-like header value, as local@domain, comments and display names left out;
 * empty if there is none. Into the arena. */
struct span header_first_address(struct span value, struct arena *a);

/* ---- dates and ids ----------------------------------------------------------------------- */

/* RFC 5322 §3.3, "Sun, 22 Nov 2026 10:00:00 +0000", in UTC. */
void date_print(struct buf *out, int64_t wall_ms);
/* Obsolete forms too (§4.3); ERR_INVALID. */
int date_parse(struct span text, int64_t *wall_ms_out) MUST_CHECK;
/* And how many minutes its zone is east of UTC. */
int date_parse_zone(struct span text, int64_t *wall_ms_out, int *east_min_out) MUST_CHECK;
/* "<time.random@host>" */
void message_id_print(struct buf *out, int64_t wall_ms, struct rng *rng, struct span host);

#endif
