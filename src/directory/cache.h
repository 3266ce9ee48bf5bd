/* SPDX-License-Identifier: Apache-2.0 */
/* The records of PART_DOMAINS in memory, since every RCPT and every login reads some.
 *
 * A watch on the partition raises a generation after each commit, here or on another node; a record
 * is used only while the generation is still the one that was seen BEFORE it was read, so any
 * change voids the whole cache (domains change rarely, and reading one again takes microseconds).
 * What is not there is not remembered: a peer that asks for domains nobody has pushes none out.
 *
 * Bounded: 1,024 records of at most 4 KiB. Thread-safe; the lock is a leaf, held for a copy only.
 * Private to the room.
 */
#ifndef DIRECTORY_CACHE_H
#define DIRECTORY_CACHE_H

#include "store/store.h"

struct cache;

int cache_new(struct store *store, struct part part, struct cache **out) MUST_CHECK;
void cache_free(struct cache *c); /* NULL is fine */

/* The value of `key`, copied into `a`. ERR_NOT_FOUND and the store's errors. Whoever asks after a
 * transaction on the partition has returned sees it. */
int cache_get(struct cache *c, struct span key, struct arena *a, struct span *value_out) MUST_CHECK;

#endif
