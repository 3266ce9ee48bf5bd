/* SPDX-License-Identifier: Apache-2.0 */
/* What was expunged and may come back. */
#include "mailbox/edit.h"

#include "base/err.h"

static int expunged_fill(struct look *l, struct span due_key, struct mail_expunged *out)
{
    int64_t until;
    struct mail_place at;
    struct span value;
    struct expunged_record r;
    int err = mail_key_read_due(due_key, &until, &at);
    if (err != 0)
        return err;
    struct mail_key key = mail_key_expunged(at);
    err = look_get(l, &key, &value);
    if (err == 0)
        err = expunged_record_unpack(value, &r);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    *out = (struct mail_expunged){
        .message = at.message,
        .mailbox = at.mailbox,
        .uid = at.uid,
        .uidl = r.uidl,
        .size = r.size,
        .received_ms = r.received_ms,
        .expunged_ms = r.expunged_ms,
        .until_ms = r.until_ms,
        .restorable = r.restorable,
    };
    return 0;
}

int mailbox_expunged_list(struct mail *m,
                          account_id id,
                          size_t max,
                          struct arena *a,
                          struct mail_expunged **out,
                          size_t *n_out)
{
    struct look l;
    struct store_iter *it;
    struct span key, value;
    struct mail_key prefix = mail_key_table(TABLE_DUE);
    size_t n = 0, cap = 0, damaged = 0;
    struct mail_expunged *v = NULL;
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    err = store_snap_scan(l.snap, mail_key_span(&prefix), SPAN_EMPTY, true, &it);
    if (err != 0)
        goto out;
    while (n < max && (err = rows_next(it, &key, &value, &damaged)) > 0) {
        if (n == cap) {
            size_t more = cap == 0 ? 64 : cap * 2;
            struct mail_expunged *grown = arena_array(a, more, sizeof(*v));
            if (grown == NULL) {
                err = arena_err(a);
                break;
            }
            if (n > 0)
                memcpy(grown, v, n * sizeof(*v));
            v = grown;
            cap = more;
        }
        err = expunged_fill(&l, key, &v[n]);
        if (err == 0)
            n++;
        else if (err != ERR_CORRUPT)
            break;
        arena_reset(l.arena); /* nothing of one row is needed for the next */
    }
    store_iter_close(it);
out:
    look_close(&l);
    if (err < 0 && err != ERR_CORRUPT)
        return err;
    *out = v;
    *n_out = n;
    return 0;
}

struct restore {
    struct mail *mail;
    struct message_id message;
    struct mail_appended out;
};

/* The place to restore from: the message's restorable expunged row. */
static int restore_find(struct edit *e,
                        struct message_id message,
                        struct mail_place *at,
                        struct expunged_record *out)
{
    struct mail_key prefix = mail_key_expungeds(message);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    bool found = false;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while (!found && (err = rows_next(it, &key, &value, &damaged)) > 0) {
        err = mail_key_read_place(key, TABLE_EXPUNGED, at);
        if (err == 0)
            err = expunged_record_unpack(value, out);
        if (err != 0)
            damaged++;
        else
            found = out->restorable;
    }
    store_iter_close(it);
    if (found)
        return 0;
    if (err < 0 && err != ERR_CORRUPT)
        return err;
    return damaged > 0 ? ERR_CORRUPT : ERR_NOT_FOUND;
}

/* An entry must not come back without its message. */
static int restore_is_whole(struct edit *e, struct message_id message)
{
    struct mail_key key = mail_key_message(message);
    struct span value;
    struct message_record r;
    int err = store_txn_get(e->t, mail_key_span(&key), &value);
    if (err == 0)
        err = message_record_unpack(value, &r);
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static int restore_run(struct store_txn *t, void *arg)
{
    struct restore *x = arg;
    struct mail_place from;
    struct expunged_record gone;
    struct mailbox_record box;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = restore_find(&e, x->message, &from, &gone);
    if (err != 0)
        return edit_drop(&e, err);
    struct mailbox_id to = from.mailbox;
    err = edit_mailbox(&e, to, &box);
    if (err == ERR_NOT_FOUND) {
        to.v = INBOX_ID;
        err = edit_mailbox(&e, to, &box);
    }
    if (err == 0)
        err = restore_is_whole(&e, x->message);
    if (err == 0)
        err = counter_take(&e.account.restorable_messages, 1);
    if (err == 0)
        err = counter_take(&e.account.restorable_bytes, gone.size);
    if (err != 0)
        return edit_drop(&e, err);
    struct entry_record entry = {
        .flags = gone.flags & ~(uint32_t)FLAG_DELETED,
        .message = from.message,
        .uidl = gone.uidl,
        .size = gone.size,
        .received_ms = gone.received_ms,
        .keywords = gone.keywords,
    };
    x->out =
        (struct mail_appended){.mailbox = to, .message = from.message, .modseq = edit_modseq(&e)};
    err = edit_entry_add(&e, to, &box, x->out.modseq, &entry, &x->out.uid);
    if (err != 0)
        return edit_drop(&e, err);
    struct mail_key key = mail_key_expunged(from);
    edit_del(&e, &key);
    key = mail_key_due(gone.until_ms, from);
    edit_del(&e, &key);
    edit_mailbox_put(&e, to, &box);
    return edit_close(&e, 0);
}

int mailbox_restore(struct mail *m, account_id id, struct message_id msg, struct mail_appended *out)
{
    struct restore x = {.mail = m, .message = msg};
    int err = store_txn_run(m->store, part_of(id), restore_run, &x);
    if (err == 0)
        *out = x.out;
    return err;
}
