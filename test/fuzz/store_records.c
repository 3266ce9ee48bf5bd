/* SPDX-License-Identifier: Apache-2.0 */
/* The store's records and keys as they come from a disk that may hold anything. The first byte
 * chooses a reader; what it accepts is written again and must come back the same. */
#include "fuzz.h"

#include "store/keys.h"

static void head(struct span in)
{
    struct blob_head h, again;
    struct buf b;
    if (blob_head_unpack(in, &h) != 0)
        return;
    buf_init(&b, 256);
    blob_head_pack(&b, &h);
    must(blob_head_unpack(buf_span(&b), &again) == 0);
    must(again.size == h.size && again.chunks == h.chunks && again.chunk_size == h.chunk_size);
    buf_done(&b);
}

static void lease(struct span in)
{
    struct lease_record l, again;
    struct buf b;
    if (lease_unpack(in, &l) != 0)
        return;
    (void)lease_is_held(&l, 0);
    (void)lease_is_held(&l, INT64_MAX);
    buf_init(&b, in.n + 64);
    lease_pack(&b, &l);
    must(lease_unpack(buf_span(&b), &again) == 0);
    must(span_eq(again.holder, l.holder) && again.taken_ms == l.taken_ms &&
         again.ttl_ms == l.ttl_ms);
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
    (void)key_read_record(in, &part, &user);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size), value;
    uint8_t what = 0;
    uint64_t format;
    (void)span_take_byte(&in, &what);
    switch (what % 5) {
    case 0: head(in); break;
    case 1: lease(in); break;
    case 2: (void)!format_unpack(in, &format); break;
    case 3: keys(in); break;
    default: (void)!frame_open(CF_META, SPAN("key"), in, &value); break;
    }
    return 0;
}
