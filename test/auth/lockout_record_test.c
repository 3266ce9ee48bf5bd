/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of lockout, with time as a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/lockout_record.h"
#include "base/err.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const struct lockout_rules rules = {
    .failures = 3, .time_ms = MINUTE, .time_max_ms = HOUR, .networks = 5, .forget_ms = 24 * HOUR};
static const int64_t start = (int64_t)1790000000 * SECOND;

static struct ip_net net_of(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(span_str(text), &ip));
    return ip_network(ip, 24, 56);
}

static bool wrong(struct lock_record *r, const char *ip, uint64_t password, int64_t now)
{
    struct lock_try t = {.net = net_of(ip),
                         .service = SPAN("pop3"),
                         .has_fingerprint = true,
                         .fingerprint = password};
    lock_record_prune(r, &rules, now);
    return lock_record_fail(r, &t, &rules, now);
}

static void scram_wrong(struct lock_record *r, const char *ip, int64_t now)
{
    struct lock_try t = {.net = net_of(ip), .service = SPAN("pop3")};
    lock_record_prune(r, &rules, now);
    assert_false(lock_record_fail(r, &t, &rules, now));
}

static int64_t locked_ms(const struct lock_record *r, const char *ip, int64_t now)
{
    struct lock_state s = lock_record_state(r, net_of(ip), &rules, now);
    return s.until_ms == 0 ? 0 : s.until_ms - now;
}

static struct lock_record *fresh(void)
{
    static struct lock_record r;
    memset(&r, 0, sizeof r);
    return &r;
}

static void three_different_passwords_lock_a_network(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    assert_false(wrong(r, "192.0.2.1", 1, start));
    assert_false(wrong(r, "192.0.2.200", 2, start));
    assert_int_equal(locked_ms(r, "192.0.2.1", start), 0);
    assert_false(wrong(r, "192.0.2.1", 3, start));
    assert_int_equal(locked_ms(r, "192.0.2.77", start), MINUTE);
    assert_int_equal(locked_ms(r, "192.0.3.1", start), 0);
    assert_int_equal(locked_ms(r, "192.0.2.1", start + MINUTE - 1), 1);
    assert_int_equal(locked_ms(r, "192.0.2.1", start + MINUTE), 0);
}

static void an_ipv6_network_is_a_56(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    wrong(r, "2001:db8:0:100::1", 1, start);
    wrong(r, "2001:db8:0:1ff::1", 2, start);
    wrong(r, "2001:db8:0:1ab:5::1", 3, start);
    assert_int_equal(locked_ms(r, "2001:db8:0:1cc::9", start), MINUTE);
    assert_int_equal(locked_ms(r, "2001:db8:0:200::1", start), 0);
}

static void the_same_password_again_counts_once(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    assert_false(wrong(r, "192.0.2.1", 7, start));
    for (int i = 1; i < 1000; i++)
        assert_true(wrong(r, "192.0.2.1", 7, start + i * MINUTE));
    assert_int_equal(locked_ms(r, "192.0.2.1", start + 1000 * MINUTE), 0);
    assert_int_equal(r->attempts_n, LOCK_ATTEMPTS);
    assert_int_equal(r->attempts[0].at_ms, start + 999 * MINUTE);
    /* nor after a lock */
    wrong(r, "192.0.2.1", 8, start);
    wrong(r, "192.0.2.1", 9, start);
    for (int i = 0; i < 10; i++)
        assert_true(wrong(r, "192.0.2.1", (uint64_t)(7 + i % 3), start + MINUTE));
    assert_int_equal(locked_ms(r, "192.0.2.1", start + MINUTE), 0);
}

static void each_lock_is_twice_as_long_up_to_the_longest(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    static const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    int64_t now = start;
    uint64_t password = 100;
    for (size_t i = 0; i < COUNT_OF(minutes); i++) {
        for (int k = 0; k < 3; k++)
            wrong(r, "192.0.2.1", password++, now);
        assert_int_equal(locked_ms(r, "192.0.2.1", now), minutes[i] * MINUTE);
        now += minutes[i] * MINUTE;
    }
}

static void what_is_old_is_forgotten(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    wrong(r, "192.0.2.1", 1, start);
    wrong(r, "192.0.2.1", 2, start + HOUR);
    lock_record_prune(r, &rules, start + 25 * HOUR - 1);
    assert_int_equal(r->nets_n, 1);
    lock_record_prune(r, &rules, start + 25 * HOUR);
    assert_int_equal(r->nets_n, 0);
    wrong(r, "192.0.2.1", 3, start + 25 * HOUR);
    assert_int_equal(locked_ms(r, "192.0.2.1", start + 25 * HOUR), 0);
}

static void lock_network(struct lock_record *r, unsigned number, int64_t now)
{
    char ip[32];
    snprintf(ip, sizeof ip, "10.%u.%u.1", number / 256, number % 256);
    for (uint64_t k = 0; k < 3; k++)
        wrong(r, ip, number * 10 + k, now);
}

static void many_locked_networks_lock_the_account(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    for (unsigned i = 0; i < 4; i++)
        lock_network(r, i, start);
    assert_int_equal(locked_ms(r, "192.0.2.1", start), 0);
    lock_network(r, 4, start);
    struct lock_state s = lock_record_state(r, net_of("192.0.2.1"), &rules, start);
    assert_true(s.whole);
    assert_int_equal(s.until_ms, start + MINUTE);
    /* the next time, for longer */
    int64_t later = start + 2 * MINUTE;
    for (unsigned i = 10; i < 15; i++)
        lock_network(r, i, later);
    assert_int_equal(locked_ms(r, "192.0.2.1", later), 2 * MINUTE);
}

static void locks_that_are_over_do_not_add_up(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    for (unsigned i = 0; i < 10; i++)
        lock_network(r, i, start + i * 2 * MINUTE);
    assert_int_equal(locked_ms(r, "192.0.2.1", start + 20 * MINUTE), 0);
}

static void the_number_of_networks_is_bounded(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    lock_network(r, 1000, start);
    for (unsigned i = 0; i < 3 * LOCK_NETS; i++) {
        char ip[32];
        snprintf(ip, sizeof ip, "10.1.%u.1", i);
        wrong(r, ip, i, start + (int)i);
    }
    assert_int_equal(r->nets_n, LOCK_NETS);
    assert_int_equal(locked_ms(r, "10.3.232.1", start + 500),
                     MINUTE - 500); /* 1000 is 3 * 256 + 232 */
}

static void success_clears_its_own_network_only(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    struct lock_try t = {.net = net_of("192.0.2.1"), .service = SPAN("pop3")};
    wrong(r, "192.0.2.1", 1, start);
    wrong(r, "192.0.2.1", 2, start);
    lock_network(r, 1, start);
    lock_record_success(r, &t, start);
    assert_int_equal(r->last_login_ms, start);
    assert_true(r->attempts[0].ok);
    assert_int_equal(locked_ms(r, "10.0.1.1", start), MINUTE);
    wrong(r, "192.0.2.1", 3, start);
    wrong(r, "192.0.2.1", 4, start);
    assert_int_equal(locked_ms(r, "192.0.2.1", start), 0);
    assert_true(lock_record_success_matters(r, net_of("192.0.2.1"), start + 1));
    assert_false(lock_record_success_matters(r, net_of("198.51.100.1"), start + 1));
    assert_true(
        lock_record_success_matters(r, net_of("198.51.100.1"), start + LOCK_SUCCESS_EVERY_MS));
}

static void scram_failures_weigh_a_quarter(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    for (int i = 0; i < 11; i++)
        scram_wrong(r, "192.0.2.1", start);
    assert_int_equal(locked_ms(r, "192.0.2.1", start), 0);
    scram_wrong(r, "192.0.2.1", start);
    assert_int_equal(locked_ms(r, "192.0.2.1", start), MINUTE);
}

static void a_clock_set_back_locks_nobody_for_years(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    lock_network(r, 1, start);
    assert_int_equal(locked_ms(r, "10.0.1.1", start - 1000 * (int64_t)HOUR), 0);
    lock_record_prune(r, &rules, start - 1000 * (int64_t)HOUR);
    assert_int_equal(r->nets_n, 0);
}

/* A login clears one entry of its network: with two the phone that knows the password stays out. */
static void a_record_that_names_a_network_twice_is_damaged(void **state)
{
    (void)state;
    struct lock_record *r = fresh(), *copy;
    struct arena *arena = arena_new(1024 * 1024);
    struct buf b;
    lock_network(r, 1, start);
    r->nets[r->nets_n++] = r->nets[0];
    buf_init(&b, LOCK_RECORD_MAX);
    lock_record_encode(r, &b);
    assert_int_equal(b.err, 0);
    assert_int_equal(lock_record_decode(buf_span(&b), arena, &copy), ERR_CORRUPT);
    buf_done(&b);
    arena_free(arena);
}

static void records_survive_being_written(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    struct arena *arena = arena_new(1024 * 1024);
    struct buf b, again;
    for (unsigned i = 0; i < 7; i++)
        lock_network(r, i, start);
    wrong(r, "2001:db8::1", 42, start + 5);
    buf_init(&b, LOCK_RECORD_MAX);
    buf_init(&again, LOCK_RECORD_MAX);
    lock_record_encode(r, &b);
    assert_int_equal(b.err, 0);
    struct lock_record *copy;
    assert_int_equal(lock_record_decode(buf_span(&b), arena, &copy), 0);
    lock_record_encode(copy, &again);
    assert_true(span_eq(buf_span(&b), buf_span(&again)));
    assert_int_equal(locked_ms(copy, "192.0.2.1", start), MINUTE);
    for (size_t n = 1; n < b.n; n++) {
        arena_reset(arena);
        assert_int_equal(lock_record_decode(span_of(b.p, n), arena, &copy), ERR_CORRUPT);
    }
    buf_done(&b);
    buf_done(&again);
    arena_free(arena);
}

static void the_largest_record_fits(void **state)
{
    (void)state;
    struct lock_record *r = fresh();
    for (unsigned i = 0; i < LOCK_NETS; i++)
        for (uint64_t k = 0; k < 2 * LOCK_FINGERPRINTS; k++) {
            char ip[32];
            snprintf(ip, sizeof ip, "10.0.%u.1", i);
            wrong(r, ip, i * 100 + k, start);
        }
    struct buf b;
    buf_init(&b, LOCK_RECORD_MAX);
    lock_record_encode(r, &b);
    assert_int_equal(b.err, 0);
    assert_int_equal(r->nets_n, LOCK_NETS);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_different_passwords_lock_a_network),
        cmocka_unit_test(an_ipv6_network_is_a_56),
        cmocka_unit_test(the_same_password_again_counts_once),
        cmocka_unit_test(each_lock_is_twice_as_long_up_to_the_longest),
        cmocka_unit_test(what_is_old_is_forgotten),
        cmocka_unit_test(many_locked_networks_lock_the_account),
        cmocka_unit_test(locks_that_are_over_do_not_add_up),
        cmocka_unit_test(the_number_of_networks_is_bounded),
        cmocka_unit_test(success_clears_its_own_network_only),
        cmocka_unit_test(scram_failures_weigh_a_quarter),
        cmocka_unit_test(a_clock_set_back_locks_nobody_for_years),
        cmocka_unit_test(a_record_that_names_a_network_twice_is_damaged),
        cmocka_unit_test(records_survive_being_written),
        cmocka_unit_test(the_largest_record_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
