/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/record.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"

enum { VERSION = 1, FLAG_SUSPENDED = 1 };

static void record_begin(struct buf *b)
{
    buf_init(b, LIMIT_STORE_VALUE);
    pack_u8(b, VERSION);
}

static struct span record_end(struct buf *b, struct arena *a)
{
    struct span record = b->err == 0 ? arena_dup(a, buf_span(b)) : SPAN_EMPTY;
    buf_done(b);
    return record;
}

static bool take_version(struct unpack *u)
{
    uint8_t version = unpack_u8(u);
    if (version == 0)
        u->bad = true;
    return version > VERSION;
}

/* ---- accounts ---------------------------------------------------------------------------- */

struct span record_of_account(const struct account_record *r, struct arena *a)
{
    const struct account *account = &r->account;
    struct buf b;
    record_begin(&b);
    pack_uint(&b, account->id);
    pack_u8(&b, (uint8_t)account->status);
    pack_u8(&b, (uint8_t)(account->purging ? ACCOUNT_REMOVED : r->restore_to));
    pack_int(&b, account->created_ms);
    pack_int(&b, account->removed_ms);
    pack_uint(&b, account->credentials_version);
    pack_span(&b, account->class_name);
    pack_span(&b, account->name);
    pack_span(&b, account->credentials);
    return record_end(&b, a);
}

int record_account(struct span value, struct account_record *out)
{
    struct unpack u = unpack_of(value);
    struct account_record r = {.newer = take_version(&u)};
    r.account.id = unpack_uint(&u);
    uint8_t status = unpack_u8(&u);
    uint8_t restore_to = unpack_u8(&u);
    r.account.created_ms = unpack_int(&u);
    r.account.removed_ms = unpack_int(&u);
    r.account.credentials_version = unpack_uint(&u);
    r.account.class_name = unpack_span(&u);
    r.account.name = unpack_span(&u);
    r.account.credentials = unpack_span(&u);
    bool is_status = status >= ACCOUNT_ACTIVE && status <= ACCOUNT_REMOVED;
    bool is_purging = status == ACCOUNT_REMOVED && restore_to == ACCOUNT_REMOVED;
    bool is_restore = restore_to == ACCOUNT_ACTIVE || restore_to == ACCOUNT_SUSPENDED || is_purging;
    if (unpack_end(&u) != 0 || r.account.id == 0 || !is_status || !is_restore ||
        r.account.removed_ms < 0)
        return ERR_CORRUPT;
    r.account.status = (enum account_status)status;
    r.restore_to = (enum account_status)restore_to;
    r.account.purging = is_purging;
    *out = r;
    return 0;
}

/* ---- domains ----------------------------------------------------------------------------- */

struct span record_of_domain(const struct domain_record *r, struct arena *a)
{
    struct buf b;
    record_begin(&b);
    pack_uint(&b, r->incarnation);
    pack_uint(&b, r->domain.suspended ? FLAG_SUSPENDED : 0);
    pack_int(&b, r->domain.created_ms);
    pack_span(&b, r->domain.alias_of);
    pack_span(&b, r->domain.catch_all);
    pack_span(&b, r->domain.default_class);
    return record_end(&b, a);
}

int record_domain(struct span value, struct domain_record *out)
{
    struct unpack u = unpack_of(value);
    struct domain_record r = {.newer = take_version(&u)};
    r.incarnation = unpack_uint(&u);
    r.domain.suspended = (unpack_uint(&u) & FLAG_SUSPENDED) != 0;
    r.domain.created_ms = unpack_int(&u);
    r.domain.alias_of = unpack_span(&u);
    r.domain.catch_all = unpack_span(&u);
    r.domain.default_class = unpack_span(&u);
    if (unpack_end(&u) != 0 || r.incarnation == 0)
        return ERR_CORRUPT;
    *out = r;
    return 0;
}

/* ---- classes of service ------------------------------------------------------------------ */

struct span record_of_class(const struct class_record *r, struct arena *a)
{
    const struct class_of_service *c = &r->class_of_service;
    struct buf b;
    record_begin(&b);
    pack_uint(&b, r->incarnation);
    pack_uint(&b, c->quota_bytes);
    pack_uint(&b, c->quota_messages);
    pack_uint(&b, c->message_size);
    pack_uint(&b, c->send_per_hour);
    pack_uint(&b, c->recipients_per_hour);
    pack_uint(&b, c->inactivity_days);
    pack_uint(&b, USE_COUNT);
    for (size_t i = 0; i < USE_COUNT; i++)
        pack_uint(&b, c->retention_days[i]);
    return record_end(&b, a);
}

int record_class(struct span value, struct class_record *out)
{
    struct unpack u = unpack_of(value);
    struct class_record r = {.newer = take_version(&u)};
    struct class_of_service *c = &r.class_of_service;
    r.incarnation = unpack_uint(&u);
    c->quota_bytes = unpack_uint(&u);
    c->quota_messages = unpack_uint(&u);
    c->message_size = unpack_uint(&u);
    c->send_per_hour = unpack_uint(&u);
    c->recipients_per_hour = unpack_uint(&u);
    c->inactivity_days = unpack_uint(&u);
    uint64_t uses = unpack_uint(&u);
    for (uint64_t i = 0; i < uses && !u.bad; i++) {
        uint64_t days = unpack_uint(&u);
        if (i < USE_COUNT)
            c->retention_days[i] = days;
    }
    if (unpack_end(&u) != 0 || r.incarnation == 0)
        return ERR_CORRUPT;
    /* Special uses we do not know yet would be lost by writing it back. */
    r.newer = r.newer || uses > USE_COUNT;
    *out = r;
    return 0;
}

/* ---- aliases ----------------------------------------------------------------------------- */

struct span record_of_alias(const struct alias *alias, struct arena *a)
{
    struct buf b;
    record_begin(&b);
    pack_uint(&b, alias->targets_n);
    for (size_t i = 0; i < alias->targets_n; i++)
        pack_span(&b, alias->targets[i]);
    return record_end(&b, a);
}

int record_alias(struct span value, struct arena *a, struct alias_record *out)
{
    struct unpack u = unpack_of(value);
    struct alias_record r = {.newer = take_version(&u)};
    uint64_t n = unpack_uint(&u);
    if (u.bad || n == 0 || n > LIMIT_ALIAS_TARGETS)
        return ERR_CORRUPT;
    r.targets = arena_array(a, (size_t)n, sizeof *r.targets);
    if (r.targets == NULL)
        return arena_err(a);
    r.targets_n = (size_t)n;
    for (size_t i = 0; i < r.targets_n; i++) {
        r.targets[i] = unpack_span(&u);
        if (r.targets[i].n == 0)
            return ERR_CORRUPT;
    }
    if (unpack_end(&u) != 0)
        return ERR_CORRUPT;
    *out = r;
    return 0;
}

/* ---- numbers ----------------------------------------------------------------------------- */

struct span record_of_number(uint64_t number, struct arena *a)
{
    struct buf b;
    record_begin(&b);
    pack_uint(&b, number);
    return record_end(&b, a);
}

int record_number(struct span value, uint64_t *out)
{
    struct unpack u = unpack_of(value);
    (void)take_version(&u);
    uint64_t number = unpack_uint(&u);
    if (unpack_end(&u) != 0)
        return ERR_CORRUPT;
    *out = number;
    return 0;
}
