/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/acl_leave.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/acl_walk.h"
#include "mailbox/boxes.h"

enum { USERS = 50, BOXES = 50, SHARERS_ARENA = 1024 * 1024 }; /* the first two of one transaction */

/* ---- what is left ------------------------------------------------------------------------- */

static int
read_row(struct edit *e, struct mailbox_id mailbox, account_id user, struct mail_grant *out)
{
    struct mail_key key = mail_key_grant(mailbox, user);
    struct span value;
    *out = (struct mail_grant){0};
    int err = store_txn_get(e->t, mail_key_span(&key), &value);
    if (err == 0 && grant_record_unpack(value, out) != 0)
        *out = (struct mail_grant){0};
    return err == ERR_NOT_FOUND ? 0 : err;
}

/* Without an entry only "anyone" can have given him something. */
int acl_has_rights(struct edit *e,
                   struct mailbox_id mailbox,
                   const struct mail_user *user,
                   bool *out)
{
    struct mail_grant own, anyone;
    int err = read_row(e, mailbox, user->id, &own);
    if (err == 0)
        err = read_row(e, mailbox, 0, &anyone);
    if (err != 0)
        return err;
    struct span address = user->address.n > 0 ? user->address : own.address;
    if (address.n > 0 && !span_eq(sharers_domain(address), sharers_domain(e->account.address)))
        anyone = (struct mail_grant){0};
    *out = ((own.rights | anyone.rights) & ~(own.denied | anyone.denied)) != 0;
    return 0;
}

int acl_leave(struct edit *e, struct mailbox_id mailbox, const struct mail_user *user)
{
    bool stays = true;
    if (e->account.annotation_bytes == 0)
        return 0;
    int err = acl_has_rights(e, mailbox, user, &stays);
    return err != 0 || stays ? err : annotations_drop_of(e, mailbox, user->id);
}

/* ---- anyone ------------------------------------------------------------------------------- */

struct leaving {
    struct mail *mail;
    account_id owner;
    account_id behind; /* those of lower ids are done */
    account_id user;   /* out: the last that was looked at */
    struct mailbox_id mailbox;
    bool more;
};

/* The next user behind x->user who has annotations there; 1, 0 at the end. */
static int next_user(struct edit *e, struct leaving *x)
{
    struct mail_key all = mail_key_mailbox_annotations(x->mailbox),
                    from = mail_key_annotations(x->mailbox, x->user + 1);
    struct store_iter *it;
    struct span key, value;
    struct mailbox_id mailbox;
    size_t damaged = 0;
    account_id user;
    struct buf name;
    int err = store_txn_scan(e->t, mail_key_span(&all), mail_key_span(&from), false, &it);
    if (err != 0)
        return err;
    buf_init(&name, LIMIT_STORE_KEY);
    while ((err = rows_next(it, &key, &value, &damaged)) > 0)
        if (mail_key_read_annotation(key, &mailbox, &user, &name) == 0) {
            x->user = user;
            break;
        }
    buf_done(&name);
    store_iter_close(it);
    return err;
}

static int anyone_run(struct store_txn *t, void *arg)
{
    struct leaving *x = arg;
    struct edit e;
    int n = 0, err = edit_open(&e, x->mail, t);
    uint64_t before = e.account.annotation_bytes;
    x->user = x->behind;
    while (err == 0 && n < USERS && (err = next_user(&e, x)) > 0) {
        struct mail_user user = {.id = x->user};
        err = x->user == x->owner ? 0 : acl_leave(&e, x->mailbox, &user);
        n++;
    }
    x->more = n == USERS;
    return e.account.annotation_bytes == before ? edit_drop(&e, err) : edit_close(&e, err);
}

int acl_leave_anyone(struct mail *m, account_id owner, struct mailbox_id mailbox)
{
    struct leaving x = {.mail = m, .owner = owner, .mailbox = mailbox, .more = true};
    int err = 0;
    while (err == 0 && x.more) {
        err = store_txn_run(m->store, part_of(owner), anyone_run, &x);
        x.behind = x.user;
    }
    return err;
}

/* ---- an account goes ------------------------------------------------------------------------ */

static int has_annotations(struct look *l, struct mailbox_id mailbox, account_id user)
{
    struct mail_key prefix = mail_key_annotations(mailbox, user);
    struct store_iter *it;
    struct span key, value;
    int err = store_snap_scan(l->snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    err = store_iter_next(it, &key, &value);
    store_iter_close(it);
    return err == ERR_CORRUPT ? 1 : err;
}

/* In which mailboxes of the owner that have an entry for him, or for anyone, he has annotations. */
static int boxes_of(struct mail *m, account_id owner, account_id user, struct numset *out)
{
    const account_id who[] = {user, 0};
    struct look l;
    int err = look_open(m, owner, &l);
    if (err != 0)
        return err;
    for (size_t k = 0; err == 0 && k < COUNT_OF(who); k++) {
        struct acl_walk w;
        err = acl_walk_snap(&w, l.snap, mail_key_grantees(who[k]));
        while (err == 0 && (err = acl_walk_next(&w)) > 0) {
            err = has_annotations(&l, w.mailbox, user);
            if (err > 0)
                numset_add(out, w.mailbox.v);
            err = err < 0 ? err : 0;
        }
        err = acl_walk_end(&w, err);
    }
    look_close(&l);
    return err != 0 ? err : out->err;
}

struct dropping {
    struct mail *mail;
    account_id user;
    const uint32_t *boxes;
    size_t n;
};

static int drop_run(struct store_txn *t, void *arg)
{
    const struct dropping *x = arg;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    for (size_t k = 0; err == 0 && k < x->n && e.account.annotation_bytes > 0; k++)
        err = annotations_drop_of(&e, (struct mailbox_id){x->boxes[k]}, x->user);
    return edit_close(&e, err);
}

static int leave_owner(struct mail *m, account_id owner, account_id user)
{
    uint32_t some[BOXES], id;
    struct dropping x = {.mail = m, .user = user, .boxes = some};
    struct numset boxes;
    numset_init(&boxes);
    int err = boxes_of(m, owner, user, &boxes);
    for (bool on = err == 0 && numset_first(&boxes, &id); on && err == 0;) {
        some[x.n++] = id;
        on = numset_next(&boxes, &id);
        if (x.n == BOXES || !on) {
            err = store_txn_run(m->store, part_of(owner), drop_run, &x);
            x.n = 0;
        }
    }
    numset_done(&boxes);
    return err == ERR_NO_USER || err == ERR_CORRUPT ? 0 : err; /* theirs keeps nobody's account */
}

static int leave_owners(struct mail *m, const struct mail_user *user)
{
    struct mail_sharer *v;
    size_t n = 0;
    struct arena *a = arena_new(SHARERS_ARENA);
    int err = a == NULL ? ERR_NOMEM : sharers_all(m, user, a, &v, &n);
    for (size_t k = 0; err == 0 && k < n; k++)
        err = leave_owner(m, v[k].owner, user->id);
    arena_free(a);
    return err;
}

int acl_leave_all(struct mail *m, account_id user)
{
    char text[LIMIT_ADDRESS];
    struct mail_user who = {.id = user};
    struct look l;
    int err = look_open(m, user, &l);
    if (err != 0) /* a damaged account is destroyed all the same */
        return err == ERR_NO_USER || err == ERR_CORRUPT ? 0 : err;
    if (l.account.address.n <= sizeof text) {
        memcpy(text, l.account.address.p, l.account.address.n);
        who.address = span_of(text, l.account.address.n);
    }
    look_close(&l);
    return leave_owners(m, &who);
}
