/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions: kept with the mailbox, and as a name alone where there is none (RFC 9051 §6.3.7). */
#include "mailbox/boxes.h"

#include "base/err.h"
#include "base/limits.h"

struct subscribe {
    struct mail *mail;
    struct span name;
    bool on;
};

/* Names alone are bounded as mailboxes are. */
static int subscription_add(struct edit *e, struct span name)
{
    struct mail_key prefix = mail_key_table(TABLE_SUBSCRIPTION);
    struct store_iter *it;
    struct span key, value;
    size_t n = 0, damaged = 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0)
        n++;
    store_iter_close(it);
    if (err == 0 && n >= LIMIT_MAILBOXES)
        err = ERR_LIMIT;
    return err != 0 ? err : boxes_subscription_put(e, name);
}

static int subscribe_run(struct store_txn *t, void *arg)
{
    const struct subscribe *x = arg;
    struct mailbox_record box;
    struct mailbox_id id;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = boxes_name_get(&e, x->name, &id);
    if (err == 0)
        err = edit_mailbox_record(&e, id, &box);
    if (err == 0 && box.subscribed != x->on) {
        box.subscribed = x->on;
        edit_mailbox_put(&e, id, &box);
    } else if (err == ERR_NOT_FOUND && x->on) {
        err = subscription_add(&e, x->name);
    } else if (err == ERR_NOT_FOUND) {
        boxes_subscription_drop(&e, x->name);
        err = 0;
    }
    return edit_close(&e, err);
}

int mailbox_subscribe(struct mail *m, account_id id, struct span name, bool on)
{
    struct subscribe x = {.mail = m, .on = on};
    struct arena *a = arena_new(4 * LIMIT_MAILBOX_NAME);
    if (a == NULL)
        return ERR_NOMEM;
    int err = mailbox_name_check(name, a, &x.name);
    if (err == 0)
        err = store_txn_run(m->store, part_of(id), subscribe_run, &x);
    arena_free(a);
    return err;
}

int mailbox_subscriptions(
    struct mail *m, account_id id, struct arena *a, struct span **out, size_t *n_out)
{
    struct mail_key prefix = mail_key_table(TABLE_SUBSCRIPTION);
    struct store_iter *it;
    struct span key, value;
    struct buf name;
    struct look l;
    size_t n = 0, damaged = 0;
    struct span *v = arena_array(a, LIMIT_MAILBOXES, sizeof *v);
    if (v == NULL)
        return arena_err(a);
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    buf_init(&name, LIMIT_STORE_KEY);
    err = store_snap_scan(l.snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err == 0) {
        while (n < LIMIT_MAILBOXES && (err = rows_next(it, &key, &value, &damaged)) > 0) {
            if (mail_key_read_name(key, TABLE_SUBSCRIPTION, &name) == 0)
                v[n++] = arena_dup(a, buf_span(&name));
            if (n > 0 && v[n - 1].p == NULL) {
                err = arena_err(a);
                break;
            }
        }
        store_iter_close(it);
    }
    buf_done(&name);
    look_close(&l);
    if (err < 0)
        return err;
    *out = v;
    *n_out = n;
    return 0;
}
