/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads at one name, at one domain, at one class: exactly one outcome each time. */
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, ROUNDS = 150 };

struct racer {
    struct world *w;
    unsigned self;
    pthread_barrier_t *start;
    atomic_int *tally;
    int (*run)(struct racer *r, int round);
    int err[ROUNDS];
};

/* Assertions of cmocka are for the main thread only: racers note what they got. */
static void *race_thread(void *arg)
{
    struct racer *r = arg;
    for (int round = 0; round < ROUNDS; round++) {
        (void)pthread_barrier_wait(r->start);
        r->err[round] = r->run(r, round);
    }
    return NULL;
}

static void
race(struct world *w, int (*run)(struct racer *r, int round), struct racer racers[THREADS])
{
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    atomic_int tally = 0;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.w = w, .self = i, .start = &start, .tally = &tally, .run = run};
        assert_int_equal(pthread_create(&threads[i], NULL, race_thread, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&start), 0);
}

static struct span name_of(char text[64], int round)
{
    (void)snprintf(text, 64, "r%d@example.test", round);
    return span_str(text);
}

static int put_name(struct racer *r, struct span name, bool as_alias)
{
    struct span target = SPAN("x@remote.test");
    struct alias alias = {name, &target, 1};
    struct account account = {.address = name};
    uint64_t id;
    return as_alias ? alias_put(r->w->d, &alias) : account_add(r->w->d, &account, &id);
}

static int same_account(struct racer *r, int round)
{
    char text[64];
    return put_name(r, name_of(text, round), false);
}

static void one_of_many_gets_the_address(void **state)
{
    struct world *w = *state;
    static struct racer racers[THREADS];
    race(w, same_account, racers);
    for (int round = 0; round < ROUNDS; round++) {
        int won = 0;
        for (unsigned i = 0; i < THREADS; i++) {
            won += racers[i].err[round] == 0;
            assert_true(racers[i].err[round] == 0 || racers[i].err[round] == ERR_EXISTS);
        }
        assert_int_equal(won, 1);
    }
}

static int account_or_alias(struct racer *r, int round)
{
    char text[64];
    return put_name(r, name_of(text, round), (r->self + (unsigned)round) % 2 == 0);
}

static void an_account_or_an_alias_not_both(void **state)
{
    struct world *w = *state;
    static struct racer racers[THREADS];
    race(w, account_or_alias, racers);
    for (int round = 0; round < ROUNDS; round++) {
        char text[64];
        struct span name = name_of(text, round);
        struct account account;
        struct alias alias;
        bool is_account = account_get(w->d, name, w->a, &account) == 0;
        struct address normal;
        assert_int_equal(address_normalize(name, w->a, &normal), 0);
        struct store_snap *snap;
        struct span value;
        assert_int_equal(store_snap_open(w->store, part_of_address(&normal), &snap), 0);
        bool is_alias =
            store_snap_get(snap, key_of_address(KEY_ALIAS, &normal, w->a), w->a, &value) == 0;
        store_snap_close(snap);
        assert_true(is_account != is_alias);
        assert_int_equal(alias_get(w->d, name, w->a, &alias), is_alias ? 0 : ERR_NO_USER);
    }
}

static int count_up(void *arg, struct arena *arena, struct account *account)
{
    (void)arg;
    account->credentials = arena_printf(arena, "%.*sx", SPAN_ARG(account->credentials));
    return account->credentials.p != NULL ? 0 : ERR_NOMEM;
}

static int change_one(struct racer *r, int round)
{
    (void)round;
    return account_change(r->w->d, SPAN("alice@example.test"), count_up, NULL);
}

static void no_change_is_lost(void **state)
{
    struct world *w = *state;
    static struct racer racers[THREADS];
    add_account(w, "alice@example.test");
    race(w, change_one, racers);
    struct account account;
    assert_int_equal(account_get(w->d, SPAN("alice@example.test"), w->a, &account), 0);
    assert_int_equal(account.credentials_version, 1 + THREADS * ROUNDS);
    assert_int_equal(account.credentials.n, strlen("secret") + THREADS * ROUNDS);
}

static int take_ids(struct racer *r, int round)
{
    uint64_t id = 0;
    (void)round;
    return account_id_reserve(r->w->d, &id) == 0 ? (int)id : -1;
}

static int by_number(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static void no_id_is_given_twice(void **state)
{
    struct world *w = *state;
    static struct racer racers[THREADS];
    static int all[THREADS * ROUNDS];
    race(w, take_ids, racers);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        all[i] = racers[i / ROUNDS].err[i % ROUNDS];
    qsort(all, COUNT_OF(all), sizeof all[0], by_number);
    assert_true(all[0] > 0);
    for (size_t i = 1; i < COUNT_OF(all); i++)
        assert_true(all[i] > all[i - 1]);
}

static int purge(struct world *w, struct span address)
{
    uint64_t id;
    int err = account_purge_begin(w->d, address, INT64_MAX, &id);
    return err != 0 ? err : account_purge(w->d, address);
}

/* One removes the domain and makes it again, while the others add accounts and aliases, and take
 * them away again so that the next removal has a chance. */
static int domain_or_address(struct racer *r, int round)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s%u@flux.test", r->self == 1 ? "alias" : "account",
                   r->self);
    struct span name = span_str(text);
    if (r->self == 0) {
        int err = domain_remove(r->w->d, SPAN("flux.test"));
        struct domain domain = {.name = SPAN("flux.test")};
        int again = err == 0 ? domain_add(r->w->d, &domain) : 0;
        return again != 0 ? again : err;
    }
    int err = put_name(r, name, r->self == 1);
    if (err == 0 && round % 4 != 0) {
        struct account account;
        struct alias alias;
        struct domain domain;
        struct arena *a = arena_new(64 * 1024);
        /* Whoever has an address has a domain. */
        if (domain_get(r->w->d, SPAN("flux.test"), a, &domain) != 0)
            err = ERR_CORRUPT;
        else if ((r->self == 1 ? alias_get(r->w->d, name, a, &alias)
                               : account_get(r->w->d, name, a, &account)) != 0)
            err = ERR_CORRUPT;
        arena_free(a);
    }
    if (r->self == 1 && err == 0)
        return alias_remove(r->w->d, name);
    if (err == 0)
        err = account_remove(r->w->d, name);
    return err != 0 ? err : purge(r->w, name);
}

static void a_domain_goes_only_without_addresses(void **state)
{
    struct world *w = *state;
    static struct racer racers[THREADS];
    int removed = 0;
    int added = 0;
    add_domain(w, "flux.test", "");
    race(w, domain_or_address, racers);
    for (int round = 0; round < ROUNDS; round++) {
        int err = racers[0].err[round];
        assert_true(err == 0 || err == ERR_IN_USE);
        removed += err == 0;
        for (unsigned i = 1; i < THREADS; i++) {
            err = racers[i].err[round];
            if (err != 0 && err != ERR_NO_DOMAIN && err != ERR_CONFLICT)
                fail_msg("round %d racer %u: %s", round, i, err_name(err));
            added += err == 0;
        }
    }
    print_message("%d removals, %d additions\n", removed, added);
    assert_true(added > 0);
}

/* The same for a class: no account has one that is not there. */
static int class_or_account(struct racer *r, int round)
{
    char text[64];
    struct class_of_service gold = {.name = SPAN("gold")};
    (void)snprintf(text, sizeof text, "g%u-%d@example.test", r->self, round);
    if (r->self == 0) {
        int err = class_remove(r->w->d, SPAN("gold"));
        return err == 0 ? class_put(r->w->d, &gold) : err;
    }
    struct account account = {.address = span_str(text), .class_name = SPAN("gold")};
    uint64_t id;
    int err = account_add(r->w->d, &account, &id);
    if (err != 0)
        return err;
    struct class_of_service got;
    struct arena *a = arena_new(64 * 1024);
    err = class_get(r->w->d, SPAN("gold"), a, &got) == 0 ? 0 : ERR_CORRUPT;
    arena_free(a);
    if (err == 0)
        err = account_remove(r->w->d, account.address);
    return err != 0 ? err : purge(r->w, account.address);
}

static void a_class_goes_only_without_accounts(void **state)
{
    struct world *w = *state;
    static struct racer racers[THREADS];
    struct class_of_service gold = {.name = SPAN("gold")};
    assert_int_equal(class_put(w->d, &gold), 0);
    race(w, class_or_account, racers);
    int added = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int err = racers[0].err[round];
        assert_true(err == 0 || err == ERR_IN_USE);
        for (unsigned i = 1; i < THREADS; i++) {
            err = racers[i].err[round];
            if (err != 0 && err != ERR_NOT_FOUND && err != ERR_CONFLICT)
                fail_msg("round %d racer %u: %s", round, i, err_name(err));
            added += err == 0;
        }
    }
    assert_true(added > 0);
}

/* A reader never goes back: what it has seen of a domain that only changes forward stays seen. */
static int write_or_read(struct racer *r, int round)
{
    struct arena *a = arena_new(64 * 1024);
    struct domain domain = {.name = SPAN("example.test")};
    int err = 0;
    if (r->self == 0) {
        domain.catch_all = arena_printf(a, "c%04d@x.test", round);
        err = domain_set(r->w->d, &domain);
        if (err == 0)
            atomic_store(r->tally, round);
    } else {
        for (int i = 0; i < 20 && err == 0; i++) {
            int least = atomic_load(r->tally);
            struct span wanted = arena_printf(a, "c%04d@x.test", least);
            err = domain_get(r->w->d, domain.name, a, &domain);
            if (err == 0 && span_cmp(domain.catch_all, wanted) < 0)
                err = ERR_CORRUPT;
        }
    }
    arena_free(a);
    return err;
}

static void memory_is_never_behind(void **state)
{
    struct world *w = *state;
    static struct racer racers[THREADS];
    set_domain(w, "example.test", "c0000@x.test", false);
    race(w, write_or_read, racers);
    for (unsigned i = 0; i < THREADS; i++)
        for (int round = 0; round < ROUNDS; round++)
            assert_int_equal(racers[i].err[round], 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_of_many_gets_the_address),
        TEST(an_account_or_an_alias_not_both),
        TEST(no_change_is_lost),
        TEST(no_id_is_given_twice),
        TEST(a_domain_goes_only_without_addresses),
        TEST(a_class_goes_only_without_accounts),
        TEST(memory_is_never_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
