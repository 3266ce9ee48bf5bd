/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/edit.h"

#include "base/err.h"
#include "base/limits.h"

struct append {
    struct mail *mail;
    const struct mail_append *in;
    struct mail_appended out;
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

/* At least the time in milliseconds: an account that comes back from a backup does not know which numbers it
 * gave since, and a POP3 program that meets one of them again takes a new message for one it has. */
static uint64_t append_uidl(struct account_record *a, int64_t now_ms)
{
    uint64_t uidl = a->next_uidl;
    if (now_ms > 0 && (uint64_t)now_ms > uidl)
        uidl = (uint64_t)now_ms;
    a->next_uidl = uidl + 1;
    return uidl;
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
}

static int append_run(struct store_txn *t, void *arg)
{
    struct append *x = arg;
    struct mailbox_record box;
    struct edit e;
    struct mailbox_id mailbox = x->in->mailbox;
    if (mailbox.v == 0)
        mailbox.v = INBOX_ID;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = append_within_quota(&e.account, x->in);
    if (err == 0)
        err = edit_mailbox(&e, mailbox, &box);
    if (err == 0) {
        struct entry_record entry = {
            .flags = x->in->flags,
            .message = {e.account.next_message++},
            .uidl = append_uidl(&e.account, x->mail->clock->wall_ms(x->mail->clock)),
            .size = x->in->info.size,
            .received_ms = x->in->received_ms,
        };
        x->out = (struct mail_appended){
            .mailbox = mailbox, .message = entry.message, .modseq = edit_modseq(&e)};
        append_put_message(&e, entry.message, x->in);
        err = edit_entry_add(&e, mailbox, &box, x->out.modseq, &entry, &x->out.uid);
    }
    if (err == 0)
        edit_mailbox_put(&e, mailbox, &box);
    return edit_close(&e, err);
}

int mailbox_append(struct mail *m,
                   account_id id,
                   const struct mail_append *in,
                   struct mail_appended *out)
{
    struct append x = {.mail = m, .in = in};
    if (in->info.size > LIMIT_BLOB || in->envelope_from.n > 4 * LIMIT_ADDRESS ||
        (in->flags &
         ~(uint32_t)(FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT)) != 0)
        return ERR_INVALID;
    int err = store_txn_run(m->store, part_of(id), append_run, &x);
    if (err == 0)
        *out = x.out;
    return err;
}
