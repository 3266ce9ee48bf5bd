/* SPDX-License-Identifier: Apache-2.0 */
/* Text as files hold it to text as mail is kept: every line ends with CRLF (RFC 5322 §2.1). A bare
 * LF and a bare CR both end a line; a line "From …" at the very start (mbox) is left out; a last
 * line without an end gets one. In pieces: a CR and its LF may come in two. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/buf.h"

struct lines { /* starts zeroed */
    bool cr;   /* the last byte was a CR, its line end is written already */
    bool open; /* the last line has no end yet */
    bool skip; /* inside the mbox line */
    bool started;
    size_t from; /* bytes of "From " seen at the very start */
};

void lines_feed(struct lines *l, struct span piece, struct buf *to);
void lines_end(struct lines *l, struct buf *to);

#endif
