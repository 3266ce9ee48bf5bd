/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes: list and find. */
#include "mailbox/boxes.h"

#include "base/err.h"
#include "base/limits.h"

enum { BOX_PROBES = 10000 };

int mailbox_of_record(struct mailbox_id id, struct span value, struct arena *a, struct mailbox *out)
{
    struct mailbox_record r;
    int err = mailbox_record_unpack(value, &r);
    if (err != 0)
        return err;
    *out = (struct mailbox){
        .id = id,
        .name = arena_dup(a, r.name),
        .use = (enum special_use)r.use,
        .uidvalidity = r.uidvalidity,
        .uidnext = r.uidnext,
        .highest_modseq = r.highest_modseq,
        .messages = r.messages,
        .unseen = r.unseen,
        .bytes = r.bytes,
        .subscribed = r.subscribed,
        .noselect = r.noselect,
        .was_inbox = r.was_inbox,
    };
    return out->name.p == NULL ? arena_err(a) : 0;
}

struct box_list {
    struct arena *arena;
    struct mailbox *v;
    size_t n, cap;
};

/* One damaged mailbox hides no other; mailbox_check names it. */
static int box_list_add(struct box_list *list, struct mailbox_id id, struct span value)
{
    if (list->n == list->cap) {
        size_t more = list->cap == 0 ? 16 : list->cap * 2;
        struct mailbox *grown = arena_array(list->arena, more, sizeof(*grown));
        if (grown == NULL)
            return arena_err(list->arena);
        if (list->n > 0)
            memcpy(grown, list->v, list->n * sizeof(*grown));
        list->v = grown;
        list->cap = more;
    }
    int err = mailbox_of_record(id, value, list->arena, &list->v[list->n]);
    if (err == 0)
        list->n++;
    return err == ERR_CORRUPT ? 0 : err;
}

static int box_list_scan(struct look *l, struct box_list *list, size_t *damaged)
{
    struct store_iter *it;
    struct span key, value;
    struct mail_key prefix = mail_key_table(TABLE_MAILBOX);
    int err = store_snap_scan(l->snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, damaged)) > 0) {
        struct mailbox_id box;
        err = mail_key_read_mailbox(key, &box) == 0 ? box_list_add(list, box, value) : 0;
        if (err != 0)
            break;
    }
    store_iter_close(it);
    return err;
}

/* Where a scan meets damage it passes over readable records too (view.c says why): INBOX, which is
 * written anew with each message, must not be missing for that. So they are asked for by their ids. */
static int box_list_probe(struct look *l, struct box_list *list)
{
    int err = 0;
    list->n = 0;
    for (uint32_t i = 1; err == 0 && i < l->account.next_mailbox && i <= BOX_PROBES; i++) {
        struct mail_key key = mail_key_mailbox((struct mailbox_id){i});
        struct span value;
        err = look_get(l, &key, &value);
        if (err == 0)
            err = box_list_add(list, (struct mailbox_id){i}, value);
        else if (err == ERR_CORRUPT || err == ERR_NOT_FOUND)
            err = 0;
    }
    return err;
}

int mailbox_list(
    struct mail *m, account_id id, struct arena *a, struct mailbox **out, size_t *n_out)
{
    struct look l;
    struct box_list list = {.arena = a};
    size_t damaged = 0;
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    err = box_list_scan(&l, &list, &damaged);
    if (err == 0 && damaged > 0)
        err = box_list_probe(&l, &list);
    look_close(&l);
    if (err != 0)
        return err;
    *out = list.v;
    *n_out = list.n;
    return 0;
}

int mailbox_find_use(
    struct mail *m, account_id id, enum special_use use, struct arena *a, struct mailbox *out)
{
    struct mailbox *v;
    size_t n;
    int err = mailbox_list(m, id, a, &v, &n);
    for (size_t i = 0; err == 0 && i < n; i++)
        if (v[i].use == use) {
            *out = v[i];
            return 0;
        }
    return err != 0 ? err : ERR_NOT_FOUND;
}

int mailbox_find_name(
    struct mail *m, account_id id, struct span name, struct arena *a, struct mailbox *out)
{
    struct look l;
    struct span value;
    struct buf key_bytes;
    uint64_t found = 0;
    int err = look_open_bare(m, id, &l);
    if (err != 0)
        return err;
    buf_init(&key_bytes, LIMIT_STORE_KEY);
    err = mailbox_name_check(name, l.arena, &name);
    if (err == ERR_INVALID)
        err = ERR_NOT_FOUND; /* nothing can have that name */
    if (err == 0) {
        mail_key_name(&key_bytes, name);
        err = key_bytes.err;
    }
    if (err == 0)
        err = store_snap_get(l.snap, buf_span(&key_bytes), l.arena, &value);
    if (err == 0)
        err = reference_record_unpack(value, &found);
    if (err == 0) {
        struct mailbox_id box = {(uint32_t)found};
        struct mail_key key = mail_key_mailbox(box);
        err = look_get(&l, &key, &value);
        if (err == 0)
            err = mailbox_of_record(box, value, a, out);
    }
    if (err == ERR_NOT_FOUND)
        err = look_missing(&l);
    buf_done(&key_bytes);
    look_close(&l);
    return err;
}

int mailbox_find_id(
    struct mail *m, account_id id, struct mailbox_id mailbox, struct arena *a, struct mailbox *out)
{
    struct mail_key key = mail_key_mailbox(mailbox);
    struct look l;
    struct span value;
    int err = look_open_bare(m, id, &l);
    if (err != 0)
        return err;
    err = look_get(&l, &key, &value);
    if (err == 0)
        err = mailbox_of_record(mailbox, value, a, out);
    else if (err == ERR_NOT_FOUND)
        err = look_missing(&l);
    look_close(&l);
    return err;
}
