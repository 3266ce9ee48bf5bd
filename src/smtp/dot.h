/* SPDX-License-Identifier: Apache-2.0 */
/* The transparency of DATA (RFC 5321 §4.5.2): the dots that were added go, and the one line that
 * ends the message is found.
 *
 * Only CRLF "." CRLF ends a message. What a lenient server might take for it (LF "." LF, CR "." CR,
 * CRLF "." LF, …) is content here, so that one message can never be read as two ("SMTP smuggling").
 * One function does both jobs: `frame` asks it where the message ends, `handle` lets it write. So
 * they cannot disagree. Pure; three bytes of state. */
#ifndef SMTP_DOT_H
#define SMTP_DOT_H

#include "base/span.h"

enum smtp_dot {
    DOT_LINE,   /* at the beginning of a line: behind a true CRLF, or of the message */
    DOT_DOT,    /* behind a dot that began a line; the dot is not written yet */
    DOT_DOT_CR, /* and a CR; neither is written yet */
    DOT_TEXT,   /* within a line */
    DOT_CR,     /* behind a CR */
    DOT_END,    /* the message is complete */
};

/* Takes bytes until the end of the message or of `in`; returns how many. `put` (may be NULL) gets
 * the content in order, in as few pieces as possible. */
size_t smtp_dot_feed(enum smtp_dot *state,
                     struct span in,
                     void (*put)(void *arg, struct span content),
                     void *arg);

#endif
