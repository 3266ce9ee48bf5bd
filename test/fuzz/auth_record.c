/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a credentials record and as a lock record, as a damaged disk would give them. What
 * is read is written to a record that reads the same, and the rules hold for it. */
#include "fuzz.h"

#include "auth/auth.h"
#include "auth/credentials.h"
#include "auth/lockout_record.h"

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
    if (lock_record_decode(in, arena, &r) == 0) {
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_credentials(span_of(data, size));
    read_lock(span_of(data, size));
    return 0;
}
