/* SPDX-License-Identifier: Apache-2.0 */
/* What has changed in an account since a client that wants to hear of it was told last (RFC 5465 §5): its mailboxes are
 * read as LIST reads them, compared with the rows that are remembered, and become the new rows. */
#include "imap/metadata.h"
#include "imap/notify.h"
#include "imap/place.h"

enum { LOOK_ARENA = 32 * 1024 * 1024 }; /* as LIST */

struct look {
    struct arena *arena;
    struct imap_name *names; /* all there are */
    size_t names_n;
    const struct imap_name **of; /* of each new row */
    struct notify_row *old;
    size_t old_n;
    struct notify_notes notes;
    size_t at;       /* new rows first, then old ones, then the server */
    uint32_t newest; /* mailbox that there was before */
    bool tells;      /* what is different */
    enum step (*then)(struct imap *i);
};

/* ---- which, and what of them ---------------------------------------------------------------- */

static bool group_has(const struct imap *i, const struct notify_group *g, const struct imap_name *v)
{
    if (g->filter == NOTIFY_PERSONAL)
        return v->box != NULL && v->account == i->account;
    if (g->filter == NOTIFY_SUBSCRIBED)
        return v->subscribed;
    for (size_t n = 0; n < g->names_n; n++) {
        struct span name = g->names[n];
        if (span_eq(v->name, name))
            return true;
        if (g->filter == NOTIFY_SUBTREE && v->name.n > name.n && v->name.p[name.n] == '/' &&
            span_starts(v->name, name))
            return true;
    }
    return false;
}

static unsigned events_of(const struct imap *i, const struct imap_name *v)
{
    const struct notify_program *p = &i->notify->program;
    unsigned events = 0;
    for (size_t n = 0; n < p->groups_n; n++)
        if (group_has(i, &p->groups[n], v))
            events |= p->groups[n].events;
    return events;
}

/* Of a mailbox of others, without the rights to know of them. */
static unsigned forbidden(const struct imap_name *v)
{
    unsigned events = 0;
    if (v->box == NULL)
        return 0;
    if ((v->rights & RIGHT_READ) == 0)
        events |= (unsigned)NOTIFY_MESSAGES | NOTIFY_FLAGS;
    if (!imap_metadata_allowed(v->rights))
        events |= NOTIFY_METADATA;
    return events;
}

static struct notify_row row_of(const struct imap_name *v, unsigned events)
{
    const struct mailbox *m = v->box;
    struct notify_row row = {.name = v->name,
                             .account = v->account,
                             .events = events & ~forbidden(v),
                             .subscribed = v->subscribed,
                             .no_access = (events & forbidden(v)) != 0};
    if (m == NULL)
        return row;
    row.id = m->id.v;
    row.uidvalidity = m->uidvalidity;
    row.uidnext = m->uidnext;
    row.modseq = m->highest_modseq;
    row.messages = m->messages;
    row.unseen = m->unseen;
    row.noselect = m->noselect;
    return row;
}

/* Rows and the bytes of their names in one piece: many sessions keep them for long. */
static struct notify_row *rows_pack(const struct notify_row *v, size_t n)
{
    size_t bytes = n * sizeof *v;
    for (size_t k = 0; k < n; k++)
        bytes += v[k].name.n;
    struct notify_row *rows = malloc(bytes + 1);
    if (rows == NULL)
        return NULL;
    char *to = (char *)(rows + n);
    for (size_t k = 0; k < n; k++) {
        rows[k] = v[k];
        if (v[k].name.n > 0)
            memcpy(to, v[k].name.p, v[k].name.n);
        rows[k].name.p = to;
        to += v[k].name.n;
    }
    return rows;
}

static int rows_read(struct imap *i, struct look *x, struct notify_row **out, size_t *n_out)
{
    bool others = notify_reaches_others(&i->notify->program);
    int err = imap_names_read(i, x->arena, SPAN_EMPTY, others, &x->names, &x->names_n);
    if (err != 0)
        return err;
    imap_names_relate(x->names, x->names_n);
    struct notify_row *v = arena_array(x->arena, x->names_n + 1, sizeof *v);
    x->of = arena_array(x->arena, x->names_n + 1, sizeof(*x->of));
    if (v == NULL || x->of == NULL)
        return arena_err(x->arena);
    size_t n = 0;
    x->newest = i->notify->newest;
    for (size_t k = 0; k < x->names_n; k++) {
        const struct mailbox *box = x->names[k].box;
        if (box != NULL && x->names[k].account == i->account && box->id.v > i->notify->newest)
            i->notify->newest = box->id.v;
        unsigned events = events_of(i, &x->names[k]);
        if (events == 0 || (x->names[k].box == NULL && !x->names[k].subscribed))
            continue;
        if (n == LIMIT_IMAP_NOTIFY)
            return ERR_LIMIT;
        x->of[n] = &x->names[k];
        v[n++] = row_of(&x->names[k], events);
    }
    *out = rows_pack(v, n);
    *n_out = n;
    if (*out == NULL)
        return ERR_NOMEM;
    err = notify_watch_others(i, *out, n);
    if (err != 0)
        free(*out);
    return err;
}

static void look_free(struct look *x)
{
    free(x->old);
    notify_notes_done(&x->notes);
    arena_free(x->arena);
    free(x);
}

static void look_drop(struct imap *i, void *data)
{
    (void)i;
    look_free(data);
}

/* The rows become what they are now; the old ones are the look's. */
static int look_new(struct imap *i, struct look **out)
{
    struct imap_notify *n = i->notify;
    struct look *x = calloc(1, sizeof *x);
    if (x == NULL)
        return ERR_NOMEM;
    x->arena = arena_new(LOOK_ARENA);
    x->old = n->rows;
    x->old_n = n->rows_n;
    struct notify_row *rows = NULL;
    size_t rows_n = 0;
    int err = notify_notes_init(&x->notes);
    if (err == 0)
        err = x->arena == NULL ? ERR_NOMEM : rows_read(i, x, &rows, &rows_n);
    if (err != 0) {
        x->old = NULL;
        look_free(x);
        return err;
    }
    n->rows = rows;
    n->rows_n = rows_n;
    *out = x;
    return 0;
}

/* ---- finding them again ---------------------------------------------------------------------- */

static bool is_same(const struct notify_row *a, const struct notify_row *b)
{
    return a->id != 0 ? a->id == b->id && a->account == b->account
                      : b->id == 0 && span_eq(a->name, b->name);
}

static const struct notify_row *
find(const struct notify_row *v, size_t n, size_t guess, const struct notify_row *row)
{
    if (guess < n && is_same(&v[guess], row))
        return &v[guess];
    for (size_t k = 0; k < n; k++)
        if (is_same(&v[k], row))
            return &v[k];
    return NULL;
}

static const struct imap_name *name_find(const struct look *x, struct span name)
{
    for (size_t k = 0; k < x->names_n; k++)
        if (span_eq(x->names[k].name, name))
            return &x->names[k];
    return NULL;
}

/* ---- telling of names ------------------------------------------------------------------------ */

/* A mailbox of others of which the user may not, or no longer, know what he wants to hear. */
static bool is_without_access(const struct imap *i, struct span name, const struct imap_name *v)
{
    if (v == NULL || v->box == NULL)
        return imap_place_is_others(name) && (v == NULL || !v->level);
    return (events_of(i, v) & forbidden(v)) != 0;
}

static void
write_list(struct imap *i, struct span name, const struct imap_name *v, struct span before)
{
    struct buf *out = i->s.out;
    const char *use = v != NULL && v->box != NULL ? imap_use_name(v->box->use) : NULL;
    buf_puts(out, "* LIST (");
    buf_puts(out, v != NULL && v->box == NULL && v->level ? "\\NonExistent \\HasChildren"
                  : v == NULL || v->box == NULL           ? "\\NonExistent"
                  : v->children                           ? "\\HasChildren"
                                                          : "\\HasNoChildren");
    if (v != NULL && v->box != NULL && v->box->noselect)
        buf_puts(out, " \\Noselect");
    if (is_without_access(i, name, v)) /* §5.9 */
        buf_puts(out, " \\NoAccess");
    if (v != NULL && v->subscribed)
        buf_puts(out, " \\Subscribed");
    if (use != NULL)
        buf_printf(out, " %s", use);
    buf_puts(out, ") \"/\" ");
    imap_write_mailbox(i, name);
    if (before.n > 0) {
        buf_puts(out, " (\"OLDNAME\" (");
        imap_write_mailbox(i, before);
        buf_puts(out, "))");
    }
    buf_puts(out, "\r\n");
}

/* §5.4: the level above is affected, too. */
static void write_parent(struct imap *i, const struct look *x, struct span name)
{
    size_t n = name.n;
    while (n > 0 && name.p[n - 1] != '/')
        n--;
    const struct imap_name *v = n > 1 ? name_find(x, span_slice(name, 0, n - 1)) : NULL;
    if (v != NULL && (events_of(i, v) & NOTIFY_NAMES) != 0)
        write_list(i, v->name, v, SPAN_EMPTY);
}

/* §5.4: was a level above it renamed, and this one with it? */
static bool came_along(struct imap *i,
                       const struct look *x,
                       const struct notify_row *now,
                       const struct notify_row *old)
{
    for (size_t k = 0; k < x->old_n; k++) {
        const struct notify_row *above = &x->old[k];
        if (above->id == 0 || above->name.n >= old->name.n || old->name.p[above->name.n] != '/' ||
            !span_starts(old->name, above->name))
            continue;
        const struct notify_row *then = find(i->notify->rows, i->notify->rows_n, k, above);
        struct span rest = span_from(old->name, above->name.n);
        if (then != NULL && (then->events & NOTIFY_NAMES) != 0 &&
            !span_eq(then->name, above->name) && now->name.n == then->name.n + rest.n &&
            span_starts(now->name, then->name) && span_ends(now->name, rest))
            return true;
    }
    return false;
}

/* The name was created, deleted but for what is below it, or renamed. */
static bool tell_changed_name(struct imap *i,
                              const struct look *x,
                              const struct notify_row *now,
                              const struct notify_row *old,
                              const struct imap_name *v)
{
    if (old == NULL || old->noselect != now->noselect) {
        /* §5.4: when INBOX is renamed that is one event, of the new name */
        bool from_inbox = v->box->was_inbox && !now->noselect && now->account == i->account &&
                          (old != NULL || now->id > x->newest);
        write_list(i, now->name, v, from_inbox ? SPAN("INBOX") : SPAN_EMPTY);
        if (!from_inbox)
            write_parent(i, x, now->name);
        return true;
    }
    if (span_eq(old->name, now->name) || came_along(i, x, now, old))
        return false;
    write_list(i, now->name, v, old->name);
    return true;
}

static void tell_name(struct imap *i,
                      const struct look *x,
                      const struct notify_row *now,
                      const struct notify_row *old,
                      const struct imap_name *v)
{
    bool there = now->id != 0 && !now->noselect;
    bool ours = notify_own_has(i->notify, there ? IMAP_OWN_THERE : IMAP_OWN_GONE, now->name);
    bool was = old != NULL ? old->subscribed : ours; /* what is created is subscribed to */
    if (!ours && (now->events & NOTIFY_NAMES) != 0 && now->id != 0 &&
        tell_changed_name(i, x, now, old, v))
        return;
    if (old != NULL && old->no_access != now->no_access) { /* §5.9 */
        write_list(i, now->name, v, SPAN_EMPTY);
        return;
    }
    enum imap_own own = now->subscribed ? IMAP_OWN_SUBSCRIBED : IMAP_OWN_UNSUBSCRIBED;
    if ((now->events & NOTIFY_SUBSCRIPTIONS) != 0 && was != now->subscribed &&
        !notify_own_has(i->notify, own, now->name))
        write_list(i, now->name, v, SPAN_EMPTY);
}

/* It is not among the new rows. */
static void tell_gone(struct imap *i, const struct look *x, const struct notify_row *old)
{
    const struct imap_name *v = name_find(x, old->name);
    bool there = v != NULL && v->box != NULL;
    if (there && v->box->id.v == old->id &&
        v->account == old->account) { /* only not wanted any more, because not subscribed to */
        if ((old->events & NOTIFY_SUBSCRIPTIONS) != 0 && old->subscribed != v->subscribed &&
            !notify_own_has(i->notify, IMAP_OWN_UNSUBSCRIBED, v->name))
            write_list(i, v->name, v, SPAN_EMPTY);
        return;
    }
    if (there || notify_own_has(i->notify, IMAP_OWN_GONE, old->name))
        return; /* another one has the name, and was told of */
    if ((old->events & NOTIFY_NAMES) != 0 && old->id != 0) {
        write_list(i, old->name, v, SPAN_EMPTY);
        write_parent(i, x, old->name);
    } else if ((old->events & NOTIFY_SUBSCRIPTIONS) != 0 &&
               old->subscribed != (v != NULL && v->subscribed) &&
               !notify_own_has(i->notify, IMAP_OWN_UNSUBSCRIBED, old->name)) {
        write_list(i, old->name, v, SPAN_EMPTY);
    }
}

/* ---- telling of messages --------------------------------------------------------------------- */

static bool is_selected(const struct imap *i, const struct notify_row *row)
{
    return i->box != NULL && i->box->id.v == row->id && i->box->account == row->account;
}

/* What a STATUS is to tell: §5.1 to §5.3. */
static unsigned
status_of(const struct imap *i, const struct notify_row *now, const struct notify_row *old)
{
    bool condstore = (i->enabled & IMAP_ON_CONDSTORE) != 0;
    unsigned wanted = 0;
    if ((now->events & NOTIFY_MESSAGES) == 0 || now->id == 0 || now->noselect ||
        is_selected(i, now))
        return 0;
    if (now->messages != old->messages || now->uidnext != old->uidnext)
        wanted |= IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT;
    if ((now->events & NOTIFY_FLAGS) != 0 && now->unseen != old->unseen)
        wanted |= IMAP_STATUS_UNSEEN;
    if (condstore &&
        (wanted != 0 || ((now->events & NOTIFY_FLAGS) != 0 && now->modseq != old->modseq)))
        wanted |= IMAP_STATUS_HIGHESTMODSEQ;
    if (wanted != 0 || now->uidvalidity != old->uidvalidity)
        wanted |= IMAP_STATUS_UIDVALIDITY;
    return wanted;
}

static int notes_of(struct imap *i, struct look *x, const struct notify_row *row, bool tell)
{
    if ((row->events & NOTIFY_METADATA) == 0 || row->id == 0)
        return 0;
    return notify_notes_look(i, &x->notes, row->account, row->id, row->name, tell);
}

static int tell_now(struct imap *i, struct look *x, size_t k)
{
    static const struct notify_row nothing = {.uidnext = 1};
    const struct notify_row *now = &i->notify->rows[k];
    const struct notify_row *old = find(x->old, x->old_n, k, now);
    tell_name(i, x, now, old, x->of[k]);
    struct notify_row empty = nothing;
    empty.uidvalidity = now->uidvalidity; /* of a new one its name is told, if at all */
    old = old != NULL ? old : &empty;
    unsigned wanted = status_of(i, now, old);
    int err = wanted != 0 && !notify_own_is_all(i, now, old)
                  ? imap_status_write(i, x->of[k]->account, x->of[k]->box, wanted)
                  : 0;
    return err != 0 ? err : notes_of(i, x, now, true);
}

/* All is told, or it cannot be. */
static enum step look_end(struct imap *i, struct look *x, int err)
{
    enum step (*then)(struct imap * i) = x->then;
    if (err == 0 && i->notify->program.server)
        err = notify_notes_look(i, &x->notes, i->account, 0, SPAN_EMPTY, x->tells);
    if (err == 0)
        err = notify_notes_keep(i, &x->notes);
    notify_own_forget(i->notify);
    imap_task_end(i);
    return err != 0 ? imap_notify_lost(i, err, then) : then(i);
}

static enum step look_go_on(struct imap *i)
{
    struct look *x = i->task.data;
    struct imap_notify *n = i->notify;
    int err = 0;
    while (i->s.out->n < IMAP_OUT_STEP && x->at < n->rows_n + x->old_n && err == 0) {
        size_t k = x->at++;
        if (k < n->rows_n)
            err = tell_now(i, x, k);
        else if (find(n->rows, n->rows_n, k - n->rows_n, &x->old[k - n->rows_n]) == NULL)
            tell_gone(i, x, &x->old[k - n->rows_n]);
    }
    if (err == 0 && x->at < n->rows_n + x->old_n)
        return STEP_MORE;
    return look_end(i, x, err);
}

enum step notify_look(struct imap *i, enum step (*then)(struct imap *i))
{
    struct look *x;
    int err = look_new(i, &x);
    if (err != 0)
        return imap_notify_lost(i, err, then);
    x->then = then;
    x->tells = true;
    return imap_task_begin(i,
                           (struct imap_task){.go_on = look_go_on, .drop = look_drop, .data = x});
}

/* ---- how things stand ------------------------------------------------------------------------ */

static int begin_row(struct imap *i, struct look *x, size_t k)
{
    const struct notify_row *row = &i->notify->rows[k];
    unsigned wanted = IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT | IMAP_STATUS_UIDVALIDITY;
    int err = 0;
    if (row->no_access) /* §3.1 */
        write_list(i, row->name, x->of[k], SPAN_EMPTY);
    if ((row->events & NOTIFY_FLAGS) != 0)
        wanted |= IMAP_STATUS_HIGHESTMODSEQ | IMAP_STATUS_UNSEEN;
    if (i->notify->program.status && (row->events & NOTIFY_MESSAGES) != 0 && row->id != 0 &&
        !row->noselect && !is_selected(i, row))
        err = imap_status_write(i, x->of[k]->account, x->of[k]->box, wanted);
    return err != 0 ? err : notes_of(i, x, row, false);
}

static enum step begin_go_on(struct imap *i)
{
    struct look *x = i->task.data;
    int err = 0;
    while (err == 0 && i->s.out->n < IMAP_OUT_STEP && x->at < i->notify->rows_n)
        err = begin_row(i, x, x->at++);
    if (err == 0 && x->at < i->notify->rows_n)
        return STEP_MORE;
    return look_end(i, x, err);
}

int notify_begin(struct imap *i, enum step (*then)(struct imap *i), enum step *step_out)
{
    struct look *x;
    int err = look_new(i, &x);
    if (err != 0)
        return err;
    x->then = then;
    *step_out =
        imap_task_begin(i, (struct imap_task){.go_on = begin_go_on, .drop = look_drop, .data = x});
    return 0;
}
