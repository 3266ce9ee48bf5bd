/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox_check finds what is planted, and damage costs one message, not the mailbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "fixture.h"
#include "mailbox/acl.h"
#include "mailbox/annotation.h"
#include "mailbox/edit.h"

static struct fixture f;
static struct mail_appended first, second, gone;

struct plant {
    struct mail_key key;
    struct span value; /* p NULL: delete the row */
};

static int plant_run(struct store_txn *t, void *arg)
{
    const struct plant *p = arg;
    if (p->value.p == NULL)
        store_txn_del(t, mail_key_span(&p->key));
    else
        store_txn_put(t, mail_key_span(&p->key), p->value);
    return 0;
}

static void plant(struct mail_key key, struct span value)
{
    struct plant p = {key, value};
    assert_int_equal(
        store_txn_run(f.store, (struct part){PART_ACCOUNT, FIXTURE_ACCOUNT}, plant_run, &p), 0);
}

static int setup(void **state)
{
    (void)state;
    size_t removed;
    fixture_open(&f);
    first = fixture_append(&f, 0, SPAN("first"));
    second = fixture_append(&f, 0, SPAN("second"));
    gone = fixture_append(&f, 0, SPAN("gone"));
    assert_int_equal(
        mailbox_expunge(&f.mail, FIXTURE_ACCOUNT, gone.mailbox, &gone.uid, 1, 5000, &removed), 0);
    assert_int_equal(fixture_check(&f), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static struct mail_place place(const struct mail_appended *a)
{
    return (struct mail_place){a->message, a->mailbox, a->uid};
}

static void every_missing_row_is_found(void **state)
{
    (void)state;
    struct mail_key rows[] = {
        mail_key_mailbox(first.mailbox),
        mail_key_entry(first.mailbox, first.uid),
        mail_key_message(first.message),
        mail_key_where(place(&first)),
        mail_key_change(first.modseq, place(&first)),
        mail_key_message(gone.message),
        mail_key_expunged(place(&gone)),
        mail_key_due(f.clock.now_ms + 3600 * 1000, place(&gone)),
        mail_key_tombstone((struct modseq){gone.modseq.v + 1}, place(&gone)),
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        teardown(NULL);
        setup(NULL);
        plant(rows[i], SPAN_EMPTY);
        assert_true(fixture_check(&f) > 0);
    }
}

static void every_damaged_row_is_found(void **state)
{
    (void)state;
    struct mail_key rows[] = {
        mail_key_table(TABLE_ACCOUNT),
        mail_key_mailbox(first.mailbox),
        mail_key_entry(first.mailbox, first.uid),
        mail_key_message(first.message),
        mail_key_where(place(&first)),
        mail_key_change(first.modseq, place(&first)),
        mail_key_expunged(place(&gone)),
        mail_key_due(f.clock.now_ms + 3600 * 1000, place(&gone)),
        mail_key_tombstone((struct modseq){gone.modseq.v + 1}, place(&gone)),
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        teardown(NULL);
        setup(NULL);
        plant(rows[i], SPAN("\xff\xff"));
        assert_true(fixture_check(&f) > 0);
    }
}

/* A record that is sound by itself and says something else than the others do. */
static void plant_entry(struct entry_record *r)
{
    struct buf b;
    buf_init(&b, 200);
    entry_record_pack(&b, r);
    plant(mail_key_entry(first.mailbox, first.uid), buf_span(&b));
    buf_done(&b);
}

static void lies_are_found(void **state)
{
    (void)state;
    const struct entry_record truth = {
        .modseq = first.modseq.v,
        .created_modseq = first.modseq.v,
        .message = first.message,
        .uidl = (uint64_t)f.clock.now_ms, /* given from the clock */
        .size = 5,
        .received_ms = f.clock.now_ms,
        .saved_ms = f.clock.now_ms,
    };
    struct entry_record lie = truth;
    plant_entry(&lie);
    assert_int_equal(fixture_check(&f), 0); /* the truth is none */
    lie.size = 6;
    plant_entry(&lie);
    assert_true(fixture_check(&f) > 0);
    lie = truth;
    lie.flags = FLAG_SEEN;
    plant_entry(&lie);
    assert_true(fixture_check(&f) > 0);
    lie = truth;
    lie.uidl++; /* the second's */
    plant_entry(&lie);
    assert_true(fixture_check(&f) > 0);
    lie = truth;
    lie.uidl += 77;
    plant_entry(&lie);
    assert_true(fixture_check(&f) > 0);
    lie = truth;
    lie.message = second.message;
    plant_entry(&lie);
    assert_true(fixture_check(&f) > 0);
    lie = truth;
    lie.modseq++;
    plant_entry(&lie);
    assert_true(fixture_check(&f) > 0);
}

static void a_missing_body_is_found(void **state)
{
    (void)state;
    struct message_record r = {.size = 5};
    struct buf b;
    buf_init(&b, 200);
    message_record_pack(&b, &r); /* a blob that never was */
    plant(mail_key_message(first.message), buf_span(&b));
    buf_done(&b);
    assert_true(fixture_check(&f) > 0);
    struct blob_reader *reader;
    struct blob_info info;
    assert_int_equal(mailbox_message_open(&f.mail, FIXTURE_ACCOUNT, first.message, &reader, &info),
                     ERR_CORRUPT);
    assert_int_equal(mailbox_message_open(&f.mail, FIXTURE_ACCOUNT, second.message, &reader, &info),
                     0);
    store_blob_close(reader);
}

static void a_damaged_entry_hides_no_other(void **state)
{
    (void)state;
    struct mail_view v;
    size_t removed;
    plant(mail_key_entry(first.mailbox, first.uid), SPAN("\x01"));
    assert_int_equal(mailbox_view_load(&f.mail, FIXTURE_ACCOUNT, first.mailbox, SIZE_MAX, &v), 0);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.damaged, 1);
    assert_int_equal(v.v[0].uid.v, second.uid.v);
    mailbox_view_done(&v);
    struct mail_uid both[] = {first.uid, second.uid};
    assert_int_equal(mailbox_expunge(&f.mail, FIXTURE_ACCOUNT, first.mailbox, both, 2, 0, &removed),
                     ERR_CORRUPT);
    assert_int_equal(removed, 1);
    fixture_append(&f, 0, SPAN("mail still comes in"));
}

static void a_damaged_message_does_not_stop_the_purge(void **state)
{
    (void)state;
    size_t purged, removed;
    assert_int_equal(
        mailbox_expunge(&f.mail, FIXTURE_ACCOUNT, first.mailbox, &first.uid, 1, 0, &removed), 0);
    plant(mail_key_message(gone.message), SPAN("\x01"));
    clock_fake_advance(&f.clock, 24 * 3600 * 1000);
    assert_int_equal(mailbox_purge(&f.mail, FIXTURE_ACCOUNT, 100, &purged), 0);
    assert_int_equal(purged, 2);
    assert_true(fixture_check(&f) > 0); /* and it is still reported */
}

static void a_damaged_message_is_not_restored(void **state)
{
    (void)state;
    struct mail_appended back;
    plant(mail_key_message(gone.message), SPAN_EMPTY);
    assert_int_equal(mailbox_restore(&f.mail, FIXTURE_ACCOUNT, gone.message, &back), ERR_CORRUPT);
}

static void annotations_are_checked(void **state)
{
    (void)state;
    struct mail_annotation v = {.name = SPAN("/a"), .value = SPAN("1")};
    struct mail_key prefix = mail_key_annotations(first.mailbox, 0), key = prefix;
    memcpy(key.b + key.n, "/a\0\1", 4);
    key.n += 4;
    for (int k = 0; k < 4; k++) {
        teardown(NULL);
        setup(NULL);
        assert_int_equal(
            mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, FIXTURE_ACCOUNT, first.mailbox, &v, 1), 0);
        assert_int_equal(fixture_check(&f), 0);
        if (k == 0) {
            plant(key, SPAN_EMPTY);
        } else if (k == 1) {
            plant(key, SPAN("\xff\xff"));
        } else if (k == 2) {
            plant(prefix, SPAN("\1\0"));
        } else {
            plant(key, SPAN_EMPTY);
            key.b[4] = 77; /* no such mailbox */
            plant(key, SPAN("\1\0011"));
        }
        assert_true(fixture_check(&f) > 0);
    }
}

static void access_control_lists_are_checked(void **state)
{
    (void)state;
    enum { BERND = 8, NOBODY = 9 };
    struct mail_grant_change give = {.user = {BERND, SPAN("bernd@example.test")},
                                     .rights = RIGHT_READ};
    const struct {
        struct mail_key key;
        struct span record;
    } damages[] = {
        {mail_key_grant(first.mailbox, BERND), SPAN_EMPTY},
        {mail_key_grant(first.mailbox, BERND), SPAN("\xff\xff")},
        {mail_key_grant((struct mailbox_id){77}, BERND), SPAN("\1\1\0\0")},
        {mail_key_grantee(BERND, first.mailbox), SPAN_EMPTY},
        {mail_key_grantee(NOBODY, first.mailbox), SPAN("\1\1")},
        {mail_key_grantees(BERND), SPAN("\1\1")},
    };
    for (size_t k = 0; k < COUNT_OF(damages); k++) {
        teardown(NULL);
        setup(NULL);
        assert_int_equal(mailbox_grant(&f.mail, FIXTURE_ACCOUNT, first.mailbox, &give), 0);
        assert_int_equal(fixture_check(&f), 0);
        plant(damages[k].key, damages[k].record);
        assert_true(fixture_check(&f) > 0);
    }
}

static int stop_after(void *left)
{
    return --*(int *)left < 0 ? ERR_CLOSED : 0;
}

static void a_check_stops_when_it_is_told_to(void **state)
{
    (void)state;
    uint64_t problems = 99;
    int asked = 1000;
    assert_int_equal(
        mailbox_check_until(&f.mail, FIXTURE_ACCOUNT, true, NULL, stop_after, &asked, &problems),
        0);
    assert_int_equal(problems, 0);
    asked = 1000 - asked;
    assert_true(asked > 6); /* rows of three messages in several tables */
    for (int n = 0; n < asked; n++) {
        int left = n;
        assert_int_equal(
            mailbox_check_until(&f.mail, FIXTURE_ACCOUNT, true, NULL, stop_after, &left, &problems),
            ERR_CLOSED);
        assert_int_equal(left, -1); /* asked no more */
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_missing_row_is_found),
        TEST(every_damaged_row_is_found),
        TEST(lies_are_found),
        TEST(a_missing_body_is_found),
        TEST(a_damaged_entry_hides_no_other),
        TEST(a_damaged_message_does_not_stop_the_purge),
        TEST(a_damaged_message_is_not_restored),
        TEST(annotations_are_checked),
        TEST(access_control_lists_are_checked),
        TEST(a_check_stops_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
