/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/edit.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/sets.h"

enum { LOOK_ARENA = 4 * 1024 * 1024, DAMAGED_ROWS_MAX = 100000 };

int edit_open(struct edit *e, struct mail *m, struct store_txn *t)
{
    struct mail_key key = mail_key_table(TABLE_ACCOUNT);
    struct span value;
    *e = (struct edit){.mail = m, .t = t};
    buf_init(&e->scratch, LIMIT_STORE_VALUE);
    int err = store_txn_get(t, mail_key_span(&key), &value);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_NO_USER : err;
    return account_record_unpack(value, &e->account);
}

int edit_drop(struct edit *e, int err)
{
    buf_done(&e->scratch);
    return err;
}

int edit_close(struct edit *e, int err)
{
    if (err == 0) {
        struct mail_key key = mail_key_table(TABLE_ACCOUNT);
        sets_flush(e);
        account_record_pack(&e->scratch, &e->account);
        edit_put_scratch(e, &key);
        err = e->err;
    }
    return edit_drop(e, err);
}

struct modseq edit_modseq(struct edit *e)
{
    return (struct modseq){++e->account.modseq};
}

/* At least the time in milliseconds: an account that comes back from a backup does not know which numbers it
 * gave since, and a POP3 program that meets one of them again takes a new message for one it has. */
uint64_t edit_uidl(struct edit *e)
{
    int64_t now_ms = e->mail->clock->wall_ms(e->mail->clock);
    uint64_t uidl = e->account.next_uidl;
    if (now_ms > 0 && (uint64_t)now_ms > uidl)
        uidl = (uint64_t)now_ms;
    e->account.next_uidl = uidl + 1;
    return uidl;
}

void edit_put_scratch(struct edit *e, const struct mail_key *key)
{
    if (e->scratch.err != 0)
        e->err = e->scratch.err; /* a record that was cut short must not be written */
    else
        store_txn_put(e->t, mail_key_span(key), buf_span(&e->scratch));
    buf_clear(&e->scratch);
}

void edit_put_reference(struct edit *e, const struct mail_key *key, uint64_t id)
{
    reference_record_pack(&e->scratch, id);
    edit_put_scratch(e, key);
}

void edit_del(struct edit *e, const struct mail_key *key)
{
    store_txn_del(e->t, mail_key_span(key));
}

int counter_take(uint64_t *counter, uint64_t n)
{
    if (*counter < n)
        return ERR_CORRUPT;
    *counter -= n;
    return 0;
}

int edit_mailbox_record(struct edit *e, struct mailbox_id id, struct mailbox_record *out)
{
    struct mail_key key = mail_key_mailbox(id);
    struct span value;
    int err = store_txn_get(e->t, mail_key_span(&key), &value);
    return err != 0 ? err : mailbox_record_unpack(value, out);
}

int edit_mailbox(struct edit *e, struct mailbox_id id, struct mailbox_record *out)
{
    int err = edit_mailbox_record(e, id, out);
    if (err == 0 && out->noselect)
        return ERR_NOT_FOUND;
    if (err == 0 && !out->sets) {
        err = sets_build(e, id);
        out->sets = true;
    }
    return err;
}

void edit_mailbox_put(struct edit *e, struct mailbox_id id, const struct mailbox_record *r)
{
    struct mail_key key = mail_key_mailbox(id);
    mailbox_record_pack(&e->scratch, r);
    edit_put_scratch(e, &key);
}

int edit_entry(struct edit *e,
               struct mailbox_id mailbox,
               struct mail_uid uid,
               struct entry_record *out)
{
    struct mail_key key = mail_key_entry(mailbox, uid);
    struct span value;
    int err = store_txn_get(e->t, mail_key_span(&key), &value);
    return err != 0 ? err : entry_record_unpack(value, out);
}

static void edit_entry_put(struct edit *e, struct mail_place at, const struct entry_record *entry)
{
    struct mail_key key = mail_key_entry(at.mailbox, at.uid);
    entry_record_pack(&e->scratch, entry);
    edit_put_scratch(e, &key);
    key = mail_key_change((struct modseq){entry->modseq}, at);
    edit_put_reference(e, &key, at.message.v);
}

int edit_entry_add(struct edit *e,
                   struct mailbox_id mailbox,
                   struct mailbox_record *box,
                   struct modseq modseq,
                   struct entry_record *entry,
                   struct mail_uid *uid_out)
{
    if (box->uidnext == UINT32_MAX) /* RFC 9051 §2.3.1.1: UIDs are 32 bits and only ascend */
        return ERR_LIMIT;
    struct mail_place at = {entry->message, mailbox, {box->uidnext++}};
    entry->modseq = entry->created_modseq = box->highest_modseq = modseq.v;
    entry->saved_ms = e->mail->clock->wall_ms(e->mail->clock);
    box->messages++;
    box->unseen += (entry->flags & FLAG_SEEN) == 0;
    box->bytes += entry->size;
    e->account.messages++;
    e->account.bytes += entry->size;
    edit_entry_put(e, at, entry);
    struct mail_key key = mail_key_where(at);
    edit_put_reference(e, &key, at.message.v);
    *uid_out = at.uid;
    return sets_change(e, at, NULL, entry);
}

int edit_entry_flags(struct edit *e,
                     struct mail_place at,
                     struct mailbox_record *box,
                     struct modseq modseq,
                     struct entry_record *entry,
                     uint32_t flags,
                     const struct keyword_ids *keywords)
{
    struct entry_record before = *entry;
    struct mail_key old = mail_key_change((struct modseq){entry->modseq}, at);
    int err = counter_take(&box->unseen, (entry->flags & FLAG_SEEN) == 0);
    if (err != 0)
        return err;
    box->unseen += (flags & FLAG_SEEN) == 0;
    edit_del(e, &old);
    entry->flags = flags;
    entry->keywords = *keywords;
    entry->modseq = box->highest_modseq = modseq.v;
    edit_entry_put(e, at, entry);
    return sets_change(e, at, &before, entry);
}

int edit_entry_remove(struct edit *e,
                      struct mail_place at,
                      struct mailbox_record *box,
                      struct modseq modseq,
                      const struct entry_record *entry)
{
    int err = counter_take(&box->messages, 1);
    if (err == 0)
        err = counter_take(&box->unseen, (entry->flags & FLAG_SEEN) == 0);
    if (err == 0)
        err = counter_take(&box->bytes, entry->size);
    if (err == 0)
        err = counter_take(&e->account.messages, 1);
    if (err == 0)
        err = counter_take(&e->account.bytes, entry->size);
    if (err != 0)
        return err;
    struct mail_key key = mail_key_entry(at.mailbox, at.uid);
    edit_del(e, &key);
    key = mail_key_where(at);
    edit_del(e, &key);
    key = mail_key_change((struct modseq){entry->modseq}, at);
    edit_del(e, &key);
    key = mail_key_tombstone(modseq, at);
    edit_put_reference(e, &key, at.message.v);
    e->account.tombstones++;
    e->account.tombstone_modseq = modseq.v;
    box->highest_modseq = modseq.v;
    return sets_change(e, at, entry, NULL);
}

int edit_tombstones_trim(struct edit *e, size_t max)
{
    uint64_t keep = e->mail->tombstones_max != 0 ? e->mail->tombstones_max : LIMIT_MAIL_TOMBSTONES;
    struct mail_key prefix = mail_key_table(TABLE_TOMBSTONE);
    struct store_iter *it;
    if (e->account.tombstones <= keep)
        return 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    size_t damaged = 0;
    for (size_t i = 0; i < max && e->account.tombstones > keep; i++) {
        struct span key, value;
        struct modseq modseq;
        struct mail_place at;
        err = rows_next(it, &key, &value, &damaged);
        if (err <= 0)
            break;
        if (mail_key_read_modseq(key, TABLE_TOMBSTONE, &modseq, &at) == 0)
            e->account.changes_from = modseq.v;
        store_txn_del(e->t, key);
        e->account.tombstones--;
    }
    store_iter_close(it);
    return err < 0 ? err : 0;
}

int look_open_bare(struct mail *m, account_id id, struct look *out)
{
    struct look l = {.arena = arena_new(LOOK_ARENA)};
    if (l.arena == NULL)
        return ERR_NOMEM;
    int err = store_snap_open(m->store, part_of(id), &l.snap);
    if (err != 0) {
        arena_free(l.arena);
        return err;
    }
    *out = l;
    return 0;
}

static int look_account(struct look *l)
{
    struct mail_key key = mail_key_table(TABLE_ACCOUNT);
    struct span value;
    int err = look_get(l, &key, &value);
    if (err == 0)
        err = account_record_unpack(value, &l->account);
    return err == ERR_NOT_FOUND ? ERR_NO_USER : err;
}

int look_missing(struct look *l)
{
    int err = look_account(l);
    return err != 0 ? err : ERR_NOT_FOUND;
}

int look_open(struct mail *m, account_id id, struct look *out)
{
    struct look l;
    int err = look_open_bare(m, id, &l);
    if (err != 0)
        return err;
    err = look_account(&l);
    if (err == 0)
        *out = l;
    else
        look_close(&l);
    return err;
}

void look_close(struct look *l)
{
    store_snap_close(l->snap);
    arena_free(l->arena);
}

int look_get(struct look *l, const struct mail_key *key, struct span *out)
{
    return store_snap_get(l->snap, mail_key_span(key), l->arena, out);
}

int rows_next(struct store_iter *it, struct span *key, struct span *value, size_t *damaged)
{
    for (;;) {
        int r = store_iter_next(it, key, value);
        if (r != ERR_CORRUPT || *damaged >= DAMAGED_ROWS_MAX)
            return r;
        (*damaged)++;
    }
}
