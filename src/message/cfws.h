/* SPDX-License-Identifier: Apache-2.0 */
/* White space and comments between the tokens of a structured field (RFC 5322 §3.2.2). */
#ifndef MESSAGE_CFWS_H
#define MESSAGE_CFWS_H

#include "base/span.h"

/* Takes them from the front. Comments nest; they are counted, not recursed into. One left open swallows
 * the rest. */
static inline void skip_cfws(struct span *s)
{
    size_t depth = 0, i = 0;
    for (; i < s->n; i++) {
        char c = s->p[i];
        if (c == '(')
            depth++;
        else if (depth > 0 && c == '\\')
            i++;
        else if (depth > 0 && c == ')')
            depth--;
        else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
            break;
    }
    *s = span_from(*s, i);
}

#endif
