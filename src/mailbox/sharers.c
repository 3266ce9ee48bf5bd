/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/sharers.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"
#include "mailbox/acl_walk.h"

enum { KEY_USER = 1, KEY_DOMAIN = 2, RECORD_VERSION = 1 }; /* written to disk */

struct span sharers_domain(struct span address)
{
    return span_from(address, (size_t)(span_rchr(address, '@') + 1));
}

static struct part part_of_user(account_id user, struct span domain)
{
    uint64_t h = 0xcbf29ce484222325; /* FNV-1a, 64 bits */
    if (user != 0)
        return (struct part){PART_SHARERS, user};
    for (size_t k = 0; k < domain.n; k++)
        h = (h ^ (uint8_t)domain.p[k]) * 0x100000001b3;
    return (struct part){PART_SHARERS, h | (uint64_t)1 << 63};
}

struct part mailbox_sharers_part(const struct mail_user *user, bool domain)
{
    return part_of_user(domain ? 0 : user->id, sharers_domain(user->address));
}

/* What all rows of the user, or the domain, begin with. */
static void put_prefix(struct buf *to, account_id user, struct span domain)
{
    buf_clear(to);
    pack_key_u8(to, user != 0 ? KEY_USER : KEY_DOMAIN);
    if (user == 0)
        pack_key_span(to, domain);
}

/* ---- changing ---------------------------------------------------------------------------- */

struct change {
    account_id user;
    struct span domain;
    const struct mail_sharer *sharer; /* NULL: `owner` goes */
    account_id owner;
};

static int count_rows(struct store_txn *t, const struct change *x, struct span own_key)
{
    struct store_iter *it;
    struct span key, value;
    struct buf prefix;
    size_t n = 0, damaged = 0;
    bool there = false;
    buf_init(&prefix, LIMIT_STORE_KEY);
    put_prefix(&prefix, x->user, x->domain);
    int err = prefix.err;
    if (err == 0)
        err = store_txn_scan(t, buf_span(&prefix), SPAN_EMPTY, false, &it);
    if (err == 0) {
        while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
            there = there || span_eq(key, own_key);
            n++;
        }
        store_iter_close(it);
    }
    buf_done(&prefix);
    return err < 0 ? err : !there && n >= LIMIT_SHARERS ? ERR_LIMIT : 0;
}

static int change_run(struct store_txn *t, void *arg)
{
    const struct change *x = arg;
    struct buf key, record;
    buf_init(&key, LIMIT_STORE_KEY);
    buf_init(&record, LIMIT_STORE_KEY);
    put_prefix(&key, x->user, x->domain);
    pack_key_u64(&key, x->owner);
    int err = key.err;
    if (err == 0 && x->sharer == NULL) {
        store_txn_del(t, buf_span(&key));
    } else if (err == 0) {
        pack_u8(&record, RECORD_VERSION);
        pack_span(&record, x->sharer->address);
        err = record.err != 0 ? record.err : count_rows(t, x, buf_span(&key));
        if (err == 0)
            store_txn_put(t, buf_span(&key), buf_span(&record));
    }
    buf_done(&key);
    buf_done(&record);
    return err;
}

int sharers_put(struct mail *m,
                account_id user,
                struct span domain,
                const struct mail_sharer *sharer)
{
    struct change x = {user, domain, sharer, sharer->owner};
    return store_txn_run(m->store, part_of_user(user, domain), change_run, &x);
}

int sharers_drop(struct mail *m, account_id user, struct span domain, account_id owner)
{
    struct change x = {user, domain, NULL, owner};
    return store_txn_run(m->store, part_of_user(user, domain), change_run, &x);
}

int sharers_destroy(struct mail *m, account_id user)
{
    return store_part_destroy(m->store, part_of_user(user, SPAN_EMPTY));
}

/* ---- an owner goes ------------------------------------------------------------------------ */

/* Those whom the lists of the account name. */
static int named(struct look *l, account_id *v, size_t max, size_t *n_out)
{
    struct acl_walk w;
    size_t n = 0;
    int err = acl_walk_snap(&w, l->snap, mail_key_table(TABLE_GRANTEE));
    while (err == 0 && n < max && (err = acl_walk_next(&w)) > 0) {
        err = 0;
        if (n == 0 || v[n - 1] != w.user)
            v[n++] = w.user;
    }
    *n_out = n;
    return acl_walk_end(&w, err);
}

int sharers_leave(struct mail *m, account_id owner)
{
    char text[LIMIT_ADDRESS];
    struct span domain = SPAN_EMPTY;
    struct look l;
    size_t n = 0;
    int err = look_open(m, owner, &l);
    if (err != 0) /* a damaged account is destroyed all the same */
        return err == ERR_NO_USER || err == ERR_CORRUPT ? 0 : err;
    account_id *v = calloc(LIMIT_GRANTS_ACCOUNT + 1, sizeof *v);
    err = v == NULL ? ERR_NOMEM : named(&l, v, LIMIT_GRANTS_ACCOUNT, &n);
    if (err == 0 && l.account.address.n <= sizeof text) {
        memcpy(text, l.account.address.p, l.account.address.n);
        domain = sharers_domain(span_of(text, l.account.address.n));
    }
    look_close(&l);
    for (size_t k = 0; err == 0 && k < n; k++)
        err = sharers_drop(m, v[k], domain, owner);
    free(v);
    return err;
}

/* ---- reading ----------------------------------------------------------------------------- */

struct reading {
    const struct mail_user *user;
    struct arena *arena;
    struct mail_sharer *v;
    size_t n, max;
};

/* One row; a damaged one is passed over: the list it leads to is only not found. */
static int take(struct reading *r, struct span key, struct span value)
{
    struct unpack u = unpack_of(value);
    struct unpack k = unpack_of(span_from(key, key.n < 8 ? 0 : key.n - 8));
    account_id owner = unpack_key_u64(&k);
    uint8_t version = unpack_u8(&u);
    struct span address = unpack_span(&u);
    if (version == 0 || k.bad || owner == r->user->id || unpack_end(&u) != 0 || r->n == r->max)
        return 0;
    r->v[r->n] = (struct mail_sharer){owner, arena_dup(r->arena, address)};
    return r->v[r->n++].address.p == NULL ? arena_err(r->arena) : 0;
}

static int read_rows(struct mail *m, struct reading *r, account_id user, struct span domain)
{
    struct store_snap *snap;
    struct store_iter *it;
    struct span key, value;
    struct buf prefix;
    size_t damaged = 0;
    int err = store_snap_open(m->store, part_of_user(user, domain), &snap);
    if (err != 0)
        return err;
    buf_init(&prefix, LIMIT_STORE_KEY);
    put_prefix(&prefix, user, domain);
    err = prefix.err;
    if (err == 0)
        err = store_snap_scan(snap, buf_span(&prefix), SPAN_EMPTY, false, &it);
    if (err == 0) {
        while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
            err = take(r, key, value);
            if (err != 0)
                break;
        }
        store_iter_close(it);
    }
    buf_done(&prefix);
    store_snap_close(snap);
    return err;
}

static int by_owner(const void *a, const void *b)
{
    const struct mail_sharer *x = a, *y = b;
    return x->owner < y->owner ? -1 : x->owner > y->owner;
}

int mailbox_sharers(struct mail *m,
                    const struct mail_user *user,
                    struct arena *a,
                    struct mail_sharer **out,
                    size_t *n_out)
{
    enum { MOST = 2 * LIMIT_SHARERS };
    struct reading r = {.user = user, .arena = a, .max = MOST};
    struct mail_sharer *all = calloc(MOST, sizeof *all);
    size_t kept = 0;
    if (all == NULL)
        return ERR_NOMEM;
    r.v = all;
    int err = read_rows(m, &r, user->id, SPAN_EMPTY);
    if (err == 0)
        err = read_rows(m, &r, 0, sharers_domain(user->address));
    qsort(all, r.n, sizeof *all, by_owner);
    for (size_t k = 0; k < r.n; k++)
        if (kept == 0 || all[kept - 1].owner != all[k].owner)
            all[kept++] = all[k];
    struct mail_sharer *v = err == 0 ? arena_array(a, kept + 1, sizeof *v) : NULL;
    if (err == 0 && v == NULL)
        err = ERR_NOMEM;
    if (v != NULL) {
        memcpy(v, all, kept * sizeof *v);
        *out = v;
        *n_out = kept;
    }
    free(all);
    return err;
}
