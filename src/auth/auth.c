/* SPDX-License-Identifier: Apache-2.0 */
/* The room as a whole: making it, changing its settings, passwords for the rooms above, history. */
#include "auth/auth_int.h"
#include "auth/scram.h"

#include "base/err.h"
#include "base/pack.h"
#include "directory/address.h"

#include <gsasl.h>
#include <sodium.h>

static const struct part system_part = {PART_SYSTEM, 0};

static struct auth_settings settings_of(const struct config *c)
{
    return (struct auth_settings){
        .cost = {.argon2_mem = (size_t)c->auth_argon2_mem,
                 .argon2_ops = (unsigned long long)c->auth_argon2_ops,
                 .scram_iterations = (unsigned)c->auth_scram_iter},
        .rules = {.failures = (uint64_t)c->lock_failures,
                  .time_ms = c->lock_time * 1000,
                  /* one that is shorter than the first lock was not meant */
                  .time_max_ms =
                      (c->lock_time_max > c->lock_time ? c->lock_time_max : c->lock_time) * 1000,
                  .networks = (uint64_t)c->lock_networks,
                  .forget_ms = c->lock_forget * 1000},
        .cache_ms = c->auth_cache_ttl * 1000,
        .fail_delay_ms = c->auth_fail_delay,
        .attempts_per_address = c->attempts_per_ip,
    };
}

struct auth_settings auth_settings_get(struct auth *a)
{
    pthread_mutex_lock(&a->lock);
    struct auth_settings s = a->settings;
    pthread_mutex_unlock(&a->lock);
    return s;
}

struct span auth_dummy(struct auth *a, struct arena *arena)
{
    struct buf b;
    char hash[CREDENTIALS_ARGON2_MAX];
    pthread_mutex_lock(&a->lock);
    memcpy(hash, a->dummy, sizeof hash);
    pthread_mutex_unlock(&a->lock);
    buf_init(&b, CREDENTIALS_MAX);
    credentials_wrap(SCHEME_ARGON2ID, span_str(hash), &b);
    struct span record = arena_dup(arena, buf_span(&b));
    buf_done(&b);
    return record;
}

/* The hash of 32 random bytes (as hex: passwords hold no NUL), forgotten at once. */
static int make_dummy(struct auth *a, const struct credentials_cost *cost, char *out)
{
    uint8_t random[32];
    char text[2 * sizeof random + 1];
    a->rng->fill(a->rng, random, sizeof random);
    sodium_bin2hex(text, sizeof text, random, sizeof random);
    int err = credentials_argon2(span_str(text), cost, out);
    sodium_memzero(text, sizeof text);
    sodium_memzero(random, sizeof random);
    return err;
}

/* ---- the installation's secret ---- */

static int make_secret(struct store_txn *t, void *arg)
{
    struct auth *a = arg;
    struct span kept;
    int err = store_txn_get(t, SPAN("auth/secret"), &kept);
    if (err == 0) {
        if (kept.n != sizeof a->secret)
            return ERR_CORRUPT;
        memcpy(a->secret, kept.p, kept.n);
        return 1; /* nothing to write */
    }
    if (err != ERR_NOT_FOUND)
        return err;
    a->rng->fill(a->rng, a->secret, sizeof a->secret);
    store_txn_put(t, SPAN("auth/secret"), span_of(a->secret, sizeof a->secret));
    return 0;
}

/* ---- life ---- */

static int start_threads(struct auth *a, const struct config *c)
{
    if (a->inline_hashing)
        return 0;
    int err = auth_pool_new((size_t)c->auth_threads, (size_t)c->auth_queue, &a->pool);
    return err != 0 ? err : auth_delay_new(a->clock, &a->delay);
}

static int fill(struct auth *a, const struct config *c)
{
    if (sodium_init() < 0)
        return ERR_UNAVAILABLE;
    if (gsasl_init(&a->gsasl) != GSASL_OK)
        return ERR_NOMEM;
    scram_setup(a->gsasl);
    int err = store_txn_run(a->store, system_part, make_secret, a);
    if (err >= 0)
        err = make_dummy(a, &a->settings.cost, a->dummy);
    if (err == 0)
        err = auth_cache_new(a->clock, a->rng, &a->cache);
    if (err == 0)
        err = address_limit_new(a->clock, a->rng, &a->addresses);
    if (err == 0)
        err = lockout_new(a->store, a->clock, a->secret, &a->lockout);
    if (err == 0)
        err = start_threads(a, c);
    return err;
}

int auth_new(const struct auth_options *options, struct auth **out)
{
    struct auth *a = calloc(1, sizeof *a);
    if (a == NULL)
        return ERR_NOMEM;
    a->directory = options->directory;
    a->store = options->store;
    a->clock = options->clock;
    a->rng = options->rng;
    a->inline_hashing = options->inline_hashing;
    a->settings = settings_of(options->config);
    must(pthread_mutex_init(&a->lock, NULL) == 0);
    auth_logins_init(a);
    int err = fill(a, options->config);
    if (err != 0)
        auth_free(a);
    else
        *out = a;
    return err;
}

void auth_free(struct auth *a)
{
    if (a == NULL)
        return;
    auth_pool_free(a->pool);
    auth_delay_free(a->delay);
    lockout_free(a->lockout);
    address_limit_free(a->addresses);
    auth_cache_free(a->cache);
    if (a->gsasl != NULL)
        gsasl_done(a->gsasl);
    pthread_mutex_destroy(&a->lock);
    auth_logins_done(a);
    sodium_memzero(a->secret, sizeof a->secret);
    free(a);
}

void auth_reconfigure(struct auth *a, const struct config *config)
{
    struct auth_settings s = settings_of(config);
    char dummy[CREDENTIALS_ARGON2_MAX];
    int err = make_dummy(a, &s.cost, dummy);
    pthread_mutex_lock(&a->lock);
    a->settings = s;
    if (err == 0) /* else the old one goes on: a hash of another cost is better than none */
        memcpy(a->dummy, dummy, sizeof dummy);
    pthread_mutex_unlock(&a->lock);
    if (a->pool != NULL)
        auth_pool_limit(a->pool, (size_t)config->auth_queue);
}

/* ---- passwords ---- */

int auth_credentials_make(struct auth *a,
                          struct span password,
                          struct arena *arena,
                          struct span *out)
{
    if (!password_is_possible(password))
        return ERR_INVALID;
    struct credentials_cost cost = auth_settings_get(a).cost;
    struct buf b;
    buf_init(&b, CREDENTIALS_MAX);
    int err = credentials_make(password, &cost, a->rng, &b);
    struct span record = SPAN_EMPTY;
    if (err == 0) {
        record = arena_dup(arena, buf_span(&b));
        err = arena_err(arena);
    }
    buf_done(&b);
    if (err == 0)
        *out = record;
    return err;
}

int auth_credentials_import(struct auth *a, struct span hash, struct arena *arena, struct span *out)
{
    (void)a;
    struct buf b;
    buf_init(&b, CREDENTIALS_MAX);
    int err = credentials_import(span_trim(hash), &b);
    struct span record = SPAN_EMPTY;
    if (err == 0) {
        record = arena_dup(arena, buf_span(&b));
        err = arena_err(arena);
    }
    buf_done(&b);
    if (err == 0)
        *out = record;
    return err;
}

static const char *name_of(const struct credentials_entry *e)
{
    switch (e->scheme) {
    case SCHEME_ARGON2ID: return "argon2id";
    case SCHEME_SCRAM_SHA256: return "scram";
    case SCHEME_ARGON2_FOREIGN:
        return span_starts(e->data, SPAN("$argon2id$")) ? "argon2id" : "argon2i";
    case SCHEME_CRYPT:
        return span_starts(e->data, SPAN("$6$"))   ? "sha512-crypt"
               : span_starts(e->data, SPAN("$5$")) ? "sha256-crypt"
                                                   : "bcrypt";
    case SCHEME_SHA1: return e->data.n > 20 ? "ssha" : "sha";
    case SCHEME_SHA256: return e->data.n > 32 ? "ssha256" : "sha256";
    case SCHEME_SHA512: return e->data.n > 64 ? "ssha512" : "sha512";
    case SCHEME_PLAIN: return "plain";
    default: return "unknown";
    }
}

struct span auth_credentials_describe(struct span credentials, struct arena *arena)
{
    struct credentials c;
    if (credentials_decode(credentials, &c) != 0)
        return SPAN("damaged");
    if (c.n == 0)
        return SPAN("none");
    struct buf b;
    buf_init(&b, 512);
    bool foreign = false;
    for (size_t i = 0; i < c.n; i++) {
        if (i > 0)
            buf_putc(&b, '+');
        buf_puts(&b, name_of(&c.v[i]));
        foreign |= c.v[i].scheme >= SCHEME_ARGON2_FOREIGN && c.v[i].scheme <= SCHEME_PLAIN;
    }
    if (foreign)
        buf_puts(&b, " (until the next login)");
    struct span text = arena_dup(arena, buf_span(&b));
    buf_done(&b);
    return text;
}

/* ---- history ---- */

enum { HISTORY_ARENA = 256 * 1024 };

static int normal_name(struct span address, struct arena *arena, struct span *out)
{
    struct address n;
    int err = address_normalize(address, arena, &n);
    if (err == 0)
        *out = n.whole;
    return err;
}

static void add_lock(struct auth_history *h, struct ip_net net, int64_t until_ms, uint64_t failures)
{
    h->locks[h->locks_n++] =
        (struct auth_lock){.net = net, .until_ms = until_ms, .failures = failures};
}

int auth_history_get(struct auth *a,
                     struct span address,
                     struct arena *arena,
                     struct auth_history *out)
{
    struct lockout_rules rules = auth_settings_get(a).rules;
    int64_t now = a->clock->wall_ms(a->clock);
    struct lock_record *r;
    struct span name;
    int err = normal_name(address, arena, &name);
    if (err == 0)
        err = lockout_read(a->lockout, &rules, name, arena, &r);
    if (err != 0)
        return err;
    struct auth_history h = {.last_login_ms = r->last_login_ms};
    h.attempts = arena_array(arena, LOCK_ATTEMPTS, sizeof *h.attempts);
    h.locks = arena_array(arena, LOCK_NETS + 1, sizeof *h.locks);
    if (h.attempts == NULL || h.locks == NULL)
        return arena_err(arena);
    for (; h.attempts_n < r->attempts_n; h.attempts_n++) {
        const struct lock_attempt *t = &r->attempts[h.attempts_n];
        h.attempts[h.attempts_n] = (struct auth_attempt){
            .at_ms = t->at_ms, .net = t->net, .ok = t->ok, .service = t->service};
    }
    static const struct ip_net nowhere = {.bits = 0};
    struct lock_state s = lock_record_state(r, nowhere, &rules, now);
    if (s.whole)
        add_lock(&h, nowhere, s.until_ms, r->level);
    for (size_t i = 0; i < r->nets_n; i++)
        if (lock_record_net_until(&r->nets[i], &rules, now) != 0)
            add_lock(&h, r->nets[i].net, r->nets[i].until_ms, r->nets[i].failures);
    *out = h;
    return 0;
}

int auth_unlock(struct auth *a, struct span address)
{
    struct lockout_rules rules = auth_settings_get(a).rules;
    struct arena *arena = arena_new(HISTORY_ARENA);
    struct lock_record *r;
    struct span name;
    if (arena == NULL)
        return ERR_NOMEM;
    int err = normal_name(address, arena, &name);
    if (err == 0)
        err = lockout_read(a->lockout, &rules, name, arena, &r);
    if (err == 0)
        err = lockout_clear(a->lockout, name);
    for (size_t i = 0; err == 0 && i < r->attempts_n; i++)
        address_limit_forget(a->addresses, r->attempts[i].net);
    arena_free(arena);
    return err;
}

int auth_account_forget(struct auth *a, struct span address)
{
    struct arena *arena = arena_new(HISTORY_ARENA);
    struct span name;
    if (arena == NULL)
        return ERR_NOMEM;
    int err = normal_name(address, arena, &name);
    if (err == 0)
        err = lockout_forget(a->lockout, name);
    arena_free(arena);
    return err;
}
