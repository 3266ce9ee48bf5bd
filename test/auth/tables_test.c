/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded tables in memory: right passwords, addresses that fail, names that nobody has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/address_limit.h"
#include "auth/cache.h"
#include "auth/lockout_memory.h"
#include "base/err.h"

static struct clock_fake fake;

static int setup(void **state)
{
    (void)state;
    clock_fake_init(&fake, 1790000000000);
    return 0;
}

static void the_cache_knows_one_password_for_a_while(void **state)
{
    (void)state;
    struct auth_cache *c;
    assert_int_equal(auth_cache_new(&fake.clock, rng_system(), &c), 0);
    auth_cache_put(c, 1, 10, SPAN("right"), 300000);
    assert_true(auth_cache_has(c, 1, 10, SPAN("right")));
    assert_false(auth_cache_has(c, 1, 10, SPAN("wrong")));
    assert_false(auth_cache_has(c, 1, 11, SPAN("right"))); /* changed */
    assert_false(auth_cache_has(c, 2, 10, SPAN("right")));
    clock_fake_advance(&fake, 299999);
    assert_true(auth_cache_has(c, 1, 10, SPAN("right")));
    clock_fake_advance(&fake, 1);
    assert_false(auth_cache_has(c, 1, 10, SPAN("right")));
    auth_cache_put(c, 1, 10, SPAN("right"), 0);
    assert_false(auth_cache_has(c, 1, 10, SPAN("right")));
    auth_cache_free(c);
}

static void the_cache_forgets_one_account(void **state)
{
    (void)state;
    struct auth_cache *c;
    assert_int_equal(auth_cache_new(&fake.clock, rng_system(), &c), 0);
    auth_cache_put(c, 1, 10, SPAN("one"), 300000);
    auth_cache_put(c, 1, 10, SPAN("two"), 300000);
    auth_cache_put(c, 2, 10, SPAN("one"), 300000);
    auth_cache_forget(c, 1);
    assert_false(auth_cache_has(c, 1, 10, SPAN("one")));
    assert_false(auth_cache_has(c, 1, 10, SPAN("two")));
    assert_true(auth_cache_has(c, 2, 10, SPAN("one")));
    auth_cache_free(c);
}

static void the_cache_is_bounded(void **state)
{
    (void)state;
    struct auth_cache *c;
    assert_int_equal(auth_cache_new(&fake.clock, rng_system(), &c), 0);
    for (uint64_t i = 0; i < 200000; i++) {
        if (i % 1000 == 0)
            clock_fake_advance(&fake, 1);
        auth_cache_put(c, i, 1, SPAN("right"), 300000);
        assert_true(auth_cache_has(c, i, 1, SPAN("right")));
    }
    assert_false(auth_cache_has(c, 0, 1, SPAN("right")));
    auth_cache_free(c);
}

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(span_str(text), &ip));
    return ip;
}

static void an_address_that_fails_too_often_is_refused(void **state)
{
    (void)state;
    struct address_limit *l;
    assert_int_equal(address_limit_new(&fake.clock, rng_system(), &l), 0);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(address_limit_left_ms(l, ip_of("192.0.2.1"), 30), 0);
        address_limit_add(l, ip_of("192.0.2.1"), FAILURE_WHOLE);
    }
    assert_int_equal(address_limit_left_ms(l, ip_of("192.0.2.1"), 30), ADDRESS_WINDOW_MS);
    assert_int_equal(address_limit_left_ms(l, ip_of("192.0.2.2"), 30), 0);
    clock_fake_advance(&fake, ADDRESS_WINDOW_MS - 1);
    assert_int_equal(address_limit_left_ms(l, ip_of("192.0.2.1"), 30), 1);
    clock_fake_advance(&fake, 1);
    assert_int_equal(address_limit_left_ms(l, ip_of("192.0.2.1"), 30), 0);
    address_limit_free(l);
}

static void an_ipv6_address_is_its_64_and_repetitions_weigh_less(void **state)
{
    (void)state;
    struct address_limit *l;
    assert_int_equal(address_limit_new(&fake.clock, rng_system(), &l), 0);
    for (int i = 0; i < 11; i++)
        address_limit_add(l, ip_of("2001:db8::1"), FAILURE_REPEATED);
    assert_int_equal(address_limit_left_ms(l, ip_of("2001:db8::2"), 3), 0);
    address_limit_add(l, ip_of("2001:db8::3"), FAILURE_REPEATED);
    assert_int_not_equal(address_limit_left_ms(l, ip_of("2001:db8::4"), 3), 0);
    assert_int_equal(address_limit_left_ms(l, ip_of("2001:db8:0:1::4"), 3), 0);
    address_limit_free(l);
}

static void many_addresses_do_not_push_out_the_worst(void **state)
{
    (void)state;
    struct address_limit *l;
    assert_int_equal(address_limit_new(&fake.clock, rng_system(), &l), 0);
    for (int i = 0; i < 30; i++)
        address_limit_add(l, ip_of("192.0.2.1"), FAILURE_WHOLE);
    for (unsigned i = 0; i < 100000; i++) {
        struct ip ip = ip_of("10.0.0.0");
        ip.b[13] = (uint8_t)(i >> 16);
        ip.b[14] = (uint8_t)(i >> 8);
        ip.b[15] = (uint8_t)i;
        address_limit_add(l, ip, FAILURE_WHOLE);
    }
    assert_int_not_equal(address_limit_left_ms(l, ip_of("192.0.2.1"), 30), 0);
    address_limit_free(l);
}

static int add_failure(void *arg, struct lock_record *r)
{
    r->level += *(uint64_t *)arg;
    return *(uint64_t *)arg != 0;
}

static uint64_t level_of(struct lockout_memory *m, struct span name)
{
    struct arena *arena = arena_new(1024 * 1024);
    struct lock_record *r;
    assert_int_equal(lockout_memory_get(m, name, arena, &r), 0);
    uint64_t level = r->level;
    arena_free(arena);
    return level;
}

static void memory_keeps_changes_and_forgets(void **state)
{
    (void)state;
    static const uint8_t secret[32] = {1};
    struct lockout_memory *m;
    uint64_t one = 1, none = 0;
    assert_int_equal(lockout_memory_new(secret, &m), 0);
    assert_false(lockout_memory_has(m, SPAN("nobody@example.test")));
    assert_int_equal(lockout_memory_change(m, SPAN("nobody@example.test"), add_failure, &one), 0);
    assert_int_equal(lockout_memory_change(m, SPAN("nobody@example.test"), add_failure, &one), 0);
    assert_int_equal(lockout_memory_change(m, SPAN("other@example.test"), add_failure, &none), 0);
    assert_int_equal(level_of(m, SPAN("nobody@example.test")), 2);
    assert_false(lockout_memory_has(m, SPAN("other@example.test")));
    lockout_memory_forget(m, SPAN("nobody@example.test"));
    assert_int_equal(level_of(m, SPAN("nobody@example.test")), 0);
    /* bounded: the first of very many is gone, the last is there */
    for (unsigned i = 0; i < 20000; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(lockout_memory_change(m, span_str(name), add_failure, &one), 0);
    }
    assert_int_equal(level_of(m, SPAN("n19999")), 1);
    assert_int_equal(level_of(m, SPAN("n0")), 0);
    lockout_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_cache_knows_one_password_for_a_while, setup),
        cmocka_unit_test_setup(the_cache_forgets_one_account, setup),
        cmocka_unit_test_setup(the_cache_is_bounded, setup),
        cmocka_unit_test_setup(an_address_that_fails_too_often_is_refused, setup),
        cmocka_unit_test_setup(an_ipv6_address_is_its_64_and_repetitions_weigh_less, setup),
        cmocka_unit_test_setup(many_addresses_do_not_push_out_the_worst, setup),
        cmocka_unit_test_setup(memory_keeps_changes_and_forgets, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
