/* SPDX-License-Identifier: Apache-2.0 */
/* Room of deleted bodies. RocksDB gives a blob file back when nothing in it is alive any more; what
 * is still alive in old files full of garbage it moves on when a compaction meets it, if told to.
 * Told so always, it moves bodies in stores that have no garbage at all: it looks at the age of
 * their files, and in a young store the oldest are those it has just written. That was a third of
 * what a 1 MiB message cost. So it is told so while there is garbage worth collecting.
 */
#include "store/rocksdb_impl.h"

#include "base/log.h"

enum {
    GARBAGE_BEGIN = 16, /* hundredths of the blob files */
    GARBAGE_END = 8,
};

/* Bodies in the oldest quarter of the blob files are moved when a compaction meets them, and one is
 * made for them when a half of those files is garbage. */
static const char *const moving[] = {"0", "0.25"};

static void move_set(struct engine_rocksdb *e, bool on)
{
    const char *key = "blob_garbage_collection_age_cutoff";
    char *err = NULL;
    rocksdb_set_options_cf(e->db, e->cf[CF_CHUNKS], 1, &key, &moving[on], &err);
    if (rocksdb_error(err, "set options") != 0)
        return; /* the next call tries again */
    /* a repair opens with these */
    rocksdb_options_set_blob_gc_age_cutoff(e->options[CF_CHUNKS], on ? 0.25 : 0);
    e->moves_bodies = on;
    log_event(LOG_DEBUG, "store.reclaim", LOG_Z("moving", on ? "yes" : "no"));
}

void rocksdb_reclaim(struct engine *engine)
{
    struct engine_rocksdb *e = rocksdb_of(engine);
    uint64_t generation, all = 0, garbage = 0;
    if (e->read_only || rocksdb_gate_enter(e, &generation) != 0)
        return;
    bool known = rocksdb_property_int_cf(e->db, e->cf[CF_CHUNKS], "rocksdb.live-blob-file-size",
                                         &all) == 0 &&
                 rocksdb_property_int_cf(e->db, e->cf[CF_CHUNKS],
                                         "rocksdb.live-blob-file-garbage-size", &garbage) == 0;
    /* setting options writes a file: not on a disk without room for it */
    if (known && engine->vt->free_bytes(engine) > e->reserve_bytes) {
        pthread_mutex_lock(&e->reclaim_lock);
        uint64_t mark = all / 100 * (e->moves_bodies ? GARBAGE_END : GARBAGE_BEGIN);
        if (e->moves_bodies != (garbage > mark))
            move_set(e, !e->moves_bodies);
        pthread_mutex_unlock(&e->reclaim_lock);
    }
    rocksdb_gate_leave(e);
}
