/* SPDX-License-Identifier: Apache-2.0 */
/* What an IMAP client does with messages that are there: flags, copies, moves, expunges. */
#include "imap_view.h"

#include "trace.h"

/* ---- choosing ---------------------------------------------------------------------------------- */

bool imap_choose(struct imap_view *v, size_t most, struct imap_some *out)
{
    struct client *c = v->c;
    *out = (struct imap_some){.uid = v->notify || client_chance(c, 2)};
    buf_init(&out->set, 16 * 1024);
    size_t some = 1 + (size_t)client_below(c, most), first;
    if (v->n == 0)
        return false;
    out->at = calloc(v->n, sizeof *out->at);
    must(out->at != NULL);
    first = (size_t)client_below(c, v->n);
    for (size_t i = 0; i < v->n && out->n < some; i++) {
        size_t at = (first + i) % v->n;
        if (!imap_entry_is_current(&v->v[at]) || client_chance(c, 4))
            continue;
        buf_printf(&out->set, "%s%zu", out->n > 0 ? "," : "",
                   out->uid ? (size_t)v->v[at].uid : at + 1);
        out->at[out->n++] = at;
    }
    return out->n > 0;
}

void imap_some_done(struct imap_some *s)
{
    free(s->at);
    buf_done(&s->set);
}

enum tri imap_outcome(struct imap_view *v, enum imap_answer a, bool explained, const char *what)
{
    bool purged = v->life == NULL || !imap_view_counts(v);
    if (a == IMAP_OK)
        return YES;
    if (a == IMAP_NO)
        client_must(v->c, explained || purged, "%s is answered NO [%.*s]", what,
                    SPAN_ARG(buf_span(&v->code)));
    if (!v->passed)
        return NO;
    return a == IMAP_NO && !v->c->touched && !purged ? NO : MAYBE;
}

static bool may_be_missing(const struct imap_view *v, const struct box *b)
{
    return !box_is_there(b) || b->other[0] != '\0' || !box_is_steady(b, v->since);
}

bool imap_refusal_is_right(struct imap_view *v, const struct box *b, uint64_t n, uint64_t bytes)
{
    const struct life *l = b->life;
    if (l != v->own &&
        !(life_is_open(l) && life_is_steady(l, v->since) && life_shares_since(l, v->since)))
        return true;
    if (view_code_is(v, "OVERQUOTA"))
        return life_may_be_full(l, n, bytes, v->since) || l->klass_step > v->since;
    if (view_code_is(v, "TOOBIG"))
        return life_refuses(l, bytes, false) || l->klass_step > v->since;
    if (view_code_is(v, "CANNOT")) /* one that is no more is as one opened for reading */
        return v->box != NULL && may_be_missing(v, v->box);
    if (view_code_is(v, "TRYCREATE") || view_code_is(v, "NONEXISTENT"))
        return may_be_missing(v, b) || (v->box != NULL && may_be_missing(v, v->box));
    return false;
}

/* ---- STORE ------------------------------------------------------------------------------------- */

struct storing {
    char op; /* '+', '-', or ' ' to replace */
    unsigned mark;
    bool silent;
    uint64_t unchanged_since; /* 0: whatever it is */
    struct mark_try *tries;
    size_t n;
};

static unsigned choose_mark(struct client *c)
{
    return client_chance(c, 3) ? MARK_DELETED : (unsigned)client_below(c, MARKS);
}

static void store_begin(struct imap_view *v, const struct imap_some *some, struct storing *s)
{
    struct model *m = &v->c->w->model;
    s->tries = calloc(some->n * MARKS, sizeof *s->tries);
    must(s->tries != NULL);
    for (size_t i = 0; i < some->n; i++) {
        struct imap_entry *e = &v->v[some->at[i]];
        unsigned bit = 1u << s->mark;
        for (unsigned k = 0; k < MARKS; k++)
            if (s->op == ' ' || k == s->mark)
                mark_begin(m, &s->tries[s->n++], e->copy, k, s->op != '-' && k == s->mark);
        if (!s->silent)
            continue;
        if (s->op == ' ')
            e->flags_known = true;
        e->flags = s->op == '+' ? e->flags | bit : s->op == '-' ? e->flags & ~bit : bit;
    }
}

/* The copies are looked up again by what was remembered of them: what is told meanwhile moves the entries. */
static void store_end(struct imap_view *v, struct storing *s, enum tri how)
{
    for (size_t i = 0; i < s->n; i++)
        mark_end(&v->c->w->model, &s->tries[i], how);
    for (size_t i = 0; how != YES && i < v->n; i++)
        v->v[i].flags_known = false;
    free(s->tries);
}

/* Somebody else was faster: then it must have changed since it was told. */
static bool was_modified(struct imap_view *v, const struct storing *s, const struct copy *copy)
{
    if (s->unchanged_since == 0 || !span_starts(buf_span(&v->code), SPAN("MODIFIED ")))
        return false;
    if (!v->c->touched && imap_view_counts(v) && copy->marks[s->mark].begun == s->tries[0].begun &&
        marks_are_steady(copy, v->synced) && copy->restored_step <= v->synced)
        wrong("%s: message %u in %s of u%u has been modified, and nobody did that", v->c->name,
              copy->message->n, copy->box->name, v->life->slot);
    return true;
}

static void store_command(struct imap_view *v, const struct imap_some *some, struct storing *s)
{
    char condition[60] = "", op[3] = {s->op, '\0', '\0'};
    struct copy *copy = v->v[some->at[0]].copy;
    bool steady = marks_are_steady(copy, v->synced);
    if (s->unchanged_since > 0)
        snprintf(condition, sizeof condition, "(UNCHANGEDSINCE %llu) ",
                 (unsigned long long)s->unchanged_since);
    store_begin(v, some, s);
    v->numbers = !some->uid && !v->notify;
    enum imap_answer a = view_run(v, "%sSTORE %.*s %s%sFLAGS%s (%s)", some->uid ? "UID " : "",
                                  SPAN_ARG(buf_span(&some->set)), condition, s->op == ' ' ? "" : op,
                                  s->silent ? ".SILENT" : "", mark_names[s->mark]);
    if (v->read_only && a == IMAP_OK)
        wrong("%s: flags were changed in a mailbox opened by EXAMINE", v->c->name);
    bool right = v->read_only || imap_refusal_is_right(v, v->box, 0, 0);
    enum tri how = imap_outcome(v, a, right, "STORE");
    if (a == IMAP_OK && s->unchanged_since > 0 &&
        span_starts(buf_span(&v->code), SPAN("MODIFIED "))) {
        how = NO;
        if (steady)
            (void)was_modified(v, s, copy);
    }
    store_end(v, s, how);
    imap_told_all(v, a, !some->uid);
}

void act_store(struct imap_view *v)
{
    struct client *c = v->c;
    struct imap_some some;
    struct storing s = {
        .op = "++- "[client_below(c, 4)], .mark = choose_mark(c), .silent = client_chance(c, 3)};
    bool conditional = v->condstore && client_chance(c, 4);
    if (imap_choose(v, conditional ? 1 : 5, &some)) {
        const struct imap_entry *e = &v->v[some.at[0]];
        if (conditional && e->modseq > 0 && e->flags_known)
            s.unchanged_since = e->modseq;
        store_command(v, &some, &s);
    }
    imap_some_done(&some);
}

/* ---- EXPUNGE ----------------------------------------------------------------------------------- */

struct expunging {
    struct copy **v; /* that may go */
    unsigned *restores;
    size_t n;
};

static void expunge_begin(struct imap_view *v, struct expunging *x, const struct imap_some *some)
{
    size_t n = some != NULL ? some->n : v->n;
    x->v = calloc(n + 1, sizeof(struct copy *));
    x->restores = calloc(n + 1, sizeof *x->restores);
    must(x->v != NULL && x->restores != NULL);
    for (size_t i = 0; i < n; i++) {
        struct copy *copy = v->v[some != NULL ? some->at[i] : i].copy;
        if (copy == NULL || copy->marks[MARK_DELETED].on == NO)
            continue;
        copy_remove_begin(&v->c->w->model, copy);
        x->restores[x->n] = copy->restores;
        x->v[x->n++] = copy;
    }
    v->box->expunging++;
}

static bool is_shown(const struct imap_view *v, const struct copy *copy)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].copy == copy && imap_entry_is_current(&v->v[i]))
            return true;
    return false;
}

/* Nothing was in its way: what had the mark all the time is gone, as is what is shown no more. */
static void expunge_done(struct imap_view *v, struct expunging *x, bool shown)
{
    struct model *m = &v->c->w->model;
    for (size_t i = 0; i < x->n; i++) {
        struct copy *copy = x->v[i];
        bool marked = mark_was(copy, MARK_DELETED, true, v->since);
        if (copy->restores != x->restores[i] || copy->vague || v->c->touched)
            continue;
        if (shown && is_shown(v, copy)) {
            if (marked && imap_view_counts(v))
                wrong("%s: EXPUNGE has left message %u in %s of u%u", v->c->name, copy->message->n,
                      v->box->name, v->life->slot);
            copy_remove_never_began(m, copy);
        } else if (marked && copy->gone == MAYBE) {
            copy_gone(m, copy, YES);
        }
    }
}

static void expunge_in_doubt(struct imap_view *v, struct expunging *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++)
        if (mark_was(x->v[i], MARK_DELETED, true, v->since) && x->restores[i] == x->v[i]->restores)
            x->v[n++] = x->v[i];
    if (n > 0)
        sweep_add(&v->c->w->model, x->v, NULL, n, true, false);
}

static void expunge_end(struct imap_view *v, struct expunging *x, enum tri how, bool shown)
{
    v->box->expunging--;
    if (how == YES)
        expunge_done(v, x, shown);
    else if (how == NO)
        for (size_t i = 0; i < x->n; i++)
            copy_remove_never_began(&v->c->w->model, x->v[i]);
    else
        expunge_in_doubt(v, x);
    free(x->v);
    free(x->restores);
}

/* It removes what was announced, also what it is not known yet which message that is. */
static bool may_expunge(const struct imap_view *v)
{
    bool known = v->life != NULL && !v->life->restoring;
    for (size_t i = 0; i < v->n; i++)
        known &= v->v[i].copy != NULL;
    return known;
}

void act_expunge(struct imap_view *v)
{
    struct imap_some some;
    struct expunging x = {.n = 0};
    bool chosen =
        v->notify || client_chance(v->c, 3); /* what NOTIFY announces at that moment stays */
    if (!may_expunge(v))
        return;
    if (!imap_choose(v, 6, &some) || (chosen && !some.uid)) {
        imap_some_done(&some);
        return;
    }
    expunge_begin(v, &x, chosen ? &some : NULL);
    enum imap_answer a = chosen ? view_run(v, "UID EXPUNGE %.*s", SPAN_ARG(buf_span(&some.set)))
                                : view_run(v, "EXPUNGE");
    if (v->read_only && a == IMAP_OK)
        wrong("%s: a mailbox opened by EXAMINE is expunged", v->c->name);
    expunge_end(v, &x, imap_outcome(v, a, v->read_only, "EXPUNGE"), true);
    imap_some_done(&some);
    imap_told_all(v, a, false);
}

void act_close(struct imap_view *v)
{
    struct expunging x = {.n = 0};
    if (!may_expunge(v) || v->read_only || v->notify) {
        (void)view_run_ok(v, "UNSELECT");
    } else {
        expunge_begin(v, &x, NULL);
        enum imap_answer a = view_run(v, "CLOSE");
        enum tri how = imap_outcome(v, a, false, "CLOSE");
        /* it is closed whether it could be expunged or not */
        bool sure = imap_view_counts(v) && (how == YES || !v->passed);
        expunge_end(v, &x, sure ? how : MAYBE, false);
    }
    imap_view_leave(v);
}

/* ---- COPY and MOVE ------------------------------------------------------------------------------- */

struct copying {
    struct box *to;
    bool move;
    bool across; /* to another account: two transactions */
    size_t n;
    struct pair {
        struct copy *from, *to;
        uint32_t uid;
        unsigned from_restores, to_restores;
        unsigned begun[MARKS];
        bool back; /* it was there before, and was moved away */
        bool must; /* it is surely there at the beginning */
    } * v;
    uint64_t bytes;
};

/* A message is in each box once, for the model: it may go where it never was, or was surely moved away from. */
static bool may_go(const struct copy *to)
{
    if (to == NULL)
        return true;
    if (to->returning > 0 || to->message->at_work)
        return false;
    if (to->arrived == NO)
        return to->gone == NO;
    return to->arrived == YES && to->gone == YES && to->moved && !to->vague && to->uid != 0 &&
           to->old_uids_n < OLD_UIDS;
}

static void pair_begin(struct model *m, struct copying *x, struct pair *p)
{
    p->must = copy_must(p->from);
    p->from_restores = p->from->restores;
    if (x->move)
        copy_remove_begin(m, p->from);
    p->back = p->to != NULL && p->to->arrived == YES;
    if (p->to == NULL)
        p->to = copy_make(m, x->to, p->from->message);
    p->to->moved = false;
    if (p->back)
        copy_return_begin(m, p->to);
    else
        p->to->returning++;
    p->to_restores = p->to->restores;
    p->to->by_imap = true;
    copy_arrived(m, p->to, p->back ? YES : MAYBE);
    if (x->move && !x->across)
        p->to->line = p->from->line;
    else
        copy_new_line(m, p->to);
    for (unsigned i = 0; i < MARKS; i++) {
        p->begun[i] = ++p->to->marks[i].begun;
        mark_is(m, p->to, i, MAYBE);
    }
}

static void pair_arrived(struct imap_view *v, const struct copying *x, struct pair *p, enum tri how)
{
    struct model *m = &v->c->w->model;
    if (p->back) {
        copy_return_end(m, p->to, p->to_restores, how);
        p->to->moved = how == NO;
    } else {
        p->to->returning--;
        if (how != MAYBE && p->to->arrived == MAYBE)
            copy_arrived(m, p->to, how);
    }
    if (x->move && how == YES && p->from->restores == p->from_restores) {
        p->from->moved = !x->across;
        if (p->from->gone == MAYBE)
            copy_gone(m, p->from, YES);
    } else if (x->move && how == NO) {
        copy_remove_never_began(m, p->from);
    }
    for (unsigned i = 0; how == YES && i < MARKS; i++) {
        const struct mark *from = &p->from->marks[i], *to = &p->to->marks[i];
        if (to->begun == p->begun[i] && from->on != MAYBE && from->step <= v->since &&
            from->writers == 0)
            mark_is(m, p->to, i, from->on);
    }
}

/* COPYUID says which, in the order of the set. */
static void copied(struct imap_view *v, const struct copying *x)
{
    uint64_t n = numset_count(&v->from);
    if (n != numset_count(&v->to))
        wrong("%s: COPYUID has %llu UIDs and %llu for them", v->c->name, (unsigned long long)n,
              (unsigned long long)numset_count(&v->to));
    for (size_t i = 0; i < x->n; i++) {
        struct pair *p = &x->v[i];
        uint32_t uid = 0;
        bool done = numset_has(&v->from, p->uid);
        bool alone =
            p->from->removers == (x->move ? 1 : 0) && p->from->restores == p->from_restores;
        if (!done && p->must && alone && imap_view_counts(v) && !v->c->touched)
            wrong("%s: message %u in %s of u%u is passed over by %s", v->c->name,
                  p->from->message->n, v->box->name, v->life->slot, x->move ? "MOVE" : "COPY");
        pair_arrived(v, x, p, done ? YES : NO);
        if (done && numset_at(&v->to, numset_rank(&v->from, p->uid), &uid))
            copy_uid_seen(&v->c->w->model, p->to, uid, v->since);
    }
}

static void copy_end(struct imap_view *v, struct copying *x, enum imap_answer a)
{
    bool right = imap_refusal_is_right(v, x->to, x->n, x->bytes) || (x->move && v->read_only);
    enum tri how = imap_outcome(v, a, right, x->move ? "MOVE" : "COPY");
    if (how == YES) {
        copied(v, x);
        return;
    }
    struct copy **from = calloc(x->n, sizeof(struct copy *)), **to = calloc(x->n, sizeof(*to));
    must(from != NULL && to != NULL);
    for (size_t i = 0; i < x->n; i++) {
        from[i] = x->v[i].from;
        to[i] = x->v[i].to;
        pair_arrived(v, x, &x->v[i], how);
    }
    if (how == MAYBE)
        sweep_add(&v->c->w->model, from, to, x->n, x->move, x->across);
    free(from);
    free(to);
}

static bool copy_begin(struct imap_view *v, struct copying *x, const struct imap_some *some)
{
    struct copy *dest[8];
    must(some->n <= COUNT_OF(dest));
    for (size_t i = 0; i < some->n; i++) {
        const struct copy *from = v->v[some->at[i]].copy;
        dest[i] = copy_find(x->to, from->message);
        if (!may_go(dest[i]) || from->returning > 0)
            return false;
    }
    x->v = calloc(some->n, sizeof *x->v);
    must(x->v != NULL);
    for (; x->n < some->n; x->n++) {
        const struct imap_entry *e = &v->v[some->at[x->n]];
        x->v[x->n] = (struct pair){.from = e->copy, .to = dest[x->n], .uid = e->uid};
        pair_begin(&v->c->w->model, x, &x->v[x->n]);
        x->bytes += e->copy->message->body.n;
    }
    return true;
}

static void copy_or_move(struct imap_view *v, bool move)
{
    struct imap_some some;
    struct copying x = {.move = move, .to = imap_choose_target(v)};
    char path[BOX_PATH];
    if (x.to == NULL || x.to == v->box || v->life->restoring || (move && v->read_only))
        return;
    x.across = x.to->life != v->life;
    imap_path(v, x.to, path);
    if (imap_choose(v, 5, &some) && copy_begin(v, &x, &some)) {
        enum imap_answer a = view_run(v, "%s%s %.*s %s", some.uid ? "UID " : "",
                                      move ? "MOVE" : "COPY", SPAN_ARG(buf_span(&some.set)), path);
        copy_end(v, &x, a);
        free(x.v);
        imap_told_all(v, a, false);
    }
    imap_some_done(&some);
}

void act_copy(struct imap_view *v)
{
    copy_or_move(v, false);
}

void act_move(struct imap_view *v)
{
    copy_or_move(v, true);
}

/* ---- RENAME INBOX -------------------------------------------------------------------------------- */

static bool is_emptied(const struct copying *x, const struct copy *copy)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->v[i].from == copy)
            return true;
    return false;
}

/* All that may be in the box, but for what is there already. */
static void empty_add(struct imap_view *v, struct copying *x, const struct box *inbox)
{
    const struct life *l = inbox->life;
    size_t all = l->copies_n; /* those that it makes are elsewhere */
    x->v = reallocarray(x->v, x->n + all + 1, sizeof *x->v);
    must(x->v != NULL);
    for (size_t i = 0; i < all; i++) {
        struct copy *copy = l->copies[i];
        if (copy->box != inbox || copy->arrived == NO || copy->gone == YES || is_emptied(x, copy))
            continue;
        x->v[x->n] = (struct pair){.from = copy};
        pair_begin(&v->c->w->model, x, &x->v[x->n++]);
    }
}

/* What came, went or was brought back meanwhile is in one of both. */
static void empty_end(struct imap_view *v, struct copying *x, size_t sure_n, enum tri how)
{
    struct copy **from = calloc(x->n + 1, sizeof(struct copy *));
    struct copy **to = calloc(x->n + 1, sizeof(struct copy *));
    size_t n = 0;
    must(from != NULL && to != NULL);
    for (size_t i = 0; i < x->n; i++) {
        struct pair *p = &x->v[i];
        bool sure = i < sure_n && p->must && p->from->removers == 1 &&
                    p->from->restores == p->from_restores;
        pair_arrived(v, x, p, how == YES && !sure ? MAYBE : how);
        if (how == MAYBE && sure) {
            from[n] = p->from;
            to[n++] = p->to;
        }
    }
    if (n > 0)
        sweep_add(&v->c->w->model, from, to, n, true, false);
    free(from);
    free(to);
}

/* Its messages go to a new mailbox, which gets a copy of its note; it stays, empty (RFC 9051 §6.3.6). */
void act_rename_inbox(struct imap_view *v)
{
    struct model *m = &v->c->w->model;
    struct copying x = {.move = true};
    char name[BOX_TEXT];
    if (v->life == NULL || imap_view_is_others(v) || v->life->restoring || v->life->boxes_n > 20 ||
        !imap_choose_name(v, name))
        return;
    struct box *inbox = life_inbox(v->life);
    if (!note_is_sure(&inbox->note))
        return;
    x.to = box_new(m, v->life, name);
    x.to->note = inbox->note;
    inbox->note.busy = true;
    inbox->emptying++;
    box_set(m, x.to, &x.to->made, MAYBE);
    empty_add(v, &x, inbox);
    size_t sure_n = x.n;
    enum imap_answer a = view_run(v, "RENAME INBOX %s", name);
    enum tri how = imap_outcome(v, a, false, "RENAME");
    inbox->emptying--;
    inbox->note.busy = false;
    if (how != NO)
        empty_add(v, &x, inbox);
    box_set(m, x.to, &x.to->made, how);
    empty_end(v, &x, sure_n, how);
    free(x.v);
    imap_told_all(v, a, false);
}
