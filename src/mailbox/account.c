/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/edit.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/acl_leave.h"
#include "mailbox/boxes.h"
#include "mailbox/sharers.h"

struct account_create {
    struct mail *mail;
    struct span address;
};

static int account_create_specials(struct edit *e)
{
    for (int use = USE_INBOX; use < USE_COUNT; use++) {
        struct mailbox_id id;
        int err = mailbox_add(e, span_str(special_use_name((enum special_use)use)),
                              (enum special_use)use, &id);
        if (err != 0)
            return err;
        must(id.v == (uint32_t)use); /* INBOX_ID depends on it */
    }
    return 0;
}

static int account_create_run(struct store_txn *t, void *arg)
{
    struct account_create *c = arg;
    struct edit e;
    int err = edit_open(&e, c->mail, t);
    if (err == 0) /* idempotent for the same address */
        return edit_drop(&e, span_eq(e.account.address, c->address) ? 0 : ERR_EXISTS);
    if (err != ERR_NO_USER)
        return edit_drop(&e, err);
    int64_t now_ms = c->mail->clock->wall_ms(c->mail->clock);
    e.account = (struct account_record){
        .address = c->address,
        .created_ms = now_ms,
        .next_message = 1,
        .next_uidl = 1,
        .next_mailbox = 1,
    };
    return edit_close(&e, account_create_specials(&e));
}

int mailbox_account_create(struct mail *m, account_id id, struct span address)
{
    struct account_create c = {m, address};
    if (address.n == 0 || address.n > LIMIT_ADDRESS)
        return ERR_INVALID;
    return store_txn_run(m->store, part_of(id), account_create_run, &c);
}

int mailbox_account_destroy(struct mail *m, account_id id)
{
    int err = acl_leave_all(m, id);
    if (err == 0)
        err = sharers_leave(m, id);
    if (err == 0)
        err = sharers_destroy(m, id);
    return err != 0 ? err : store_part_destroy(m->store, part_of(id));
}

int mailbox_quota(struct mail *m, account_id id, struct mail_quota *out)
{
    struct look l;
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    *out = (struct mail_quota){
        .bytes = l.account.bytes,
        .messages = l.account.messages,
        .restorable_bytes = l.account.restorable_bytes,
        .restorable_messages = l.account.restorable_messages,
    };
    look_close(&l);
    return 0;
}
