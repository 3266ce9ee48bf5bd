/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/refusals.h"

#include "base/err.h"
#include "base/pack.h"
#include "mailbox/edit.h"

enum {
    KEY_REFUSED = 3,
    RECORD_VERSION = 1,
    KEY_BYTES = 9
}; /* written to disk; 1 and 2 are hints */

static const struct span prefix = SPAN("\x03"); /* KEY_REFUSED */

static void put_key(struct buf *to, account_id owner)
{
    pack_key_u8(to, KEY_REFUSED);
    pack_key_u64(to, owner);
}

static bool read_key(struct span key, account_id *owner)
{
    struct unpack u = unpack_of(key);
    (void)unpack_key_u8(&u);
    *owner = unpack_key_u64(&u);
    return !u.bad && unpack_at_end(&u);
}

/* ---- reading ------------------------------------------------------------------------------- */

static int read_rows(struct store_iter *it, struct refused *out)
{
    struct span key, value;
    size_t damaged = 0;
    int err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
        account_id owner;
        if (!read_key(key, &owner))
            continue;
        if (owner == 0)
            out->all = true;
        else if (out->n < LIMIT_REFUSALS)
            out->v[out->n++] = owner;
    }
    store_iter_close(it);
    return err;
}

int refused_txn(struct store_txn *t, struct refused *out)
{
    struct store_iter *it;
    out->all = false;
    out->n = 0;
    int err = store_txn_scan(t, prefix, SPAN_EMPTY, false, &it);
    return err != 0 ? err : read_rows(it, out);
}

int refused_snap(struct store_snap *snap, struct refused *out)
{
    struct store_iter *it;
    out->all = false;
    out->n = 0;
    int err = store_snap_scan(snap, prefix, SPAN_EMPTY, false, &it);
    return err != 0 ? err : read_rows(it, out);
}

static int by_id(const void *a, const void *b)
{
    const account_id *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

bool refused_has(const struct refused *r, account_id owner)
{
    bool named = r->n > 0 && bsearch(&owner, r->v, r->n, sizeof r->v[0], by_id) != NULL;
    return r->all != named;
}

static int take(struct span key, struct span value, struct arena *a, struct mail_refusals *out)
{
    struct unpack u = unpack_of(value);
    uint8_t version = unpack_u8(&u);
    struct mail_sharer *s = &out->v[out->n];
    struct span address = unpack_span(&u);
    if (version == 0 || unpack_end(&u) != 0 || !read_key(key, &s->owner))
        return 0;
    if (s->owner == 0) {
        out->all = true;
        return 0;
    }
    if (out->n == LIMIT_REFUSALS)
        return 0;
    s->address = arena_dup(a, address);
    out->n++;
    return s->address.p == NULL ? arena_err(a) : 0;
}

int mailbox_refusals(struct mail *m, account_id user, struct arena *a, struct mail_refusals *out)
{
    struct store_snap *snap;
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    *out = (struct mail_refusals){.v = arena_array(a, LIMIT_REFUSALS + 1, sizeof *out->v)};
    int err = out->v == NULL ? arena_err(a)
                             : store_snap_open(m->store, (struct part){PART_SHARERS, user}, &snap);
    if (err != 0)
        return err;
    err = store_snap_scan(snap, prefix, SPAN_EMPTY, false, &it);
    if (err == 0) {
        while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
            err = take(key, value, a, out);
            if (err != 0)
                break;
        }
        store_iter_close(it);
    }
    store_snap_close(snap);
    return err;
}

/* ---- changing ------------------------------------------------------------------------------ */

struct refusing {
    const struct mail_sharer *owner; /* NULL: all */
    bool refuse;
    struct refused now; /* scratch */
};

static int write_row(struct store_txn *t, const struct mail_sharer *owner, bool there)
{
    struct buf key, record;
    buf_init(&key, KEY_BYTES);
    buf_init(&record, LIMIT_STORE_KEY);
    put_key(&key, owner != NULL ? owner->owner : 0);
    pack_u8(&record, RECORD_VERSION);
    pack_span(&record, owner != NULL ? owner->address : SPAN_EMPTY);
    int err = key.err != 0 ? key.err : record.err;
    if (err == 0 && there)
        store_txn_put(t, buf_span(&key), buf_span(&record));
    else if (err == 0)
        store_txn_del(t, buf_span(&key));
    buf_done(&key);
    buf_done(&record);
    return err;
}

/* From now on there are no exceptions. */
static int refuse_all(struct store_txn *t, const struct refusing *x)
{
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    int err = store_txn_scan(t, prefix, SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0)
        store_txn_del(t, key);
    store_iter_close(it);
    return err == 0 && x->refuse ? write_row(t, NULL, true) : err;
}

static int refuse_run(struct store_txn *t, void *arg)
{
    struct refusing *x = arg;
    if (x->owner == NULL)
        return refuse_all(t, x);
    int err = refused_txn(t, &x->now);
    if (err != 0 || refused_has(&x->now, x->owner->owner) == x->refuse)
        return err;
    bool exception = x->now.all != x->refuse;
    if (exception && x->now.n >= LIMIT_REFUSALS)
        return ERR_LIMIT;
    return write_row(t, x->owner, exception);
}

int mailbox_refuse(struct mail *m, account_id user, const struct mail_sharer *owner, bool refuse)
{
    struct refusing *x = calloc(1, sizeof *x);
    if (x == NULL)
        return ERR_NOMEM;
    x->owner = owner;
    x->refuse = refuse;
    int err = owner != NULL && (owner->owner == 0 || owner->owner == user)
                  ? ERR_INVALID
                  : store_txn_run(m->store, (struct part){PART_SHARERS, user}, refuse_run, x);
    free(x);
    return err;
}
