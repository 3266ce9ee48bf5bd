/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes: list, find, create. Deleting and renaming come with the first protocol that can
 * (IMAP). */
#include "mailbox/boxes.h"

#include "base/err.h"
#include "base/limits.h"

enum { BOX_PROBES = 10000 };

int mailbox_name_check(struct span name, struct arena *a, struct span *out)
{
    size_t depth = 0;
    if (name.n == 0 || name.n > LIMIT_MAILBOX_NAME || !span_is_utf8(name) ||
        span_ends(name, SPAN("/")))
        return ERR_INVALID;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return ERR_INVALID;
    for (struct span rest = name; rest.n > 0; depth++)
        if (span_split(&rest, '/').n == 0 || depth >= LIMIT_MAILBOX_DEPTH)
            return ERR_INVALID;
    struct span rest = name;
    if (span_iskip(&rest, SPAN("INBOX")) && (rest.n == 0 || rest.p[0] == '/'))
        *out = arena_printf(a, "INBOX%.*s", SPAN_ARG(rest)); /* RFC 9051 §5.1: INBOX in any case */
    else
        *out = arena_dup(a, name);
    return out->p == NULL ? ERR_NOMEM : 0;
}

/* 0 and the id, or ERR_NOT_FOUND. */
static int name_get(struct edit *e, struct span name, struct mailbox_id *out)
{
    struct span value;
    uint64_t id;
    mail_key_name(&e->scratch, name);
    int err = e->scratch.err;
    if (err == 0)
        err = store_txn_get(e->t, buf_span(&e->scratch), &value);
    buf_clear(&e->scratch);
    if (err == 0)
        err = reference_record_unpack(value, &id);
    if (err == 0)
        out->v = (uint32_t)id;
    return err;
}

static int name_put(struct edit *e, struct span name, struct mailbox_id id)
{
    struct buf record;
    buf_init(&record, 64);
    reference_record_pack(&record, id.v);
    mail_key_name(&e->scratch, name);
    int err = e->scratch.err != 0 ? e->scratch.err : record.err;
    if (err == 0)
        store_txn_put(e->t, buf_span(&e->scratch), buf_span(&record));
    buf_clear(&e->scratch);
    buf_done(&record);
    return err;
}

int mailbox_add(struct edit *e, struct span name, enum special_use use, struct mailbox_id *out)
{
    struct mailbox_id id;
    int err = name_get(e, name, &id);
    if (err != ERR_NOT_FOUND)
        return err == 0 ? ERR_EXISTS : err;
    if (e->account.next_mailbox == UINT32_MAX)
        return ERR_LIMIT;
    /* RFC 9051 §2.3.1.1: a mailbox made again under the same name must have a higher UIDVALIDITY,
     * also when the clock was set back */
    int64_t now_s = e->mail->clock->wall_ms(e->mail->clock) / 1000;
    uint32_t validity = now_s < 1 ? 1 : now_s > UINT32_MAX ? UINT32_MAX : (uint32_t)now_s;
    if (use == USE_NONE && validity <= e->account.last_uidvalidity)
        validity = e->account.last_uidvalidity + (e->account.last_uidvalidity < UINT32_MAX);
    e->account.last_uidvalidity = validity;
    struct modseq modseq = edit_modseq(e);
    struct mailbox_record box = {
        .name = name,
        .use = (uint8_t)use,
        .subscribed = true,
        .uidvalidity = validity,
        .uidnext = 1,
        .highest_modseq = modseq.v,
        .created_modseq = modseq.v,
    };
    id.v = e->account.next_mailbox++;
    err = name_put(e, name, id);
    if (err != 0)
        return err;
    edit_mailbox_put(e, id, &box);
    *out = id;
    return 0;
}

static int count_mailboxes(struct edit *e, size_t *out)
{
    struct mail_key prefix = mail_key_table(TABLE_MAILBOX);
    struct store_iter *it;
    struct span key, value;
    size_t n = 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &n)) > 0)
        n++;
    store_iter_close(it);
    *out = n;
    return err;
}

struct mailbox_create {
    struct mail *mail;
    struct span name;
    struct mailbox_id id;
};

static int mailbox_create_run(struct store_txn *t, void *arg)
{
    struct mailbox_create *c = arg;
    struct edit e;
    size_t count = 0;
    int err = edit_open(&e, c->mail, t);
    if (err == 0)
        err = name_get(&e, c->name, &c->id);
    if (err == 0)
        err = ERR_EXISTS;
    else if (err == ERR_NOT_FOUND)
        err = count_mailboxes(&e, &count);
    /* RFC 9051 §6.3.4: superior levels that are missing are made too */
    for (size_t i = 1; err == 0 && i <= c->name.n; i++) {
        if (i < c->name.n && c->name.p[i] != '/')
            continue;
        if (count++ >= LIMIT_MAILBOXES)
            err = ERR_LIMIT;
        else
            err = mailbox_add(&e, span_slice(c->name, 0, i), USE_NONE, &c->id);
        if (err == ERR_EXISTS && i < c->name.n)
            err = 0, count--;
    }
    return edit_close(&e, err);
}

int mailbox_create(struct mail *m, account_id id, struct span name, struct mailbox_id *out)
{
    struct mailbox_create c = {.mail = m};
    struct arena *a = arena_new(4 * LIMIT_MAILBOX_NAME);
    if (a == NULL)
        return ERR_NOMEM;
    int err = mailbox_name_check(name, a, &c.name);
    if (err == 0)
        err = store_txn_run(m->store, part_of(id), mailbox_create_run, &c);
    if (err == 0)
        *out = c.id;
    arena_free(a);
    return err;
}

static int
mailbox_fill(struct mailbox_id id, struct span value, struct arena *a, struct mailbox *out)
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
    int err = mailbox_fill(id, value, list->arena, &list->v[list->n]);
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
    int err = look_open(m, id, &l);
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
            err = mailbox_fill(box, value, a, out);
    }
    buf_done(&key_bytes);
    look_close(&l);
    return err;
}
