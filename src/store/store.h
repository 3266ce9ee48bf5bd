/* SPDX-License-Identifier: Apache-2.0 */
/* The store: the one door to durable state. Nothing else in Mailstead opens a data file.
 *
 * PARTITION  an ordered map of bytes to bytes, and the unit of atomicity. One per account, and
 *            system partitions. Keys at most LIMIT_STORE_KEY, values at most LIMIT_STORE_VALUE.
 * TXN        reads a snapshot of ONE partition (and its own writes), buffers its writes, commits
 *            atomically and durably, and only if no other transaction has committed to the
 *            partition since; otherwise it is run again. No transaction spans two partitions:
 *            flows across partitions write the destination before they remove the source, and
 *            their steps are idempotent.
 * BLOB       an immutable message body, compressed and checksummed. Created before the transaction
 *            that links it; durable no later than that transaction. A blob with no link is
 *            collected once it is older than the grace time (store_collect).
 * WATCH      a callback after commits to a partition.
 * LEASE      one holder of a name for a time.
 *
 * Everything here may block on the disk unless it says otherwise and is thread-safe, except that
 * one txn, snap, iter, writer or reader belongs to one thread at a time.
 *
 * Durability promise: when store_txn_run returns 0, its writes and every blob they link survive
 * kill -9 and loss of power. When it returns an error, none of its writes is visible, now or after
 * a restart. Nobody ever sees a write that is not yet durable.
 * One exception, of a disk that fails in the middle of a write and does not let us look what has become of
 * it: then ERR_IO or ERR_DISK_FULL may come for a transaction that is there, whole, once the disk works again.
 * So flows must be harmless when repeated, as they must be anyhow.
 *
 * Errors (every function): ERR_IO, ERR_DISK_FULL, ERR_CORRUPT (checksum or framing), ERR_NOMEM,
 * ERR_TOO_BIG (limits above), ERR_SHUTDOWN; others are named where they occur.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"

/* ---- opening ---------------------------------------------------------------------------- */

struct store;

struct store_options {
    struct clock *clock;    /* borrowed, must outlive the store */
    struct rng *rng;        /* borrowed; makes blob ids */
    bool create;            /* make an empty store if there is none */
    bool read_only;         /* for `store check` beside no server; every write is ERR_DENIED */
    uint64_t reserve_bytes; /* 0: LIMIT_STORE_RESERVE. With less free on the disk only what deletes,
                             * and what is small, is written; the rest is ERR_DISK_FULL */
};

/* `url`: "rocksdb:/absolute/folder" or "sim:" (memory, for tests).
 * ERR_NOT_FOUND (none there and !create), ERR_FORMAT_NEWER (data untouched), ERR_IN_USE (another
 * process has it open), ERR_INVALID (unknown engine). `why` (may be NULL) gets a sentence. */
int store_open(const char *url,
               const struct store_options *options,
               struct buf *why,
               struct store **out) MUST_CHECK;
/* All snapshots, iterators, readers and writers must be closed before. NULL is fine. */
void store_close(struct store *s);

/* 2: chunks are packed before the log (store/chunk.h); 3: and lines of base64 as bytes */
enum { STORE_FORMAT = 3 };

/* ---- partitions -------------------------------------------------------------------------- */

enum part_kind {                   /* written to disk: never renumber */
                 PART_SYSTEM = 1,  /* id 0: format, ids, leases, settings made by the program. Keys
                                    * that begin  with a zero byte are the store's own */
                 PART_DOMAINS = 2, /* id 0: domains, classes of service */
                 PART_DIRECTORY = 3, /* addresses, sharded by hash of the address */
                 PART_AUTH = 4,      /* lockout state, sharded by hash of the username */
                 PART_ACCOUNT = 5,   /* id = account id: its mail */
                 PART_QUEUE = 6,     /* queue shards */
                 PART_SHARERS =
                     7, /* id = account id, or the hash of a domain with its top bit set: who shares
                                      * mailboxes with them (mailbox/sharers.h) */
};

struct part {
    enum part_kind kind;
    uint64_t id;
};

/* Calls `visit` for each partition of `kind` that holds at least one key, in order of id, from
 * `from_id` on; stops when it returns non-zero and returns that. Not a snapshot. */
int store_parts(struct store *s,
                enum part_kind kind,
                uint64_t from_id,
                int (*visit)(void *arg, struct part part),
                void *arg) MUST_CHECK;

/* Deletes a whole partition, links to blobs included (account removal). Idempotent, durable. */
int store_part_destroy(struct store *s, struct part part) MUST_CHECK;

/* ---- reading ----------------------------------------------------------------------------- */

/* A consistent, read-only view of one partition. Keep it short-lived: never across a write to a
 * client. */
struct store_snap;
int store_snap_open(struct store *s, struct part part, struct store_snap **out) MUST_CHECK;
void store_snap_close(struct store_snap *snap);

/* The value, copied into `arena`. ERR_NOT_FOUND. */
int store_snap_get(struct store_snap *snap,
                   struct span key,
                   struct arena *arena,
                   struct span *value_out) MUST_CHECK;

/* Keys in order: those that start with `prefix`, from `from` (inclusive; empty: the first; must
 * start with `prefix` itself or be empty) on. `reverse` walks from the last (or from `from`,
 * inclusive) down. */
struct store_iter;
int store_snap_scan(struct store_snap *snap,
                    struct span prefix,
                    struct span from,
                    bool reverse,
                    struct store_iter **out) MUST_CHECK;
/* 1 and the entry, 0 at the end, or an error (the iterator then is at its end, except for
 * ERR_CORRUPT, after which the next call goes on behind the damaged record where that is possible).
 * The spans are valid until the next call. */
int store_iter_next(struct store_iter *it, struct span *key, struct span *value) MUST_CHECK;
void store_iter_close(struct store_iter *it);

/* ---- transactions ------------------------------------------------------------------------ */

struct store_txn;

/* Does the work: reads and writes through the functions below; returns 0 to commit or an error (or
 * any positive number) to drop all its writes; store_txn_run returns that number. May be run
 * several times: outputs must be set anew each time and nothing outside changed. Must not start
 * another transaction, write to a peer, or wait for anything else. */
typedef int (*store_txn_fn)(struct store_txn *t, void *arg);

int store_txn_run(struct store *s, struct part part, store_txn_fn fn, void *arg) MUST_CHECK;

struct arena *store_txn_arena(struct store_txn *t); /* lives until the transaction ends */
int store_txn_get(struct store_txn *t, struct span key, struct span *value_out) MUST_CHECK;
/* As store_snap_scan, own writes made BEFORE the scan was opened included; those made during it are
 * not seen by it. */
int store_txn_scan(struct store_txn *t,
                   struct span prefix,
                   struct span from,
                   bool reverse,
                   struct store_iter **out) MUST_CHECK;
/* Writes have a sticky error that makes the commit fail, so callers need not check each. */
void store_txn_put(struct store_txn *t, struct span key, struct span value);
void store_txn_del(struct store_txn *t, struct span key);

/* ---- blobs ------------------------------------------------------------------------------- */

struct blob_id {
    uint8_t b[16]; /* time-ordered, then random: never reused */
};

struct blob_info {
    uint64_t size;
    uint8_t digest[32]; /* SHA-256 of the content (BLAKE2b-256 where a store of format 1 had it) */
};

/* Streams a body in. Memory stays below about 2 MiB whatever its size. A writer that is freed
 * without commit leaves at most garbage for the collector. ERR_TOO_BIG past LIMIT_BLOB. */
struct blob_writer;
int store_blob_create(struct store *s, struct blob_writer **out) MUST_CHECK;
int store_blob_write(struct blob_writer *w, struct span bytes) MUST_CHECK;
/* Ends it, and frees `w` in any case. From now on it can be linked; it is durable once linked. */
int store_blob_finish(struct blob_writer *w,
                      struct blob_id *id_out,
                      struct blob_info *info_out) MUST_CHECK;
void store_blob_abandon(struct blob_writer *w); /* NULL is fine */

/* Part of a transaction: this partition needs / no longer needs the blob, under the name `tag` (a
 * message id). One blob may have many links; the same link twice is one. ERR_NOT_FOUND at commit if
 * the blob is gone. */
void store_txn_blob_link(struct store_txn *t, struct blob_id id, uint64_t tag);
void store_txn_blob_unlink(struct store_txn *t, struct blob_id id, uint64_t tag);

/* Reads. An open reader keeps working if the last link goes meanwhile (the grace time is hours).
 * ERR_NOT_FOUND; ERR_CORRUPT. */
struct blob_reader;
int store_blob_open(struct store *s,
                    struct blob_id id,
                    struct blob_reader **out,
                    struct blob_info *info_out) MUST_CHECK;
/* At most `max` bytes from `offset`, appended to `to` (fewer only at the end of the blob: 0 bytes
 * appended past it). `to` running full is ERR_TOO_BIG. */
int store_blob_read(struct blob_reader *r, uint64_t offset, size_t max, struct buf *to) MUST_CHECK;
/* Can all of it be read? What follows is a promise then, short of damage that comes meanwhile. ERR_CORRUPT. Costs nothing
 * where what was read first is the only chunk (1 MiB); else reads it once more than its reader will. */
int store_blob_check(struct blob_reader *r) MUST_CHECK;
void store_blob_close(struct blob_reader *r);

/* Reads the whole blob and compares size and digest: 0, ERR_NOT_FOUND or ERR_CORRUPT. */
int store_blob_verify(struct store *s, struct blob_id id) MUST_CHECK;

/* Removes blobs that have no link and are older than `grace_ms`; at most `max` of them in one call.
 * *removed_out says how many. Cost is proportional to candidates, not to the store. */
int store_collect(struct store *s, int64_t grace_ms, size_t max, size_t *removed_out) MUST_CHECK;

/* ---- watches and leases ------------------------------------------------------------------ */

/* `fn` runs after each commit to `part`, on the committing thread: it must be quick, must not call
 * the store, and typically wakes a session. */
struct store_watch;
int store_watch(struct store *s,
                struct part part,
                void (*fn)(void *arg, struct part part),
                void *arg,
                struct store_watch **out) MUST_CHECK;
/* After it returns `fn` is not running and will not run again. */
void store_unwatch(struct store_watch *w);

/* Takes or renews `name` for `holder` until now + ttl_ms. ERR_IN_USE while another holds it. */
int store_lease_take(struct store *s, struct span name, struct span holder, int64_t ttl_ms)
    MUST_CHECK;
int store_lease_drop(struct store *s, struct span name, struct span holder) MUST_CHECK;

/* ---- care -------------------------------------------------------------------------------- */

/* Engine-level check: every stored block and every blob of the store is read and its checksums
 * compared; links to missing blobs and blobs that miss parts are found. Never stops at damage:
 * `report` is called for each problem with a sentence. Returns 0 when all was read (also with
 * problems), or an error when the check itself could not go on. */
struct store_check {
    uint64_t records, blobs, blob_bytes, problems;
};
int store_check(struct store *s,
                void (*report)(void *arg, struct span sentence),
                void *arg,
                struct store_check *out) MUST_CHECK;
/* The same for a caller who may stop wanting it: `stop` (may be NULL) is asked between any two
 * records and pieces of blobs, and an error from it ends the check, which returns that. */
int store_check_until(struct store *s,
                      void (*report)(void *arg, struct span sentence),
                      int (*stop)(void *arg),
                      void *arg,
                      struct store_check *out) MUST_CHECK;

/* Free bytes of the file system, 0 for engines without one. Engines refuse writes with
 * ERR_DISK_FULL while less than a reserve is free, so that deletes still work. */
uint64_t store_free_bytes(struct store *s);

#endif
