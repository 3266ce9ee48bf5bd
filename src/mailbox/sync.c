/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions that follow a mailbox ask: its head, its UIDs, some of its entries, what has changed. */
#include "mailbox/sync.h"

#include "base/err.h"
#include "mailbox/sets.h"

/* A mailbox of an older program has no sets yet: a transaction makes them. */
static int sets_run(struct store_txn *t, void *arg)
{
    struct mail_head *head = arg;
    struct mailbox_record box;
    struct edit e;
    int err = edit_open(&e, NULL, t);
    if (err == 0)
        err = edit_mailbox(&e, head->mailbox, &box);
    if (err == 0)
        edit_mailbox_put(&e, head->mailbox, &box);
    return err != 0 ? edit_drop(&e, err) : edit_close(&e, 0);
}

static int head_read(struct look *l, struct mailbox_id mailbox, struct mail_head *out, bool *sets)
{
    struct mail_key key = mail_key_mailbox(mailbox);
    struct mailbox_record box;
    struct span value;
    int err = look_get(l, &key, &value);
    if (err == 0)
        err = mailbox_record_unpack(value, &box);
    if (err == 0 && box.noselect)
        err = ERR_NOT_FOUND;
    if (err != 0)
        return err;
    *out = (struct mail_head){
        .mailbox = mailbox,
        .uidvalidity = box.uidvalidity,
        .uidnext = box.uidnext,
        .modseq = {box.highest_modseq},
        .messages = box.messages,
        .unseen = box.unseen,
    };
    *sets = box.sets;
    return 0;
}

/* A look at a mailbox that has its sets. */
static int head_open(
    struct mail *m, account_id id, struct mailbox_id mailbox, struct look *l, struct mail_head *out)
{
    bool sets = false;
    for (int i = 0; i < 2; i++) {
        int err = look_open_bare(m, id, l);
        if (err != 0)
            return err;
        err = head_read(l, mailbox, out, &sets);
        if (err == 0 && sets)
            return 0;
        if (err == ERR_NOT_FOUND)
            err = look_missing(l);
        look_close(l);
        if (err == 0)
            err = store_txn_run(m->store, part_of(id), sets_run, out);
        if (err != 0)
            return err;
    }
    return ERR_CONFLICT;
}

int mailbox_head(struct mail *m, account_id id, struct mailbox_id mailbox, struct mail_head *out)
{
    struct look l;
    bool sets;
    int err = look_open_bare(m, id, &l);
    if (err != 0)
        return err;
    err = head_read(&l, mailbox, out, &sets);
    if (err == ERR_NOT_FOUND)
        err = look_missing(&l);
    look_close(&l);
    return err;
}

int mailbox_uids(struct mail *m,
                 account_id id,
                 struct mailbox_id mailbox,
                 struct mail_head *head_out,
                 struct numset *uids)
{
    struct mail_head head;
    struct look l;
    int err = head_open(m, id, mailbox, &l, &head);
    if (err != 0)
        return err;
    err = sets_read(&l, &head, SET_ALL, uids);
    look_close(&l);
    if (err == 0)
        *head_out = head;
    return err;
}

int mailbox_set(
    struct mail *m, account_id id, struct mailbox_id mailbox, uint32_t set, struct numset *uids)
{
    struct mail_head head;
    struct look l;
    int err = head_open(m, id, mailbox, &l, &head);
    if (err != 0)
        return err;
    err = sets_read(&l, &head, set, uids);
    look_close(&l);
    return err;
}

/* ---- entries ----------------------------------------------------------------------------- */

enum {
    ITEMS_SCAN = 8,  /* so many are read with a scan, fewer one by one */
    ITEMS_DENSE = 4, /* if at least every fourth of the UIDs in between is wanted */
};

struct items {
    struct look l;
    struct mailbox_id mailbox;
    const struct numset *wanted;
    struct arena *arena;
    struct mail_item *v;
    size_t n, max;
    size_t damaged; /* left out; mailbox_check names them */
};

static void items_add(struct items *x, struct mail_uid uid, struct span value)
{
    struct entry_record r;
    if (entry_record_unpack(value, &r) != 0) {
        x->damaged++;
        return;
    }
    struct mail_item *item = &x->v[x->n];
    *item = (struct mail_item){
        .uid = uid,
        .flags = r.flags,
        .keywords = r.keywords,
        .modseq = {r.modseq},
        .created_modseq = {r.created_modseq},
        .message = r.message,
        .size = r.size,
        .received_ms = r.received_ms,
        .saved_ms = r.saved_ms,
    };
    x->n++;
}

static int items_get(struct items *x, uint32_t first, uint32_t last)
{
    int err = 0;
    for (uint32_t uid = first; err == 0 && uid <= last && x->n < x->max; uid++) {
        struct mail_key key = mail_key_entry(x->mailbox, (struct mail_uid){uid});
        struct span value;
        err = numset_has(x->wanted, uid) ? look_get(&x->l, &key, &value) : ERR_NOT_FOUND;
        if (err == 0)
            items_add(x, (struct mail_uid){uid}, value);
        else if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) {
            x->damaged += err == ERR_CORRUPT;
            err = 0;
        }
        if (uid == UINT32_MAX)
            break;
    }
    arena_reset(x->l.arena);
    return err;
}

static int items_scan(struct items *x, uint32_t first, uint32_t last)
{
    struct mail_key prefix = mail_key_entries(x->mailbox);
    struct mail_key from = mail_key_entry(x->mailbox, (struct mail_uid){first});
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0, before = x->n, damaged_before = x->damaged;
    int err = store_snap_scan(x->l.snap, mail_key_span(&prefix), mail_key_span(&from), false, &it);
    if (err != 0)
        return err;
    while (x->n < x->max && damaged == 0 && (err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mailbox_id mailbox;
        struct mail_uid uid;
        err = 0;
        if (mail_key_read_entry(key, &mailbox, &uid) != 0)
            continue;
        if (uid.v > last)
            break;
        if (numset_has(x->wanted, uid.v))
            items_add(x, uid, value);
    }
    store_iter_close(it);
    if (err < 0 || damaged == 0)
        return err < 0 ? err : 0;
    x->n = before; /* a scan passes over good entries beside damaged ones: view.c says why */
    x->damaged = damaged_before;
    return items_get(x, first, last);
}

/* The end of what one scan from `first` on reads, which is the first of a run up to `last`: more than that, where the runs
 * are many and the gaps small. */
static uint32_t scan_end(const struct items *x, uint32_t first, uint32_t last)
{
    uint32_t rank = numset_rank(x->wanted, first), end = numset_max(x->wanted);
    uint64_t n = numset_count(x->wanted) - rank + 1;
    if (n > x->max - x->n) { /* what does not fit waits for the next call */
        n = x->max - x->n;
        if (!numset_at(x->wanted, (uint32_t)(rank + n - 1), &end))
            end = last;
    }
    if (n >= ITEMS_SCAN && (uint64_t)end - first < n * ITEMS_DENSE)
        return end;
    return last < end ? last : end;
}

/* As many as fit, from `from` on; the UID to go on with, or 0. */
static int items_read(struct items *x, uint32_t from, uint32_t *next)
{
    uint32_t first, last;
    int err = 0;
    *next = 0;
    while (err == 0 && numset_run(x->wanted, from, &first, &last)) {
        if (x->n >= x->max) {
            *next = first;
            break;
        }
        last = scan_end(x, first, last);
        err = last - first >= ITEMS_SCAN ? items_scan(x, first, last) : items_get(x, first, last);
        if (last == UINT32_MAX)
            break;
        from = last + 1;
    }
    return err;
}

/* Message ids mostly ascend with UIDs, so that a scan of the summaries finds the next one at once; where that is not so,
 * or the scan meets damage, they are read one by one. */
enum {
    SUMMARIES_PASSED = 4, /* rows of other messages that a scan goes over for one */
    SUMMARIES_MISSED = 4, /* messages in a row that it does not find before it is given up */
};

struct summary_scan {
    struct store_iter *it; /* NULL: none */
    struct span key, value;
    int state; /* of store_iter_next: 1 there is a row */
    int missed;
};

static void scan_next(struct summary_scan *s)
{
    s->state = store_iter_next(s->it, &s->key, &s->value);
}

/* Is the row of `key` the one that the scan is at, or a little further on? */
static bool scan_reach(struct summary_scan *s, struct span key)
{
    for (int n = 0;
         s->it != NULL && s->state > 0 && span_cmp(s->key, key) < 0 && n < SUMMARIES_PASSED; n++)
        scan_next(s);
    return s->it != NULL && s->state > 0 && span_eq(s->key, key);
}

static int summary_get(struct items *x, struct summary_scan *s, struct mail_item *item)
{
    struct mail_key key = mail_key_summary(item->message);
    if (s->missed < SUMMARIES_MISSED && scan_reach(s, mail_key_span(&key))) {
        s->missed = 0;
        item->summary = arena_dup(x->arena, s->value);
        return item->summary.p == NULL && s->value.n > 0 ? arena_err(x->arena) : 0;
    }
    s->missed++;
    int err = store_snap_get(x->l.snap, mail_key_span(&key), x->arena, &item->summary);
    if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) { /* it can be derived from the body again */
        item->summary = SPAN_EMPTY;
        err = 0;
    }
    return err;
}

/* Up to so many bytes of them; the items behind those go, and *next_out is the first of them. */
static int summaries_read(struct items *x, size_t bytes_max, uint32_t *next_out)
{
    struct summary_scan s = {.it = NULL};
    size_t bytes = 0;
    int err = 0;
    if (x->n >= ITEMS_SCAN) {
        struct mail_key prefix = mail_key_table(TABLE_SUMMARY),
                        from = mail_key_summary(x->v[0].message);
        err =
            store_snap_scan(x->l.snap, mail_key_span(&prefix), mail_key_span(&from), false, &s.it);
        if (err != 0)
            return err;
        scan_next(&s);
    }
    for (size_t n = 0; err == 0 && n < x->n; n++) {
        err = summary_get(x, &s, &x->v[n]);
        bytes += x->v[n].summary.n;
        if (bytes_max == 0 || bytes < bytes_max || n + 1 == x->n)
            continue;
        *next_out = x->v[n + 1].uid.v;
        x->n = n + 1;
    }
    if (s.it != NULL)
        store_iter_close(s.it);
    return err;
}

int mailbox_items(struct mail *m,
                  account_id id,
                  const struct mail_range *in,
                  struct arena *a,
                  struct mail_item **out,
                  size_t *n_out,
                  uint32_t *next_out)
{
    struct items x = {.mailbox = in->mailbox, .wanted = in->uids, .arena = a};
    uint64_t count = numset_count(in->uids);
    x.max = count < in->max ? (size_t)count : in->max;
    x.v = arena_array(a, x.max + 1, sizeof *x.v);
    if (x.v == NULL)
        return arena_err(a);
    int err = look_open_bare(m, id, &x.l);
    if (err != 0)
        return err;
    err = items_read(&x, in->from, next_out);
    if (err == 0 && x.n == 0 && look_missing(&x.l) == ERR_NO_USER)
        err = ERR_NO_USER;
    if (err == 0 && in->summaries)
        err = summaries_read(&x, in->bytes, next_out);
    look_close(&x.l);
    *out = x.v;
    *n_out = x.n;
    if (in->damaged_out != NULL)
        *in->damaged_out += x.damaged;
    return err;
}

/* ---- changes ----------------------------------------------------------------------------- */

/* The UIDs of one mailbox in CHANGE or TOMBSTONE beyond a mod-sequence. */
static int changes_scan(struct look *l,
                        enum mail_table table,
                        struct mailbox_id mailbox,
                        struct modseq since,
                        struct numset *out,
                        size_t *damaged)
{
    struct mail_place lowest = {.mailbox = {0}, .uid = {0}};
    struct modseq next = {since.v + 1};
    struct mail_key prefix = mail_key_table(table);
    struct mail_key from =
        table == TABLE_CHANGE ? mail_key_change(next, lowest) : mail_key_tombstone(next, lowest);
    struct store_iter *it;
    struct span key, value;
    if (since.v == UINT64_MAX)
        return 0;
    int err = store_snap_scan(l->snap, mail_key_span(&prefix), mail_key_span(&from), false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, damaged)) > 0) {
        struct modseq modseq;
        struct mail_place at;
        if (mail_key_read_modseq(key, table, &modseq, &at) != 0)
            (*damaged)++;
        else if (at.mailbox.v == mailbox.v)
            numset_add(out, at.uid.v);
    }
    store_iter_close(it);
    return err;
}

static bool has_tombstones(const struct account_record *a, struct modseq since)
{
    return a->tombstones > 0 && (a->tombstone_modseq == 0 || a->tombstone_modseq > since.v);
}

int mailbox_changes(struct mail *m,
                    account_id id,
                    struct mailbox_id mailbox,
                    struct modseq since,
                    struct mail_head *head_out,
                    struct numset *changed,
                    struct numset *gone,
                    bool *complete_out)
{
    struct mail_head head;
    struct look l;
    bool sets;
    size_t damaged = 0, lost = 0;
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    err = head_read(&l, mailbox, &head, &sets);
    if (err == 0 && head.modseq.v > since.v) {
        err = changes_scan(&l, TABLE_CHANGE, mailbox, since, changed, &damaged);
        if (err == 0 && has_tombstones(&l.account, since))
            err = changes_scan(&l, TABLE_TOMBSTONE, mailbox, since, gone, &lost);
        if (err == 0 && damaged > 0) /* what changed cannot be told: all may have */
            err = sets_read(&l, &head, SET_ALL, changed);
    }
    bool complete = since.v >= l.account.changes_from && lost == 0;
    look_close(&l);
    if (err == 0)
        err = changed->err != 0 ? changed->err : gone->err;
    if (err != 0)
        return err;
    *head_out = head;
    *complete_out = complete;
    return 0;
}
