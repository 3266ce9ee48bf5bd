/* SPDX-License-Identifier: Apache-2.0 */
#include "imap_view.h"

#include "imap/args.h"
#include "trace.h"

void imap_cache_free(struct imap_cache *cache)
{
    if (cache != NULL)
        free(cache->v);
    free(cache);
}

void imap_view_begin(struct imap_view *v, struct client *c)
{
    *v = (struct imap_view){.c = c};
    buf_init(&v->code, 64 * 1024);
    buf_init(&v->body, 64u << 20);
    numset_init(&v->found);
    numset_init(&v->from);
    numset_init(&v->to);
}

void imap_view_end(struct imap_view *v)
{
    imap_view_leave(v);
    free(v->v);
    buf_done(&v->code);
    buf_done(&v->body);
    numset_done(&v->found);
    numset_done(&v->from);
    numset_done(&v->to);
}

/* What has been told without its UID will be told again. */
static void keep(struct imap_view *v)
{
    struct imap_cache *cache = calloc(1, sizeof *cache);
    must(cache != NULL);
    imap_cache_free(v->c->imap);
    *cache = (struct imap_cache){
        .life = v->life, .box = v->box, .uidvalidity = v->uidvalidity, .modseq = v->modseq};
    cache->v = calloc(v->n + 1, sizeof *cache->v);
    must(cache->v != NULL);
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].uid != 0)
            cache->v[cache->n++] = v->v[i];
    v->c->imap = cache;
}

void imap_view_leave(struct imap_view *v)
{
    if (v->box != NULL && v->life != NULL && v->qresync && v->modseq > 0)
        keep(v);
    v->box = NULL;
    v->life = v->own;
    v->n = 0;
}

bool imap_view_is_others(const struct imap_view *v)
{
    return v->life != v->own;
}

bool imap_view_counts(const struct imap_view *v)
{
    if (v->life == NULL || v->life->purged != NO || v->life->purging)
        return false;
    /* whose account is removed meanwhile shares nothing any more */
    return !imap_view_is_others(v) ||
           (life_is_open(v->life) && life_is_steady(v->life, v->opened) && v->own->purged == NO &&
            life_shares_since(v->life, v->opened));
}

bool imap_entry_is_current(const struct imap_entry *e)
{
    return e->copy != NULL && !e->copy->vague && e->copy->uid == e->uid && e->uid != 0;
}

/* ---- what is told ------------------------------------------------------------------------------ */

static void entry_add(struct imap_view *v, size_t at)
{
    if (v->n == v->cap) {
        v->cap = v->cap == 0 ? 32 : v->cap * 2;
        v->v = reallocarray(v->v, v->cap, sizeof *v->v);
        must(v->v != NULL);
    }
    memmove(&v->v[at + 1], &v->v[at], (v->n - at) * sizeof *v->v);
    v->v[at] = (struct imap_entry){.uid = 0};
    v->n++;
}

void imap_told_exists(struct imap_view *v, uint64_t n)
{
    v->exists = n;
    if (v->resuming)
        return;
    if (n < v->n)
        wrong("%s: %zu messages were there, and without an expunge there are %llu", v->c->name,
              v->n, (unsigned long long)n);
    while (v->n < n)
        entry_add(v, v->n);
}

/* It is gone: that must have been somebody's doing. */
static void entry_gone(struct imap_view *v, size_t at)
{
    struct imap_entry *e = &v->v[at];
    struct copy *copy = e->copy;
    if (imap_entry_is_current(e) && imap_view_counts(v)) {
        if (copy_must(copy))
            wrong("%s: message %u is told to be gone from %s of u%u, and nobody removed it",
                  v->c->name, copy->message->n, v->box->name, v->life->slot);
        if (copy->gone == MAYBE)
            copy_gone(&v->c->w->model, copy, YES);
    }
    memmove(e, e + 1, (v->n - at - 1) * sizeof *v->v);
    v->n--;
}

void imap_told_expunge(struct imap_view *v, uint64_t n)
{
    if (v->numbers)
        wrong("%s: an expunge is told where numbers may be used", v->c->name);
    if (v->box == NULL || n == 0 || n > v->n)
        wrong("%s: message number %llu of %zu is expunged", v->c->name, (unsigned long long)n,
              v->n);
    entry_gone(v, (size_t)n - 1);
}

/* The one with that UID; or one whose UID is not known yet, where that UID is in its order. v->n: there is none. */
static size_t find_vanished(const struct imap_view *v, uint32_t uid)
{
    size_t unknown = v->n;
    for (size_t i = 0; i < v->n; i++) {
        uint32_t at = v->v[i].uid;
        if (at == uid)
            return i;
        if (at > uid)
            return unknown;
        unknown = at == 0 ? i : v->n;
    }
    return unknown;
}

void imap_told_vanished(struct imap_view *v, struct span set, bool earlier)
{
    struct numset uids;
    bool beyond;
    uint32_t uid = 0;
    if (v->numbers && !earlier)
        wrong("%s: VANISHED is told where numbers may be used", v->c->name);
    numset_init(&uids);
    if (v->box == NULL || imap_set_parse(set, UINT32_MAX - 1, &uids, &beyond) != 0)
        wrong("%s: VANISHED %.*s", v->c->name, SPAN_ARG(set));
    /* of those before it may say more than the client knew; else never */
    for (bool on = numset_first(&uids, &uid); on; on = numset_next(&uids, &uid)) {
        size_t at = find_vanished(v, uid);
        if (at < v->n)
            entry_gone(v, at);
        else if (!earlier)
            wrong("%s: UID %u has vanished, and was not there", v->c->name, uid);
    }
    numset_done(&uids);
}

/* The flags are these now. Were they the ones that the client had to believe, if nobody has changed them? */
static void entry_flags(struct imap_view *v, struct imap_entry *e, const struct imap_fetched *f)
{
    const struct copy *copy = imap_entry_is_current(e) ? e->copy : NULL;
    bool changed = e->flags_known && e->flags != f->flags;
    if (changed && f->modseq != 0 && f->modseq <= e->modseq)
        wrong("%s: the flags of UID %u have changed, its mod-sequence %llu has not", v->c->name,
              e->uid, (unsigned long long)e->modseq);
    if (f->modseq != 0 && f->modseq < e->modseq)
        wrong("%s: UID %u had the mod-sequence %llu and has %llu", v->c->name, e->uid,
              (unsigned long long)e->modseq, (unsigned long long)f->modseq);
    if (changed && copy != NULL && imap_view_counts(v) && marks_are_steady(copy, v->synced) &&
        !v->c->touched)
        wrong("%s: the flags of message %u in %s of u%u were told as %x and are %x", v->c->name,
              copy->message->n, v->box->name, v->life->slot, e->flags, f->flags);
    for (unsigned i = 0; i < MARKS && copy != NULL && imap_view_counts(v); i++)
        if (mark_was(copy, i, (f->flags & 1u << i) == 0, v->since))
            wrong("%s: message %u in %s of u%u: %s is told to be %s", v->c->name, copy->message->n,
                  v->box->name, v->life->slot, mark_names[i],
                  (f->flags & 1u << i) != 0 ? "set" : "not set");
    e->flags = f->flags;
    e->flags_known = true;
}

static void entry_content(struct imap_view *v, struct imap_entry *e)
{
    struct client *c = v->c;
    struct span content = buf_span(&v->body);
    e->fetched = true;
    if (v->life == NULL)
        return;
    struct message *msg = message_of(&c->w->model, content);
    struct copy *copy = msg != NULL ? copy_find(v->box, msg) : NULL;
    if (copy == NULL)
        wrong("%s: UID %u in %s of u%u is a message that nobody ever put there", c->name, e->uid,
              v->box->name, v->life->slot);
    const char *differs = message_differs(msg, content);
    if (differs != NULL)
        wrong("%s: message %u in %s of u%u: %s", c->name, msg->n, v->box->name, v->life->slot,
              differs);
    if (e->copy != NULL && e->copy != copy)
        wrong("%s: UID %u in %s of u%u was message %u and is message %u now", c->name, e->uid,
              v->box->name, v->life->slot, e->copy->message->n, msg->n);
    if (!copy_may_since(copy, v->opened))
        wrong("%s: message %u is in %s of u%u: arrived %s, gone %s", c->name, msg->n, v->box->name,
              v->life->slot, tri_name(copy->arrived), tri_name(copy->gone));
    copy_uid_seen(&c->w->model, copy, e->uid, v->opened);
    e->copy = copy;
}

static void entry_uid(struct imap_view *v, struct imap_entry *e, uint32_t uid)
{
    size_t at = (size_t)(e - v->v);
    if (e->uid != 0 && e->uid != uid)
        wrong("%s: message number %zu had UID %u and has %u", v->c->name, at + 1, e->uid, uid);
    if ((at > 0 && v->v[at - 1].uid >= uid) ||
        (at + 1 < v->n && v->v[at + 1].uid != 0 && v->v[at + 1].uid <= uid))
        wrong("%s: UID %u is not in its order", v->c->name, uid);
    e->uid = uid;
    if (e->copy == NULL && v->life != NULL)
        e->copy = copy_of_uid(v->box, uid);
}

/* While a mailbox is resumed, numbers are those that are right at its end. */
static struct imap_entry *entry_resumed(struct imap_view *v, uint32_t uid)
{
    size_t at = 0;
    while (at < v->n && v->v[at].uid < uid)
        at++;
    if (at == v->n || v->v[at].uid != uid)
        entry_add(v, at);
    return &v->v[at];
}

void imap_told_fetch(struct imap_view *v, const struct imap_fetched *f)
{
    if (v->box == NULL || f->number == 0 ||
        (v->resuming ? f->number > v->exists || f->uid == 0 : f->number > v->n))
        wrong("%s: FETCH of message number %llu of %zu", v->c->name, (unsigned long long)f->number,
              v->n);
    struct imap_entry *e = v->resuming ? entry_resumed(v, f->uid) : &v->v[f->number - 1];
    if (f->uid != 0)
        entry_uid(v, e, f->uid);
    if (f->has_body)
        entry_content(v, e);
    if (f->has_flags)
        entry_flags(v, e, f);
    if (f->modseq > e->modseq)
        e->modseq = f->modseq;
    if (f->modseq > v->modseq_next)
        v->modseq_next = f->modseq;
}

/* ---- comparing --------------------------------------------------------------------------------- */

static bool shows(const struct imap_view *v, const struct copy *copy)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].copy == copy && (copy->vague || v->v[i].uid == copy->uid))
            return true;
    return false;
}

static void compare(struct imap_view *v)
{
    size_t unknown = 0, missing = 0;
    const struct copy *one = NULL;
    for (size_t i = 0; i < v->n; i++) {
        const struct imap_entry *e = &v->v[i];
        unknown += e->copy == NULL;
        if (imap_entry_is_current(e) && !copy_may_since(e->copy, v->since))
            wrong("%s: %s of u%u still shows message %u: arrived %s, gone %s", v->c->name,
                  v->box->name, v->life->slot, e->copy->message->n, tri_name(e->copy->arrived),
                  tri_name(e->copy->gone));
    }
    for (size_t i = 0; i < v->life->copies_n; i++) {
        const struct copy *copy = v->life->copies[i];
        if (copy->box != v->box || !copy_must_since(copy, v->since) || shows(v, copy))
            continue;
        one = copy;
        missing++;
    }
    if (missing > unknown)
        wrong("%s: %s of u%u does not show message %u, which is there", v->c->name, v->box->name,
              v->life->slot, one->message->n);
}

void imap_told_all(struct imap_view *v, enum imap_answer a, bool numbers)
{
    bool known = true;
    if (a != IMAP_OK || v->box == NULL || v->c->touched)
        return;
    v->synced = v->since;
    if (numbers)
        return;
    if (imap_view_counts(v))
        compare(v);
    for (size_t i = 0; i < v->n; i++)
        known &= v->v[i].uid != 0;
    if (known)
        v->modseq = v->modseq_next;
}
