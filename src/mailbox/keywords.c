/* SPDX-License-Identifier: Apache-2.0 */
/* The account's list of keywords. It only grows: a message names its keywords by their place on it, and a
 * list of a thousand is a few kilobytes. */
#include "mailbox/edit.h"

#include "base/err.h"
#include "base/limits.h"

bool mailbox_keyword_is_name(struct span name)
{
    if (name.n == 0 || name.n > LIMIT_KEYWORD)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("(){%*\"\\]", c) != NULL)
            return false;
    }
    return true;
}

/* 0 and the id, or ERR_NOT_FOUND. */
static int keyword_look(struct look *l, struct span name, uint32_t *id_out)
{
    for (uint32_t id = 0; id < l->account.keywords; id++) {
        struct mail_key key = mail_key_keyword(id);
        struct span value;
        int err = look_get(l, &key, &value);
        if (err != 0 && err != ERR_NOT_FOUND && err != ERR_CORRUPT)
            return err;
        if (err == 0 && span_ieq(value, name)) {
            *id_out = id;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

struct keyword_add {
    struct mail *mail;
    struct span name;
    uint32_t most; /* keywords that may be there then */
    uint32_t id;
};

static int keyword_run(struct store_txn *t, void *arg)
{
    struct keyword_add *x = arg;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    for (x->id = 0; err == 0 && x->id < e.account.keywords; x->id++) {
        struct mail_key key = mail_key_keyword(x->id);
        struct span value;
        int got = store_txn_get(t, mail_key_span(&key), &value);
        if (got == 0 && span_ieq(value, x->name))
            return edit_drop(&e, 0);
        if (got != 0 && got != ERR_NOT_FOUND && got != ERR_CORRUPT)
            err = got;
    }
    if (err == 0 && e.account.keywords >= x->most)
        err = ERR_LIMIT;
    if (err != 0)
        return edit_drop(&e, err);
    struct mail_key key = mail_key_keyword(e.account.keywords++);
    store_txn_put(t, mail_key_span(&key), x->name);
    return edit_close(&e, 0);
}

int mailbox_keyword(
    struct mail *m, account_id id, struct span name, enum mail_keyword_add add, uint32_t *id_out)
{
    uint32_t most = add == KEYWORD_ADD_GUEST ? LIMIT_KEYWORDS / 2 : LIMIT_KEYWORDS;
    struct keyword_add x = {.mail = m, .name = name, .most = most};
    struct look l;
    if (!mailbox_keyword_is_name(name))
        return ERR_INVALID;
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    err = keyword_look(&l, name, id_out);
    look_close(&l);
    if (err != ERR_NOT_FOUND || add == KEYWORD_FIND)
        return err;
    err = store_txn_run(m->store, part_of(id), keyword_run, &x);
    if (err == 0)
        *id_out = x.id;
    return err;
}

int mailbox_keywords(
    struct mail *m, account_id id, struct arena *a, struct span **out, size_t *n_out)
{
    struct look l;
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    size_t n = l.account.keywords;
    struct span *v = arena_array(a, n + 1, sizeof *v);
    if (v == NULL) {
        look_close(&l);
        return arena_err(a);
    }
    for (uint32_t i = 0; err == 0 && i < n; i++) {
        struct mail_key key = mail_key_keyword(i);
        err = store_snap_get(l.snap, mail_key_span(&key), a, &v[i]);
        if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) { /* nobody sees that keyword any more */
            v[i] = SPAN_EMPTY;
            err = 0;
        }
    }
    look_close(&l);
    if (err != 0)
        return err;
    *out = v;
    *n_out = n;
    return 0;
}
