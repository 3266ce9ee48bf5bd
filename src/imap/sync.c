/* SPDX-License-Identifier: Apache-2.0 */
/* What has changed in the selected mailbox, told to the client (RFC 9051 §5.2, §7.4, RFC 7162 §3.2.10).
 *
 * box->uids is what the client believes; box->modseq how far it was told. Changes since then are collected in
 * one read and told in steps: expunges first, where the command allows them (they stay in box->gone until one
 * does), then the new number of messages, then flags by the numbers that are right after both, then what that changes in
 * searches. */
#include "imap/place.h"

#include "base/log.h"

enum {
    FLAGS_BATCH = 200,    /* entries read at once */
    VANISHED_RUNS = 1000, /* in one line */
    SYNC_ARENA = 512 * 1024,
};

struct imap_sync {
    struct numset changed; /* whose flags are to be told */
    struct numset earlier; /* VANISHED (EARLIER), at SELECT */
    struct numset fresh;   /* new ones, of which more may be told */
    size_t told;           /* so many who want more of them have it */
    struct numset results; /* which may have come into results of searches, or left them */
    uint32_t from;         /* the next of `changed`; 0: none is left */
    bool expunges;         /* may be told */
    bool exists;           /* the number of messages is to be told */
    bool resuming;         /* a mailbox is opened, and the client believes to know it all then */
    struct arena *arena;   /* of one batch */
    enum step (*then)(struct imap *i);
};

static void sync_free(struct imap_sync *y)
{
    numset_done(&y->changed);
    numset_done(&y->earlier);
    numset_done(&y->fresh);
    numset_done(&y->results);
    arena_free(y->arena);
    free(y);
}

static void sync_drop(struct imap *i, void *data)
{
    (void)i;
    sync_free(data);
}

static struct imap_sync *sync_new(enum step (*then)(struct imap *i))
{
    struct imap_sync *y = calloc(1, sizeof *y);
    if (y == NULL)
        return NULL;
    y->arena = arena_new(SYNC_ARENA);
    y->then = then;
    if (y->arena == NULL) {
        free(y);
        return NULL;
    }
    return y;
}

/* ---- collecting ------------------------------------------------------------------------------ */

/* The mailbox is not there any more: it is empty for this client, as RFC 2180 §3.3 proposes. */
static void all_gone(struct imap_selected *box)
{
    numset_or(&box->gone, &box->uids);
    box->read_only = true;
    box->deleted = true;
}

static int gone_by_comparing(struct imap *i, struct numset *gone)
{
    struct mail_head head;
    struct numset now;
    numset_init(&now);
    int err = mailbox_uids(i->server->mail, i->box->account, i->box->id, &head, &now);
    if (err == 0)
        err = numset_copy(gone, &i->box->uids);
    numset_andnot(gone, &now);
    numset_done(&now);
    return err != 0 ? err : gone->err;
}

static bool is_ours(const struct mail_stored *s, struct modseq modseq)
{
    bool alone = s->n > 0 && s->last.v - s->first.v == s->n - 1;
    return s->n > 0 &&
           (modseq.v == s->last.v || (alone && modseq.v >= s->first.v && modseq.v < s->last.v));
}

/* The client knows its flags by itself. What somebody else has done to it since our STORE was committed has a later
 * mod-sequence; where others came between the parts of a long STORE, more is told than would be needed. */
static bool is_quiet(const struct imap *i, const struct mail_item *m)
{
    return numset_has(&i->quiet, m->uid.v) && is_ours(&i->stored, m->modseq);
}

static int apply(struct imap *i,
                 struct imap_sync *y,
                 struct modseq modseq,
                 struct numset *gone,
                 struct numset *added)
{
    struct imap_selected *box = i->box;
    numset_and(gone, &box->uids);
    numset_or(&y->changed, &i->loud);
    numset_or(&y->changed, &box->owed);
    numset_clear(&box->owed);
    int err = numset_copy(added, &y->changed);
    if (err == 0 && box->contexts != NULL)
        err = numset_copy(&y->results, &y->changed);
    numset_andnot(&y->results, gone);
    numset_andnot(added, &box->uids);
    numset_and(&y->changed, &box->uids);
    numset_andnot(&y->changed, gone);
    if ((i->enabled & IMAP_ON_CONDSTORE) == 0 && is_ours(&i->stored, modseq))
        numset_andnot(&y->changed, &i->quiet); /* all of them: they need not be read */
    if (err == 0)
        err = y->changed.err != 0 ? y->changed.err : added->err != 0 ? added->err : gone->err;
    if (err != 0)
        return err;
    if ((imap_notify_wants(i) & IMAP_WANTS_FLAGS) == 0)
        numset_and(&y->changed, &i->loud);
    y->exists = !numset_is_empty(added);
    if (imap_notify_items(i).n > 0 || box->contexts != NULL)
        err = numset_copy(&y->fresh, added);
    numset_andnot(&y->fresh, &box->own);
    numset_clear(&box->own);
    if (err != 0)
        return err;
    numset_or(&box->gone, gone);
    numset_or(&box->uids, added);
    return box->uids.err != 0 ? box->uids.err : box->gone.err;
}

uint64_t imap_sync_mark(const struct imap *i)
{
    return __atomic_load_n(&i->box->watch.commits, __ATOMIC_ACQUIRE);
}

/* Who committed to this mailbox before us has raised `before`; who did after us, and whoever of them is heard of only
 * later, raises the count, or sets `changed` again. */
void imap_sync_own(struct imap *i, uint64_t mark, struct modseq before, struct modseq now)
{
    if (before.v == i->box->modseq.v)
        i->alone = (struct imap_alone){mark + 1, now};
}

/* Nobody else has changed anything; `changed` was taken back before. */
static bool is_alone(const struct imap *i)
{
    return i->alone.commits != 0 && imap_sync_mark(i) == i->alone.commits &&
           numset_is_empty(&i->quiet);
}

/* Without a look where nothing has `changed`, or only what this session has done. */
static int collect(struct imap *i, struct imap_sync *y, bool changed)
{
    struct imap_selected *box = i->box;
    struct numset gone, added;
    struct mail_head head = {.uidvalidity = box->uidvalidity,
                             .modseq = changed ? i->alone.modseq : box->modseq};
    bool complete = true;
    int err = 0;
    numset_init(&gone);
    numset_init(&added);
    if (!changed || is_alone(i))
        numset_or(&y->changed, &box->own);
    else
        err = mailbox_changes(i->server->mail, i->box->account, box->id, box->modseq, &head,
                              &y->changed, &gone, &complete);
    if (err == ERR_NOT_FOUND || err == ERR_NO_USER ||
        (err == 0 && head.uidvalidity != box->uidvalidity)) {
        numset_clear(&y->changed);
        all_gone(box);
        err = 0;
    } else if (err == 0) {
        if (!complete)
            err = gone_by_comparing(i, &gone);
        if (err == 0)
            err = apply(i, y, head.modseq, &gone, &added);
        if (err == 0)
            box->modseq = head.modseq;
    }
    numset_done(&gone);
    numset_done(&added);
    return err;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* Up to `max` runs of the lowest numbers, which leave the set. */
static void runs_take(struct numset *from, size_t max, struct numset *out)
{
    uint32_t first, last = 0;
    for (size_t n = 0; n < max && last < UINT32_MAX && numset_run(from, last + 1, &first, &last);
         n++)
        numset_add_range(out, first, last);
    numset_andnot(from, out);
}

static void forget(struct imap_selected *box, const struct numset *told)
{
    numset_andnot(&box->uids, told);
    numset_andnot(&box->saved, told);
}

static void tell_vanished(struct imap *i, struct numset *from, bool earlier)
{
    struct numset part;
    numset_init(&part);
    runs_take(from, VANISHED_RUNS, &part);
    buf_puts(i->s.out, earlier ? "* VANISHED (EARLIER) " : "* VANISHED ");
    imap_set_write(i->s.out, &part);
    buf_puts(i->s.out, "\r\n");
    if (!earlier)
        forget(i->box, &part);
    numset_done(&part);
}

/* From the highest down, so that a number that is told changes none that is still to be. */
static void tell_expunges(struct imap *i)
{
    struct imap_selected *box = i->box;
    struct numset told;
    numset_init(&told);
    while (i->s.out->n < IMAP_OUT_STEP && !numset_is_empty(&box->gone)) {
        uint32_t uid = numset_max(&box->gone);
        buf_printf(i->s.out, "* %u EXPUNGE\r\n", numset_rank(&box->uids, uid));
        numset_remove(&box->gone, uid);
        numset_add(&told, uid);
    }
    forget(box, &told);
    numset_done(&told);
}

void imap_tell_exists(struct imap *i)
{
    buf_printf(i->s.out, "* %llu EXISTS\r\n", (unsigned long long)numset_count(&i->box->uids));
    /* RFC 9051 §A.2 has none of it; nothing is ever recent here */
    if ((i->enabled & IMAP_ON_REV2) == 0)
        buf_puts(i->s.out, "* 0 RECENT\r\n");
}

static int tell_item(struct imap *i, const struct mail_item *m)
{
    struct buf *out = i->s.out;
    bool quiet = is_quiet(i, m);
    int err = 0;
    if (quiet && (i->enabled & IMAP_ON_CONDSTORE) == 0)
        return 0;
    bool only = (i->enabled & IMAP_ON_UIDONLY) != 0; /* then it is told already */
    if (m->keywords.n > 0 && m->keywords.v[m->keywords.n - 1] >= i->keywords_n)
        err = imap_keywords(i); /* before half of a response is written */
    if (err != 0)
        return err;
    imap_write_fetch(i, m->uid.v);
    /* RFC 9051 §7.5.2, RFC 7162 §3.2.4, RFC 5465 §5.1: what was not asked for names its UID */
    bool named =
        i->uid || (i->enabled & (IMAP_ON_CONDSTORE | IMAP_ON_REV2)) != 0 || i->notify != NULL;
    if (named && !only)
        buf_printf(out, "UID %u ", m->uid.v);
    if (!quiet) {
        buf_puts(out, "FLAGS ");
        err = imap_write_flags(i, m->flags, &m->keywords);
    }
    if ((i->enabled & IMAP_ON_CONDSTORE) != 0) {
        buf_printf(out, "%sMODSEQ (%llu)", quiet ? "" : " ", (unsigned long long)m->modseq.v);
        imap_told_modseq(i, m->modseq);
    }
    buf_puts(out, ")\r\n");
    return err;
}

static int tell_batch(struct imap *i, struct imap_sync *y)
{
    struct mail_range range = {
        .mailbox = i->box->id, .uids = &y->changed, .from = y->from, .max = FLAGS_BATCH};
    struct mail_item *v;
    uint32_t from = y->from;
    size_t n;
    arena_reset(y->arena);
    int err = mailbox_items(i->server->mail, i->box->account, &range, y->arena, &v, &n, &y->from);
    if (err == 0)
        imap_tell_keywords(i, v, n);
    for (size_t k = 0; err == 0 && k < n; k++)
        err = tell_item(i, &v[k]);
    if (err != 0)
        y->from = from;
    return err;
}

/* Of what is new and who wants to know more (RFC 5465 §5.2, §7): NOTIFY, then one search after the other. */
static enum step tell_more(struct imap *i)
{
    struct imap_sync *y = i->telling;
    enum step (*then)(struct imap * i) = y->then;
    struct span items = imap_notify_items(i);
    struct numset uids;
    bool more = !numset_is_empty(&y->fresh);
    numset_init(&uids);
    while (more) {
        if (numset_copy(&uids, &y->fresh) != 0)
            break;
        more = y->told == 0 || imap_contexts_want(i, y->told - 1, &uids, &items);
        y->told++;
        if (more && items.n > 0 && !numset_is_empty(&uids))
            return imap_fetch_told(i, &uids, items, tell_more);
    }
    numset_done(&uids);
    i->telling = NULL;
    sync_free(y);
    return then(i);
}

void imap_sync_forget(struct imap *i)
{
    if (i->telling != NULL)
        sync_free(i->telling);
    i->telling = NULL;
}

void imap_told_modseq(struct imap *i, struct modseq modseq)
{
    if (modseq.v > i->box->told.v)
        i->box->told = modseq;
}

/* RFC 7162 §3.2: what a client that is cut off now has to come back with, lest it never hears of changes that wait, or are
 * not known yet, although it was told of later ones (§6 has an example). */
static void tell_sure(struct imap *i)
{
    struct imap_selected *box = i->box;
    if (numset_is_empty(&box->gone) && numset_is_empty(&box->owed))
        box->sure = box->modseq;
    if ((i->enabled & IMAP_ON_CONDSTORE) != 0 && box->told.v > box->sure.v)
        buf_printf(i->s.out, "* OK [HIGHESTMODSEQ %llu] Changes wait to be told\r\n",
                   (unsigned long long)box->sure.v);
    box->told = (struct modseq){0};
}

static enum step sync_end(struct imap *i, struct imap_sync *y)
{
    tell_sure(i);
    numset_shrink(&i->box->uids);
    arena_shrink(y->arena);
    i->task = (struct imap_task){0};
    i->telling = y;
    return tell_more(i);
}

/* The next command tells them. */
static void tell_again(struct imap *i, struct imap_sync *y, int err)
{
    log_event(imap_fault_level(err), "imap.changes", LOG_Z("account", i->address), LOG_ERR(err));
    if (y->from > 1)
        numset_remove_range(&y->changed, 1, y->from - 1);
    numset_or(&i->box->owed, &y->changed);
    y->from = 0;
}

/* A client that resumes would remember HIGHESTMODSEQ, and never hear of what could not be read now. */
static enum step resume_failed(struct imap *i, int err)
{
    log_event(imap_fault_level(err), "imap.resume", LOG_Z("account", i->address), LOG_ERR(err));
    imap_task_end(i);
    imap_box_close(i);
    return imap_no_of(i, err);
}

static enum step go_on(struct imap *i)
{
    struct imap_sync *y = i->task.data;
    struct imap_selected *box = i->box;
    while (i->s.out->n < IMAP_OUT_STEP) {
        if (!numset_is_empty(&y->earlier)) {
            tell_vanished(i, &y->earlier, true);
        } else if (y->expunges && !numset_is_empty(&box->gone)) {
            if (imap_contexts_gone(i))
                continue;
            if ((i->enabled & (IMAP_ON_QRESYNC | IMAP_ON_UIDONLY)) != 0)
                tell_vanished(i, &box->gone, false);
            else
                tell_expunges(i);
        } else if (y->exists) {
            y->exists = false;
            imap_tell_exists(i);
        } else if (y->from != 0) {
            int err = tell_batch(i, y);
            if (err != 0 && y->resuming)
                return resume_failed(i, err);
            if (err != 0)
                tell_again(i, y, err);
        } else if (!numset_is_empty(&y->results)) { /* RFC 5465 §5.1: behind the flags */
            if (imap_contexts_update(i, &y->results) > 0)
                return STEP_MORE;
            numset_clear(&y->results);
        } else {
            return sync_end(i, y);
        }
    }
    return STEP_MORE;
}

/* ---- beginning ------------------------------------------------------------------------------- */

bool imap_sync_needed(const struct imap *i)
{
    return i->box != NULL && (__atomic_load_n(&i->box->watch.changed, __ATOMIC_ACQUIRE) ||
                              !numset_is_empty(&i->loud) || !numset_is_empty(&i->box->gone) ||
                              !numset_is_empty(&i->box->owed));
}

static enum step begin(struct imap *i, struct imap_sync *y)
{
    if (!numset_is_empty(&y->changed))
        y->from = numset_min(&y->changed);
    return imap_task_begin(i, (struct imap_task){.go_on = go_on, .drop = sync_drop, .data = y});
}

static bool is_muted(const struct imap *i)
{
    return (imap_notify_wants(i) & IMAP_WANTS_MESSAGES) == 0;
}

void imap_expunged(struct imap *i, const struct numset *uids)
{
    struct mail_head head;
    struct numset gone, now;
    if (!is_muted(i))
        return;
    numset_init(&gone);
    numset_init(&now);
    int err = mailbox_uids(i->server->mail, i->box->account, i->box->id, &head, &now);
    if (err == 0)
        err = numset_copy(&gone, uids);
    numset_and(&gone, &i->box->uids);
    numset_andnot(&gone, &now);
    if (err == 0 && gone.err == 0)
        numset_or(&i->box->gone, &gone);
    numset_done(&gone);
    numset_done(&now);
}

/* RFC 5465 §3.1: the client wants to hear of nothing but what it has done. */
static enum step sync_loud(struct imap *i, struct imap_sync *y)
{
    numset_or(&y->changed, &i->loud);
    numset_and(&y->changed, &i->box->uids);
    numset_andnot(&y->changed, &i->box->gone);
    return begin(i, y);
}

/* RFC 4314 §5.1.1: of a mailbox of others that the user may not read any more, nothing is told. */
static bool is_readable(struct imap *i)
{
    int err = imap_box_readable(i);
    if (err != 0 && err != ERR_DENIED)
        log_event(imap_fault_level(err), "imap.rights", LOG_Z("account", i->address), LOG_ERR(err));
    return err == 0;
}

enum step imap_sync(struct imap *i, bool expunges, enum step (*then)(struct imap *i))
{
    struct imap_selected *box = i->box;
    bool muted = is_muted(i);
    if (box == NULL || (imap_sync_needed(i) && !is_readable(i)))
        return then(i);
    struct imap_sync *y = NULL;
    if (imap_sync_needed(i) && !(muted && numset_is_empty(&i->loud) && numset_is_empty(&box->gone)))
        y = sync_new(then);
    if (y == NULL) {
        tell_sure(i);
        return then(i);
    }
    y->expunges = expunges;
    if (muted)
        return sync_loud(i, y);
    bool changed = __atomic_exchange_n(&box->watch.changed, false, __ATOMIC_ACQ_REL);
    if (changed || !numset_is_empty(&i->loud) || !numset_is_empty(&box->owed)) {
        int err = collect(i, y, changed);
        if (err != 0) { /* it is tried again after the next command */
            log_event(imap_fault_level(err), "imap.changes", LOG_Z("account", i->address),
                      LOG_ERR(err));
            __atomic_store_n(&box->watch.changed, true, __ATOMIC_RELEASE);
            sync_free(y);
            tell_sure(i);
            return then(i);
        }
    }
    return begin(i, y);
}

enum step imap_sync_resume(struct imap *i,
                           struct numset *earlier,
                           struct numset *changed,
                           enum step (*then)(struct imap *i))
{
    struct imap_sync *y = sync_new(then);
    if (y == NULL) {
        numset_done(earlier);
        numset_done(changed);
        return then(i);
    }
    y->resuming = true;
    y->earlier = *earlier;
    y->changed = *changed;
    return begin(i, y);
}
