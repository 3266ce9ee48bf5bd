/* SPDX-License-Identifier: Apache-2.0 */
/* The record's bytes and its rules. */
#include "auth/lockout_record.h"

#include "base/err.h"
#include "base/pack.h"

enum { VERSION = 1 };
static const int64_t TIME_MAX_MS = (int64_t)1 << 53;

static bool net_eq(struct ip_net a, struct ip_net b)
{
    return a.bits == b.bits && ip_eq(a.ip, b.ip);
}

/* Its index; nets_n: not there. */
static size_t find(const struct lock_record *r, struct ip_net net)
{
    size_t i = 0;
    while (i < r->nets_n && !net_eq(r->nets[i].net, net))
        i++;
    return i;
}

/* ---- bytes ---- */

static void put_net(struct buf *b, struct ip_net net)
{
    pack_span(b, span_of(net.ip.b, sizeof net.ip.b));
    pack_u8(b, net.bits);
}

static struct ip_net take_net(struct unpack *u)
{
    struct ip_net net = {.bits = 0};
    struct span ip = unpack_span(u);
    net.bits = unpack_u8(u);
    if (ip.n != sizeof net.ip.b || net.bits > 128)
        u->bad = true;
    else
        memcpy(net.ip.b, ip.p, ip.n);
    return net;
}

/* A time no clock shows is damage, and would overflow the sums made with it. */
static int64_t take_time(struct unpack *u)
{
    int64_t ms = unpack_int(u);
    if (ms < 0 || ms > TIME_MAX_MS)
        u->bad = true;
    return ms;
}

/* Fields that a newer program adds go into a network's or an attempt's own length-prefixed part. */
static void put_lock_net(struct buf *b, const struct lock_net *n)
{
    struct buf part;
    buf_init(&part, 1024);
    put_net(&part, n->net);
    pack_uint(&part, n->quarters);
    pack_uint(&part, n->failures);
    pack_uint(&part, n->level);
    pack_int(&part, n->until_ms);
    pack_int(&part, n->last_ms);
    pack_uint(&part, n->fingerprints_n);
    for (size_t i = 0; i < n->fingerprints_n; i++)
        pack_key_u64(&part, n->fingerprints[i]);
    if (part.err != 0)
        b->err = part.err;
    pack_span(b, buf_span(&part));
    buf_done(&part);
}

static void take_lock_net(struct unpack *from, struct lock_net *n)
{
    struct unpack u = unpack_of(unpack_span(from));
    n->net = take_net(&u);
    n->quarters = unpack_uint(&u);
    n->failures = unpack_uint(&u);
    n->level = unpack_uint(&u);
    n->until_ms = take_time(&u);
    n->last_ms = take_time(&u);
    uint64_t count = unpack_uint(&u);
    if (count > LOCK_FINGERPRINTS)
        u.bad = true;
    for (n->fingerprints_n = 0; !u.bad && n->fingerprints_n < count; n->fingerprints_n++)
        n->fingerprints[n->fingerprints_n] = unpack_key_u64(&u);
    if (u.bad)
        from->bad = true;
}

void lock_record_encode(const struct lock_record *r, struct buf *out)
{
    pack_u8(out, VERSION);
    pack_uint(out, r->level);
    pack_int(out, r->until_ms);
    pack_int(out, r->last_login_ms);
    pack_uint(out, r->nets_n);
    for (size_t i = 0; i < r->nets_n; i++)
        put_lock_net(out, &r->nets[i]);
    pack_uint(out, r->attempts_n);
    for (size_t i = 0; i < r->attempts_n; i++) {
        const struct lock_attempt *t = &r->attempts[i];
        pack_int(out, t->at_ms);
        put_net(out, t->net);
        pack_u8(out, t->ok ? 1 : 0);
        pack_span(out, t->service);
    }
}

int lock_record_decode(struct span bytes, struct arena *arena, struct lock_record **out)
{
    struct lock_record *r = arena_alloc(arena, sizeof *r);
    if (r == NULL)
        return arena_err(arena);
    if (bytes.n == 0) {
        *out = r;
        return 0;
    }
    struct unpack u = unpack_of(bytes);
    if (unpack_u8(&u) < VERSION)
        return ERR_CORRUPT;
    r->level = unpack_uint(&u);
    r->until_ms = take_time(&u);
    r->last_login_ms = take_time(&u);
    uint64_t n = unpack_uint(&u);
    if (n > LOCK_NETS)
        return ERR_CORRUPT;
    for (r->nets_n = 0; !u.bad && r->nets_n < n; r->nets_n++) {
        take_lock_net(&u, &r->nets[r->nets_n]);
        /* a network that is there twice would stay locked after its login has succeeded */
        if (find(r, r->nets[r->nets_n].net) < r->nets_n)
            u.bad = true;
    }
    n = unpack_uint(&u);
    if (n > LOCK_ATTEMPTS)
        return ERR_CORRUPT;
    for (r->attempts_n = 0; !u.bad && r->attempts_n < n; r->attempts_n++) {
        struct lock_attempt *t = &r->attempts[r->attempts_n];
        t->at_ms = take_time(&u);
        t->net = take_net(&u);
        t->ok = unpack_u8(&u) != 0;
        t->service = unpack_span(&u);
        if (t->service.n > LOCK_SERVICE)
            u.bad = true;
    }
    int err = unpack_end(&u);
    if (err == 0)
        *out = r;
    return err;
}

/* ---- rules ---- */

/* A lock that would last longer than any may was made under other rules, or before the clock was
 * set back: it must not shut somebody out for years. */
static bool in_force(int64_t until_ms, const struct lockout_rules *rules, int64_t now_ms)
{
    return until_ms > now_ms && until_ms - now_ms <= rules->time_max_ms;
}

static int64_t lock_end(uint64_t level, const struct lockout_rules *rules, int64_t now_ms)
{
    int64_t ms = rules->time_ms;
    for (uint64_t i = 1; i < level && ms < rules->time_max_ms; i++)
        ms *= 2;
    return now_ms + (ms < rules->time_max_ms ? ms : rules->time_max_ms);
}

static bool is_stale(const struct lock_net *n, const struct lockout_rules *rules, int64_t now_ms)
{
    if (in_force(n->until_ms, rules, now_ms))
        return false;
    /* `last_ms` in the future: the clock was set back */
    return n->last_ms > now_ms + rules->forget_ms || now_ms - n->last_ms >= rules->forget_ms;
}

void lock_record_prune(struct lock_record *r, const struct lockout_rules *rules, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->nets_n; i++)
        if (!is_stale(&r->nets[i], rules, now_ms))
            r->nets[kept++] = r->nets[i];
    r->nets_n = kept;
    if (!in_force(r->until_ms, rules, now_ms) && now_ms - r->until_ms >= rules->forget_ms) {
        r->level = 0;
        r->until_ms = 0;
    }
}

int64_t
lock_record_net_until(const struct lock_net *n, const struct lockout_rules *rules, int64_t now_ms)
{
    return in_force(n->until_ms, rules, now_ms) ? n->until_ms : 0;
}

struct lock_state lock_record_state(const struct lock_record *r,
                                    struct ip_net net,
                                    const struct lockout_rules *rules,
                                    int64_t now_ms)
{
    struct lock_state s = {.until_ms = 0};
    size_t at = find(r, net);
    if (at < r->nets_n)
        s.until_ms = lock_record_net_until(&r->nets[at], rules, now_ms);
    if (in_force(r->until_ms, rules, now_ms)) {
        s.whole = true;
        if (r->until_ms > s.until_ms)
            s.until_ms = r->until_ms;
    }
    return s;
}

static void add_attempt(struct lock_record *r, const struct lock_try *t, bool ok, int64_t now_ms)
{
    if (r->attempts_n < LOCK_ATTEMPTS)
        r->attempts_n++;
    memmove(&r->attempts[1], &r->attempts[0], (r->attempts_n - 1) * sizeof r->attempts[0]);
    r->attempts[0] = (struct lock_attempt){.at_ms = now_ms,
                                           .net = t->net,
                                           .ok = ok,
                                           .service = span_slice(t->service, 0, LOCK_SERVICE)};
}

/* Room for one more network: the one that failed longest ago goes, a locked one only if all are. */
static void make_room(struct lock_record *r, const struct lockout_rules *rules, int64_t now_ms)
{
    if (r->nets_n < LOCK_NETS)
        return;
    size_t worst = 0;
    for (size_t i = 1; i < r->nets_n; i++) {
        bool locked = in_force(r->nets[i].until_ms, rules, now_ms);
        bool worst_locked = in_force(r->nets[worst].until_ms, rules, now_ms);
        if (locked != worst_locked ? worst_locked : r->nets[i].last_ms < r->nets[worst].last_ms)
            worst = i;
    }
    r->nets[worst] = r->nets[--r->nets_n];
}

static bool knows(const struct lock_net *n, uint64_t fingerprint)
{
    for (size_t i = 0; i < n->fingerprints_n; i++)
        if (n->fingerprints[i] == fingerprint)
            return true;
    return false;
}

static void remember(struct lock_net *n, uint64_t fingerprint)
{
    if (n->fingerprints_n == LOCK_FINGERPRINTS) {
        memmove(&n->fingerprints[0], &n->fingerprints[1],
                (LOCK_FINGERPRINTS - 1) * sizeof n->fingerprints[0]);
        n->fingerprints_n--;
    }
    n->fingerprints[n->fingerprints_n++] = fingerprint;
}

static void
lock_account_if_many(struct lock_record *r, const struct lockout_rules *rules, int64_t now_ms)
{
    uint64_t locked = 0;
    if (in_force(r->until_ms, rules, now_ms))
        return;
    for (size_t i = 0; i < r->nets_n; i++)
        locked += in_force(r->nets[i].until_ms, rules, now_ms);
    /* More networks than are remembered can never be locked at once: then all that are is enough.
     */
    if (locked < rules->networks && locked < LOCK_NETS)
        return;
    r->level++;
    r->until_ms = lock_end(r->level, rules, now_ms);
}

bool lock_record_fail(struct lock_record *r,
                      const struct lock_try *t,
                      const struct lockout_rules *rules,
                      int64_t now_ms)
{
    add_attempt(r, t, false, now_ms);
    size_t at = find(r, t->net);
    if (at == r->nets_n) {
        make_room(r, rules, now_ms);
        at = r->nets_n++;
        r->nets[at] = (struct lock_net){.net = t->net};
    }
    struct lock_net *n = &r->nets[at];
    n->last_ms = now_ms;
    bool repeated = t->has_fingerprint && knows(n, t->fingerprint);
    if (repeated)
        return true;
    if (t->has_fingerprint)
        remember(n, t->fingerprint);
    n->failures++;
    n->quarters += t->has_fingerprint ? QUARTERS : 1;
    if (n->quarters >= rules->failures * QUARTERS) {
        n->quarters = 0;
        n->level++;
        n->until_ms = lock_end(n->level, rules, now_ms);
        lock_account_if_many(r, rules, now_ms);
    }
    return false;
}

bool lock_record_success_matters(const struct lock_record *r, struct ip_net net, int64_t now_ms)
{
    int64_t age = now_ms - r->last_login_ms;
    return find(r, net) < r->nets_n || age >= LOCK_SUCCESS_EVERY_MS || age < 0;
}

void lock_record_success(struct lock_record *r, const struct lock_try *t, int64_t now_ms)
{
    size_t at = find(r, t->net);
    if (at < r->nets_n)
        r->nets[at] = r->nets[--r->nets_n];
    add_attempt(r, t, true, now_ms);
    r->last_login_ms = now_ms;
}

void lock_record_clear(struct lock_record *r)
{
    r->nets_n = 0;
    r->level = 0;
    r->until_ms = 0;
}
