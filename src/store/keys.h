/* SPDX-License-Identifier: Apache-2.0 */
/* The keys and records the store itself writes, and the frame around every value.
 *
 *   column family  key                                         value
 *   records        kind u8, partition id u64, user's key       the user's
 *   meta           'h' blob id                                 head: size, chunks, digest
 *   meta           'l' blob id, kind u8, partition id, tag     - : this partition links the blob
 *   meta           'p' kind u8, partition id, blob id, tag     - : the same, found by partition
 *   meta           'c' wall ms u64, blob id                    - : may be collected, look at links
 *   chunks         blob id, index u32                          at most STORE_CHUNK bytes of it
 *
 * In the partition PART_SYSTEM 0 the store keeps under user's keys that begin with 0x00:
 *   00 'f'         the format record
 *   00 'l' name    a lease
 *
 * FRAME: every value is followed by 4 bytes of SipHash-2-4 over column family, key and value.
 * Engines have checksums of their own for what the disk does; this one goes with the record through
 * every layer, so it also finds what they do, and an engine without checksums gets them. Integers
 * in keys are big-endian, so that byte order is number order.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "base/limits.h"
#include "base/pack.h"
#include "store/digest.h"
#include "store/engine.h"
#include "store/store.h"

enum {
    STORE_PART_PREFIX = 9, /* kind and id before a user's key */
    STORE_FRAME = 4,
    STORE_CHUNK = 1024 * 1024,     /* bytes of a blob in one chunk */
    STORE_SMALL_BLOB = 128 * 1024, /* up to here a blob is written with the first link */
    STORE_KEY_BYTES = LIMIT_STORE_KEY + STORE_PART_PREFIX,
};

/* A key in place, for the fixed-size ones. */
struct fixed_key {
    char b[40];
    size_t n;
};

struct span fixed_key_span(const struct fixed_key *k);

void key_part(struct fixed_key *k, struct part part);
void key_head(struct fixed_key *k, struct blob_id id);
void key_link(struct fixed_key *k, struct blob_id id, struct part part, uint64_t tag);
void key_link_prefix(struct fixed_key *k, struct blob_id id);
void key_part_link(struct fixed_key *k, struct part part, struct blob_id id, uint64_t tag);
void key_part_link_prefix(struct fixed_key *k, struct part part);
void key_candidate(struct fixed_key *k, int64_t wall_ms, struct blob_id id);
void key_chunk(struct fixed_key *k, struct blob_id id, uint32_t index);
void key_chunk_prefix(struct fixed_key *k, struct blob_id id);

/* The smallest key greater than every key that starts with `k`. Prefixes of only 0xff do not occur.
 */
void key_successor(char *k, size_t *n);
void fixed_key_successor(struct fixed_key *k);

/* Readers; false when it is not such a key. */
bool key_read_record(struct span key, struct part *part, struct span *user_key);
bool key_read_head(struct span key, struct blob_id *id);
bool key_read_link(struct span key, struct blob_id *id, struct part *part, uint64_t *tag);
bool key_read_part_link(struct span key, struct part *part, struct blob_id *id, uint64_t *tag);
bool key_read_candidate(struct span key, int64_t *wall_ms, struct blob_id *id);
bool key_read_chunk(struct span key, struct blob_id *id, uint32_t *index);

bool blob_id_eq(struct blob_id a, struct blob_id b);

/* ---- the frame --------------------------------------------------------------------------- */

void frame_sum(enum engine_cf cf, struct span key, struct span value, char sum[STORE_FRAME]);
/* The value without its frame; ERR_CORRUPT. */
int frame_open(enum engine_cf cf, struct span key, struct span framed, struct span *value)
    MUST_CHECK;

/* ---- records ----------------------------------------------------------------------------- */

struct blob_head {
    uint64_t size;
    uint32_t chunk_size, chunks;
    enum digest_kind digest_kind;
    uint8_t digest[DIGEST_BYTES];
};
void blob_head_pack(struct buf *b, const struct blob_head *h);
int blob_head_unpack(struct span record, struct blob_head *h) MUST_CHECK;

struct lease_record {
    struct span holder; /* into the record */
    int64_t taken_ms, ttl_ms;
};
void lease_pack(struct buf *b, const struct lease_record *l);
int lease_unpack(struct span record, struct lease_record *l) MUST_CHECK;
bool lease_is_held(const struct lease_record *l, int64_t now_ms);

void format_pack(struct buf *b, uint64_t format);
int format_unpack(struct span record, uint64_t *format) MUST_CHECK;

#endif
