/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <gsasl.h>
#include <time.h>

static void on_post(struct waker *w)
{
    sem_post(&((struct rig_waker *)w)->posts);
}
static void on_ref(struct waker *w)
{
    ((struct rig_waker *)w)->refs++;
}
static void on_unref(struct waker *w)
{
    ((struct rig_waker *)w)->refs--;
}

static void start(struct rig *r)
{
    struct store_options so = {.clock = &r->fake.clock, .rng = rng_system(), .create = true};
    assert_int_equal(sim_store_open(r->disk, &so, NULL, &r->store), 0);
    struct directory_options dopt = {.store = r->store,
                                     .clock = &r->fake.clock,
                                     .rng = rng_system(),
                                     .sub_address = "+",
                                     .remove_grace_ms = 1000};
    assert_int_equal(directory_new(&dopt, &r->directory), 0);
    struct auth_options o = {.directory = r->directory,
                             .store = r->store,
                             .clock = &r->fake.clock,
                             .rng = rng_system(),
                             .config = r->config,
                             .inline_hashing = r->inline_hashing};
    assert_int_equal(auth_new(&o, &r->auth), 0);
}

static void stop(struct rig *r)
{
    auth_free(r->auth);
    directory_free(r->directory);
    store_close(r->store);
}

static void add_account(struct rig *r, struct span address, struct span credentials)
{
    struct account a = {.address = address, .credentials = credentials};
    uint64_t id;
    assert_int_equal(account_add(r->directory, &a, &id), 0);
}

static int suspend(void *arg, struct arena *arena, struct account *a)
{
    (void)arg;
    (void)arena;
    a->status = ACCOUNT_SUSPENDED;
    return 0;
}

static void people(struct rig *r)
{
    struct domain d = {.name = SPAN("example.test")};
    struct domain other = {.name = SPAN("example.com.test"), .alias_of = SPAN("example.test")};
    struct span alice = SPAN("alice@example.test");
    struct alias info = {.address = SPAN("info@example.test"), .targets = &alice, .targets_n = 1};
    struct span own, ssha;
    assert_int_equal(domain_add(r->directory, &d), 0);
    assert_int_equal(domain_add(r->directory, &other), 0);
    assert_int_equal(auth_credentials_make(r->auth, RIGHT, r->arena, &own), 0);
    assert_int_equal(auth_credentials_import(r->auth,
                                             SPAN("{SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA=="),
                                             r->arena, &ssha),
                     0);
    add_account(r, alice, own);
    add_account(r, SPAN("bob@example.test"), ssha);
    add_account(r, SPAN("eve@example.test"), own);
    add_account(r, SPAN("nopass@example.test"), SPAN_EMPTY);
    assert_int_equal(account_change(r->directory, SPAN("eve@example.test"), suspend, NULL), 0);
    assert_int_equal(alias_put(r->directory, &info), 0);
}

void rig_open(struct rig *r, bool inline_hashing)
{
    memset(r, 0, sizeof *r);
    r->inline_hashing = inline_hashing;
    clock_fake_init(&r->fake, 1790000000000); /* 2026-09-21 14:13:20 UTC */
    r->waker.w = (struct waker){on_post, on_ref, on_unref};
    sem_init(&r->waker.posts, 0, 0);
    r->arena = arena_new((size_t)16 * 1024 * 1024);
    assert_non_null(r->arena);
    r->disk = sim_disk_new(1);
    assert_non_null(r->disk);
    r->config = config_default("/nowhere");
    assert_non_null(r->config);
    r->config->auth_argon2_mem = 8192;
    r->config->auth_argon2_ops = 1;
    r->config->auth_scram_iter = 4096;
    start(r);
    people(r);
}

void rig_close(struct rig *r)
{
    stop(r);
    sim_disk_free(r->disk);
    config_unref(r->config);
    arena_free(r->arena);
    assert_int_equal(r->waker.refs, 0);
    sem_destroy(&r->waker.posts);
}

void rig_restart(struct rig *r)
{
    sim_crash(r->disk, 0);
    stop(r);
    start(r);
}

int rig_setup(void **state)
{
    static struct rig r;
    rig_open(&r, true);
    *state = &r;
    return 0;
}

int rig_teardown(void **state)
{
    rig_close(*state);
    return 0;
}

struct auth_peer rig_peer(const char *ip)
{
    struct auth_peer p = {.service = "pop3", .secure = true};
    assert_true(ip_parse(span_str(ip), &p.ip));
    return p;
}

int rig_finish(struct rig *r, struct auth_exchange *x, struct span *text)
{
    struct span challenge;
    enum auth_step step = auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
    for (int i = 0; step == AUTH_WAIT && i < 100000; i++) {
        clock_fake_advance(&r->fake, 1);
        if (!r->inline_hashing) /* a thread is hashing, in real time */
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        step = auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
    }
    assert_true(step == AUTH_OK || step == AUTH_FAIL);
    const struct auth_result *res = auth_exchange_result(x);
    assert_int_equal(step == AUTH_OK, res->err == 0);
    if (text != NULL)
        *text = arena_dup(r->arena, res->text);
    return res->err;
}

int rig_login(
    struct rig *r, const char *ip, struct span username, struct span password, struct span *text)
{
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer(ip);
    int err = auth_exchange_open_password(r->auth, &peer, username, password, &r->waker.w, &x);
    if (err != 0)
        return err;
    err = rig_finish(r, x, text);
    auth_exchange_close(x);
    return err;
}

struct account rig_account(struct rig *r, struct span address)
{
    struct account a;
    assert_int_equal(account_get(r->directory, address, r->arena, &a), 0);
    return a;
}

static int change_password(void *arg, struct arena *arena, struct account *a)
{
    a->credentials = arena_dup(arena, *(struct span *)arg);
    return 0;
}

void rig_password_set(struct rig *r, struct span address, struct span password)
{
    struct span made;
    assert_int_equal(auth_credentials_make(r->auth, password, r->arena, &made), 0);
    assert_int_equal(account_change(r->directory, address, change_password, &made), 0);
}

/* ---- SCRAM ---- */

static int on_client(Gsasl *ctx, Gsasl_session *session, Gsasl_property prop)
{
    const struct rig_scram *s = gsasl_callback_hook_get(ctx);
    switch (prop) {
    case GSASL_AUTHID: return gsasl_property_set(session, prop, s->username);
    case GSASL_AUTHZID:
        return s->authzid == NULL ? GSASL_NO_AUTHZID
                                  : gsasl_property_set(session, prop, s->authzid);
    case GSASL_PASSWORD: return gsasl_property_set(session, prop, s->password);
    case GSASL_CB_TLS_EXPORTER:
        return s->client_exporter == NULL ? GSASL_NO_CB_TLS_EXPORTER
                                          : gsasl_property_set(session, prop, s->client_exporter);
    case GSASL_CB_TLS_UNIQUE: return GSASL_NO_CB_TLS_UNIQUE;
    default: return GSASL_NO_CALLBACK;
    }
}

static int converse(struct auth_exchange *x, Gsasl_session *client)
{
    struct span challenge = SPAN_EMPTY;
    bool first = true;
    int rc = GSASL_NEEDS_MORE;
    for (int i = 0; i < 10; i++) {
        char *out = NULL;
        size_t n = 0;
        if (rc == GSASL_NEEDS_MORE)
            rc = gsasl_step(client, challenge.p, challenge.n, &out, &n);
        if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE) {
            gsasl_free(out);
            return ERR_CONFLICT;
        }
        enum auth_step step = auth_exchange_step(x, true, span_of(out, n), &challenge);
        gsasl_free(out);
        if (step == AUTH_OK)
            return rc == GSASL_OK ? 0 : ERR_CONFLICT;
        if (step == AUTH_FAIL)
            return auth_exchange_result(x)->err;
        assert_int_equal(step, AUTH_SEND);
        assert_true(first || challenge.n > 0);
        first = false;
    }
    return ERR_LOOP;
}

void rig_binding(struct binder *b, struct binding *out)
{
    struct rig_binder *r = CONTAINER_OF(b, struct rig_binder, b);
    *out = (struct binding){.exporter_n = r->exporter.n, .unique_n = r->unique.n};
    if (r->exporter.n > 0)
        memcpy(out->exporter, r->exporter.p, r->exporter.n);
    if (r->unique.n > 0)
        memcpy(out->unique, r->unique.p, r->unique.n);
}

int rig_scram(struct rig *r, const struct rig_scram *s)
{
    Gsasl *ctx;
    Gsasl_session *client;
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer(s->ip != NULL ? s->ip : "192.0.2.1");
    peer.binder = s->server_binder;
    int err = auth_exchange_open(r->auth, &peer, span_str(s->mechanism), &r->waker.w, &x);
    if (err != 0)
        return err;
    assert_int_equal(gsasl_init(&ctx), GSASL_OK);
    gsasl_callback_set(ctx, on_client);
    struct rig_scram hook = *s;
    gsasl_callback_hook_set(ctx, &hook);
    assert_int_equal(gsasl_client_start(ctx, s->mechanism, &client), GSASL_OK);
    err = converse(x, client);
    gsasl_finish(client);
    gsasl_done(ctx);
    auth_exchange_close(x);
    return err;
}
