/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting in slices: a merge sort that can be left and taken up again, so that no thread is held for as long as a million
 * messages take. Not thread-safe.
 *
 *   merge_begin(&m, v, spare, n, sizeof *v, compare, arg);
 *   while (merge_more(&m))
 *       ...                      other things may be done here
 *   sorted = merge_result(&m);   v or spare; the other one holds nothing of use
 */
#ifndef MAILBOX_MERGE_H
#define MAILBOX_MERGE_H

#include "base/base.h"

struct merge { /* private */
    size_t n, size;
    int (*compare)(const void *a, const void *b, void *arg);
    void *arg;
    char *from, *to;
    size_t width; /* of the runs of `from` that are in order; 0: they are still being made */
    size_t begin; /* of the run that is made next, or of the pair that becomes one */
    size_t left, right, out; /* how far that is */
};

/* Both arrays have n elements of `size` bytes and are the caller's; they stay until the result was taken. */
void merge_begin(struct merge *m,
                 void *v,
                 void *spare,
                 size_t n,
                 size_t size,
                 int (*compare)(const void *a, const void *b, void *arg),
                 void *arg);
/* A slice, of some milliseconds: true there is more to do. */
bool merge_more(struct merge *m) MUST_CHECK;
void *merge_result(const struct merge *m);

#endif
