/* SPDX-License-Identifier: Apache-2.0 */
/* CRoaring's own iterators die at a change, and its runs cannot be asked for; both are built here on what finds a number
 * or its rank, and looks through at most 65,536 containers, usually one. */
#include "base/numset.h"

#include "base/err.h"

/* its headers are not made for our warnings */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#include <roaring/roaring.h>
#pragma GCC diagnostic pop

enum { RUN_SHORT = 32 };

void numset_init(struct numset *s)
{
    *s = (struct numset){0};
}

void numset_done(struct numset *s)
{
    if (s->r != NULL)
        roaring_bitmap_free(s->r);
    numset_init(s);
}

void numset_clear(struct numset *s)
{
    numset_done(s);
}

static bool ready(struct numset *s)
{
    if (s->err == 0 && s->r == NULL) {
        s->r = roaring_bitmap_create();
        if (s->r == NULL)
            s->err = ERR_NOMEM;
    }
    return s->err == 0;
}

int numset_copy(struct numset *to, const struct numset *from)
{
    struct numset copy = {.err = from->err};
    if (from->r != NULL) {
        copy.r = roaring_bitmap_copy(from->r);
        if (copy.r == NULL)
            return ERR_NOMEM;
    }
    numset_done(to);
    *to = copy;
    return copy.err;
}

void numset_add(struct numset *s, uint32_t v)
{
    if (ready(s))
        roaring_bitmap_add(s->r, v);
}

void numset_add_range(struct numset *s, uint32_t first, uint32_t last)
{
    must(first <= last);
    if (ready(s))
        roaring_bitmap_add_range_closed(s->r, first, last);
}

void numset_remove(struct numset *s, uint32_t v)
{
    if (s->r != NULL)
        roaring_bitmap_remove(s->r, v);
}

void numset_remove_range(struct numset *s, uint32_t first, uint32_t last)
{
    must(first <= last);
    if (s->r != NULL)
        roaring_bitmap_remove_range_closed(s->r, first, last);
}

void numset_or(struct numset *s, const struct numset *other)
{
    if (other->r != NULL && ready(s))
        roaring_bitmap_or_inplace(s->r, other->r);
}

void numset_and(struct numset *s, const struct numset *other)
{
    if (s->r == NULL)
        return;
    if (other->r == NULL)
        roaring_bitmap_clear(s->r);
    else
        roaring_bitmap_and_inplace(s->r, other->r);
}

void numset_andnot(struct numset *s, const struct numset *other)
{
    if (s->r != NULL && other->r != NULL)
        roaring_bitmap_andnot_inplace(s->r, other->r);
}

bool numset_has(const struct numset *s, uint32_t v)
{
    return s->r != NULL && roaring_bitmap_contains(s->r, v);
}

bool numset_is_empty(const struct numset *s)
{
    return s->r == NULL || roaring_bitmap_is_empty(s->r);
}

bool numset_eq(const struct numset *a, const struct numset *b)
{
    if (numset_is_empty(a) || numset_is_empty(b))
        return numset_is_empty(a) && numset_is_empty(b);
    return roaring_bitmap_equals(a->r, b->r);
}

uint64_t numset_count(const struct numset *s)
{
    return s->r == NULL ? 0 : roaring_bitmap_get_cardinality(s->r);
}

uint32_t numset_min(const struct numset *s)
{
    return numset_is_empty(s) ? 0 : roaring_bitmap_minimum(s->r);
}

uint32_t numset_max(const struct numset *s)
{
    return numset_is_empty(s) ? 0 : roaring_bitmap_maximum(s->r);
}

uint32_t numset_rank(const struct numset *s, uint32_t v)
{
    return s->r == NULL ? 0 : (uint32_t)roaring_bitmap_rank(s->r, v);
}

bool numset_at(const struct numset *s, uint32_t rank, uint32_t *out)
{
    return s->r != NULL && rank > 0 && roaring_bitmap_select(s->r, rank - 1, out);
}

/* The lowest number at or above `from`. */
static bool lowest_from(const struct numset *s, uint32_t from, uint32_t *out)
{
    roaring_uint32_iterator_t it;
    if (s->r == NULL)
        return false;
    roaring_init_iterator(s->r, &it);
    if (!roaring_move_uint32_iterator_equalorlarger(&it, from))
        return false;
    *out = it.current_value;
    return true;
}

static bool has_all(const struct numset *s, uint32_t first, uint32_t rank, uint64_t last)
{
    return last <= UINT32_MAX && numset_rank(s, (uint32_t)last) - rank == last - first;
}

/* The last number of the run that begins at `first`. In sets with many runs these are short: one by one is cheapest. Else by
 * ranks, in steps that double while all of them is there, and then halve. (roaring_bitmap_contains_range of CRoaring 0.2 is
 * wrong, or aborts, where a container is missing.) */
static uint32_t run_end(const struct numset *s, uint32_t first)
{
    uint64_t last = first, step = 1;
    while (last < UINT32_MAX && last - first < RUN_SHORT && numset_has(s, (uint32_t)last + 1))
        last++;
    if (last - first < RUN_SHORT)
        return (uint32_t)last;
    uint32_t rank = numset_rank(s, first);
    while (has_all(s, first, rank, last + step)) {
        last += step;
        step *= 2;
    }
    for (step /= 2; step > 0; step /= 2)
        if (has_all(s, first, rank, last + step))
            last += step;
    return (uint32_t)last;
}

bool numset_run(const struct numset *s, uint32_t from, uint32_t *first, uint32_t *last)
{
    uint32_t start;
    if (!lowest_from(s, from, &start))
        return false;
    *first = start;
    *last = run_end(s, start);
    return true;
}

bool numset_first(const struct numset *s, uint32_t *v)
{
    return numset_at(s, 1, v);
}

bool numset_next(const struct numset *s, uint32_t *v)
{
    if (*v == UINT32_MAX)
        return false;
    if (numset_has(s, *v + 1)) { /* the usual case without a search */
        (*v)++;
        return true;
    }
    return lowest_from(s, *v + 1, v);
}

void numset_shrink(struct numset *s)
{
    if (s->r == NULL)
        return;
    if (roaring_bitmap_is_empty(s->r)) {
        numset_done(s);
        return;
    }
    (void)roaring_bitmap_run_optimize(s->r);
    (void)roaring_bitmap_shrink_to_fit(s->r);
}
