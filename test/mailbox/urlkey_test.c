/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that sign URLs: made once, changed, taken away, and gone with their mailbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "fixture.h"
#include "mailbox/edit.h"

static struct fixture f;
static const struct mailbox_id inbox = {1}, nowhere = {99};

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

static struct mail_urlkey key_of(struct mailbox_id mailbox, bool make)
{
    struct mail_urlkey key;
    assert_int_equal(mailbox_urlkey(&f.mail, FIXTURE_ACCOUNT, mailbox, make, &key), 0);
    return key;
}

static int look(struct mailbox_id mailbox)
{
    struct mail_urlkey key;
    return mailbox_urlkey(&f.mail, FIXTURE_ACCOUNT, mailbox, false, &key);
}

static void are_made_once(void **state)
{
    (void)state;
    struct mail_urlkey key;
    assert_int_equal(look(inbox), ERR_NOT_FOUND);
    struct mail_urlkey first = key_of(inbox, true), again = key_of(inbox, true),
                       seen = key_of(inbox, false), other = key_of((struct mailbox_id){2}, true);
    assert_memory_equal(&first, &again, sizeof first);
    assert_memory_equal(&first, &seen, sizeof first);
    assert_memory_not_equal(&first, &other, sizeof first);
    assert_int_equal(mailbox_urlkey(&f.mail, FIXTURE_ACCOUNT, nowhere, true, &key), ERR_NOT_FOUND);
    assert_int_equal(mailbox_urlkey(&f.mail, 77, inbox, true, &key), ERR_NO_USER);
}

static void are_changed(void **state)
{
    (void)state;
    struct mail_urlkey first = key_of(inbox, true), other = key_of((struct mailbox_id){2}, true);
    assert_int_equal(mailbox_urlkey_reset(&f.mail, FIXTURE_ACCOUNT, inbox), 0);
    struct mail_urlkey second = key_of(inbox, false), same = key_of((struct mailbox_id){2}, false);
    assert_memory_not_equal(&first, &second, sizeof first);
    assert_memory_equal(&other, &same, sizeof other);
    assert_int_equal(mailbox_urlkey_reset(&f.mail, FIXTURE_ACCOUNT, nowhere), ERR_NOT_FOUND);
    assert_int_equal(mailbox_urlkey_drop(&f.mail, FIXTURE_ACCOUNT), 0);
    assert_int_equal(look(inbox), ERR_NOT_FOUND);
    assert_int_equal(look((struct mailbox_id){2}), ERR_NOT_FOUND);
}

static void go_with_their_mailbox(void **state)
{
    (void)state;
    struct mailbox_id box;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("x"), USE_NONE, &box), 0);
    struct mail_urlkey first = key_of(box, true);
    assert_int_equal(mailbox_rename(&f.mail, FIXTURE_ACCOUNT, SPAN("x"), SPAN("y")), 0);
    struct mail_urlkey same = key_of(box, false);
    assert_memory_equal(&first, &same, sizeof first);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, box, 0), 0);
    assert_int_equal(look(box), ERR_NOT_FOUND);
    assert_int_equal(fixture_check(&f), 0);
}

static int spoil_run(struct store_txn *t, void *arg)
{
    const struct mailbox_id *box = arg;
    struct mail_key key = mail_key_urlkey(*box);
    store_txn_put(t, mail_key_span(&key), SPAN("\1short"));
    return 0;
}

/* One that is damaged, or of no mailbox, is reported; the next use makes another. */
static void damage_is_found(void **state)
{
    (void)state;
    struct part part = {PART_ACCOUNT, FIXTURE_ACCOUNT};
    struct mailbox_id boxes[] = {inbox, nowhere};
    (void)key_of(inbox, true);
    assert_int_equal(store_txn_run(f.store, part, spoil_run, &boxes[0]), 0);
    assert_int_equal(fixture_check(&f), 1);
    assert_int_equal(look(inbox), ERR_CORRUPT);
    (void)key_of(inbox, true);
    assert_int_equal(fixture_check(&f), 0);
    assert_int_equal(store_txn_run(f.store, part, spoil_run, &boxes[1]), 0);
    assert_int_equal(fixture_check(&f), 1);
    assert_int_equal(mailbox_urlkey_drop(&f.mail, FIXTURE_ACCOUNT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(are_made_once, setup, teardown),
        cmocka_unit_test_setup_teardown(are_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(go_with_their_mailbox, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
