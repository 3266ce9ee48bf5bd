/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a record and as a key. Then as a plan of what to write, which is read back to the last field;
 * and as two tuples, whose keys must sort as they do. */
#include "fuzz.h"

#include "base/err.h"
#include "base/pack.h"
#include "draw.h"

enum { KINDS = 7, FIELDS_MAX = 16 };

/* The first bytes say which fields to read, the rest is the record. */
static void read_record(struct span in)
{
    struct span plan = span_slice(in, 0, 8);
    struct unpack u = unpack_of(span_from(in, 8));
    struct buf text;
    buf_init(&text, in.n);
    for (size_t i = 0; i < plan.n; i++) {
        bool bad = u.bad;
        switch ((uint8_t)plan.p[i] % 8) {
        case 0: must(unpack_u8(&u) == 0 || !u.bad); break;
        case 1: must(unpack_uint(&u) == 0 || !u.bad); break;
        case 2: must(unpack_int(&u) == 0 || !u.bad); break;
        case 3: must(unpack_span(&u).n <= in.n); break;
        case 4: must(unpack_key_u32(&u) == 0 || !u.bad); break;
        case 5: must(unpack_key_u64(&u) == 0 || !u.bad); break;
        case 6: unpack_key_span(&u, &text); break;
        default: (void)unpack_at_end(&u); break;
        }
        must(!bad || u.bad); /* once bad, for ever bad */
        must(!u.bad || u.rest.n == 0);
    }
    must((unpack_end(&u) != 0) == u.bad);
    must(u.rest.n <= in.n);
    buf_done(&text);
}

struct field {
    unsigned kind;
    uint64_t number;
    struct span text;
};

static void write_field(struct buf *b, const struct field *f)
{
    switch (f->kind) {
    case 0: pack_u8(b, (uint8_t)f->number); break;
    case 1: pack_uint(b, f->number); break;
    case 2: pack_int(b, (int64_t)f->number); break;
    case 3: pack_span(b, f->text); break;
    case 4: pack_key_u32(b, (uint32_t)f->number); break;
    case 5: pack_key_u64(b, f->number); break;
    default: pack_key_span(b, f->text); break;
    }
}

static void read_field(struct unpack *u, const struct field *f)
{
    struct buf text;
    buf_init(&text, f->text.n);
    switch (f->kind) {
    case 0: must(unpack_u8(u) == (uint8_t)f->number); break;
    case 1: must(unpack_uint(u) == f->number); break;
    case 2: must(unpack_int(u) == (int64_t)f->number); break;
    case 3: must(span_eq(unpack_span(u), f->text)); break;
    case 4: must(unpack_key_u32(u) == (uint32_t)f->number); break;
    case 5: must(unpack_key_u64(u) == f->number); break;
    default: unpack_key_span(u, &text); must(span_eq(buf_span(&text), f->text));
    }
    buf_done(&text);
}

static void round_trip(struct draw *d)
{
    struct field fields[FIELDS_MAX];
    size_t n = draw_below(d, FIELDS_MAX + 1);
    struct buf b;
    buf_init(&b, 1024 * 1024);
    for (size_t i = 0; i < n; i++) {
        fields[i] = (struct field){.kind = draw_u8(d) % KINDS};
        fields[i].number = draw_u64(d);
        fields[i].text = draw_span(d, 300);
        write_field(&b, &fields[i]);
    }
    must(b.err == 0);
    struct unpack u = unpack_of(buf_span(&b));
    for (size_t i = 0; i < n; i++)
        read_field(&u, &fields[i]);
    must(unpack_at_end(&u) && unpack_end(&u) == 0);
    buf_done(&b);
}

static int sign(int x)
{
    return x < 0 ? -1 : x > 0 ? 1 : 0;
}

/* (text, number, text): no text may sort differently for what stands behind it. */
static void order(struct draw *d)
{
    struct buf a, b;
    struct span x = draw_span(d, 20), y = draw_span(d, 20);
    uint64_t n = draw_u64(d), m = draw_u64(d);
    struct span p = draw_span(d, 20), q = draw_span(d, 20);
    buf_init(&a, 1024);
    buf_init(&b, 1024);
    pack_key_span(&a, x);
    pack_key_u64(&a, n);
    pack_key_span(&a, p);
    pack_key_span(&b, y);
    pack_key_u64(&b, m);
    pack_key_span(&b, q);
    int want = sign(span_cmp(x, y));
    want = want != 0 ? want : n < m ? -1 : n > m ? 1 : 0;
    want = want != 0 ? want : sign(span_cmp(p, q));
    must(sign(span_cmp(buf_span(&a), buf_span(&b))) == want);
    buf_done(&a);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size), e = d;
    read_record(span_of(data, size));
    round_trip(&d);
    order(&e);
    return 0;
}
