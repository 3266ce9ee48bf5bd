/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the flags and keywords of messages. What does not change keeps its mod-sequence, so that other
 * sessions need not look. */
#include "mailbox/edit.h"

#include "base/err.h"

enum { STORE_BATCH = 1000 };

struct store_change {
    struct mail *mail;
    const struct mail_store *in;
    uint32_t uid[STORE_BATCH];
    bool refused[STORE_BATCH];
    bool foreign[STORE_BATCH];
    size_t n;
    size_t damaged;
    struct modseq modseq; /* of what changed; 0: nothing did */
    struct modseq before; /* of the mailbox until then */
};

/* a or b without c: both lists ascend. ERR_LIMIT. */
static int keywords_merge(const struct keyword_ids *a,
                          const struct keyword_ids *b,
                          const struct keyword_ids *without,
                          struct keyword_ids *out)
{
    uint32_t i = 0, j = 0, k = 0;
    *out = (struct keyword_ids){0};
    while (i < a->n || j < b->n) {
        uint16_t v = j >= b->n || (i < a->n && a->v[i] <= b->v[j]) ? a->v[i] : b->v[j];
        i += i < a->n && a->v[i] == v;
        j += j < b->n && b->v[j] == v;
        while (k < without->n && without->v[k] < v)
            k++;
        if (k < without->n && without->v[k] == v)
            continue;
        if (out->n == COUNT_OF(out->v))
            return ERR_LIMIT;
        out->v[out->n++] = v;
    }
    return 0;
}

static bool keywords_eq(const struct keyword_ids *a, const struct keyword_ids *b)
{
    return a->n == b->n && memcmp(a->v, b->v, a->n * sizeof a->v[0]) == 0;
}

static int store_wanted(const struct mail_store *in,
                        const struct entry_record *r,
                        uint32_t *flags,
                        struct keyword_ids *keywords)
{
    static const struct keyword_ids none = {0};
    switch (in->op) {
    case STORE_ADD: *flags = r->flags | in->flags; break;
    case STORE_REMOVE: *flags = r->flags & ~in->flags; break;
    default: *flags = in->flags; break;
    }
    *flags = (*flags & ~in->keep_flags) | (r->flags & in->keep_flags);
    if (in->keep_keywords) {
        *keywords = r->keywords;
        return 0;
    }
    return keywords_merge(in->op == STORE_REPLACE ? &none : &r->keywords,
                          in->op == STORE_REMOVE ? &none : &in->keywords,
                          in->op == STORE_REMOVE ? &in->keywords : &none, keywords);
}

/* One message. 1: changed, 0: not. */
static int store_one(struct edit *e, struct store_change *x, size_t i, struct mailbox_record *box)
{
    struct mail_uid uid = {x->uid[i]};
    struct entry_record r;
    struct keyword_ids keywords;
    uint32_t flags;
    int err = edit_entry(e, x->in->mailbox, uid, &r);
    if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) {
        x->damaged += err == ERR_CORRUPT; /* does not keep the others from changing */
        return 0;
    }
    x->foreign[i] = err == 0 && r.modseq > x->in->known.v;
    if (err == 0 && x->in->conditional && r.modseq > x->in->unchanged_since.v) {
        x->refused[i] = true;
        return 0;
    }
    if (err == 0)
        err = store_wanted(x->in, &r, &flags, &keywords);
    if (err != 0 || (flags == r.flags && keywords_eq(&keywords, &r.keywords)))
        return err;
    if (x->modseq.v == 0)
        x->modseq = edit_modseq(e);
    struct mail_place at = {r.message, x->in->mailbox, uid};
    err = edit_entry_flags(e, at, box, x->modseq, &r, flags, &keywords);
    return err != 0 ? err : 1;
}

static int store_run(struct store_txn *t, void *arg)
{
    struct store_change *x = arg;
    struct mailbox_record box;
    struct edit e;
    size_t changed = 0;
    x->damaged = 0;
    x->modseq = (struct modseq){0};
    memset(x->refused, 0, sizeof x->refused);
    memset(x->foreign, 0, sizeof x->foreign);
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = edit_mailbox(&e, x->in->mailbox, &box);
    if (err == 0)
        x->before.v = box.highest_modseq;
    for (size_t i = 0; err >= 0 && i < x->n; i++) {
        err = store_one(&e, x, i, &box);
        changed += err > 0;
    }
    if (err < 0 || changed == 0)
        return edit_drop(&e, err < 0 ? err : 0);
    edit_mailbox_put(&e, x->in->mailbox, &box);
    return edit_close(&e, 0);
}

static void stored(struct mail_stored *s, const struct store_change *x)
{
    if (s == NULL || x->modseq.v == 0)
        return;
    if (s->n++ == 0) {
        s->first = x->modseq;
        s->before = x->before;
    }
    s->last = x->modseq;
}

int mailbox_store(struct mail *m,
                  account_id id,
                  const struct mail_store *in,
                  const struct numset *uids,
                  struct numset *refused)
{
    struct store_change x = {.mail = m, .in = in};
    size_t damaged = 0;
    uint32_t uid = 0;
    int err = 0;
    if ((in->flags & ~(uint32_t)FLAGS_ALL) != 0)
        return ERR_INVALID;
    if (in->stored != NULL)
        *in->stored = (struct mail_stored){0};
    bool on = numset_first(uids, &uid);
    while (err == 0 && on) {
        for (x.n = 0; on && x.n < STORE_BATCH; on = numset_next(uids, &uid))
            x.uid[x.n++] = uid;
        err = store_txn_run(m->store, part_of(id), store_run, &x);
        for (size_t i = 0; err == 0 && i < x.n; i++) {
            if (x.refused[i])
                numset_add(refused, x.uid[i]);
            if (x.foreign[i] && in->foreign != NULL)
                numset_add(in->foreign, x.uid[i]);
        }
        if (err == 0)
            stored(in->stored, &x);
        damaged += x.damaged;
    }
    if (err == 0)
        err = refused->err;
    return err == 0 && damaged > 0 ? ERR_CORRUPT : err;
}
