/* SPDX-License-Identifier: Apache-2.0 */
/* Line ends, and which bytes of a body the sink is told when. */
#include "message/structure_impl.h"

void line_ended(struct mime_parser *p, bool crlf)
{
    p->lines++;
    p->eol = crlf ? 2 : 1;
    p->line_start = true;
    p->last_cr = false;
}

static void tell(struct mime_parser *p, struct span bytes)
{
    if (bytes.n > 0)
        p->sink->body(p->sink->context, p->current, bytes);
}

void body_tell_held(struct mime_parser *p)
{
    static const char crlf[] = "\r\n";
    if (p->held == 0)
        return;
    if (p->held == 2)
        tell(p, span_of(crlf, 2));
    else
        tell(p, p->held_is_cr ? span_of(crlf, 1) : span_of(crlf + 1, 1));
    p->held = 0;
}

void body_tell(struct mime_parser *p, struct span bytes)
{
    if (p->sink == NULL || p->sink->body == NULL || p->epilogue)
        return;
    if (p->boundaries_n == 0 || p->full) {
        body_tell_held(p);
        tell(p, bytes);
        return;
    }
    if (p->held == 1 && p->held_is_cr && bytes.p[0] == '\n') {
        p->held = 2;
        bytes = span_from(bytes, 1);
        if (bytes.n == 0)
            return;
    }
    body_tell_held(p);
    size_t hold = p->line_start ? p->eol : p->last_cr;
    hold = hold < bytes.n ? hold : bytes.n;
    p->held_is_cr = hold == 1 && !p->line_start;
    tell(p, span_slice(bytes, 0, bytes.n - hold));
    p->held = (uint8_t)hold;
}
