/* SPDX-License-Identifier: Apache-2.0 */
/* What a user does not want to see he does not see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "fixture.h"
#include "mailbox/refusals.h"

#define ADDRESS(lit)                                                                               \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }

enum { BERND = 8, CARLA = 9 };

static struct fixture f;
static const struct mailbox_id inbox = {USE_INBOX};
static const struct mail_user bernd = {BERND, ADDRESS("bernd@example.test")};
static const struct mail_sharer anna = {FIXTURE_ACCOUNT, ADDRESS("anna@example.test")},
                                carla = {CARLA, ADDRESS("carla@example.test")};

static int setup(void **state)
{
    (void)state;
    fixture_open(&f);
    assert_int_equal(mailbox_account_create(&f.mail, BERND, bernd.address), 0);
    assert_int_equal(mailbox_account_create(&f.mail, CARLA, carla.address), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(fixture_check(&f), 0);
    fixture_close(&f);
    return 0;
}

/* Gives Bernd, or anyone, a right to INBOX. */
static int share(const struct mail_sharer *owner, struct mail_user user)
{
    struct mail_grant_change c = {.user = user, .rights = RIGHT_LOOKUP | RIGHT_READ};
    return mailbox_grant(&f.mail, owner->owner, inbox, &c);
}

static int refuse(const struct mail_sharer *owner, bool on)
{
    return mailbox_refuse(&f.mail, BERND, owner, on);
}

/* Whose mailboxes Bernd sees, a letter each. */
static void expect(const char *whom)
{
    struct mail_sharer *v;
    size_t n;
    char seen[8] = "";
    assert_int_equal(mailbox_sharers(&f.mail, &bernd, f.arena, &v, &n), 0);
    for (size_t k = 0; k < n; k++)
        seen[k] = v[k].address.p[0];
    assert_string_equal(seen, whom);
}

/* "+" where all are refused, and whom it is said of. */
static void expect_said(const char *whom)
{
    struct mail_refusals r;
    char said[8] = "";
    size_t n = 0;
    assert_int_equal(mailbox_refusals(&f.mail, BERND, f.arena, &r), 0);
    if (r.all)
        said[n++] = '+';
    for (size_t k = 0; k < r.n; k++)
        said[n++] = r.v[k].address.p[0];
    assert_string_equal(said, whom);
}

static void one_is_hidden_and_comes_back(void **state)
{
    (void)state;
    assert_int_equal(share(&anna, bernd), 0);
    assert_int_equal(share(&carla, bernd), 0);
    expect("ac");
    assert_int_equal(refuse(&anna, true), 0);
    assert_int_equal(refuse(&anna, true), 0);
    expect("c");
    expect_said("a");
    assert_int_equal(refuse(&anna, false), 0);
    assert_int_equal(refuse(&anna, false), 0);
    expect("ac");
    expect_said("");
    assert_int_equal(mailbox_refuse(&f.mail, FIXTURE_ACCOUNT, &anna, true), ERR_INVALID);
}

static void all_but_some(void **state)
{
    (void)state;
    assert_int_equal(share(&anna, bernd), 0);
    assert_int_equal(share(&carla, bernd), 0);
    assert_int_equal(refuse(NULL, true), 0);
    expect("");
    expect_said("+");
    assert_int_equal(refuse(&carla, true), 0); /* she is already */
    expect_said("+");
    assert_int_equal(refuse(&carla, false), 0);
    expect("c");
    expect_said("+c");
    assert_int_equal(refuse(NULL, true), 0); /* what was said of her is forgotten */
    expect("");
    expect_said("+");
    assert_int_equal(refuse(NULL, false), 0);
    expect("ac");
    expect_said("");
    assert_int_equal(refuse(&anna, true), 0);
    assert_int_equal(refuse(NULL, false), 0);
    expect("ac");
}

static void who_is_refused_gives_no_more(void **state)
{
    (void)state;
    uint32_t rights;
    assert_int_equal(refuse(&anna, true), 0);
    assert_int_equal(share(&anna, bernd), ERR_DENIED);
    assert_int_equal(mailbox_rights(&f.mail, FIXTURE_ACCOUNT, inbox, &bernd, &rights), 0);
    assert_int_equal(rights, 0);
    struct mail_grant_change c = {.user = bernd, .op = GRANT_REMOVE, .rights = RIGHTS_ALL};
    assert_int_equal(mailbox_grant(&f.mail, FIXTURE_ACCOUNT, inbox, &c), 0); /* taking is fine */
    assert_int_equal(refuse(&anna, false), 0);
    assert_int_equal(share(&anna, bernd), 0);
    expect("a");
}

/* That is not given to him. */
static void what_anyone_may_is_hidden_too(void **state)
{
    (void)state;
    struct mail_user anyone = {0};
    assert_int_equal(refuse(&anna, true), 0);
    assert_int_equal(share(&anna, anyone), 0);
    assert_int_equal(share(&carla, anyone), 0);
    expect("c");
    assert_int_equal(refuse(NULL, true), 0);
    expect("");
}

/* A crowd that has taken all places is sent away, and makes room. */
static void refusing_makes_room(void **state)
{
    (void)state;
    struct mail_sharer mallory = {0, SPAN("mallory@example.test")};
    for (uint64_t k = 0; k < LIMIT_SHARERS; k++) {
        mallory.owner = 5000 + k;
        assert_int_equal(sharers_put(&f.mail, BERND, SPAN(""), &mallory), 0);
    }
    assert_int_equal(share(&anna, bernd), ERR_QUOTA);
    assert_int_equal(refuse(&mallory, true), 0);
    assert_int_equal(share(&anna, bernd), 0);
    assert_int_equal(share(&carla, bernd), ERR_QUOTA);
    assert_int_equal(refuse(NULL, true), 0);
    assert_int_equal(share(&carla, bernd), ERR_DENIED);
    assert_int_equal(refuse(&carla, false), 0);
    assert_int_equal(share(&carla, bernd), 0);
    expect("c");
}

static void refusals_are_bounded(void **state)
{
    (void)state;
    struct mail_sharer mallory = {0, SPAN("mallory@example.test")};
    for (uint64_t k = 0; k <= LIMIT_REFUSALS; k++) {
        mallory.owner = 5000 + k;
        assert_int_equal(refuse(&mallory, true), k < LIMIT_REFUSALS ? 0 : ERR_LIMIT);
    }
    assert_int_equal(refuse(NULL, true), 0);
    expect_said("+");
}

static void they_go_with_the_account(void **state)
{
    (void)state;
    assert_int_equal(refuse(&anna, true), 0);
    assert_int_equal(mailbox_account_destroy(&f.mail, BERND), 0);
    expect_said("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(one_is_hidden_and_comes_back),  T(all_but_some),        T(who_is_refused_gives_no_more),
        T(what_anyone_may_is_hidden_too), T(refusing_makes_room), T(refusals_are_bounded),
        T(they_go_with_the_account),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
