/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY (RFC 5465): the command, and what is told between commands. IDLE tells the same (§4), and without NOTIFY what it
 * always did. */
#include "imap/notify.h"

#include "base/log.h"

#define EVENTS                                                                                     \
    "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "   \
    "ServerMetadataChange"

/* ---- what is kept ---------------------------------------------------------------------------- */

/* All of the program in one piece: it is kept for long. */
static int program_keep(struct imap_notify *n, const struct notify_program *p)
{
    size_t names = 0, bytes = p->items.n;
    for (size_t k = 0; k < p->groups_n; k++) {
        names += p->groups[k].names_n;
        for (size_t m = 0; m < p->groups[k].names_n; m++)
            bytes += p->groups[k].names[m].n;
    }
    struct notify_group *g =
        malloc(p->groups_n * sizeof *g + names * sizeof(struct span) + bytes + 1);
    if (g == NULL)
        return ERR_NOMEM;
    struct span *name = (struct span *)(g + p->groups_n);
    char *to = (char *)(name + names);
    n->program = *p;
    n->program.groups = g;
    n->program.items.p = to;
    for (size_t k = 0; k < p->items.n; k++)
        *to++ = p->items.p[k];
    for (size_t k = 0; k < p->groups_n; k++) {
        g[k] = p->groups[k];
        g[k].names = name;
        for (size_t m = 0; m < g[k].names_n; m++, name++) {
            struct span from = p->groups[k].names[m];
            *name = (struct span){to, from.n};
            for (size_t b = 0; b < from.n; b++)
                *to++ = from.p[b];
        }
    }
    return 0;
}

/* As after NOTIFY NONE. */
static void notify_clear(struct imap_notify *n)
{
    notify_unwatch(n);
    free(n->program.groups);
    free(n->rows);
    free(n->notes);
    notify_own_forget(n);
    *n = (struct imap_notify){.watch.waker = n->watch.waker};
}

static void notify_free(struct imap_notify *n)
{
    if (n == NULL)
        return;
    notify_clear(n);
    free(n);
}

void imap_notify_free(struct imap *i)
{
    notify_free(i->notify);
    notify_free(i->notify_next);
    i->notify = i->notify_next = NULL;
    imap_listen(i);
}

void imap_listen(struct imap *i)
{
    bool on = i->idling || (i->notify != NULL && i->notify->watch.watch != NULL);
    if (i->box != NULL)
        __atomic_store_n(&i->box->watch.idling, on, __ATOMIC_SEQ_CST);
}

/* ---- telling --------------------------------------------------------------------------------- */

/* All is told. What was in the arena goes with this step. */
static enum step rest(struct imap *i)
{
    i->busy = i->idling ? IMAP_IDLING : IMAP_READY;
    i->keywords = NULL;
    i->keywords_n = 0;
    if (!i->closing)
        return STEP_DONE;
    return imap_bye(i, SPAN("UNAVAILABLE"), err_text(ERR_SHUTDOWN));
}

static enum step tell_others(struct imap *i)
{
    if (!__atomic_exchange_n(&i->notify->watch.changed, false, __ATOMIC_ACQ_REL))
        return rest(i);
    return notify_look(i, rest);
}

enum step imap_tell(struct imap *i)
{
    if (i->notify == NULL)
        return imap_sync(i, true, rest);
    const struct notify_program *p = &i->notify->program;
    return imap_sync(i, !p->delayed || i->idling, tell_others);
}

void imap_tell_later(struct imap *i)
{
    if (i->notify != NULL && __atomic_load_n(&i->notify->watch.changed, __ATOMIC_ACQUIRE))
        i->s.waker->post(i->s.waker);
}

unsigned imap_notify_wants(const struct imap *i)
{
    if (i->notify == NULL)
        return IMAP_WANTS_MESSAGES | IMAP_WANTS_FLAGS;
    const struct notify_program *p = &i->notify->program;
    return ((p->selected & NOTIFY_MESSAGES) != 0 ? (unsigned)IMAP_WANTS_MESSAGES : 0) |
           ((p->selected & NOTIFY_FLAGS) != 0 ? (unsigned)IMAP_WANTS_FLAGS : 0);
}

struct span imap_notify_items(const struct imap *i)
{
    return i->notify != NULL ? i->notify->program.items : SPAN_EMPTY;
}

enum step imap_notify_lost(struct imap *i, int err, enum step (*then)(struct imap *i))
{
    if (err != ERR_LIMIT)
        log_event(imap_fault_level(err), "imap.notify", LOG_Z("account", i->address), LOG_ERR(err));
    notify_clear(i->notify);
    imap_listen(i);
    buf_puts(
        i->s.out,
        "* OK [NOTIFICATIONOVERFLOW] No notifications any more: there is too much to watch\r\n");
    return then(i);
}

/* ---- the command ----------------------------------------------------------------------------- */

static enum step done(struct imap *i)
{
    return imap_ok(i, SPAN_EMPTY, "Done");
}

static enum step refuse(struct imap *i, int err)
{
    if (err == ERR_INVALID)
        return imap_bad_args(i);
    if (err == ERR_UNSUPPORTED)
        return imap_no(i, SPAN("BADEVENT (" EVENTS ")"), "There is no such event here");
    if (err == ERR_LIMIT)
        return imap_no(i, SPAN("NOTIFICATIONOVERFLOW"), "This is too much to watch");
    return imap_no_of(i, err);
}

/* What has changed up to now is told: the new program takes over. */
static enum step take_over(struct imap *i)
{
    struct imap_notify *n = i->notify = i->notify_next;
    int err = 0;
    i->notify_next = NULL;
    /* watched from before the rows are read: no change falls in between */
    if (n->program.selected != 0 || n->program.groups_n > 0)
        err = notify_watch_own(i);
    if (err == 0 && n->program.modseq)
        imap_condstore_on(i);
    imap_listen(i);
    if (err == 0 && n->program.groups_n == 0)
        return done(i);
    enum step step = STEP_DONE;
    if (err == 0)
        err = notify_begin(i, done, &step);
    if (err == 0)
        return step;
    imap_notify_free(i);
    return refuse(i, err);
}

enum step imap_cmd_notify(struct imap *i, const struct imap_arg *args)
{
    struct notify_program program = {0};
    bool none = imap_arg_is(args, SPAN("NONE"));
    int err = ERR_INVALID;
    if (none ? args->next == NULL : imap_arg_is(args, SPAN("SET")))
        err = none ? 0 : notify_parse(i, args->next, &program);
    if (err != 0)
        return refuse(i, err);
    struct imap_notify *n = calloc(1, sizeof *n);
    err = n == NULL ? ERR_NOMEM : program_keep(n, &program);
    if (err != 0) {
        free(n);
        return refuse(i, err);
    }
    n->watch.waker = i->s.waker;
    imap_notify_free(i); /* §3.1: all that was not told is, whether it was wanted or not */
    i->notify_next = n;
    return imap_sync(i, true, take_over);
}
