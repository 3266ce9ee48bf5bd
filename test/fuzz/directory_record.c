/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a record or key of the directory: the first byte says which. What is read is written to
 * something that is read again as the same. The same bytes are then the fields of a sound record, which must
 * come back as it was, and after damage be refused or be another record. */
#include "fuzz.h"

#include "base/err.h"
#include "base/limits.h"
#include "directory/keys.h"
#include "directory/record.h"
#include "draw.h"

static void same_account(const struct account_record *a, const struct account_record *b)
{
    must(a->account.id == b->account.id && a->account.status == b->account.status);
    must(a->restore_to == b->restore_to && a->account.created_ms == b->account.created_ms);
    must(a->account.removed_ms == b->account.removed_ms);
    must(a->account.credentials_version == b->account.credentials_version);
    must(span_eq(a->account.class_name, b->account.class_name));
    must(span_eq(a->account.name, b->account.name));
    must(span_eq(a->account.credentials, b->account.credentials));
}

static void check_account(struct span in, struct arena *a)
{
    struct account_record r, again;
    int err = record_account(in, &r);
    must(err == 0 || err == ERR_CORRUPT);
    if (err != 0)
        return;
    must(r.account.id != 0 && r.account.status != ACCOUNT_DAMAGED && r.account.removed_ms >= 0);
    must(r.account.purging ? r.account.status == ACCOUNT_REMOVED
                           : r.restore_to == ACCOUNT_ACTIVE || r.restore_to == ACCOUNT_SUSPENDED);
    must(record_account(record_of_account(&r, a), &again) == 0 && !again.newer);
    same_account(&r, &again);
}

static void same_domain(const struct domain_record *a, const struct domain_record *b)
{
    must(a->incarnation == b->incarnation && a->domain.suspended == b->domain.suspended);
    must(a->domain.created_ms == b->domain.created_ms);
    must(span_eq(a->domain.alias_of, b->domain.alias_of));
    must(span_eq(a->domain.catch_all, b->domain.catch_all));
    must(span_eq(a->domain.default_class, b->domain.default_class));
}

static void check_domain(struct span in, struct arena *a)
{
    struct domain_record r, again;
    int err = record_domain(in, &r);
    must(err == 0 || err == ERR_CORRUPT);
    if (err != 0)
        return;
    must(r.incarnation > 0);
    must(record_domain(record_of_domain(&r, a), &again) == 0);
    same_domain(&r, &again);
}

static void same_class(const struct class_record *a, const struct class_record *b)
{
    const struct class_of_service *x = &a->class_of_service, *y = &b->class_of_service;
    must(a->incarnation == b->incarnation && x->quota_bytes == y->quota_bytes);
    must(x->quota_messages == y->quota_messages && x->message_size == y->message_size);
    must(x->send_per_hour == y->send_per_hour);
    must(x->recipients_per_hour == y->recipients_per_hour);
    must(x->inactivity_days == y->inactivity_days);
    must(memcmp(x->retention_days, y->retention_days, sizeof x->retention_days) == 0);
}

static void check_class(struct span in, struct arena *a)
{
    struct class_record r, again;
    int err = record_class(in, &r);
    must(err == 0 || err == ERR_CORRUPT);
    if (err != 0)
        return;
    must(record_class(record_of_class(&r, a), &again) == 0);
    same_class(&r, &again);
}

static void same_alias(const struct alias_record *a, const struct alias_record *b)
{
    must(a->targets_n == b->targets_n);
    for (size_t i = 0; i < a->targets_n; i++)
        must(span_eq(a->targets[i], b->targets[i]));
}

static void check_alias(struct span in, struct arena *a)
{
    struct alias_record r, again;
    int err = record_alias(in, a, &r);
    must(err == 0 || err == ERR_CORRUPT);
    if (err != 0)
        return;
    must(r.targets_n > 0 && r.targets_n <= LIMIT_ALIAS_TARGETS);
    struct alias alias = {.targets = r.targets, .targets_n = r.targets_n};
    must(record_alias(record_of_alias(&alias, a), a, &again) == 0);
    same_alias(&r, &again);
}

static void check_keys(struct span in, struct arena *a)
{
    struct address address;
    struct span name;
    int64_t ms;
    uint64_t number, again;
    uint8_t kind = in.n > 0 ? (uint8_t)in.p[0] : 0;
    if (in.n > LIMIT_STORE_KEY) /* no store hands one out */
        return;
    if (key_address(in, a, &address) == 0) {
        must(address.local.n + 1 + address.domain.n == address.whole.n);
        must(span_eq(key_of_address(kind, &address, a), in));
    }
    if (key_removed(in, a, &ms, &address) == 0) {
        must(ms >= 0);
        if (kind == KEY_REMOVED)
            must(span_eq(key_of_removed(ms, &address, a), in));
    }
    if (directory_key_name(in, a, &name) == 0)
        must(name.n > 0 && span_eq(key_of_name(kind, name, a), in));
    if (record_number(in, &number) == 0)
        must(record_number(record_of_number(number, a), &again) == 0 && again == number);
}

/* ---- sound records and what damage makes of them ----------------------------------------- */

static struct span damaged(struct draw *d, struct span record, struct arena *a)
{
    struct buf b;
    buf_init(&b, LIMIT_STORE_VALUE);
    buf_put(&b, record);
    draw_damage(d, &b);
    struct span out = arena_dup(a, buf_span(&b));
    buf_done(&b);
    return out;
}

static void draw_account(struct draw *d, struct arena *a)
{
    struct account_record r = {.newer = false}, back;
    r.account.id = draw_up_to(d, UINT64_MAX - 1) + 1;
    r.account.status = (enum account_status)(ACCOUNT_ACTIVE + draw_below(d, 3));
    r.restore_to = draw_bool(d) ? ACCOUNT_ACTIVE : ACCOUNT_SUSPENDED;
    r.account.created_ms = draw_i64(d);
    r.account.removed_ms = (int64_t)draw_up_to(d, INT64_MAX);
    r.account.credentials_version = draw_u64(d);
    r.account.class_name = draw_span(d, 64);
    r.account.name = draw_span(d, 255);
    r.account.credentials = draw_span(d, 400);
    struct span record = record_of_account(&r, a);
    must(record_account(record, &back) == 0 && !back.newer);
    same_account(&r, &back);
    check_account(damaged(d, record, a), a);
}

static void draw_domain(struct draw *d, struct arena *a)
{
    struct domain_record r = {.newer = false}, back;
    r.incarnation = draw_up_to(d, UINT64_MAX - 1) + 1;
    r.domain.suspended = draw_bool(d);
    r.domain.created_ms = draw_i64(d);
    r.domain.alias_of = draw_span(d, 255);
    r.domain.catch_all = draw_span(d, 255);
    r.domain.default_class = draw_span(d, 64);
    struct span record = record_of_domain(&r, a);
    must(record_domain(record, &back) == 0 && !back.newer);
    same_domain(&r, &back);
    check_domain(damaged(d, record, a), a);
}

static void draw_class(struct draw *d, struct arena *a)
{
    struct class_record r = {.newer = false}, back;
    struct class_of_service *c = &r.class_of_service;
    r.incarnation = draw_up_to(d, UINT64_MAX - 1) + 1;
    c->quota_bytes = draw_u64(d);
    c->quota_messages = draw_u64(d);
    c->message_size = draw_u64(d);
    c->send_per_hour = draw_u64(d);
    c->recipients_per_hour = draw_u64(d);
    c->inactivity_days = draw_u64(d);
    for (size_t i = 0; i < USE_COUNT; i++)
        c->retention_days[i] = draw_u64(d);
    struct span record = record_of_class(&r, a);
    must(record_class(record, &back) == 0 && !back.newer);
    same_class(&r, &back);
    check_class(damaged(d, record, a), a);
}

static void draw_alias(struct draw *d, struct arena *a)
{
    struct span targets[LIMIT_ALIAS_TARGETS];
    struct alias_record r = {.targets = targets, .targets_n = 1 + draw_below(d, COUNT_OF(targets))};
    struct alias_record back;
    for (size_t i = 0; i < r.targets_n; i++) {
        targets[i] = draw_span(d, 254);
        if (targets[i].n == 0)
            targets[i] = SPAN("x");
    }
    struct alias alias = {.targets = targets, .targets_n = r.targets_n};
    struct span record = record_of_alias(&alias, a);
    must(record_alias(record, a, &back) == 0 && !back.newer);
    same_alias(&r, &back);
    check_alias(damaged(d, record, a), a);
}

static int sign(int x)
{
    return x < 0 ? -1 : x > 0 ? 1 : 0;
}

/* Listings rely on it: keys sort by domain, then by local part, and key_after comes next. */
static void draw_keys(struct draw *d, struct arena *a)
{
    struct address x, y, back;
    struct span local = draw_span(d, 64), domain = draw_span(d, 64);
    struct span other_local = draw_span(d, 64), other_domain = draw_span(d, 64);
    if (local.n == 0 || domain.n == 0 || other_local.n == 0 || other_domain.n == 0)
        return;
    if (address_join(local, domain, a, &x) != 0 ||
        address_join(other_local, other_domain, a, &y) != 0)
        return;
    struct span kx = key_of_address(KEY_ACCOUNT, &x, a), ky = key_of_address(KEY_ACCOUNT, &y, a);
    int want = span_cmp(x.domain, y.domain);
    want = want != 0 ? want : span_cmp(x.local, y.local);
    must(sign(span_cmp(kx, ky)) == sign(want));
    must(key_address(kx, a, &back) == 0 && span_eq(back.whole, x.whole));
    struct span next = key_after(kx, a);
    must(span_cmp(kx, next) < 0 && (span_cmp(kx, ky) >= 0 || span_cmp(next, ky) <= 0));
    check_keys(damaged(d, kx, a), a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const read[])(struct span, struct arena *) = {
        check_account, check_domain, check_class, check_alias, check_keys};
    static void (*const make[])(struct draw *, struct arena *) = {
        draw_account, draw_domain, draw_class, draw_alias, draw_keys};
    struct arena *a = arena_new(16 * 1024 * 1024);
    struct draw d = draw_of(data, size);
    size_t which = draw_u8(&d) % COUNT_OF(read);
    must(a != NULL);
    read[which](d.rest, a);
    make[which](&d, a);
    arena_free(a);
    return 0;
}
