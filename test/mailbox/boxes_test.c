/* SPDX-License-Identifier: Apache-2.0 */
/* Making, deleting, renaming mailboxes and subscribing to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "fixture.h"

static struct fixture f;

static int setup(void **state)
{
    (void)state;
    fixture_open(&f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(fixture_check(&f), 0);
    fixture_close(&f);
    return 0;
}

static struct mailbox_id make(const char *name)
{
    struct mailbox_id id;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, span_str(name), USE_NONE, &id), 0);
    return id;
}

/* 0: there is none. */
static struct mailbox find(const char *name)
{
    struct mailbox box = {0};
    int err = mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, span_str(name), f.arena, &box);
    assert_true(err == 0 || err == ERR_NOT_FOUND);
    return box;
}

static int rename_box(const char *from, const char *to)
{
    return mailbox_rename(&f.mail, FIXTURE_ACCOUNT, span_str(from), span_str(to));
}

static void deleted_mailboxes_are_gone_and_their_mail_is_restorable(void **state)
{
    (void)state;
    struct mailbox_id id = make("Work");
    uint32_t validity = find("Work").uidvalidity;
    struct mail_appended m = fixture_append(&f, id.v, SPAN("hello")), back;
    for (int i = 0; i < 1500; i++)
        fixture_append(&f, id.v, SPAN("x"));
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, id, 1000), 0);
    assert_int_equal(find("Work").id.v, 0);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, id, 1000), ERR_NOT_FOUND);
    assert_int_equal(mailbox_restore(&f.mail, FIXTURE_ACCOUNT, m.message, &back), 0);
    assert_int_equal(back.mailbox.v, USE_INBOX);
    assert_true(make("Work").v != id.v);
    assert_true(find("Work").uidvalidity > validity);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){USE_INBOX}, 0),
                     ERR_DENIED);
}

/* It is there with all its messages, or it is not: nothing in between can be seen after a crash. */
static void a_mailbox_goes_with_its_messages_at_once(void **state)
{
    (void)state;
    struct mailbox_id id = make("Work");
    for (int i = 0; i < 1000; i++)
        fixture_append(&f, id.v, SPAN("x"));
    sim_fail(f.disk, SIM_COMMIT, 1, ERR_DISK_FULL, true);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, id, 1000), ERR_DISK_FULL);
    assert_int_equal(find("Work").messages, 1000);
    sim_fail(f.disk, SIM_COMMIT, 2, ERR_DISK_FULL, true);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, id, 1000), 0);
    sim_fail(f.disk, SIM_COMMIT, 0, 0, false);
    assert_int_equal(find("Work").id.v, 0);
}

static void a_mailbox_with_others_below_it_stays_as_a_level(void **state)
{
    (void)state;
    struct mail_append in = {.received_ms = 1};
    struct mail_appended out;
    struct mailbox_id child = make("A/B"), top = find("A").id;
    uint32_t validity = find("A").uidvalidity;
    fixture_append(&f, top.v, SPAN("x"));
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, top, 0), 0);
    assert_true(find("A").noselect);
    assert_int_equal(find("A").messages, 0);
    in.mailbox = top;
    in.blob = fixture_blob(&f, SPAN("x"), &in.info);
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), ERR_NOT_FOUND);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, top, 0), ERR_EXISTS);
    assert_int_equal(make("A").v, top.v); /* a mailbox again */
    assert_false(find("A").noselect);
    assert_true(find("A").uidvalidity > validity);
    assert_int_equal(fixture_append(&f, top.v, SPAN("x")).uid.v, 1);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, top, 0), 0);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, child, 0), 0);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, top, 0), 0);
    assert_int_equal(find("A").id.v, 0);
}

static void names_that_only_begin_alike_are_not_below(void **state)
{
    (void)state;
    struct mailbox_id a = make("A");
    make("AB/C");
    make("A-x");
    assert_int_equal(rename_box("A", "Z"), 0);
    assert_int_equal(find("Z").id.v, a.v);
    assert_true(find("AB/C").id.v != 0 && find("A-x").id.v != 0);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, a, 0), 0);
    assert_int_equal(find("Z").id.v, 0); /* nothing is below it: no level stays */
}

static void a_mailbox_is_renamed_with_all_below_it(void **state)
{
    (void)state;
    struct mailbox_id top = make("A"), child = make("A/B/C");
    fixture_append(&f, child.v, SPAN("x"));
    uint32_t validity = find("A/B/C").uidvalidity;
    assert_int_equal(rename_box("A", "New/Place"), 0);
    assert_int_equal(find("A").id.v, 0);
    assert_int_equal(find("A/B/C").id.v, 0);
    assert_int_equal(find("New/Place").id.v, top.v);
    assert_int_equal(find("New/Place/B/C").id.v, child.v);
    assert_int_equal(find("New/Place/B/C").uidvalidity, validity);
    assert_int_equal(find("New/Place/B/C").messages, 1);
    assert_true(find("New").id.v != 0);
    assert_int_equal(rename_box("A", "B"), ERR_NOT_FOUND);
    assert_int_equal(rename_box("New/Place", "Sent"), ERR_EXISTS);
    assert_int_equal(rename_box("New", "New/Place/X"), ERR_INVALID);
    assert_int_equal(rename_box("New", "a//b"), ERR_INVALID);
    assert_int_equal(rename_box("", "b"), ERR_NOT_FOUND);
}

static void a_special_mailbox_takes_its_use_along(void **state)
{
    (void)state;
    uint32_t validity = find("Sent").uidvalidity;
    struct mailbox box;
    assert_int_equal(rename_box("Sent", "Gesendet"), 0);
    assert_int_equal(mailbox_find_use(&f.mail, FIXTURE_ACCOUNT, USE_SENT, f.arena, &box), 0);
    assert_true(span_eq(box.name, SPAN("Gesendet")));
    assert_true(box.uidvalidity > validity);
    struct mailbox_id id;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("Sent"), USE_SENT, &id),
                     ERR_IN_USE);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, box.id, 0), 0);
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("Sent"), USE_SENT, &id), 0);
    assert_int_equal(find("Sent").use, USE_SENT);
}

static void renaming_inbox_moves_its_messages(void **state)
{
    (void)state;
    make("INBOX/Below");
    struct mail_appended m = fixture_append(&f, 0, SPAN("one"));
    fixture_append(&f, 0, SPAN("two"));
    assert_int_equal(rename_box("inbox", "Old"), 0);
    assert_int_equal(find("INBOX").messages, 0);
    assert_int_equal(find("INBOX").id.v, USE_INBOX);
    assert_int_equal(find("Old").messages, 2);
    assert_true(find("INBOX/Below").id.v != 0);
    struct blob_reader *reader;
    struct blob_info info;
    assert_int_equal(mailbox_message_open(&f.mail, FIXTURE_ACCOUNT, m.message, &reader, &info), 0);
    store_blob_close(reader);
    assert_int_equal(rename_box("INBOX", "Old"), ERR_EXISTS);
}

static void subscriptions_outlive_their_mailbox(void **state)
{
    (void)state;
    struct span *names;
    size_t n;
    struct mailbox_id id = make("A");
    assert_true(find("A").subscribed);
    assert_int_equal(mailbox_subscribe(&f.mail, FIXTURE_ACCOUNT, SPAN("A"), false), 0);
    assert_false(find("A").subscribed);
    assert_int_equal(mailbox_subscribe(&f.mail, FIXTURE_ACCOUNT, SPAN("A"), true), 0);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, id, 0), 0);
    assert_int_equal(mailbox_subscribe(&f.mail, FIXTURE_ACCOUNT, SPAN("nowhere"), true), 0);
    assert_int_equal(mailbox_subscribe(&f.mail, FIXTURE_ACCOUNT, SPAN("nowhere"), true), 0);
    assert_int_equal(mailbox_subscriptions(&f.mail, FIXTURE_ACCOUNT, f.arena, &names, &n), 0);
    assert_int_equal(n, 2);
    assert_true(span_eq(names[0], SPAN("A")) && span_eq(names[1], SPAN("nowhere")));
    assert_int_equal(mailbox_subscribe(&f.mail, FIXTURE_ACCOUNT, SPAN("nowhere"), false), 0);
    make("A");
    assert_int_equal(mailbox_subscriptions(&f.mail, FIXTURE_ACCOUNT, f.arena, &names, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(mailbox_subscribe(&f.mail, FIXTURE_ACCOUNT, SPAN("a//b"), true), ERR_INVALID);
}

/* In branches as deep as may be, which is quicker than one by one. */
static void the_number_of_mailboxes_is_bounded(void **state)
{
    (void)state;
    char name[8 * LIMIT_MAILBOX_DEPTH];
    struct mailbox_id id;
    size_t made = USE_COUNT - 1;
    for (int branch = 0; made + LIMIT_MAILBOX_DEPTH <= LIMIT_MAILBOXES; branch++) {
        int n = snprintf(name, sizeof name, "b%d", branch);
        for (int depth = 1; depth < LIMIT_MAILBOX_DEPTH; depth++)
            n += snprintf(name + n, sizeof name - (size_t)n, "/x");
        make(name);
        made += LIMIT_MAILBOX_DEPTH;
    }
    for (; made < LIMIT_MAILBOXES; made++) {
        (void)snprintf(name, sizeof name, "one%zu", made);
        make(name);
    }
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("more"), USE_NONE, &id),
                     ERR_LIMIT);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, find("one9999").id, 0), 0);
    make("more"); /* those that are gone do not count */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(deleted_mailboxes_are_gone_and_their_mail_is_restorable),
        T(a_mailbox_goes_with_its_messages_at_once),
        T(a_mailbox_with_others_below_it_stays_as_a_level),
        T(names_that_only_begin_alike_are_not_below),
        T(a_mailbox_is_renamed_with_all_below_it),
        T(a_special_mailbox_takes_its_use_along),
        T(renaming_inbox_moves_its_messages),
        T(subscriptions_outlive_their_mailbox),
        T(the_number_of_mailboxes_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
