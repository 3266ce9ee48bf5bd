/* SPDX-License-Identifier: Apache-2.0 */
/* The store's own parts, shared between its files only.
 *
 * LOCKS, in the order in which they may be taken:
 *   1. one partition stripe      a commit to any partition of that stripe
 *   2. blob stripes, ascending   links, unlinks and the collector's verdict about one blob. Shared by
 *                                transactions, so that a message for many is linked by many at once;
 *                                exclusive for the collector and for who moves a pending blob
 *   3. leaves: pending.lock, rng_lock, a watch bucket. Nothing is taken below them.
 * A stripe stands for all partitions (blobs) that hash to it: two that meet there wait for each
 * other or conflict without need, which is rare and harmless, and no table of locks grows with the
 * accounts.
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "base/limits.h"
#include "store/chunk.h"
#include "store/engine.h"
#include "store/keys.h"
#include "store/overlay.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    STORE_STRIPES = 4096,
    STORE_WATCH_BUCKETS = 256,
    STORE_PENDING_BUCKETS = 1024,
};

struct stripe {
    pthread_mutex_t lock;
    _Atomic uint64_t version; /* of all commits; written under `lock` */
    _Atomic bool committing;  /* somebody is; a hint */
};

/* A small blob that waits for its first link, or the mark that a large one is being written. */
struct pending_blob {
    struct pending_blob *next;
    struct blob_id id;
    struct blob_head head;
    bool writing;       /* a large one: no bytes here, only to keep the collector away */
    int64_t created_ms; /* wall */
    size_t sealed_n;    /* its only chunk as it goes to the disk; 0 for the empty blob */
    char sealed[];
};

struct watch_bucket {
    pthread_mutex_t lock;
    struct store_watch *first;
    _Atomic size_t count;
};

struct store {
    struct engine *engine;
    struct chunk_tools *chunks;
    struct clock *clock;
    struct rng *rng;
    pthread_mutex_t rng_lock; /* a seeded rng is not thread-safe */
    bool read_only;
    uint64_t reserve_bytes;
    struct stripe parts[STORE_STRIPES];
    pthread_rwlock_t blobs[STORE_STRIPES];
    struct {
        pthread_mutex_t lock;
        struct pending_blob *buckets[STORE_PENDING_BUCKETS];
        size_t bytes;
    } pending;
    struct watch_bucket watches[STORE_WATCH_BUCKETS];
};

/* ---- store.c ----------------------------------------------------------------------------- */

/* Takes ownership of `engine` in any case. */
int store_open_engine(struct engine *engine,
                      const struct store_options *options,
                      struct buf *why,
                      struct store **out) MUST_CHECK;
struct stripe *store_stripe(struct store *s, struct part part);
bool part_is_valid(struct part part);
/* ERR_NOT_FOUND, ERR_CORRUPT (frame included); the value without its frame, in the arena. */
int store_get(struct store *s,
              struct engine_snap *snap,
              enum engine_cf cf,
              struct span key,
              struct arena *a,
              struct span *value_out) MUST_CHECK;
/* Counts the failures. */
int store_count_error(int rc);

/* ---- batch.c ----------------------------------------------------------------------------- */

struct batch {
    struct arena *arena; /* keys and small values */
    struct engine_op *v;
    size_t n, cap;
    uint64_t put_bytes, dels;
    bool bulk; /* holds blob content */
    int err;   /* sticky */
};
void batch_init(struct batch *b, struct arena *arena);
/* `framed` and `key` are borrowed. */
void batch_put_framed(struct batch *b, enum engine_cf cf, struct span key, struct span framed);
/* Copies the key and frames a copy of the value. */
void batch_put(struct batch *b, enum engine_cf cf, const struct fixed_key *key, struct span value);
void batch_del(struct batch *b, enum engine_cf cf, struct span key);
void batch_del_fixed(struct batch *b, enum engine_cf cf, const struct fixed_key *key);
void batch_del_range(struct batch *b, enum engine_cf cf, struct span from, struct span to);
/* Refuses growth while the disk is nearly full, then commits. */
int batch_commit(struct store *s, struct batch *b, bool sync) MUST_CHECK;

/* ---- scan.c ------------------------------------------------------------------------------ */

/* What a scan reads. */
struct scan_view {
    struct store *s;
    struct engine_snap *snap;
    struct part part;
    struct overlay *overlay; /* may be NULL */
    size_t *open_count;      /* of iterators not yet closed; may be NULL */
};

int scan_open(const struct scan_view *view,
              struct span prefix,
              struct span from,
              bool reverse,
              struct store_iter **out) MUST_CHECK;

/* ---- links.c ----------------------------------------------------------------------------- */

struct blob_change {
    struct blob_id id;
    uint64_t tag;
    uint32_t order; /* of the calls: the last one about a (blob, tag) counts */
    bool link;
};

/* The stripes of a set of blobs, locked. */
struct blob_locks {
    uint16_t *v; /* ascending, each once: twice the stripe, plus 1 for exclusive */
    size_t n;
};
/* Sorts `changes`, drops those overruled; *n is what is left. */
void links_settle(struct blob_change *changes, size_t *n);
int blob_locks_take(struct store *s,
                    const struct blob_change *changes,
                    size_t n,
                    struct arena *a,
                    struct blob_locks *out) MUST_CHECK;
void blob_locks_release(struct store *s, struct blob_locks *l);
pthread_rwlock_t *blob_lock(struct store *s, struct blob_id id);
/* Adds what the changes mean to the batch. With the locks held. ERR_NOT_FOUND: a blob is gone. */
int links_apply(struct store *s,
                struct part part,
                const struct blob_change *changes,
                size_t n,
                struct batch *b) MUST_CHECK;
/* After the commit, with the locks still held: what was pending is in the engine now. */
void links_committed(struct store *s, const struct blob_change *changes, size_t n);

/* ---- pending.c --------------------------------------------------------------------------- */

void pending_init(struct store *s);
void pending_done(struct store *s);
/* Takes `p` over. ERR_OVERLOAD when the cap is reached: then `p` is still the caller's. */
int pending_add(struct store *s, struct pending_blob *p) MUST_CHECK;
/* Stays valid while the caller holds the blob's stripe. NULL: not pending. */
struct pending_blob *pending_find(struct store *s, struct blob_id id);
void pending_remove(struct store *s, struct blob_id id);
/* Copies the head, and its only chunk as it goes to the disk. ERR_NOT_FOUND. */
int pending_read(struct store *s, struct blob_id id, struct blob_head *head, struct buf *sealed)
    MUST_CHECK;
/* Drops those without a link that are older than that, at most `max`; says how many. */
size_t pending_expire(struct store *s, int64_t before_ms, size_t max);

/* ---- blob_read.c ------------------------------------------------------------------------- */

int blob_head_get(struct store *s, struct blob_id id, struct arena *a, struct blob_head *out)
    MUST_CHECK;

/* ---- watch.c ----------------------------------------------------------------------------- */

void watch_init(struct store *s);
void watch_done(struct store *s);
void watch_notify(struct store *s, struct part part);

#endif
