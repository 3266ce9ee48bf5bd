/* SPDX-License-Identifier: Apache-2.0 */
/* From the bottom up: runs of RUN elements are made in place, then pairs of runs become one in the other array, and the arrays
 * change places. */
#include "mailbox/merge.h"

enum {
    RUN = 256,
    RUN_COST = 8,      /* comparisons for each element of a run that is made: log2(RUN) */
    SLICE = 32 * 1024, /* comparisons; one takes 100 ns when memory has to be fetched for it */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char *at(const struct merge *m, char *v, size_t n)
{
    return v + n * m->size;
}

static void pair_begin(struct merge *m, size_t begin)
{
    m->begin = m->left = m->out = begin;
    m->right = smaller(begin + m->width, m->n);
}

void merge_begin(struct merge *m,
                 void *v,
                 void *spare,
                 size_t n,
                 size_t size,
                 int (*compare)(const void *a, const void *b, void *arg),
                 void *arg)
{
    *m = (struct merge){
        .n = n, .size = size, .compare = compare, .arg = arg, .from = v, .to = spare};
}

/* Makes the next run. Returns what it cost. */
static size_t make_run(struct merge *m)
{
    size_t n = smaller(RUN, m->n - m->begin);
    qsort_r(at(m, m->from, m->begin), n, m->size, m->compare, m->arg);
    m->begin += n;
    if (m->begin == m->n) {
        m->width = RUN;
        pair_begin(m, 0);
    }
    return n * RUN_COST;
}

/* Goes on with a pair of runs. Returns what it cost, at most `most`. */
static size_t merge_pair(struct merge *m, size_t most)
{
    size_t middle = smaller(m->begin + m->width, m->n), end = smaller(middle + m->width, m->n);
    size_t stop = smaller(m->out + most, end), cost = stop - m->out;
    for (; m->out < stop; m->out++) {
        bool first = m->right == end ||
                     (m->left < middle &&
                      m->compare(at(m, m->from, m->left), at(m, m->from, m->right), m->arg) <= 0);
        memcpy(at(m, m->to, m->out), at(m, m->from, first ? m->left++ : m->right++), m->size);
    }
    if (m->out < end)
        return cost;
    if (end < m->n) {
        pair_begin(m, end);
        return cost;
    }
    char *sorted = m->to;
    m->to = m->from;
    m->from = sorted;
    m->width *= 2;
    pair_begin(m, 0);
    return cost;
}

bool merge_more(struct merge *m)
{
    for (size_t left = SLICE; left > 0;) {
        if (m->n < 2 || m->width >= m->n)
            return false;
        size_t cost = m->width == 0 ? make_run(m) : merge_pair(m, left);
        left -= smaller(cost, left);
    }
    return true;
}

void *merge_result(const struct merge *m)
{
    return m->from;
}
