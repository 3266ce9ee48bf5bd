/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting and renaming mailboxes. */
#include "mailbox/boxes.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/sets.h"

enum { RENAME_ARENA = 16 * 1024 * 1024 };

/* ---- delete ------------------------------------------------------------------------------ */

struct removal {
    struct mail *mail;
    struct mailbox_id id;
    int64_t keep_ms;
    bool gone; /* or only a level; else it has too many messages for one transaction */
};

/* The record is read again: for one of an older program the sets are made, which edit_expunge changes. */
static int remove_messages(struct edit *e, const struct removal *x, struct mailbox_record *box)
{
    int err = edit_mailbox(e, x->id, box);
    return err == 0 ? edit_expunge_all(e, x->id, box, x->keep_ms) : err;
}

static int remove_run(struct store_txn *t, void *arg)
{
    struct removal *x = arg;
    struct mailbox_record box = {0};
    struct edit e;
    bool below = false;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = edit_mailbox_record(&e, x->id, &box);
    if (err == 0)
        err = boxes_has_below(&e, box.name, &below);
    if (err == 0 && box.noselect && below)
        err = ERR_EXISTS;
    x->gone = box.messages <= EXPUNGE_BATCH;
    if (err == 0 && x->gone && box.messages > 0)
        err = remove_messages(&e, x, &box);
    if (err != 0 || !x->gone)
        return edit_drop(&e, err);
    struct modseq modseq = edit_modseq(&e);
    err = sets_drop(&e, x->id);
    if (err == 0)
        err = annotations_drop(&e, x->id);
    if (err == 0)
        err = grants_drop(&e, x->id);
    if (err == 0 && below) {
        /* made again it must have a higher UIDVALIDITY: it gets that now */
        box.noselect = true;
        box.was_inbox = false;
        box.use = USE_NONE;
        box.uidvalidity = boxes_uidvalidity(&e);
        box.uidnext = 1;
        box.highest_modseq = modseq.v;
        box.sets = true;
        edit_mailbox_put(&e, x->id, &box);
    } else if (err == 0) {
        struct mail_key key = mail_key_mailbox(x->id), urlkey = mail_key_urlkey(x->id);
        edit_del(&e, &key);
        edit_del(&e, &urlkey);
        boxes_name_drop(&e, box.name);
        if (box.subscribed) /* RFC 9051 §6.3.7: not ours to take back */
            err = boxes_subscription_put(&e, box.name);
    }
    return edit_close(&e, err);
}

int mailbox_delete(struct mail *m, account_id id, struct mailbox_id mailbox, int64_t keep_ms)
{
    struct removal x = {.mail = m, .id = mailbox, .keep_ms = keep_ms};
    struct numset uids;
    struct mail_head head;
    int err = mailbox.v == INBOX_ID ? ERR_DENIED : 0;
    numset_init(&uids);
    while (err == 0) {
        err = store_txn_run(m->store, part_of(id), remove_run, &x);
        if (err != 0 || x.gone)
            break;
        err = mailbox_uids(m, id, mailbox, &head, &uids);
        if (err == 0)
            err = mailbox_expunge_set(m, id, mailbox, &uids, keep_ms);
    }
    numset_done(&uids);
    return err;
}

/* ---- rename ------------------------------------------------------------------------------ */

struct rename {
    struct mail *mail;
    struct span from, to;
    struct arena *arena;
    struct mailbox_id made;
};

static bool is_below(struct span name, struct span top)
{
    return name.n > top.n && name.p[top.n] == '/' && span_starts(name, top);
}

static int rename_one(struct edit *e, struct mailbox_id id, struct span old, struct span new)
{
    struct mailbox_record box;
    int err = edit_mailbox_record(e, id, &box);
    if (err != 0)
        return err;
    boxes_name_drop(e, old);
    boxes_subscription_drop(e, new);
    err = boxes_name_put(e, new, id);
    box.name = new;
    /* the special mailboxes of an account were made with one UIDVALIDITY: none may come under the name of
     * another with it */
    if (box.use != USE_NONE)
        box.uidvalidity = boxes_uidvalidity(e);
    edit_mailbox_put(e, id, &box);
    return err;
}

struct below {
    struct span name;
    struct mailbox_id id;
};

/* The mailboxes below `top`; a name that becomes too long is ERR_INVALID. */
static int below_find(struct edit *e, struct rename *x, struct below **out, size_t *n_out)
{
    struct mail_key prefix = mail_key_table(TABLE_MAILBOX);
    struct below *v = arena_array(x->arena, LIMIT_MAILBOXES + 1, sizeof *v);
    struct store_iter *it;
    struct span key, value;
    size_t n = 0, damaged = 0;
    if (v == NULL)
        return arena_err(x->arena);
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while (n < LIMIT_MAILBOXES && (err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mailbox_record box;
        err = 0;
        if (mail_key_read_mailbox(key, &v[n].id) != 0 || mailbox_record_unpack(value, &box) != 0 ||
            !is_below(box.name, x->from))
            continue;
        v[n].name = arena_dup(x->arena, box.name);
        if (v[n].name.p == NULL)
            err = arena_err(x->arena);
        else if (box.name.n - x->from.n + x->to.n > LIMIT_MAILBOX_NAME)
            err = ERR_INVALID;
        if (err != 0)
            break;
        n++;
    }
    store_iter_close(it);
    *out = v;
    *n_out = n;
    return err < 0 ? err : 0;
}

static int rename_below(struct edit *e, struct rename *x)
{
    struct below *v = NULL;
    size_t n = 0;
    bool some;
    int err = boxes_has_below(e, x->from, &some);
    if (err != 0 || !some) /* most have none, and to find them all mailboxes are read */
        return err;
    err = below_find(e, x, &v, &n);
    for (size_t i = 0; err == 0 && i < n; i++) {
        struct span new = arena_printf(x->arena, "%.*s%.*s", SPAN_ARG(x->to),
                                       SPAN_ARG(span_from(v[i].name, x->from.n)));
        struct span checked;
        err = new.p == NULL ? arena_err(x->arena) : mailbox_name_check(new, x->arena, &checked);
        if (err == 0)
            err = rename_one(e, v[i].id, v[i].name, checked);
    }
    return err;
}

/* The levels above the new name, which must be free. */
static int rename_prepare(struct edit *e, struct rename *x)
{
    struct mailbox_id id;
    int err = boxes_name_get(e, x->to, &id);
    if (err != ERR_NOT_FOUND)
        return err == 0 ? ERR_EXISTS : err;
    ssize_t cut = span_rchr(x->to, '/');
    if (cut < 0)
        return 0;
    err = boxes_create(e, span_slice(x->to, 0, (size_t)cut), USE_NONE, &id);
    return err == ERR_EXISTS ? 0 : err;
}

static int rename_run(struct store_txn *t, void *arg)
{
    struct rename *x = arg;
    struct mailbox_id id;
    struct edit e;
    arena_reset(x->arena);
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = boxes_name_get(&e, x->from, &id);
    if (err == 0)
        err = rename_prepare(&e, x);
    if (err == 0)
        err = rename_one(&e, id, x->from, x->to);
    if (err == 0)
        err = rename_below(&e, x);
    (void)edit_modseq(&e);
    return edit_close(&e, err);
}

/* RFC 9051 §6.3.6: the messages go, the mailbox stays, and its annotations are copied (RFC 5464 §4.1). */
static int rename_inbox(struct mail *m, account_id id, struct span to)
{
    struct mail_copy move = {.from = {INBOX_ID}, .move = true};
    struct numset uids, part, from, moved;
    struct mail_head head;
    uint32_t validity;
    numset_init(&uids);
    numset_init(&part);
    numset_init(&from);
    numset_init(&moved);
    int err = boxes_create_like(m, id, to, move.from, &move.to);
    if (err == 0)
        err = mailbox_uids(m, id, move.from, &head, &uids);
    while (err == 0 && !numset_is_empty(&uids)) {
        uint32_t last = numset_max(&uids);
        err = numset_copy(&part, &uids);
        if (err == 0 && numset_at(&uids, LIMIT_MAIL_COPY, &last) && last < UINT32_MAX)
            numset_remove_range(&part, last + 1, UINT32_MAX);
        if (err == 0)
            err = mailbox_copy(m, id, &move, &part, &validity, &from, &moved);
        numset_andnot(&uids, &part);
    }
    numset_done(&uids);
    numset_done(&part);
    numset_done(&from);
    numset_done(&moved);
    return err;
}

int mailbox_rename(struct mail *m, account_id id, struct span from, struct span to)
{
    struct rename x = {.mail = m, .arena = arena_new(RENAME_ARENA)};
    struct arena *names = arena_new(8 * LIMIT_MAILBOX_NAME);
    int err = x.arena == NULL || names == NULL ? ERR_NOMEM : 0;
    if (err == 0) {
        err = mailbox_name_check(from, names, &x.from);
        if (err == ERR_INVALID)
            err = ERR_NOT_FOUND; /* nothing can have that name */
    }
    if (err == 0)
        err = mailbox_name_check(to, names, &x.to);
    if (err == 0 && is_below(x.to, x.from) && !span_eq(x.from, SPAN("INBOX")))
        err = ERR_INVALID;
    if (err == 0 && span_eq(x.from, SPAN("INBOX")))
        err = rename_inbox(m, id, x.to);
    else if (err == 0)
        err = store_txn_run(m->store, part_of(id), rename_run, &x);
    arena_free(x.arena);
    arena_free(names);
    return err;
}
