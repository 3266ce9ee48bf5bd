/* SPDX-License-Identifier: Apache-2.0 */
/* Reads through the rooms' own functions, for what they say is what protocols get; their own checks
 * (mailbox_check, store_check) are run as well. wrong() at the first difference. */
#include "audit.h"

#include "base/err.h"
#include "mailbox/keys.h"
#include "mailbox/records.h"
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
static void audit_uid(struct life *l, struct copy *copy, const struct mail_entry *e)
{
    if (copy->uid != 0 && copy->uid != e->uid.v)
        wrong("message %u of u%u had UID %u and has %u now", copy->message->n, l->slot, copy->uid,
              e->uid.v);
    if (copy->uid == 0 && e->uid.v < l->uidnext)
        wrong("message %u of u%u is new and has UID %u, and UIDNEXT was %u already",
              copy->message->n, l->slot, e->uid.v, l->uidnext);
    copy->uid = e->uid.v;
}

static void audit_entry(struct audit *a, struct life *l, const struct mail_entry *e)
{
    read_content(a, l, e->message);
    struct span content = buf_span(&a->content);
    struct message *msg = message_of(a->m, content);
    struct copy *copy = msg != NULL ? copy_find(l, msg) : NULL;
    if (copy == NULL)
        wrong("u%u has a message that nobody ever sent there: UID %u", l->slot, e->uid.v);
    const char *differs = message_differs(msg, content);
    if (differs != NULL)
        wrong("message %u of u%u: %s", msg->n, l->slot, differs);
    if (e->size != content.n)
        wrong("message %u of u%u has %zu bytes and is listed with %llu", msg->n, l->slot, content.n,
              (unsigned long long)e->size);
    if (copy->seen == a->mark)
        wrong("message %u is twice in u%u", msg->n, l->slot);
    if (copy->arrived == NO)
        wrong("message %u is in u%u, and was refused or never sent whole", msg->n, l->slot);
    if (copy->gone == YES)
        wrong("message %u is in u%u, and was removed", msg->n, l->slot);
    copy->seen = a->mark;
    copy_arrived(a->m, copy, YES);
    copy_gone(a->m, copy, NO);
    copy_seen(a->m, copy, e->uidl, a->m->step);
    audit_uid(l, copy, e);
    a->bytes += e->size;
    a->messages++;
}

static void audit_missing(struct audit *a, struct life *l)
{
    for (size_t i = 0; i < l->copies_n; i++) {
        struct copy *copy = l->copies[i];
        if (copy->seen == a->mark)
            continue;
        if (copy_must(copy))
            wrong("message %u is not in u%u, and its sender was told that it is", copy->message->n,
                  l->slot);
        if (copy->gone == MAYBE)
            copy_gone(a->m, copy, YES);
        /* one that somebody removed may have arrived before, and can be brought back */
        if (copy->gone == NO && copy->arrived == MAYBE)
            copy_arrived(a->m, copy, NO);
    }
}

static void audit_box(struct audit *a, struct life *l)
{
    struct mail_view v;
    struct mail_quota quota;
    struct mailbox box;
    int err = mailbox_view_load(&a->w->mail, l->id, (struct mailbox_id){0}, SIZE_MAX, &v);
    if (err != 0 || v.damaged != 0)
        wrong("the INBOX of u%u cannot be listed: %s", l->slot, err_name(err));
    if (mailbox_find_use(&a->w->mail, l->id, USE_INBOX, a->arena, &box) != 0 ||
        mailbox_quota(&a->w->mail, l->id, &quota) != 0)
        wrong("the counters of u%u cannot be read", l->slot);
    a->bytes = a->messages = 0;
    for (size_t i = 0; i < v.n; i++)
        audit_entry(a, l, &v.v[i]);
    audit_missing(a, l);
    if (quota.bytes != a->bytes || quota.messages != a->messages)
        wrong("u%u uses %llu bytes for %llu messages, and its quota says %llu for %llu", l->slot,
              (unsigned long long)a->bytes, (unsigned long long)a->messages,
              (unsigned long long)quota.bytes, (unsigned long long)quota.messages);
    if (l->uidvalidity != 0 && (box.uidvalidity != l->uidvalidity || box.uidnext < l->uidnext))
        wrong("u%u had UIDVALIDITY %u, UIDNEXT %u and has %u, %u", l->slot, l->uidvalidity,
              l->uidnext, box.uidvalidity, box.uidnext);
    if (v.n > 0 && v.v[v.n - 1].uid.v >= box.uidnext)
        wrong("u%u has a UID that is not below UIDNEXT", l->slot);
    l->uidvalidity = box.uidvalidity;
    l->uidnext = box.uidnext;
    mailbox_view_done(&v);
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
    audit_box(a, l);
}

/* All of a transaction, or nothing of it. Those that somebody else removed or brought back as well
 * say nothing. */
static void audit_sweep(const struct sweep *s)
{
    const struct copy *there = NULL, *gone = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const struct copy *copy = s->v[i];
        if (copy->removers != 1 || copy->arrived != YES || copy->life->purged == YES ||
            copy->life->purging)
            continue;
        *(copy->gone == YES ? &gone : &there) = copy;
    }
    if (there != NULL && gone != NULL)
        wrong("one QUIT has removed message %u of u%u, and not message %u", gone->message->n,
              gone->life->slot, there->message->n);
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

void audit_bodies(struct world *w)
{
    struct store_check check;
    uint64_t needed = 0;
    if (store_check(w->store, problem, NULL, &check) != 0)
        wrong("the store cannot be checked");
    for (size_t i = 0; i < w->model.messages_n; i++) {
        bool there = false;
        for (size_t j = 0; j < w->model.lives_n; j++) {
            const struct life *l = w->model.lives[j];
            const struct copy *copy = copy_find(l, w->model.messages[i]);
            there |= l->made == YES && l->purged == NO && copy != NULL && copy_must(copy);
        }
        needed += there;
    }
    if (check.blobs != needed)
        wrong("%llu bodies are stored, and %llu are needed", (unsigned long long)check.blobs,
              (unsigned long long)needed);
}
