/* SPDX-License-Identifier: Apache-2.0 */
/* Does the text of a message hold these strings? SEARCH BODY and TEXT (RFC 9051 §6.4.4).
 *
 * The message comes in pieces and is never kept: transfer encodings and charsets are decoded and mapped with
 * message/casemap.h as it goes by, and a string is found wherever the pieces were cut. Looked into are
 *   - the bodies of text and message parts, each for itself; HTML as it stands; a multipart's preamble;
 *   - the fields of messages in the message, as "Name: text", encoded-words decoded, unfolded;
 *   - for needles with `headers` the fields of the message itself and of its parts as well.
 * A line of a header that is no field is looked at as a field is.
 * Other parts (images, archives) are not, as the RFC allows. A string is not found across two fields, or
 * across the end of a part.
 *
 * Memory: what the structure needs (message/structure.h), in the caller's arena of MIME_ARENA bytes, and buffers
 * that do not depend on the message's size, only on that of its longest field. Not thread-safe; no I/O. */
#ifndef MESSAGE_MATCH_H
#define MESSAGE_MATCH_H

#include "base/arena.h"
#include "base/buf.h"

struct match_needle {
    struct span key; /* what casemap_put made of the string; the empty one is in every message */
    bool headers;
    bool found; /* set when it is; a needle found already is not looked for */
};

struct match;

/* NULL when memory has run out. The needles are borrowed. */
struct match *match_new(struct arena *a, struct match_needle *v, size_t n) MUST_CHECK;
void match_feed(struct match *m, struct span piece);
/* All needles are found: the rest of the message need not come. */
bool match_is_done(const struct match *m);
/* Ends the message, which is whole or of no interest any more, and frees. 0, ERR_NOMEM, or ERR_TOO_BIG
 * when the arena was too small. */
int match_end(struct match *m) MUST_CHECK;
/* Frees without a result; NULL is fine. */
void match_free(struct match *m);

/* One text: is the needle in it? `text` is a field's, folded or not, encoded-words and all; `scratch` has room for
 * MATCH_SCRATCH(text.n), and holds afterwards what was looked into, for other needles. 0 or an error of the buffers. */
#define MATCH_SCRATCH(n) ((n)*4 * 12 + 64)
int match_field(struct span text, struct span key, struct buf *scratch, bool *found_out) MUST_CHECK;

#endif
