/* SPDX-License-Identifier: Apache-2.0 */
/* See dot.h. Within a line it jumps from CR to CR with memchr, so that a message costs little more
 * than a copy. */
#include "smtp/dot.h"

struct feed {
    struct span in;
    size_t at;   /* next byte */
    size_t from; /* first byte that is content and not written yet */
    void (*put)(void *arg, struct span content);
    void *arg;
};

static void put(const struct feed *f, struct span content)
{
    if (f->put != NULL && content.n > 0)
        f->put(f->arg, content);
}

/* Writes what is pending up to `to` and goes on behind `skip` bytes that are no content. */
static void flush(struct feed *f, size_t to, size_t skip)
{
    put(f, span_slice(f->in, f->from, to - f->from));
    f->from = to + skip;
}

static enum smtp_dot within_line(struct feed *f)
{
    ssize_t cr = span_chr(span_from(f->in, f->at), '\r');
    f->at = cr < 0 ? f->in.n : f->at + (size_t)cr + 1;
    return cr < 0 ? DOT_TEXT : DOT_CR;
}

static enum smtp_dot step(struct feed *f, enum smtp_dot state)
{
    char c = f->in.p[f->at];
    switch (state) {
    case DOT_LINE:
        if (c != '.')
            return DOT_TEXT;
        flush(f, f->at, 1);
        f->at++;
        return DOT_DOT;
    case DOT_DOT: /* whatever follows: the dot itself was added and is dropped */
        if (c != '\r')
            return DOT_TEXT;
        f->from = ++f->at;
        return DOT_DOT_CR;
    case DOT_DOT_CR:
        if (c == '\n') {
            f->from = ++f->at;
            return DOT_END;
        }
        put(f, SPAN("\r")); /* a line that began with a dot and a bare CR */
        return DOT_TEXT;
    case DOT_CR:
        if (c == '\n' || c == '\r')
            f->at++;
        return c == '\n' ? DOT_LINE : c == '\r' ? DOT_CR : DOT_TEXT;
    default: return within_line(f);
    }
}

size_t smtp_dot_feed(enum smtp_dot *state,
                     struct span in,
                     void (*put_fn)(void *arg, struct span content),
                     void *arg)
{
    struct feed f = {.in = in, .put = put_fn, .arg = arg};
    while (f.at < in.n && *state != DOT_END)
        *state = step(&f, *state);
    if (*state != DOT_END)
        flush(&f, in.n, 0);
    return f.at;
}
