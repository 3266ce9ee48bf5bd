/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one address. */
#include "directory/internal.h"

static int lookup_in(struct store_snap *snap,
                     const struct address *address,
                     struct arena *a,
                     struct lookup *out)
{
    struct span value;
    struct span key = key_of_address(KEY_ACCOUNT, address, a);
    int err = span_made(key, a);
    if (err == 0)
        err = store_snap_get(snap, key, a, &value);
    if (err == 0) {
        err = record_account(value, &out->account);
        out->account.account.address = address->whole;
        out->found = FOUND_ACCOUNT;
        return err;
    }
    if (err != ERR_NOT_FOUND)
        return err;
    key = key_of_address(KEY_ALIAS, address, a);
    err = span_made(key, a);
    if (err == 0)
        err = store_snap_get(snap, key, a, &value);
    if (err == 0) {
        out->found = FOUND_ALIAS;
        return record_alias(value, a, &out->alias);
    }
    out->found = FOUND_NONE;
    return err == ERR_NOT_FOUND ? 0 : err;
}

int directory_lookup(struct directory *d,
                     const struct address *address,
                     struct arena *a,
                     struct lookup *out)
{
    struct store_snap *snap;
    int err = store_snap_open(d->store, part_of_address(address), &snap);
    if (err != 0)
        return err;
    err = lookup_in(snap, address, a, out);
    store_snap_close(snap);
    return err;
}

int directory_absent(struct directory *d, const struct address *address, struct arena *a)
{
    struct domain_record r;
    int err = domain_lookup(d, address->domain, a, &r);
    return err == 0 ? ERR_NO_USER : err;
}

int directory_find(struct directory *d,
                   struct span text,
                   enum found want,
                   struct arena *a,
                   struct address *address_out,
                   struct lookup *out)
{
    int err = address_normalize(text, a, address_out);
    if (err == 0)
        err = directory_lookup(d, address_out, a, out);
    if (err == 0 && out->found != want)
        err = directory_absent(d, address_out, a);
    return err;
}

bool sub_address_split(const struct directory *d,
                       struct span local,
                       size_t *at,
                       struct span *base,
                       struct span *detail)
{
    struct span separator = span_str(d->sub_address);
    if (separator.n == 0 || span_starts(local, SPAN("\"")))
        return false;
    while (*at > 1) {
        --*at;
        if (span_starts(span_from(local, *at), separator)) {
            *base = span_slice(local, 0, *at);
            *detail = span_from(local, *at + separator.n);
            return true;
        }
    }
    return false;
}
