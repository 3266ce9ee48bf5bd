/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes inside a transaction, and making them. */
#include "mailbox/boxes.h"

#include "base/err.h"
#include "base/limits.h"

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

int boxes_name_get(struct edit *e, struct span name, struct mailbox_id *out)
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

int boxes_name_put(struct edit *e, struct span name, struct mailbox_id id)
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

uint32_t boxes_uidvalidity(struct edit *e)
{
    int64_t now_s = e->mail->clock->wall_ms(e->mail->clock) / 1000;
    uint32_t validity = now_s < 1 ? 1 : now_s > UINT32_MAX ? UINT32_MAX : (uint32_t)now_s;
    if (validity <= e->account.last_uidvalidity)
        validity = e->account.last_uidvalidity + (e->account.last_uidvalidity < UINT32_MAX);
    e->account.last_uidvalidity = validity;
    return validity;
}

void boxes_subscription_drop(struct edit *e, struct span name)
{
    mail_key_subscription(&e->scratch, name);
    if (e->scratch.err == 0)
        store_txn_del(e->t, buf_span(&e->scratch));
    buf_clear(&e->scratch);
}

int mailbox_add(struct edit *e, struct span name, enum special_use use, struct mailbox_id *out)
{
    struct mailbox_id id;
    int err = boxes_name_get(e, name, &id);
    if (err != ERR_NOT_FOUND)
        return err == 0 ? ERR_EXISTS : err;
    if (e->account.next_mailbox == UINT32_MAX)
        return ERR_LIMIT;
    struct modseq modseq = edit_modseq(e);
    boxes_subscription_drop(e, name); /* it has a mailbox to say so now */
    struct mailbox_record box = {
        .name = name,
        .use = (uint8_t)use,
        .subscribed = true,
        .uidvalidity = boxes_uidvalidity(e),
        .uidnext = 1,
        .highest_modseq = modseq.v,
        .created_modseq = modseq.v,
        .sets = true,
    };
    id.v = e->account.next_mailbox++;
    err = boxes_name_put(e, name, id);
    if (err != 0)
        return err;
    edit_mailbox_put(e, id, &box);
    *out = id;
    return 0;
}

void boxes_name_drop(struct edit *e, struct span name)
{
    mail_key_name(&e->scratch, name);
    if (e->scratch.err == 0)
        store_txn_del(e->t, buf_span(&e->scratch));
    buf_clear(&e->scratch);
}

int boxes_has_below(struct edit *e, struct span name, bool *out)
{
    struct span key, value, prefix;
    struct store_iter *it;
    size_t damaged = 0;
    char level[LIMIT_MAILBOX_NAME + 1];
    must(name.n < sizeof level);
    memcpy(level, name.p, name.n);
    level[name.n] = '/';
    mail_key_name(&e->scratch, span_of(level, name.n + 1));
    prefix = span_slice(buf_span(&e->scratch), 0, e->scratch.n - 2); /* without a string's end */
    prefix = arena_dup(store_txn_arena(e->t), prefix);
    buf_clear(&e->scratch);
    if (prefix.p == NULL)
        return ERR_NOMEM;
    int err = store_txn_scan(e->t, prefix, SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    err = rows_next(it, &key, &value, &damaged);
    store_iter_close(it);
    *out = err > 0 || damaged > 0;
    return err < 0 ? err : 0;
}

int boxes_subscription_put(struct edit *e, struct span name)
{
    struct buf record;
    buf_init(&record, 64);
    reference_record_pack(&record, 1);
    mail_key_subscription(&e->scratch, name);
    int err = e->scratch.err != 0 ? e->scratch.err : record.err;
    if (err == 0)
        store_txn_put(e->t, buf_span(&e->scratch), buf_span(&record));
    buf_clear(&e->scratch);
    buf_done(&record);
    return err;
}

static int count_mailboxes(struct edit *e, size_t *out)
{
    struct mail_key prefix = mail_key_table(TABLE_MAILBOX);
    struct store_iter *it;
    struct span key, value;
    size_t n = 0;
    *out = e->account.next_mailbox - 1;
    if (*out < LIMIT_MAILBOXES) /* there cannot be more than ids were given: no need to count */
        return 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &n)) > 0)
        n++;
    store_iter_close(it);
    *out = n;
    return err;
}

/* Is there a mailbox with that special use? RFC 6154 §3 lets a server refuse a second. */
static int use_is_free(struct edit *e, enum special_use use)
{
    struct mail_key prefix = mail_key_table(TABLE_MAILBOX);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    bool taken = false;
    if (use == USE_NONE)
        return 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while (!taken && (err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mailbox_record box;
        taken = mailbox_record_unpack(value, &box) == 0 && box.use == use;
    }
    store_iter_close(it);
    return err < 0 ? err : taken ? ERR_IN_USE : 0;
}

/* A mailbox below another that is shared is shared as that is. */
static int share_like_parent(struct edit *e, struct span name, struct mailbox_id id)
{
    ssize_t slash = span_rchr(name, '/');
    struct mailbox_id parent;
    if (slash < 0 || e->account.grants == 0)
        return 0;
    int err = boxes_name_get(e, span_slice(name, 0, (size_t)slash), &parent);
    return err == ERR_NOT_FOUND ? 0 : err != 0 ? err : grants_copy(e, parent, id);
}

int boxes_create(struct edit *e, struct span name, enum special_use use, struct mailbox_id *out)
{
    size_t count = 0;
    int err = count_mailboxes(e, &count);
    for (size_t i = 1; err == 0 && i <= name.n; i++) {
        if (i < name.n && name.p[i] != '/')
            continue;
        err = mailbox_add(e, span_slice(name, 0, i), i == name.n ? use : USE_NONE, out);
        if (err == ERR_EXISTS && i < name.n) {
            err = 0;
            continue;
        }
        if (err == 0 && ++count > LIMIT_MAILBOXES)
            err = ERR_LIMIT;
        if (err == 0)
            err = share_like_parent(e, span_slice(name, 0, i), *out);
    }
    return err;
}

struct mailbox_create {
    struct mail *mail;
    account_id account;
    struct span name;
    enum special_use use;
    struct mailbox_id like; /* INBOX, whose annotations it gets; 0: nobody's */
    struct mailbox_id id;
};

/* A level of names becomes a mailbox: RFC 9051 §6.3.4. */
static int mailbox_revive(struct edit *e, struct mailbox_id id)
{
    struct mailbox_record box;
    int err = edit_mailbox_record(e, id, &box);
    if (err == 0 && !box.noselect)
        err = ERR_EXISTS;
    if (err != 0)
        return err;
    box.noselect = false;
    box.subscribed = true;
    edit_mailbox_put(e, id, &box);
    return 0;
}

static int
come_from_inbox(struct edit *e, account_id owner, struct mailbox_id inbox, struct mailbox_id id)
{
    struct mailbox_record box;
    int err = edit_mailbox_record(e, id, &box);
    if (err == 0) {
        box.was_inbox = true;
        edit_mailbox_put(e, id, &box);
        err = annotations_copy(e, owner, inbox, id);
    }
    return err;
}

static int mailbox_create_run(struct store_txn *t, void *arg)
{
    struct mailbox_create *c = arg;
    struct edit e;
    int err = edit_open(&e, c->mail, t);
    if (err == 0)
        err = use_is_free(&e, c->use);
    if (err == 0)
        err = boxes_name_get(&e, c->name, &c->id);
    if (err == 0) {
        err = mailbox_revive(&e, c->id);
        if (err == 0)
            err = share_like_parent(&e, c->name, c->id);
    } else if (err == ERR_NOT_FOUND) {
        err = boxes_create(&e, c->name, c->use, &c->id);
    }
    if (err == 0 && c->like.v != 0)
        err = come_from_inbox(&e, c->account, c->like, c->id);
    return edit_close(&e, err);
}

static int create(struct mailbox_create *c, account_id id, struct span name, struct mailbox_id *out)
{
    struct arena *a = arena_new(4 * LIMIT_MAILBOX_NAME);
    if (a == NULL)
        return ERR_NOMEM;
    int err = mailbox_name_check(name, a, &c->name);
    if (err == 0)
        err = store_txn_run(c->mail->store, part_of(id), mailbox_create_run, c);
    if (err == 0)
        *out = c->id;
    arena_free(a);
    return err;
}

int mailbox_create(
    struct mail *m, account_id id, struct span name, enum special_use use, struct mailbox_id *out)
{
    struct mailbox_create c = {.mail = m, .account = id, .use = use};
    return create(&c, id, name, out);
}

int boxes_create_like(
    struct mail *m, account_id id, struct span name, struct mailbox_id like, struct mailbox_id *out)
{
    struct mailbox_create c = {.mail = m, .account = id, .like = like};
    return create(&c, id, name, out);
}
