/* SPDX-License-Identifier: Apache-2.0 */
/* Reads through the rooms' own functions, for what they say is what protocols get; their own checks
 * (mailbox_check, store_check) are run as well. wrong() at the first difference. */
#include "audit.h"

#include "base/err.h"
#include "mailbox/acl.h"
#include "mailbox/annotation.h"
#include "mailbox/keys.h"
#include "mailbox/records.h"
#include "mailbox/sync.h"
#include "trace.h"
#include "turns.h"

enum { AUDIT_ARENA = 4 << 20 };

struct audit {
    struct world *w;
    struct model *m;
    struct arena *arena;
    struct buf content;
    unsigned mark; /* of the copies that were found in this audit */
    uint64_t bytes, messages;
};

/* ---- accounts ----------------------------------------------------------------------------- */

static void
settle(struct audit *a, struct life *l, enum tri *field, enum tri found, const char *what)
{
    if (*field != MAYBE && *field != found)
        wrong("u%u, life %u: %s is %s, and was promised to be %s", l->slot, l->n, what,
              tri_name(found), tri_name(*field));
    life_set(a->m, l, field, found);
}

static void settle_class(struct audit *a, struct life *l, struct span name)
{
    for (int i = 0; i < 2; i++) {
        const struct klass *k = l->klass[i];
        if (k == NULL || !span_eq(name, span_str(k->name)))
            continue;
        if (l->klass[1] != NULL)
            l->klass_step = ++a->m->step;
        l->klass[0] = k;
        l->klass[1] = NULL;
        return;
    }
    wrong("u%u has the class %.*s", l->slot, SPAN_ARG(name));
}

/* Cut short, it is begun all the same. */
static void settle_purging(struct life *l, bool purging)
{
    if (l->purging && !purging)
        wrong("u%u, life %u: its purging had begun, and is taken back", l->slot, l->n);
    if (purging && !l->purging && l->purged == NO)
        wrong("u%u, life %u: its purging has begun, and nobody wanted it", l->slot, l->n);
    l->purging = purging;
}

static void audit_life(struct audit *a, struct life *l)
{
    char address[DOMAIN_TEXT];
    struct account account;
    slot_address(l->slot, address);
    int err = account_get(a->w->directory, span_str(address), a->arena, &account);
    if (err == ERR_NO_USER) {
        if (l->made == MAYBE)
            settle(a, l, &l->made, NO, "its making");
        else if (l->made == YES)
            settle(a, l, &l->purged, YES, "its purging");
        return;
    }
    if (err != 0)
        wrong("%s cannot be read: %s", address, err_name(err));
    settle(a, l, &l->made, YES, "its making");
    settle_purging(l, account.purging);
    if (account.purging && account_restore(a->w->directory, span_str(address)) != ERR_INVALID)
        wrong("u%u, life %u: its purging has begun, and it could be restored", l->slot, l->n);
    settle(a, l, &l->purged, NO, "its purging");
    settle(a, l, &l->removed, account.status == ACCOUNT_REMOVED ? YES : NO, "its removal");
    settle_class(a, l, account.class_name);
    life_id_seen(a->m, l, account.id);
}

/* ---- partitions --------------------------------------------------------------------------- */

struct parts {
    struct audit *a;
    unsigned strays;
};

static int audit_part(void *arg, struct part part)
{
    struct parts *p = arg;
    const struct model *m = p->a->m;
    for (size_t i = 0; i < m->lives_n; i++) {
        if (m->lives[i]->id != part.id)
            continue;
        if (m->lives[i]->purged == YES)
            wrong("life %u (u%u) is purged, and its mail is still there", m->lives[i]->n,
                  m->lives[i]->slot);
        return 0;
    }
    p->strays++;
    trace("mail partition %llu is nobody's", (unsigned long long)part.id);
    return 0;
}

static void audit_parts(struct audit *a)
{
    struct parts p = {.a = a};
    if (store_parts(a->w->store, PART_ACCOUNT, 0, audit_part, &p) != 0)
        wrong("the partitions cannot be listed");
    if (p.strays > a->m->strays)
        wrong("%u mail partitions are nobody's, and only %u makings of accounts went wrong",
              p.strays, a->m->strays);
}

/* ---- mail --------------------------------------------------------------------------------- */

static void read_content(struct audit *a, const struct life *l, struct message_id id)
{
    struct blob_reader *r;
    struct blob_info info;
    int err = mailbox_message_open(&a->w->mail, l->id, id, &r, &info);
    if (err != 0)
        wrong("message id %llu of u%u cannot be opened: %s", (unsigned long long)id.v, l->slot,
              err_name(err));
    buf_clear(&a->content);
    err = store_blob_read(r, 0, SIZE_MAX, &a->content);
    store_blob_close(r);
    if (err != 0 || a->content.n != info.size)
        wrong("message id %llu of u%u cannot be read: %s", (unsigned long long)id.v, l->slot,
              err_name(err));
}

/* Where it is, and that it has always been there. */
static void audit_uid(struct audit *a, struct copy *copy, const struct mail_entry *e)
{
    const struct box *b = copy->box;
    if (copy->uid == 0 && e->uid.v < b->settled_uidnext)
        wrong("message %u in %s of u%u is new and has UID %u, and UIDNEXT was %u already",
              copy->message->n, b->name, b->life->slot, e->uid.v, b->settled_uidnext);
    copy->vague = false;
    copy_uid_seen(a->m, copy, e->uid.v, a->m->step);
    if (copy->uid != e->uid.v)
        wrong("message %u in %s of u%u has its old UID %u again", copy->message->n, b->name,
              b->life->slot, e->uid.v);
}

static void audit_marks(struct audit *a, struct copy *copy, unsigned flags)
{
    for (unsigned i = 0; i < MARKS; i++) {
        enum tri found = (flags & 1u << i) != 0 ? YES : NO, on = copy->marks[i].on;
        if (on != MAYBE && on != found)
            wrong("message %u in %s of u%u: %s is %s, and was promised to be %s", copy->message->n,
                  copy->box->name, copy->life->slot, mark_names[i], tri_name(found), tri_name(on));
        mark_is(a->m, copy, i, found);
        must(copy->marks[i].writers == 0);
    }
}

static struct copy *audit_content(struct audit *a, struct box *b, const struct mail_entry *e)
{
    const struct life *l = b->life;
    struct span content = buf_span(&a->content);
    struct message *msg = message_of(a->m, content);
    struct copy *copy = msg != NULL ? copy_find(b, msg) : NULL;
    if (copy == NULL)
        wrong("%s of u%u has a message that nobody ever put there: UID %u", b->name, l->slot,
              e->uid.v);
    const char *differs = message_differs(msg, content);
    if (differs != NULL)
        wrong("message %u in %s of u%u: %s", msg->n, b->name, l->slot, differs);
    if (e->size != content.n)
        wrong("message %u of u%u has %zu bytes and is listed with %llu", msg->n, l->slot, content.n,
              (unsigned long long)e->size);
    return copy;
}

static void audit_entry(struct audit *a, struct box *b, const struct mail_entry *e, bool keyword)
{
    const struct life *l = b->life;
    read_content(a, l, e->message);
    struct copy *copy = audit_content(a, b, e);
    const struct message *msg = copy->message;
    if (copy->seen == a->mark)
        wrong("message %u is twice in %s of u%u", msg->n, b->name, l->slot);
    if (copy->arrived == NO)
        wrong("message %u is in %s of u%u, and was refused or never sent whole", msg->n, b->name,
              l->slot);
    if (copy->gone == YES)
        wrong("message %u is in %s of u%u, and was removed", msg->n, b->name, l->slot);
    copy->seen = a->mark;
    copy_arrived(a->m, copy, YES);
    copy_gone(a->m, copy, NO);
    copy->moved = false;
    copy_seen(a->m, copy, e->uidl, a->m->step);
    audit_uid(a, copy, e);
    unsigned flags = 0;
    static const uint32_t bits[] = {FLAG_SEEN, FLAG_ANSWERED, FLAG_FLAGGED, FLAG_DELETED,
                                    FLAG_DRAFT};
    for (unsigned i = 0; i < COUNT_OF(bits); i++)
        flags |= (e->flags & bits[i]) != 0 ? 1u << i : 0;
    audit_marks(a, copy, flags | (keyword ? 1u << MARK_KEYWORD : 0));
    a->bytes += e->size;
    a->messages++;
}

/* Which UIDs have the keyword. */
static void read_keyword(struct audit *a, const struct box *b, struct numset *out)
{
    uint32_t id;
    int err =
        mailbox_keyword(&a->w->mail, b->life->id, span_str(mark_names[MARK_KEYWORD]), false, &id);
    if (err == ERR_NOT_FOUND)
        return;
    if (err == 0)
        err = mailbox_set(&a->w->mail, b->life->id, (struct mailbox_id){b->id}, SET_KEYWORD + id,
                          out);
    if (err != 0)
        wrong("the keywords of u%u cannot be read: %s", b->life->slot, err_name(err));
}

static void audit_entries(struct audit *a, struct box *b)
{
    struct mail_view v;
    struct numset marked;
    numset_init(&marked);
    int err = mailbox_view_load(&a->w->mail, b->life->id, (struct mailbox_id){b->id}, SIZE_MAX, &v);
    if (err != 0 || v.damaged != 0)
        wrong("%s of u%u cannot be listed: %s", b->name, b->life->slot, err_name(err));
    if (v.n > 0)
        read_keyword(a, b, &marked);
    for (size_t i = 0; i < v.n; i++)
        audit_entry(a, b, &v.v[i], numset_has(&marked, v.v[i].uid.v));
    if (v.n > 0 && v.v[v.n - 1].uid.v >= b->uidnext)
        wrong("%s of u%u has a UID that is not below UIDNEXT", b->name, b->life->slot);
    numset_done(&marked);
    mailbox_view_done(&v);
}

static void audit_missing(struct audit *a, struct life *l)
{
    for (size_t i = 0; i < l->copies_n; i++) {
        struct copy *copy = l->copies[i];
        if (copy->seen == a->mark)
            continue;
        if (copy_must(copy))
            wrong("message %u is not in %s of u%u, and somebody was told that it is",
                  copy->message->n, copy->box->name, l->slot);
        if (copy->gone == MAYBE)
            copy_gone(a->m, copy, YES);
        /* one that somebody removed may have arrived before, and can be brought back */
        if (copy->gone == NO && copy->arrived == MAYBE)
            copy_arrived(a->m, copy, NO);
    }
}

/* ---- mailboxes ---------------------------------------------------------------------------- */

static struct box *box_of(struct life *l, const struct mailbox *found)
{
    char name[BOX_TEXT];
    struct box *b = box_of_id(l, found->id.v);
    if (!span_to_cstr(found->name, name, sizeof name))
        name[0] = '\0';
    for (size_t i = 0; b == NULL && i < l->boxes_n; i++)
        if (l->boxes[i]->id == 0 && box_may_be_there(l->boxes[i]) &&
            (strcmp(l->boxes[i]->name, name) == 0 || strcmp(l->boxes[i]->other, name) == 0))
            b = l->boxes[i];
    if (b == NULL || b->made == NO)
        wrong("u%u has a mailbox that nobody made: %.*s", l->slot, SPAN_ARG(found->name));
    if (b->removed == YES)
        wrong("u%u has a mailbox that was removed: %s", l->slot, name);
    if (strcmp(b->name, name) != 0 && strcmp(b->other, name) != 0)
        wrong("mailbox %s of u%u is called %s", b->name, l->slot, name);
    return b;
}

static void audit_note(struct audit *a, struct box *b)
{
    struct mail_annotation_range range = {
        .mailbox = {b->id}, .user = b->life->id, .name = SPAN(NOTE_NAME)};
    struct mail_annotation *v;
    uint64_t is = 0;
    size_t n;
    bool more;
    if (mailbox_annotations(&a->w->mail, b->life->id, &range, a->arena, &v, &n, &more) != 0 ||
        (n > 0 && !span_to_u64(v[0].value, &is)))
        wrong("the note of %s of u%u cannot be read", b->name, b->life->slot);
    note_seen(a->m, b, (unsigned)is);
}

/* A mailbox below another was made there, and is renamed with it. */
static void audit_parent(const struct life *l, const struct box *b)
{
    char parent[BOX_TEXT];
    snprintf(parent, sizeof parent, "%s", b->name);
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    for (size_t i = 0; i < l->boxes_n; i++)
        if (box_is_there(l->boxes[i]) && strcmp(l->boxes[i]->name, parent) == 0)
            return;
    wrong("%s of u%u is below no mailbox", b->name, l->slot);
}

static void audit_box(struct audit *a, struct life *l, const struct mailbox *found)
{
    char name[BOX_TEXT];
    struct box *b = box_of(l, found);
    must(span_to_cstr(found->name, name, sizeof name));
    if (b->other[0] != '\0')
        box_named(a->m, b, name, "");
    box_set(a->m, b, &b->made, YES);
    box_set(a->m, b, &b->removed, NO);
    box_id_seen(b, found->id.v, found->uidvalidity);
    if (found->uidnext < b->uidnext || found->highest_modseq < b->modseq)
        wrong("%s of u%u had UIDNEXT %u, HIGHESTMODSEQ %llu and has %u, %llu", b->name, l->slot,
              b->uidnext, (unsigned long long)b->modseq, found->uidnext,
              (unsigned long long)found->highest_modseq);
    box_numbers_seen(b, found->uidnext, found->highest_modseq);
    b->seen = a->mark;
    audit_note(a, b);
    audit_entries(a, b);
    b->settled_uidnext = found->uidnext;
}

/* What its owner allowed. */
static void audit_shared(struct audit *a, struct life *l)
{
    struct mail_grant *v;
    struct mailbox_id id = {life_shared_box(l)->id};
    size_t n;
    if (mailbox_grants(&a->w->mail, l->id, id, a->arena, &v, &n) != 0)
        wrong("the rights of others in u%u cannot be read", l->slot);
    enum tri found = n > 0 && v[0].rights != 0 ? YES : NO;
    if (l->shared != MAYBE && l->shared != found)
        wrong("u%u shares its mailbox: %s, and was promised: %s", l->slot, tri_name(found),
              tri_name(l->shared));
    life_shared_set(a->m, l, found);
    l->sharing = false;
}

static void audit_boxes(struct audit *a, struct life *l)
{
    struct mailbox *v;
    struct mail_quota quota;
    size_t n;
    if (mailbox_list(&a->w->mail, l->id, a->arena, &v, &n) != 0 ||
        mailbox_quota(&a->w->mail, l->id, &quota) != 0)
        wrong("the mailboxes of u%u cannot be read", l->slot);
    a->bytes = a->messages = 0;
    for (size_t i = 0; i < n; i++)
        audit_box(a, l, &v[i]);
    for (size_t i = 0; i < l->boxes_n; i++) {
        struct box *b = l->boxes[i];
        if (b->seen == a->mark)
            continue;
        if (box_is_there(b))
            wrong("u%u has no mailbox %s, and was told that it is there", l->slot, b->name);
        box_set(a->m, b, b->made == MAYBE ? &b->made : &b->removed, b->made == MAYBE ? NO : YES);
    }
    for (size_t i = 0; i < l->boxes_n; i++)
        if (box_is_there(l->boxes[i]))
            audit_parent(l, l->boxes[i]);
    audit_missing(a, l);
    audit_shared(a, l);
    if (quota.bytes != a->bytes || quota.messages != a->messages)
        wrong("u%u uses %llu bytes for %llu messages, and its quota says %llu for %llu", l->slot,
              (unsigned long long)a->bytes, (unsigned long long)a->messages,
              (unsigned long long)quota.bytes, (unsigned long long)quota.messages);
}

static void problem(void *arg, struct span sentence)
{
    (void)arg;
    wrong("a check says: %.*s", SPAN_ARG(sentence));
}

static void audit_mail(struct audit *a, struct life *l)
{
    uint64_t problems;
    int err = mailbox_check(&a->w->mail, l->id, true, problem, NULL, &problems);
    if (err != 0)
        wrong("u%u cannot be checked: %s", l->slot, err_name(err));
    audit_boxes(a, l);
}

static bool is_purged(const struct life *l)
{
    return l->purged == YES || l->purging;
}

/* One of its places has the message, not both; after a move to another account perhaps both. */
static void audit_pair(const struct sweep *s, size_t i)
{
    const struct copy *from = s->from[i], *to = s->to[i];
    if (from == NULL || from->removers != 1 || to->removers > 1 || from->arrived != YES ||
        to->restores != s->returns[i] || from->box->removed != NO || to->box->removed != NO)
        return;
    if (s->across ? !copy_must(from) && !copy_must(to) : copy_must(from) == copy_must(to))
        wrong("message %u of u%u in %s is now message %u in %s, and %s there", from->message->n,
              from->life->slot, from->box->name, to->message->n, to->box->name,
              copy_must(from) ? "both are" : "neither is");
}

/* All of a transaction, or nothing of it. Those that somebody else removed or brought back as well
 * say nothing. */
static void audit_sweep(const struct sweep *s)
{
    const struct copy *there = NULL, *gone = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const struct copy *from = s->from != NULL ? s->from[i] : NULL, *to = NULL;
        const struct copy *copy = s->to != NULL ? s->to[i] : from;
        if (is_purged(copy->life) || (from != NULL && is_purged(from->life)) ||
            copy->box->removed != NO)
            continue;
        if (s->to != NULL)
            to = s->to[i];
        if (s->move && to != NULL)
            audit_pair(s, i);
        if (to != NULL && to->restores != s->returns[i])
            continue;
        if (to != NULL && (to->removers > (to->restores > 0 ? 1 : 0)))
            continue;
        if (from != NULL && (from->removers != (s->move ? 1 : 0) || from->arrived != YES))
            continue;
        *(copy_must(copy) ? &there : &gone) = copy;
    }
    if (there != NULL && gone != NULL)
        wrong("of what was to be done at once with message %u and %u of u%u, one is done and one "
              "is not",
              gone->message->n, there->message->n, gone->life->slot);
}

/* ---- all of it ---------------------------------------------------------------------------- */

void audit(struct world *w)
{
    static unsigned mark;
    struct audit a = {.w = w, .m = &w->model, .arena = arena_new(AUDIT_ARENA), .mark = ++mark};
    struct store_check check;
    must(a.arena != NULL);
    buf_init(&a.content, 64u << 20);
    if (store_check(w->store, problem, NULL, &check) != 0)
        wrong("the store cannot be checked");
    for (unsigned slot = 0; slot < w->model.slots; slot++)
        if (w->model.now[slot] != NULL)
            audit_life(&a, w->model.now[slot]);
    audit_parts(&a);
    for (size_t i = 0; i < w->model.lives_n; i++) {
        struct life *l = w->model.lives[i];
        if (l->made == YES && l->purged == NO && !l->purging)
            audit_mail(&a, l);
        arena_reset(a.arena);
    }
    for (size_t i = 0; i < w->model.sweeps_n; i++)
        audit_sweep(&w->model.sweeps[i]);
    model_settled(&w->model);
    trace("audit: %llu records, %llu bodies: as promised", (unsigned long long)check.records,
          (unsigned long long)check.blobs);
    arena_free(a.arena);
    buf_done(&a.content);
}

static bool is_needed(const struct model *m, const struct message *msg)
{
    for (size_t i = 0; i < m->lives_n; i++) {
        const struct life *l = m->lives[i];
        for (size_t j = 0; l->made == YES && l->purged == NO && j < l->copies_n; j++)
            if (l->copies[j]->message == msg && copy_must(l->copies[j]))
                return true;
    }
    return false;
}

void audit_bodies(struct world *w)
{
    struct store_check check;
    uint64_t needed = 0;
    if (store_check(w->store, problem, NULL, &check) != 0)
        wrong("the store cannot be checked");
    for (size_t i = 0; i < w->model.messages_n; i++) {
        needed += is_needed(&w->model, w->model.messages[i]);
    }
    if (check.blobs != needed)
        wrong("%llu bodies are stored, and %llu are needed", (unsigned long long)check.blobs,
              (unsigned long long)needed);
}
