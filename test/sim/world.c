/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/err.h"
#include "client.h"
#include "trace.h"
#include "turns.h"

#include <sodium.h>

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
static const int64_t start_ms = INT64_C(1795341600000); /* Sun, 22 Nov 2026 10:00:00 UTC */

/* ---- what a seed is like -------------------------------------------------------------------- */

static unsigned one_of(struct rng *r, const unsigned *v, size_t n)
{
    return v[rng_below(r, n)];
}

static unsigned plan_faults(struct rng *r)
{
    const unsigned all = (1u << FAULT_KINDS) - 1;
    uint64_t how = rng_below(r, 20);
    if (how < 3)
        return 0; /* nothing may go wrong in such a run */
    if (how < 9)
        return 1u << FAULT_KILL | 1u << FAULT_POWER | 1u << FAULT_RESTART | 1u << FAULT_SLOW;
    return how < 12 ? all : (unsigned)rng_below(r, all + 1);
}

void plan_of_seed(struct plan *p, uint64_t seed)
{
    static const unsigned odds[] = {3, 10, 30, 100}, cuts[] = {0, 10, 40, 200},
                          means[] = {30, 100, 300, 1000};
    struct rng_seeded seeded;
    struct rng *r = &seeded.rng;
    rng_seeded_init(&seeded, seed ^ 0x706c616eu);
    *p = (struct plan){
        .seed = seed,
        .slots =
            rng_below(r, 12) == 0 ? 18 + (unsigned)rng_below(r, 7) : 2 + (unsigned)rng_below(r, 4),
        .clients = 2 + (unsigned)rng_below(r, 5),
        .visits = 4 + (unsigned)rng_below(r, 10),
        .odds = one_of(r, odds, COUNT_OF(odds)),
        .cut_odds = one_of(r, cuts, COUNT_OF(cuts)),
        .fault_mean = one_of(r, means, COUNT_OF(means)),
        .faults = plan_faults(r),
        .large_odds = rng_below(r, 4) == 0 ? 8 : 0,
        .long_waits = rng_below(r, 2) == 0,
        .exclusive = rng_below(r, 12) == 0,
        .keep_days = (int64_t)rng_below(r, 3),
        .remove_grace_days = (int64_t)rng_below(r, 3),
    };
}

/* ---- chance inside libsodium ---------------------------------------------------------------- */

static struct rng_seeded sodium_rng;

static const char *sodium_name(void)
{
    return "seeded";
}

static void sodium_fill(void *to, const size_t n)
{
    sodium_rng.rng.fill(&sodium_rng.rng, to, n);
}

static uint32_t sodium_u32(void)
{
    return (uint32_t)rng_u64(&sodium_rng.rng);
}

static void sodium_is_seeded(uint64_t seed)
{
    static randombytes_implementation seeded = {
        .implementation_name = sodium_name, .random = sodium_u32, .buf = sodium_fill};
    rng_seeded_init(&sodium_rng, 1); /* sodium_init takes some, the first time */
    must(randombytes_set_implementation(&seeded) == 0 && sodium_init() >= 0);
    rng_seeded_init(&sodium_rng, seed);
}

/* ---- the world ------------------------------------------------------------------------------ */

static void configure(struct config *c, const struct plan *p)
{
    c->hostname = "mx.sim.test";
    c->auth_argon2_mem = 8192;
    c->auth_argon2_ops = 1;
    c->auth_scram_iter = 4096;
    c->lock_failures = 100;
    c->attempts_per_ip = 100000;
    c->expunge_grace = 3600;
    c->pop3_exclusive = p->exclusive;
    c->pop3_keep_days = p->keep_days;
    c->imap_sharing_anyone = true;
    c->imap_keep_days = p->keep_days;
    c->remove_grace_days = p->remove_grace_days;
}

void world_open(struct world *w, const struct plan *plan)
{
    *w = (struct world){.plan = *plan};
    sodium_is_seeded(plan->seed);
    turns_begin(plan->seed, plan->odds, start_ms);
    rng_seeded_init(&w->rng, plan->seed ^ 0x736572766572u);
    w->config = config_default("/tmp");
    w->disk = sim_disk_new(plan->seed);
    must(w->config != NULL && w->disk != NULL);
    configure(w->config, plan);
    model_init(&w->model, plan->slots);
    fault_init(&w->fault, w);
}

void world_close(struct world *w)
{
    model_done(&w->model);
    sim_disk_free(w->disk);
    config_unref(w->config);
    turns_end();
}

/* ---- the server ----------------------------------------------------------------------------- */

static const struct config *config_now(void *arg)
{
    return ((struct world *)arg)->config;
}

static void status(void *arg, struct admin_status *out)
{
    *out = (struct admin_status){.started_ms = ((struct world *)arg)->started_ms};
}

static int reload(void *arg, struct buf *why)
{
    (void)arg;
    (void)why;
    return 0;
}

static int start_rooms(struct world *w)
{
    struct clock *clock = clock_system();
    struct rng *rng = &w->rng.rng;
    struct directory_options directory = {.store = w->store,
                                          .clock = clock,
                                          .rng = rng,
                                          .sub_address = "+",
                                          .remove_grace_ms = w->config->remove_grace_days * day_ms};
    int err = directory_new(&directory, &w->directory);
    if (err != 0)
        return err;
    struct auth_options auth = {.directory = w->directory,
                                .store = w->store,
                                .clock = clock,
                                .rng = rng,
                                .config = w->config};
    err = auth_new(&auth, &w->auth);
    w->rates = smtp_rates_new(clock);
    must(w->rates != NULL);
    return err;
}

/* As cli/serve.c does it. */
static void wire_rooms(struct world *w)
{
    struct clock *clock = clock_system();
    struct rng *rng = &w->rng.rng;
    w->mail = (struct mail){.store = w->store,
                            .clock = clock,
                            .rng = rng,
                            .expunge_grace_ms = w->config->expunge_grace * 1000};
    w->spools = (struct spools){.dir = "/tmp"};
    w->delivery = (struct delivery){w->directory, &w->mail, w->store, clock};
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
    w->pop3 = (struct pop3_server){w->config, w->auth, &w->mail, w->store, clock, w->directory};
    w->imap = (struct imap_server){.config = w->config,
                                   .auth = w->auth,
                                   .mail = &w->mail,
                                   .store = w->store,
                                   .clock = clock,
                                   .directory = w->directory,
                                   .spools = &w->spools};
    w->admin = (struct admin){.directory = w->directory,
                              .auth = w->auth,
                              .mail = &w->mail,
                              .delivery = &w->delivery,
                              .store = w->store,
                              .clock = clock,
                              .rng = rng,
                              .spools = &w->spools,
                              .arg = w,
                              .config = config_now,
                              .status = status,
                              .reload = reload};
    w->janitor = (struct janitor){.store = w->store,
                                  .directory = w->directory,
                                  .auth = w->auth,
                                  .mail = &w->mail,
                                  .clock = clock,
                                  .remove_grace_ms = w->config->remove_grace_days * day_ms,
                                  .stopping = &w->stopping};
}

int world_start(struct world *w)
{
    struct store_options options = {
        .clock = clock_system(), .rng = &w->rng.rng, .create = w->started_ms == 0};
    w->killed = w->stopping = false;
    int err = sim_store_open(w->disk, &options, NULL, &w->store);
    if (err != 0) {
        w->store = NULL;
        return err;
    }
    err = start_rooms(w);
    if (err != 0) {
        world_stop(w);
        return err;
    }
    wire_rooms(w);
    w->started_ms = turns_wall_ms();
    return 0;
}

void world_stop(struct world *w)
{
    auth_free(w->auth);
    smtp_rates_free(w->rates);
    directory_free(w->directory);
    store_close(w->store);
    w->auth = NULL;
    w->rates = NULL;
    w->directory = NULL;
    w->store = NULL;
}

/* ---- who is there at the beginning ----------------------------------------------------------- */

/* The same in every run of a process and in every process. Made once a process, which the run must not
 * notice: no chance is used up, nobody else goes first. */
static struct span first_password(struct world *w, struct arena *a)
{
    static char kept[1024];
    static size_t kept_n;
    char text[DOMAIN_TEXT];
    if (kept_n == 0) {
        struct rng_seeded before = w->rng, sodium_before = sodium_rng;
        struct span made;
        turns_hold();
        rng_seeded_init(&w->rng, 1);
        password_text(0, text);
        must(auth_credentials_make(w->auth, span_str(text), a, &made) == 0);
        must(made.n <= sizeof kept);
        memcpy(kept, made.p, kept_n = made.n);
        w->rng = before;
        sodium_rng = sodium_before;
        turns_release();
    }
    return span_of(kept, kept_n);
}

static void populate_account(struct world *w, unsigned slot, struct arena *a)
{
    const struct klass *k = &model_classes[rng_below(&w->rng.rng, model_classes_n)];
    struct life *l = life_new(&w->model, slot, k, 0);
    char address[DOMAIN_TEXT];
    slot_address(slot, address);
    struct account account = {.address = span_str(address),
                              .class_name = span_str(k->name),
                              .credentials = first_password(w, a)};
    uint64_t id;
    must(account_id_reserve(w->directory, &account.id) == 0);
    must(mailbox_account_create(&w->mail, account.id, account.address) == 0);
    must(account_add(w->directory, &account, &id) == 0);
    life_id_seen(&w->model, l, id);
    life_set(&w->model, l, &l->made, YES);
}

static void populate_alias(struct world *w, const char *address, unsigned slots)
{
    struct span targets[SLOTS_MAX];
    char texts[SLOTS_MAX][DOMAIN_TEXT];
    for (unsigned i = 0; i < slots; i++) {
        slot_address(i, texts[i]);
        targets[i] = span_str(texts[i]);
    }
    struct alias alias = {.address = span_str(address), .targets = targets, .targets_n = slots};
    must(alias_put(w->directory, &alias) == 0);
}

void world_populate(struct world *w)
{
    struct arena *a = arena_new(1 << 20);
    struct domain domain = {.name = SPAN("sim.test")};
    struct domain other = {.name = SPAN("alias.test"), .alias_of = SPAN("sim.test")};
    must(a != NULL);
    must(domain_add(w->directory, &domain) == 0 && domain_add(w->directory, &other) == 0);
    for (size_t i = 0; i < model_classes_n; i++) {
        const struct klass *k = &model_classes[i];
        struct class_of_service class = {.name = span_str(k->name),
                                         .quota_messages = k->quota_messages,
                                         .quota_bytes = k->quota_bytes,
                                         .message_size = k->message_size};
        class.retention_days[USE_INBOX] = k->retention_days;
        must(class_put(w->directory, &class) == 0);
    }
    /* the last address is nobody's at first */
    for (unsigned slot = 0; slot + 1 < w->plan.slots; slot++)
        populate_account(w, slot, a);
    populate_alias(w, "pair@sim.test", 2);
    populate_alias(w, "all@sim.test", w->plan.slots);
    arena_free(a);
}

/* ---- from the faults -------------------------------------------------------------------------- */

void world_at_op(struct world *w)
{
    struct client *c = turns_own();
    (void)w;
    if (c != NULL && c->at_op != NULL)
        c->at_op(c);
}

void world_killed(struct world *w)
{
    trace("the server is dead");
    w->killed = true;
    world_touch_all(w);
}

void world_touch_all(struct world *w)
{
    for (size_t i = 0; i < w->clients_n; i++)
        w->clients[i].touched = w->clients[i].blurred = true;
}

void world_touch_running(struct world *w)
{
    struct client *c = turns_own();
    (void)w;
    if (c == NULL)
        return;
    c->touched = true;
    c->errors++;
}

static void jump_seen(struct world *w)
{
    int64_t now = turns_wall_ms();
    struct life *l = w->operator_removes;
    for (size_t i = 0; i < w->model.messages_n; i++)
        if (w->model.messages[i]->at_work)
            message_at_work(w->model.messages[i], now);
    if (l == NULL)
        return;
    l->removed_min = now < l->removed_min ? now : l->removed_min;
    l->removed_max = now > l->removed_max ? now : l->removed_max;
}

void world_jump(struct world *w, int64_t ms)
{
    trace("the clock is set by %lld ms", (long long)ms);
    jump_seen(w);
    turns_wall_jump(ms);
    jump_seen(w);
    world_touch_all(w);
}

void world_wake_somebody(struct world *w, uint64_t which)
{
    for (size_t i = 0; i < w->clients_n; i++) {
        struct client *c = &w->clients[(which + i) % w->clients_n];
        struct session *s = c->host != NULL ? host_session(c->host) : NULL;
        if (s == NULL)
            continue;
        trace("a wake-up for %s", c->name);
        /* its client may go on and hang up meanwhile */
        struct waker *waker = s->waker;
        turns_hold();
        waker->ref(waker);
        turns_release();
        waker->post(waker);
        waker->unref(waker);
        return;
    }
}
