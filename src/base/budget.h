/* SPDX-License-Identifier: Apache-2.0 */
/* budget: how much of something all sessions together hold, and how much they may. One limit a
 * session times fifteen thousand sessions is no limit; this one is for all of them.
 *
 * Whoever holds a share asks in one of two ways: budget_take refuses what would pass the maximum;
 * budget_add only counts, and the holder looks at budget_is_short to do with less (read less ahead,
 * write to a file instead of to memory). Thread-safe, never blocks. NULL is a budget without end.
 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include "base/base.h"

struct budget {
    int64_t max;  /* 0: no end; set before it is shared */
    int64_t used; /* atomic */
};

/* Counts `n` more, or less where it is negative. */
static inline void budget_add(struct budget *b, int64_t n)
{
    if (b != NULL && n != 0)
        __atomic_fetch_add(&b->used, n, __ATOMIC_RELAXED);
}

static inline int64_t budget_used(const struct budget *b)
{
    return b == NULL ? 0 : __atomic_load_n(&b->used, __ATOMIC_RELAXED);
}

static inline bool budget_is_short(const struct budget *b)
{
    return b != NULL && b->max != 0 && budget_used(b) > b->max;
}

/* Counts `n` more if they fit. To be given back with budget_add(b, -n). */
static inline bool budget_take(struct budget *b, int64_t n)
{
    budget_add(b, n);
    if (!budget_is_short(b))
        return true;
    budget_add(b, -n);
    return false;
}

#endif
