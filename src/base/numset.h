/* SPDX-License-Identifier: Apache-2.0 */
/* numset: a set of 32-bit numbers (UIDs, message sequence numbers), small also when it is large.
 *
 * Runs cost a few bytes and scattered numbers two each, so the UIDs of a mailbox with a million messages
 * are at most 125 KB and usually a few hundred bytes. A wrapper around CRoaring (the library of that
 * format, in Debian) that adds what mail needs: ranks from 1 (sequence numbers), runs, errors.
 *
 * The set owns its memory; numset_done frees it. An empty set that was never written to owns nothing.
 * Writes have a sticky error (ERR_NOMEM). Not thread-safe. Never blocks.
 */
#ifndef BASE_NUMSET_H
#define BASE_NUMSET_H

#include "base/base.h"

struct roaring_bitmap_s;

struct numset {
    struct roaring_bitmap_s *r; /* NULL: empty */
    int err;
};

void numset_init(struct numset *s);
void numset_done(struct numset *s); /* as after numset_init */
void numset_clear(struct numset *s);
/* `to` (initialised) becomes equal to `from`; 0 or ERR_NOMEM. */
int numset_copy(struct numset *to, const struct numset *from) MUST_CHECK;

void numset_add(struct numset *s, uint32_t v);
void numset_add_range(struct numset *s,
                      uint32_t first,
                      uint32_t last); /* inclusive; first <= last */
void numset_remove(struct numset *s, uint32_t v);
void numset_remove_range(struct numset *s, uint32_t first, uint32_t last);

/* s becomes s with / and / without the numbers of other. */
void numset_or(struct numset *s, const struct numset *other);
void numset_and(struct numset *s, const struct numset *other);
void numset_andnot(struct numset *s, const struct numset *other);

bool numset_has(const struct numset *s, uint32_t v);
bool numset_is_empty(const struct numset *s);
bool numset_eq(const struct numset *a, const struct numset *b);
uint64_t numset_count(const struct numset *s);
uint32_t numset_min(const struct numset *s); /* 0 when empty */
uint32_t numset_max(const struct numset *s); /* 0 when empty */

/* How many numbers of the set are <= v: the sequence number of UID v when it is in the set. */
uint32_t numset_rank(const struct numset *s, uint32_t v);
/* The number with that rank, from 1; false beyond the end. */
bool numset_at(const struct numset *s, uint32_t rank, uint32_t *out);

/* The lowest run of consecutive numbers that begins at or after `from`; a run that `from` is inside of
 * begins at `from`. false: there is none. */
bool numset_run(const struct numset *s, uint32_t from, uint32_t *first, uint32_t *last);

/* Walks all numbers in ascending order: `for (bool on = numset_first(s, &v); on; on = numset_next(s, &v))`.
 * The set may be changed meanwhile. */
bool numset_first(const struct numset *s, uint32_t *v);
bool numset_next(const struct numset *s, uint32_t *v); /* the next above *v */

/* Gives memory back after many changes; for sets that live long. */
void numset_shrink(struct numset *s);

#endif
