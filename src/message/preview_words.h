/* SPDX-License-Identifier: Apache-2.0 */
/* A line of words that is being put together. Private to the room. */
#ifndef MESSAGE_PREVIEW_WORDS_H
#define MESSAGE_PREVIEW_WORDS_H

#include "base/buf.h"

struct words {
    struct buf *out;
    size_t n;   /* characters so far */
    bool space; /* one is owed before the next character */
};

/* Takes a character; false when there is no room for more. */
bool words_put(struct words *w, uint32_t c);
/* Takes well-formed UTF-8; false when there is no room for more. */
bool words_put_text(struct words *w, struct span text);

#endif
