/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a credentials record and as a lock record, as a damaged disk would give them. What
 * is read is written to a record that reads the same, and the rules hold for it. */
#include "fuzz.h"

#include "auth/auth.h"
#include "auth/credentials.h"
#include "auth/lockout_record.h"
#include "base/err.h"
#include "base/pack.h"
#include "draw.h"

static void read_credentials(struct span in)
{
    struct credentials c;
    struct scram_keys k;
    struct arena *arena = arena_new(65536);
    must(arena != NULL);
    must(auth_credentials_describe(in, arena).n > 0);
    if (credentials_decode(in, &c) == 0) {
        must(c.n <= CREDENTIALS_ENTRIES);
        if (credentials_scram(&c, &k) == 0)
            must(k.stored_key.n == SCRAM_KEY && k.server_key.n == SCRAM_KEY && k.salt.n > 0);
    }
    arena_free(arena);
}

static void read_lock(struct span in)
{
    static const struct lockout_rules rules = {.failures = 3,
                                               .time_ms = 60000,
                                               .time_max_ms = 3600000,
                                               .networks = 5,
                                               .forget_ms = 86400000};
    struct arena *arena = arena_new((size_t)1024 * 1024);
    struct lock_record *r, *again;
    struct buf b;
    must(arena != NULL);
    buf_init(&b, LOCK_RECORD_MAX);
    int err = lock_record_decode(in, arena, &r);
    must(err == 0 || err == ERR_CORRUPT);
    if (err == 0) {
        struct lock_try t = {
            .net = {.bits = 120}, .service = SPAN("smtp"), .has_fingerprint = true};
        for (int i = 0; i < 3; i++) {
            t.fingerprint = (uint64_t)in.n + (uint64_t)i;
            lock_record_prune(r, &rules, 1790000000000);
            (void)lock_record_fail(r, &t, &rules, 1790000000000);
        }
        lock_record_encode(r, &b);
        must(b.err == 0);
        must(lock_record_decode(buf_span(&b), arena, &again) == 0);
        must(again->nets_n == r->nets_n && again->attempts_n == r->attempts_n);
        lock_record_success(again, &t, 1790000000000);
        must(lock_record_state(again, t.net, &rules, 1790000000000).until_ms == 0 ||
             lock_record_state(again, t.net, &rules, 1790000000000).whole);
    }
    buf_done(&b);
    arena_free(arena);
}

/* ---- sound records and what damage makes of them ----------------------------------------- */

static struct ip_net draw_net(struct draw *d, size_t i)
{
    struct ip_net net = {.bits = (uint8_t)draw_below(d, 129)};
    net.ip.b[0] = (uint8_t)i; /* each network once */
    net.ip.b[1] = draw_u8(d);
    return net;
}

static int64_t draw_time(struct draw *d)
{
    return (int64_t)draw_up_to(d, (uint64_t)1 << 53);
}

static void draw_nets(struct draw *d, struct lock_record *r)
{
    r->nets_n = draw_below(d, LOCK_NETS + 1);
    for (size_t i = 0; i < r->nets_n; i++) {
        struct lock_net *n = &r->nets[i];
        n->net = draw_net(d, i);
        n->quarters = draw_u64(d);
        n->failures = draw_u64(d);
        n->level = draw_u64(d);
        n->until_ms = draw_time(d);
        n->last_ms = draw_time(d);
        n->fingerprints_n = draw_below(d, LOCK_FINGERPRINTS + 1);
        for (size_t k = 0; k < n->fingerprints_n; k++)
            n->fingerprints[k] = draw_u64(d);
    }
}

static void draw_attempts(struct draw *d, struct lock_record *r)
{
    r->attempts_n = draw_below(d, LOCK_ATTEMPTS + 1);
    for (size_t i = 0; i < r->attempts_n; i++) {
        struct lock_attempt *t = &r->attempts[i];
        t->at_ms = draw_time(d);
        t->net = draw_net(d, i);
        t->ok = draw_bool(d);
        t->service = draw_span(d, LOCK_SERVICE);
    }
}

static void same_lock(const struct lock_record *a, const struct lock_record *b)
{
    struct buf x, y;
    buf_init(&x, LOCK_RECORD_MAX);
    buf_init(&y, LOCK_RECORD_MAX);
    lock_record_encode(a, &x);
    lock_record_encode(b, &y);
    must(x.err == 0 && y.err == 0 && span_eq(buf_span(&x), buf_span(&y)));
    buf_done(&x);
    buf_done(&y);
}

static void draw_lock(struct draw *d)
{
    struct arena *arena = arena_new((size_t)1024 * 1024);
    struct lock_record *r, *back;
    struct buf b;
    must(arena != NULL);
    r = arena_alloc(arena, sizeof *r);
    must(r != NULL);
    r->level = draw_u64(d);
    r->until_ms = draw_time(d);
    r->last_login_ms = draw_time(d);
    draw_nets(d, r);
    draw_attempts(d, r);
    buf_init(&b, LOCK_RECORD_MAX);
    lock_record_encode(r, &b);
    must(b.err == 0 && lock_record_decode(buf_span(&b), arena, &back) == 0);
    same_lock(r, back);
    draw_damage(d, &b);
    read_lock(buf_span(&b));
    buf_done(&b);
    arena_free(arena);
}

static void draw_credentials(struct draw *d)
{
    struct buf b, scram;
    struct credentials c;
    struct scram_keys k;
    struct span salt = draw_span(d, 64), stored = SPAN("0123456789abcdef0123456789abcdef");
    uint64_t iterations = draw_up_to(d, 10000000);
    buf_init(&b, CREDENTIALS_MAX);
    buf_init(&scram, CREDENTIALS_MAX);
    pack_uint(&scram, iterations);
    pack_span(&scram, salt);
    pack_span(&scram, stored);
    pack_span(&scram, stored);
    credentials_wrap(SCHEME_SCRAM_SHA256, buf_span(&scram), &b);
    must(credentials_decode(buf_span(&b), &c) == 0 && c.n == 1);
    int err = credentials_scram(&c, &k);
    must((err == 0) == (iterations > 0 && salt.n > 0));
    must(err != 0 || (k.iterations == iterations && span_eq(k.salt, salt)));
    draw_damage(d, &b);
    read_credentials(buf_span(&b));
    buf_done(&b);
    buf_done(&scram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size), e = d;
    read_credentials(span_of(data, size));
    read_lock(span_of(data, size));
    draw_lock(&d);
    draw_credentials(&e);
    return 0;
}
