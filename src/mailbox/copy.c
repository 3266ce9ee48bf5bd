/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and MOVE within an account: a new entry that shares its message. One transaction, so all of them or
 * none. A moved message keeps its UIDL number and leaves a tombstone; it does not become an expunged one,
 * since its message is still there. */
#include "mailbox/edit.h"

#include "base/err.h"
#include "base/limits.h"

struct copy {
    struct mail *mail;
    const struct mail_copy *in;
    const struct numset *uids;
    uint32_t uidvalidity;
    uint32_t *from, *to; /* n of each */
    size_t n;
};

static int copy_within_quota(struct edit *e, const struct mail_copy *in, uint64_t size)
{
    const struct account_record *a = &e->account;
    if (in->move)
        return 0;
    if (in->quota_messages != 0 && a->messages >= in->quota_messages)
        return ERR_QUOTA;
    if (in->quota_bytes != 0 && (a->bytes > in->quota_bytes || size > in->quota_bytes - a->bytes))
        return ERR_QUOTA;
    return 0;
}

/* The mailboxes of a copy. When both are the same they share one record. */
struct copy_boxes {
    struct mailbox_record from_record, to_record;
    struct mailbox_record *from, *to;
};

static int copy_one(struct edit *e,
                    struct copy *x,
                    struct copy_boxes *boxes,
                    struct modseq modseq,
                    struct mail_uid uid)
{
    struct entry_record r;
    struct mail_uid given;
    int err = edit_entry(e, x->in->from, uid, &r);
    if (err == ERR_NOT_FOUND)
        return 0;
    if (err == 0)
        err = copy_within_quota(e, x->in, r.size);
    if (err != 0)
        return err;
    struct entry_record copy = r;
    struct mail_place at = {r.message, x->in->from, uid};
    copy.flags &= ~x->in->drop_flags;
    if (x->in->drop_keywords)
        copy.keywords.n = 0;
    if (x->in->move)
        err = edit_entry_remove(e, at, boxes->from, modseq, &r);
    else
        copy.uidl = edit_uidl(e);
    if (err == 0)
        err = edit_entry_add(e, x->in->to, boxes->to, modseq, &copy, &given);
    if (err != 0)
        return err;
    x->from[x->n] = uid.v;
    x->to[x->n++] = given.v;
    return 0;
}

static int copy_run(struct store_txn *t, void *arg)
{
    struct copy *x = arg;
    struct copy_boxes boxes = {.from = &boxes.from_record, .to = &boxes.to_record};
    struct edit e;
    uint32_t uid = 0;
    x->n = 0;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = edit_mailbox(&e, x->in->from, &boxes.from_record);
    if (x->in->from.v == x->in->to.v)
        boxes.to = boxes.from;
    else if (err == 0)
        err = edit_mailbox(&e, x->in->to, &boxes.to_record);
    if (err != 0)
        return edit_drop(&e, err);
    x->uidvalidity = boxes.to->uidvalidity;
    struct modseq modseq = edit_modseq(&e);
    for (bool on = numset_first(x->uids, &uid); err == 0 && on; on = numset_next(x->uids, &uid))
        err = copy_one(&e, x, &boxes, modseq, (struct mail_uid){uid});
    if (err != 0 || x->n == 0)
        return edit_drop(&e, err);
    edit_mailbox_put(&e, x->in->from, boxes.from);
    if (boxes.to != boxes.from)
        edit_mailbox_put(&e, x->in->to, boxes.to);
    return edit_close(&e, x->in->move ? edit_tombstones_trim(&e, 2 * x->n) : 0);
}

int mailbox_copy(struct mail *m,
                 account_id id,
                 const struct mail_copy *in,
                 const struct numset *uids,
                 uint32_t *uidvalidity_out,
                 struct numset *from_out,
                 struct numset *to_out)
{
    struct copy x = {.mail = m, .in = in, .uids = uids};
    uint64_t count = numset_count(uids);
    if (count > LIMIT_MAIL_COPY)
        return ERR_LIMIT;
    x.from = calloc(2 * count + 1, sizeof *x.from);
    if (x.from == NULL)
        return ERR_NOMEM;
    x.to = x.from + count;
    int err = store_txn_run(m->store, part_of(id), copy_run, &x);
    if (err == 0) {
        numset_clear(from_out);
        numset_clear(to_out);
        for (size_t i = 0; i < x.n; i++) {
            numset_add(from_out, x.from[i]);
            numset_add(to_out, x.to[i]);
        }
        *uidvalidity_out = x.uidvalidity;
        err = from_out->err != 0 ? from_out->err : to_out->err;
    }
    free(x.from);
    return err;
}
