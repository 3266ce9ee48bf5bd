/* SPDX-License-Identifier: Apache-2.0 */
/* Lockout as people meet it: through logins, across restarts, on a full disk. */
#include "rig.h"

#include "base/log.h"

#include <fcntl.h>

enum { MINUTE = 60000 };

static const struct span alice = SPAN("alice@example.test");

/* Tries `n` different wrong passwords. */
static void guess(struct rig *r, const char *ip, struct span username, int n)
{
    static unsigned count;
    for (int i = 0; i < n; i++) {
        char password[32];
        snprintf(password, sizeof password, "guess %u", count++);
        assert_int_equal(rig_login(r, ip, username, span_str(password), NULL), ERR_AUTH_FAILED);
    }
}

static int right(struct rig *r, const char *ip)
{
    return rig_login(r, ip, alice, RIGHT, NULL);
}

static void a_locked_network_is_refused_with_the_time_it_ends(void **state)
{
    struct rig *r = *state;
    struct span text;
    guess(r, "192.0.2.1", alice, 3);
    assert_int_equal(rig_login(r, "192.0.2.99", alice, RIGHT, &text), ERR_AUTH_LOCKED);
    assert_true(span_eq(
        text,
        SPAN("There were too many wrong passwords for this mailbox from your network; logins are "
             "paused until 14:14 UTC (in 1 minute). Please check the password saved in your "
             "mail program")));
    assert_int_equal(right(r, "198.51.100.1"), 0); /* at home */
    clock_fake_advance(&r->fake, MINUTE - 1);
    assert_int_equal(right(r, "192.0.2.1"), ERR_AUTH_LOCKED);
    clock_fake_advance(&r->fake, 1);
    assert_int_equal(right(r, "192.0.2.1"), 0);
}

static void a_remembered_password_does_not_open_a_lock(void **state)
{
    struct rig *r = *state;
    assert_int_equal(right(r, "192.0.2.1"), 0);
    guess(r, "192.0.2.1", alice, 3);
    assert_int_equal(right(r, "192.0.2.1"), ERR_AUTH_LOCKED);
}

static void locks_double_and_survive_restarts(void **state)
{
    struct rig *r = *state;
    for (int minutes = 1; minutes <= 8; minutes *= 2) {
        guess(r, "192.0.2.1", alice, 3);
        clock_fake_advance(&r->fake, minutes * MINUTE - 1);
        rig_restart(r);
        assert_int_equal(right(r, "192.0.2.1"), ERR_AUTH_LOCKED);
        clock_fake_advance(&r->fake, 1);
        clock_fake_advance(&r->fake, 0);
        r->config->attempts_per_ip = 100000;
        auth_reconfigure(r->auth, r->config);
    }
    /* two failures before a restart and one after it are three */
    guess(r, "192.0.2.1", alice, 2);
    rig_restart(r);
    guess(r, "192.0.2.1", alice, 1);
    assert_int_equal(right(r, "192.0.2.1"), ERR_AUTH_LOCKED);
}

static void an_ipv6_lock_is_of_the_56(void **state)
{
    struct rig *r = *state;
    guess(r, "2001:db8:0:100::1", alice, 1);
    guess(r, "2001:db8:0:1ff::2", alice, 1);
    guess(r, "2001:db8:0:180::3", alice, 1);
    assert_int_equal(right(r, "2001:db8:0:142::4"), ERR_AUTH_LOCKED);
    assert_int_equal(right(r, "2001:db8:0:200::1"), 0);
}

static void a_phone_with_an_old_password_locks_nobody_out(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 100; i++) {
        clock_fake_advance(&r->fake, MINUTE);
        assert_int_equal(rig_login(r, "192.0.2.1", alice, SPAN("last year's"), NULL),
                         ERR_AUTH_FAILED);
        if (i % 10 == 0)
            assert_int_equal(right(r, "192.0.2.1"), 0);
    }
}

static void success_forgives_its_own_network(void **state)
{
    struct rig *r = *state;
    guess(r, "192.0.2.1", alice, 2);
    guess(r, "198.51.100.1", alice, 3);
    assert_int_equal(right(r, "192.0.2.1"), 0);
    guess(r, "192.0.2.1", alice, 2);
    assert_int_equal(right(r, "192.0.2.1"), 0);
    assert_int_equal(right(r, "198.51.100.1"), ERR_AUTH_LOCKED);
}

static void names_nobody_has_are_locked_alike(void **state)
{
    struct rig *r = *state;
    struct span nobody = SPAN("nobody@example.test"), known_text, nobody_text;
    guess(r, "192.0.2.1", alice, 3);
    guess(r, "192.0.2.1", nobody, 3);
    assert_int_equal(rig_login(r, "192.0.2.1", alice, RIGHT, &known_text), ERR_AUTH_LOCKED);
    assert_int_equal(rig_login(r, "192.0.2.1", nobody, RIGHT, &nobody_text), ERR_AUTH_LOCKED);
    assert_true(span_eq(known_text, nobody_text));
    /* under each of its spellings, as an account's */
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("Alice@example.com.test"), RIGHT, NULL),
                     ERR_AUTH_LOCKED);
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("Nobody@example.com.test"), RIGHT, NULL),
                     ERR_AUTH_LOCKED);
    assert_int_equal(rig_login(r, "198.51.100.1", nobody, RIGHT, NULL), ERR_AUTH_FAILED);
    /* and in the same steps */
    clock_fake_advance(&r->fake, MINUTE);
    guess(r, "192.0.2.1", nobody, 3);
    clock_fake_advance(&r->fake, 2 * MINUTE - 1);
    assert_int_equal(rig_login(r, "192.0.2.1", nobody, RIGHT, NULL), ERR_AUTH_LOCKED);
    clock_fake_advance(&r->fake, 1);
    assert_int_equal(rig_login(r, "192.0.2.1", nobody, RIGHT, NULL), ERR_AUTH_FAILED);
}

static void many_networks_lock_the_account(void **state)
{
    struct rig *r = *state;
    struct span text;
    struct auth_history h;
    for (int i = 0; i < 5; i++) {
        char ip[32];
        snprintf(ip, sizeof ip, "10.0.%d.1", i);
        assert_int_equal(right(r, "203.0.113.1"), 0);
        guess(r, ip, alice, 3);
    }
    assert_int_equal(rig_login(r, "203.0.113.1", alice, RIGHT, &text), ERR_AUTH_LOCKED);
    assert_true(span_find(text, SPAN("from many places")) > 0);
    assert_int_equal(auth_history_get(r->auth, alice, r->arena, &h), 0);
    assert_int_equal(h.locks_n, 6);
    assert_int_equal(h.locks[0].net.bits, 0);
    assert_int_equal(h.locks[1].net.bits, 120);
    assert_int_equal(h.locks[1].failures, 3);
    rig_restart(r);
    assert_int_equal(right(r, "203.0.113.1"), ERR_AUTH_LOCKED);
    assert_int_equal(auth_unlock(r->auth, SPAN("ALICE@example.test")), 0);
    assert_int_equal(right(r, "203.0.113.1"), 0);
    assert_int_equal(right(r, "10.0.3.1"), 0);
    assert_int_equal(auth_history_get(r->auth, alice, r->arena, &h), 0);
    assert_int_equal(h.locks_n, 0);
    assert_true(h.attempts_n > 10);
    assert_int_equal(auth_unlock(r->auth, SPAN("bob@example.test")), 0); /* has no record */
}

static void one_address_may_fail_only_so_often(void **state)
{
    struct rig *r = *state;
    struct span text;
    for (int i = 0; i < 30; i++) {
        char name[64];
        snprintf(name, sizeof name, "user%d@example.test", i);
        assert_int_equal(rig_login(r, "192.0.2.1", span_str(name), SPAN("Summer2026"), NULL),
                         ERR_AUTH_FAILED);
    }
    assert_int_equal(rig_login(r, "192.0.2.1", alice, RIGHT, &text), ERR_AUTH_LOCKED);
    assert_true(
        span_starts(text, SPAN("There were too many failed logins from your internet address")));
    assert_true(span_find(text, SPAN("14:23 UTC (in 10 minutes)")) > 0);
    assert_int_equal(right(r, "192.0.2.2"), 0);
    clock_fake_advance(&r->fake, 10 * MINUTE);
    assert_int_equal(right(r, "192.0.2.1"), 0);
}

static void unlock_also_frees_the_addresses_it_was_tried_from(void **state)
{
    struct rig *r = *state;
    guess(r, "192.0.2.1", alice, 1);
    for (int i = 0; i < 30; i++) {
        char name[64];
        snprintf(name, sizeof name, "user%d@example.test", i);
        (void)rig_login(r, "192.0.2.1", span_str(name), SPAN("Summer2026"), NULL);
        (void)rig_login(r, "198.51.100.1", span_str(name), SPAN("Summer2026"), NULL);
    }
    assert_int_equal(right(r, "192.0.2.1"), ERR_AUTH_LOCKED);
    assert_int_equal(right(r, "198.51.100.1"), ERR_AUTH_LOCKED);
    assert_int_equal(auth_unlock(r->auth, alice), 0);
    assert_int_equal(right(r, "192.0.2.1"), 0);
    /* from there it had never been tried */
    assert_int_equal(right(r, "198.51.100.1"), ERR_AUTH_LOCKED);
}

static void a_purged_account_leaves_nothing(void **state)
{
    struct rig *r = *state;
    struct auth_history h;
    assert_int_equal(right(r, "203.0.113.1"), 0);
    guess(r, "192.0.2.1", alice, 3);
    assert_int_equal(auth_account_forget(r->auth, SPAN("ALICE@example.test")), 0);
    rig_restart(r);
    assert_int_equal(auth_history_get(r->auth, alice, r->arena, &h), 0);
    assert_int_equal(h.attempts_n, 0);
    assert_int_equal(h.locks_n, 0);
    assert_int_equal(h.last_login_ms, 0);
    assert_int_equal(auth_account_forget(r->auth, alice), 0);
    assert_int_equal(right(r, "192.0.2.1"), 0);
}

static void scram_guesses_lock_too(void **state)
{
    struct rig *r = *state;
    struct rig_scram s = {
        .mechanism = "SCRAM-SHA-256", .username = "alice@example.test", .password = "wrong"};
    for (int i = 0; i < 12; i++)
        assert_int_equal(rig_scram(r, &s), ERR_AUTH_FAILED);
    s.password = "correct horse";
    assert_int_equal(rig_scram(r, &s), ERR_AUTH_LOCKED);
    assert_int_equal(right(r, "192.0.2.1"), ERR_AUTH_LOCKED);
    s.ip = "198.51.100.1";
    assert_int_equal(rig_scram(r, &s), 0);
}

static void a_full_disk_helps_no_guesser_and_hinders_no_owner(void **state)
{
    struct rig *r = *state;
    sim_fail(r->disk, SIM_COMMIT, 1, ERR_DISK_FULL, true);
    guess(r, "192.0.2.1", alice, 3);
    assert_int_equal(right(r, "192.0.2.1"), ERR_AUTH_LOCKED);
    assert_int_equal(right(r, "198.51.100.1"), 0);
    sim_fail(r->disk, SIM_COMMIT, 0, 0, false);
    assert_int_equal(right(r, "192.0.2.1"), ERR_AUTH_LOCKED);
    assert_int_equal(auth_unlock(r->auth, alice), 0);
    assert_int_equal(right(r, "192.0.2.1"), 0);
}

static void a_damaged_record_locks_nobody_out(void **state)
{
    struct rig *r = *state;
    guess(r, "192.0.2.1", alice, 2);
    struct auth_history h;
    assert_int_equal(auth_history_get(r->auth, alice, r->arena, &h), 0);
    assert_int_equal(h.attempts_n, 2);
    /* a store that cannot be read at all is the world's error, and lets nobody in */
    sim_fail(r->disk, SIM_READ, 1, ERR_IO, true);
    assert_int_equal(right(r, "192.0.2.1"), ERR_IO);
    sim_fail(r->disk, SIM_READ, 0, 0, false);
    assert_int_equal(right(r, "192.0.2.1"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_locked_network_is_refused_with_the_time_it_ends),
        T(a_remembered_password_does_not_open_a_lock),
        T(locks_double_and_survive_restarts),
        T(an_ipv6_lock_is_of_the_56),
        T(a_phone_with_an_old_password_locks_nobody_out),
        T(success_forgives_its_own_network),
        T(names_nobody_has_are_locked_alike),
        T(many_networks_lock_the_account),
        T(one_address_may_fail_only_so_often),
        T(unlock_also_frees_the_addresses_it_was_tried_from),
        T(a_purged_account_leaves_nothing),
        T(scram_guesses_lock_too),
        T(a_full_disk_helps_no_guesser_and_hinders_no_owner),
        T(a_damaged_record_locks_nobody_out),
    };
    log_setup(open("/dev/null", O_WRONLY), LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
