/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of accounts and aliases in order, whatever shard they are in. */
#include "directory/internal.h"

#include "base/log.h"
#include "directory/merge.h"

struct page {
    struct span prefix;
    struct span from;
};

/* From where a page starts. An `after` outside the domain is a caller's mistake. */
static int page_begin(struct directory *d,
                      uint8_t kind,
                      struct span domain,
                      struct span after,
                      struct arena *a,
                      struct page *out)
{
    struct address last;
    struct span name = SPAN_EMPTY;
    struct domain_record r;
    int err = 0;
    if (domain.n > 0) {
        err = domain_normalize(domain, a, &name);
        if (err == 0)
            err = domain_lookup(d, name, a, &r);
    }
    if (err != 0)
        return err;
    out->prefix = domain.n > 0 ? key_of_name(kind, name, a) : key_of_kind(kind, a);
    out->from = SPAN_EMPTY;
    err = span_made(out->prefix, a);
    if (err != 0 || after.n == 0)
        return err;
    err = address_normalize(after, a, &last);
    if (err == 0 && domain.n > 0 && !span_eq(last.domain, name))
        err = ERR_INVALID;
    if (err != 0)
        return err;
    out->from = key_after(key_of_address(kind, &last, a), a);
    return span_made(out->from, a);
}

/* What a list is made of: `entry` reads one record into the place given (`size` bytes each), or says
 * ERR_CORRUPT to have it left out. */
struct listing {
    uint8_t kind;
    size_t size;
    int (*entry)(struct span key, struct span value, struct arena *a, void *out);
};

/* One page of at most `max` records, into an array in `a`. */
static int page_read(struct directory *d,
                     const struct listing *listing,
                     const struct page *page,
                     size_t max,
                     struct arena *a,
                     char *v,
                     size_t *n_out)
{
    struct merge *m;
    int err = merge_open(d->store, page->prefix, page->from, &m);
    if (err != 0)
        return err;
    size_t n = 0;
    while (err == 0 && n < max) {
        struct span key;
        struct span value;
        int got = merge_next(m, &key, &value);
        if (got <= 0) {
            err = got;
            break;
        }
        err = listing->entry(key, value, a, v + n * listing->size);
        if (err == 0)
            n++;
        else if (err == ERR_CORRUPT)
            err = 0; /* not even a key: `store check` tells of it */
    }
    merge_close(m);
    if (err == 0)
        *n_out = n;
    return err;
}

static void log_damaged(const char *event, struct span address)
{
    log_event(LOG_ERROR, event, LOG_S("address", address), LOG_ERR(ERR_CORRUPT));
}

static int account_entry(struct span key, struct span value, struct arena *a, void *out)
{
    struct account *account = out;
    struct address address;
    struct account_record r = {.account = {.status = ACCOUNT_DAMAGED}};
    struct span copy = arena_dup(a, value);
    int err = key_address(key, a, &address);
    if (err != 0)
        return err;
    if (value.n > 0 && copy.p == NULL)
        return span_made(copy, a);
    if (record_account(copy, &r) != 0)
        log_damaged("directory.damaged-account", address.whole);
    *account = r.account;
    account->address = address.whole;
    return 0;
}

int account_list(struct directory *d,
                 struct span domain,
                 struct span after,
                 size_t max,
                 struct arena *a,
                 struct account **out,
                 size_t *n_out)
{
    static const struct listing accounts = {KEY_ACCOUNT, sizeof(struct account), account_entry};
    struct page page;
    if (max == 0 || max > DIRECTORY_PAGE_MAX)
        return ERR_INVALID;
    struct account *v = arena_array(a, max, sizeof *v);
    if (v == NULL)
        return arena_err(a);
    int err = page_begin(d, accounts.kind, domain, after, a, &page);
    if (err == 0)
        err = page_read(d, &accounts, &page, max, a, (char *)v, n_out);
    if (err == 0)
        *out = v;
    return err;
}

static int alias_entry(struct span key, struct span value, struct arena *a, void *out)
{
    struct alias *alias = out;
    struct address address;
    struct alias_record r = {.targets_n = 0};
    struct span copy = arena_dup(a, value);
    int err = key_address(key, a, &address);
    if (err != 0)
        return err;
    if (value.n > 0 && copy.p == NULL)
        return span_made(copy, a);
    err = record_alias(copy, a, &r);
    if (err == ERR_CORRUPT)
        log_damaged("directory.damaged-alias", address.whole);
    else if (err != 0)
        return err;
    *alias = (struct alias){address.whole, r.targets, r.targets_n};
    return 0;
}

int alias_list(struct directory *d,
               struct span domain,
               struct span after,
               size_t max,
               struct arena *a,
               struct alias **out,
               size_t *n_out)
{
    static const struct listing aliases = {KEY_ALIAS, sizeof(struct alias), alias_entry};
    struct page page;
    if (max == 0 || max > DIRECTORY_PAGE_MAX)
        return ERR_INVALID;
    struct alias *v = arena_array(a, max, sizeof *v);
    if (v == NULL)
        return arena_err(a);
    int err = page_begin(d, aliases.kind, domain, after, a, &page);
    if (err == 0)
        err = page_read(d, &aliases, &page, max, a, (char *)v, n_out);
    if (err == 0)
        *out = v;
    return err;
}

/* ---- removed accounts whose time is over -------------------------------------------------- */

/* 1 and the account, 0 if the entry in the index says nothing any more, or an error. */
static int expired_entry(struct directory *d,
                         const struct address *address,
                         int64_t removed_ms,
                         struct arena *a,
                         struct account *out)
{
    struct lookup found;
    int err = directory_lookup(d, address, a, &found);
    if (err == ERR_CORRUPT) {
        log_damaged("directory.damaged-account", address->whole);
        return 0;
    }
    if (err != 0)
        return err;
    if (found.found != FOUND_ACCOUNT || found.account.account.status != ACCOUNT_REMOVED ||
        found.account.account.removed_ms != removed_ms)
        return 0; /* restored or purged since the snapshot */
    *out = found.account.account;
    return 1;
}

static int expired_walk(
    struct directory *d, struct merge *m, size_t max, struct arena *a, struct account *v, size_t *n)
{
    int64_t until = d->clock->wall_ms(d->clock) - d->remove_grace_ms;
    while (*n < max) {
        struct span key;
        struct span value;
        struct address address;
        int64_t removed_ms;
        int got = merge_next(m, &key, &value);
        if (got <= 0)
            return got;
        int err = key_removed(key, a, &removed_ms, &address);
        if (err == ERR_CORRUPT)
            continue;
        if (err != 0)
            return err;
        if (removed_ms > until)
            return 0;
        got = expired_entry(d, &address, removed_ms, a, &v[*n]);
        if (got < 0)
            return got;
        *n += (size_t)got;
    }
    return 0;
}

int account_expired_list(struct directory *d,
                         const struct account *after,
                         size_t max,
                         struct arena *a,
                         struct account **out,
                         size_t *n_out)
{
    struct merge *m;
    struct span from = SPAN_EMPTY;
    struct span prefix = key_of_kind(KEY_REMOVED, a);
    int err = max == 0 || max > DIRECTORY_PAGE_MAX ? ERR_INVALID : span_made(prefix, a);
    if (err == 0 && after != NULL) {
        struct address last;
        err = address_normalize(after->address, a, &last);
        if (err == 0) {
            from = key_after(key_of_removed(after->removed_ms, &last, a), a);
            err = span_made(from, a);
        }
    }
    if (err != 0)
        return err;
    struct account *v = arena_array(a, max, sizeof *v);
    if (v == NULL)
        return arena_err(a);
    err = merge_open(d->store, prefix, from, &m);
    if (err != 0)
        return err;
    size_t n = 0;
    err = expired_walk(d, m, max, a, v, &n);
    merge_close(m);
    if (err == 0) {
        *out = v;
        *n_out = n;
    }
    return err;
}
