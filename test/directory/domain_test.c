/* SPDX-License-Identifier: Apache-2.0 */
/* Domains, alias domains, classes of service, and the memory that serves them. */
#include "world.h"

static struct domain get(struct world *w, const char *name)
{
    struct domain domain;
    assert_int_equal(domain_get(w->d, span_str(name), w->a, &domain), 0);
    return domain;
}

static int get_err(struct world *w, const char *name)
{
    struct domain domain;
    return domain_get(w->d, span_str(name), w->a, &domain);
}

static void domains_are_added_and_found(void **state)
{
    struct world *w = *state;
    struct class_of_service gold = {.name = SPAN("gold")};
    assert_int_equal(class_put(w->d, &gold), 0);
    struct domain in = {.name = SPAN("XN--mller-kva.Test"),
                        .catch_all = SPAN("Info@Elsewhere.test"),
                        .default_class = SPAN("Gold"),
                        .suspended = true,
                        .created_ms = 5};
    assert_int_equal(domain_add(w->d, &in), 0);
    struct domain got = get(w, "M\u00dcLLER.test");
    assert_span(got.name, "m\u00fcller.test");
    assert_span(got.catch_all, "Info@elsewhere.test");
    assert_span(got.default_class, "gold");
    assert_true(got.suspended);
    assert_int_equal(got.created_ms, 1700000000000);
    assert_int_equal(domain_add(w->d, &in), ERR_EXISTS);
    assert_int_equal(get_err(w, "other.test"), ERR_NO_DOMAIN);
    assert_int_equal(get_err(w, "a b"), ERR_BAD_ADDRESS);
    assert_span(get(w, "example.com.test").alias_of, "example.test");
}

static void domains_that_may_not_be(void **state)
{
    struct world *w = *state;
    struct {
        struct domain domain;
        int add;
        int set;
    } rows[] = {
        {{.name = SPAN("a b")}, ERR_BAD_ADDRESS, ERR_BAD_ADDRESS},
        {{.name = SPAN("x.test"), .alias_of = SPAN("none.test")}, ERR_NO_DOMAIN, ERR_NO_DOMAIN},
        {{.name = SPAN("x.test"), .alias_of = SPAN("x.test")}, ERR_INVALID, ERR_INVALID},
        {{.name = SPAN("x.test"), .alias_of = SPAN("example.com.test")},
         ERR_INVALID,
         ERR_NO_DOMAIN},
        {{.name = SPAN("x.test"), .alias_of = SPAN("example.test"), .catch_all = SPAN("a@b.c")},
         ERR_INVALID,
         ERR_INVALID},
        {{.name = SPAN("x.test"), .alias_of = SPAN("example.test"), .default_class = SPAN("gold")},
         ERR_INVALID,
         ERR_INVALID},
        {{.name = SPAN("x.test"), .catch_all = SPAN("nobody")}, ERR_BAD_ADDRESS, ERR_BAD_ADDRESS},
        {{.name = SPAN("x.test"), .default_class = SPAN("gold")}, ERR_NOT_FOUND, ERR_NO_DOMAIN},
        {{.name = SPAN("x.test"), .default_class = SPAN("go/ld")}, ERR_INVALID, ERR_INVALID},
        {{.name = SPAN("example.test"), .alias_of = SPAN("example.com.test")},
         ERR_EXISTS,
         ERR_INVALID},
        {{.name = SPAN("example.com.test")}, ERR_EXISTS, ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(domain_add(w->d, &rows[i].domain), rows[i].add);
        assert_int_equal(domain_set(w->d, &rows[i].domain), rows[i].set);
    }
    assert_int_equal(get_err(w, "x.test"), ERR_NO_DOMAIN);
    assert_int_equal(get(w, "example.test").alias_of.n, 0);
}

static void a_change_is_seen_at_once(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 10; i++) {
        set_domain(w, "example.test", i % 2 == 0 ? "a@b.test" : "c@d.test", i % 3 == 0);
        struct domain got = get(w, "example.test"); /* from the store, then from memory */
        got = get(w, "example.test");
        assert_span(got.catch_all, i % 2 == 0 ? "a@b.test" : "c@d.test");
        assert_int_equal(got.suspended, i % 3 == 0);
        assert_int_equal(got.created_ms, 1700000000000);
        clock_fake_advance(&w->clock, 1);
    }
}

static void what_is_in_memory_needs_no_store(void **state)
{
    struct world *w = *state;
    (void)get(w, "example.test");
    sim_fail(w->disk, SIM_READ, 1, ERR_IO, true);
    (void)get(w, "example.test");
    assert_int_equal(get_err(w, "example.com.test"), ERR_IO);
    sim_fail(w->disk, SIM_READ, 0, 0, false);
    (void)get(w, "example.com.test");
}

static void more_domains_than_memory_holds(void **state)
{
    struct world *w = *state;
    enum { MANY = 3000 };
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "d%04d.test", i);
            if (round == 0)
                add_domain(w, name, "");
            assert_span(get(w, name).name, name);
        }
    }
    struct domain *v;
    size_t n;
    assert_int_equal(domain_list(w->d, w->a, &v, &n), 0);
    assert_int_equal(n, MANY + 2);
    assert_span(v[0].name, "d0000.test");
    assert_span(v[n - 1].name, "example.test");
    assert_int_equal(domain_page(w->d, SPAN("D0999.test"), 10, w->a, &v, &n), 0);
    assert_int_equal(n, 10);
    assert_span(v[0].name, "d1000.test");
    assert_int_equal(domain_page(w->d, SPAN("example.test"), 10, w->a, &v, &n), 0);
    assert_int_equal(n, 0);
}

static void a_domain_in_use_stays(void **state)
{
    struct world *w = *state;
    struct span name = SPAN("Example.test");
    assert_int_equal(domain_remove(w->d, name), ERR_IN_USE); /* its alias domain */
    assert_int_equal(domain_remove(w->d, SPAN("example.com.test")), 0);
    assert_int_equal(domain_remove(w->d, SPAN("example.com.test")), ERR_NO_DOMAIN);
    add_account(w, "alice@example.test");
    assert_int_equal(domain_remove(w->d, name), ERR_IN_USE);
    assert_int_equal(account_remove(w->d, SPAN("alice@example.test")), 0);
    assert_int_equal(domain_remove(w->d, name), ERR_IN_USE); /* restorable */
    purge_account(w, "alice@example.test");
    add_alias(w, "sales@example.test", "a@b.test", NULL);
    assert_int_equal(domain_remove(w->d, name), ERR_IN_USE);
    assert_int_equal(alias_remove(w->d, SPAN("sales@example.test")), 0);
    assert_int_equal(domain_remove(w->d, name), 0);
    assert_int_equal(get_err(w, "example.test"), ERR_NO_DOMAIN);
    struct account account = {.address = SPAN("alice@example.test")};
    uint64_t id;
    assert_int_equal(account_add(w->d, &account, &id), ERR_NO_DOMAIN);
    add_domain(w, "example.test", ""); /* a new one of that name is open again */
    add_account(w, "alice@example.test");
    add_alias(w, "sales@example.test", "a@b.test", NULL);
}

/* An address of example.test in shard 0, the first that a removal closes. */
static struct span in_first_shard(struct world *w)
{
    for (int i = 0;; i++) {
        struct address address;
        struct span text = arena_printf(w->a, "u%d@example.test", i);
        assert_int_equal(address_normalize(text, w->a, &address), 0);
        if (part_of_address(&address).id == 0)
            return address.whole;
    }
}

/* Whoever read the domain before its removal began may not add to it any more. */
static void assert_closed(struct world *w)
{
    struct span target = SPAN("x@remote.test");
    struct alias alias = {in_first_shard(w), &target, 1};
    struct account account = {.address = alias.address};
    uint64_t id;
    assert_int_equal(account_add(w->d, &account, &id), ERR_CONFLICT);
    assert_int_equal(alias_put(w->d, &alias), ERR_CONFLICT);
}

/* Stopped at each commit in turn, a removal leaves the domain whole or gone, and it can be done
 * again or taken back. */
static void a_removal_that_is_killed(void **state)
{
    struct world *w = *state;
    assert_int_equal(domain_remove(w->d, SPAN("example.com.test")), 0);
    for (uint64_t nth = 1; nth <= DIRECTORY_SHARDS + 1; nth += 8) {
        bool landed = nth % 16 == 1;
        sim_crash_at_commit(w->disk, nth, landed);
        assert_int_equal(domain_remove(w->d, SPAN("example.test")), ERR_SHUTDOWN);
        world_reopen(w, "+", NULL);
        if (nth > DIRECTORY_SHARDS && landed) {
            assert_int_equal(get_err(w, "example.test"), ERR_NO_DOMAIN);
            return;
        }
        if (nth > 1 || landed)
            assert_closed(w);
        if (nth % 3 == 0)
            set_domain(w, "example.test", "", false);
        else
            assert_int_equal(domain_remove(w->d, SPAN("example.test")), 0);
        if (nth % 3 != 0)
            add_domain(w, "example.test", "");
        add_account(w, "alice@example.test");
        assert_int_equal(account_remove(w->d, SPAN("alice@example.test")), 0);
        purge_account(w, "alice@example.test");
    }
    fail();
}

static void a_removal_that_fails_opens_the_domain_again(void **state)
{
    struct world *w = *state;
    assert_int_equal(domain_remove(w->d, SPAN("example.com.test")), 0);
    sim_fail(w->disk, SIM_COMMIT, DIRECTORY_SHARDS, ERR_DISK_FULL, false);
    assert_int_equal(domain_remove(w->d, SPAN("example.test")), ERR_DISK_FULL);
    add_account(w, "alice@example.test");
    add_account(w, "bob@example.test");
}

/* ---- classes ----------------------------------------------------------------------------- */

static void classes_are_kept(void **state)
{
    struct world *w = *state;
    struct class_of_service c = {.name = SPAN("Gold-2"),
                                 .quota_bytes = 1,
                                 .quota_messages = 2,
                                 .message_size = 3,
                                 .send_per_hour = 4,
                                 .recipients_per_hour = 5,
                                 .inactivity_days = 6};
    c.retention_days[USE_TRASH] = 30;
    assert_int_equal(class_put(w->d, &c), 0);
    struct class_of_service got;
    assert_int_equal(class_get(w->d, SPAN("gold-2"), w->a, &got), 0);
    assert_span(got.name, "gold-2");
    c.name = got.name;
    assert_memory_equal(&c, &got, sizeof c);
    c.quota_bytes = 100;
    assert_int_equal(class_put(w->d, &c), 0);
    assert_int_equal(class_get(w->d, SPAN("GOLD-2"), w->a, &got), 0);
    assert_int_equal(got.quota_bytes, 100);
    assert_int_equal(class_get(w->d, SPAN("silver"), w->a, &got), ERR_NOT_FOUND);
    assert_int_equal(class_get(w->d, SPAN("not a name"), w->a, &got), ERR_NOT_FOUND);
    c.name = SPAN("not a name");
    assert_int_equal(class_put(w->d, &c), ERR_INVALID);
    c.name = SPAN_EMPTY;
    assert_int_equal(class_put(w->d, &c), ERR_INVALID);
    assert_int_equal(class_remove(w->d, SPAN("silver")), ERR_NOT_FOUND);
}

static void the_default_class_is_always_there(void **state)
{
    struct world *w = *state;
    struct class_of_service got;
    struct class_of_service *v;
    size_t n;
    assert_int_equal(class_get(w->d, SPAN_EMPTY, w->a, &got), 0);
    assert_span(got.name, "default");
    assert_int_equal(got.quota_bytes, 0);
    struct class_of_service bronze = {.name = SPAN("bronze")};
    assert_int_equal(class_put(w->d, &bronze), 0);
    assert_int_equal(class_list(w->d, w->a, &v, &n), 0);
    assert_int_equal(n, 2);
    assert_span(v[0].name, "default");
    assert_span(v[1].name, "bronze");
    got.quota_bytes = 7;
    assert_int_equal(class_put(w->d, &got), 0);
    assert_int_equal(class_list(w->d, w->a, &v, &n), 0);
    assert_int_equal(n, 2);
    assert_span(v[0].name, "bronze");
    assert_span(v[1].name, "default");
    assert_int_equal(v[1].quota_bytes, 7);
    assert_int_equal(class_remove(w->d, SPAN("Default")), ERR_INVALID);
}

static void a_class_in_use_stays(void **state)
{
    struct world *w = *state;
    struct class_of_service gold = {.name = SPAN("gold")};
    assert_int_equal(class_put(w->d, &gold), 0);
    struct domain domain = get(w, "example.test");
    domain.default_class = SPAN("gold");
    assert_int_equal(domain_set(w->d, &domain), 0);
    assert_int_equal(class_remove(w->d, SPAN("gold")), ERR_IN_USE);
    add_account(w, "alice@example.test");
    struct account account;
    assert_int_equal(account_get(w->d, SPAN("alice@example.test"), w->a, &account), 0);
    assert_span(account.class_name, "gold");
    domain.default_class = SPAN_EMPTY;
    assert_int_equal(domain_set(w->d, &domain), 0);
    assert_int_equal(account_remove(w->d, SPAN("alice@example.test")), 0);
    assert_int_equal(class_remove(w->d, SPAN("gold")), ERR_IN_USE);
    add_account(w, "bob@example.test"); /* still open to others */
    account = (struct account){.address = SPAN("carol@example.test"), .class_name = SPAN("gold")};
    uint64_t id;
    assert_int_equal(account_add(w->d, &account, &id), 0);
    assert_int_equal(account_remove(w->d, SPAN("carol@example.test")), 0);
    purge_account(w, "carol@example.test");
    purge_account(w, "alice@example.test");
    assert_int_equal(class_remove(w->d, SPAN("gold")), 0);
    assert_int_equal(account_add(w->d, &account, &id), ERR_NOT_FOUND);
    assert_int_equal(class_put(w->d, &gold), 0);
    assert_int_equal(account_add(w->d, &account, &id), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(domains_are_added_and_found),
        TEST(domains_that_may_not_be),
        TEST(a_change_is_seen_at_once),
        TEST(what_is_in_memory_needs_no_store),
        TEST(more_domains_than_memory_holds),
        TEST(a_domain_in_use_stays),
        TEST(a_removal_that_is_killed),
        TEST(a_removal_that_fails_opens_the_domain_again),
        TEST(classes_are_kept),
        TEST(the_default_class_is_always_there),
        TEST(a_class_in_use_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
