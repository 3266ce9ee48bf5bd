/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a record or key of the directory: the first byte says which. What is read and is not
 * newer is written to something that is read again. */
#include "fuzz.h"

#include "directory/keys.h"
#include "directory/record.h"

static void check_account(struct span in, struct arena *a)
{
    struct account_record r, again;
    if (record_account(in, &r) != 0)
        return;
    must(r.account.id != 0 && r.account.status != ACCOUNT_DAMAGED);
    must(record_account(record_of_account(&r, a), &again) == 0);
    must(again.account.id == r.account.id &&
         span_eq(again.account.credentials, r.account.credentials));
}

static void check_domain(struct span in, struct arena *a)
{
    struct domain_record r, again;
    if (record_domain(in, &r) == 0)
        must(record_domain(record_of_domain(&r, a), &again) == 0 &&
             again.incarnation == r.incarnation);
}

static void check_class(struct span in, struct arena *a)
{
    struct class_record r, again;
    if (record_class(in, &r) == 0)
        must(record_class(record_of_class(&r, a), &again) == 0 &&
             again.incarnation == r.incarnation);
}

static void check_alias(struct span in, struct arena *a)
{
    struct alias_record r, again;
    if (record_alias(in, a, &r) != 0)
        return;
    must(r.targets_n > 0);
    struct alias alias = {.targets = r.targets, .targets_n = r.targets_n};
    must(record_alias(record_of_alias(&alias, a), a, &again) == 0 &&
         again.targets_n == r.targets_n);
}

static void check_keys(struct span in, struct arena *a)
{
    struct address address;
    struct span name;
    int64_t ms;
    uint64_t number;
    if (key_address(in, a, &address) == 0)
        must(address.local.n + 1 + address.domain.n == address.whole.n);
    if (key_removed(in, a, &ms, &address) == 0)
        must(ms >= 0);
    if (directory_key_name(in, a, &name) == 0)
        must(name.n > 0);
    if (record_number(in, &number) != 0)
        return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16 * 1024 * 1024);
    struct span in = span_of(data, size);
    uint8_t which = 0;
    if (span_take_byte(&in, &which)) {
        switch (which % 5) {
        case 0: check_account(in, a); break;
        case 1: check_domain(in, a); break;
        case 2: check_class(in, a); break;
        case 3: check_alias(in, a); break;
        default: check_keys(in, a); break;
        }
    }
    arena_free(a);
    return 0;
}
