/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static void world_open(struct world *w, const char *sub_address, const char *postmaster)
{
    struct store_options store = {.clock = &w->clock.clock, .rng = &w->rng.rng, .create = true};
    assert_int_equal(sim_store_open(w->disk, &store, NULL, &w->store), 0);
    struct directory_options options = {
        .store = w->store,
        .clock = &w->clock.clock,
        .rng = &w->rng.rng,
        .sub_address = sub_address,
        .postmaster = postmaster,
        .remove_grace_ms = 1000,
    };
    assert_int_equal(directory_new(&options, &w->d), 0);
}

int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->disk = sim_disk_new(7);
    clock_fake_init(&w->clock, 1700000000000);
    rng_seeded_init(&w->rng, 7);
    w->a = arena_new(64 * 1024 * 1024);
    world_open(w, "+", NULL);
    add_domain(w, "example.test", "");
    add_domain(w, "example.com.test", "example.test");
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    struct world *w = *state;
    directory_free(w->d);
    store_close(w->store);
    sim_disk_free(w->disk);
    arena_free(w->a);
    free(w);
    return 0;
}

void world_reopen(struct world *w, const char *sub_address, const char *postmaster)
{
    directory_free(w->d);
    store_close(w->store);
    world_open(w, sub_address, postmaster);
}

uint64_t add_account(struct world *w, const char *address)
{
    struct account account = {.address = span_str(address), .credentials = SPAN("secret")};
    uint64_t id = 0;
    assert_int_equal(account_add(w->d, &account, &id), 0);
    return id;
}

void purge_account(struct world *w, const char *address)
{
    uint64_t id;
    assert_int_equal(account_purge_begin(w->d, span_str(address), INT64_MAX, &id), 0);
    assert_int_equal(account_purge(w->d, span_str(address)), 0);
}

void add_alias(struct world *w, const char *address, const char *target, const char *second)
{
    struct span targets[2] = {span_str(target), span_str(second)};
    struct alias alias = {span_str(address), targets, second != NULL ? 2 : 1};
    assert_int_equal(alias_put(w->d, &alias), 0);
}

void add_domain(struct world *w, const char *name, const char *alias_of)
{
    struct domain domain = {.name = span_str(name), .alias_of = span_str(alias_of)};
    assert_int_equal(domain_add(w->d, &domain), 0);
}

void set_domain(struct world *w, const char *name, const char *catch_all, bool suspended)
{
    struct domain domain;
    assert_int_equal(domain_get(w->d, span_str(name), w->a, &domain), 0);
    domain.catch_all = span_str(catch_all);
    domain.suspended = suspended;
    assert_int_equal(domain_set(w->d, &domain), 0);
}

struct raw {
    struct span key;
    struct span value;
};

static int raw_txn(struct store_txn *t, void *arg)
{
    const struct raw *r = arg;
    store_txn_put(t, r->key, r->value);
    return 0;
}

void put_raw(struct world *w, uint8_t kind, const char *address, struct span value)
{
    struct address normal;
    assert_int_equal(address_normalize(span_str(address), w->a, &normal), 0);
    struct raw r = {key_of_address(kind, &normal, w->a), value};
    assert_int_equal(store_txn_run(w->store, part_of_address(&normal), raw_txn, &r), 0);
}

void rot(struct world *w, uint8_t kind, const char *address)
{
    struct address normal;
    assert_int_equal(address_normalize(span_str(address), w->a, &normal), 0);
    assert_true(
        sim_corrupt_record(w->disk, part_of_address(&normal), key_of_address(kind, &normal, w->a)));
}
