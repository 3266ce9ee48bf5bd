/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/edit.h"

#include "base/err.h"

struct flags_change {
    struct mail *mail;
    struct mailbox_id mailbox;
    struct mail_uid uid;
    uint32_t add, remove;
};

static int flags_run(struct store_txn *t, void *arg)
{
    const struct flags_change *x = arg;
    struct mailbox_record box;
    struct entry_record entry;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = edit_mailbox(&e, x->mailbox, &box);
    if (err == 0)
        err = edit_entry(&e, x->mailbox, x->uid, &entry);
    if (err != 0)
        return edit_drop(&e, err);
    uint32_t flags = (entry.flags | x->add) & ~x->remove;
    if (flags == entry.flags)
        return edit_drop(&e, 0); /* no change, no new mod-sequence: other clients need not look */
    struct mail_place at = {entry.message, x->mailbox, x->uid};
    err = edit_entry_flags(&e, at, &box, edit_modseq(&e), &entry, flags);
    if (err == 0)
        edit_mailbox_put(&e, x->mailbox, &box);
    return edit_close(&e, err);
}

int mailbox_flags(struct mail *m,
                  account_id id,
                  struct mailbox_id mailbox,
                  struct mail_uid uid,
                  uint32_t add,
                  uint32_t remove)
{
    struct flags_change x = {m, {mailbox.v != 0 ? mailbox.v : INBOX_ID}, uid, add, remove};
    if ((add & ~(uint32_t)(FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT)) !=
        0)
        return ERR_INVALID;
    return store_txn_run(m->store, part_of(id), flags_run, &x);
}
