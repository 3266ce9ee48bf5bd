/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/sharers.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"
#include "mailbox/acl_walk.h"
#include "mailbox/refusals.h"

enum { KEY_USER = 1, KEY_DOMAIN = 2, RECORD_VERSION = 1 }; /* written to disk; 3 is refusals' */
enum {
    SHARERS_MOST = 3 * LIMIT_SHARERS
}; /* of one user, with those that he has refused at some time */

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

/* Who leads the way to whom: the end of a row's key. */
static account_id owner_of(struct span key)
{
    struct unpack k = unpack_of(span_from(key, key.n < 8 ? 0 : key.n - 8));
    account_id owner = unpack_key_u64(&k);
    return k.bad ? 0 : owner;
}

/* Is there room for one more? Those whom the user refuses take none away from others. */
static int count_rows(struct store_txn *t,
                      const struct change *x,
                      const struct refused *no,
                      struct span own_key)
{
    struct store_iter *it;
    struct span key, value;
    struct buf prefix;
    size_t n = 0, all = 0, damaged = 0;
    bool there = false;
    buf_init(&prefix, LIMIT_STORE_KEY);
    put_prefix(&prefix, x->user, x->domain);
    int err = prefix.err;
    if (err == 0)
        err = store_txn_scan(t, buf_span(&prefix), SPAN_EMPTY, false, &it);
    if (err == 0) {
        while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
            there = there || span_eq(key, own_key);
            n += !refused_has(no, owner_of(key));
            all++;
        }
        store_iter_close(it);
    }
    buf_done(&prefix);
    bool full = n >= LIMIT_SHARERS || all >= SHARERS_MOST;
    return err < 0 ? err : !there && full ? ERR_QUOTA : 0;
}

static int may_share(struct store_txn *t, const struct change *x, struct span own_key)
{
    struct refused *no = calloc(1, sizeof *no);
    if (no == NULL)
        return ERR_NOMEM;
    int err = x->user != 0 ? refused_txn(t, no) : 0;
    if (err == 0)
        err = refused_has(no, x->owner) ? ERR_DENIED : count_rows(t, x, no, own_key);
    free(no);
    return err;
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
        err = record.err != 0 ? record.err : may_share(t, x, buf_span(&key));
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
    bool refused_too;
    struct refused no;
    struct arena *arena;
    size_t n;
    struct mail_sharer v[SHARERS_MOST + LIMIT_SHARERS]; /* his, and those of the domain */
};

/* One row; a damaged one is passed over: the list it leads to is only not found. */
static int take(struct reading *r, struct span key, struct span value)
{
    struct unpack u = unpack_of(value);
    account_id owner = owner_of(key);
    uint8_t version = unpack_u8(&u);
    struct span address = unpack_span(&u);
    if (version == 0 || owner == 0 || owner == r->user->id || unpack_end(&u) != 0 ||
        r->n == COUNT_OF(r->v) || (!r->refused_too && refused_has(&r->no, owner)))
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
    if (err == 0 && user != 0)
        err = refused_snap(snap, &r->no);
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

static int gather(struct mail *m, struct reading *r, struct mail_sharer **out, size_t *n_out)
{
    size_t kept = 0;
    int err = read_rows(m, r, r->user->id, SPAN_EMPTY);
    if (err == 0)
        err = read_rows(m, r, 0, sharers_domain(r->user->address));
    if (err != 0)
        return err;
    qsort(r->v, r->n, sizeof r->v[0], by_owner);
    for (size_t k = 0; k < r->n; k++)
        if (kept == 0 || r->v[kept - 1].owner != r->v[k].owner)
            r->v[kept++] = r->v[k];
    struct mail_sharer *v = arena_array(r->arena, kept + 1, sizeof *v);
    if (v == NULL)
        return ERR_NOMEM;
    memcpy(v, r->v, kept * sizeof *v);
    *out = v;
    *n_out = kept;
    return 0;
}

static int sharers(struct mail *m,
                   const struct mail_user *user,
                   bool refused_too,
                   struct arena *a,
                   struct mail_sharer **out,
                   size_t *n_out)
{
    struct reading *r = malloc(sizeof *r); /* 100 kB, of which little is touched */
    if (r == NULL)
        return ERR_NOMEM;
    r->user = user;
    r->refused_too = refused_too;
    r->arena = a;
    r->n = 0;
    int err = gather(m, r, out, n_out);
    free(r);
    return err;
}

int mailbox_sharers(struct mail *m,
                    const struct mail_user *user,
                    struct arena *a,
                    struct mail_sharer **out,
                    size_t *n_out)
{
    return sharers(m, user, false, a, out, n_out);
}

int sharers_all(struct mail *m,
                const struct mail_user *user,
                struct arena *a,
                struct mail_sharer **out,
                size_t *n_out)
{
    return sharers(m, user, true, a, out, n_out);
}
