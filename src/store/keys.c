/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and records of the store, see keys.h. Readers take bytes from the disk: every length is
 * checked, and a record that contradicts itself is ERR_CORRUPT here, once, for all users. */
#include "store/keys.h"

#include "base/err.h"

#include <sodium.h>

struct span fixed_key_span(const struct fixed_key *k)
{
    return span_of(k->b, k->n);
}

static void add(struct fixed_key *k, const void *p, size_t n)
{
    must(k->n + n <= sizeof(k->b));
    memcpy(k->b + k->n, p, n);
    k->n += n;
}

static void add_u8(struct fixed_key *k, int v)
{
    must(v >= 0 && v <= 0xff);
    uint8_t byte = (uint8_t)v;
    add(k, &byte, 1);
}

static void add_uint(struct fixed_key *k, uint64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        add_u8(k, (int)(v >> (8 * i) & 0xff));
}

static void add_part(struct fixed_key *k, struct part part)
{
    add_u8(k, (int)part.kind);
    add_uint(k, part.id, 8);
}

static void start(struct fixed_key *k, char tag)
{
    k->n = 0;
    add_u8(k, tag);
}

void key_part(struct fixed_key *k, struct part part)
{
    k->n = 0;
    add_part(k, part);
}

void key_head(struct fixed_key *k, struct blob_id id)
{
    start(k, 'h');
    add(k, id.b, sizeof(id.b));
}

void key_link_prefix(struct fixed_key *k, struct blob_id id)
{
    start(k, 'l');
    add(k, id.b, sizeof(id.b));
}

void key_link(struct fixed_key *k, struct blob_id id, struct part part, uint64_t tag)
{
    key_link_prefix(k, id);
    add_part(k, part);
    add_uint(k, tag, 8);
}

void key_part_link_prefix(struct fixed_key *k, struct part part)
{
    start(k, 'p');
    add_part(k, part);
}

void key_part_link(struct fixed_key *k, struct part part, struct blob_id id, uint64_t tag)
{
    key_part_link_prefix(k, part);
    add(k, id.b, sizeof(id.b));
    add_uint(k, tag, 8);
}

void key_candidate(struct fixed_key *k, int64_t wall_ms, struct blob_id id)
{
    start(k, 'c');
    add_uint(k, wall_ms < 0 ? 0 : (uint64_t)wall_ms, 8);
    add(k, id.b, sizeof(id.b));
}

void key_chunk_prefix(struct fixed_key *k, struct blob_id id)
{
    k->n = 0;
    add(k, id.b, sizeof(id.b));
}

void key_chunk(struct fixed_key *k, struct blob_id id, uint32_t index)
{
    key_chunk_prefix(k, id);
    add_uint(k, index, 4);
}

void key_successor(char *k, size_t *n)
{
    while (*n > 0 && (uint8_t)k[*n - 1] == 0xff)
        (*n)--;
    must(*n > 0);
    k[*n - 1] = (char)((uint8_t)k[*n - 1] + 1);
}

void fixed_key_successor(struct fixed_key *k)
{
    key_successor(k->b, &k->n);
}

/* ---- reading keys ------------------------------------------------------------------------ */

static bool take_uint(struct span *s, int bytes, uint64_t *out)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) {
        uint8_t byte;
        if (!span_take_byte(s, &byte))
            return false;
        v = v << 8 | byte;
    }
    *out = v;
    return true;
}

static bool take_tag(struct span *s, char tag)
{
    uint8_t byte;
    return span_take_byte(s, &byte) && byte == (uint8_t)tag;
}

static bool take_blob_id(struct span *s, struct blob_id *id)
{
    struct span bytes;
    if (!span_take(s, sizeof(id->b), &bytes))
        return false;
    memcpy(id->b, bytes.p, sizeof(id->b));
    return true;
}

static bool take_part(struct span *s, struct part *part)
{
    uint8_t kind;
    if (!span_take_byte(s, &kind) || !take_uint(s, 8, &part->id))
        return false;
    part->kind = (enum part_kind)kind;
    return true;
}

bool key_read_record(struct span key, struct part *part, struct span *user_key)
{
    if (!take_part(&key, part))
        return false;
    *user_key = key;
    return true;
}

bool key_read_head(struct span key, struct blob_id *id)
{
    return take_tag(&key, 'h') && take_blob_id(&key, id) && key.n == 0;
}

bool key_read_link(struct span key, struct blob_id *id, struct part *part, uint64_t *tag)
{
    return take_tag(&key, 'l') && take_blob_id(&key, id) && take_part(&key, part) &&
           take_uint(&key, 8, tag) && key.n == 0;
}

bool key_read_part_link(struct span key, struct part *part, struct blob_id *id, uint64_t *tag)
{
    return take_tag(&key, 'p') && take_part(&key, part) && take_blob_id(&key, id) &&
           take_uint(&key, 8, tag) && key.n == 0;
}

bool key_read_candidate(struct span key, int64_t *wall_ms, struct blob_id *id)
{
    uint64_t ms;
    if (!take_tag(&key, 'c') || !take_uint(&key, 8, &ms) || ms > INT64_MAX ||
        !take_blob_id(&key, id) || key.n != 0)
        return false;
    *wall_ms = (int64_t)ms;
    return true;
}

bool key_read_chunk(struct span key, struct blob_id *id, uint32_t *index)
{
    uint64_t v;
    if (!take_blob_id(&key, id) || !take_uint(&key, 4, &v) || key.n != 0)
        return false;
    *index = (uint32_t)v;
    return true;
}

bool blob_id_eq(struct blob_id a, struct blob_id b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

/* ---- the frame --------------------------------------------------------------------------- */

/* SipHash twice, because libsodium has it in one shot only and a key and its value do not lie side
 * by side: the hash of the key (with the column family in it) is half of the key for the hash of
 * the value. The fixed key makes this a checksum against damage; it is not meant to stop somebody
 * who can write to the disk. */
void frame_sum(enum engine_cf cf, struct span key, struct span value, char sum[STORE_FRAME])
{
    unsigned char k[crypto_shorthash_KEYBYTES] = "mailstead store";
    unsigned char h[crypto_shorthash_BYTES];
    k[15] = (unsigned char)cf;
    crypto_shorthash(h, (const unsigned char *)(key.n > 0 ? key.p : ""), key.n, k);
    memcpy(k, h, sizeof(h));
    crypto_shorthash(h, (const unsigned char *)(value.n > 0 ? value.p : ""), value.n, k);
    memcpy(sum, h, STORE_FRAME);
}

int frame_open(enum engine_cf cf, struct span key, struct span framed, struct span *value)
{
    if (framed.n < STORE_FRAME)
        return ERR_CORRUPT;
    struct span v = span_slice(framed, 0, framed.n - STORE_FRAME);
    char sum[STORE_FRAME];
    frame_sum(cf, key, v, sum);
    if (memcmp(sum, framed.p + v.n, STORE_FRAME) != 0)
        return ERR_CORRUPT;
    *value = v;
    return 0;
}

/* ---- records ----------------------------------------------------------------------------- */

void blob_head_pack(struct buf *b, const struct blob_head *h)
{
    pack_u8(b, (uint8_t)h->digest_kind);
    pack_uint(b, h->size);
    pack_uint(b, h->chunk_size);
    pack_uint(b, h->chunks);
    pack_span(b, span_of(h->digest, sizeof(h->digest)));
}

int blob_head_unpack(struct span record, struct blob_head *h)
{
    struct unpack u = unpack_of(record);
    uint8_t version = unpack_u8(&u);
    uint64_t size = unpack_uint(&u);
    uint64_t chunk_size = unpack_uint(&u);
    uint64_t chunks = unpack_uint(&u);
    struct span digest = unpack_span(&u);
    int rc = unpack_end(&u);
    if (rc != 0)
        return rc;
    if (version < DIGEST_BLAKE2B || version > DIGEST_SHA256 || size > LIMIT_BLOB ||
        chunk_size == 0 || chunk_size > STORE_CHUNK ||
        chunks != (size + chunk_size - 1) / chunk_size || digest.n != sizeof(h->digest))
        return ERR_CORRUPT;
    h->size = size;
    h->chunk_size = (uint32_t)chunk_size;
    h->chunks = (uint32_t)chunks;
    h->digest_kind = (enum digest_kind)version;
    memcpy(h->digest, digest.p, sizeof(h->digest));
    return 0;
}

void lease_pack(struct buf *b, const struct lease_record *l)
{
    pack_u8(b, 1);
    pack_span(b, l->holder);
    pack_int(b, l->taken_ms);
    pack_int(b, l->ttl_ms);
}

int lease_unpack(struct span record, struct lease_record *l)
{
    struct unpack u = unpack_of(record);
    uint8_t version = unpack_u8(&u);
    struct span holder = unpack_span(&u);
    int64_t taken = unpack_int(&u);
    int64_t ttl = unpack_int(&u);
    int rc = unpack_end(&u);
    if (rc != 0)
        return rc;
    if (version < 1 || taken < 0 || ttl < 0)
        return ERR_CORRUPT;
    l->holder = holder;
    l->taken_ms = taken;
    l->ttl_ms = ttl;
    return 0;
}

/* A clock that was ahead when the lease was taken and has been put right since must not keep the
 * name locked until that wrong time comes: a lease from the future is over. A minute is for clocks
 * that are only a little apart. */
bool lease_is_held(const struct lease_record *l, int64_t now_ms)
{
    const int64_t slack_ms = 60 * 1000;
    if (l->taken_ms > now_ms)
        return l->taken_ms - now_ms <= slack_ms;
    return now_ms - l->taken_ms < l->ttl_ms;
}

void format_pack(struct buf *b, uint64_t format)
{
    pack_u8(b, 1);
    pack_uint(b, format);
}

int format_unpack(struct span record, uint64_t *format)
{
    struct unpack u = unpack_of(record);
    uint8_t version = unpack_u8(&u);
    uint64_t v = unpack_uint(&u);
    int rc = unpack_end(&u);
    if (rc != 0)
        return rc;
    if (version < 1 || v < 1)
        return ERR_CORRUPT;
    *format = v;
    return 0;
}
