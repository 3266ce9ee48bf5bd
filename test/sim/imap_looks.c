/* SPDX-License-Identifier: Apache-2.0 */
/* What an IMAP client looks at: messages, searches, numbers and names of mailboxes; each against the model. */
#include "imap_view.h"

#include "trace.h"

/* ---- FETCH ------------------------------------------------------------------------------------- */

/* UIDs and flags of those that were told by their number only, or whose flags it cannot know. */
static void learn_flags(struct imap_view *v)
{
    size_t first = 0;
    uint32_t uid = 0;
    while (first < v->n && v->v[first].uid != 0 && v->v[first].flags_known)
        uid = v->v[first++].uid;
    if (first == v->n)
        return;
    bool by_uid = v->notify;
    v->numbers = !by_uid;
    enum imap_answer a = by_uid ? view_run(v, "UID FETCH %u:* (FLAGS)", uid + 1)
                                : view_run(v, "FETCH %zu:%zu (UID FLAGS)", first + 1, v->n);
    (void)imap_outcome(v, a, false, "FETCH");
    imap_told_all(v, a, !by_uid);
}

static void learn_bodies(struct imap_view *v)
{
    struct buf set;
    size_t n = 0;
    buf_init(&set, 16 * 1024);
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].uid != 0 && v->v[i].copy == NULL)
            buf_printf(&set, "%s%u", n++ > 0 ? "," : "", v->v[i].uid);
    if (n > 0) {
        enum imap_answer a =
            view_run(v, "UID FETCH %.*s (UID BODY.PEEK[])", SPAN_ARG(buf_span(&set)));
        (void)imap_outcome(v, a, false, "FETCH");
        imap_told_all(v, a, false);
    }
    buf_done(&set);
}

void act_learn(struct imap_view *v)
{
    if (v->box == NULL)
        return;
    learn_flags(v);
    if (!v->c->lost && v->life != NULL)
        learn_bodies(v);
}

struct wanted {
    struct copy *copy;
    unsigned restores; /* of it then: later it may have come back under another UID */
    bool came;
    struct mark_try seen;
};

/* Bodies, which BODY marks as seen and BODY.PEEK does not. */
void act_fetch(struct imap_view *v)
{
    struct imap_some some;
    struct wanted wanted[8];
    struct model *m = &v->c->w->model;
    bool seen = client_chance(v->c, 2), marks = seen && !v->read_only;
    if (!imap_choose(v, 4, &some)) {
        imap_some_done(&some);
        return;
    }
    for (size_t i = 0; i < some.n; i++) {
        struct copy *copy = v->v[some.at[i]].copy;
        wanted[i] = (struct wanted){.copy = copy, .restores = copy->restores};
        if (marks)
            mark_begin(m, &wanted[i].seen, wanted[i].copy, MARK_SEEN, true);
    }
    v->numbers = !some.uid && !v->notify;
    enum imap_answer a = view_run(v, "%sFETCH %.*s (UID FLAGS BODY%s[])", some.uid ? "UID " : "",
                                  SPAN_ARG(buf_span(&some.set)), seen ? "" : ".PEEK");
    enum tri how = imap_outcome(v, a, false, "FETCH");
    for (size_t i = 0; i < v->n; i++)
        for (size_t k = 0; k < some.n; k++)
            wanted[k].came |= v->v[i].copy == wanted[k].copy && v->v[i].fetched;
    for (size_t i = 0; i < some.n; i++) {
        const struct copy *copy = wanted[i].copy;
        if (how == YES && !wanted[i].came && imap_view_counts(v) && !v->c->touched &&
            copy_must_since(copy, v->since) && copy->restores == wanted[i].restores)
            wrong("%s: FETCH does not show message %u in %s of u%u", v->c->name, copy->message->n,
                  v->box->name, v->life->slot);
        if (marks) /* it cannot always be set, and the mail is shown all the same */
            mark_end(m, &wanted[i].seen, how == YES && v->c->touched ? MAYBE : how);
    }
    imap_some_done(&some);
    imap_told_all(v, a, !some.uid);
}

/* ---- SEARCH ------------------------------------------------------------------------------------ */

static void compare_found(struct imap_view *v, unsigned mark, bool on, bool uid)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct imap_entry *e = &v->v[i];
        const struct copy *copy = e->copy;
        bool found = numset_has(&v->found, uid ? e->uid : (uint32_t)i + 1);
        if (!imap_entry_is_current(e))
            continue;
        if (found && mark_was(copy, mark, !on, v->since))
            wrong("%s: SEARCH finds message %u in %s of u%u", v->c->name, copy->message->n,
                  v->box->name, v->life->slot);
        if (!found && copy_must_since(copy, v->since) && mark_was(copy, mark, on, v->since))
            wrong("%s: SEARCH does not find message %u in %s of u%u", v->c->name, copy->message->n,
                  v->box->name, v->life->slot);
    }
}

void act_search(struct imap_view *v)
{
    static const char *const keys[MARKS][2] = {
        {"UNSEEN", "SEEN"},       {"UNANSWERED", "ANSWERED"}, {"UNFLAGGED", "FLAGGED"},
        {"UNDELETED", "DELETED"}, {"UNDRAFT", "DRAFT"},       {"UNKEYWORD $sim", "KEYWORD $sim"},
    };
    unsigned mark = (unsigned)client_below(v->c, MARKS);
    bool on = client_chance(v->c, 2), uid = v->notify || client_chance(v->c, 2);
    v->numbers = !uid;
    enum imap_answer a = view_run(v, "%sSEARCH %s", uid ? "UID " : "", keys[mark][on]);
    (void)imap_outcome(v, a, false, "SEARCH");
    /* what is new has no known copy yet, so the numbers of the others are still those that were searched */
    if (a == IMAP_OK && !v->c->touched && imap_view_counts(v)) {
        if (!v->searched)
            wrong("%s: SEARCH is answered without a result", v->c->name);
        compare_found(v, mark, on, uid);
    }
    imap_told_all(v, a, !uid);
}

/* ---- STATUS and LIST --------------------------------------------------------------------------- */

struct count {
    uint64_t least, most;
};

static void count_one(struct count *n, bool surely, bool perhaps)
{
    n->least += surely;
    n->most += perhaps;
}

static void compare_count(
    struct imap_view *v, const struct box *b, const char *what, uint64_t told, struct count n)
{
    if (told < n.least || told > n.most)
        wrong("%s: STATUS says %s %llu of %s of u%u, which has %llu to %llu", v->c->name, what,
              (unsigned long long)told, b->name, v->life->slot, (unsigned long long)n.least,
              (unsigned long long)n.most);
}

static void compare_status(struct imap_view *v, const struct box *b)
{
    const struct imap_status *s = &v->status;
    struct count messages = {0}, unseen = {0}, deleted = {0};
    for (size_t i = 0; i < v->life->copies_n; i++) {
        const struct copy *c = v->life->copies[i];
        if (c->box != b)
            continue;
        bool surely = copy_must_since(c, v->since), perhaps = copy_may_since(c, v->since);
        count_one(&messages, surely, perhaps);
        count_one(&unseen, surely && mark_was(c, MARK_SEEN, false, v->since),
                  perhaps && !mark_was(c, MARK_SEEN, true, v->since));
        count_one(&deleted, surely && mark_was(c, MARK_DELETED, true, v->since),
                  perhaps && !mark_was(c, MARK_DELETED, false, v->since));
    }
    compare_count(v, b, "MESSAGES", s->messages, messages);
    compare_count(v, b, "UNSEEN", s->unseen, unseen);
    compare_count(v, b, "DELETED", s->deleted, deleted);
}

void act_status(struct imap_view *v)
{
    struct box *b = imap_view_is_others(v) ? NULL : imap_choose_box(v);
    if (b == NULL)
        return;
    uint32_t uidnext = b->uidnext;
    uint64_t modseq = b->modseq;
    enum imap_answer a = view_run(
        v, "STATUS %s (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ UNSEEN DELETED)", b->name);
    (void)imap_outcome(v, a, imap_refusal_is_right(v, b, 0, 0), "STATUS");
    const struct imap_status *s = &v->status;
    if (a == IMAP_OK && imap_view_counts(v) && box_is_there(b) && box_is_steady(b, v->since)) {
        if (!s->told)
            wrong("%s: STATUS is answered without numbers", v->c->name);
        if (b->uidvalidity != 0 && b->uidvalidity != s->uidvalidity)
            wrong("%s: %s of u%u had UIDVALIDITY %u and has %llu", v->c->name, b->name,
                  v->life->slot, b->uidvalidity, (unsigned long long)s->uidvalidity);
        if (s->uidnext < uidnext || s->modseq < modseq)
            wrong("%s: %s of u%u had UIDNEXT %u, HIGHESTMODSEQ %llu and has %llu, %llu", v->c->name,
                  b->name, v->life->slot, uidnext, (unsigned long long)modseq,
                  (unsigned long long)s->uidnext, (unsigned long long)s->modseq);
        box_numbers_seen(b, (uint32_t)s->uidnext, s->modseq);
        compare_status(v, b);
    }
    imap_told_all(v, a, false);
}

static bool is_listed(const struct imap_view *v, const char *name)
{
    for (size_t i = 0; i < v->names_n; i++)
        if (strcmp(v->names[i], name) == 0)
            return true;
    return false;
}

void act_list(struct imap_view *v)
{
    if (imap_view_is_others(v))
        return;
    enum imap_answer a = view_run(v, "LIST \"\" *");
    (void)imap_outcome(v, a, false, "LIST");
    if (a == IMAP_OK && imap_view_counts(v)) {
        for (size_t i = 0; i < v->life->boxes_n; i++) {
            const struct box *b = v->life->boxes[i];
            if (box_is_there(b) && b->other[0] == '\0' && box_is_steady(b, v->since) &&
                !is_listed(v, b->name))
                wrong("%s: %s of u%u is not listed", v->c->name, b->name, v->life->slot);
        }
        for (size_t i = 0; i < v->names_n; i++) {
            bool may = false;
            for (size_t k = 0; k < v->life->boxes_n; k++) {
                const struct box *b = v->life->boxes[k];
                may |= !box_is_steady(b, v->since) ||
                       (box_may_be_there(b) &&
                        (strcmp(b->name, v->names[i]) == 0 || strcmp(b->other, v->names[i]) == 0));
            }
            if (!may)
                wrong("%s: %s is listed, which u%u does not have", v->c->name, v->names[i],
                      v->life->slot);
        }
    }
    imap_told_all(v, a, false);
}
