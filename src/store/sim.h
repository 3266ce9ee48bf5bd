/* SPDX-License-Identifier: Apache-2.0 */
/* The disk of the sim engine, for tests: memory that can lose power, fill up and rot.
 *
 *   disk = sim_disk_new(seed); sim_store_open(disk, &options, NULL, &store); ...
 *   sim_crash(disk, keep); store_close(store); sim_store_open(disk, ...): what survived.
 *
 * Everything is deterministic: the same calls give the same state. Thread-safe. The sim engine
 * holds the contract of store/engine.h, so what passes on it and fails on another engine is the
 * other's bug.
 */
#ifndef STORE_SIM_H
#define STORE_SIM_H

#include "store/store.h"

struct sim_disk;

struct sim_disk *sim_disk_new(uint64_t seed) MUST_CHECK; /* NULL: out of memory */
void sim_disk_free(struct sim_disk *d); /* no store may be open on it; NULL is fine */

/* As store_open, on a disk that outlives the store. ERR_IN_USE while another store has it. */
int sim_store_open(struct sim_disk *d,
                   const struct store_options *options,
                   struct buf *why,
                   struct store **out) MUST_CHECK;

/* Power is lost now: every call to the open store from here on is ERR_SHUTDOWN. Synced batches
 * survive. Of the unsynced ones the oldest `keep` survive (a log that was written back in part),
 * each whole. */
void sim_crash(struct sim_disk *d, uint64_t keep);
uint64_t sim_unsynced(struct sim_disk *d); /* batches that a crash with keep = 0 would lose */

enum sim_op { SIM_READ, SIM_COMMIT };
/* The `nth` (from 1) operation of that kind from now on fails with `err`, and with `lasting` all
 * after it too, until called again with nth 0. A failed commit leaves nothing behind. */
void sim_fail(struct sim_disk *d, enum sim_op op, uint64_t nth, int err, bool lasting);
/* Power is lost in the middle of the `nth` commit from now on: it returns ERR_SHUTDOWN. `landed`
 * says whether its batch had reached the disk: both happen, and no caller may rely on either. A
 * batch that was torn (some of its bytes are on the disk) is one that had not: its sum is wrong. */
void sim_crash_at_commit(struct sim_disk *d, uint64_t nth, bool landed);
uint64_t sim_commits(struct sim_disk *d); /* so far */

/* The disk goes away in the middle of the `nth` commit from now on: that and every operation after
 * it end with `err`, until sim_mend or until the store is opened again. Only then it shows whether
 * the batch had reached the disk (`landed`): the one exception that store.h makes. */
void sim_fail_in_doubt(struct sim_disk *d, uint64_t nth, int err, bool landed);
void sim_mend(struct sim_disk *d); /* harmless when there is nothing to mend */

/* Somebody who looks at each operation before it is done, and may make it fail, crash the disk or
 * take his time. Called on the thread that does the operation, without the disk's lock. */
struct sim_watcher {
    /* 0, or the error that the operation ends with; it may call the functions of this header */
    int (*before)(void *arg, enum sim_op op);
    /* Power is lost: within the operation or call that did it, before that returns. It must not
     * call the store, nor the functions of this header. */
    void (*crashed)(void *arg);
    void *arg;
};
/* `watcher` is copied; NULL: nobody any more. Not while an operation runs. */
void sim_watch(struct sim_disk *d, const struct sim_watcher *watcher);

/* Rows of bodies and of what belongs to them: chunks, heads, links, candidates. */
size_t sim_body_rows(struct sim_disk *d);

/* Free space; UINT64_MAX (the beginning): a disk without end. */
void sim_set_free(struct sim_disk *d, uint64_t bytes);

/* Flip one bit of a value: false when there is no such key. */
bool sim_corrupt_record(struct sim_disk *d, struct part part, struct span key) MUST_CHECK;
bool sim_corrupt_blob(struct sim_disk *d, struct blob_id id, uint32_t chunk) MUST_CHECK;
bool sim_corrupt_blob_head(struct sim_disk *d, struct blob_id id) MUST_CHECK;
/* As if the block with the records from `first` to `last` (inclusive) were lost: a get of one of them is
 * ERR_CORRUPT until it is written anew; a scan says ERR_CORRUPT once and goes on behind `last`, past
 * what is written between them later too. One block a disk; says how many records were in it. */
size_t sim_lose_block(struct sim_disk *d, struct part part, struct span first, struct span last);
/* A get is ERR_CORRUPT, a scan says ERR_CORRUPT in its place and goes on behind it. */
bool sim_unreadable_link(struct sim_disk *d, struct blob_id id, struct part part, uint64_t tag)
    MUST_CHECK;
/* Take a chunk away. */
bool sim_lose_chunk(struct sim_disk *d, struct blob_id id, uint32_t chunk) MUST_CHECK;
/* As if a program of that format had written it. */
void sim_set_format(struct sim_disk *d, uint64_t format);

#endif
