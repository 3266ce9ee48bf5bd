/* SPDX-License-Identifier: Apache-2.0 */
/* The RocksDB engine's own parts, shared between its files only. */
#ifndef STORE_ROCKSDB_IMPL_H
#define STORE_ROCKSDB_IMPL_H

#include "base/limits.h"
#include "store/engine.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

/* On amd64 it takes the place of RocksDB's own, see rocksdb_crc.c. */
#if defined(__x86_64__)
#define ROCKSDB_CRC_NAME __asm__("_ZN7rocksdb6crc32c6ExtendEjPKcm") /* rocksdb::crc32c::Extend */
#else
#define ROCKSDB_CRC_NAME
#endif

/* GATE. A failed database is closed and opened again inside a running server (rocksdb_repair.c), so
 * whoever uses it, and whoever holds a snapshot of it, is counted. */
enum gate_state {
    GATE_OPEN,
    GATE_DRAINING,  /* newcomers wait a moment, so that the count can fall to zero */
    GATE_REOPENING, /* nobody is inside */
};

struct engine_rocksdb {
    struct engine engine;
    char *folder;    /* the store's */
    char *db_folder; /* RocksDB's, below it */
    int lock_fd;     /* the FORMAT file, flock'ed */
    bool read_only;
    bool older_format; /* the folder was written by an older program */
    bool relaxed;      /* damage was found: see rocksdb_open.c */
    uint64_t reserve_bytes;

    rocksdb_cache_t *cache;
    rocksdb_options_t *options[CF_COUNT]; /* [0] holds the database's own too */
    rocksdb_writeoptions_t *write_sync, *write_nosync;

    /* replaced by a repair; NULL when a repair could not open it again */
    rocksdb_t *db;
    rocksdb_column_family_handle_t *cf[CF_COUNT];

    struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        enum gate_state state;
        size_t users;
        uint64_t generation; /* of `db` */
    } gate;

    pthread_mutex_t reclaim_lock; /* taken inside the gate */
    bool moves_bodies;            /* under reclaim_lock; see rocksdb_reclaim.c */

    pthread_mutex_t repair_lock; /* one repair at a time; taken before gate.lock */
    _Atomic int failed;          /* why writes are refused; 0: they are not */
    int64_t next_try_ms;         /* monotonic; under repair_lock */
};

struct engine_snap {
    const rocksdb_snapshot_t *snapshot;
    rocksdb_readoptions_t *read;
};

static inline struct engine_rocksdb *rocksdb_of(struct engine *e)
{
    return CONTAINER_OF(e, struct engine_rocksdb, engine);
}

/* ---- rocksdb_open.c ---------------------------------------------------------------------- */

/* Opens `db` and `cf`; `why` may be NULL. */
int rocksdb_db_open(struct engine_rocksdb *e, bool create, struct buf *why) MUST_CHECK;
void rocksdb_db_close(struct engine_rocksdb *e);
/* What an error text of RocksDB is in our table; frees it. `context` for the log. */
int rocksdb_error(char *text, const char *context);

void rocksdb_engine_close(struct engine *engine);

/* ---- rocksdb_engine.c -------------------------------------------------------------------- */

extern const struct engine_vtable rocksdb_vtable;
rocksdb_readoptions_t *rocksdb_read_new(const rocksdb_snapshot_t *snapshot);

/* ---- rocksdb_repair.c -------------------------------------------------------------------- */

void rocksdb_gate_init(struct engine_rocksdb *e);
void rocksdb_gate_done(struct engine_rocksdb *e);
/* 0 and the generation, to be followed by gate_leave; or the error that keeps the database closed.
 */
int rocksdb_gate_enter(struct engine_rocksdb *e, uint64_t *generation) MUST_CHECK;
void rocksdb_gate_leave(struct engine_rocksdb *e);
/* Something failed that leaves the database refusing writes. */
void rocksdb_fail(struct engine_rocksdb *e, int err);
/* Closes and opens the database unless that has been done since `generation`. 0: it can be written
 * to. */
int rocksdb_repair(struct engine_rocksdb *e, uint64_t generation) MUST_CHECK;

/* ---- rocksdb_reclaim.c ------------------------------------------------------------------- */

void rocksdb_reclaim(struct engine *engine);

/* ---- rocksdb_crc.c ----------------------------------------------------------------------- */

/* The CRC-32C of what `crc` is that of (0: of nothing), followed by `p`. Thread-safe. */
uint32_t rocksdb_crc_extend(uint32_t crc, const char *p, size_t n) ROCKSDB_CRC_NAME;
/* Ends the program if checksums would come out wrong. */
void rocksdb_crc_prove(void);

/* ---- rocksdb_manifest.c ------------------------------------------------------------------ */

/* After a "Corruption" that names the MANIFEST: cuts off a torn write at its end. ERR_CORRUPT: it is something
 * else, and nothing was changed. */
int rocksdb_manifest_mend(struct engine_rocksdb *e) MUST_CHECK;

/* ---- rocksdb_iter.c ---------------------------------------------------------------------- */

int rocksdb_range_open(struct engine *engine,
                       struct engine_snap *snap,
                       const struct engine_range *range,
                       struct engine_iter **out) MUST_CHECK;
int rocksdb_range_next(struct engine_iter *it, struct span *key, struct span *value) MUST_CHECK;
void rocksdb_range_close(struct engine_iter *it);

#endif
