/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH and UID FETCH (RFC 9051 §6.4.5, §6.4.9): a cursor over the UIDs asked for. A batch of entries is read at a time, and
 * between two steps only the reader of one body is kept.
 *
 * \Seen is set for a batch before it is sent, and no batch that sets it is larger than what is on its way at once, so
 * that a client that goes away has not "read" what it never got. The change of flags is told before the tagged
 * answer, as every change is. */
#include "imap/fetch_impl.h"

#include "base/log.h"
#include "imap/print.h"
#include "mailbox/acl.h"

enum {
    BATCH = 256,              /* entries read at once */
    BATCH_SUMMARIES = 32,     /* with their summaries */
    BATCH_BYTES = 128 * 1024, /* of summaries: kept while a client takes the answer, or does not */
    SEEN_BYTES = 256 * 1024,  /* of messages that are marked as seen at once; or a single one */
    BATCH_ARENA = BATCH_SUMMARIES * (2 * LIMIT_SUMMARY) + 1024 * 1024,
    VANISHED_RUNS = 1000, /* in one line */
};

static void fetch_drop(struct imap *i, void *data)
{
    struct fetch *f = data;
    (void)i;
    fetch_message_close(f);
    fetch_stream_done(&f->stream);
    numset_done(&f->uids);
    numset_done(&f->vanished);
    arena_free(f->batch);
    arena_free(f->parts);
    free(f);
}

static struct fetch *fetch_new(const struct imap *i)
{
    struct fetch *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    fetch_stream_init(&f->stream);
    if ((i->enabled & (IMAP_ON_REV2 | IMAP_ON_UTF8)) != 0)
        f->how |= IMAP_PRINT_UTF8;
    if ((i->enabled & IMAP_ON_REV2) != 0)
        f->how |= IMAP_PRINT_REV2;
    f->batch = arena_new(BATCH_ARENA);
    f->parts = arena_new(MIME_ARENA);
    return f;
}

/* ---- which messages ----------------------------------------------------------------------- */

/* RFC 9394 §3.3: of the messages there are, those from one position to another. */
static void page_apply(struct numset *uids, const struct fetch_page *page)
{
    struct numset part;
    uint32_t n = (uint32_t)numset_count(uids), first = page->first, last, from, to;
    numset_init(&part);
    if (first <= n) {
        last = page->count - 1 < n - first ? first + page->count - 1 : n;
        if (page->from_end) {
            uint32_t swap = n + 1 - first;
            first = n + 1 - last;
            last = swap;
        }
        if (numset_at(uids, first, &from) && numset_at(uids, last, &to))
            numset_add_range(&part, from, to);
    }
    numset_and(uids, &part);
    if (part.err != 0)
        uids->err = part.err;
    numset_done(&part);
}

/* RFC 7162 §3.2.6: which UIDs of the set have gone. What the client still counts is told as any expunge is. */
static int vanished_find(struct imap *i,
                         struct fetch *f,
                         const struct imap_arg *set,
                         const struct mail_head *head,
                         const struct numset *gone,
                         bool complete)
{
    struct mail_head now_head;
    struct numset now;
    bool beyond;
    int err = imap_set_parse(set->text, head->uidnext - 1, &f->vanished, &beyond);
    if (err != 0)
        return err;
    numset_init(&now);
    if (complete)
        numset_and(&f->vanished, gone);
    else
        err = mailbox_uids(i->server->mail, i->box->account, i->box->id, &now_head, &now);
    numset_andnot(&f->vanished, &now);
    numset_andnot(&f->vanished, &i->box->uids);
    numset_done(&now);
    return err != 0 ? err : f->vanished.err;
}

/* RFC 7162 §3.1.4.1: only what has changed since. */
static int changed_apply(struct imap *i, struct fetch *f, const struct imap_arg *set)
{
    struct numset changed, gone;
    struct mail_head head;
    bool complete = true;
    numset_init(&changed);
    numset_init(&gone);
    int err = mailbox_changes(i->server->mail, i->box->account, i->box->id,
                              (struct modseq){f->request.since}, &head, &changed, &gone, &complete);
    numset_and(&f->uids, &changed);
    if (err == 0 && f->request.vanished && !span_eq(set->text, SPAN("$")))
        err = vanished_find(i, f, set, &head, &gone, complete);
    numset_done(&changed);
    numset_done(&gone);
    return err;
}

static int fetch_select(struct imap *i, struct fetch *f, const struct imap_arg *set)
{
    int err = imap_messages(i, set, &f->uids);
    if (err == 0 && f->request.paged)
        page_apply(&f->uids, &f->request.page);
    if (err == 0 && f->request.changed)
        err = changed_apply(i, f, set);
    if (err == 0)
        err = f->uids.err;
    if (err == 0)
        f->from = numset_min(&f->uids);
    return err;
}

/* ---- batches ------------------------------------------------------------------------------ */

static bool sets_seen(const struct imap *i, const struct fetch_request *r)
{
    return (r->needs & FETCH_SETS_SEEN) != 0 && !i->box->read_only &&
           (i->box->rights & RIGHT_SEEN) != 0;
}

/* What is left out with OK is taken for expunged. */
static void damaged_entries(struct imap *i, struct fetch *f, size_t n)
{
    if (n > 0 && f->err == 0) {
        f->err = ERR_CORRUPT;
        log_event(LOG_ERROR, "imap.damaged_entries", LOG_Z("account", i->address),
                  LOG_I("mailbox", i->box->id.v), LOG_I("count", n));
    }
}

static int batch_items(struct imap *i, struct fetch *f, size_t max, uint32_t *next)
{
    size_t damaged = 0;
    struct mail_range range = {
        .mailbox = i->box->id,
        .uids = &f->uids,
        .from = f->from,
        .max = max,
        .bytes = BATCH_BYTES,
        .summaries = (f->request.needs &
                      (FETCH_NEEDS_SUMMARY | FETCH_NEEDS_STRUCTURE | FETCH_WANTS_SUMMARY)) != 0,
        .damaged_out = &damaged,
    };
    arena_reset(f->batch);
    int err = mailbox_items(i->server->mail, i->box->account, &range, f->batch, &f->v, &f->n, next);
    damaged_entries(i, f, damaged);
    return err;
}

/* Marks what is to be sent next, at least one message; the batch ends with the last that was. */
static int batch_seen(struct imap *i, struct fetch *f, uint32_t *next)
{
    struct mail_store seen = {.mailbox = i->box->id, .op = STORE_ADD, .flags = FLAG_SEEN};
    struct numset unseen, refused;
    uint64_t bytes = 0;
    uint32_t again = 0;
    size_t n = 0;
    numset_init(&unseen);
    numset_init(&refused);
    for (; n < f->n && (n == 0 || bytes + f->v[n].size <= SEEN_BYTES); n++) {
        bytes += f->v[n].size;
        if ((f->v[n].flags & FLAG_SEEN) == 0)
            numset_add(&unseen, f->v[n].uid.v);
    }
    if (n < f->n)
        *next = f->v[n].uid.v;
    f->n = n;
    int err = unseen.err;
    if (err == 0 && !numset_is_empty(&unseen)) {
        err = mailbox_store(i->server->mail, i->box->account, &seen, &unseen, &refused);
        if (err != 0) { /* a full disk must not keep anybody from reading */
            log_event(LOG_WARN, "imap.seen_not_set", LOG_Z("account", i->address), LOG_ERR(err));
            err = 0;
        } else { /* as they are now */
            if (f->then ==
                NULL) /* also to one who does not hear of what others change (RFC 5465 §3.1) */
                numset_or(&i->loud, &unseen);
            err = batch_items(i, f, n, &again);
            if (again != 0 && (*next == 0 || again < *next))
                *next = again; /* with larger summaries, where one before it has gone */
            while (*next != 0 && f->n > 0 && f->v[f->n - 1].uid.v >= *next)
                f->n--; /* it moved up where one before it has gone */
        }
    }
    numset_done(&unseen);
    numset_done(&refused);
    return err;
}

static void batch_keep(struct imap *i, struct fetch *f)
{
    int err = 0;
    if (f->made_n > 0)
        err = mailbox_summary_put(i->server->mail, i->box->account, f->made, f->made_n);
    if (err != 0) /* they are made again next time */
        log_event(LOG_WARN, "imap.summary_not_kept", LOG_Z("account", i->address), LOG_ERR(err));
    f->made_n = 0;
}

static int batch_read(struct imap *i, struct fetch *f)
{
    bool large = (f->request.needs & (FETCH_NEEDS_SUMMARY | FETCH_NEEDS_STRUCTURE |
                                      FETCH_WANTS_SUMMARY | FETCH_SETS_SEEN)) != 0;
    uint32_t next = 0;
    int err = imap_unit_more(
        i, i->command != NULL ? i->command->name : "changes"); /* no message is to blame for this */
    if (err != 0)
        return err;
    batch_keep(i, f);
    f->n = f->at = 0;
    err = imap_box_readable(i);
    if (err != 0)
        return err;
    err = batch_items(i, f, large ? BATCH_SUMMARIES : BATCH, &next);
    if (err == 0 && sets_seen(i, &f->request))
        err = batch_seen(i, f, &next);
    if (err != 0)
        return err;
    f->made = arena_array(f->batch, f->n + 1, sizeof(*f->made));
    if (f->made == NULL)
        return arena_err(f->batch);
    imap_tell_keywords(i, f->v, f->n);
    f->from = next;
    return 0;
}

/* ---- the answer --------------------------------------------------------------------------- */

static void vanished_tell(struct imap *i, struct fetch *f)
{
    struct numset part;
    uint32_t first, last = 0;
    numset_init(&part);
    for (size_t n = 0; n < VANISHED_RUNS && last < UINT32_MAX &&
                       numset_run(&f->vanished, last + 1, &first, &last);
         n++)
        numset_add_range(&part, first, last);
    numset_andnot(&f->vanished, &part);
    buf_puts(i->s.out, "* VANISHED (EARLIER) ");
    imap_set_write(i->s.out, &part);
    buf_puts(i->s.out, "\r\n");
    if (part.err != 0)
        numset_clear(&f->vanished);
    numset_done(&part);
}

static void message_end(struct imap *i, struct fetch *f)
{
    if (f->begun)
        buf_puts(i->s.out, ")\r\n");
    fetch_message_close(f);
}

static void note(struct fetch *f, int err)
{
    if (err != 0 && f->err == 0)
        f->err = err;
}

/* A piece of the answer. 1: there is more, 0: that was all, or an error that ends the session. */
static int fetch_more(struct imap *i, struct fetch *f)
{
    if (f->stream.flow != FLOW_NONE) {
        int err = fetch_stream_more(i, f);
        return err != 0 ? err : 1;
    }
    if (!numset_is_empty(&f->vanished)) {
        vanished_tell(i, f);
    } else if (f->item != NULL) {
        note(f, fetch_message_item(i, f));
    } else if (f->message != NULL) {
        message_end(i, f);
    } else if (f->at < f->n) {
        const struct mail_item *m = &f->v[f->at++];
        int err = fetch_message_open(i, f, m);
        f->answered++;
        note(f, err);
        if (err != 0)
            fetch_message_close(f);
    } else if (f->from != 0) {
        int err = batch_read(i, f);
        note(f, err);
        if (err != 0) /* the store cannot be read at the moment */
            f->from = 0;
    } else {
        return 0;
    }
    return 1;
}

static enum step fetch_end(struct imap *i, struct fetch *f)
{
    int err = f->err;
    bool unknown_cte = f->unknown_cte, gone = f->answered < numset_count(&f->uids);
    enum step (*then)(struct imap * i) = f->then;
    batch_keep(i, f);
    imap_task_end(i);
    if (then != NULL && err != 0) /* the client asks for them itself, and hears of it then */
        log_event(LOG_WARN, "imap.not_told", LOG_Z("account", i->address), LOG_ERR(err));
    if (then != NULL)
        return then(i);
    if (unknown_cte)
        return imap_no(i, SPAN("UNKNOWN-CTE"),
                       "The part is encoded in a way that is not known here");
    if (err != 0)
        return imap_no_of(i, err == ERR_NOT_FOUND ? ERR_CORRUPT : err);
    if (gone && !i->uid) /* RFC 5530 §3 */
        return imap_ok(i, SPAN("EXPUNGEISSUED"),
                       "Some of the messages were deleted by another session");
    return imap_ok(i, SPAN_EMPTY, "FETCH completed");
}

static enum step fetch_go_on(struct imap *i)
{
    struct fetch *f = i->task.data;
    int more = f->message != NULL ? fetch_message_unit(i, f) : 0;
    more = more == 0 ? 1 : more;
    f->looked = 0;
    while (more > 0 && i->s.out->n < IMAP_OUT_STEP && f->looked < FETCH_WORK)
        more = fetch_more(i, f);
    if (more > 0)
        return STEP_MORE;
    if (more == 0)
        return fetch_end(i, f);
    /* In the middle of a literal nothing can be said: a connection that ends tells the client that this is not
     * all of it. */
    if (more == ERR_CORRUPT)
        fetch_damage_add(i->box->account, f->message->message);
    log_event(LOG_ERROR, "imap.message_cut", LOG_Z("account", i->address),
              LOG_I("message", f->message->message.v), LOG_ERR(more));
    return STEP_CLOSE;
}

enum step imap_fetch_told(struct imap *i,
                          struct numset *uids,
                          struct span items,
                          enum step (*then)(struct imap *i))
{
    struct imap_arg *args;
    struct fetch *f = fetch_new(i);
    int err = f == NULL || f->batch == NULL || f->parts == NULL ? ERR_NOMEM : 0;
    if (err == 0)
        err = imap_args_parse(items, i->s.arena, &args);
    if (err == 0)
        err = fetch_parse(args, false, i->s.arena, &f->request);
    bool condstore = (i->enabled & IMAP_ON_CONDSTORE) != 0; /* RFC 7162 §3.2.4 */
    bool uid = condstore && (i->enabled & IMAP_ON_UIDONLY) == 0;
    if (err == 0)
        err = fetch_imply(&f->request, uid, condstore, i->s.arena);
    if (err != 0) {
        log_event(LOG_WARN, "imap.not_told", LOG_Z("account", i->address), LOG_ERR(err));
        numset_done(uids);
        if (f != NULL)
            fetch_drop(i, f);
        return then(i);
    }
    f->uids = *uids;
    f->from = numset_min(&f->uids);
    f->then = then;
    return imap_task_begin(i,
                           (struct imap_task){.go_on = fetch_go_on, .drop = fetch_drop, .data = f});
}

void imap_condstore_on(struct imap *i)
{
    if ((i->enabled & IMAP_ON_CONDSTORE) == 0 && i->box != NULL)
        buf_printf(i->s.out, "* OK [HIGHESTMODSEQ %llu] Highest mod-sequence\r\n",
                   (unsigned long long)i->box->modseq.v);
    i->enabled |= IMAP_ON_CONDSTORE;
}

/* RFC 7162 §3.2.4: with mod-sequences in use, a FETCH that sets \Seen is answered with UID and MODSEQ. */
static int imply(struct imap *i, struct fetch_request *r)
{
    bool condstore = (i->enabled & IMAP_ON_CONDSTORE) != 0 || r->modseq;
    bool both = condstore && sets_seen(i, r);
    bool uid = (i->uid || both) && (i->enabled & IMAP_ON_UIDONLY) == 0;
    return fetch_imply(r, uid, r->changed || both, i->s.arena);
}

enum step imap_cmd_fetch(struct imap *i, const struct imap_arg *args)
{
    if (args == NULL)
        return imap_bad_args(i);
    struct fetch *f = fetch_new(i);
    if (f == NULL)
        return imap_no_of(i, ERR_NOMEM);
    int err = f->batch == NULL || f->parts == NULL ? ERR_NOMEM : 0;
    if (err == 0)
        err = fetch_parse(args->next, i->uid, i->s.arena, &f->request);
    if (err == 0)
        err = imply(i, &f->request);
    if (err == 0 && f->request.vanished && (i->enabled & IMAP_ON_QRESYNC) == 0)
        err = ERR_INVALID;
    if (err == 0)
        err = fetch_select(i, f, args);
    if (err != 0) {
        fetch_drop(i, f);
        if (err == ERR_INVALID)
            return imap_bad_args(i);
        return err == ERR_LIMIT ? imap_bad(i, "%s", err_text(err)) : imap_no_of(i, err);
    }
    if (f->request.modseq)
        imap_condstore_on(i);
    return imap_task_begin(i,
                           (struct imap_task){.go_on = fetch_go_on, .drop = fetch_drop, .data = f});
}
