/* SPDX-License-Identifier: Apache-2.0 */
/* What a storage engine is to the store: ordered maps with snapshots and atomic batches. Everything
 * mail knows about (partitions, conflicts, blobs, links, checksums) is built once, above this.
 *
 * An engine holds three column families. Keys and values are opaque to it. All functions are
 * thread-safe except that one snapshot, iterator or value belongs to one thread at a time.
 *
 * commit(sync = true) returns 0 only when the batch, and every batch committed before it (also the
 * unsynced ones), survives loss of power; until then no reader sees it. A batch is there whole or
 * not at all, now and after a crash. When commit fails the batch is not there and will not come
 * back, with the one exception that engine_rocksdb_repair.c explains.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

enum engine_cf {
    CF_RECORDS, /* the partitions */
    CF_META,    /* blob heads, links, candidates for collection */
    CF_CHUNKS,  /* blob contents */
    CF_COUNT
};

enum engine_op_kind {
    OP_PUT,
    OP_DEL,
    OP_DEL_RANGE, /* from `key` (inclusive) to `value` (exclusive) */
};

struct engine_op {
    enum engine_op_kind kind;
    enum engine_cf cf;
    struct span key, value; /* borrowed until commit has returned */
};

struct engine_snap;
struct engine_iter;

/* A value the engine lends until value_done: at most one per thread and short-lived, or one that was kept. Its snapshot, if
 * it is of one, is closed after it, also where it was kept. */
struct engine_value {
    struct span bytes;
    void *owner;
    bool newest; /* the engine's own: it is of no snapshot */
};

struct engine_range {
    enum engine_cf cf;
    struct span lower, upper; /* lower <= key < upper; copied */
    struct span from; /* start at the first key >= from (reverse: <= from); empty: at the end */
    bool reverse;
    bool bulk; /* a walk through much that will not be read again: stay out of caches */
};

struct engine;
struct engine_vtable {
    const char *name;
    bool keeps_format; /* has refused newer formats before anything was opened */
    void (*close)(struct engine *e);

    int (*snap_open)(struct engine *e, struct engine_snap **out);
    void (*snap_close)(struct engine *e, struct engine_snap *snap);

    /* `snap` NULL: the newest state. ERR_NOT_FOUND, ERR_CORRUPT. */
    int (*get)(struct engine *e,
               struct engine_snap *snap,
               enum engine_cf cf,
               struct span key,
               struct engine_value *out);
    void (*value_done)(struct engine *e, struct engine_value *value);
    /* Instead of value_done: makes it the caller's, to be held for as long as a slow client takes, by any thread, and
     * also while the engine recovers; `bytes` may move. Then value_drop follows. ERR_NOMEM: it is done with, and *value is
     * all zero. */
    int (*value_keep)(struct engine *e, struct engine_value *value);
    void (*value_drop)(struct engine_value *value);

    int (*iter_open)(struct engine *e,
                     struct engine_snap *snap,
                     const struct engine_range *range,
                     struct engine_iter **out);
    /* 1, 0 at the end, or an error. After ERR_CORRUPT the next call goes on behind the damage;
     * after any other the iterator is at its end. */
    int (*iter_next)(struct engine_iter *it, struct span *key, struct span *value);
    void (*iter_close)(struct engine_iter *it);

    int (*commit)(struct engine *e, const struct engine_op *ops, size_t n, bool sync);
    uint64_t (*free_bytes)(struct engine *e); /* UINT64_MAX: has no disk */
    /* Deletions may have happened: may be NULL. Fast; what it sets going goes on behind. */
    void (*reclaim)(struct engine *e);
};

struct engine { /* first member of every engine */
    const struct engine_vtable *vt;
};

struct engine_options {
    struct clock *clock;
    bool create;
    bool read_only;
    uint64_t reserve_bytes;
};

/* `folder` is NUL-terminated, absolute. ERR_NOT_FOUND, ERR_IN_USE, ERR_FORMAT_NEWER, ERR_INVALID.
 */
int engine_rocksdb_open(const char *folder,
                        const struct engine_options *options,
                        struct buf *why,
                        struct engine **out) MUST_CHECK;

struct sim_disk;
/* `own`: the disk goes when the engine is closed. */
int engine_sim_open(struct sim_disk *disk,
                    bool own,
                    const struct engine_options *options,
                    struct engine **out) MUST_CHECK;

#endif
