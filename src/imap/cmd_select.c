/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3) with CONDSTORE and QRESYNC (RFC 7162 §3.1.8, §3.2.5); CLOSE's kin
 * UNSELECT (RFC 3691). */
#include "imap/place.h"

/* ---- opening ------------------------------------------------------------------------------- */

/* On the thread that has committed. */
static void on_change(void *arg, struct part part)
{
    struct imap_watch *w = arg;
    (void)part;
    (void)__atomic_add_fetch(&w->commits, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&w->changed, true, __ATOMIC_RELEASE);
    if (__atomic_load_n(&w->idling, __ATOMIC_ACQUIRE))
        w->waker->post(w->waker);
}

int imap_box_open(struct imap *i, const struct imap_place *at, struct mail_head *head_out)
{
    struct imap_selected *box = calloc(1, sizeof *box);
    struct part part = {PART_ACCOUNT, at->account};
    if (box == NULL)
        return ERR_NOMEM;
    box->account = at->account;
    box->id = at->box.id;
    box->rights = at->rights;
    box->watch.waker = i->s.waker;
    if (at->account != i->account) {
        box->shown = calloc(1, LIMIT_KEYWORDS / 8 + 1);
        if (box->shown == NULL) {
            free(box);
            return ERR_NOMEM;
        }
    }
    numset_init(&box->uids);
    numset_init(&box->gone);
    numset_init(&box->owed);
    numset_init(&box->saved);
    numset_init(&box->own);
    i->box = box;
    /* watched from before it is read: no change falls in between */
    int err = store_watch(i->server->store, part, on_change, &box->watch, &box->watch.watch);
    if (err == 0)
        err = mailbox_uids(i->server->mail, box->account, box->id, head_out, &box->uids);
    if (err != 0) {
        imap_box_close(i);
        return err;
    }
    box->uidvalidity = head_out->uidvalidity;
    box->modseq = box->sure = head_out->modseq;
    i->state = IMAP_SELECTED;
    imap_listen(i);
    return 0;
}

void imap_box_close(struct imap *i)
{
    struct imap_selected *box = i->box;
    if (box == NULL)
        return;
    store_unwatch(box->watch.watch);
    numset_done(&box->uids);
    numset_done(&box->gone);
    numset_done(&box->owed);
    numset_done(&box->saved);
    numset_done(&box->own);
    imap_contexts_free(box->contexts);
    free(box->shown);
    free(box);
    i->box = NULL;
    if (i->state == IMAP_SELECTED)
        i->state = IMAP_AUTHENTICATED;
}

/* ---- parameters ---------------------------------------------------------------------------- */

struct select {
    const struct imap_arg *name;
    bool read_only;
    bool qresync;
    uint64_t uidvalidity, modseq;
    struct span known;          /* a set of UIDs; empty: all */
    struct span numbers, match; /* sequence match data; empty: none */
};

static bool is_set(struct span text)
{
    struct numset set;
    bool beyond;
    numset_init(&set);
    int err = imap_set_parse(text, 1, &set, &beyond);
    numset_done(&set);
    return err == 0 && span_chr(text, '*') < 0; /* RFC 7162 §3.2.5.1: not allowed there */
}

/* (uidvalidity modseq [known-uids] [(numbers uids)]) */
static bool read_qresync(const struct imap_arg *list, struct select *x)
{
    if (list == NULL || list->kind != IMAP_LIST)
        return false;
    const struct imap_arg *a = list->child;
    if (!imap_arg_number(a, &x->uidvalidity) || !imap_arg_number(a->next, &x->modseq))
        return false;
    a = a->next->next;
    if (a != NULL && a->kind == IMAP_ATOM) {
        x->known = a->text;
        if (!is_set(x->known))
            return false;
        a = a->next;
    }
    if (a == NULL)
        return true;
    if (a->kind != IMAP_LIST || a->next != NULL || imap_args_count(a->child) != 2)
        return false;
    x->numbers = a->child->text;
    x->match = a->child->next->text;
    return is_set(x->numbers) && is_set(x->match);
}

/* The step of a refusal, or STEP_DONE with *ok. */
static enum step read_params(struct imap *i, const struct imap_arg *a, struct select *x, bool *ok)
{
    *ok = false;
    if (a != NULL && (a->kind != IMAP_LIST || a->next != NULL))
        return imap_bad_args(i);
    for (a = a == NULL ? NULL : a->child; a != NULL; a = a->next) {
        if (imap_arg_is(a, SPAN("CONDSTORE"))) {
            i->enabled |= IMAP_ON_CONDSTORE;
            continue;
        }
        if (!imap_arg_is(a, SPAN("QRESYNC")))
            return imap_bad(i, "There is no such parameter");
        if ((i->enabled & IMAP_ON_QRESYNC) == 0)
            return imap_bad(i, "Please write ENABLE QRESYNC first");
        if (!read_qresync(a->next, x))
            return imap_bad_args(i);
        if (x->numbers.n > 0 && (i->enabled & IMAP_ON_UIDONLY) != 0)
            return imap_uid_required(i); /* RFC 9586 §3.7 */
        x->qresync = true;
        a = a->next;
    }
    *ok = true;
    return STEP_DONE;
}

/* ---- QRESYNC ------------------------------------------------------------------------------- */

/* Without what the client is known to know: all up to the last pair that is still right (§3.2.5.2). No pair beyond the
 * number of messages, or beyond `last`, is. */
static int
match(const struct select *x, const struct numset *uids, uint32_t last, struct numset *vanished)
{
    struct numset numbers, known;
    uint32_t n, uid, at, sure = 0;
    bool beyond;
    numset_init(&numbers);
    numset_init(&known);
    int err = imap_set_parse(x->numbers, (uint32_t)numset_count(uids), &numbers, &beyond);
    if (err == 0)
        err = imap_set_parse(x->match, last, &known, &beyond);
    bool on = err == 0 && numset_first(&numbers, &n) && numset_first(&known, &uid);
    while (on) {
        if (numset_at(uids, n, &at) && at == uid)
            sure = uid;
        on = numset_next(&numbers, &n) && numset_next(&known, &uid);
    }
    if (sure > 0)
        numset_remove_range(vanished, 1, sure);
    numset_done(&numbers);
    numset_done(&known);
    return err;
}

/* What went and what changed since the client was here; of its known UIDs. */
static int resume(struct imap *i,
                  const struct select *x,
                  const struct mail_head *then,
                  struct numset *vanished,
                  struct numset *changed)
{
    struct modseq since = {x->modseq};
    struct mail_head head;
    struct numset known;
    bool complete, beyond;
    uint32_t last = then->uidnext - 1;
    int err = mailbox_changes(i->server->mail, i->box->account, i->box->id, since, &head, changed,
                              vanished, &complete);
    if (err != 0)
        return err;
    numset_and(changed, &i->box->uids);
    if (!complete && last > 0)
        numset_add_range(vanished, 1, last);
    numset_andnot(vanished, &i->box->uids); /* what went since is told soon enough */
    numset_init(&known);
    if (x->known.n > 0) {
        err = imap_set_parse(x->known, last, &known, &beyond);
        numset_and(changed, &known);
        numset_and(vanished, &known);
    }
    if (err == 0 && x->numbers.n > 0)
        err = match(x, &i->box->uids, last, vanished);
    numset_done(&known);
    return err != 0 ? err : changed->err != 0 ? changed->err : vanished->err;
}

/* ---- answering ------------------------------------------------------------------------------ */

/* RFC 4314 §5.2 */
static enum step selected(struct imap *i)
{
    const uint32_t writes =
        RIGHT_INSERT | RIGHT_EXPUNGE | RIGHT_SEEN | RIGHT_WRITE | RIGHT_DELETE_MESSAGES;
    if (i->box->read_only || (i->box->rights & writes) == 0)
        return imap_ok(i, SPAN("READ-ONLY"), "Opened for reading only");
    return imap_ok(i, SPAN("READ-WRITE"), "Opened");
}

/* RFC 3501 §6.3.1: the first unseen message. IMAP4rev2 has none of it. */
static int tell_unseen(struct imap *i, const struct mail_head *head)
{
    struct numset unseen;
    if (head->unseen == 0 || (i->enabled & (IMAP_ON_REV2 | IMAP_ON_UIDONLY)) != 0)
        return 0;
    numset_init(&unseen);
    int err = mailbox_set(i->server->mail, i->box->account, i->box->id, SET_UNSEEN, &unseen);
    numset_and(&unseen, &i->box->uids);
    if (err == 0 && !numset_is_empty(&unseen))
        buf_printf(i->s.out, "* OK [UNSEEN %u] The first unseen message\r\n",
                   numset_rank(&i->box->uids, numset_min(&unseen)));
    numset_done(&unseen);
    return err;
}

static int tell_box(struct imap *i, const struct imap_place *at, const struct mail_head *head)
{
    struct buf *out = i->s.out;
    int err = imap_keywords(i);
    if (err != 0)
        return err;
    imap_tell_flags(i);
    imap_tell_exists(i);
    err = tell_unseen(i, head);
    if (err != 0)
        return err;
    buf_printf(out, "* OK [UIDVALIDITY %u] UIDs are valid\r\n", head->uidvalidity);
    buf_printf(out, "* OK [UIDNEXT %u] Predicted next UID\r\n", head->uidnext);
    imap_tell_permanent_flags(i);
    buf_printf(out, "* OK [HIGHESTMODSEQ %llu] Highest mod-sequence\r\n",
               (unsigned long long)head->modseq.v);
    buf_puts(out, "* OK [MAILBOXID (");
    imap_write_mailbox_id(i, out, at->account, at->box.id);
    buf_puts(out, ")] Its identity\r\n");
    if (imap_is_secure(i)) /* RFC 4467 §8, §10 */
        buf_puts(out, "* OK [URLMECH INTERNAL] URLs can be signed\r\n");
    return (i->enabled & IMAP_ON_REV2) != 0 ? imap_list_selected(i, at) : 0;
}

static enum step resume_begin(struct imap *i, const struct select *x, const struct mail_head *head)
{
    struct numset vanished, changed;
    numset_init(&vanished);
    numset_init(&changed);
    int err = resume(i, x, head, &vanished, &changed);
    if (err == 0)
        return imap_sync_resume(i, &vanished, &changed, selected);
    numset_done(&vanished);
    numset_done(&changed);
    imap_box_close(i);
    return imap_no_of(i, err);
}

static enum step open_box(struct imap *i, const struct select *x)
{
    struct imap_place at;
    struct mail_head head;
    int err = imap_place_find(i, x->name, &at);
    if (err == 0 && at.box.noselect)
        err = ERR_NOT_FOUND;
    if (err == 0)
        err = imap_place_needs(&at, RIGHT_READ);
    if (err == ERR_NOT_FOUND)
        return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    if (err == 0)
        err = imap_box_open(i, &at, &head);
    if (err != 0)
        return imap_no_of(i, err);
    i->box->read_only = x->read_only;
    err = tell_box(i, &at, &head);
    if (err != 0) {
        imap_box_close(i);
        return imap_no_of(i, err);
    }
    if (x->qresync && x->uidvalidity == head.uidvalidity)
        return resume_begin(i, x, &head);
    return selected(i);
}

static enum step select_or_examine(struct imap *i, const struct imap_arg *args, bool read_only)
{
    struct select x = {.read_only = read_only};
    bool ok;
    if (args == NULL || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    x.name = args;
    enum step step = read_params(i, args->next, &x, &ok);
    if (!ok)
        return step;
    if (i->box != NULL) { /* RFC 9051 §7.1: what follows is about another mailbox */
        imap_box_close(i);
        buf_puts(i->s.out, "* OK [CLOSED] The mailbox before is closed\r\n");
    }
    return open_box(i, &x);
}

enum step imap_cmd_select(struct imap *i, const struct imap_arg *args)
{
    return select_or_examine(i, args, false);
}

enum step imap_cmd_examine(struct imap *i, const struct imap_arg *args)
{
    return select_or_examine(i, args, true);
}

enum step imap_cmd_unselect(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    imap_box_close(i);
    return imap_ok(i, SPAN_EMPTY, "Closed");
}
