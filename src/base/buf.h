/* SPDX-License-Identifier: Apache-2.0 */
/* buf: bytes we own, growing up to a maximum given at birth.
 *
 * Invariants: n <= max; p is valid for n bytes; once a write would pass `max` or memory runs out,
 * `err` is set (ERR_TOO_BIG or ERR_NOMEM), this and all later writes do nothing, and the bytes
 * before it stay readable. So a writer appends as it likes and checks `err` once at the end.
 * Not thread-safe. Never blocks. Consumed bytes at the front are given back lazily.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/budget.h"
#include "base/span.h"

#include <stdarg.h>

struct buf {
    char *p;     /* the bytes; NULL while nothing is allocated */
    size_t n;    /* how many */
    size_t cap;  /* allocated beyond `head` */
    size_t head; /* consumed bytes before p that belong to the allocation */
    size_t max;
    int err;               /* 0, ERR_TOO_BIG or ERR_NOMEM; sticky until buf_clear */
    struct budget *budget; /* that its memory counts in; NULL: none. Set after buf_init */
};

/* An empty buffer that allocates nothing until written to. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buffer is as after buf_init and may be used again. */
void buf_done(struct buf *b);
/* Forgets content and error, keeps the memory. */
void buf_clear(struct buf *b);

void buf_put(struct buf *b, struct span s);
static inline void buf_puts(struct buf *b, const char *cstr)
{
    buf_put(b, span_str(cstr));
}
static inline void buf_putc(struct buf *b, char c)
{
    if (b->err == 0 && b->n < b->cap && b->n < b->max)
        b->p[b->n++] = c;
    else
        buf_put(b, span_of(&c, 1));
}
/* Decimal, without what buf_printf costs. */
void buf_put_u64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* Room for at least n more bytes, for a reader to fill; NULL (and the sticky error) if there is
 * none. Follow with buf_added(b, how many were filled). The pointer dies at the next write. */
char *buf_room(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);

/* Drops n bytes (n <= b->n) from the front, or all beyond the first n. */
void buf_consume(struct buf *b, size_t n);
void buf_truncate(struct buf *b, size_t n);

/* The content; valid until the next write. */
struct span buf_span(const struct buf *b);

#endif
