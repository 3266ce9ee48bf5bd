/* SPDX-License-Identifier: Apache-2.0 */
/* A byte at a time. */
#include "cli/lines.h"

static const struct span mbox = SPAN("From ");

static void put(struct lines *l, char c, struct buf *to)
{
    if (c == '\n' && l->cr) {
        l->cr = false;
        return;
    }
    l->cr = c == '\r';
    if (c == '\r' || c == '\n') {
        if (!l->skip)
            buf_puts(to, "\r\n");
        l->skip = l->open = false;
        return;
    }
    l->open = true;
    if (!l->skip)
        buf_putc(to, c);
}

/* The first bytes are held back until they are known to be "From " or not. */
static bool held(struct lines *l, char c, struct buf *to)
{
    if (l->started)
        return false;
    if (c == mbox.p[l->from]) {
        if (++l->from == mbox.n)
            l->started = l->skip = l->open = true;
        return true;
    }
    l->started = true;
    for (size_t i = 0; i < l->from; i++)
        put(l, mbox.p[i], to);
    return false;
}

void lines_feed(struct lines *l, struct span piece, struct buf *to)
{
    for (size_t i = 0; i < piece.n; i++)
        if (!held(l, piece.p[i], to))
            put(l, piece.p[i], to);
}

void lines_end(struct lines *l, struct buf *to)
{
    if (!l->started)
        for (size_t i = 0; i < l->from; i++)
            put(l, mbox.p[i], to);
    l->started = true;
    if (l->open && !l->skip)
        buf_puts(to, "\r\n");
    l->open = false;
}
