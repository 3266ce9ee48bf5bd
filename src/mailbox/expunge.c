/* SPDX-License-Identifier: Apache-2.0 */
/* Expunging: the entry goes, the message stays until its time (purge.c), so that sessions which
 * listed it can still read it and its owner can have it back. */
#include "mailbox/edit.h"
#include "mailbox/sync.h"

#include "base/err.h"

struct expunge {
    struct mail *mail;
    struct mailbox_id mailbox;
    const struct mail_uid *uids;
    size_t n;
    uint32_t with; /* flags; those without them stay */
    int64_t keep_ms;
    size_t removed;
    size_t damaged;
};

/* The row that keeps the message readable, and the one that says when no longer. */
static void expunge_keep(struct edit *e,
                         int64_t keep_ms,
                         struct mail_place at,
                         const struct entry_record *entry)
{
    int64_t now = e->mail->clock->wall_ms(e->mail->clock);
    int64_t readable = keep_ms > e->mail->expunge_grace_ms ? keep_ms : e->mail->expunge_grace_ms;
    int64_t until;
    if (__builtin_add_overflow(now, readable, &until))
        until = INT64_MAX;
    struct expunged_record gone = {
        .flags = entry->flags,
        .uidl = entry->uidl,
        .size = entry->size,
        .received_ms = entry->received_ms,
        .expunged_ms = now,
        .until_ms = until > 0 ? until : 0,
        .restorable = keep_ms > 0,
        .keywords = entry->keywords,
    };
    struct mail_key key = mail_key_expunged(at);
    expunged_record_pack(&e->scratch, &gone);
    edit_put_scratch(e, &key);
    key = mail_key_due(gone.until_ms, at);
    edit_put_reference(e, &key, at.message.v);
    if (gone.restorable) {
        e->account.restorable_messages++;
        e->account.restorable_bytes += gone.size;
    }
}

int edit_expunge(struct edit *e,
                 struct mail_place at,
                 struct mailbox_record *box,
                 struct modseq modseq,
                 const struct entry_record *entry,
                 int64_t keep_ms)
{
    int err = edit_entry_remove(e, at, box, modseq, entry);
    if (err == 0)
        expunge_keep(e, keep_ms, at, entry);
    return err;
}

static int expunge_each(struct edit *e, struct expunge *x, struct mailbox_record *box)
{
    struct modseq modseq = {0};
    int err = 0;
    for (size_t i = 0; err == 0 && i < x->n; i++) {
        struct entry_record entry;
        err = edit_entry(e, x->mailbox, x->uids[i], &entry);
        if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) {
            x->damaged += err == ERR_CORRUPT; /* does not keep the others from going */
            err = 0;
            continue;
        }
        if (err != 0)
            break;
        if ((entry.flags & x->with) != x->with)
            continue;
        struct mail_place at = {entry.message, x->mailbox, x->uids[i]};
        if (modseq.v == 0)
            modseq = edit_modseq(e);
        err = edit_expunge(e, at, box, modseq, &entry, x->keep_ms);
        if (err != 0)
            break;
        x->removed++;
    }
    return err;
}

static int
entries_list(struct edit *e, struct mailbox_id mailbox, struct mail_uid *out, size_t *n_out)
{
    struct mail_key prefix = mail_key_entries(mailbox);
    struct mailbox_id id;
    struct store_iter *it;
    struct span key, value;
    size_t n = 0, damaged = 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while (n < EXPUNGE_BATCH && (err = rows_next(it, &key, &value, &damaged)) > 0)
        n += mail_key_read_entry(key, &id, &out[n]) == 0;
    store_iter_close(it);
    *n_out = n;
    return err < 0 ? err : damaged > 0 ? ERR_CORRUPT : 0;
}

int edit_expunge_all(struct edit *e,
                     struct mailbox_id mailbox,
                     struct mailbox_record *box,
                     int64_t keep_ms)
{
    struct mail_uid uids[EXPUNGE_BATCH];
    struct expunge x = {.mail = e->mail, .mailbox = mailbox, .uids = uids, .keep_ms = keep_ms};
    int err = entries_list(e, mailbox, uids, &x.n);
    if (err == 0)
        err = expunge_each(e, &x, box);
    if (err == 0)
        err = edit_tombstones_trim(e, 2 * x.removed);
    return err == 0 && (x.damaged > 0 || box->messages > 0) ? ERR_CORRUPT : err;
}

static int expunge_run(struct store_txn *t, void *arg)
{
    struct expunge *x = arg;
    struct mailbox_record box;
    struct edit e;
    x->removed = x->damaged = 0;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = edit_mailbox(&e, x->mailbox, &box);
    if (err == 0)
        err = expunge_each(&e, x, &box);
    if (err != 0 || x->removed == 0)
        return edit_drop(&e, err);
    edit_mailbox_put(&e, x->mailbox, &box);
    /* twice as many as were added: so the log shrinks when its limit was lowered */
    return edit_close(&e, edit_tombstones_trim(&e, 2 * x->removed));
}

static int expunge_all(const struct expunge *all, account_id id, size_t *removed_out)
{
    size_t removed = 0, damaged = 0;
    int err = 0;
    for (size_t at = 0; err == 0 && at < all->n; at += EXPUNGE_BATCH) {
        struct expunge x = *all;
        x.uids += at;
        x.n = all->n - at < EXPUNGE_BATCH ? all->n - at : EXPUNGE_BATCH;
        err = store_txn_run(all->mail->store, part_of(id), expunge_run, &x);
        if (err == 0) {
            removed += x.removed;
            damaged += x.damaged;
        }
    }
    /* also after an error: earlier batches are done */
    *removed_out = removed;
    return err == 0 && damaged > 0 ? ERR_CORRUPT : err;
}

int mailbox_expunge(struct mail *m,
                    account_id id,
                    struct mailbox_id mailbox,
                    const struct mail_uid *uids,
                    size_t n,
                    int64_t keep_ms,
                    size_t *removed_out)
{
    struct expunge x = {
        .mail = m,
        .mailbox = {mailbox.v != 0 ? mailbox.v : INBOX_ID},
        .uids = uids,
        .n = n,
        .keep_ms = keep_ms,
    };
    return expunge_all(&x, id, removed_out);
}

static int expunge_set(struct expunge x, account_id id, const struct numset *uids)
{
    struct mail_uid batch[EXPUNGE_BATCH];
    uint32_t uid = 0;
    bool damaged = false, on = numset_first(uids, &uid);
    while (on) {
        size_t removed;
        x.uids = batch;
        for (x.n = 0; on && x.n < EXPUNGE_BATCH; on = numset_next(uids, &uid))
            batch[x.n++].v = uid;
        int err = expunge_all(&x, id, &removed);
        damaged |= err == ERR_CORRUPT;
        if (err != 0 && err != ERR_CORRUPT)
            return err;
    }
    return damaged ? ERR_CORRUPT : 0;
}

int mailbox_expunge_set(struct mail *m,
                        account_id id,
                        struct mailbox_id mailbox,
                        const struct numset *uids,
                        int64_t keep_ms)
{
    struct expunge x = {.mail = m, .mailbox = mailbox, .keep_ms = keep_ms};
    return expunge_set(x, id, uids);
}

int mailbox_expunge_deleted(struct mail *m,
                            account_id id,
                            struct mailbox_id mailbox,
                            const struct numset *uids,
                            int64_t keep_ms)
{
    struct expunge x = {.mail = m, .mailbox = mailbox, .with = FLAG_DELETED, .keep_ms = keep_ms};
    return expunge_set(x, id, uids);
}
