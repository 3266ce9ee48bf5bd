/* SPDX-License-Identifier: Apache-2.0 */
/* STORE (RFC 9051 §6.4.6) with UNCHANGEDSINCE (RFC 7162 §3.1.3). The new flags are told with all other changes
 * before the tagged answer (sync.c); .SILENT leaves out those that nobody else has changed. */
#include "imap/place.h"

/* ---- flags ----------------------------------------------------------------------------------- */

static int keyword_put(struct keyword_ids *k, uint32_t id)
{
    uint32_t n = 0;
    while (n < k->n && k->v[n] < id)
        n++;
    if (n < k->n && k->v[n] == id)
        return 0;
    if (k->n == COUNT_OF(k->v))
        return ERR_LIMIT;
    memmove(&k->v[n + 1], &k->v[n], (k->n - n) * sizeof k->v[0]);
    k->v[n] = (uint16_t)id;
    k->n++;
    return 0;
}

static int flag_read(struct imap *i,
                     struct imap_keyword_list *list,
                     account_id account,
                     struct span name,
                     bool add,
                     uint32_t *flags,
                     struct keyword_ids *keywords)
{
    uint32_t flag, id;
    const char *known;
    for (size_t n = 0; (known = imap_flag_name(n, &flag)) != NULL; n++) {
        if (span_ieq(name, span_str(known))) {
            *flags |= flag;
            return 0;
        }
    }
    /* \Recent, and what no server has heard of. It is not among PERMANENTFLAGS: "the server will ignore the change"
     * (RFC 9051 §7.1), and programs that move mail have some from where it was. */
    if (span_skip(&name, SPAN("\\")))
        return mailbox_keyword_is_name(name) ? 0 : ERR_INVALID;
    if (add &&
        span_ieq(
            name,
            SPAN("$istrusted"))) /* the server's word, which no client may speak: RFC 9979 §7.4 */
        return 0;
    int err = imap_keyword_find(i, list, account, name, add, &id);
    if (err == ERR_NOT_FOUND)
        return 0;
    return err != 0 ? err : keyword_put(keywords, id);
}

int imap_flags_read(struct imap *i,
                    account_id account,
                    const struct imap_arg *a,
                    bool add,
                    uint32_t *flags,
                    struct keyword_ids *keywords)
{
    struct imap_keyword_list list = {.arena = NULL};
    int err = 0;
    *flags = 0;
    *keywords = (struct keyword_ids){0};
    if (a != NULL && a->kind == IMAP_LIST) {
        if (a->next != NULL)
            return ERR_INVALID;
        a = a->child;
    }
    for (; err == 0 && a != NULL; a = a->next)
        err = a->kind == IMAP_ATOM ? flag_read(i, &list, account, a->text, add, flags, keywords)
                                   : ERR_INVALID;
    imap_keyword_list_done(&list);
    return err;
}

/* ---- the command ------------------------------------------------------------------------------ */

struct store {
    struct mail_store in;
    bool silent;
};

/* [(UNCHANGEDSINCE n)] item flags; the item is at *at then. */
static bool read_modifiers(const struct imap_arg **at, struct store *x)
{
    const struct imap_arg *a = *at;
    if (a == NULL || a->kind != IMAP_LIST)
        return true;
    if (imap_args_count(a->child) != 2 || !imap_arg_is(a->child, SPAN("UNCHANGEDSINCE")) ||
        !imap_arg_number(a->child->next, &x->in.unchanged_since.v))
        return false;
    x->in.conditional = true;
    *at = a->next;
    return true;
}

static bool read_item(const struct imap_arg *a, struct store *x)
{
    if (a == NULL || a->kind != IMAP_ATOM || a->next == NULL)
        return false;
    struct span item = a->text;
    x->in.op = span_skip(&item, SPAN("+"))   ? STORE_ADD
               : span_skip(&item, SPAN("-")) ? STORE_REMOVE
                                             : STORE_REPLACE;
    if (!span_iskip(&item, SPAN("FLAGS")))
        return false;
    x->silent = span_ieq(item, SPAN(".SILENT"));
    return x->silent || item.n == 0;
}

/* Those that were refused, as the client numbers them. When they are too many for one answer, all from the first to the
 * last: a client may look again at some that were changed, and never believes of one that it was. */
static struct span modified(struct imap *i, const struct numset *refused)
{
    struct numset numbers;
    struct buf text;
    uint32_t uid = 0;
    buf_init(&text, LIMIT_SESSION_OUT / 2);
    numset_init(&numbers);
    for (bool on = !i->uid && numset_first(refused, &uid); on; on = numset_next(refused, &uid))
        numset_add(&numbers, numset_rank(&i->box->uids, uid));
    buf_puts(&text, "MODIFIED ");
    const struct numset *set = i->uid ? refused : &numbers;
    imap_set_write(&text, set);
    if (text.err != 0) {
        buf_clear(&text);
        buf_printf(&text, "MODIFIED %u:%u", numset_min(set), numset_max(set));
    }
    struct span out = arena_dup(i->s.arena, buf_span(&text));
    buf_done(&text);
    numset_done(&numbers);
    return out;
}

static enum step
answer(struct imap *i, struct store *x, struct numset *uids, struct numset *refused)
{
    struct span code = SPAN_EMPTY;
    numset_andnot(uids, refused);
    /* RFC 7162 §3.1.3: these are told, also when they had the flags already; of those that got them the mod-sequence is
     * enough (sync.c) */
    if (!x->silent || x->in.conditional)
        numset_or(&i->loud, uids);
    if (x->silent) {
        numset_andnot(uids, x->in.foreign);
        numset_or(&i->quiet, uids);
    }
    if (!numset_is_empty(refused))
        code = modified(i, refused);
    return imap_ok(i, code, code.n > 0 ? "Some had been changed by somebody else" : "Stored");
}

static enum step store(struct imap *i, struct store *x, struct numset *uids)
{
    struct numset refused, foreign;
    numset_init(&refused);
    numset_init(&foreign);
    x->in.mailbox = i->box->id;
    x->in.known = i->box->modseq;
    x->in.foreign = &foreign;
    x->in.stored = &i->stored;
    uint64_t mark = imap_sync_mark(i);
    int err = mailbox_store(i->server->mail, i->box->account, &x->in, uids, &refused);
    if (err == 0 && i->stored.n == 1)
        imap_sync_own(i, mark, i->stored.before, i->stored.last);
    enum step step;
    if (err == 0 && x->in.op != STORE_REMOVE)
        imap_tell_full(i, &x->in.keywords);
    if (err == 0)
        step = answer(i, x, uids, &refused);
    else if (err == ERR_LIMIT)
        step = imap_no(i, SPAN("LIMIT"), "A message can not have so many keywords");
    else
        step = imap_no_of(i, err);
    numset_done(&refused);
    numset_done(&foreign);
    x->in.foreign = NULL;
    return step;
}

static bool has_keyword(const struct imap_arg *a)
{
    for (a = a->kind == IMAP_LIST ? a->child : a; a != NULL; a = a->next)
        if (!span_starts(a->text, SPAN("\\")))
            return true;
    return false;
}

/* RFC 4314 §4: what the user may not change stays; ERR_DENIED when nothing of it is left. A list of flags that replaces
 * others is about all of them. Where less is done than was asked for, the client is told, also when it knows by itself
 * what it asked for. */
static int restrict_to_rights(const struct imap *i, const struct imap_arg *flags, struct store *x)
{
    uint32_t denied = imap_flags_denied(i->box->rights);
    bool keywords = (i->box->rights & RIGHT_WRITE) != 0;
    if (denied == 0)
        return 0;
    x->in.keep_flags = denied;
    x->in.keep_keywords = !keywords;
    if (x->in.op == STORE_REPLACE || (x->in.flags & denied) != 0 ||
        (!keywords && has_keyword(flags)))
        x->silent = false;
    if (x->in.op == STORE_REPLACE)
        return denied == FLAGS_ALL ? ERR_DENIED : 0;
    bool asks = flags->kind != IMAP_LIST || flags->child != NULL;
    bool may = (x->in.flags & ~denied) != 0 || (keywords && x->in.keywords.n > 0);
    return asks && !may ? ERR_DENIED : 0;
}

enum step imap_cmd_store(struct imap *i, const struct imap_arg *args)
{
    struct store x = {.silent = false};
    struct numset uids;
    const struct imap_arg *at = args == NULL ? NULL : args->next;
    if (!read_modifiers(&at, &x) || !read_item(at, &x))
        return imap_bad_args(i);
    numset_init(&uids);
    int err = imap_messages(i, args, &uids);
    if (err == 0)
        err = imap_flags_read(i, i->box->account, at->next,
                              x.in.op != STORE_REMOVE && (i->box->rights & RIGHT_WRITE) != 0,
                              &x.in.flags, &x.in.keywords);
    if (err == 0)
        err = restrict_to_rights(i, at->next, &x);
    if (err == 0 && x.in.conditional)
        imap_condstore_on(i);
    if (err == ERR_LIMIT)
        imap_tell_full(i, NULL);
    enum step step = err == ERR_INVALID ? imap_bad_args(i)
                     : err == ERR_LIMIT ? imap_no(i, SPAN("LIMIT"), "There are too many keywords")
                     : err != 0         ? imap_no_of(i, err)
                                        : store(i, &x, &uids);
    numset_done(&uids);
    return step;
}
