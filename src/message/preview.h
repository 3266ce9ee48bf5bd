/* SPDX-License-Identifier: Apache-2.0 */
/* The first words of a message for a list of messages (RFC 8970): what its author wrote, not what a mail
 * program put around it.
 *
 * Taken from the first text/plain part that is no attachment and has words, else from the first text/html one;
 * parts of embedded messages only count when there is nothing else. Of plain text, quoted lines ("> …") and
 * the signature are left out unless nothing else is there. Of HTML, only what is shown counts: no
 * scripts, styles, comments, or title. White space is one space; characters without a shape are
 * left out, as advertisers pad previews with them.
 *
 * Only the front of a part is looked at (PREVIEW_RAW bytes, of HTML PREVIEW_RAW_HTML), so the cost is bounded. */
#ifndef MESSAGE_PREVIEW_H
#define MESSAGE_PREVIEW_H

#include "message/structure.h"

enum { PREVIEW_RAW = 8 * 1024, PREVIEW_RAW_HTML = 64 * 1024 };

struct preview {
    /* private */
    const struct mime_part *part; /* whose bytes are taken */
    size_t want;                  /* of its bytes; 0: none */
    struct buf raw;
    struct buf text; /* the best so far */
    unsigned rank;   /* of it; 0 is none */
    unsigned next;   /* of the part being taken */
};

void preview_init(struct preview *p);
void preview_done(struct preview *p);
/* The three of a struct mime_sink, to be told of all parts in order. */
void preview_begin(struct preview *p, const struct mime_part *part);
void preview_body(struct preview *p, const struct mime_part *part, struct span bytes);
void preview_end(struct preview *p, const struct mime_part *part);
/* UTF-8 of at most LIMIT_PREVIEW characters; empty when there are no words. Until preview_done. */
struct span preview_text(const struct preview *p);

/* The words of a text in UTF-8, appended to `out`. */
void preview_of_plain(struct span text, struct buf *out);
void preview_of_html(struct span html, struct buf *out);

#endif
