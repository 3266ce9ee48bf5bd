/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, deciding and writing in one transaction of one shard; the deciding is
 * lockout_record.c's. */
#include "auth/lockout.h"

#include "auth/lockout_memory.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/pack.h"

#include <sodium.h>

enum {
    KEY_LOCK = 1, /* the kinds of keys in PART_AUTH: (1, username) -> lock record */
    ARENA = 4 * LOCK_RECORD_MAX,
};

struct lockout {
    struct store *store;
    struct clock *clock;
    uint8_t secret[32];
    struct lockout_memory *memory;
};

int lockout_new(struct store *store,
                struct clock *clock,
                const uint8_t *secret,
                struct lockout **out)
{
    struct lockout *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ERR_NOMEM;
    l->store = store;
    l->clock = clock;
    memcpy(l->secret, secret, sizeof l->secret);
    int err = lockout_memory_new(secret, &l->memory);
    if (err != 0)
        free(l);
    else
        *out = l;
    return err;
}

void lockout_free(struct lockout *l)
{
    if (l == NULL)
        return;
    lockout_memory_free(l->memory);
    sodium_memzero(l->secret, sizeof l->secret);
    free(l);
}

uint64_t lockout_fingerprint(const struct lockout *l, struct span username, struct span password)
{
    uint8_t hash[16];
    uint64_t n = username.n, v;
    crypto_generichash_state s;
    crypto_generichash_init(&s, l->secret, sizeof l->secret, sizeof hash);
    crypto_generichash_update(&s, (const uint8_t *)"fingerprint", 11);
    crypto_generichash_update(&s, (const uint8_t *)&n, sizeof n);
    crypto_generichash_update(&s, (const uint8_t *)username.p, username.n);
    crypto_generichash_update(&s, (const uint8_t *)password.p, password.n);
    crypto_generichash_final(&s, hash, sizeof hash);
    sodium_memzero(&s, sizeof s);
    memcpy(&v, hash, sizeof v);
    return v;
}

static struct part part_of(struct span username)
{
    uint8_t hash[16];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)username.p, username.n, NULL, 0);
    return (struct part){PART_AUTH, hash[0] % AUTH_SHARDS};
}

static struct span key_of(struct buf *b, struct span username)
{
    buf_init(b, LIMIT_STORE_KEY);
    pack_key_u8(b, KEY_LOCK);
    pack_key_span(b, username);
    return buf_span(b);
}

/* A damaged record costs its owner the memory of failures, not the mailbox. */
static int
decode(struct span bytes, struct span username, struct arena *arena, struct lock_record **out)
{
    int err = lock_record_decode(bytes, arena, out);
    if (err != ERR_CORRUPT)
        return err;
    log_event(LOG_WARN, "auth.lock-record-damaged", LOG_S("user", username));
    return lock_record_decode(SPAN_EMPTY, arena, out);
}

static int
read_stored(struct lockout *l, struct span username, struct arena *arena, struct lock_record **out)
{
    struct store_snap *snap;
    struct span value = SPAN_EMPTY;
    struct buf key;
    int err = store_snap_open(l->store, part_of(username), &snap);
    if (err != 0)
        return err;
    struct span k = key_of(&key, username);
    err = key.err != 0 ? key.err : store_snap_get(snap, k, arena, &value);
    buf_done(&key);
    store_snap_close(snap);
    if (err == ERR_NOT_FOUND)
        err = 0;
    return err != 0 ? err : decode(value, username, arena, out);
}

/* ---- checking ---- */

static void later_of(struct lock_state *s, struct lock_state other)
{
    if (other.until_ms > s->until_ms)
        *s = other;
}

int lockout_check(struct lockout *l,
                  const struct lockout_rules *rules,
                  struct lockout_name name,
                  struct ip_net net,
                  struct lock_state *out)
{
    int64_t now = l->clock->wall_ms(l->clock);
    struct lock_state s = {.until_ms = 0};
    struct lock_record *r;
    struct arena *arena = arena_new(ARENA);
    if (arena == NULL)
        return ERR_NOMEM;
    int err = 0;
    if (name.exists) {
        err = read_stored(l, name.username, arena, &r);
        if (err == 0)
            s = lock_record_state(r, net, rules, now);
    }
    if (err == 0 && lockout_memory_has(l->memory, name.username)) {
        err = lockout_memory_get(l->memory, name.username, arena, &r);
        if (err == 0)
            later_of(&s, lock_record_state(r, net, rules, now));
    }
    arena_free(arena);
    if (err == 0)
        *out = s;
    return err;
}

/* ---- counting ---- */

enum change { CHANGE_FAIL, CHANGE_SUCCESS, CHANGE_CLEAR };

struct work {
    enum change change;
    const struct lockout_rules *rules;
    struct span username;
    const struct lock_try *t;
    int64_t now_ms;
    struct lock_state state; /* out: locked already */
    bool repeated;           /* out */
};

/* 1: the record is to be written, 0: it is not. */
static int apply(struct work *w, struct lock_record *r)
{
    w->state = (struct lock_state){.until_ms = 0};
    w->repeated = false;
    if (w->change == CHANGE_CLEAR) {
        lock_record_clear(r);
        return 1;
    }
    w->state = lock_record_state(r, w->t->net, w->rules, w->now_ms);
    if (w->state.until_ms != 0)
        return 0;
    lock_record_prune(r, w->rules, w->now_ms);
    if (w->change == CHANGE_FAIL) {
        w->repeated = lock_record_fail(r, w->t, w->rules, w->now_ms);
        return 1;
    }
    if (!lock_record_success_matters(r, w->t->net, w->now_ms))
        return 0;
    lock_record_success(r, w->t, w->now_ms);
    return 1;
}

static int apply_stored(struct store_txn *t, void *arg)
{
    struct work *w = arg;
    struct lock_record *r;
    struct span value = SPAN_EMPTY;
    struct buf key, record;
    struct span k = key_of(&key, w->username);
    buf_init(&record, LOCK_RECORD_MAX);
    int err = key.err != 0 ? key.err : store_txn_get(t, k, &value);
    bool none = err == ERR_NOT_FOUND;
    if (none)
        err = 0;
    if (err == 0)
        err = decode(value, w->username, store_txn_arena(t), &r);
    if (err == 0 && !(none && w->change == CHANGE_CLEAR) && apply(w, r) != 0) {
        lock_record_encode(r, &record);
        err = record.err;
        if (err == 0)
            store_txn_put(t, k, buf_span(&record));
    }
    buf_done(&record);
    buf_done(&key);
    return err;
}

static int apply_memory(void *arg, struct lock_record *r)
{
    return apply(arg, r);
}

/* Does a success change anything? Answered without a transaction, as nearly all of them do not. */
static int success_matters(struct lockout *l, struct work *w, bool *matters_out)
{
    struct lock_record *r;
    struct arena *arena = arena_new(ARENA);
    if (arena == NULL)
        return ERR_NOMEM;
    int err = read_stored(l, w->username, arena, &r);
    if (err == 0) {
        w->state = lock_record_state(r, w->t->net, w->rules, w->now_ms);
        *matters_out =
            w->state.until_ms == 0 && lock_record_success_matters(r, w->t->net, w->now_ms);
    }
    arena_free(arena);
    return err;
}

int lockout_fail(struct lockout *l,
                 const struct lockout_rules *rules,
                 struct lockout_name name,
                 const struct lock_try *t,
                 struct lock_state *state_out,
                 bool *repeated_out)
{
    struct work w = {.change = CHANGE_FAIL, .rules = rules, .username = name.username, .t = t};
    w.now_ms = l->clock->wall_ms(l->clock);
    int err = ERR_UNAVAILABLE;
    if (name.exists) {
        err = store_txn_run(l->store, part_of(name.username), apply_stored, &w);
        if (err != 0)
            log_event(LOG_ERROR, "auth.lock-record-not-written", LOG_S("user", name.username),
                      LOG_ERR(err));
    }
    if (err != 0)
        err = lockout_memory_change(l->memory, name.username, apply_memory, &w);
    if (err == 0) {
        *state_out = w.state;
        *repeated_out = w.repeated;
    }
    return err;
}

int lockout_success(struct lockout *l,
                    const struct lockout_rules *rules,
                    struct lockout_name name,
                    const struct lock_try *t,
                    struct lock_state *out)
{
    struct work w = {.change = CHANGE_SUCCESS, .rules = rules, .username = name.username, .t = t};
    bool matters = false;
    w.now_ms = l->clock->wall_ms(l->clock);
    int err = success_matters(l, &w, &matters);
    if (err != 0)
        return err;
    if (matters) {
        err = store_txn_run(l->store, part_of(name.username), apply_stored, &w);
        if (err != 0)
            log_event(LOG_ERROR, "auth.lock-record-not-written", LOG_S("user", name.username),
                      LOG_ERR(err));
    }
    struct lock_state s = w.state;
    if (lockout_memory_has(l->memory, name.username)) {
        err = lockout_memory_change(l->memory, name.username, apply_memory, &w);
        if (err != 0)
            return err;
        later_of(&s, w.state);
    }
    *out = s;
    return 0;
}

int lockout_read(struct lockout *l,
                 const struct lockout_rules *rules,
                 struct span username,
                 struct arena *arena,
                 struct lock_record **out)
{
    struct lock_record *r;
    int err = read_stored(l, username, arena, &r);
    if (err != 0)
        return err;
    lock_record_prune(r, rules, l->clock->wall_ms(l->clock));
    *out = r;
    return 0;
}

int lockout_clear(struct lockout *l, struct span username)
{
    struct work w = {.change = CHANGE_CLEAR, .username = username};
    lockout_memory_forget(l->memory, username);
    return store_txn_run(l->store, part_of(username), apply_stored, &w);
}

static int forget_stored(struct store_txn *t, void *arg)
{
    const struct span *username = arg;
    struct buf key;
    struct span k = key_of(&key, *username);
    int err = key.err;
    if (err == 0)
        store_txn_del(t, k);
    buf_done(&key);
    return err;
}

int lockout_forget(struct lockout *l, struct span username)
{
    lockout_memory_forget(l->memory, username);
    return store_txn_run(l->store, part_of(username), forget_stored, &username);
}
