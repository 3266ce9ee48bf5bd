/* SPDX-License-Identifier: Apache-2.0 */
/* A block of the disk is lost: it costs what was in it, and nothing that comes later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "fixture.h"
#include "mailbox/keys.h"

static struct fixture f;
static const struct part part = {PART_ACCOUNT, FIXTURE_ACCOUNT};

static int setup(void **state)
{
    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 10; i++)
        fixture_append(&f, 0, SPAN("a message"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static size_t lose(struct mail_key first, struct mail_key last)
{
    return sim_lose_block(f.disk, part, mail_key_span(&first), mail_key_span(&last));
}

static struct mail_key entry(uint32_t mailbox, uint32_t uid)
{
    return mail_key_entry((struct mailbox_id){mailbox}, (struct mail_uid){uid});
}

/* The UIDs in the INBOX's view, as digits; `damaged` are left out. */
static void expect(const uint32_t *uids, size_t n, size_t max, size_t damaged)
{
    struct mail_view v;
    assert_int_equal(mailbox_view_load(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){0}, max, &v),
                     0);
    assert_int_equal(v.n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(v.v[i].uid.v, uids[i]);
    assert_int_equal(v.damaged, damaged);
    mailbox_view_done(&v);
}

/* The last block of a mailbox reaches to the next table: all new messages sort into it. */
static void new_messages_are_seen_behind_a_lost_block(void **state)
{
    (void)state;
    struct mail_key end = mail_key_message((struct message_id){0});
    assert_int_equal(lose(entry(INBOX_ID, 8), end), 3);
    expect((uint32_t[]){1, 2, 3, 4, 5, 6, 7}, 7, 100, 3);
    fixture_append(&f, 0, SPAN("new"));
    fixture_append(&f, 0, SPAN("newer"));
    expect((uint32_t[]){1, 2, 3, 4, 5, 6, 7, 11, 12}, 9, 100, 3);
    expect((uint32_t[]){1, 2, 3, 4, 5, 6, 7, 11}, 8, 8, 3);
    expect((uint32_t[]){1, 2, 3}, 3, 3, 0);
}

/* Also where not all of them are asked for. */
static void every_second_message_is_read_behind_a_lost_block(void **state)
{
    (void)state;
    static const uint32_t found[] = {1, 3, 5, 13, 15, 17, 19, 21};
    struct mail_item *v;
    struct numset odd;
    uint32_t next;
    size_t n;
    for (int i = 0; i < 12; i++)
        fixture_append(&f, 0, SPAN("one more"));
    assert_int_equal(lose(entry(INBOX_ID, 6), entry(INBOX_ID, 12)), 7);
    numset_init(&odd);
    for (uint32_t uid = 1; uid <= 22; uid += 2)
        numset_add(&odd, uid);
    struct mail_range range = {{INBOX_ID}, &odd, 0, 100, false, 0, NULL};
    assert_int_equal(mailbox_items(&f.mail, FIXTURE_ACCOUNT, &range, f.arena, &v, &n, &next), 0);
    assert_int_equal(n, COUNT_OF(found));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(v[i].uid.v, found[i]);
    numset_done(&odd);
}

static void entries_written_anew_inside_a_lost_block_are_seen(void **state)
{
    (void)state;
    assert_int_equal(fixture_flags(&f, (struct mailbox_id){0}, (struct mail_uid){4}, 1, 0), 0);
    assert_int_equal(lose(entry(INBOX_ID, 1), entry(INBOX_ID, 6)), 6);
    expect((uint32_t[]){7, 8, 9, 10}, 4, 100, 6);
    size_t removed;
    struct mail_uid gone = {8};
    assert_int_equal(
        mailbox_expunge(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){0}, &gone, 1, 0, &removed),
        0);
    fixture_append(&f, 0, SPAN("new"));
    expect((uint32_t[]){7, 9, 10, 11}, 4, 100, 6);
}

static int write_again(struct store_txn *t, void *arg)
{
    struct mail_key key = mail_key_mailbox((struct mailbox_id){INBOX_ID});
    store_txn_put(t, mail_key_span(&key), *(const struct span *)arg);
    return 0;
}

/* INBOX is written anew with each message: here its record from before them is in the lost block. */
static void the_inbox_stays_in_the_list_of_mailboxes(void **state)
{
    (void)state;
    struct mailbox *v, inbox;
    struct store_snap *snap;
    struct span record;
    size_t n;
    struct mail_key key = mail_key_mailbox((struct mailbox_id){INBOX_ID});
    assert_int_equal(store_snap_open(f.store, part, &snap), 0);
    assert_int_equal(store_snap_get(snap, mail_key_span(&key), f.arena, &record), 0);
    store_snap_close(snap);
    assert_int_equal(lose(key, mail_key_mailbox((struct mailbox_id){4})), 4);
    assert_int_equal(store_txn_run(f.store, part, write_again, &record), 0);
    assert_int_equal(mailbox_list(&f.mail, FIXTURE_ACCOUNT, f.arena, &v, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(mailbox_find_use(&f.mail, FIXTURE_ACCOUNT, USE_INBOX, f.arena, &inbox), 0);
    assert_int_equal(inbox.messages, 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(new_messages_are_seen_behind_a_lost_block),
        TEST(every_second_message_is_read_behind_a_lost_block),
        TEST(entries_written_anew_inside_a_lost_block_are_seen),
        TEST(the_inbox_stays_in_the_list_of_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
