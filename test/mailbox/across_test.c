/* SPDX-License-Identifier: Apache-2.0 */
/* Copying to another account: bodies, flags, keywords by name, quota; all or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "fixture.h"
#include "mailbox/keys.h"

enum { BERND = 8 };

static struct fixture f;
static const struct mailbox_id inbox = {USE_INBOX};

static int setup(void **state)
{
    (void)state;
    fixture_open(&f);
    assert_int_equal(mailbox_account_create(&f.mail, BERND, SPAN("bernd@example.test")), 0);
    return 0;
}

static int teardown(void **state)
{
    uint64_t problems = 0;
    (void)state;
    assert_int_equal(fixture_check(&f), 0);
    assert_int_equal(mailbox_check(&f.mail, BERND, true, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    fixture_close(&f);
    return 0;
}

static int teardown_damaged(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static struct mail_copy plain(void)
{
    return (struct mail_copy){.from = inbox, .to = inbox};
}

static int copy(const struct mail_copy *in, uint32_t first, uint32_t last, struct numset *to)
{
    struct numset uids, from;
    uint32_t uidvalidity = 0;
    numset_init(&uids);
    numset_init(&from);
    numset_add_range(&uids, first, last);
    int err =
        mailbox_copy_across(&f.mail, FIXTURE_ACCOUNT, BERND, in, &uids, &uidvalidity, &from, to);
    if (err == 0) {
        assert_true(uidvalidity > 0);
        assert_int_equal(numset_count(&from), numset_count(to));
    }
    numset_done(&uids);
    numset_done(&from);
    return err;
}

static struct mail_item *items(account_id id, size_t *n)
{
    struct numset all;
    struct mail_range range = {.mailbox = inbox, .uids = &all, .from = 1, .max = 1000};
    struct mail_item *v;
    uint32_t next;
    numset_init(&all);
    numset_add_range(&all, 1, 1000);
    assert_int_equal(mailbox_items(&f.mail, id, &range, f.arena, &v, n, &next), 0);
    numset_done(&all);
    return v;
}

static void messages_come_whole(void **state)
{
    (void)state;
    struct numset to;
    struct mail_message msg;
    struct blob_reader *reader;
    struct blob_info info;
    struct buf body;
    size_t n;
    struct mail_copy in = plain();
    numset_init(&to);
    fixture_append(&f, 0, SPAN("one"));
    fixture_append(&f, 0, SPAN("second"));
    assert_int_equal(fixture_flags(&f, inbox, (struct mail_uid){2}, FLAG_SEEN | FLAG_DELETED, 0),
                     0);
    assert_int_equal(copy(&in, 1, 50, &to), 0);
    assert_int_equal(numset_count(&to), 2);
    struct mail_item *v = items(BERND, &n), *theirs;
    theirs = items(FIXTURE_ACCOUNT, &n);
    assert_int_equal(n, 2);
    assert_int_equal(v[1].flags, FLAG_SEEN | FLAG_DELETED);
    assert_int_equal(v[1].size, 6);
    assert_true(v[1].received_ms == theirs[1].received_ms);
    /* the body stays when the first owner's account goes */
    assert_int_equal(mailbox_account_destroy(&f.mail, FIXTURE_ACCOUNT), 0);
    assert_int_equal(mailbox_message_get(&f.mail, BERND, v[1].message, f.arena, &msg), 0);
    assert_int_equal(mailbox_message_open(&f.mail, BERND, v[1].message, &reader, &info), 0);
    buf_init(&body, 100);
    assert_int_equal(store_blob_read(reader, 0, 100, &body), 0);
    assert_true(span_eq(buf_span(&body), SPAN("second")));
    buf_done(&body);
    store_blob_close(reader);
    numset_done(&to);
    assert_int_equal(mailbox_account_create(&f.mail, FIXTURE_ACCOUNT, SPAN("anna@example.test")),
                     0);
}

static void keywords_come_by_name(void **state)
{
    (void)state;
    struct numset to, one;
    struct mail_store store = {.mailbox = inbox, .op = STORE_ADD};
    struct mail_copy in = plain();
    uint32_t id;
    struct span *names;
    size_t n;
    numset_init(&to);
    numset_init(&one);
    numset_add(&one, 1);
    fixture_append(&f, 0, SPAN("one"));
    /* the same names in another order */
    assert_int_equal(mailbox_keyword(&f.mail, BERND, SPAN("$Second"), true, &id), 0);
    assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, SPAN("$First"), true, &id), 0);
    store.keywords.v[store.keywords.n++] = (uint16_t)id;
    assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, SPAN("$Second"), true, &id), 0);
    store.keywords.v[store.keywords.n++] = (uint16_t)id;
    assert_int_equal(mailbox_store(&f.mail, FIXTURE_ACCOUNT, &store, &one, &to), 0);
    assert_int_equal(copy(&in, 1, 1, &to), 0);
    struct mail_item *v = items(BERND, &n);
    assert_int_equal(v[0].keywords.n, 2);
    assert_int_equal(mailbox_keywords(&f.mail, BERND, f.arena, &names, &n), 0);
    assert_int_equal(n, 2);
    assert_true(span_eq(names[v[0].keywords.v[0]], SPAN("$Second")));
    assert_true(span_eq(names[v[0].keywords.v[1]], SPAN("$First")));
    in.drop_keywords = true;
    in.drop_flags = FLAGS_ALL;
    assert_int_equal(copy(&in, 1, 1, &to), 0);
    v = items(BERND, &n);
    assert_int_equal(n, 2);
    assert_int_equal(v[1].keywords.n, 0);
    numset_done(&one);
    numset_done(&to);
}

static void all_or_none(void **state)
{
    (void)state;
    struct numset to;
    struct mail_quota used;
    struct mail_copy in = plain();
    numset_init(&to);
    for (int k = 0; k < 5; k++)
        fixture_append(&f, 0, SPAN("a message"));
    in.quota_messages = 4;
    assert_int_equal(copy(&in, 1, 5, &to), ERR_QUOTA);
    assert_int_equal(mailbox_quota(&f.mail, BERND, &used), 0);
    assert_int_equal(used.messages, 0);
    assert_int_equal(copy(&in, 1, 4, &to), 0);
    assert_int_equal(mailbox_quota(&f.mail, BERND, &used), 0);
    assert_int_equal(used.messages, 4);
    assert_int_equal(used.bytes, 4 * 9);
    in.to.v = 4000;
    assert_int_equal(copy(&in, 1, 1, &to), ERR_NOT_FOUND);
    in = plain();
    assert_int_equal(copy(&in, 90, 99, &to), 0); /* of none */
    assert_int_equal(numset_count(&to), 0);
    assert_int_equal(copy(&in, 1, LIMIT_MAIL_COPY + 1, &to), ERR_LIMIT);
    numset_done(&to);
}

/* What cannot be read counts as well. */
static void none_where_one_is_damaged(void **state)
{
    (void)state;
    struct numset to;
    struct mail_quota used;
    struct mail_copy in = plain();
    struct part part = {PART_ACCOUNT, FIXTURE_ACCOUNT};
    struct mail_key key = mail_key_entry(inbox, (struct mail_uid){2});
    numset_init(&to);
    for (int k = 0; k < 12; k++)
        fixture_append(&f, 0, SPAN("a message"));
    assert_true(sim_corrupt_record(f.disk, part, mail_key_span(&key)));
    assert_int_equal(copy(&in, 1, 3, &to), ERR_CORRUPT);
    assert_int_equal(copy(&in, 1, 12, &to), ERR_CORRUPT);
    assert_int_equal(mailbox_quota(&f.mail, BERND, &used), 0);
    assert_int_equal(used.messages, 0);
    assert_int_equal(copy(&in, 3, 12, &to), 0);
    assert_int_equal(numset_count(&to), 10);
    numset_done(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_come_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(keywords_come_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(all_or_none, setup, teardown),
        cmocka_unit_test_setup_teardown(none_where_one_is_damaged, setup, teardown_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
