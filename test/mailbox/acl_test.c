/* SPDX-License-Identifier: Apache-2.0 */
/* Access control lists: who may do what, who sees whose mailboxes, and that none of it outlives its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "fixture.h"
#include "mailbox/acl.h"
#include "mailbox/keys.h"
#include "mailbox/sharers.h"

#define ADDRESS(lit)                                                                               \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }

enum { BERND = 8, CARLA = 9, DORA = 10 };

static struct fixture f;
static const struct mailbox_id inbox = {USE_INBOX};

/* Anna, Bernd and Carla are of one domain, Dora is not. */
static const struct mail_user anna = {FIXTURE_ACCOUNT, ADDRESS("anna@example.test")},
                              bernd = {BERND, ADDRESS("bernd@example.test")},
                              carla = {CARLA, ADDRESS("carla@example.test")},
                              dora = {DORA, ADDRESS("dora@example.net")}, anyone = {0, {NULL, 0}};

static int setup(void **state)
{
    (void)state;
    fixture_open(&f);
    const struct mail_user *all[] = {&bernd, &carla, &dora};
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(mailbox_account_create(&f.mail, all[k]->id, all[k]->address), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(fixture_check(&f), 0);
    fixture_close(&f);
    return 0;
}

static int change(struct mailbox_id box,
                  struct mail_user user,
                  bool denied,
                  enum mail_grant_op op,
                  uint32_t rights)
{
    struct mail_grant_change c = {.user = user, .denied = denied, .op = op, .rights = rights};
    return mailbox_grant(&f.mail, FIXTURE_ACCOUNT, box, &c);
}

static int give(struct mailbox_id box, struct mail_user user, uint32_t rights)
{
    return change(box, user, false, GRANT_REPLACE, rights);
}

static uint32_t rights(struct mailbox_id box, struct mail_user user)
{
    uint32_t out;
    assert_int_equal(mailbox_rights(&f.mail, FIXTURE_ACCOUNT, box, &user, &out), 0);
    return out;
}

/* How many accounts share something with him; the first is Anna's. */
static size_t sharers(struct mail_user user)
{
    struct mail_sharer *v;
    size_t n;
    assert_int_equal(mailbox_sharers(&f.mail, &user, f.arena, &v, &n), 0);
    if (n > 0) {
        assert_int_equal(v[0].owner, FIXTURE_ACCOUNT);
        assert_true(span_eq(v[0].address, anna.address));
    }
    return n;
}

/* The names he sees of Anna's, in a line. */
static struct span seen(struct mail_user user)
{
    struct mail_shared *v;
    struct span all = SPAN("");
    size_t n;
    assert_int_equal(mailbox_list_shared(&f.mail, FIXTURE_ACCOUNT, &user, f.arena, &v, &n), 0);
    for (size_t k = 0; k < n; k++)
        all = arena_printf(f.arena, "%.*s%s%.*s", SPAN_ARG(all), k > 0 ? " " : "",
                           SPAN_ARG(v[k].box.name));
    return all;
}

static struct mailbox_id make(const char *name)
{
    struct mailbox_id id;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, span_str(name), USE_NONE, &id), 0);
    return id;
}

static void the_owner_has_every_right_and_no_entry(void **state)
{
    (void)state;
    assert_int_equal(rights(inbox, anna), RIGHTS_ALL);
    assert_int_equal(rights(inbox, bernd), 0);
    assert_int_equal(give(inbox, anna, RIGHT_READ), ERR_INVALID);
    assert_int_equal(sharers(bernd), 0);
}

static void rights_are_given_added_and_taken(void **state)
{
    (void)state;
    assert_int_equal(give(inbox, bernd, RIGHT_LOOKUP | RIGHT_READ), 0);
    assert_int_equal(rights(inbox, bernd), RIGHT_LOOKUP | RIGHT_READ);
    assert_int_equal(rights(inbox, carla), 0);
    assert_int_equal(change(inbox, bernd, false, GRANT_ADD, RIGHT_INSERT | RIGHT_READ), 0);
    assert_int_equal(rights(inbox, bernd), RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT);
    assert_int_equal(change(inbox, bernd, false, GRANT_REMOVE, RIGHT_READ | RIGHT_ADMIN), 0);
    assert_int_equal(rights(inbox, bernd), RIGHT_LOOKUP | RIGHT_INSERT);
    assert_int_equal(sharers(bernd), 1);
    assert_true(span_eq(seen(bernd), SPAN("INBOX")));
    assert_int_equal(change(inbox, bernd, false, GRANT_REMOVE, RIGHTS_ALL), 0);
    assert_int_equal(sharers(bernd), 0);
    assert_true(span_eq(seen(bernd), SPAN("")));
}

static void anyone_is_of_the_domain(void **state)
{
    (void)state;
    assert_int_equal(give(inbox, anyone, RIGHT_LOOKUP | RIGHT_READ), 0);
    assert_int_equal(rights(inbox, bernd), RIGHT_LOOKUP | RIGHT_READ);
    assert_int_equal(rights(inbox, dora), 0);
    assert_int_equal(sharers(bernd), 1);
    assert_int_equal(sharers(anna), 0); /* not with herself */
    assert_int_equal(sharers(dora), 0);
    assert_true(span_eq(seen(dora), SPAN("")));
    assert_int_equal(give(inbox, bernd, RIGHT_INSERT), 0); /* both count */
    assert_int_equal(rights(inbox, bernd), RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT);
    assert_int_equal(mailbox_grant_drop(&f.mail, FIXTURE_ACCOUNT, inbox, SPAN(""), false), 0);
    assert_int_equal(rights(inbox, bernd), RIGHT_INSERT);
    assert_int_equal(sharers(carla), 0);
}

static void what_is_denied_wins(void **state)
{
    (void)state;
    assert_int_equal(give(inbox, anyone, RIGHT_LOOKUP | RIGHT_READ), 0);
    assert_int_equal(change(inbox, bernd, true, GRANT_REPLACE, RIGHT_LOOKUP), 0);
    assert_int_equal(rights(inbox, bernd), RIGHT_READ);
    assert_true(span_eq(seen(bernd), SPAN("")));
    assert_int_equal(mailbox_grant_drop(&f.mail, FIXTURE_ACCOUNT, inbox, bernd.address, false),
                     ERR_NOT_FOUND);
    assert_int_equal(mailbox_grant_drop(&f.mail, FIXTURE_ACCOUNT, inbox, bernd.address, true), 0);
    assert_int_equal(rights(inbox, bernd), RIGHT_LOOKUP | RIGHT_READ);
}

static void a_list_tells_what_was_set(void **state)
{
    (void)state;
    struct mail_grant *v;
    size_t n;
    assert_int_equal(give(inbox, carla, RIGHT_READ), 0);
    assert_int_equal(give(inbox, bernd, RIGHT_LOOKUP), 0);
    assert_int_equal(change(inbox, anyone, true, GRANT_ADD, RIGHT_ADMIN), 0);
    assert_int_equal(mailbox_grants(&f.mail, FIXTURE_ACCOUNT, inbox, f.arena, &v, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(v[0].user, 0);
    assert_int_equal(v[0].rights, 0);
    assert_int_equal(v[0].denied, RIGHT_ADMIN);
    assert_int_equal(v[1].user, BERND);
    assert_true(span_eq(v[1].address, bernd.address));
    assert_int_equal(v[2].user, CARLA);
    assert_int_equal(v[2].rights, RIGHT_READ);
}

static void a_mailbox_below_is_shared_as_its_parent_was(void **state)
{
    (void)state;
    struct mailbox_id work = make("Work");
    assert_int_equal(give(work, bernd, RIGHT_LOOKUP | RIGHT_READ), 0);
    struct mailbox_id deep = make("Work/2026/May");
    assert_int_equal(rights(deep, bernd), RIGHT_LOOKUP | RIGHT_READ);
    assert_true(span_eq(seen(bernd), SPAN("Work Work/2026 Work/2026/May")));
    assert_int_equal(give(work, bernd, 0), 0);
    assert_int_equal(rights(deep, bernd), RIGHT_LOOKUP | RIGHT_READ);
    assert_int_equal(sharers(bernd), 1);
    assert_int_equal(mailbox_rename(&f.mail, FIXTURE_ACCOUNT, SPAN("Work"), SPAN("Job")), 0);
    assert_true(span_eq(seen(bernd), SPAN("Job/2026 Job/2026/May")));
}

static void a_mailbox_takes_its_list_with_it(void **state)
{
    (void)state;
    struct mailbox_id work = make("Work"), below = make("Work/Below");
    (void)below;
    assert_int_equal(give(work, bernd, RIGHTS_ALL), 0);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, work, 0), 0); /* a level is left */
    assert_int_equal(rights(work, bernd), 0);
    assert_int_equal(give(work, bernd, RIGHTS_ALL), ERR_NOT_FOUND);
    struct mailbox_id again = make("Work");
    assert_int_equal(rights(again, bernd), 0);
}

static void an_account_with_the_same_address_inherits_nothing(void **state)
{
    (void)state;
    struct mail_user other = {77, bernd.address};
    struct mail_grant *v;
    size_t n;
    assert_int_equal(give(inbox, bernd, RIGHTS_ALL), 0);
    assert_int_equal(rights(inbox, other), 0);
    assert_int_equal(give(inbox, other, RIGHT_READ), 0);
    assert_int_equal(rights(inbox, bernd), 0);
    assert_int_equal(mailbox_grants(&f.mail, FIXTURE_ACCOUNT, inbox, f.arena, &v, &n), 0);
    assert_int_equal(n, 1);
}

static void an_owner_who_is_gone_shares_nothing(void **state)
{
    (void)state;
    struct mail_shared *v;
    struct mail_grant_change c = {.user = bernd, .rights = RIGHTS_ALL};
    size_t n;
    assert_int_equal(mailbox_grant(&f.mail, CARLA, inbox, &c), 0);
    c.user = anyone;
    assert_int_equal(mailbox_grant(&f.mail, CARLA, inbox, &c), 0);
    c.user = bernd;
    assert_int_equal(mailbox_account_destroy(&f.mail, CARLA), 0);
    assert_int_equal(sharers(bernd), 0);
    assert_int_equal(sharers(anna), 0);
    assert_int_equal(mailbox_account_destroy(&f.mail, CARLA), 0);
    assert_int_equal(mailbox_list_shared(&f.mail, CARLA, &bernd, f.arena, &v, &n), ERR_NO_USER);
    assert_int_equal(mailbox_grant(&f.mail, CARLA, inbox, &c), ERR_NO_USER);
    assert_int_equal(mailbox_account_destroy(&f.mail, BERND), 0);
    struct mail_sharer *s;
    assert_int_equal(mailbox_sharers(&f.mail, &bernd, f.arena, &s, &n), 0);
    assert_int_equal(n, 0); /* his hints went with him */
}

static void lists_are_bounded(void **state)
{
    (void)state;
    char address[64];
    for (uint64_t k = 0; k <= LIMIT_GRANTS; k++) {
        snprintf(address, sizeof address, "user%d@example.test", (int)k);
        struct mail_user user = {1000 + k, span_str(address)};
        assert_int_equal(give(inbox, user, RIGHT_READ), k < LIMIT_GRANTS ? 0 : ERR_LIMIT);
        if (k == LIMIT_GRANTS)
            assert_int_equal(sharers(user), 0); /* the hint was taken back */
    }
    /* what is there can be changed, and makes room */
    struct mail_user first = {1000, SPAN("user0@example.test")};
    assert_int_equal(change(inbox, first, false, GRANT_ADD, RIGHT_LOOKUP), 0);
    assert_int_equal(give(inbox, first, 0), 0);
    assert_int_equal(give(inbox, bernd, RIGHT_READ), 0);
}

static void a_user_is_not_drowned_in_sharers(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < LIMIT_SHARERS; k++) {
        struct mail_sharer s = {5000 + k, SPAN("mallory@example.test")};
        assert_int_equal(sharers_put(&f.mail, BERND, SPAN(""), &s), 0);
    }
    assert_int_equal(give(inbox, bernd, RIGHT_READ), ERR_QUOTA);
    assert_int_equal(rights(inbox, bernd), 0);
    assert_int_equal(sharers_drop(&f.mail, BERND, SPAN(""), 5000), 0);
    assert_int_equal(give(inbox, bernd, RIGHT_READ), 0);
}

static int plant(struct store_txn *t, void *arg)
{
    struct mail_key entry = mail_key_grant(inbox, CARLA), odd = mail_key_grants(inbox);
    (void)arg;
    store_txn_put(t, mail_key_span(&entry), SPAN("\x01garbage"));
    store_txn_put(t, mail_key_span(&odd), SPAN("a key without a user"));
    return 0;
}

/* They take their places, as the counters say of whole ones, but give nothing and hide nobody. */
static void damaged_entries_hide_no_others(void **state)
{
    (void)state;
    struct mail_grant *v;
    size_t n;
    const struct part part = {PART_ACCOUNT, FIXTURE_ACCOUNT};
    assert_int_equal(give(inbox, bernd, RIGHT_READ), 0);
    assert_int_equal(give(inbox, carla, RIGHT_READ | RIGHT_LOOKUP), 0);
    assert_int_equal(give(inbox, dora, RIGHT_READ), 0);
    assert_int_equal(store_txn_run(f.store, part, plant, NULL), 0);
    assert_int_equal(rights(inbox, carla), 0);
    assert_int_equal(mailbox_grants(&f.mail, FIXTURE_ACCOUNT, inbox, f.arena, &v, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(v[0].user, BERND);
    assert_int_equal(v[1].user, DORA);
    assert_true(span_eq(v[1].address, dora.address));
    /* by its address it is not found, and given again it is whole */
    assert_int_equal(mailbox_grant_drop(&f.mail, FIXTURE_ACCOUNT, inbox, carla.address, false),
                     ERR_NOT_FOUND);
    assert_int_equal(mailbox_grant_drop(&f.mail, FIXTURE_ACCOUNT, inbox, dora.address, false), 0);
    assert_int_equal(sharers(dora), 0);
    assert_int_equal(give(inbox, carla, RIGHT_LOOKUP), 0);
    assert_int_equal(rights(inbox, carla), RIGHT_LOOKUP);
    assert_int_equal(mailbox_account_destroy(&f.mail, FIXTURE_ACCOUNT), 0);
    assert_int_equal(sharers(bernd), 0);
    assert_int_equal(mailbox_account_create(&f.mail, FIXTURE_ACCOUNT, anna.address), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(the_owner_has_every_right_and_no_entry),
        T(rights_are_given_added_and_taken),
        T(anyone_is_of_the_domain),
        T(what_is_denied_wins),
        T(a_list_tells_what_was_set),
        T(a_mailbox_below_is_shared_as_its_parent_was),
        T(a_mailbox_takes_its_list_with_it),
        T(an_account_with_the_same_address_inherits_nothing),
        T(an_owner_who_is_gone_shares_nothing),
        T(lists_are_bounded),
        T(a_user_is_not_drowned_in_sharers),
        T(damaged_entries_hide_no_others),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
