/* SPDX-License-Identifier: Apache-2.0 */
/* Changing access control lists. */
#include "mailbox/acl.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/acl_leave.h"
#include "mailbox/acl_walk.h"
#include "mailbox/boxes.h"
#include "mailbox/sharers.h"

struct grant {
    struct mail *mail;
    account_id owner;
    struct mailbox_id mailbox;
    const struct mail_grant_change *in; /* NULL: the entry of `address` goes */
    struct span address;
    bool denied;
    account_id user;           /* out, of what went */
    bool found;                /* out */
    bool remains;              /* out: another list of the account names the user */
    struct span owner_address; /* out, in `arena` */
    struct arena *arena;
};

static void put_row(struct edit *e, struct mailbox_id mailbox, const struct mail_grant *g)
{
    struct mail_key key = mail_key_grant(mailbox, g->user);
    struct mail_key index = mail_key_grantee(g->user, mailbox);
    grant_record_pack(&e->scratch, g);
    edit_put_scratch(e, &key);
    edit_put_reference(e, &index, 1);
}

static int drop_row(struct edit *e, struct mailbox_id mailbox, account_id user)
{
    struct mail_key key = mail_key_grant(mailbox, user), index = mail_key_grantee(user, mailbox);
    edit_del(e, &key);
    edit_del(e, &index);
    return counter_take(&e->account.grants, 1);
}

/* The entry as it is; without one, or with a damaged one, an empty one. */
static int get_row(
    struct edit *e, struct mailbox_id mailbox, account_id user, bool *there, struct mail_grant *out)
{
    struct mail_key key = mail_key_grant(mailbox, user);
    struct span value;
    *out = (struct mail_grant){0};
    int err = store_txn_get(e->t, mail_key_span(&key), &value);
    *there = err == 0;
    if (err == 0 && grant_record_unpack(value, out) != 0)
        *out = (struct mail_grant){0};
    out->user = user;
    return err == ERR_NOT_FOUND ? 0 : err;
}

static uint32_t changed(uint32_t before, enum mail_grant_op op, uint32_t rights)
{
    return op == GRANT_ADD ? before | rights : op == GRANT_REMOVE ? before & ~rights : rights;
}

/* Writes an entry, or takes it off when nothing is left of it. */
static int settle(struct edit *e, struct mailbox_id mailbox, bool there, const struct mail_grant *g)
{
    if ((g->rights | g->denied) != 0) {
        e->account.grants += !there;
        put_row(e, mailbox, g);
        return 0;
    }
    return there ? drop_row(e, mailbox, g->user) : 0;
}

/* Counts a mailbox's entries, and drops those of accounts that had the address of `user` before. */
static int
count_and_clean(struct edit *e, struct mailbox_id mailbox, const struct mail_user *user, size_t *n)
{
    struct acl_walk w;
    size_t dropped = 0;
    int err = acl_walk_txn(&w, e->t, mail_key_grants(mailbox));
    while (err == 0 && (err = acl_walk_next(&w)) > 0) {
        err = 0;
        if (user->id == 0 || w.user == 0 || w.user == user->id || !w.whole ||
            !span_eq(w.grant.address, user->address))
            continue;
        err = drop_row(e, w.mailbox, w.user);
        if (err == 0)
            err = annotations_drop_of(e, w.mailbox, w.user);
        dropped++;
    }
    *n = w.rows - dropped;
    return acl_walk_end(&w, err);
}

/* Does another list of the account name the user? Also where it can not be read. */
static int named_elsewhere(struct edit *e, account_id user, bool *out)
{
    struct acl_walk w;
    int err = acl_walk_txn(&w, e->t, mail_key_grantees(user));
    if (err == 0)
        err = acl_walk_next(&w);
    *out = err > 0 || w.rows > 0 || w.damaged > 0;
    return acl_walk_end(&w, err);
}

static int change_entry(struct edit *e, struct grant *x)
{
    const struct mail_grant_change *in = x->in;
    struct mail_grant g;
    bool there;
    size_t n;
    if (in->user.id == x->owner)
        return ERR_INVALID;
    int err = count_and_clean(e, x->mailbox, &in->user, &n);
    if (err == 0)
        err = get_row(e, x->mailbox, in->user.id, &there, &g);
    if (err != 0)
        return err;
    g.address = in->user.id == 0 ? SPAN_EMPTY : in->user.address;
    if (in->denied)
        g.denied = changed(g.denied, in->op, in->rights);
    else
        g.rights = changed(g.rights, in->op, in->rights);
    if (!there && (g.rights | g.denied) != 0 &&
        (n >= LIMIT_GRANTS || e->account.grants >= LIMIT_GRANTS_ACCOUNT))
        return ERR_LIMIT;
    x->user = in->user.id;
    err = settle(e, x->mailbox, there, &g);
    return err != 0 || x->user == 0 ? err : acl_leave(e, x->mailbox, &in->user);
}

static int drop_entry(struct edit *e, struct grant *x)
{
    struct acl_walk w;
    int err = acl_walk_txn(&w, e->t, mail_key_grants(x->mailbox));
    while (err == 0 && !x->found && (err = acl_walk_next(&w)) > 0) {
        struct mail_grant g = w.grant;
        uint32_t *rights = x->denied ? &g.denied : &g.rights;
        err = 0;
        if (!w.whole || !span_eq(g.address, x->address) || *rights == 0)
            continue;
        g.address = x->address; /* not in the row that is being read */
        *rights = 0;
        x->user = g.user;
        x->found = true;
        err = settle(e, x->mailbox, true, &g);
    }
    err = acl_walk_end(&w, err);
    struct mail_user user = {x->user, x->address};
    if (err == 0 && x->found && x->user != 0)
        err = acl_leave(e, x->mailbox, &user);
    return err != 0 ? err : x->found ? 0 : ERR_NOT_FOUND;
}

static int grant_run(struct store_txn *t, void *arg)
{
    struct grant *x = arg;
    struct mailbox_record box;
    struct edit e;
    x->found = false;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = edit_mailbox(&e, x->mailbox, &box);
    if (err == 0) {
        x->owner_address = arena_dup(x->arena, e.account.address);
        err = x->owner_address.p == NULL ? ERR_NOMEM : 0;
    }
    if (err == 0)
        err = x->in != NULL ? change_entry(&e, x) : drop_entry(&e, x);
    err = edit_close(&e, err);
    return err;
}

static int look_run(struct store_txn *t, void *arg)
{
    struct grant *x = arg;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    if (err == 0) {
        x->owner_address = arena_dup(x->arena, e.account.address);
        err = x->owner_address.p == NULL ? ERR_NOMEM : named_elsewhere(&e, x->user, &x->remains);
    }
    return edit_drop(&e, err);
}

static int put_hint(const struct grant *x)
{
    struct mail_sharer sharer = {x->owner, x->owner_address};
    return sharers_put(x->mail, x->user, sharers_domain(x->owner_address), &sharer);
}

/* After an entry has gone: so does the hint, when it was the last. One that comes at the same moment writes its
 * hint before and after: what was there when the hint was taken away is seen here, and what came later writes it. */
static int drop_hint(struct grant *x)
{
    int err = store_txn_run(x->mail->store, part_of(x->owner), look_run, x);
    if (err != 0 || x->remains)
        return err;
    err = sharers_drop(x->mail, x->user, sharers_domain(x->owner_address), x->owner);
    if (err == 0)
        err = store_txn_run(x->mail->store, part_of(x->owner), look_run, x);
    return err == 0 && x->remains ? put_hint(x) : err;
}

int mailbox_grant(struct mail *m,
                  account_id owner,
                  struct mailbox_id mailbox,
                  const struct mail_grant_change *in)
{
    struct grant x = {.mail = m, .owner = owner, .mailbox = mailbox, .in = in, .user = in->user.id};
    bool gives = !in->denied && in->op != GRANT_REMOVE && in->rights != 0;
    int err = in->user.id == owner || (in->rights & ~(uint32_t)RIGHTS_ALL) != 0 ? ERR_INVALID : 0;
    if (err != 0)
        return err;
    x.arena = arena_new(64 * 1024);
    if (x.arena == NULL)
        return ERR_NOMEM;
    if (gives) {
        err = store_txn_run(m->store, part_of(owner), look_run, &x);
        if (err == 0)
            err = put_hint(&x);
    }
    if (err == 0)
        err = store_txn_run(m->store, part_of(owner), grant_run, &x);
    /* who took away the last entry meanwhile did not see this one, and took the hint along */
    if (err == 0 && gives)
        err = put_hint(&x);
    bool takes = in->denied ? in->op != GRANT_REMOVE : in->op != GRANT_ADD;
    if (err == 0 && in->user.id == 0 && takes)
        err = acl_leave_anyone(m, owner, mailbox);
    if (gives ? err != 0 && err != ERR_NO_USER && x.owner_address.p != NULL : err == 0) {
        int cleared = drop_hint(&x);
        err = err != 0 ? err : cleared;
    }
    arena_free(x.arena);
    return err;
}

int mailbox_grant_drop(
    struct mail *m, account_id owner, struct mailbox_id mailbox, struct span address, bool denied)
{
    struct grant x = {
        .mail = m, .owner = owner, .mailbox = mailbox, .address = address, .denied = denied};
    x.arena = arena_new(64 * 1024);
    if (x.arena == NULL)
        return ERR_NOMEM;
    int err = store_txn_run(m->store, part_of(owner), grant_run, &x);
    if (err == 0 && x.user == 0)
        err = acl_leave_anyone(m, owner, mailbox);
    if (err == 0)
        err = drop_hint(&x);
    arena_free(x.arena);
    return err;
}

/* ---- with their mailbox ------------------------------------------------------------------- */

int grants_drop(struct edit *e, struct mailbox_id mailbox)
{
    struct acl_walk w;
    int err = acl_walk_txn(&w, e->t, mail_key_grants(mailbox));
    while (err == 0 && (err = acl_walk_next(&w)) > 0)
        err = drop_row(e, w.mailbox, w.user);
    return acl_walk_end(&w, err);
}

int grants_copy(struct edit *e, struct mailbox_id from, struct mailbox_id to)
{
    struct acl_walk w;
    int err = acl_walk_txn(&w, e->t, mail_key_grants(from));
    while (err == 0 && (err = acl_walk_next(&w)) > 0) {
        err = 0;
        if (w.whole)
            err = e->account.grants >= LIMIT_GRANTS_ACCOUNT ? ERR_LIMIT
                                                            : settle(e, to, false, &w.grant);
    }
    return acl_walk_end(&w, err);
}
