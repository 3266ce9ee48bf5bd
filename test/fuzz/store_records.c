/* SPDX-License-Identifier: Apache-2.0 */
/* The store's records and keys as they come from a disk that may hold anything. The first byte
 * chooses a reader; what it accepts is written again and must come back the same. The same bytes are then the
 * fields of a sound record, which must come back as it was; and a framed value that was damaged is refused. */
#include "fuzz.h"

#include "base/err.h"
#include "draw.h"
#include "store/chunk.h"
#include "store/keys.h"

#include <xxhash.h>

static void same_head(const struct blob_head *a, const struct blob_head *b)
{
    must(a->size == b->size && a->chunks == b->chunks && a->chunk_size == b->chunk_size);
    must(a->digest_kind == b->digest_kind);
    must(memcmp(a->digest, b->digest, sizeof a->digest) == 0);
}

static void head(struct span in)
{
    struct blob_head h, again;
    struct buf b;
    int err = blob_head_unpack(in, &h);
    must(err == 0 || err == ERR_CORRUPT);
    if (err != 0)
        return;
    must(h.size <= LIMIT_BLOB && h.chunk_size > 0 && h.chunk_size <= STORE_CHUNK);
    must((uint64_t)h.chunks * h.chunk_size >= h.size);
    must(h.chunks == 0 || (uint64_t)(h.chunks - 1) * h.chunk_size < h.size);
    buf_init(&b, 256);
    blob_head_pack(&b, &h);
    must(blob_head_unpack(buf_span(&b), &again) == 0);
    same_head(&h, &again);
    buf_done(&b);
}

static void head_drawn(struct draw *d)
{
    struct blob_head h = {.size = draw_up_to(d, LIMIT_BLOB)}, back;
    struct buf b;
    h.chunk_size = (uint32_t)draw_up_to(d, STORE_CHUNK - 1) + 1;
    uint64_t chunks = (h.size + h.chunk_size - 1) / h.chunk_size;
    h.chunks = (uint32_t)chunks;
    h.digest_kind = draw_below(d, 2) == 0 ? DIGEST_BLAKE2B : DIGEST_SHA256;
    for (size_t i = 0; i < sizeof h.digest; i++)
        h.digest[i] = draw_u8(d);
    buf_init(&b, 256);
    blob_head_pack(&b, &h);
    must(blob_head_unpack(buf_span(&b), &back) == 0);
    same_head(&h, &back);
    draw_damage(d, &b);
    head(buf_span(&b));
    buf_done(&b);
}

static void lease(struct span in)
{
    struct lease_record l, again;
    struct buf b;
    int err = lease_unpack(in, &l);
    must(err == 0 || err == ERR_CORRUPT);
    if (err != 0)
        return;
    must(!lease_is_held(&l, INT64_MAX) || l.ttl_ms > INT64_MAX - l.taken_ms ||
         l.taken_ms + l.ttl_ms == INT64_MAX);
    (void)lease_is_held(&l, 0);
    buf_init(&b, in.n + 64);
    lease_pack(&b, &l);
    must(lease_unpack(buf_span(&b), &again) == 0);
    must(span_eq(again.holder, l.holder) && again.taken_ms == l.taken_ms &&
         again.ttl_ms == l.ttl_ms);
    buf_done(&b);
}

static void lease_drawn(struct draw *d)
{
    struct lease_record l = {.taken_ms = (int64_t)draw_up_to(d, INT64_MAX)}, back;
    struct buf b;
    l.ttl_ms = (int64_t)draw_up_to(d, INT64_MAX);
    l.holder = draw_span(d, 300);
    buf_init(&b, 512);
    lease_pack(&b, &l);
    must(lease_unpack(buf_span(&b), &back) == 0);
    must(span_eq(back.holder, l.holder) && back.taken_ms == l.taken_ms && back.ttl_ms == l.ttl_ms);
    draw_damage(d, &b);
    lease(buf_span(&b));
    buf_done(&b);
}

static void format(struct span in)
{
    uint64_t format, again;
    struct buf b;
    if (format_unpack(in, &format) != 0)
        return;
    buf_init(&b, 64);
    format_pack(&b, format);
    must(format > 0 && format_unpack(buf_span(&b), &again) == 0 && again == format);
    buf_done(&b);
}

static void keys(struct span in)
{
    struct fixed_key k;
    struct blob_id id;
    struct part part;
    struct span user;
    uint64_t tag;
    int64_t ms;
    uint32_t index;
    if (key_read_record(in, &part, &user)) {
        key_part(&k, part);
        must(span_starts(in, fixed_key_span(&k)) && k.n + user.n == in.n);
    }
    if (key_read_head(in, &id)) {
        key_head(&k, id);
        must(span_eq(fixed_key_span(&k), in));
    }
    if (key_read_link(in, &id, &part, &tag)) {
        key_link(&k, id, part, tag);
        must(span_eq(fixed_key_span(&k), in));
    }
    if (key_read_part_link(in, &part, &id, &tag)) {
        key_part_link(&k, part, id, tag);
        must(span_eq(fixed_key_span(&k), in));
    }
    if (key_read_candidate(in, &ms, &id)) {
        key_candidate(&k, ms, id);
        must(span_eq(fixed_key_span(&k), in));
    }
    if (key_read_chunk(in, &id, &index)) {
        key_chunk(&k, id, index);
        must(span_eq(fixed_key_span(&k), in));
    }
}

/* A key, its prefix and the prefix's successor: what every scan's bounds are. */
static void keys_drawn(struct draw *d)
{
    struct fixed_key prefix, key, end;
    struct blob_id id = {{0}}, back;
    struct part part = {(enum part_kind)(1 + draw_below(d, 6)), draw_u64(d)};
    struct part part_back;
    uint64_t tag = draw_u64(d), tag_back;
    for (size_t i = 0; i < sizeof id.b; i++)
        id.b[i] = draw_u8(d);
    key_link_prefix(&prefix, id);
    key_link(&key, id, part, tag);
    must(span_starts(fixed_key_span(&key), fixed_key_span(&prefix)));
    end = prefix;
    fixed_key_successor(&end);
    must(span_cmp(fixed_key_span(&key), fixed_key_span(&end)) < 0);
    must(!span_starts(fixed_key_span(&end), fixed_key_span(&prefix)));
    must(key_read_link(fixed_key_span(&key), &back, &part_back, &tag_back));
    must(blob_id_eq(back, id) && part_back.id == part.id && part_back.kind == part.kind);
    must(tag_back == tag);
}

static void frame(struct span in)
{
    struct span value;
    int err = frame_open(CF_META, SPAN("key"), in, &value);
    must(err == 0 || err == ERR_CORRUPT);
    must(err != 0 || value.n + STORE_FRAME == in.n);
}

static void frame_drawn(struct draw *d)
{
    enum engine_cf cf = (enum engine_cf)draw_below(d, CF_COUNT);
    struct span key = draw_span(d, 64), value = draw_span(d, 255), got;
    size_t at = draw_u8(d);
    uint8_t flip = draw_u8(d);
    char sum[STORE_FRAME];
    struct buf b;
    buf_init(&b, 1024);
    frame_sum(cf, key, value, sum);
    buf_put(&b, value);
    buf_put(&b, span_of(sum, sizeof sum));
    must(frame_open(cf, key, buf_span(&b), &got) == 0 && span_eq(got, value));
    must(frame_open((cf + 1) % CF_COUNT, key, buf_span(&b), &got) == ERR_CORRUPT);
    /* four bytes find any change of one byte with a chance of 1 to 2^32; in the frame itself always */
    if (flip != 0) {
        at %= b.n;
        b.p[at] = (char)(b.p[at] ^ flip);
        must(frame_open(cf, key, buf_span(&b), &got) == ERR_CORRUPT);
    }
    buf_done(&b);
}

/* As it may lie on a disk. The sum keeps a fuzzer out, so it is also made right for the same bytes. */
static void chunk(struct span in)
{
    struct chunk_tools *tools = chunk_tools_new();
    struct buf out, right;
    must(tools != NULL);
    buf_init(&out, 1 << 20);
    int err = chunk_open(tools, SPAN("key"), in, 1 << 20, &out);
    must(err == 0 || err == ERR_CORRUPT);
    buf_clear(&out);
    buf_init(&right, in.n + 8);
    buf_put(&right, in);
    uint64_t h = XXH3_64bits_withSeed(in.n > 0 ? in.p : "", in.n, XXH3_64bits("key", 3));
    for (int i = 0; i < 8; i++)
        buf_putc(&right, (char)(h >> (56 - 8 * i) & 0xff));
    err = chunk_open(tools, SPAN("key"), buf_span(&right), 1 << 20, &out);
    must(err == 0 || err == ERR_CORRUPT);
    must(err != 0 || out.n <= 1 << 20);
    buf_done(&out);
    buf_done(&right);
    chunk_tools_free(tools);
}

static void chunk_drawn(struct draw *d)
{
    struct chunk_tools *tools = chunk_tools_new();
    struct span content = draw_span(d, 4096);
    struct buf sealed, out;
    must(tools != NULL);
    buf_init(&sealed, 8192);
    buf_init(&out, 8192);
    must(chunk_seal(tools, SPAN("key"), content, &sealed) == 0);
    must(chunk_open(tools, SPAN("key"), buf_span(&sealed), content.n, &out) == 0);
    must(span_eq(buf_span(&out), content));
    buf_clear(&out);
    size_t at = draw_u8(d);
    uint8_t flip = draw_u8(d);
    at %= sealed.n;
    if (flip != 0) {
        sealed.p[at] = (char)(sealed.p[at] ^ flip);
        must(chunk_open(tools, SPAN("key"), buf_span(&sealed), content.n, &out) == ERR_CORRUPT);
    }
    buf_done(&sealed);
    buf_done(&out);
    chunk_tools_free(tools);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size);
    uint8_t what = draw_u8(&d) % 6;
    static void (*const read[])(struct span) = {head, lease, format, keys, frame, chunk};
    static void (*const make[])(struct draw *) = {head_drawn, lease_drawn, NULL,
                                                  keys_drawn, frame_drawn, chunk_drawn};
    read[what](d.rest);
    if (make[what] != NULL)
        make[what](&d);
    return 0;
}
