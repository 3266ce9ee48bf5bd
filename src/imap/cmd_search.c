/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH (RFC 9051 §6.4.4), and the course of all that searches. */
#include "imap/names.h"
#include "imap/search_task.h"
#include "mailbox/acl.h"

enum {
    MODSEQ_BATCH = 1000,
    MODSEQ_BATCHES = 20, /* in one step */
    BOXES = 20,          /* of ESEARCH, in one step at most */
    ITEMS_ARENA = MODSEQ_BATCH * 512,
    LONG_MS = 1000,
    PROGRESS_MS = 10 * 1000, /* RFC 9585 §4: not more often */
};

static void search_drop(struct imap *i, void *data)
{
    struct search_task *t = data;
    (void)i;
    mailbox_search_close(t->search);
    mailbox_sort_close(t->sort);
    mailbox_thread_close(t->thread);
    search_key_done(t->request.program);
    numset_done(&t->found);
    numset_done(&t->returned);
    numset_done(&t->numbers);
    numset_done(&t->other.uids);
    arena_free(t->items);
    arena_free(t->program);
    arena_free(t->boxes);
    imap_keyword_list_done(&t->keywords);
    free(t);
}

int search_unwanted(void *arg)
{
    const struct search_task *t = arg;
    struct clock *clock = t->imap->s.clock;
    return clock->mono_ms(clock) - t->began_ms < LONG_MS ? 0 : session_unwanted(&t->imap->s);
}

/* ---- the phases -------------------------------------------------------------------------- */

static int finding(struct imap *i, struct search_task *t)
{
    int r = t->search != NULL ? mailbox_search_run(t->search, search_unwanted, t) : 0;
    if (r != 0)
        return r;
    if (t->search != NULL)
        r = numset_copy(&t->found, mailbox_search_found(t->search));
    mailbox_search_close(t->search);
    t->search = NULL;
    if (r == 0 && t->kind->order != NULL)
        r = t->kind->order(i, t);
    return r;
}

static int ordering(struct imap *i, struct search_task *t)
{
    int r = t->kind->order_more != NULL ? t->kind->order_more(t) : 0;
    if (r != 0)
        return r;
    r = search_choose(t);
    if (r == 0 && (t->request.returns & RETURN_SAVE) != 0) /* RFC 5182 §2.1 */
        r = numset_copy(&i->box->saved, &t->returned);
    if (r == 0 && (t->request.returns & RETURN_UPDATE) != 0 && t->box == i->box)
        r = imap_context_add(i, t);
    return r;
}

/* RFC 7162 §3.1.5, RFC 4731 §3.2 */
static int modseqs(struct imap *i, struct search_task *t)
{
    struct mail_range range = {.mailbox = t->box->id, .uids = &t->returned, .max = MODSEQ_BATCH};
    struct mail_item *v;
    size_t n;
    if (!t->request.modseq || numset_is_empty(&t->returned))
        return 0;
    range.from = t->number;
    for (int left = MODSEQ_BATCHES; left > 0; left--) {
        arena_reset(t->items);
        int err =
            mailbox_items(i->server->mail, t->box->account, &range, t->items, &v, &n, &range.from);
        if (err != 0)
            return err;
        for (size_t k = 0; k < n; k++)
            if (v[k].modseq.v > t->modseq)
                t->modseq = v[k].modseq.v;
        t->number = range.from;
        if (range.from == 0)
            return 0;
    }
    return 1;
}

/* RFC 9585: only between responses. */
static void tell_progress(struct imap *i, struct search_task *t)
{
    int64_t now_ms = i->s.clock->mono_ms(i->s.clock);
    uint64_t done, all;
    if (now_ms - t->told_ms < PROGRESS_MS || t->search == NULL)
        return;
    t->told_ms = now_ms;
    mailbox_search_progress(t->search, &done, &all);
    if (done >= all)
        return;
    buf_puts(i->s.out, "* OK [INPROGRESS (");
    if (strchr(i->tag, ']') != NULL) /* §4: it would end the code */
        buf_puts(i->s.out, "NIL");
    else
        buf_printf(i->s.out, "\"%s\"", i->tag);
    buf_printf(i->s.out, " %llu %llu)] Still searching\r\n", (unsigned long long)done,
               (unsigned long long)all);
}

/* RFC 5466 §3.1 */
static enum step refuse_filter(struct imap *i, const struct search_request *r)
{
    switch (r->fault) {
    case FAULT_UNDEFINED:
        return imap_no(i, arena_printf(i->s.arena, "UNDEFINED-FILTER %.*s", SPAN_ARG(r->filter)),
                       "There is no such filter, or it leads to itself");
    case FAULT_BROKEN:
        return imap_no(i, SPAN("CANNOT"), "The filter %.*s is not a search", SPAN_ARG(r->filter));
    case FAULT_CHARSET:
        return imap_bad_coded(i, SPAN("BADCHARSET (US-ASCII UTF-8)"), "Filters are in UTF-8");
    case FAULT_NONE: break;
    }
    return imap_no(i, SPAN("BADCHARSET (US-ASCII UTF-8)"), "This charset is not known here");
}

static enum step refuse(struct imap *i, const struct search_task *t, int err)
{
    if (err == ERR_INVALID)
        return imap_bad_args(i);
    if (err == ERR_DENIED)
        return imap_uid_required(i);
    if (err == ERR_EXISTS) /* RFC 5267 §4.3 */
        return imap_bad(i, "This tag is that of a search with UPDATE");
    bool is_bad = err == ERR_UNSUPPORTED && t->request.fault == FAULT_CHARSET;
    if ((t->request.returns & RETURN_SAVE) != 0 && i->box != NULL && !is_bad) /* RFC 5182 §2.1 */
        numset_clear(&i->box->saved);
    if (err == ERR_UNSUPPORTED)
        return refuse_filter(i, &t->request);
    if (err == ERR_LIMIT)
        return imap_no(i, SPAN("LIMIT"), "This is more than %s can do here", t->kind->name);
    return imap_no_of(i, err);
}

/* ---- mailboxes --------------------------------------------------------------------------- */

struct names {
    struct imap *i;
    struct imap_keyword_list *list;
    account_id account;
    bool add; /* keywords */
};

/* For one who wants to hear of changes a keyword is made that is not there yet: a message may get it. */
static int keyword(void *arg, struct span name, uint32_t *id_out)
{
    const struct names *k = arg;
    int err = imap_keyword_find(k->i, k->list, k->account, name, k->add, id_out);
    return err == ERR_LIMIT ? ERR_NOT_FOUND : err;
}

static int filter(void *arg, struct span name, struct arena *a, struct span *out)
{
    const struct names *n = arg;
    return imap_filter_get(n->i, name, a, out);
}

/* The program for one mailbox: in another, numbers are other messages. */
static int program_make(struct imap *i, struct search_task *t, const struct imap_selected *box)
{
    bool may_add = box->account == i->account || (box->rights & RIGHT_WRITE) != 0;
    struct names names = {i, &t->keywords, box->account,
                          may_add && (t->request.returns & RETURN_UPDATE) != 0};
    struct search_scope scope = {.box = box,
                                 .user = i->account,
                                 .uid_only = (i->enabled & IMAP_ON_UIDONLY) != 0,
                                 .now_ms = i->s.clock->wall_ms(i->s.clock),
                                 .keyword = keyword,
                                 .filter = filter,
                                 .arg = &names};
    search_key_done(t->request.program);
    t->request.program = NULL;
    arena_reset(t->program);
    return search_parse_keys(t->keys, t->charset, &scope, t->program, &t->request);
}

/* Are they right, also if there should be no mailbox to search? */
static int keys_check(struct imap *i, struct search_task *t)
{
    return program_make(i, t, i->box != NULL ? i->box : &t->other);
}

static int box_open(struct imap *i, struct search_task *t)
{
    int err = program_make(i, t, t->box);
    struct mail_search in = {
        .mailbox = t->box->id, .uids = &t->box->uids, .program = t->request.program};
    if (t->kind->order == NULL)
        in.enough = search_enough(t, &in.newest);
    if (err == 0)
        err = mailbox_search_open(i->server->mail, t->box->account, &in, &t->search);
    if (err == ERR_NOT_FOUND &&
        t->box == i->box) /* somebody deleted it: it is empty for this client */
        err = 0;
    t->phase = SEARCH_FINDING;
    return err;
}

/* On to the next mailbox, if there is one; the phase is DONE otherwise. One that has gone meanwhile has nothing. */
static int next_box(struct imap *i, struct search_task *t)
{
    int r;
    do {
        search_forget(t);
        r = t->kind->next(i, t);
        if (r > 0)
            r = box_open(i, t);
        else if (r == 0)
            return 0;
    } while (r == ERR_NOT_FOUND);
    return r;
}

/* ---- the course of it -------------------------------------------------------------------- */

/* What is left to do in the phase: 1, or 0 it is over. */
static int phase(struct imap *i, struct search_task *t)
{
    switch (t->phase) {
    case SEARCH_FINDING: return finding(i, t);
    case SEARCH_ORDERING: return ordering(i, t);
    case SEARCH_MODSEQS: return modseqs(i, t);
    case SEARCH_WRITING: return t->kind->write(i, t);
    case SEARCH_DONE: break;
    }
    return 0;
}

static enum step search_go_on(struct imap *i)
{
    struct search_task *t = i->task.data;
    int r = 0;
    size_t boxes = 0;
    while (r == 0 && t->phase != SEARCH_DONE && boxes < BOXES) {
        r = phase(i, t);
        if (r == 0 && ++t->phase == SEARCH_DONE && t->kind->next != NULL) {
            r = next_box(i, t);
            boxes++;
        }
    }
    if (r == 0 && t->phase != SEARCH_DONE) /* others come first now */
        r = search_unwanted(t) != 0 ? search_unwanted(t) : 1;
    if (r > 0) {
        tell_progress(i, t);
        return STEP_MORE;
    }
    if (r == 0) {
        const char *name = t->kind->name;
        imap_task_end(i);
        return imap_ok(i, SPAN_EMPTY, "%s completed", name);
    }
    struct search_task keep = {.kind = t->kind,
                               .request.returns = t->request.returns,
                               .request.fault = t->request.fault,
                               .request.filter = arena_dup(i->s.arena, t->request.filter)};
    imap_task_end(i);
    return refuse(i, &keep, r);
}

/* ---- beginning --------------------------------------------------------------------------- */

/* RFC 9755 §3: with UTF8=ACCEPT every string is UTF-8, and saying so is only for who has to. */
static bool charset_is_allowed(const struct imap *i, const struct search_task *t)
{
    if (t->charset.n == 0 || (i->enabled & IMAP_ON_UTF8) == 0)
        return true;
    return t->kind->order != NULL && span_ieq(t->charset, SPAN("UTF-8"));
}

static int search_open(struct imap *i, struct search_task *t, const struct imap_arg *args)
{
    t->box = i->box;
    t->uid = i->uid;
    t->items = arena_new(ITEMS_ARENA);
    t->program = arena_new(SEARCH_PROGRAM_ARENA);
    if (t->items == NULL || t->program == NULL)
        return ERR_NOMEM;
    int err = t->kind->parse(i, t, &args);
    if (err == 0 && !charset_is_allowed(i, t))
        err = ERR_INVALID;
    bool modseq = false;
    if (err == 0 && t->request.items != NULL)
        err = fetch_list_parse(t->request.items, i->s.arena, &t->items_told, &modseq);
    if (err == 0 && modseq)
        imap_condstore_on(i);
    if (err == 0 && (t->request.returns & RETURN_UPDATE) != 0 &&
        imap_context_has(i, span_str(i->tag)))
        err = ERR_EXISTS;
    if (err != 0)
        return err;
    t->keys = args;
    if (t->kind->next == NULL)
        return box_open(i, t);
    t->phase = SEARCH_DONE; /* until a mailbox is opened */
    err = keys_check(i, t);
    return err != 0 ? err : next_box(i, t);
}

enum step
imap_search_begin(struct imap *i, const struct search_kind *kind, const struct imap_arg *args)
{
    struct search_task *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return imap_no_of(i, ERR_NOMEM);
    t->kind = kind;
    t->imap = i;
    t->other.account = i->account;
    t->began_ms = t->told_ms = i->s.clock->mono_ms(i->s.clock);
    int err = search_open(i, t, args);
    i->numbered = t->request.numbered;
    if (err != 0) {
        enum step step = refuse(i, t, err);
        search_drop(i, t);
        return step;
    }
    if (t->request.modseq)
        imap_condstore_on(i);
    return imap_task_begin(
        i, (struct imap_task){.go_on = search_go_on, .drop = search_drop, .data = t});
}

/* ---- SEARCH ------------------------------------------------------------------------------ */

int search_parse_head(struct imap *i, struct search_task *t, const struct imap_arg **arg)
{
    (void)i;
    int err = search_parse_return(arg, &t->request);
    if (err == 0 && imap_arg_is(*arg, SPAN("CHARSET"))) {
        if (!imap_arg_string((*arg)->next, &t->charset) || t->charset.n == 0)
            return ERR_INVALID;
        *arg = (*arg)->next->next;
    }
    return err;
}

enum step imap_cmd_search(struct imap *i, const struct imap_arg *args)
{
    static const struct search_kind kind = {
        .name = "SEARCH", .parse = search_parse_head, .write = search_write};
    return imap_search_begin(i, &kind, args);
}
