/* SPDX-License-Identifier: Apache-2.0 */
/* Who loses his last right to a mailbox leaves no annotations there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "fixture.h"
#include "mailbox/acl.h"
#include "mailbox/annotation.h"

#define ADDRESS(lit)                                                                               \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }

enum { BERND = 8, CARLA = 9, DORA = 10, READS = RIGHT_LOOKUP | RIGHT_READ };

static struct fixture f;
static const struct mailbox_id inbox = {USE_INBOX};
static const struct mail_user bernd = {BERND, ADDRESS("bernd@example.test")},
                              carla = {CARLA, ADDRESS("carla@example.test")},
                              dora = {DORA, ADDRESS("dora@example.net")}, anyone = {0, {NULL, 0}};

static int setup(void **state)
{
    (void)state;
    const struct mail_user *all[] = {&bernd, &carla, &dora};
    fixture_open(&f);
    for (size_t k = 0; k < COUNT_OF(all); k++)
        assert_int_equal(mailbox_account_create(&f.mail, all[k]->id, all[k]->address), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(fixture_check(&f), 0); /* the bytes of annotations are counted right, too */
    fixture_close(&f);
    return 0;
}

static void grant(struct mailbox_id box,
                  struct mail_user user,
                  bool denied,
                  enum mail_grant_op op,
                  uint32_t rights)
{
    struct mail_grant_change c = {.user = user, .denied = denied, .op = op, .rights = rights};
    assert_int_equal(mailbox_grant(&f.mail, FIXTURE_ACCOUNT, box, &c), 0);
}

static void give(struct mailbox_id box, struct mail_user user, uint32_t rights)
{
    grant(box, user, false, GRANT_REPLACE, rights);
}

static int note(struct mailbox_id box, account_id by, account_id user)
{
    struct mail_annotation v = {.user = user, .name = SPAN("/comment"), .value = SPAN("mine")};
    return mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, by, box, &v, 1);
}

static size_t notes(struct mailbox_id box, account_id user)
{
    struct mail_annotation_range range = {
        .mailbox = box, .user = user, .depth = ANNOTATION_ALL_LEVELS, .bytes = 1000};
    struct mail_annotation *v;
    size_t n;
    bool more;
    assert_int_equal(mailbox_annotations(&f.mail, FIXTURE_ACCOUNT, &range, f.arena, &v, &n, &more),
                     0);
    return n;
}

/* Bernd, Carla and Dora read INBOX and have a note there; so have all together and Anna. */
static void share(void)
{
    const struct mail_user *all[] = {&bernd, &carla, &dora};
    for (size_t k = 0; k < COUNT_OF(all); k++) {
        give(inbox, *all[k], READS);
        assert_int_equal(note(inbox, all[k]->id, all[k]->id), 0);
    }
    assert_int_equal(note(inbox, FIXTURE_ACCOUNT, 0), 0);
    assert_int_equal(note(inbox, FIXTURE_ACCOUNT, FIXTURE_ACCOUNT), 0);
}

/* Whose notes are left in INBOX, a letter each: s of all, a, b, c, d. */
static void expect(const char *whose)
{
    const account_id all[] = {0, FIXTURE_ACCOUNT, BERND, CARLA, DORA};
    char left[8] = "";
    size_t n = 0;
    for (size_t k = 0; k < COUNT_OF(all); k++)
        if (notes(inbox, all[k]) > 0)
            left[n++] = "sabcd"[k];
    assert_string_equal(left, whose);
}

static uint64_t highest_modseq(void)
{
    struct mailbox box;
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("INBOX"), f.arena, &box), 0);
    return box.highest_modseq;
}

static void the_last_right_takes_them_along(void **state)
{
    (void)state;
    share();
    uint64_t modseq = highest_modseq();
    grant(inbox, bernd, false, GRANT_REMOVE, RIGHT_READ);
    expect("sabcd"); /* one is left */
    assert_int_equal(highest_modseq(), modseq);
    grant(inbox, bernd, false, GRANT_REMOVE, RIGHT_LOOKUP);
    expect("sacd");
    assert_true(highest_modseq() > modseq); /* RFC 7162 §3.2: as if he had removed it himself */
    give(inbox, bernd, READS);
    expect("sacd"); /* they do not come back */
    give(inbox, carla, 0);
    expect("sad");
    assert_int_equal(mailbox_grant_drop(&f.mail, FIXTURE_ACCOUNT, inbox, dora.address, false), 0);
    expect("sa");
    assert_int_equal(note(inbox, DORA, DORA), ERR_NOT_FOUND);
}

static void what_is_denied_does_too(void **state)
{
    (void)state;
    share();
    grant(inbox, bernd, true, GRANT_ADD, RIGHT_READ);
    expect("sabcd");
    grant(inbox, bernd, true, GRANT_ADD, RIGHTS_ALL);
    expect("sacd");
    grant(inbox, anyone, true, GRANT_REPLACE, RIGHTS_ALL);
    expect("sad"); /* Dora is of another domain */
}

static void anyone_s_right_keeps_them(void **state)
{
    (void)state;
    share();
    give(inbox, anyone, RIGHT_LOOKUP);
    give(inbox, bernd, 0);
    give(inbox, dora, 0);
    expect("sabc");
    give(inbox, anyone, 0);
    expect("sac");
    give(inbox, anyone, RIGHT_LOOKUP);
    assert_int_equal(note(inbox, BERND, BERND), 0);
    assert_int_equal(mailbox_grant_drop(&f.mail, FIXTURE_ACCOUNT, inbox, SPAN(""), false), 0);
    expect("sac");
}

/* More than one transaction looks through. */
static void many_of_anyone(void **state)
{
    (void)state;
    enum { MANY = 170 };
    struct mail_annotation v = {.name = SPAN("/comment"), .value = SPAN("mine")};
    share();
    give(inbox, anyone, RIGHT_LOOKUP);
    for (account_id k = 0; k < MANY; k++) {
        v.user = 1000 + k;
        assert_int_equal(mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, v.user, inbox, &v, 1), 0);
    }
    give(inbox, bernd, 0);
    give(inbox, anyone, 0);
    for (account_id k = 0; k < MANY; k++)
        assert_int_equal(notes(inbox, 1000 + k), 0);
    expect("sacd");
}

static void other_mailboxes_keep_them(void **state)
{
    (void)state;
    struct mailbox_id work;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("Work"), USE_NONE, &work), 0);
    share();
    give(work, bernd, READS);
    assert_int_equal(note(work, BERND, BERND), 0);
    give(inbox, bernd, 0);
    expect("sacd");
    assert_int_equal(notes(work, BERND), 1);
}

static void who_is_destroyed_leaves_nothing(void **state)
{
    (void)state;
    struct mailbox_id work;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("Work"), USE_NONE, &work), 0);
    share();
    give(work, anyone, READS);
    assert_int_equal(note(work, BERND, BERND), 0);
    assert_int_equal(note(work, CARLA, CARLA), 0);
    assert_int_equal(mailbox_account_destroy(&f.mail, BERND), 0);
    expect("sacd");
    assert_int_equal(notes(work, BERND), 0);
    assert_int_equal(notes(work, CARLA), 1);
    assert_int_equal(mailbox_account_destroy(&f.mail, BERND), 0);
    assert_int_equal(mailbox_account_destroy(&f.mail, DORA), 0);
    expect("sac");
}

/* An account that had the address before. */
static void an_old_account_s_go_with_its_entry(void **state)
{
    (void)state;
    enum { NEW_BERND = 20 };
    struct mail_user again = {NEW_BERND, bernd.address};
    share();
    give(inbox, again, READS);
    expect("sacd");
    assert_int_equal(notes(inbox, NEW_BERND), 0);
}

/* The list of the mailbox INBOX was renamed to is its parent's, not INBOX's. */
static void renaming_inbox_takes_those_along_who_may_see_it(void **state)
{
    (void)state;
    struct mailbox_id work;
    struct mailbox box;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("Work"), USE_NONE, &work), 0);
    give(work, carla, READS);
    share();
    assert_int_equal(mailbox_rename(&f.mail, FIXTURE_ACCOUNT, SPAN("INBOX"), SPAN("Work/old")), 0);
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("Work/old"), f.arena, &box),
                     0);
    assert_int_equal(notes(box.id, 0), 1);
    assert_int_equal(notes(box.id, FIXTURE_ACCOUNT), 1);
    assert_int_equal(notes(box.id, CARLA), 1);
    assert_int_equal(notes(box.id, BERND), 0);
    expect("sabcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(the_last_right_takes_them_along),    T(what_is_denied_does_too),
        T(anyone_s_right_keeps_them),          T(many_of_anyone),
        T(other_mailboxes_keep_them),          T(who_is_destroyed_leaves_nothing),
        T(an_old_account_s_go_with_its_entry), T(renaming_inbox_takes_those_along_who_may_see_it),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
