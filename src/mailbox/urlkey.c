/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/urlkey.h"

#include "base/err.h"
#include "mailbox/edit.h"

enum { DROP_BATCH = 1000 };

static int read_key(struct span record, struct mail_urlkey *out)
{
    struct mail_urlkey key;
    int err = urlkey_record_unpack(record, &key);
    if (err == 0)
        *out = key;
    return err;
}

static int
look_key(struct mail *m, account_id id, struct mailbox_id mailbox, struct mail_urlkey *out)
{
    struct mail_key key = mail_key_urlkey(mailbox);
    struct look l;
    struct span record;
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    err = look_get(&l, &key, &record);
    if (err == 0)
        err = read_key(record, out);
    look_close(&l);
    return err;
}

/* ---- making ------------------------------------------------------------------------------- */

struct make {
    struct mail *mail;
    struct mailbox_id mailbox;
    bool anew; /* also when there is one */
    struct mail_urlkey key;
};

/* A key that cannot be read signs nothing that could be checked, and makes room. */
static int make_run(struct store_txn *t, void *arg)
{
    struct make *x = arg;
    struct mail_key key = mail_key_urlkey(x->mailbox);
    struct mailbox_record box;
    struct span record;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = edit_mailbox_record(&e, x->mailbox, &box);
    if (err == 0 && box.noselect)
        err = ERR_NOT_FOUND;
    if (err == 0 && !x->anew) {
        int got = store_txn_get(t, mail_key_span(&key), &record);
        if (got == 0 && read_key(record, &x->key) == 0)
            return edit_drop(&e, 0);
        err = got == 0 || got == ERR_NOT_FOUND || got == ERR_CORRUPT ? 0 : got;
    }
    if (err != 0)
        return edit_drop(&e, err);
    x->mail->rng->fill(x->mail->rng, x->key.b, sizeof(x->key.b));
    urlkey_record_pack(&e.scratch, &x->key);
    edit_put_scratch(&e, &key);
    return edit_close(&e, 0);
}

int mailbox_urlkey(
    struct mail *m, account_id id, struct mailbox_id mailbox, bool make, struct mail_urlkey *out)
{
    struct make x = {.mail = m, .mailbox = mailbox};
    int err = look_key(m, id, mailbox, out);
    if (!make || (err != ERR_NOT_FOUND && err != ERR_CORRUPT))
        return err;
    err = store_txn_run(m->store, part_of(id), make_run, &x);
    if (err == 0)
        *out = x.key;
    return err;
}

int mailbox_urlkey_reset(struct mail *m, account_id id, struct mailbox_id mailbox)
{
    struct make x = {.mail = m, .mailbox = mailbox, .anew = true};
    return store_txn_run(m->store, part_of(id), make_run, &x);
}

/* ---- taking away -------------------------------------------------------------------------- */

struct drop {
    struct mail *mail;
    size_t n;
};

static int drop_run(struct store_txn *t, void *arg)
{
    struct drop *x = arg;
    struct mail_key prefix = mail_key_table(TABLE_URLKEY);
    struct store_iter *it;
    struct span key, record;
    struct edit e;
    size_t damaged = 0;
    x->n = 0;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = store_txn_scan(t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return edit_drop(&e, err);
    while (x->n < DROP_BATCH && (err = rows_next(it, &key, &record, &damaged)) > 0) {
        store_txn_del(t, key);
        x->n++;
    }
    store_iter_close(it);
    return edit_close(&e, err < 0 ? err : 0);
}

int mailbox_urlkey_drop(struct mail *m, account_id id)
{
    struct drop x = {.mail = m, .n = DROP_BATCH};
    int err = 0;
    while (err == 0 && x.n == DROP_BATCH)
        err = store_txn_run(m->store, part_of(id), drop_run, &x);
    return err;
}
