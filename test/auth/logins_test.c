/* SPDX-License-Identifier: Apache-2.0 */
/* Who is logged in hears when that is over, also when it happens during the login. */
#include "rig.h"

#include "auth/logins.h"

#include <pthread.h>
#include <sched.h>

#define ALICE SPAN("alice@example.test")
#define BOB   SPAN("bob@example.test")

/* A verified login of that user; what the session would hold. */
static struct auth_exchange *prove(struct rig *r, struct span user)
{
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct auth_exchange *x;
    assert_int_equal(auth_exchange_open_password(r->auth, &peer, user, RIGHT, &r->waker.w, &x), 0);
    assert_int_equal(rig_finish(r, x, NULL), 0);
    return x;
}

static void begin(struct rig *r, struct span user, struct auth_login *l)
{
    struct auth_exchange *x = prove(r, user);
    auth_login_begin(r->auth, auth_exchange_result(x), &r->waker.w, l);
    auth_exchange_close(x);
}

static int posts(struct rig *r)
{
    int n = 0;
    while (sem_trywait(&r->waker.posts) == 0)
        n++;
    return n;
}

static int set_status(void *arg, struct arena *arena, struct account *account)
{
    (void)arena;
    account->status = *(const enum account_status *)arg;
    return 0;
}

static void put_status(struct rig *r, struct span user, enum account_status status)
{
    assert_int_equal(account_change(r->directory, user, set_status, &status), 0);
    auth_forget(r->auth, rig_account(r, user).id);
}

static void only_those_of_the_account_are_told(void **state)
{
    struct rig *r = *state;
    struct auth_login alice, alice_too, bob;
    begin(r, ALICE, &alice);
    begin(r, ALICE, &alice_too);
    begin(r, BOB, &bob);
    (void)posts(r);
    put_status(r, ALICE, ACCOUNT_SUSPENDED);
    assert_int_equal(posts(r), 2);
    assert_true(auth_login_told(&alice) && auth_login_told(&alice_too));
    assert_false(auth_login_told(&bob));
    assert_int_equal(auth_login_check(r->auth, &alice, ALICE), ERR_SUSPENDED);
    assert_int_equal(auth_login_check(r->auth, &alice, ALICE), ERR_SUSPENDED); /* it stays */
    put_status(r, ALICE, ACCOUNT_ACTIVE);
    assert_int_equal(auth_login_check(r->auth, &alice, ALICE), 0);
    assert_false(auth_login_told(&alice));
    auth_login_end(r->auth, &alice_too);
    auth_login_end(r->auth, &alice_too);
    (void)posts(r);
    auth_password_changed(r->auth, rig_account(r, ALICE).id);
    assert_int_equal(posts(r), 1);
    assert_int_equal(auth_login_check(r->auth, &alice, ALICE), ERR_EXPIRED);
    assert_int_equal(auth_login_check(r->auth, &bob, BOB), 0);
    auth_login_end(r->auth, &alice);
    auth_login_end(r->auth, &bob);
}

/* The account was as it should be when the password was looked at. */
static void what_happens_during_the_login_is_seen(void **state)
{
    struct rig *r = *state;
    struct auth_login l;
    struct auth_exchange *x = prove(r, ALICE);
    put_status(r, ALICE, ACCOUNT_SUSPENDED);
    auth_login_begin(r->auth, auth_exchange_result(x), &r->waker.w, &l);
    assert_true(auth_login_told(&l));
    assert_int_equal(auth_login_check(r->auth, &l, ALICE), ERR_SUSPENDED);
    auth_login_end(r->auth, &l);
    auth_exchange_close(x);
    put_status(r, ALICE, ACCOUNT_ACTIVE);

    x = prove(r, ALICE);
    rig_password_set(r, ALICE, SPAN("another one"));
    auth_password_changed(r->auth, rig_account(r, ALICE).id);
    auth_login_begin(r->auth, auth_exchange_result(x), &r->waker.w, &l);
    assert_int_equal(auth_login_check(r->auth, &l, ALICE), ERR_EXPIRED);
    auth_login_end(r->auth, &l);
    auth_exchange_close(x);
}

/* Bob's hash is made anew at his first login: that is no other password. */
static void another_s_change_and_an_upgrade_end_nothing(void **state)
{
    struct rig *r = *state;
    struct auth_login l;
    struct auth_exchange *x = prove(r, BOB);
    put_status(r, ALICE, ACCOUNT_SUSPENDED);
    auth_login_begin(r->auth, auth_exchange_result(x), &r->waker.w, &l);
    assert_true(auth_login_told(&l));
    assert_int_equal(auth_login_check(r->auth, &l, BOB), 0);
    assert_false(auth_login_told(&l));
    auth_login_end(r->auth, &l);
    auth_exchange_close(x);
}

static void a_domain_ends_all_of_its_own(void **state)
{
    struct rig *r = *state;
    struct auth_login l;
    struct domain domain = {.name = SPAN("example.test"), .suspended = true};
    begin(r, ALICE, &l);
    auth_forget_domain(r->auth, SPAN("example.com.test"));
    assert_false(auth_login_told(&l));
    assert_int_equal(domain_set(r->directory, &domain), 0);
    auth_forget_domain(r->auth, domain.name);
    assert_int_equal(auth_login_check(r->auth, &l, ALICE), ERR_SUSPENDED);
    auth_login_end(r->auth, &l);
}

enum { NEIGHBOURS = 4, TIMES = 2000 };

struct neighbour {
    struct rig *r;
    const struct auth_result *result;
    pthread_t thread;
};

static void *come_and_go(void *arg)
{
    struct neighbour *n = arg;
    struct auth_login l;
    for (int k = 0; k < TIMES; k++) {
        auth_login_begin(n->r->auth, n->result, NULL, &l);
        sched_yield();
        auth_login_end(n->r->auth, &l);
        auth_login_end(n->r->auth, &l);
    }
    return NULL;
}

/* Whoever goes writes to those beside him: a build with ThreadSanitizer sees who reads that without the lock. */
static void neighbours_come_and_go(void **state)
{
    struct rig *r = *state;
    struct neighbour n[NEIGHBOURS];
    struct auth_exchange *x = prove(r, ALICE);
    for (size_t k = 0; k < COUNT_OF(n); k++) {
        n[k] = (struct neighbour){.r = r, .result = auth_exchange_result(x)};
        assert_int_equal(pthread_create(&n[k].thread, NULL, come_and_go, &n[k]), 0);
    }
    for (size_t k = 0; k < COUNT_OF(n); k++)
        assert_int_equal(pthread_join(n[k].thread, NULL), 0);
    auth_exchange_close(x);
}

static void a_new_account_of_the_same_address_is_another(void **state)
{
    struct rig *r = *state;
    struct auth_login l;
    uint64_t id;
    begin(r, ALICE, &l);
    uint64_t old = rig_account(r, ALICE).id;
    struct account account = {.address = ALICE};
    assert_int_equal(account_remove(r->directory, ALICE), 0);
    assert_int_equal(account_purge_begin(r->directory, ALICE, INT64_MAX, &id), 0);
    assert_int_equal(account_purge(r->directory, ALICE), 0);
    assert_int_equal(account_add(r->directory, &account, &id), 0);
    auth_forget(r->auth, old);
    assert_int_equal(auth_login_check(r->auth, &l, ALICE), ERR_SUSPENDED);
    auth_login_end(r->auth, &l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
        T(only_those_of_the_account_are_told),           T(what_happens_during_the_login_is_seen),
        T(another_s_change_and_an_upgrade_end_nothing),  T(a_domain_ends_all_of_its_own),
        T(a_new_account_of_the_same_address_is_another), T(neighbours_come_and_go),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
