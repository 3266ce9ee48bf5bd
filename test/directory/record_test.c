/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and records: what was written is read, in the right order, and damage is told. */
#include "world.h"

#include "base/pack.h"
#include "directory/record.h"

static struct address normal(struct arena *a, const char *text)
{
    struct address address;
    assert_int_equal(address_normalize(span_str(text), a, &address), 0);
    return address;
}

/* Changing any of these numbers loses the addresses people have. */
static void shards_never_change(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    struct address alice = normal(a, "alice@example.test");
    struct address bob = normal(a, "bob@example.test");
    struct address umlaut = normal(a, "gr\u00fc\u00dfe@m\u00fcller.test");
    assert_int_equal(part_of_address(&alice).kind, PART_DIRECTORY);
    assert_int_equal(part_of_address(&alice).id, 43);
    assert_int_equal(part_of_address(&bob).id, 26);
    assert_int_equal(part_of_address(&umlaut).id, 4);
    arena_free(a);
}

static void keys_sort_by_domain_then_local(void **state)
{
    (void)state;
    static const char *const order[] = {"b@a.test",  "a@b-a.test", "a@b.test",
                                        "aa@b.test", "b@b.test",   "a@b.testa"};
    struct arena *a = arena_new(64 * 1024);
    struct span last = SPAN_EMPTY;
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        struct address address = normal(a, order[i]);
        struct span key = key_of_address(KEY_ACCOUNT, &address, a);
        assert_true(span_cmp(last, key) < 0);
        assert_int_equal(span_starts(key, key_of_name(KEY_ACCOUNT, SPAN("b.test"), a)),
                         span_eq(address.domain, SPAN("b.test")));
        struct address back;
        assert_int_equal(key_address(key, a, &back), 0);
        assert_true(span_eq(back.whole, address.whole));
        last = key;
    }
    arena_free(a);
}

static void damaged_keys_are_told(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    struct address address = normal(a, "alice@example.test");
    struct span key = key_of_removed(77, &address, a);
    struct address back;
    int64_t ms;
    assert_int_equal(key_removed(key, a, &ms, &back), 0);
    assert_int_equal(ms, 77);
    for (size_t n = 1; n < key.n; n++)
        assert_int_equal(key_removed(span_slice(key, 0, n), a, &ms, &back), ERR_CORRUPT);
    assert_int_equal(key_removed(key_after(key, a), a, &ms, &back), ERR_CORRUPT);
    struct span name;
    assert_int_equal(directory_key_name(key_of_name(KEY_CLASS, SPAN("gold"), a), a, &name), 0);
    assert_span(name, "gold");
    assert_int_equal(directory_key_name(SPAN("\x02"), a, &name), ERR_CORRUPT);
    arena_free(a);
}

static struct account_record full_account(void)
{
    return (struct account_record){
        .account = {.id = UINT64_MAX,
                    .name = SPAN("Alice"),
                    .class_name = SPAN("gold"),
                    .status = ACCOUNT_REMOVED,
                    .created_ms = -1,
                    .removed_ms = INT64_MAX,
                    .credentials_version = 300,
                    .credentials = SPAN("\x01\x00\xff")},
        .restore_to = ACCOUNT_SUSPENDED,
    };
}

static void an_account_comes_back(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    struct account_record in = full_account();
    struct span value = record_of_account(&in, a);
    struct account_record out;
    assert_int_equal(record_account(value, &out), 0);
    assert_false(out.newer);
    assert_true(out.account.id == UINT64_MAX);
    assert_true(span_eq(out.account.name, in.account.name));
    assert_true(span_eq(out.account.class_name, in.account.class_name));
    assert_true(span_eq(out.account.credentials, in.account.credentials));
    assert_int_equal(out.account.status, ACCOUNT_REMOVED);
    assert_int_equal(out.restore_to, ACCOUNT_SUSPENDED);
    assert_int_equal(out.account.created_ms, -1);
    assert_true(out.account.removed_ms == INT64_MAX);
    assert_int_equal(out.account.credentials_version, 300);
    for (size_t n = 0; n < value.n; n++)
        assert_int_equal(record_account(span_slice(value, 0, n), &out), ERR_CORRUPT);
    arena_free(a);
}

static void accounts_that_cannot_be_are_corrupt(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    struct account_record in = full_account();
    struct account_record out;
    in.account.id = 0;
    assert_int_equal(record_account(record_of_account(&in, a), &out), ERR_CORRUPT);
    in = full_account();
    in.account.status = 4;
    assert_int_equal(record_account(record_of_account(&in, a), &out), ERR_CORRUPT);
    in.account.status = ACCOUNT_DAMAGED;
    assert_int_equal(record_account(record_of_account(&in, a), &out), ERR_CORRUPT);
    in = full_account();
    in.restore_to = ACCOUNT_DAMAGED;
    assert_int_equal(record_account(record_of_account(&in, a), &out), ERR_CORRUPT);
    in.account.purging = true;
    assert_int_equal(record_account(record_of_account(&in, a), &out), 0);
    assert_true(out.account.purging);
    in.account.status = ACCOUNT_ACTIVE;
    assert_int_equal(record_account(record_of_account(&in, a), &out), ERR_CORRUPT);
    in = full_account();
    in.account.removed_ms = -1;
    assert_int_equal(record_account(record_of_account(&in, a), &out), ERR_CORRUPT);
    arena_free(a);
}

static void a_newer_record_is_read_and_marked(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    struct account_record in = full_account();
    struct span value = record_of_account(&in, a);
    char *p = arena_alloc(a, value.n + 3);
    memcpy(p, value.p, value.n);
    p[0] = 2;
    struct account_record out;
    assert_int_equal(record_account(span_of(p, value.n + 3), &out), 0);
    assert_true(out.newer);
    assert_true(span_eq(out.account.name, in.account.name));
    arena_free(a);
}

static void a_class_of_fewer_or_more_uses_is_read(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    for (uint64_t uses = USE_COUNT - 1; uses <= USE_COUNT + 1; uses++) {
        struct buf b;
        buf_init(&b, 1000);
        pack_u8(&b, 1);
        for (uint64_t i = 1; i <= 7; i++)
            pack_uint(&b, i);
        pack_uint(&b, uses);
        for (uint64_t i = 0; i < uses; i++)
            pack_uint(&b, 100 + i);
        struct class_record out;
        assert_int_equal(record_class(buf_span(&b), &out), 0);
        assert_int_equal(out.class_of_service.quota_bytes, 2);
        assert_int_equal(out.class_of_service.inactivity_days, 7);
        assert_int_equal(out.class_of_service.retention_days[USE_INBOX], 101);
        assert_int_equal(out.class_of_service.retention_days[USE_COUNT - 1],
                         uses < USE_COUNT ? 0 : 100 + USE_COUNT - 1);
        assert_int_equal(out.newer, uses > USE_COUNT);
        buf_done(&b);
    }
    arena_free(a);
}

static void aliases_are_counted(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    struct span targets[2] = {SPAN("a@b.test"), SPAN("c@d.test")};
    struct alias alias = {.targets = targets, .targets_n = 2};
    struct span value = record_of_alias(&alias, a);
    struct alias_record out;
    assert_int_equal(record_alias(value, a, &out), 0);
    assert_int_equal(out.targets_n, 2);
    assert_span(out.targets[1], "c@d.test");
    for (size_t n = 0; n < value.n; n++)
        assert_int_equal(record_alias(span_slice(value, 0, n), a, &out), ERR_CORRUPT);
    assert_int_equal(record_alias(SPAN("\x01\x00"), a, &out), ERR_CORRUPT);
    assert_int_equal(record_alias(SPAN("\x01\xff\xff\xff\xff\x0f"), a, &out), ERR_CORRUPT);
    assert_int_equal(record_alias(SPAN("\x01\x01\x00"), a, &out), ERR_CORRUPT);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_never_change),
        cmocka_unit_test(keys_sort_by_domain_then_local),
        cmocka_unit_test(damaged_keys_are_told),
        cmocka_unit_test(an_account_comes_back),
        cmocka_unit_test(accounts_that_cannot_be_are_corrupt),
        cmocka_unit_test(a_newer_record_is_read_and_marked),
        cmocka_unit_test(a_class_of_fewer_or_more_uses_is_read),
        cmocka_unit_test(aliases_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
