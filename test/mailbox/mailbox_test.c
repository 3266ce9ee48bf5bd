/* SPDX-License-Identifier: Apache-2.0 */
/* Each function of the room by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "fixture.h"
#include "mailbox/edit.h"

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
    assert_int_equal(fixture_check(&f), 0); /* whatever a test did */
    fixture_close(&f);
    return 0;
}

static struct mail_view view(uint32_t mailbox)
{
    struct mail_view v;
    assert_int_equal(
        mailbox_view_load(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){mailbox}, SIZE_MAX, &v), 0);
    return v;
}

static size_t expunge(struct mail_uid uid, int64_t keep_ms)
{
    size_t removed = 99;
    assert_int_equal(mailbox_expunge(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){0}, &uid, 1,
                                     keep_ms, &removed),
                     0);
    return removed;
}

static struct mail_quota quota(void)
{
    struct mail_quota q;
    assert_int_equal(mailbox_quota(&f.mail, FIXTURE_ACCOUNT, &q), 0);
    return q;
}

static void accounts_are_made_once(void **state)
{
    (void)state;
    assert_int_equal(mailbox_account_create(&f.mail, FIXTURE_ACCOUNT, SPAN("anna@example.test")),
                     0);
    assert_int_equal(mailbox_account_create(&f.mail, FIXTURE_ACCOUNT, SPAN("bert@example.test")),
                     ERR_EXISTS);
    struct mail_quota q;
    struct mail_view v;
    assert_int_equal(mailbox_quota(&f.mail, 8, &q), ERR_NO_USER);
    assert_int_equal(mailbox_view_load(&f.mail, 8, (struct mailbox_id){0}, 1, &v), ERR_NO_USER);
    assert_int_equal(mailbox_account_create(&f.mail, 8, SPAN("bert@example.test")), 0);
    assert_int_equal(mailbox_account_destroy(&f.mail, 8), 0);
    assert_int_equal(mailbox_account_destroy(&f.mail, 8), 0);
    assert_int_equal(mailbox_quota(&f.mail, 8, &q), ERR_NO_USER);
}

static void special_mailboxes_are_there(void **state)
{
    (void)state;
    struct mailbox *v, one;
    size_t n;
    assert_int_equal(mailbox_list(&f.mail, FIXTURE_ACCOUNT, f.arena, &v, &n), 0);
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(arena_cstr(f.arena, v[i].name), special_use_name(v[i].use));
        assert_int_equal(v[i].uidvalidity, 1790000000 + i); /* each its own: they can be renamed */
        assert_int_equal(v[i].uidnext, 1);
        assert_int_equal(mailbox_find_use(&f.mail, FIXTURE_ACCOUNT, v[i].use, f.arena, &one), 0);
        assert_int_equal(one.id.v, v[i].id.v);
    }
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("inbox"), f.arena, &one), 0);
    assert_int_equal(one.use, USE_INBOX);
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("sent"), f.arena, &one),
                     ERR_NOT_FOUND);
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("//"), f.arena, &one),
                     ERR_NOT_FOUND);
}

static void mailboxes_are_made_with_their_parents(void **state)
{
    (void)state;
    struct mailbox_id id, other;
    struct mailbox one;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("Work/2026/Q4"), USE_NONE, &id),
                     0);
    assert_int_equal(
        mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("Work/2026/Q4"), f.arena, &one), 0);
    assert_int_equal(one.id.v, id.v);
    assert_true(one.uidvalidity >
                1790000000); /* higher than any before, though the clock stands still */
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("Work"), f.arena, &one), 0);
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("Work/2026"), USE_NONE, &other),
                     ERR_EXISTS);
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("Work/2025"), USE_NONE, &other),
                     0);
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("inBox"), USE_NONE, &other),
                     ERR_EXISTS);
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("inBox/x"), USE_NONE, &other),
                     0);
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("INBOX/x"), f.arena, &one),
                     0);
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static char long_name[LIMIT_MAILBOX_NAME + 1], deep[64];
    memset(long_name, 'x', sizeof(long_name));
    for (size_t i = 0; i < sizeof(deep); i++)
        deep[i] = i % 2 ? '/' : 'x';
    const struct span bad[] = {
        SPAN(""),
        SPAN("/"),
        SPAN("a/"),
        SPAN("/a"),
        SPAN("a//b"),
        SPAN("a\nb"),
        SPAN("a\0b"),
        SPAN("\xff"),
        SPAN("a\x7f"),
        {long_name, sizeof(long_name)},
        {deep, sizeof(deep) - 1},
    };
    struct mailbox_id id;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, bad[i], USE_NONE, &id),
                         ERR_INVALID);
}

static void appended_messages_can_be_read(void **state)
{
    (void)state;
    struct mail_appended a = fixture_append(&f, 0, SPAN("Subject: a\r\n\r\nhello\r\n"));
    struct mail_appended b = fixture_append(&f, USE_SENT, SPAN("Subject: b\r\n\r\n"));
    assert_int_equal(a.mailbox.v, USE_INBOX);
    assert_int_equal(a.uid.v, 1);
    assert_int_equal(b.uid.v, 1);
    assert_true(b.modseq.v > a.modseq.v && b.message.v > a.message.v);
    struct mail_view v = view(0);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.uidnext, 2);
    assert_int_equal(v.v[0].size, 21);
    assert_int_equal(v.v[0].message.v, a.message.v);
    mailbox_view_done(&v);
    struct mail_message m;
    assert_int_equal(mailbox_message_get(&f.mail, FIXTURE_ACCOUNT, a.message, f.arena, &m), 0);
    assert_true(span_eq(m.envelope_from, SPAN("sender@example.org")));
    struct blob_reader *r;
    struct blob_info info;
    struct buf body;
    buf_init(&body, 100);
    assert_int_equal(mailbox_message_open(&f.mail, FIXTURE_ACCOUNT, a.message, &r, &info), 0);
    assert_int_equal(store_blob_read(r, 0, 100, &body), 0);
    assert_true(span_eq(buf_span(&body), SPAN("Subject: a\r\n\r\nhello\r\n")));
    store_blob_close(r);
    buf_done(&body);
    assert_int_equal(
        mailbox_message_get(&f.mail, FIXTURE_ACCOUNT, (struct message_id){99}, f.arena, &m),
        ERR_NOT_FOUND);
    struct mail_quota q = quota();
    assert_true(q.messages == 2 && q.bytes == 21 + 14);
}

static void append_needs_its_mailbox(void **state)
{
    (void)state;
    struct mail_append in = {.mailbox = {77}};
    struct mail_appended out;
    in.blob = fixture_blob(&f, SPAN("x"), &in.info);
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), ERR_NOT_FOUND);
    assert_int_equal(mailbox_append(&f.mail, 8, &in, &out), ERR_NO_USER);
    in.mailbox.v = 0;
    in.flags = 32;
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), ERR_INVALID);
}

static void quota_is_kept(void **state)
{
    (void)state;
    struct mail_append in = {.quota_bytes = 10};
    struct mail_appended out;
    in.blob = fixture_blob(&f, SPAN("12345678901"), &in.info);
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), ERR_QUOTA);
    in.quota_bytes = 11;
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), 0);
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), ERR_QUOTA);
    in.quota_bytes = 0;
    in.quota_messages = 1;
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), ERR_QUOTA);
    in.quota_messages = 2;
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), 0);
    in.quota_bytes = 5; /* a limit that was lowered below what is there */
    in.quota_messages = 0;
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), ERR_QUOTA);
}

static void expunged_messages_stay_readable_until_purged(void **state)
{
    (void)state;
    struct mail_appended a = fixture_append(&f, 0, SPAN("gone"));
    struct mail_message m;
    struct mail_appended back;
    size_t purged;
    assert_int_equal(expunge(a.uid, 0), 1);
    assert_int_equal(expunge(a.uid, 0), 0); /* gone already is no error */
    assert_int_equal(quota().messages, 0);
    assert_int_equal(quota().restorable_messages, 0);
    assert_int_equal(mailbox_message_get(&f.mail, FIXTURE_ACCOUNT, a.message, f.arena, &m), 0);
    assert_int_equal(mailbox_restore(&f.mail, FIXTURE_ACCOUNT, a.message, &back), ERR_NOT_FOUND);
    assert_int_equal(mailbox_purge(&f.mail, FIXTURE_ACCOUNT, 100, &purged), 0);
    assert_int_equal(purged, 0);
    clock_fake_advance(&f.clock, 3600 * 1000);
    assert_int_equal(mailbox_purge(&f.mail, FIXTURE_ACCOUNT, 100, &purged), 0);
    assert_int_equal(purged, 1);
    assert_int_equal(mailbox_message_get(&f.mail, FIXTURE_ACCOUNT, a.message, f.arena, &m),
                     ERR_NOT_FOUND);
    size_t collected;
    clock_fake_advance(&f.clock, 1000);
    assert_int_equal(store_collect(f.store, 0, 100, &collected), 0);
    assert_int_equal(collected, 1); /* nobody refers to the body any more */
}

static void restored_messages_have_a_new_uid_and_their_old_uidl(void **state)
{
    (void)state;
    struct mail_appended a = fixture_append(&f, 0, SPAN("one")), back;
    fixture_append(&f, 0, SPAN("two"));
    assert_int_equal(fixture_flags(&f, a.mailbox, a.uid, FLAG_SEEN | FLAG_DELETED, 0), 0);
    struct mail_view v = view(0);
    uint64_t uidl = v.v[0].uidl;
    mailbox_view_done(&v);
    assert_int_equal(expunge(a.uid, 1000), 1);
    struct mail_quota q = quota();
    assert_true(q.messages == 1 && q.restorable_messages == 1 && q.restorable_bytes == 3);
    struct mail_expunged *gone;
    size_t n;
    assert_int_equal(mailbox_expunged_list(&f.mail, FIXTURE_ACCOUNT, 10, f.arena, &gone, &n), 0);
    assert_int_equal(n, 1);
    assert_true(gone[0].restorable && gone[0].uid.v == a.uid.v && gone[0].uidl == uidl);
    /* the grace time is longer than what was asked for */
    assert_int_equal(gone[0].until_ms - gone[0].expunged_ms, 3600 * 1000);
    assert_int_equal(mailbox_restore(&f.mail, FIXTURE_ACCOUNT, a.message, &back), 0);
    assert_int_equal(back.uid.v, 3);
    assert_int_equal(mailbox_restore(&f.mail, FIXTURE_ACCOUNT, a.message, &back), ERR_NOT_FOUND);
    v = view(0);
    assert_int_equal(v.n, 2);
    assert_int_equal(v.v[1].uid.v, 3);
    assert_int_equal(v.v[1].uidl, uidl);
    assert_int_equal(v.v[1].flags, FLAG_SEEN);
    mailbox_view_done(&v);
    assert_int_equal(quota().restorable_bytes, 0);
    clock_fake_advance(&f.clock, 7200 * 1000);
    size_t purged;
    assert_int_equal(mailbox_purge(&f.mail, FIXTURE_ACCOUNT, 100, &purged), 0);
    assert_int_equal(purged, 0); /* it lives again */
}

/* An older state of the account gives no UIDL again that was given after it was saved. */
static void uidls_do_not_repeat_after_a_backup_came_back(void **state)
{
    (void)state;
    uint64_t uidl[2];
    for (int i = 0; i < 2; i++) {
        fixture_append(&f, 0, SPAN("one"));
        fixture_append(&f, 0, SPAN("two"));
        struct mail_view v = view(0);
        assert_int_equal(v.n, 2);
        assert_true(v.v[1].uidl > v.v[0].uidl);
        uidl[i] = v.v[i == 0 ? 1 : 0].uidl; /* the last before, the first after */
        mailbox_view_done(&v);
        fixture_close(&f);
        fixture_open(&f); /* as it was before the two came */
        clock_fake_advance(&f.clock, 1000);
    }
    assert_true(uidl[1] > uidl[0]);
}

static void a_time_beyond_all_times_is_for_ever(void **state)
{
    (void)state;
    struct mail_appended a = fixture_append(&f, 0, SPAN("kept"));
    size_t purged;
    assert_int_equal(expunge(a.uid, INT64_MAX), 1);
    clock_fake_advance(&f.clock, INT64_C(1) << 60);
    assert_int_equal(mailbox_purge(&f.mail, FIXTURE_ACCOUNT, 100, &purged), 0);
    assert_int_equal(purged, 0);
}

static void flags_count(void **state)
{
    (void)state;
    struct mail_appended a = fixture_append(&f, 0, SPAN("x"));
    struct mailbox box;
    struct mailbox_id inbox = {0};
    assert_int_equal(fixture_flags(&f, inbox, a.uid, FLAG_SEEN, 0), 0);
    assert_int_equal(mailbox_find_use(&f.mail, FIXTURE_ACCOUNT, USE_INBOX, f.arena, &box), 0);
    assert_int_equal(box.unseen, 0);
    uint64_t modseq = box.highest_modseq;
    assert_true(modseq > a.modseq.v);
    assert_int_equal(fixture_flags(&f, inbox, a.uid, FLAG_SEEN, FLAG_DRAFT), 0);
    assert_int_equal(mailbox_find_use(&f.mail, FIXTURE_ACCOUNT, USE_INBOX, f.arena, &box), 0);
    assert_int_equal(box.highest_modseq, modseq); /* nothing changed */
    assert_int_equal(fixture_flags(&f, inbox, a.uid, 0, FLAG_SEEN), 0);
    assert_int_equal(mailbox_find_use(&f.mail, FIXTURE_ACCOUNT, USE_INBOX, f.arena, &box), 0);
    assert_int_equal(box.unseen, 1);
    assert_int_equal(fixture_flags(&f, inbox, (struct mail_uid){9}, 1, 0), ERR_NOT_FOUND);
    assert_int_equal(fixture_flags(&f, inbox, a.uid, 64, 0), ERR_INVALID);
}

static void large_sets_are_expunged_in_batches(void **state)
{
    (void)state;
    enum { N = 2500 };
    static struct mail_uid uids[N + 1];
    struct mail_append in = {0};
    struct mail_appended out;
    in.blob = fixture_blob(&f, SPAN("same body"), &in.info);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), 0);
        uids[i] = out.uid;
    }
    uids[N] = uids[0]; /* twice in the set is once */
    size_t removed;
    assert_int_equal(
        mailbox_expunge(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){0}, uids, N + 1, 0, &removed),
        0);
    assert_int_equal(removed, N);
    assert_int_equal(quota().bytes, 0);
    struct mail_view v = view(0);
    assert_int_equal(v.n, 0);
    assert_int_equal(v.uidnext, N + 1);
    mailbox_view_done(&v);
    clock_fake_advance(&f.clock, 3600 * 1000);
    size_t purged;
    assert_int_equal(mailbox_purge(&f.mail, FIXTURE_ACCOUNT, 1000, &purged), 0);
    assert_int_equal(purged, 1000);
    assert_int_equal(mailbox_purge(&f.mail, FIXTURE_ACCOUNT, 10000, &purged), 0);
    assert_int_equal(purged, N - 1000);
}

static void tombstones_are_bounded(void **state)
{
    (void)state;
    f.mail.tombstones_max = 10;
    struct look l;
    for (int i = 0; i < 50; i++) {
        struct mail_appended a = fixture_append(&f, 0, SPAN("x"));
        assert_int_equal(expunge(a.uid, 0), 1);
    }
    assert_int_equal(look_open(&f.mail, FIXTURE_ACCOUNT, &l), 0);
    assert_int_equal(l.account.tombstones, 10);
    assert_true(l.account.changes_from > 0 && l.account.changes_from < l.account.modseq);
    look_close(&l);
}

static void views_can_be_short(void **state)
{
    (void)state;
    struct mail_view v;
    for (int i = 0; i < 5; i++)
        fixture_append(&f, 0, SPAN("x"));
    assert_int_equal(mailbox_view_load(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){0}, 3, &v), 0);
    assert_int_equal(v.n, 3);
    assert_int_equal(v.v[0].uid.v, 1);
    mailbox_view_done(&v);
    assert_int_equal(mailbox_view_load(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){0}, 0, &v), 0);
    assert_int_equal(v.n, 0);
    mailbox_view_done(&v);
    assert_int_equal(mailbox_view_load(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){99}, 3, &v),
                     ERR_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(accounts_are_made_once),
        TEST(special_mailboxes_are_there),
        TEST(mailboxes_are_made_with_their_parents),
        TEST(bad_names_are_refused),
        TEST(appended_messages_can_be_read),
        TEST(append_needs_its_mailbox),
        TEST(quota_is_kept),
        TEST(expunged_messages_stay_readable_until_purged),
        TEST(restored_messages_have_a_new_uid_and_their_old_uidl),
        TEST(uidls_do_not_repeat_after_a_backup_came_back),
        TEST(a_time_beyond_all_times_is_for_ever),
        TEST(flags_count),
        TEST(large_sets_are_expunged_in_batches),
        TEST(tombstones_are_bounded),
        TEST(views_can_be_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
