/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: one record each, in the shard of its address. Lists are in list.c. */
#include "directory/internal.h"

#include <limits.h>

enum { NAME_MAX_BYTES = 255, CREDENTIALS_MAX = 64 * 1024, ADD_TRIES = 3 };

static bool is_person_name(struct span s)
{
    if (s.n > NAME_MAX_BYTES || !span_is_utf8(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_storable(const struct account *a)
{
    return is_person_name(a->name) && a->credentials.n <= CREDENTIALS_MAX;
}

/* ---- adding ------------------------------------------------------------------------------ */

struct add {
    struct address address;
    struct span key;
    struct span alias_key;
    struct span domain_fence;
    struct span class_fence;
    uint64_t domain_incarnation;
    uint64_t class_incarnation;
    struct span record;
};

static int absent(struct store_txn *t, struct span key)
{
    struct span value;
    int err = store_txn_get(t, key, &value);
    return err == ERR_NOT_FOUND ? 0 : err == 0 ? ERR_EXISTS : err;
}

static int add_txn(struct store_txn *t, void *arg)
{
    const struct add *add = arg;
    int err = absent(t, add->key);
    if (err == 0)
        err = absent(t, add->alias_key);
    if (err == 0)
        err = fence_check(t, add->domain_fence, add->domain_incarnation);
    if (err == 0)
        err = fence_check(t, add->class_fence, add->class_incarnation);
    if (err == 0)
        store_txn_put(t, add->key, add->record);
    return err;
}

/* The record, with the domain and the class as they are now. */
static int
add_prepare(struct directory *d, struct account *account, struct arena *a, struct add *add)
{
    struct domain_record domain;
    struct class_record class;
    int err = domain_lookup(d, add->address.domain, a, &domain);
    if (err == 0 && domain.domain.alias_of.n > 0)
        err = ERR_INVALID;
    if (err != 0)
        return err;
    struct span name =
        account->class_name.n > 0 ? account->class_name : domain.domain.default_class;
    err = class_name_normalize(name, a, &name);
    if (err == 0)
        err = class_lookup(d, name, a, &class);
    if (err == 0 && account->id == 0)
        err = account_id_reserve(d, &account->id);
    if (err != 0)
        return err;
    struct account_record r = {.account = *account, .restore_to = ACCOUNT_ACTIVE};
    r.account.class_name = name;
    r.account.status = ACCOUNT_ACTIVE;
    r.account.created_ms = d->clock->wall_ms(d->clock);
    r.account.removed_ms = 0;
    r.account.purging = false;
    r.account.credentials_version = 1;
    add->domain_incarnation = domain.incarnation;
    add->class_incarnation = class.incarnation;
    add->domain_fence = key_of_name(KEY_DOMAIN_FENCE, add->address.domain, a);
    add->class_fence = key_of_name(KEY_CLASS_FENCE, r.account.class_name, a);
    add->record = record_of_account(&r, a);
    err = span_made(add->domain_fence, a);
    if (err == 0)
        err = span_made(add->class_fence, a);
    return err != 0 ? err : span_made(add->record, a);
}

static int add_checked(struct directory *d, struct account *account, struct arena *a)
{
    struct add add;
    int err =
        is_storable(account) ? address_normalize(account->address, a, &add.address) : ERR_INVALID;
    if (err != 0)
        return err;
    add.key = key_of_address(KEY_ACCOUNT, &add.address, a);
    add.alias_key = key_of_address(KEY_ALIAS, &add.address, a);
    err = span_made(add.key, a);
    if (err == 0)
        err = span_made(add.alias_key, a);
    /* A conflict is a domain or class that was removed, or changed, after it was read. */
    for (int tries = 0; err == 0 && tries < ADD_TRIES; tries++) {
        err = add_prepare(d, account, a, &add);
        if (err != 0)
            break;
        err = store_txn_run(d->store, part_of_address(&add.address), add_txn, &add);
        if (err != ERR_CONFLICT)
            return err;
        err = tries + 1 < ADD_TRIES ? 0 : ERR_CONFLICT;
    }
    return err;
}

int account_add(struct directory *d, const struct account *account, uint64_t *id_out)
{
    struct arena *a = arena_new(DIRECTORY_SCRATCH);
    if (a == NULL)
        return ERR_NOMEM;
    struct account copy = *account;
    int err = add_checked(d, &copy, a);
    if (err == 0)
        *id_out = copy.id;
    arena_free(a);
    return err;
}

/* ---- reading ----------------------------------------------------------------------------- */

int account_get(struct directory *d, struct span address, struct arena *a, struct account *out)
{
    struct address normal;
    struct lookup found;
    int err = directory_find(d, address, FOUND_ACCOUNT, a, &normal, &found);
    if (err != 0)
        return err;
    *out = found.account.account;
    return 0;
}

/* ---- changing ---------------------------------------------------------------------------- */

struct change {
    struct directory *d;
    struct address address;
    struct span key;
    int (*edit)(void *arg, struct arena *arena, struct account *account); /* of account_change */
    void *arg;
    int (*move)(struct change *c, struct account_record *r); /* or one of ours */
    struct arena *arena;
    struct span class_name; /* the new class that was checked */
    struct span class_fence;
    uint64_t class_incarnation;
    struct span wanted; /* the new class that must be checked first */
};

enum {
    CHECK_CLASS = INT_MAX
}; /* change_txn: the caller has to look `wanted` up and run it again */

static int put_account(struct store_txn *t,
                       const struct change *c,
                       const struct account_record *old,
                       const struct account_record *new)
{
    struct arena *a = store_txn_arena(t);
    struct span record = record_of_account(new, a);
    int err = span_made(record, a);
    bool was = old->account.status == ACCOUNT_REMOVED;
    bool is = new->account.status == ACCOUNT_REMOVED;
    if (err == 0 && was != is) {
        int64_t when = was ? old->account.removed_ms : new->account.removed_ms;
        struct span index = key_of_removed(when, &c->address, a);
        err = span_made(index, a);
        if (err == 0 && is)
            store_txn_put(t, index, SPAN("\x01"));
        else if (err == 0)
            store_txn_del(t, index);
    }
    if (err == 0)
        store_txn_put(t, c->key, record);
    return err;
}

/* A changed class is one that exists; looking it up is not for inside the transaction. */
static int check_class(struct store_txn *t, struct change *c, struct account *account)
{
    struct span name;
    int err = class_name_normalize(account->class_name, store_txn_arena(t), &name);
    if (err != 0)
        return err;
    account->class_name = name;
    if (c->class_name.n == 0 || !span_eq(name, c->class_name)) {
        c->wanted = arena_dup(c->arena, name);
        err = span_made(c->wanted, c->arena);
        return err != 0 ? err : CHECK_CLASS;
    }
    return fence_check(t, c->class_fence, c->class_incarnation);
}

static int run_edit(struct store_txn *t, struct change *c, struct account_record *new)
{
    struct account old = new->account;
    struct account *account = &new->account;
    int err = c->edit(c->arg, store_txn_arena(t), account);
    if (err != 0)
        return err;
    bool same = account->id == old.id && span_eq(account->address, old.address) &&
                account->created_ms == old.created_ms && account->removed_ms == old.removed_ms &&
                account->purging == old.purging;
    bool moved = account->status != old.status;
    bool may_move = old.status != ACCOUNT_REMOVED &&
                    (account->status == ACCOUNT_ACTIVE || account->status == ACCOUNT_SUSPENDED);
    if (!same || (moved && !may_move) || !is_storable(account))
        return ERR_INVALID;
    account->credentials_version = old.credentials_version;
    if (!span_eq(account->credentials, old.credentials))
        account->credentials_version++;
    return span_eq(account->class_name, old.class_name) ? 0 : check_class(t, c, account);
}

static int change_txn(struct store_txn *t, void *arg)
{
    struct change *c = arg;
    struct account_record old;
    struct span value;
    int err = store_txn_get(t, c->key, &value);
    if (err == 0)
        err = record_account(value, &old);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_NO_USER : err;
    if (old.newer)
        return ERR_FORMAT_NEWER;
    old.account.address = c->address.whole;
    struct account_record new = old;
    err = c->move != NULL ? c->move(c, &new) : run_edit(t, c, &new);
    return err != 0 ? err : put_account(t, c, &old, &new);
}

static int change_run(struct directory *d, struct change *c, struct span address)
{
    int err = address_normalize(address, c->arena, &c->address);
    if (err != 0)
        return err;
    c->d = d;
    c->key = key_of_address(KEY_ACCOUNT, &c->address, c->arena);
    err = span_made(c->key, c->arena);
    for (int tries = 0; err == 0 && tries < ADD_TRIES; tries++) {
        err = store_txn_run(d->store, part_of_address(&c->address), change_txn, c);
        if (err != CHECK_CLASS)
            break;
        struct class_record class;
        err = class_lookup(d, c->wanted, c->arena, &class);
        if (err != 0)
            break;
        c->class_name = c->wanted;
        c->class_incarnation = class.incarnation;
        c->class_fence = key_of_name(KEY_CLASS_FENCE, c->wanted, c->arena);
        err = span_made(c->class_fence, c->arena);
        if (err == 0 && tries + 1 == ADD_TRIES)
            err = ERR_CONFLICT;
    }
    return err == ERR_NO_USER ? directory_absent(d, &c->address, c->arena) : err;
}

int account_change(struct directory *d,
                   struct span address,
                   int (*change)(void *arg, struct arena *arena, struct account *account),
                   void *arg)
{
    struct change c = {.edit = change, .arg = arg, .arena = arena_new(DIRECTORY_SCRATCH)};
    if (c.arena == NULL)
        return ERR_NOMEM;
    int err = change_run(d, &c, address);
    arena_free(c.arena);
    return err;
}

static int move(struct directory *d,
                struct span address,
                int (*how)(struct change *c, struct account_record *r),
                void *arg)
{
    struct change c = {.move = how, .arg = arg, .arena = arena_new(DIRECTORY_SCRATCH)};
    if (c.arena == NULL)
        return ERR_NOMEM;
    int err = change_run(d, &c, address);
    arena_free(c.arena);
    return err;
}

static int to_removed(struct change *c, struct account_record *r)
{
    if (r->account.status == ACCOUNT_REMOVED)
        return 0;
    int64_t now = c->d->clock->wall_ms(c->d->clock);
    r->restore_to = r->account.status;
    r->account.status = ACCOUNT_REMOVED;
    r->account.removed_ms = now > 0 ? now : 1;
    return 0;
}

static int from_removed(struct change *c, struct account_record *r)
{
    (void)c;
    if (r->account.status != ACCOUNT_REMOVED)
        return 0;
    if (r->account.purging)
        return ERR_INVALID;
    r->account.status = r->restore_to;
    r->account.removed_ms = 0;
    return 0;
}

int account_remove(struct directory *d, struct span address)
{
    return move(d, address, to_removed, NULL);
}

int account_restore(struct directory *d, struct span address)
{
    return move(d, address, from_removed, NULL);
}

/* ---- purging ----------------------------------------------------------------------------- */

struct purge_begin {
    int64_t removed_until_ms;
    uint64_t id;
};

static int to_purging(struct change *c, struct account_record *r)
{
    struct purge_begin *p = c->arg;
    if (r->account.status != ACCOUNT_REMOVED ||
        (!r->account.purging && r->account.removed_ms > p->removed_until_ms))
        return ERR_INVALID;
    r->account.purging = true;
    p->id = r->account.id;
    return 0;
}

int account_purge_begin(struct directory *d,
                        struct span address,
                        int64_t removed_until_ms,
                        uint64_t *id_out)
{
    struct purge_begin p = {.removed_until_ms = removed_until_ms};
    int err = move(d, address, to_purging, &p);
    if (err == 0)
        *id_out = p.id;
    return err;
}

/* A damaged record does not say when it was removed, so its entry in the index is looked for. */
static int purge_damaged(struct store_txn *t, const struct change *c)
{
    struct arena *a = store_txn_arena(t);
    struct store_iter *iter;
    int err = txn_scan_kind(t, KEY_REMOVED, &iter);
    if (err != 0)
        return err;
    struct span key;
    struct span value;
    while ((err = store_iter_next(iter, &key, &value)) == 1) {
        struct address address;
        int64_t when;
        if (key_removed(key, a, &when, &address) == 0 && span_eq(address.whole, c->address.whole))
            store_txn_del(t, key);
    }
    store_iter_close(iter);
    store_txn_del(t, c->key);
    return err;
}

static int purge_txn(struct store_txn *t, void *arg)
{
    const struct change *c = arg;
    struct account_record r;
    struct span value;
    int err = store_txn_get(t, c->key, &value);
    if (err != 0 && err != ERR_CORRUPT)
        return err;
    if (err == ERR_CORRUPT || record_account(value, &r) != 0)
        return purge_damaged(t, c);
    if (!r.account.purging)
        return ERR_INVALID;
    struct span index = key_of_removed(r.account.removed_ms, &c->address, store_txn_arena(t));
    err = span_made(index, store_txn_arena(t));
    if (err == 0) {
        store_txn_del(t, index);
        store_txn_del(t, c->key);
    }
    return err;
}

int account_purge(struct directory *d, struct span address)
{
    struct change c = {.d = d, .arena = arena_new(DIRECTORY_SCRATCH)};
    if (c.arena == NULL)
        return ERR_NOMEM;
    int err = address_normalize(address, c.arena, &c.address);
    if (err == 0) {
        c.key = key_of_address(KEY_ACCOUNT, &c.address, c.arena);
        err = span_made(c.key, c.arena);
    }
    if (err == 0)
        err = store_txn_run(d->store, part_of_address(&c.address), purge_txn, &c);
    if (err == ERR_NOT_FOUND)
        err = directory_absent(d, &c.address, c.arena);
    arena_free(c.arena);
    return err;
}
