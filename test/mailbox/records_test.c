/* SPDX-License-Identifier: Apache-2.0 */
/* Records and keys: what is written is read again, what is cut or impossible is damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/pack.h"
#include "mailbox/acl.h"
#include "mailbox/keys.h"
#include "mailbox/records.h"

static const struct entry_record largest_entry = {
    .flags = 31,
    .modseq = UINT64_MAX,
    .created_modseq = UINT64_MAX,
    .message = {UINT64_MAX},
    .uidl = UINT64_MAX,
    .size = INT64_MAX,
    .received_ms = INT64_MIN,
    .saved_ms = INT64_MIN,
};

static void entries_are_small(void **state)
{
    (void)state;
    struct buf b;
    struct entry_record back;
    buf_init(&b, 4096);
    entry_record_pack(&b, &largest_entry);
    assert_in_range(b.n, 1, 99);
    assert_int_equal(entry_record_unpack(buf_span(&b), &back), 0);
    assert_memory_equal(&back, &largest_entry, sizeof(back));
    buf_done(&b);
}

/* Every prefix of a record is damage, and a record with more behind it is a newer one. */
#define CUT_AND_GROW(type, record) CUT_AND_GROW_AS(type, type, record)
#define CUT_AND_GROW_AS(type, kind, record)                                                        \
    do {                                                                                           \
        struct kind in = record, out;                                                              \
        struct buf b;                                                                              \
        buf_init(&b, 4096);                                                                        \
        type##_pack(&b, &in);                                                                      \
        for (size_t n = 0; n < b.n; n++)                                                           \
            assert_int_equal(type##_unpack(span_slice(buf_span(&b), 0, n), &out), ERR_CORRUPT);    \
        assert_int_equal(type##_unpack(buf_span(&b), &out), 0);                                    \
        buf_puts(&b, "later fields");                                                              \
        b.p[0]++;                                                                                  \
        assert_int_equal(type##_unpack(buf_span(&b), &out), 0);                                    \
        b.p[0] = 0;                                                                                \
        assert_int_equal(type##_unpack(buf_span(&b), &out), ERR_CORRUPT);                          \
        buf_done(&b);                                                                              \
    } while (0)

static void cut_records_are_damage_and_longer_ones_newer(void **state)
{
    (void)state;
    CUT_AND_GROW(account_record, ((struct account_record){.address = SPAN("a@b"),
                                                          .next_message = 1,
                                                          .next_uidl = 1,
                                                          .next_mailbox = 7,
                                                          .modseq = 9,
                                                          .changes_from = 9,
                                                          .annotation_bytes = 7,
                                                          .grants = 3,
                                                          .tombstone_modseq = 8}));
    CUT_AND_GROW(mailbox_record, ((struct mailbox_record){.name = SPAN("INBOX"),
                                                          .use = USE_INBOX,
                                                          .uidvalidity = 1,
                                                          .uidnext = 1,
                                                          .messages = 300,
                                                          .unseen = 300,
                                                          .bytes = 70000,
                                                          .was_inbox = true}));
    CUT_AND_GROW_AS(
        grant_record, mail_grant,
        ((struct mail_grant){.rights = RIGHTS_ALL, .denied = 1, .address = SPAN("x@y")}));
    CUT_AND_GROW(entry_record, largest_entry);
    CUT_AND_GROW(message_record,
                 ((struct message_record){.size = 5, .envelope_from = SPAN("x@y")}));
    CUT_AND_GROW(expunged_record,
                 ((struct expunged_record){.uidl = 1, .until_ms = 1, .restorable = true}));
}

#define REFUSES(type, ...)                                                                         \
    do {                                                                                           \
        struct type in = {__VA_ARGS__}, out;                                                       \
        struct buf b;                                                                              \
        buf_init(&b, 4096);                                                                        \
        type##_pack(&b, &in);                                                                      \
        assert_int_equal(type##_unpack(buf_span(&b), &out), ERR_CORRUPT);                          \
        buf_done(&b);                                                                              \
    } while (0)

static void impossible_values_are_damage(void **state)
{
    (void)state;
    REFUSES(entry_record, .flags = 32, .message = {1}, .uidl = 1);
    REFUSES(entry_record, .message = {0}, .uidl = 1);
    REFUSES(entry_record, .message = {1}, .uidl = 0);
    REFUSES(entry_record, .message = {1}, .uidl = 1, .size = UINT64_MAX);
    REFUSES(entry_record, .message = {1}, .uidl = 1, .created_modseq = 2, .modseq = 1);
    REFUSES(mailbox_record, .name = SPAN(""), .uidvalidity = 1, .uidnext = 1);
    REFUSES(mailbox_record, .name = SPAN("x"), .use = USE_COUNT, .uidvalidity = 1, .uidnext = 1);
    REFUSES(mailbox_record, .name = SPAN("x"), .uidvalidity = 1, .uidnext = 0);
    REFUSES(mailbox_record, .name = SPAN("x"), .uidvalidity = 1, .uidnext = 1, .unseen = 1);
    REFUSES(account_record, .next_message = 1, .next_uidl = 1, .next_mailbox = 1,
            .changes_from = 1);
    REFUSES(account_record, .next_message = 0, .next_uidl = 1, .next_mailbox = 1);
    REFUSES(expunged_record, .uidl = 0, .until_ms = 1);
    REFUSES(expunged_record, .uidl = 1, .until_ms = -1);
}

static void keys_sort_as_their_tuples(void **state)
{
    (void)state;
    struct mail_place a = {{1}, {2}, {300}}, b = {{1}, {3}, {1}};
    struct mail_key in_order[] = {
        mail_key_table(TABLE_ACCOUNT),
        mail_key_mailbox((struct mailbox_id){1}),
        mail_key_mailbox((struct mailbox_id){256}),
        mail_key_entry((struct mailbox_id){1}, (struct mail_uid){255}),
        mail_key_entry((struct mailbox_id){1}, (struct mail_uid){256}),
        mail_key_entry((struct mailbox_id){2}, (struct mail_uid){1}),
        mail_key_message((struct message_id){1}),
        mail_key_where(a),
        mail_key_where(b),
        mail_key_change((struct modseq){1}, b),
        mail_key_change((struct modseq){2}, a),
        mail_key_tombstone((struct modseq){1}, a),
        mail_key_due(-5, a), /* before 1970 is now */
        mail_key_due(1000, a),
        mail_key_due(1001, a),
        mail_key_expunged(a),
        mail_key_expunged(b),
    };
    for (size_t i = 1; i < COUNT_OF(in_order); i++)
        assert_true(span_cmp(mail_key_span(&in_order[i - 1]), mail_key_span(&in_order[i])) < 0);
    struct mail_place back;
    struct modseq modseq;
    int64_t until;
    struct mail_key k = mail_key_due(77, a);
    assert_int_equal(mail_key_read_due(mail_key_span(&k), &until, &back), 0);
    assert_true(until == 77 && back.message.v == 1 && back.mailbox.v == 2 && back.uid.v == 300);
    assert_int_equal(mail_key_read_due(span_slice(mail_key_span(&k), 0, k.n - 1), &until, &back),
                     ERR_CORRUPT);
    k.b[1] |= (char)0x80; /* no time: a purge would not find the row it makes of it */
    assert_int_equal(mail_key_read_due(mail_key_span(&k), &until, &back), ERR_CORRUPT);
    k = mail_key_tombstone((struct modseq){9}, b);
    assert_int_equal(mail_key_read_modseq(mail_key_span(&k), TABLE_TOMBSTONE, &modseq, &back), 0);
    assert_true(modseq.v == 9 && back.mailbox.v == 3 && back.uid.v == 1);
    assert_int_equal(mail_key_read_modseq(mail_key_span(&k), TABLE_CHANGE, &modseq, &back),
                     ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_small),
        cmocka_unit_test(cut_records_are_damage_and_longer_ones_newer),
        cmocka_unit_test(impossible_values_are_damage),
        cmocka_unit_test(keys_sort_as_their_tuples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
