/* SPDX-License-Identifier: Apache-2.0 */
/* A RocksDB that has failed to write refuses all writes until it is told to resume. Its C API has
 * no DB::Resume, its own recovery from a full disk does not work in 7.8 (facebook/rocksdb issue
 * 11643: the log's writer keeps its error for ever), and after a failed fsync nobody can say what
 * is on the disk. So we do what its maintainers advise and close and open the database, without
 * ending the server: newcomers wait, those inside finish (transactions and snapshots are short),
 * and the log is replayed from the disk.
 *
 * The one exception to "an error means that nothing was written": when even opening fails or has to
 * wait (the disk is still full, a snapshot is held too long), the batch's fate is not known when
 * the error is returned. It is either whole or not there once the database is open again. A mail
 * that was refused for the time being and is there nevertheless comes twice at worst; none is lost.
 */
#include "store/rocksdb_impl.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <time.h>

enum {
    DRAIN_MS = 2000, /* how long a repair waits for those inside, and newcomers for a repair */
    RETRY_MS = 1000, /* between two tries */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct timespec timespec_of(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

/* ---- the gate ---------------------------------------------------------------------------- */

void rocksdb_gate_init(struct engine_rocksdb *e)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->gate.lock, NULL);
    pthread_cond_init(&e->gate.changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&e->repair_lock, NULL);
    pthread_mutex_init(&e->reclaim_lock, NULL);
    atomic_init(&e->failed, 0);
}

void rocksdb_gate_done(struct engine_rocksdb *e)
{
    must(e->gate.users == 0); /* a snapshot, iterator or reader was left open */
    pthread_cond_destroy(&e->gate.changed);
    pthread_mutex_destroy(&e->gate.lock);
    pthread_mutex_destroy(&e->repair_lock);
    pthread_mutex_destroy(&e->reclaim_lock);
}

/* With the gate's lock held. Somebody who holds a snapshot may come in again (to read a
 * body) while a repair waits for him: so waiting for the drain has an end, and the repair
 * then gives up. */
static void wait_for_repair(struct engine_rocksdb *e)
{
    struct timespec until = timespec_of(now_ms() + DRAIN_MS);
    while (e->gate.state == GATE_DRAINING &&
           pthread_cond_timedwait(&e->gate.changed, &e->gate.lock, &until) != ETIMEDOUT)
        ;
    while (e->gate.state == GATE_REOPENING)
        pthread_cond_wait(&e->gate.changed, &e->gate.lock);
}

/* RocksDB counts for each thread what it does for it, each comparison of two keys too. Nobody asks for these numbers. */
static void count_nothing(void)
{
    static _Thread_local bool told;
    if (!told)
        rocksdb_set_perf_level(rocksdb_disable);
    told = true;
}

int rocksdb_gate_enter(struct engine_rocksdb *e, uint64_t *generation)
{
    count_nothing();
    for (int round = 0;; round++) {
        pthread_mutex_lock(&e->gate.lock);
        if (e->gate.state != GATE_OPEN)
            wait_for_repair(e);
        bool open = e->db != NULL;
        *generation = e->gate.generation;
        if (open)
            e->gate.users++;
        pthread_mutex_unlock(&e->gate.lock);
        if (open)
            return 0;
        int rc = round == 0 ? rocksdb_repair(e, UINT64_MAX) : atomic_load(&e->failed);
        if (rc != 0 || round > 0) {
            *generation = UINT64_MAX; /* says that nothing was tried */
            return rc != 0 ? rc : ERR_IO;
        }
    }
}

void rocksdb_gate_leave(struct engine_rocksdb *e)
{
    pthread_mutex_lock(&e->gate.lock);
    must(e->gate.users > 0);
    if (--e->gate.users == 0 && e->gate.state == GATE_DRAINING)
        pthread_cond_broadcast(&e->gate.changed);
    pthread_mutex_unlock(&e->gate.lock);
}

static void gate_set(struct engine_rocksdb *e, enum gate_state state)
{
    e->gate.state = state;
    pthread_cond_broadcast(&e->gate.changed);
}

/* ---- repair ------------------------------------------------------------------------------ */

void rocksdb_fail(struct engine_rocksdb *e, int err)
{
    atomic_store(&e->failed, err);
}

/* Nobody is inside and nobody comes in: or false. */
static bool drain(struct engine_rocksdb *e)
{
    struct timespec until = timespec_of(now_ms() + DRAIN_MS);
    pthread_mutex_lock(&e->gate.lock);
    gate_set(e, GATE_DRAINING);
    while (e->gate.users > 0 &&
           pthread_cond_timedwait(&e->gate.changed, &e->gate.lock, &until) != ETIMEDOUT)
        ;
    bool empty = e->gate.users == 0;
    gate_set(e, empty ? GATE_REOPENING : GATE_OPEN);
    pthread_mutex_unlock(&e->gate.lock);
    return empty;
}

/* Opening writes: the log's content into tables, a new log, a manifest. Without room for that the
 * database would be closed and not open again, and reading would end too. */
static bool has_room(struct engine_rocksdb *e)
{
    uint64_t least = 16 << 20;
    if (least < e->reserve_bytes)
        least = e->reserve_bytes;
    return e->engine.vt->free_bytes(&e->engine) >= least;
}

/* With repair_lock held. */
static int reopen(struct engine_rocksdb *e)
{
    int failed = atomic_load(&e->failed);
    if (e->db != NULL && !has_room(e))
        return failed;
    if (!drain(e))
        return failed;
    if (failed == ERR_CORRUPT)
        e->relaxed = true;
    rocksdb_db_close(e);
    int rc = rocksdb_db_open(e, false, NULL);
    pthread_mutex_lock(&e->gate.lock);
    e->gate.generation++;
    gate_set(e, GATE_OPEN);
    pthread_mutex_unlock(&e->gate.lock);
    atomic_store(&e->failed, rc);
    log_event(rc == 0 ? LOG_WARN : LOG_ERROR, "store.reopened", LOG_Z("after", err_name(failed)),
              LOG_Z("result", err_name(rc)));
    return rc;
}

int rocksdb_repair(struct engine_rocksdb *e, uint64_t generation)
{
    pthread_mutex_lock(&e->repair_lock);
    pthread_mutex_lock(&e->gate.lock);
    bool newer = generation != UINT64_MAX && e->gate.generation != generation;
    bool closed = e->db == NULL;
    pthread_mutex_unlock(&e->gate.lock);
    int rc = atomic_load(&e->failed);
    if (newer && !closed && rc != 0) {
        /* an error of the old database was noted after another thread had replaced it */
        atomic_store(&e->failed, 0);
        rc = 0;
    }
    if ((rc != 0 || closed) && now_ms() >= e->next_try_ms) {
        rc = reopen(e);
        e->next_try_ms = rc != 0 ? now_ms() + RETRY_MS : 0;
    } else if (closed && rc == 0) {
        rc = ERR_IO;
    }
    pthread_mutex_unlock(&e->repair_lock);
    return rc;
}
