/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world.h"

#include "base/err.h"
#include "base/log.h"

#include <unistd.h>

enum { START_S = 1795341600 }; /* Sun, 22 Nov 2026 10:00:00 UTC */

static struct config *quick_config(void)
{
    struct config *c = config_default("/tmp");
    must(c != NULL);
    c->hostname = "mx.example.test";
    c->auth_argon2_mem = 8192;
    c->auth_argon2_ops = 1;
    c->auth_scram_iter = 4096;
    c->auth_fail_delay = 0;
    return c;
}

static int suspend(void *arg, struct arena *a, struct account *account)
{
    (void)arg;
    (void)a;
    account->status = ACCOUNT_SUSPENDED;
    return 0;
}

static uint64_t account(struct world *w, const char *address, const char *class)
{
    /* every account has the same password: hashing it once makes the tests quick */
    static char credentials[1024];
    static size_t credentials_n;
    struct arena *a = arena_new(1 << 20);
    struct span made = span_of(credentials, credentials_n);
    uint64_t id = 0;
    must(a != NULL);
    if (credentials_n == 0) {
        must(auth_credentials_make(w->auth, SPAN("secret"), a, &made) == 0);
        must(made.n <= sizeof credentials);
        memcpy(credentials, made.p, made.n);
        credentials_n = made.n;
    }
    struct account add = {
        .address = span_str(address), .class_name = span_str(class), .credentials = made};
    must(account_add(w->directory, &add, &id) == 0);
    must(mailbox_account_create(&w->mail, id, span_str(address)) == 0);
    arena_free(a);
    return id;
}

static void alias(struct world *w, const char *address, const char *first, const char *second)
{
    struct span targets[2] = {span_str(first), span_str(second)};
    struct alias add = {
        .address = span_str(address), .targets = targets, .targets_n = second != NULL ? 2 : 1};
    must(alias_put(w->directory, &add) == 0);
}

static void domain(struct world *w, struct span name, struct span alias_of)
{
    struct domain add = {.name = name, .alias_of = alias_of};
    must(domain_add(w->directory, &add) == 0);
}

static void populate(struct world *w)
{
    struct class_of_service normal = {.name = SPAN("default")};
    struct class_of_service small = {.name = SPAN("small"),
                                     .quota_messages = 2,
                                     .message_size = 20000,
                                     .send_per_hour = 3,
                                     .recipients_per_hour = 5};
    must(class_put(w->directory, &normal) == 0);
    must(class_put(w->directory, &small) == 0);
    domain(w, SPAN("example.test"), SPAN_EMPTY);
    domain(w, SPAN("example.com.test"), SPAN("example.test"));
    domain(w,
           SPAN("b\xc3\xbc"
                "cher.test"),
           SPAN_EMPTY);
    w->alice = account(w, "alice@example.test", "default");
    w->bob = account(w, "bob@example.test", "small");
    w->anna = account(w,
                      "anna@b\xc3\xbc"
                      "cher.test",
                      "default");
    (void)account(w, "sam@example.test", "default");
    must(account_change(w->directory, SPAN("sam@example.test"), suspend, NULL) == 0);
    alias(w, "team@example.test", "alice@example.test", "bob@example.test");
    alias(w, "away@example.test", "someone@far.test", NULL);
}

struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    must(w != NULL);
    log_setup(STDERR_FILENO, LOG_ERROR, LOG_LOGFMT);
    clock_fake_init(&w->clock, (int64_t)START_S * 1000);
    rng_seeded_init(&w->rng, 1);
    struct clock *clock = &w->clock.clock;
    struct rng *rng = &w->rng.rng;
    w->config = quick_config();
    struct store_options so = {.clock = clock, .rng = rng, .create = true};
    must(store_open("sim:", &so, NULL, &w->store) == 0);
    struct directory_options dir = {.store = w->store,
                                    .clock = clock,
                                    .rng = rng,
                                    .sub_address = "+",
                                    .postmaster = "alice@example.test"};
    must(directory_new(&dir, &w->directory) == 0);
    struct auth_options ao = {.directory = w->directory,
                              .store = w->store,
                              .clock = clock,
                              .rng = rng,
                              .config = w->config,
                              .inline_hashing = true};
    must(auth_new(&ao, &w->auth) == 0);
    w->mail =
        (struct mail){.store = w->store, .clock = clock, .rng = rng, .expunge_grace_ms = 3600000};
    w->delivery = (struct delivery){
        .directory = w->directory, .mail = &w->mail, .store = w->store, .clock = clock};
    w->rates = smtp_rates_new(clock);
    must(w->rates != NULL);
    w->spools = (struct spools){.dir = "/tmp"};
    w->mx = (struct smtp_server){.kind = SMTP_MX,
                                 .config = w->config,
                                 .auth = w->auth,
                                 .directory = w->directory,
                                 .delivery = &w->delivery,
                                 .clock = clock,
                                 .rng = rng,
                                 .spools = &w->spools,
                                 .rates = w->rates};
    w->submission = w->mx;
    w->submission.kind = SMTP_SUBMISSION;
    populate(w);
    return w;
}

void world_free(struct world *w)
{
    host_free(w->host);
    smtp_rates_free(w->rates);
    auth_free(w->auth);
    directory_free(w->directory);
    store_close(w->store);
    config_unref(w->config);
    free(w);
}

void world_connect(struct world *w, enum world_port port, enum host_cut cut)
{
    struct host_options o = {.tls = port == PORT_SUBMISSIONS,
                             .tls_possible = true,
                             .cut = cut,
                             .seed = 7,
                             .fake = &w->clock};
    host_free(w->host);
    w->host = host_new(smtp_session_new(port == PORT_MX ? &w->mx : &w->submission), &o);
    must(w->host != NULL);
}

static void inbox(struct world *w, uint64_t id, struct mail_view *out)
{
    struct arena *a = arena_new(1 << 20);
    struct mailbox box;
    must(a != NULL);
    must(mailbox_find_use(&w->mail, id, USE_INBOX, a, &box) == 0);
    must(mailbox_view_load(&w->mail, id, box.id, 10000, out) == 0);
    must(out->damaged == 0);
    arena_free(a);
}

size_t world_count(struct world *w, uint64_t id)
{
    struct mail_view v;
    inbox(w, id, &v);
    size_t n = v.n;
    mailbox_view_done(&v);
    return n;
}

void world_newest(struct world *w, uint64_t id, struct buf *out)
{
    struct mail_view v;
    struct blob_reader *r;
    struct blob_info info;
    inbox(w, id, &v);
    must(v.n > 0);
    must(mailbox_message_open(&w->mail, id, v.v[v.n - 1].message, &r, &info) == 0);
    buf_clear(out);
    for (uint64_t at = 0; at < info.size;) {
        size_t before = out->n;
        must(store_blob_read(r, at, 65536, out) == 0);
        at += out->n - before;
    }
    store_blob_close(r);
    mailbox_view_done(&v);
}

static void expunge_all(struct world *w, uint64_t id)
{
    struct mail_view v;
    size_t removed, purged;
    inbox(w, id, &v);
    for (size_t i = 0; i < v.n; i++)
        must(mailbox_expunge(&w->mail, id, v.mailbox, &v.v[i].uid, 1, 0, &removed) == 0);
    mailbox_view_done(&v);
    clock_fake_advance(&w->clock, w->mail.expunge_grace_ms + 1);
    must(mailbox_purge(&w->mail, id, SIZE_MAX, &purged) == 0);
}

void world_empty(struct world *w)
{
    const uint64_t ids[] = {w->alice, w->bob, w->anna};
    size_t removed, mail = 0;
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        mail += world_count(w, ids[i]);
    for (size_t i = 0; mail > 0 && i < COUNT_OF(ids); i++)
        expunge_all(w, ids[i]);
    clock_fake_advance(&w->clock, INT64_C(2) * 86400 * 1000);
    must(store_collect(w->store, 0, SIZE_MAX, &removed) == 0);
}
