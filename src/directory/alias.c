/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases: a name in a domain of ours that stands for other addresses. Lists are in list.c. */
#include "directory/internal.h"

struct put {
    struct address address;
    struct span key;
    struct span account_key;
    struct span domain_fence;
    uint64_t domain_incarnation;
    struct alias alias;
    struct span record;
};

static int put_txn(struct store_txn *t, void *arg)
{
    const struct put *p = arg;
    struct span value;
    int err = store_txn_get(t, p->account_key, &value);
    if (err != ERR_NOT_FOUND)
        return err == 0 ? ERR_EXISTS : err;
    err = store_txn_get(t, p->key, &value);
    if (err == 0) {
        struct alias_record old;
        /* A damaged one may be put right by putting it again. */
        if (record_alias(value, store_txn_arena(t), &old) == 0 && old.newer)
            return ERR_FORMAT_NEWER;
    } else if (err != ERR_NOT_FOUND && err != ERR_CORRUPT) {
        return err;
    }
    err = fence_check(t, p->domain_fence, p->domain_incarnation);
    if (err == 0)
        store_txn_put(t, p->key, p->record);
    return err;
}

static bool has_target(const struct alias *alias, struct span target)
{
    for (size_t i = 0; i < alias->targets_n; i++)
        if (span_eq(alias->targets[i], target))
            return true;
    return false;
}

static int put_targets(struct put *p, const struct alias *alias, struct arena *a)
{
    if (alias->targets_n == 0)
        return ERR_INVALID;
    if (alias->targets_n > LIMIT_ALIAS_TARGETS)
        return ERR_LIMIT;
    p->alias.targets = arena_array(a, alias->targets_n, sizeof *p->alias.targets);
    if (p->alias.targets == NULL)
        return arena_err(a);
    for (size_t i = 0; i < alias->targets_n; i++) {
        struct address normal;
        struct span kept;
        int err = address_keep_local(alias->targets[i], a, &normal, &kept);
        if (err != 0)
            return err;
        if (span_eq(normal.whole, p->address.whole))
            return ERR_LOOP;
        if (!has_target(&p->alias, kept))
            p->alias.targets[p->alias.targets_n++] = kept;
    }
    p->record = record_of_alias(&p->alias, a);
    return span_made(p->record, a);
}

static int put_keys(struct put *p, struct arena *a)
{
    p->key = key_of_address(KEY_ALIAS, &p->address, a);
    p->account_key = key_of_address(KEY_ACCOUNT, &p->address, a);
    p->domain_fence = key_of_name(KEY_DOMAIN_FENCE, p->address.domain, a);
    int err = span_made(p->key, a);
    if (err == 0)
        err = span_made(p->account_key, a);
    return err != 0 ? err : span_made(p->domain_fence, a);
}

static int put_checked(struct directory *d, const struct alias *alias, struct arena *a)
{
    struct put p = {.domain_incarnation = 0};
    struct domain_record domain;
    int err = address_normalize(alias->address, a, &p.address);
    if (err == 0)
        err = put_keys(&p, a);
    if (err == 0)
        err = put_targets(&p, alias, a);
    /* A conflict is a domain that was removed, or changed, after it was read. */
    for (int tries = 3; err == 0; tries--) {
        err = domain_lookup(d, p.address.domain, a, &domain);
        if (err == 0 && domain.domain.alias_of.n > 0)
            err = ERR_INVALID;
        if (err != 0)
            return err;
        p.domain_incarnation = domain.incarnation;
        err = store_txn_run(d->store, part_of_address(&p.address), put_txn, &p);
        if (err != ERR_CONFLICT || tries == 1)
            return err;
        err = 0;
    }
    return err;
}

int alias_put(struct directory *d, const struct alias *alias)
{
    struct arena *a = arena_new(DIRECTORY_SCRATCH);
    if (a == NULL)
        return ERR_NOMEM;
    int err = put_checked(d, alias, a);
    arena_free(a);
    return err;
}

int alias_get(struct directory *d, struct span address, struct arena *a, struct alias *out)
{
    struct address normal;
    struct lookup found;
    int err = directory_find(d, address, FOUND_ALIAS, a, &normal, &found);
    if (err != 0)
        return err;
    *out = (struct alias){normal.whole, found.alias.targets, found.alias.targets_n};
    return 0;
}

static int remove_txn(struct store_txn *t, void *arg)
{
    const struct span *key = arg;
    struct span value;
    int err = store_txn_get(t, *key, &value);
    if (err != 0 && err != ERR_CORRUPT)
        return err;
    store_txn_del(t, *key);
    return 0;
}

int alias_remove(struct directory *d, struct span address)
{
    struct address normal;
    struct span key;
    struct arena *a = arena_new(DIRECTORY_SCRATCH);
    if (a == NULL)
        return ERR_NOMEM;
    int err = address_normalize(address, a, &normal);
    if (err == 0) {
        key = key_of_address(KEY_ALIAS, &normal, a);
        err = span_made(key, a);
    }
    if (err == 0)
        err = store_txn_run(d->store, part_of_address(&normal), remove_txn, &key);
    if (err == ERR_NOT_FOUND)
        err = directory_absent(d, &normal, a);
    arena_free(a);
    return err;
}
