/* SPDX-License-Identifier: Apache-2.0 */
/* One ordered walk over all shards of the directory: a merge of 64 iterators, each on a snapshot of
 * its own shard (there is none over all). Holds one entry a shard, whatever their number. Records
 * the store itself cannot read are logged and passed over. One thread. Private to the room.
 */
#ifndef DIRECTORY_MERGE_H
#define DIRECTORY_MERGE_H

#include "store/store.h"

struct merge;

/* Keys that start with `prefix`, from `from` (inclusive; empty: the first) on. */
int merge_open(struct store *store, struct span prefix, struct span from, struct merge **out)
    MUST_CHECK;
/* 1 and the entry, 0 at the end, or an error. The spans are valid until the next call. */
int merge_next(struct merge *m, struct span *key, struct span *value) MUST_CHECK;
void merge_close(struct merge *m); /* NULL is fine */

#endif
