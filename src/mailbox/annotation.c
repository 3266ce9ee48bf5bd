/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/annotation.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/acl_leave.h"
#include "mailbox/boxes.h"

/* ---- names ------------------------------------------------------------------------------- */

static bool is_wrong(unsigned char c)
{
    return c < 0x20 || c >= 0x7f || c == '*' || c == '%';
}

int mailbox_annotation_fold(struct span name, struct arena *a, struct span *out)
{
    if (name.n < 2 || name.n > LIMIT_ANNOTATION_NAME || name.p[0] != '/' ||
        name.p[name.n - 1] == '/')
        return ERR_INVALID;
    char *folded = arena_alloc(a, name.n);
    if (folded == NULL)
        return arena_err(a);
    for (size_t k = 0; k < name.n; k++) {
        char c = name.p[k];
        if (is_wrong((unsigned char)c) || (c == '/' && name.p[k + 1] == '/'))
            return ERR_INVALID;
        folded[k] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    *out = span_of(folded, name.n);
    return 0;
}

static uint64_t bytes_of(struct span name, struct span value)
{
    return name.n + value.n;
}

/* ---- changing ---------------------------------------------------------------------------- */

struct annotate {
    struct mail *mail;
    account_id guest; /* sets them; 0: it is the owner */
    struct mailbox_id mailbox;
    const struct mail_annotation *v; /* names folded */
    size_t n;
};

/* What there is. The key is left in e->scratch. *differs_out: it is something else than `v`. */
static int old_bytes(struct edit *e,
                     struct mailbox_id mailbox,
                     const struct mail_annotation *v,
                     uint64_t *bytes_out,
                     bool *differs_out)
{
    struct span record, value;
    mail_key_annotation(&e->scratch, mailbox, v->user, v->name);
    if (e->scratch.err != 0)
        return e->scratch.err;
    *bytes_out = 0;
    *differs_out = !v->none;
    int err = store_txn_get(e->t, buf_span(&e->scratch), &record);
    if (err == ERR_NOT_FOUND)
        return 0;
    if (err == 0)
        err = annotation_record_unpack(record, &value);
    if (err == 0) {
        *bytes_out = bytes_of(v->name, value);
        *differs_out = v->none || !span_eq(value, v->value);
    }
    return err;
}

/* *changed is set when it was not so before. */
static int
put(struct edit *e, struct mailbox_id mailbox, const struct mail_annotation *v, bool *changed)
{
    uint64_t before;
    struct buf record;
    bool differs;
    int err = old_bytes(e, mailbox, v, &before, &differs);
    if (err == 0)
        *changed = *changed || differs;
    if (err == 0)
        err = counter_take(&e->account.annotation_bytes, before);
    if (err == 0 && v->none) {
        store_txn_del(e->t, buf_span(&e->scratch));
    } else if (err == 0) {
        buf_init(&record, LIMIT_STORE_VALUE);
        annotation_record_pack(&record, v->value);
        err = record.err;
        if (err == 0)
            store_txn_put(e->t, buf_span(&e->scratch), buf_span(&record));
        buf_done(&record);
        e->account.annotation_bytes += bytes_of(v->name, v->value);
    }
    buf_clear(&e->scratch);
    return err;
}

static int count(struct edit *e, struct mailbox_id mailbox, account_id user)
{
    struct mail_key prefix = mail_key_annotations(mailbox, user);
    struct store_iter *it;
    struct span key, value;
    size_t n = 0, damaged = 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0)
        n++;
    store_iter_close(it);
    return err == 0 && n > LIMIT_ANNOTATIONS ? ERR_LIMIT : err;
}

/* What others put there, for themselves or for all, may fill half of the room. */
static uint64_t room(const struct annotate *x)
{
    return x->guest != 0 ? LIMIT_ANNOTATION_BYTES / 2 : LIMIT_ANNOTATION_BYTES;
}

/* A guest whose last right goes at this moment must leave nothing (mailbox/acl_leave.h). */
static int may_annotate(struct edit *e, const struct annotate *x)
{
    struct mail_user guest = {.id = x->guest};
    bool may;
    int err = acl_has_rights(e, x->mailbox, &guest, &may);
    return err == 0 && !may ? ERR_NOT_FOUND : err;
}

static int annotate(struct edit *e, const struct annotate *x)
{
    const struct mail_annotation *v = x->v;
    struct mailbox_record box;
    uint64_t before = e->account.annotation_bytes;
    bool changed = false;
    int err = x->mailbox.v == 0 ? 0 : edit_mailbox_record(e, x->mailbox, &box);
    if (err == 0 && x->guest != 0)
        err = may_annotate(e, x);
    for (size_t k = 0; err == 0 && k < x->n; k++)
        err = put(e, x->mailbox, &v[k], &changed);
    for (size_t k = 0; err == 0 && k < x->n; k++)
        if (!v[k].none && (k == 0 || v[k].user != v[k - 1].user || v[k - 1].none))
            err = count(e, x->mailbox, v[k].user);
    if (err == 0 && e->account.annotation_bytes > room(x) && e->account.annotation_bytes > before)
        err = ERR_QUOTA;
    if (err == 0 && changed && x->mailbox.v != 0) { /* RFC 7162 §3.2 */
        box.highest_modseq = edit_modseq(e).v;
        edit_mailbox_put(e, x->mailbox, &box);
    }
    return err;
}

static int annotate_run(struct store_txn *t, void *arg)
{
    const struct annotate *x = arg;
    struct edit e;
    int err = edit_open(&e, x->mail, t);
    if (err == 0)
        err = annotate(&e, x);
    return edit_close(&e, err);
}

int mailbox_annotate(struct mail *m,
                     account_id id,
                     account_id by,
                     struct mailbox_id mailbox,
                     const struct mail_annotation *v,
                     size_t n)
{
    struct annotate x = {.mail = m, .guest = by != id ? by : 0, .mailbox = mailbox, .n = n};
    struct arena *a = arena_new(n * (sizeof *v + LIMIT_ANNOTATION_NAME + 64) + 4096);
    struct mail_annotation *folded = a == NULL ? NULL : arena_array(a, n + 1, sizeof *folded);
    int err = folded == NULL ? ERR_NOMEM : 0;
    for (size_t k = 0; err == 0 && k < n; k++) {
        folded[k] = v[k];
        err = mailbox_annotation_fold(v[k].name, a, &folded[k].name);
        if (err == 0 && !v[k].none && v[k].value.n > LIMIT_ANNOTATION)
            err = ERR_TOO_BIG;
    }
    x.v = folded;
    if (err == 0)
        err = store_txn_run(m->store, part_of(id), annotate_run, &x);
    arena_free(a);
    return err;
}

/* ---- with their mailbox ------------------------------------------------------------------- */

static int drop_rows(struct edit *e, struct mail_key prefix)
{
    struct store_iter *it;
    struct mailbox_id mailbox;
    struct span key, record, value;
    struct buf name;
    size_t damaged = 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    buf_init(&name, LIMIT_STORE_KEY);
    while ((err = rows_next(it, &key, &record, &damaged)) > 0) {
        account_id user;
        if (mail_key_read_annotation(key, &mailbox, &user, &name) == 0 &&
            annotation_record_unpack(record, &value) == 0)
            err = counter_take(&e->account.annotation_bytes, bytes_of(buf_span(&name), value));
        if (err < 0)
            break;
        store_txn_del(e->t, key);
    }
    buf_done(&name);
    store_iter_close(it);
    return err < 0 ? err : 0;
}

int annotations_drop(struct edit *e, struct mailbox_id mailbox)
{
    return drop_rows(e, mail_key_mailbox_annotations(mailbox));
}

int annotations_drop_of(struct edit *e, struct mailbox_id mailbox, account_id user)
{
    struct mailbox_record box;
    uint64_t before = e->account.annotation_bytes;
    int err = drop_rows(e, mail_key_annotations(mailbox, user));
    if (err != 0 || e->account.annotation_bytes == before)
        return err;
    err = edit_mailbox_record(e, mailbox, &box);
    if (err == 0) {
        box.highest_modseq = edit_modseq(e).v;
        edit_mailbox_put(e, mailbox, &box);
    }
    return err == ERR_NOT_FOUND ? 0 : err;
}

int annotations_copy(struct edit *e, account_id owner, struct mailbox_id from, struct mailbox_id to)
{
    struct mail_key prefix = mail_key_mailbox_annotations(from);
    struct store_iter *it;
    struct span key, record;
    struct buf name;
    size_t damaged = 0;
    bool changed = false;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    buf_init(&name, LIMIT_STORE_KEY);
    while ((err = rows_next(it, &key, &record, &damaged)) > 0) {
        struct mail_annotation v = {0};
        struct mailbox_id mailbox;
        if (mail_key_read_annotation(key, &mailbox, &v.user, &name) != 0 ||
            annotation_record_unpack(record, &v.value) != 0)
            continue;
        struct mail_user guest = {.id = v.user};
        bool may = v.user == 0 || v.user == owner;
        err = may ? 0 : acl_has_rights(e, to, &guest, &may);
        v.name = buf_span(&name);
        if (err == 0 && may)
            err = put(e, to, &v, &changed);
        if (err < 0)
            break;
    }
    buf_done(&name);
    store_iter_close(it);
    return err < 0 ? err : e->account.annotation_bytes > LIMIT_ANNOTATION_BYTES ? ERR_QUOTA : 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Is it `top`, or at most `depth` levels below it? */
static bool is_within(struct span name, struct span top, unsigned depth)
{
    unsigned levels = 0;
    if (!span_starts(name, top))
        return false;
    if (name.n > top.n && name.p[top.n] != '/')
        return false;
    for (size_t k = top.n; k < name.n; k++)
        levels += name.p[k] == '/';
    return levels <= depth;
}

struct reading {
    const struct mail_annotation_range *in;
    struct span top, after; /* folded */
    struct arena *arena;
    struct mail_annotation *v;
    size_t n, bytes;
    bool more;
};

/* One row. */
static int take(struct reading *r, struct span name, struct span value)
{
    if (span_eq(name, r->after) || !is_within(name, r->top, r->in->depth))
        return 0;
    if (r->n > 0 && r->bytes + value.n > r->in->bytes) {
        r->more = true;
        return 0;
    }
    struct mail_annotation *v = &r->v[r->n];
    *v = (struct mail_annotation){.user = r->in->user,
                                  .name = arena_dup(r->arena, name),
                                  .value = arena_dup(r->arena, value)};
    if (v->name.p == NULL || (value.n > 0 && v->value.p == NULL))
        return arena_err(r->arena);
    r->bytes += name.n + value.n;
    r->n++;
    return 0;
}

static int read_rows(struct look *l, struct reading *r)
{
    struct mail_key prefix = mail_key_annotations(r->in->mailbox, r->in->user);
    struct span from = r->after.n > 0 ? r->after : r->top, key, record, value;
    struct store_iter *it;
    struct buf start, name;
    size_t damaged = 0;
    buf_init(&start, LIMIT_STORE_KEY);
    buf_init(&name, LIMIT_STORE_KEY);
    mail_key_annotation(&start, r->in->mailbox, r->in->user, from);
    int err = start.err;
    if (err == 0)
        err = store_snap_scan(l->snap, mail_key_span(&prefix), buf_span(&start), false, &it);
    if (err == 0) {
        while (!r->more && r->n < LIMIT_ANNOTATIONS &&
               (err = rows_next(it, &key, &record, &damaged)) > 0) {
            struct mailbox_id mailbox;
            account_id user;
            err = 0;
            if (mail_key_read_annotation(key, &mailbox, &user, &name) != 0 ||
                annotation_record_unpack(record, &value) != 0)
                continue;
            /* what sorts behind all that is below it begins otherwise */
            if (!span_starts(buf_span(&name), r->top))
                break;
            err = take(r, buf_span(&name), value);
            if (err != 0)
                break;
        }
        store_iter_close(it);
    }
    buf_done(&start);
    buf_done(&name);
    return err < 0 ? err : 0;
}

int mailbox_annotations(struct mail *m,
                        account_id id,
                        const struct mail_annotation_range *in,
                        struct arena *a,
                        struct mail_annotation **out,
                        size_t *n_out,
                        bool *more_out)
{
    struct reading r = {.in = in, .after = in->after, .arena = a};
    struct look l;
    int err = in->name.n == 0 ? 0 : mailbox_annotation_fold(in->name, a, &r.top);
    r.v = arena_array(a, LIMIT_ANNOTATIONS, sizeof *r.v);
    if (r.v == NULL)
        return ERR_NOMEM;
    if (err == 0)
        err = look_open(m, id, &l);
    if (err != 0)
        return err;
    err = read_rows(&l, &r);
    look_close(&l);
    if (err != 0)
        return err;
    *out = r.v;
    *n_out = r.n;
    *more_out = r.more;
    return 0;
}
