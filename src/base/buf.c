/* SPDX-License-Identifier: Apache-2.0 */
/* Growth doubles, so appending is amortised O(1); consuming from the front moves a head offset and
 * the bytes slide back only when the room behind them has run out. */
#include "base/buf.h"
#include "base/err.h"

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    struct budget *budget = b->budget;
    if (b->p != NULL) {
        budget_add(budget, -(int64_t)(b->cap + b->head));
        free(b->p - b->head);
    }
    buf_init(b, b->max);
    b->budget = budget;
}

void buf_clear(struct buf *b)
{
    if (b->p != NULL)
        b->p -= b->head;
    b->cap += b->head;
    b->head = 0;
    b->n = 0;
    b->err = 0;
}

/* Makes b->cap >= want (<= max). */
static bool buf_grow(struct buf *b, size_t want)
{
    size_t whole = b->cap + b->head;
    if (b->p != NULL && want <= whole &&
        b->head >= b->n) { /* sliding is cheap: what is left fits in the gap */
        char *start = b->p - b->head;
        if (b->n > 0)
            memcpy(start, b->p, b->n);
        b->p = start;
        b->cap = whole;
        b->head = 0;
        return true;
    }
    size_t cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
    while (cap < want)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap < want)
        cap = want;
    char *fresh = malloc(cap);
    if (fresh == NULL)
        return false;
    budget_add(b->budget, (int64_t)cap - (int64_t)(b->p != NULL ? whole : 0));
    if (b->p != NULL) {
        memcpy(fresh, b->p, b->n);
        free(b->p - b->head);
    }
    b->p = fresh;
    b->cap = cap;
    b->head = 0;
    return true;
}

char *buf_room(struct buf *b, size_t n)
{
    size_t want;
    if (b->err != 0)
        return NULL;
    if (__builtin_add_overflow(b->n, n, &want) || want > b->max) {
        b->err = ERR_TOO_BIG;
        return NULL;
    }
    if ((b->p == NULL || want > b->cap) && !buf_grow(b, want)) {
        b->err = ERR_NOMEM;
        return NULL;
    }
    return b->p + b->n;
}

void buf_added(struct buf *b, size_t n)
{
    must(n <= b->cap - b->n);
    b->n += n;
}

void buf_put(struct buf *b, struct span s)
{
    if (s.n == 0)
        return;
    char *to = buf_room(b, s.n);
    if (to == NULL)
        return;
    memcpy(to, s.p, s.n);
    b->n += s.n;
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    char digits[20]; /* of UINT64_MAX */
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_put(b, span_of(digits + at, sizeof(digits) - at));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    char small[512];

    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    must(n >= 0);
    if ((size_t)n < sizeof small) {
        buf_put(b, span_of(small, (size_t)n));
    } else if ((size_t)n < b->max) {
        /* vsnprintf writes a NUL behind the text: ask for its byte too, and do not count it */
        char *to = buf_room(b, (size_t)n + 1);
        if (to != NULL) {
            (void)vsnprintf(to, (size_t)n + 1, fmt, again);
            b->n += (size_t)n;
        }
    } else if (b->err == 0) {
        b->err = ERR_TOO_BIG;
    }
    va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
    must(n <= b->n);
    if (n == 0)
        return;
    b->p += n;
    b->head += n;
    b->cap -= n;
    b->n -= n;
    if (b->n == 0 && b->err == 0)
        buf_clear(b);
}

void buf_truncate(struct buf *b, size_t n)
{
    must(n <= b->n);
    b->n = n;
}

struct span buf_span(const struct buf *b)
{
    return (struct span){b->p, b->n};
}
