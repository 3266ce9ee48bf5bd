/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes and flags. */
#include "model.h"

#include "trace.h"

const char *const mark_names[MARKS] = {"\\Seen",    "\\Answered", "\\Flagged",
                                       "\\Deleted", "\\Draft",    "$sim"};

/* ---- boxes ----------------------------------------------------------------------------------- */

void boxes_make(struct model *m, struct life *l)
{
    static const char *const names[] = {"INBOX", "Archive", "Trash", "Sent", "Drafts", "Junk"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct box *b = box_new(m, l, names[i]);
        b->made = YES;
        b->fixed = true;
    }
}

struct box *life_inbox(const struct life *l)
{
    return l->boxes[0];
}

struct box *life_shared_box(const struct life *l)
{
    return l->boxes[1];
}

bool life_shares_since(const struct life *l, uint64_t since)
{
    return l->shared == YES && l->shared_step <= since;
}

void life_shared_set(struct model *m, struct life *l, enum tri to)
{
    if (l->shared == to)
        return;
    l->shared = to;
    l->shared_step = ++m->step;
    trace("life %u shares: %s", l->n, tri_name(to));
}

struct box *box_new(struct model *m, struct life *l, const char *name)
{
    struct box *b = calloc(1, sizeof *b);
    struct box **v = reallocarray(l->boxes, l->boxes_n + 1, sizeof(struct box *));
    must(b != NULL && v != NULL);
    l->boxes = v;
    *b = (struct box){.life = l, .step = ++m->step};
    snprintf(b->name, sizeof b->name, "%s", name);
    l->boxes[l->boxes_n++] = b;
    return b;
}

void box_set(struct model *m, struct box *b, enum tri *field, enum tri to)
{
    if (*field == to)
        return;
    *field = to;
    b->step = ++m->step;
    trace("%s of life %u: made %s, removed %s", b->name, b->life->n, tri_name(b->made),
          tri_name(b->removed));
}

void box_named(struct model *m, struct box *b, const char *name, const char *other)
{
    trace("%s of life %u: named %s%s%s", b->name, b->life->n, name, *other != '\0' ? " or " : "",
          other);
    if (name != b->name)
        snprintf(b->name, sizeof b->name, "%s", name);
    if (other != b->other)
        snprintf(b->other, sizeof b->other, "%s", other);
    b->step = ++m->step;
}

bool box_is_there(const struct box *b)
{
    return b->made == YES && b->removed == NO;
}

bool box_may_be_there(const struct box *b)
{
    return b->made != NO && b->removed != YES;
}

bool box_is_steady(const struct box *b, uint64_t since)
{
    return b->step <= since;
}

bool box_is_below(const struct box *b, const char *name)
{
    size_t n = strlen(name);
    return strncmp(b->name, name, n) == 0 && b->name[n] == '/';
}

struct box *box_find(const struct life *l, const char *name)
{
    for (size_t i = 0; i < l->boxes_n; i++) {
        struct box *b = l->boxes[i];
        if (box_may_be_there(b) && (strcmp(b->name, name) == 0 || strcmp(b->other, name) == 0))
            return b;
    }
    return NULL;
}

struct box *box_of_id(const struct life *l, uint32_t id)
{
    for (size_t i = 0; i < l->boxes_n; i++)
        if (l->boxes[i]->id == id)
            return l->boxes[i];
    return NULL;
}

void box_id_seen(struct box *b, uint32_t id, uint32_t uidvalidity)
{
    const struct life *l = b->life;
    if (b->id != 0 && (b->id != id || b->uidvalidity != uidvalidity))
        wrong("%s of u%u was mailbox %u with UIDVALIDITY %u and is %u with %u", b->name, l->slot,
              b->id, b->uidvalidity, id, uidvalidity);
    if (b->id != 0)
        return;
    for (size_t i = 0; i < l->boxes_n; i++) {
        const struct box *other = l->boxes[i];
        if (other->id == id)
            wrong("%s of u%u has the mailbox id %u, which %s has or had", b->name, l->slot, id,
                  other->name);
        if (other->uidvalidity == uidvalidity && !(other->fixed && b->fixed))
            wrong("%s of u%u has the UIDVALIDITY %u, which %s has or had", b->name, l->slot,
                  uidvalidity, other->name);
    }
    b->id = id;
    b->uidvalidity = uidvalidity;
}

void box_numbers_seen(struct box *b, uint32_t uidnext, uint64_t modseq)
{
    if (uidnext > b->uidnext)
        b->uidnext = uidnext;
    if (modseq > b->modseq)
        b->modseq = modseq;
}

/* ---- notes ----------------------------------------------------------------------------------- */

bool note_is_sure(const struct note *n)
{
    return n->is == n->maybe && !n->busy;
}

void note_begin(struct model *m, struct note *n, unsigned to)
{
    n->maybe = to;
    n->busy = true;
    n->step = ++m->step;
}

void note_end(struct model *m, struct note *n, enum tri how)
{
    if (how == YES)
        n->is = n->maybe;
    else if (how == NO)
        n->maybe = n->is;
    n->busy = false;
    n->step = ++m->step;
}

void note_seen(struct model *m, struct box *b, unsigned is)
{
    struct note *n = &b->note;
    if (is != n->is && is != n->maybe)
        wrong("%s of u%u has the note %u, and was promised to have %u%s", b->name, b->life->slot,
              is, n->is, n->is != n->maybe ? ", or perhaps another one" : "");
    if (n->is != n->maybe)
        n->step = ++m->step;
    n->is = n->maybe = is;
    n->busy = false;
}

/* ---- marks ----------------------------------------------------------------------------------- */

void mark_is(struct model *m, struct copy *c, unsigned mark, enum tri on)
{
    struct mark *k = &c->marks[mark];
    if (k->on == on)
        return;
    k->on = on;
    k->step = ++m->step;
}

void mark_begin(struct model *m, struct mark_try *t, struct copy *c, unsigned mark, bool to)
{
    struct mark *k = &c->marks[mark];
    k->begun++;
    k->writers++;
    *t = (struct mark_try){.copy = c,
                           .mark = mark,
                           .before = k->on,
                           .to = to ? YES : NO,
                           .begun = k->begun,
                           .restores = c->restores,
                           .alone = k->writers == 1};
    if (k->on != t->to)
        mark_is(m, c, mark, MAYBE);
    if (mark == MARK_DELETED && to && c->box->expunging > 0)
        copy_remove_begin(m, c);
}

void mark_end(struct model *m, const struct mark_try *t, enum tri how)
{
    struct copy *c = t->copy;
    struct mark *k = &c->marks[t->mark];
    bool sure = t->alone && k->begun == t->begun && c->restores == t->restores && c->gone == NO;
    k->writers--;
    if (sure && how != MAYBE)
        mark_is(m, c, t->mark, how == YES ? t->to : t->before);
    k->step = ++m->step;
}

bool mark_was(const struct copy *c, unsigned mark, bool on, uint64_t since)
{
    const struct mark *k = &c->marks[mark];
    return k->on == (on ? YES : NO) && k->writers == 0 && k->step <= since;
}

bool marks_are_steady(const struct copy *c, uint64_t since)
{
    for (unsigned i = 0; i < MARKS; i++)
        if (c->marks[i].writers > 0 || c->marks[i].step > since)
            return false;
    return true;
}
