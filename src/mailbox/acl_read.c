/* SPDX-License-Identifier: Apache-2.0 */
/* Asking access control lists. */
#include "mailbox/acl.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/acl_walk.h"
#include "mailbox/sharers.h"

int mailbox_grants(struct mail *m,
                   account_id owner,
                   struct mailbox_id mailbox,
                   struct arena *a,
                   struct mail_grant **out,
                   size_t *n_out)
{
    struct look l;
    struct acl_walk w;
    size_t n = 0;
    struct mail_grant *v = arena_array(a, LIMIT_GRANTS, sizeof *v);
    int err = v == NULL ? arena_err(a) : look_open(m, owner, &l);
    if (err != 0)
        return err;
    err = acl_walk_snap(&w, l.snap, mail_key_grants(mailbox));
    while (err == 0 && n < LIMIT_GRANTS && (err = acl_walk_next(&w)) > 0) {
        err = 0;
        if (!w.whole)
            continue;
        v[n] = w.grant;
        v[n].address = arena_dup(a, w.grant.address);
        if (v[n++].address.p == NULL)
            err = arena_err(a);
    }
    err = acl_walk_end(&w, err);
    look_close(&l);
    *out = v;
    *n_out = n;
    return err;
}

/* "anyone" is of the owner's domain. */
static bool is_anyone(const struct look *l, const struct mail_user *user)
{
    return span_eq(sharers_domain(l->account.address), sharers_domain(user->address));
}

/* An entry's part of what the user may do; a damaged one gives nothing. */
static int
read_entry(struct look *l, struct mailbox_id mailbox, account_id user, struct mail_grant *sum)
{
    struct mail_key key = mail_key_grant(mailbox, user);
    struct mail_grant g = {0};
    struct span value;
    int err = look_get(l, &key, &value);
    if (err == 0 && grant_record_unpack(value, &g) == 0) {
        sum->rights |= g.rights;
        sum->denied |= g.denied;
    }
    return err == ERR_NOT_FOUND || err == ERR_CORRUPT ? 0 : err;
}

static int
rights_of(struct look *l, struct mailbox_id mailbox, const struct mail_user *user, uint32_t *out)
{
    struct mail_grant sum = {0};
    int err = read_entry(l, mailbox, user->id, &sum);
    if (err == 0 && user->id != 0 && is_anyone(l, user))
        err = read_entry(l, mailbox, 0, &sum);
    *out = sum.rights & ~sum.denied;
    return err;
}

/* An entry outlives its account, and so may a connection. */
static int is_there(struct mail *m, const struct mail_user *user)
{
    struct look l;
    int err = look_open(m, user->id, &l);
    if (err == 0)
        look_close(&l);
    return err;
}

int mailbox_rights(struct mail *m,
                   account_id owner,
                   struct mailbox_id mailbox,
                   const struct mail_user *user,
                   uint32_t *out)
{
    struct look l;
    if (user->id == owner) {
        *out = RIGHTS_ALL;
        return 0;
    }
    int err = look_open(m, owner, &l);
    if (err != 0)
        return err;
    err = rights_of(&l, mailbox, user, out);
    look_close(&l);
    if (err == 0 && *out != 0 && user->id != 0)
        err = is_there(m, user);
    if (err == ERR_NO_USER) {
        *out = 0;
        err = 0;
    }
    return err;
}

/* ---- the mailboxes that a user may see ----------------------------------------------------- */

/* Which mailboxes have an entry for that one. */
static int named_in(struct look *l, account_id user, struct numset *out)
{
    struct acl_walk w;
    int err = acl_walk_snap(&w, l->snap, mail_key_grantees(user));
    while (err == 0 && (err = acl_walk_next(&w)) > 0) {
        numset_add(out, w.mailbox.v);
        err = 0;
    }
    err = acl_walk_end(&w, err);
    return err != 0 ? err : out->err;
}

static int add_shared(struct look *l,
                      struct mailbox_id mailbox,
                      const struct mail_user *user,
                      struct arena *a,
                      struct mail_shared *out)
{
    struct mail_key key = mail_key_mailbox(mailbox);
    struct span value;
    int err = rights_of(l, mailbox, user, &out->rights);
    if (err == 0 && (out->rights & RIGHT_LOOKUP) == 0)
        err = ERR_NOT_FOUND;
    if (err == 0)
        err = look_get(l, &key, &value);
    if (err == 0)
        err = mailbox_of_record(mailbox, value, a, &out->box);
    return err;
}

int mailbox_list_shared(struct mail *m,
                        account_id owner,
                        const struct mail_user *user,
                        struct arena *a,
                        struct mail_shared **out,
                        size_t *n_out)
{
    struct numset boxes;
    struct mail_shared *v = NULL;
    struct look l;
    uint32_t id = 0;
    size_t n = 0;
    int err = look_open(m, owner, &l);
    if (err != 0)
        return err;
    numset_init(&boxes);
    err = named_in(&l, user->id, &boxes);
    if (err == 0 && is_anyone(&l, user))
        err = named_in(&l, 0, &boxes);
    if (err == 0) {
        v = arena_array(a, numset_count(&boxes) + 1, sizeof *v);
        err = v == NULL ? ERR_NOMEM : 0;
    }
    for (bool on = numset_first(&boxes, &id); err == 0 && on; on = numset_next(&boxes, &id)) {
        err = add_shared(&l, (struct mailbox_id){id}, user, a, &v[n]);
        if (err == 0)
            n++;
        else if (err == ERR_NOT_FOUND || err == ERR_CORRUPT)
            err = 0; /* one damaged mailbox hides no other */
    }
    numset_done(&boxes);
    look_close(&l);
    *out = v;
    *n_out = n;
    return err;
}
