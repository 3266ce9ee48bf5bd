/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a record and as a key; and what is read from a key is written to the same bytes. */
#include "fuzz.h"

#include "base/pack.h"

/* The first bytes say which fields to read, the rest is the record. */
static void read_record(struct span in)
{
    struct span plan = span_slice(in, 0, 8);
    struct unpack u = unpack_of(span_from(in, 8));
    struct buf text;
    buf_init(&text, in.n);
    for (size_t i = 0; i < plan.n; i++) {
        switch ((uint8_t)plan.p[i] % 8) {
        case 0: (void)unpack_u8(&u); break;
        case 1: (void)unpack_uint(&u); break;
        case 2: (void)unpack_int(&u); break;
        case 3: must(unpack_span(&u).n <= in.n); break;
        case 4: (void)unpack_key_u32(&u); break;
        case 5: (void)unpack_key_u64(&u); break;
        case 6: unpack_key_span(&u, &text); break;
        default: (void)unpack_at_end(&u); break;
        }
    }
    must((unpack_end(&u) != 0) == u.bad);
    must(u.rest.n <= in.n);
    buf_done(&text);
}

static void round_trip(struct span in)
{
    struct buf key, text;
    buf_init(&key, 2 * in.n + 32);
    buf_init(&text, in.n);
    pack_key_span(&key, in);
    pack_key_u64(&key, in.n);
    pack_uint(&key, in.n);
    pack_int(&key, -(int64_t)in.n);
    struct unpack u = unpack_of(buf_span(&key));
    unpack_key_span(&u, &text);
    must(span_eq(buf_span(&text), in));
    must(unpack_key_u64(&u) == in.n && unpack_uint(&u) == in.n && unpack_int(&u) == -(int64_t)in.n);
    must(unpack_at_end(&u) && unpack_end(&u) == 0);
    buf_done(&key);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_record(span_of(data, size));
    round_trip(span_of(data, size));
    return 0;
}
