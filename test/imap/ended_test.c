/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions end when their account may not be used any more: at the next command, or at once where they wait. */
#include "one_people.h"

#define SUSPENDED "* BYE [CONTACTADMIN] This mailbox is suspended"
#define CHANGED   "* BYE [EXPIRED] The password of this account was changed"

static int suspend(void *arg, struct arena *arena, struct account *account)
{
    (void)arena;
    account->status = *(const bool *)arg ? ACCOUNT_SUSPENDED : ACCOUNT_ACTIVE;
    return 0;
}

static void set_suspended(const char *address, uint64_t id, bool on)
{
    assert_int_equal(account_change(p.w.directory, span_str(address), suspend, &on), 0);
    auth_forget(p.w.auth, id);
}

static void expect_end(struct host *h, const char *bye)
{
    host_expect(h, bye);
    host_expect_closed(h);
    host_free(h);
}

static void the_next_command_is_the_last(void **state)
{
    (void)state;
    struct host *h = anna(), *b = bernd();
    set_suspended(WORLD_USER, p.id[0], true);
    host_sends(h, "a NOOP\r\n");
    expect_end(h, SUSPENDED);
    world_talk(b, "a NOOP", "a OK", NULL);
    host_free(b);
}

static void who_waits_is_told_at_once(void **state)
{
    (void)state;
    struct host *idle = anna(), *quiet = anna(), *b = bernd();
    world_talk(idle, "a IDLE", "+ idling", NULL);
    world_talk(b, "a IDLE", "+ idling", NULL);
    assert_false(host_wait(idle, 0) && host_closed(idle));
    set_suspended(WORLD_USER, p.id[0], true);
    host_wait(idle, 0);
    host_wait(quiet, 0);
    expect_end(idle, SUSPENDED);
    expect_end(quiet, SUSPENDED);
    host_wait(b, 0);
    world_talk(b, "DONE", "a OK", NULL);
    host_free(b);
}

static void who_may_again_goes_on(void **state)
{
    (void)state;
    struct host *h = anna();
    set_suspended(WORLD_USER, p.id[0], true);
    set_suspended(WORLD_USER, p.id[0], false);
    host_wait(h, 0);
    world_talk(h, "a NOOP", "a OK", NULL);
    set_suspended(WORLD_USER, p.id[0], true);
    host_wait(h, 0);
    expect_end(h, SUSPENDED);
}

static void also_in_the_middle_of_a_literal(void **state)
{
    (void)state;
    struct host *h = anna(), *one = anna();
    world_talk(h, "a APPEND INBOX {10}", "+ ", NULL);
    world_talk(one, "a LIST \"\" {10}", "+ ", NULL);
    set_suspended(WORLD_USER, p.id[0], true);
    host_sends(h, "Subject");
    expect_end(h, SUSPENDED);
    host_wait(one, 0);
    expect_end(one, SUSPENDED);
}

/* On the thread that has set \Seen, in the middle of the FETCH. */
static void change_password(void *arg, struct part part)
{
    (void)part;
    auth_password_changed(p.w.auth, *(const uint64_t *)arg);
}

/* Nothing can be said there: who reads would take it for a part of the literal. */
static void a_long_answer_is_cut(void **state)
{
    (void)state;
    enum { SIZE = 4 * 1024 * 1024 };
    char *text = malloc(SIZE);
    struct store_watch *watch;
    struct host *h = anna();
    assert_non_null(text);
    memset(text, 'x', SIZE);
    memcpy(text, "Subject: long\r\n\r\n", 17);
    world_append(&p.w, span_of(text, SIZE), 0);
    free(text);
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    assert_int_equal(store_watch(p.w.store, (struct part){PART_ACCOUNT, p.id[0]}, change_password,
                                 &p.id[0], &watch),
                     0);
    host_sends(h, "a FETCH 1 BODY[]\r\n");
    store_unwatch(watch);
    assert_true(host_closed(h));
    assert_true(host_output(h).n < SIZE);
    assert_true(span_find(host_output(h), SPAN("BYE")) < 0);
    host_free(h);
}

static void a_new_password_ends_what_began_with_the_old_one(void **state)
{
    (void)state;
    struct host *h = anna(), *idle = anna(), *b = bernd();
    world_talk(idle, "a IDLE", "+ idling", NULL);
    auth_password_changed(p.w.auth, p.id[0]);
    host_wait(idle, 0);
    expect_end(idle, CHANGED);
    host_sends(h, "a NOOP\r\n");
    expect_end(h, CHANGED);
    world_talk(b, "a NOOP", "a OK", NULL);
    host_free(b);
    h = anna(); /* the right one still opens */
    world_talk(h, "a NOOP", "a OK", NULL);
    host_free(h);
}

static void a_removed_account_has_no_sessions(void **state)
{
    (void)state;
    struct host *h = anna();
    world_talk(h, "a IDLE", "+ idling", NULL);
    assert_int_equal(account_remove(p.w.directory, SPAN(WORLD_USER)), 0);
    auth_forget(p.w.auth, p.id[0]);
    host_wait(h, 0);
    expect_end(h, SUSPENDED);
}

static void a_suspended_domain_has_no_sessions(void **state)
{
    (void)state;
    struct domain domain = {.name = SPAN("example.test"), .suspended = true};
    struct host *h = anna(), *dora = as("dora@example.net");
    assert_int_equal(domain_set(p.w.directory, &domain), 0);
    auth_forget_domain(p.w.auth, domain.name);
    host_wait(h, 0);
    host_wait(dora, 0);
    expect_end(h, SUSPENDED);
    world_talk(dora, "a NOOP", "a OK", NULL);
    host_free(dora);
}

static void who_has_logged_out_is_not_told(void **state)
{
    (void)state;
    struct host *h = anna();
    world_talk(h, "a UNAUTHENTICATE", "a OK", NULL);
    auth_password_changed(p.w.auth, p.id[0]);
    world_talk(h, "a NOOP", "a OK", NULL);
    world_talk(h, "a LOGIN bernd@example.test \"" WORLD_PASSWORD "\"", "a OK", NULL);
    world_talk(h, "a NOOP", "a OK", NULL);
    auth_password_changed(p.w.auth, p.id[1]);
    host_sends(h, "a NOOP\r\n");
    expect_end(h, CHANGED);
}

/* What a colleague has left is worked off by those who share it, until the operator ends that. */
static void guests_of_a_suspended_owner_stay(void **state)
{
    (void)state;
    people_letter(&p);
    people_give(&p, "lr");
    struct host *b = bernd();
    host_sends(b, "a SELECT " INBOX_OF_ANNA "\r\n");
    host_output_clear(b);
    set_suspended(WORLD_USER, p.id[0], true);
    host_wait(b, 0);
    world_talk(b, "a FETCH 1 UID", "* 1 FETCH (UID 1)", "a OK", NULL);
    host_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, people_teardown)
        T(the_next_command_is_the_last),
        T(who_waits_is_told_at_once),
        T(who_may_again_goes_on),
        T(also_in_the_middle_of_a_literal),
        T(a_long_answer_is_cut),
        T(a_new_password_ends_what_began_with_the_old_one),
        T(a_removed_account_has_no_sessions),
        T(a_suspended_domain_has_no_sessions),
        T(who_has_logged_out_is_not_told),
        T(guests_of_a_suspended_owner_stay),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
