/* SPDX-License-Identifier: Apache-2.0 */
/* The end of expunged messages: when the last row that knows a message goes, its record and its
 * link to the body go with it, in the same transaction; the store collects the body later. */
#include "mailbox/edit.h"

#include "base/err.h"
#include "base/log.h"

enum { PURGE_BATCH = 200 };

struct purge {
    struct mail *mail;
    int64_t now_ms;
    size_t max;
    size_t purged;
};

/* Is there any row with this prefix? Own deletions of this transaction count. */
static int purge_any(struct edit *e, struct mail_key prefix, bool *out)
{
    struct store_iter *it;
    struct span key, value;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    err = store_iter_next(it, &key, &value);
    store_iter_close(it);
    *out = err != 0; /* a damaged row is a row: rather keep a message too long */
    return err < 0 && err != ERR_CORRUPT ? err : 0;
}

static int purge_message(struct edit *e, struct message_id id)
{
    bool known = false;
    struct span value;
    struct message_record r;
    struct mail_key key = mail_key_message(id);
    int err = purge_any(e, mail_key_wheres(id), &known);
    if (err == 0 && !known)
        err = purge_any(e, mail_key_expungeds(id), &known);
    if (err != 0 || known)
        return err;
    err = store_txn_get(e->t, mail_key_span(&key), &value);
    if (err == 0)
        err = message_record_unpack(value, &r);
    if (err == 0) {
        store_txn_blob_unlink(e->t, r.blob, id.v);
        edit_del(e, &key);
        key = mail_key_summary(id);
        edit_del(e, &key);
        return 0;
    }
    if (err == ERR_NOT_FOUND)
        return 0;
    if (err == ERR_CORRUPT) {
        /* Which body it was cannot be known: the record stays, for mailbox_check to report, and
         * does not keep the others from being purged. */
        log_event(LOG_ERROR, "mailbox.purge_damaged", LOG_I("message", id.v));
        return 0;
    }
    return err;
}

/* One due row and what hangs on it. */
static int purge_one(struct edit *e, int64_t until, struct mail_place at)
{
    struct span value;
    struct expunged_record r;
    struct mail_key key = mail_key_due(until, at);
    edit_del(e, &key);
    key = mail_key_expunged(at);
    int err = store_txn_get(e->t, mail_key_span(&key), &value);
    if (err == 0)
        err = expunged_record_unpack(value, &r);
    if (err == 0 && r.restorable) {
        err = counter_take(&e->account.restorable_messages, 1);
        if (err == 0)
            err = counter_take(&e->account.restorable_bytes, r.size);
    }
    if (err != 0 && err != ERR_NOT_FOUND && err != ERR_CORRUPT)
        return err;
    if (err == ERR_CORRUPT)
        log_event(LOG_ERROR, "mailbox.purge_damaged", LOG_I("message", at.message.v));
    edit_del(e, &key);
    return purge_message(e, at.message);
}

static int purge_run(struct store_txn *t, void *arg)
{
    struct purge *x = arg;
    struct mail_key prefix = mail_key_table(TABLE_DUE);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    struct edit e;
    x->purged = 0;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = store_txn_scan(t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return edit_drop(&e, err);
    while (x->purged < x->max && (err = rows_next(it, &key, &value, &damaged)) > 0) {
        int64_t until;
        struct mail_place at;
        if (mail_key_read_due(key, &until, &at) != 0) {
            store_txn_del(t, key); /* no key of ours: nothing can hang on it */
            err = 0;
        } else if (until > x->now_ms) {
            err = 0;
            break;
        } else {
            err = purge_one(&e, until, at);
        }
        if (err != 0)
            break;
        x->purged++;
    }
    store_iter_close(it);
    if (err < 0 || x->purged == 0)
        return edit_drop(&e, err < 0 ? err : 0);
    return edit_close(&e, 0);
}

/* A look before a transaction is opened: most accounts have nothing due. */
static int purge_is_due(struct mail *m, account_id id, int64_t now_ms, bool *out)
{
    struct look l;
    struct store_iter *it;
    struct span key, value;
    struct mail_place at;
    int64_t until;
    struct mail_key prefix = mail_key_table(TABLE_DUE);
    size_t damaged = 0;
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    err = store_snap_scan(l.snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err == 0) {
        err = rows_next(it, &key, &value, &damaged);
        *out = err > 0 && (mail_key_read_due(key, &until, &at) != 0 || until <= now_ms);
        store_iter_close(it);
    }
    look_close(&l);
    return err < 0 ? err : 0;
}

int mailbox_purge(struct mail *m, account_id id, size_t max, size_t *purged_out)
{
    int64_t now_ms = m->clock->wall_ms(m->clock);
    size_t purged = 0;
    bool due = false;
    int err = purge_is_due(m, id, now_ms, &due);
    while (err == 0 && due && purged < max) {
        struct purge x = {
            .mail = m,
            .now_ms = now_ms,
            .max = max - purged < PURGE_BATCH ? max - purged : PURGE_BATCH,
        };
        err = store_txn_run(m->store, part_of(id), purge_run, &x);
        if (err == 0)
            purged += x.purged;
        due = x.purged == x.max;
    }
    *purged_out = purged;
    return err;
}
