/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a domain, while others may be adding addresses to it: the account of fences in
 * directory/keys.h says why this order is safe. */
#include "directory/internal.h"

#include "base/log.h"

struct removal {
    struct span name;
    struct span key;
    uint64_t incarnation;
    bool is_alias;
};

/* ERR_IN_USE if the shard holds an entry of that prefix; a damaged one is one. */
static int shard_refers(struct store_snap *snap, struct span prefix)
{
    struct store_iter *iter;
    struct span key;
    struct span value;
    int err = store_snap_scan(snap, prefix, SPAN_EMPTY, false, &iter);
    if (err != 0)
        return err;
    int got = store_iter_next(iter, &key, &value);
    store_iter_close(iter);
    return got == 1 || got == ERR_CORRUPT ? ERR_IN_USE : got;
}

static int addresses_refer(struct directory *d, struct span name, struct arena *a)
{
    struct span accounts = key_of_name(KEY_ACCOUNT, name, a);
    struct span aliases = key_of_name(KEY_ALIAS, name, a);
    int err = span_made(accounts, a);
    if (err == 0)
        err = span_made(aliases, a);
    for (unsigned shard = 0; err == 0 && shard < DIRECTORY_SHARDS; shard++) {
        struct store_snap *snap;
        err = store_snap_open(d->store, part_of_shard(shard), &snap);
        if (err != 0)
            break;
        err = shard_refers(snap, accounts);
        if (err == 0)
            err = shard_refers(snap, aliases);
        store_snap_close(snap);
    }
    return err;
}

static int alias_domains_refer(struct store_txn *t, struct span name)
{
    struct store_iter *iter;
    int err = txn_scan_kind(t, KEY_DOMAIN, &iter);
    if (err != 0)
        return err;
    struct span key;
    struct span value;
    while ((err = store_iter_next(iter, &key, &value)) == 1) {
        struct domain_record r;
        /* One that is damaged may be another's alias domain; it does not keep this one for ever,
         * since without its target a name is not served, which is what a damaged one is anyway. */
        if (record_domain(value, &r) == 0 && span_eq(r.domain.alias_of, name)) {
            err = ERR_IN_USE;
            break;
        }
    }
    store_iter_close(iter);
    return err;
}

static int removal_get(struct store_txn *t, const struct removal *r, struct domain_record *out)
{
    struct span value;
    int err = store_txn_get(t, r->key, &value);
    if (err == ERR_NOT_FOUND)
        return ERR_NO_DOMAIN;
    return err != 0 ? err : record_domain(value, out);
}

/* Reads what is to be removed; in a transaction because it looks for alias domains as well. */
static int begin_txn(struct store_txn *t, void *arg)
{
    struct removal *r = arg;
    struct domain_record now;
    int err = removal_get(t, r, &now);
    if (err == 0)
        err = alias_domains_refer(t, r->name);
    if (err != 0)
        return err;
    r->incarnation = now.incarnation;
    r->is_alias = now.domain.alias_of.n > 0;
    return 0;
}

static int remove_txn(struct store_txn *t, void *arg)
{
    const struct removal *r = arg;
    struct domain_record now;
    int err = removal_get(t, r, &now);
    if (err == 0 && now.incarnation != r->incarnation)
        err = ERR_CONFLICT;
    if (err == 0)
        err = alias_domains_refer(t, r->name);
    if (err == 0)
        store_txn_del(t, r->key);
    return err;
}

static int reopen_txn(struct store_txn *t, void *arg)
{
    const struct removal *r = arg;
    struct arena *a = store_txn_arena(t);
    struct domain_record now;
    int err = removal_get(t, r, &now);
    if (err != 0 || now.newer || now.incarnation != r->incarnation)
        return err;
    err = incarnation_next(t, &now.incarnation);
    if (err != 0)
        return err;
    struct span record = record_of_domain(&now, a);
    err = span_made(record, a);
    if (err == 0)
        store_txn_put(t, r->key, record);
    return err;
}

static int remove_own(struct directory *d, struct removal *r, struct arena *a)
{
    struct span fence = key_of_name(KEY_DOMAIN_FENCE, r->name, a);
    int err = span_made(fence, a);
    if (err == 0)
        err = addresses_refer(d, r->name, a); /* saves the fences where the answer is plain */
    if (err != 0)
        return err;
    err = fence_raise(d, fence, r->incarnation);
    if (err == 0)
        err = addresses_refer(d, r->name, a);
    if (err == 0)
        err = store_txn_run(d->store, part_of_domains(), remove_txn, r);
    if (err == 0)
        return 0;
    int reopened = store_txn_run(d->store, part_of_domains(), reopen_txn, r);
    if (reopened != 0 && reopened != ERR_NO_DOMAIN)
        log_event(LOG_WARN, "directory.domain-closed", LOG_S("domain", r->name), LOG_ERR(reopened));
    return err;
}

int domain_remove(struct directory *d, struct span name)
{
    struct arena *a = arena_new(DIRECTORY_SCRATCH);
    if (a == NULL)
        return ERR_NOMEM;
    struct removal r = {.name = SPAN_EMPTY};
    int err = domain_normalize(name, a, &r.name);
    if (err == 0) {
        r.key = key_of_name(KEY_DOMAIN, r.name, a);
        err = span_made(r.key, a);
    }
    if (err == 0)
        err = store_txn_run(d->store, part_of_domains(), begin_txn, &r);
    if (err == 0)
        err = r.is_alias ? store_txn_run(d->store, part_of_domains(), remove_txn, &r)
                         : remove_own(d, &r, a);
    arena_free(a);
    return err;
}
