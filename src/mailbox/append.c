/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/edit.h"
#include "mailbox/sync.h"

#include "base/err.h"
#include "base/limits.h"

struct append {
    struct mail *mail;
    const struct mail_append *in;
    struct mail_appended *out;
    size_t n;
};

static int append_within_quota(const struct account_record *a, const struct mail_append *in)
{
    if (in->quota_messages != 0 && a->messages >= in->quota_messages)
        return ERR_QUOTA;
    if (in->quota_bytes != 0 &&
        (a->bytes > in->quota_bytes || in->info.size > in->quota_bytes - a->bytes))
        return ERR_QUOTA;
    return 0;
}

static void append_put_message(struct edit *e, struct message_id id, const struct mail_append *in)
{
    struct message_record message = {
        .blob = in->blob,
        .size = in->info.size,
        .received_ms = in->received_ms,
        .envelope_from = in->envelope_from,
    };
    struct mail_key key = mail_key_message(id);
    memcpy(message.digest, in->info.digest, sizeof(message.digest));
    message_record_pack(&e->scratch, &message);
    edit_put_scratch(e, &key);
    store_txn_blob_link(e->t, in->blob, id.v);
    if (in->summary.n == 0)
        return;
    key = mail_key_summary(id);
    store_txn_put(e->t, mail_key_span(&key), in->summary);
}

int edit_append(struct edit *e,
                const struct mail_append *in,
                struct modseq modseq,
                struct mail_appended *out)
{
    struct mailbox_id mailbox = {in->mailbox.v != 0 ? in->mailbox.v : INBOX_ID};
    struct mailbox_record box;
    int err = append_within_quota(&e->account, in);
    if (err == 0)
        err = edit_mailbox(e, mailbox, &box);
    if (err != 0)
        return err;
    struct entry_record entry = {
        .flags = in->flags,
        .message = {e->account.next_message++},
        .uidl = edit_uidl(e),
        .size = in->info.size,
        .received_ms = in->received_ms,
    };
    if (in->keywords != NULL)
        entry.keywords = *in->keywords;
    *out = (struct mail_appended){.mailbox = mailbox,
                                  .message = entry.message,
                                  .modseq = modseq,
                                  .before = {box.highest_modseq}};
    append_put_message(e, entry.message, in);
    err = edit_entry_add(e, mailbox, &box, modseq, &entry, &out->uid);
    if (err == 0)
        edit_mailbox_put(e, mailbox, &box);
    return err;
}

static int append_run(struct store_txn *t, void *arg)
{
    struct append *x = arg;
    struct edit e;
    struct modseq modseq = {0};
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        modseq = edit_modseq(&e);
    for (size_t i = 0; err == 0 && i < x->n; i++)
        err = edit_append(&e, &x->in[i], modseq, &x->out[i]);
    return edit_close(&e, err);
}

static bool append_is_valid(const struct mail_append *in)
{
    return in->info.size <= LIMIT_BLOB && in->envelope_from.n <= 4 * LIMIT_ADDRESS &&
           (in->flags & ~(uint32_t)FLAGS_ALL) == 0;
}

int mailbox_append_many(struct mail *m,
                        account_id id,
                        const struct mail_append *in,
                        size_t n,
                        struct mail_appended *out)
{
    struct append x = {m, in, out, n};
    for (size_t i = 0; i < n; i++)
        if (!append_is_valid(&in[i]))
            return ERR_INVALID;
    return store_txn_run(m->store, part_of(id), append_run, &x);
}

int mailbox_append(struct mail *m,
                   account_id id,
                   const struct mail_append *in,
                   struct mail_appended *out)
{
    struct mail_appended given = {0};
    int err = mailbox_append_many(m, id, in, 1, &given);
    if (err == 0)
        *out = given;
    return err;
}

struct replace {
    struct mail *mail;
    const struct mail_replace *in;
    struct mail_appended *out;
};

/* The old one first: what it takes of the quota is free for the new one. */
static int replace_run(struct store_txn *t, void *arg)
{
    struct replace *x = arg;
    struct mailbox_record box;
    struct entry_record entry;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = edit_mailbox(&e, x->in->from, &box);
    if (err == 0)
        err = edit_entry(&e, x->in->from, x->in->uid, &entry);
    if (err != 0)
        return edit_drop(&e, err);
    struct modseq modseq = edit_modseq(&e);
    struct mail_place at = {entry.message, x->in->from, x->in->uid};
    err = edit_expunge(&e, at, &box, modseq, &entry, x->in->keep_ms);
    if (err == 0) {
        edit_mailbox_put(&e, x->in->from, &box);
        err = edit_append(&e, &x->in->append, modseq, x->out);
    }
    if (err == 0)
        err = edit_tombstones_trim(&e, 2);
    return edit_close(&e, err);
}

int mailbox_replace(struct mail *m,
                    account_id id,
                    const struct mail_replace *in,
                    struct mail_appended *out)
{
    struct mail_appended given = {0};
    struct replace x = {m, in, &given};
    if (!append_is_valid(&in->append))
        return ERR_INVALID;
    int err = store_txn_run(m->store, part_of(id), replace_run, &x);
    if (err == 0)
        *out = given;
    return err;
}

struct summary_put {
    const struct mail_summary *v;
    size_t n;
};

static int summary_run(struct store_txn *t, void *arg)
{
    const struct summary_put *x = arg;
    for (size_t i = 0; i < x->n; i++) {
        struct mail_key message = mail_key_message(x->v[i].message);
        struct mail_key key = mail_key_summary(x->v[i].message);
        struct span value;
        int err = store_txn_get(t, mail_key_span(&message), &value);
        if (err == 0)
            store_txn_put(t, mail_key_span(&key), x->v[i].summary);
        else if (err != ERR_NOT_FOUND)
            return err;
    }
    return 0;
}

int mailbox_summary_put(struct mail *m, account_id id, const struct mail_summary *v, size_t n)
{
    struct summary_put x = {v, n};
    return store_txn_run(m->store, part_of(id), summary_run, &x);
}
