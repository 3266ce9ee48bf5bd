/* SPDX-License-Identifier: Apache-2.0 */
/* What an IMAP client does with mailboxes: puts messages into them, makes, removes and renames them. */
#include "imap_view.h"

#include "smtp_mail.h"
#include "trace.h"
#include "turns.h"

enum { APPENDS = 3, NAMES = 4 };

void imap_path(const struct imap_view *v, const struct box *b, char to[static BOX_PATH])
{
    char address[DOMAIN_TEXT];
    slot_address(b->life->slot, address);
    if (b->life == v->own)
        snprintf(to, BOX_PATH, "%s", b->name);
    else
        snprintf(to, BOX_PATH, "\"Other Users/%s/%s\"", address, b->name);
}

static struct box *choose_in(struct imap_view *v, const struct life *l)
{
    size_t first;
    if (l != v->own)
        return life_shared_box(l);
    first = client_chance(v->c, 3) ? 0 : (size_t)client_below(v->c, l->boxes_n);
    for (size_t i = 0; i < l->boxes_n; i++) {
        struct box *b = l->boxes[(first + i) % l->boxes_n];
        bool used = i + first < 3 || !b->fixed; /* of the special ones three are enough */
        if (used && box_is_there(b) && b->other[0] == '\0') {
            imap_hold(v, b);
            return b;
        }
    }
    return life_inbox(l);
}

struct box *imap_choose_box(struct imap_view *v)
{
    return v->life != NULL ? choose_in(v, v->life) : NULL;
}

struct life *imap_choose_sharer(struct imap_view *v)
{
    const struct model *m = &v->c->w->model;
    unsigned first = (unsigned)client_below(v->c, m->slots);
    for (unsigned i = 0; i < m->slots; i++) {
        struct life *l = m->now[(first + i) % m->slots];
        if (l != NULL && l != v->own && l->shared == YES && life_is_open(l))
            return l;
    }
    return NULL;
}

struct box *imap_choose_target(struct imap_view *v)
{
    const struct life *sharer;
    if (v->life == NULL)
        return NULL;
    if (imap_view_is_others(v) && client_chance(v->c, 2))
        return choose_in(v, v->own);
    sharer = client_chance(v->c, 3) ? imap_choose_sharer(v) : NULL;
    return choose_in(v, sharer != NULL ? sharer : v->life);
}

void act_share(struct imap_view *v)
{
    struct model *m = &v->c->w->model;
    struct life *l = v->own;
    if (v->life == NULL || imap_view_is_others(v) || l->sharing)
        return;
    enum tri before = l->shared, to = before == YES ? NO : YES;
    const char *name = life_shared_box(l)->name;
    l->sharing = true;
    life_shared_set(m, l, MAYBE);
    enum imap_answer a = to == YES ? view_run(v, "SETACL %s anyone lrswipkxte", name)
                                   : view_run(v, "DELETEACL %s anyone", name);
    enum tri how = imap_outcome(v, a, before == MAYBE, "SETACL");
    if (how != MAYBE)
        life_shared_set(m, l, how == YES ? to : before);
    l->sharing = false;
    imap_told_all(v, a, false);
}

void act_intrude(struct imap_view *v)
{
    const struct model *m = &v->c->w->model;
    const struct life *l = m->now[client_below(v->c, m->slots)];
    char path[BOX_PATH];
    if (v->own == NULL || l == NULL || l == v->own || l->shared != NO || !life_is_open(l))
        return;
    imap_path(v, life_shared_box(l), path);
    enum imap_answer a = view_run(v, "STATUS %s (MESSAGES)", path);
    (void)imap_outcome(v, a, true, "STATUS");
    if (a == IMAP_OK && l->shared == NO && l->shared_step <= v->since)
        wrong("%s: u%u sees the mailbox of u%u, who does not share it", v->c->name, v->own->slot,
              l->slot);
    imap_told_all(v, a, false);
}

void imap_hold(struct imap_view *v, const struct box *b)
{
    v->c->held_life = b->life;
    snprintf(v->c->held, sizeof v->c->held, "%s", b->name);
}

/* A command of somebody is on its way to a mailbox of that name: it would meet another one, or none. */
static bool is_held(const struct imap_view *v, const char *name, const struct client *but)
{
    const struct world *w = v->c->w;
    for (size_t i = 0; i < w->clients_n; i++)
        if (&w->clients[i] != but && w->clients[i].held_life == v->life &&
            strcmp(w->clients[i].held, name) == 0)
            return true;
    return false;
}

/* ---- APPEND ------------------------------------------------------------------------------------ */

struct appending {
    struct box *to;
    size_t n;
    /* of REPLACE: what goes at the same moment; NULL: nothing */
    struct copy *old;
    unsigned old_restores;
    bool at_work;
    char command[BOX_TEXT + 40];
    struct copy *v[APPENDS];
    unsigned begun[APPENDS][MARKS];
    uint64_t bytes, largest;
};

static void append_begin(struct imap_view *v, struct appending *x, size_t n)
{
    struct client *c = v->c;
    struct model *m = &c->w->model;
    x->n = n;
    for (size_t i = 0; i < x->n; i++) {
        struct message *msg = message_new(m);
        snprintf(msg->from, sizeof msg->from, "me@far.test");
        msg->appended = true;
        smtp_body_write(c, msg, true);
        message_at_work(msg,
                        turns_wall_ms()); /* its date is when it came, not when the last one did */
        x->v[i] = copy_make(m, x->to, msg);
        x->v[i]->by_imap = true;
        x->bytes += msg->body.n;
        x->largest = msg->body.n > x->largest ? msg->body.n : x->largest;
        for (unsigned k = 0; k < MARKS; k++)
            if (client_chance(c, 6))
                mark_is(m, x->v[i], k, YES);
    }
}

/* They may be there from now on. */
static void append_at_work(struct imap_view *v, struct appending *x)
{
    for (size_t i = 0; i < x->n; i++)
        copy_arrived(&v->c->w->model, x->v[i], MAYBE);
    if (x->old != NULL)
        copy_remove_begin(&v->c->w->model, x->old);
    x->at_work = true;
}

/* " (flags) {size}": the flags may be left out, when there are none. */
static void
put_announcement(struct imap_view *v, const struct copy *copy, bool wait, struct buf *to)
{
    bool any = false;
    for (unsigned k = 0; k < MARKS; k++) {
        if (copy->marks[k].on != YES)
            continue;
        buf_printf(to, "%s%s", any ? " " : " (", mark_names[k]);
        any = true;
    }
    if (any)
        buf_puts(to, ")");
    else if (client_chance(v->c, 2))
        buf_puts(to, " ()");
    buf_printf(to, " {%zu%s}\r\n", copy->message->body.n, wait ? "" : "+");
}

/* Each literal is announced and waited for, or not. */
static enum imap_answer append_send(struct imap_view *v, struct appending *x)
{
    struct buf out;
    enum imap_answer a = IMAP_GO_ON;
    char path[BOX_PATH];
    buf_init(&out, 32u << 20);
    view_command_begin(v);
    imap_path(v, x->to, path);
    buf_printf(&out, "a%u %s %s", v->commands, x->command, path);
    for (size_t i = 0; a == IMAP_GO_ON && i < x->n; i++) {
        bool wait = client_chance(v->c, 2);
        put_announcement(v, x->v[i], wait, &out);
        if (wait) {
            a = view_send(v, buf_span(&out), false) ? view_read(v) : IMAP_LOST;
            buf_clear(&out);
        }
        buf_put(&out, buf_span(&x->v[i]->message->body));
    }
    buf_puts(&out, "\r\n");
    must(out.err == 0);
    if (a == IMAP_GO_ON) {
        append_at_work(v, x);
        a = view_send(v, buf_span(&out), true) ? view_read(v) : IMAP_LOST;
    }
    buf_done(&out);
    if (a == IMAP_GO_ON)
        wrong("%s: APPEND is over, and the server wants more of it", v->c->name);
    return a;
}

static void append_end(struct imap_view *v, struct appending *x, enum tri how)
{
    struct model *m = &v->c->w->model;
    uint32_t uid = 0;
    for (size_t i = 0; i < x->n; i++) {
        message_at_work(x->v[i]->message, turns_wall_ms());
        message_at_rest(m, x->v[i]->message);
        if (how != MAYBE && x->v[i]->arrived != YES)
            copy_arrived(m, x->v[i], how);
        if (how == YES && numset_at(&v->to, (uint32_t)i + 1, &uid))
            copy_uid_seen(m, x->v[i], uid, v->since);
    }
    if (how == YES && numset_count(&v->to) != x->n)
        wrong("%s: APPENDUID has %llu UIDs for %zu messages", v->c->name,
              (unsigned long long)numset_count(&v->to), x->n);
    if (how == MAYBE)
        sweep_add(m, NULL, x->v, x->n, false, false);
}

/* Either both or none of it. */
static void replace_end(struct imap_view *v, struct appending *x, enum tri how)
{
    struct model *m = &v->c->w->model;
    if (how == YES && x->old->gone == MAYBE && x->old->restores == x->old_restores)
        copy_gone(m, x->old, YES);
    else if (how == NO)
        copy_remove_never_began(m, x->old);
    else if (how == MAYBE)
        sweep_add(m, &x->old, x->v, 1, true, false);
}

static void append(struct imap_view *v, struct appending *x)
{
    enum imap_answer a = append_send(v, x);
    bool right = imap_refusal_is_right(v, x->to, x->n, x->bytes) ||
                 (x->old != NULL && (x->old->removers > 1 || x->old->gone == YES ||
                                     x->old->restores != x->old_restores));
    const struct life *l = x->to->life;
    if (a == IMAP_OK && imap_view_counts(v) && l->purged == NO && l->klass_step <= v->since) {
        if (life_refuses(l, x->largest, true))
            wrong("%s: u%u got a message larger than its class takes", v->c->name, l->slot);
        if (x->old == NULL && life_was_full(l, x->bytes, v->since))
            wrong("%s: u%u got a message beyond its quota", v->c->name, l->slot);
    }
    enum tri how = imap_outcome(v, a, right, x->command);
    append_end(v, x, how);
    if (x->old != NULL && x->at_work)
        replace_end(v, x, how);
    imap_told_all(v, a, false);
}

void act_append(struct imap_view *v)
{
    struct appending x = {.to = imap_choose_target(v), .command = "APPEND"};
    if (x.to == NULL)
        return;
    append_begin(v, &x, client_chance(v->c, 3) ? 1 + (size_t)client_below(v->c, APPENDS) : 1);
    append(v, &x);
}

/* One message for another, at once. */
void act_replace(struct imap_view *v)
{
    struct imap_some some;
    struct appending x = {.to = imap_choose_box(v)};
    if (x.to == NULL || v->read_only || v->life->restoring)
        return;
    if (imap_choose(v, 1, &some)) {
        x.old = v->v[some.at[0]].copy;
        x.old_restores = x.old->restores;
        snprintf(x.command, sizeof x.command, "%sREPLACE %.*s", some.uid ? "UID " : "",
                 SPAN_ARG(buf_span(&some.set)));
        append_begin(v, &x, 1);
        append(v, &x);
    }
    imap_some_done(&some);
}

/* ---- METADATA ---------------------------------------------------------------------------------- */

static struct box *choose_noted(struct imap_view *v)
{
    struct box *b = imap_view_is_others(v) ? NULL : imap_choose_box(v);
    return b != NULL && note_is_sure(&b->note) ? b : NULL;
}

void act_note(struct imap_view *v)
{
    struct model *m = &v->c->w->model;
    struct box *b = choose_noted(v);
    char value[24] = "NIL";
    if (b == NULL)
        return;
    unsigned to = client_chance(v->c, 4) ? 0 : ++m->notes;
    if (to != 0)
        snprintf(value, sizeof value, "\"%u\"", to);
    note_begin(m, &b->note, to);
    enum imap_answer a = view_run(v, "SETMETADATA %s (/private" NOTE_NAME " %s)", b->name, value);
    note_end(m, &b->note, imap_outcome(v, a, imap_refusal_is_right(v, b, 0, 0), "SETMETADATA"));
    imap_told_all(v, a, false);
}

void act_read_note(struct imap_view *v)
{
    struct box *b = choose_noted(v);
    if (b == NULL)
        return;
    enum imap_answer a = view_run(v, "GETMETADATA %s /private" NOTE_NAME, b->name);
    (void)imap_outcome(v, a, imap_refusal_is_right(v, b, 0, 0), "GETMETADATA");
    if (a == IMAP_OK && imap_view_counts(v) && box_is_there(b) && box_is_steady(b, v->since) &&
        note_is_sure(&b->note) && b->note.step <= v->since &&
        (!v->note.told || v->note.is != b->note.is))
        wrong("%s: the note of %s of u%u is told to be %llu, and it is %u", v->c->name, b->name,
              v->life->slot, (unsigned long long)v->note.is, b->note.is);
    imap_told_all(v, a, false);
}

/* ---- making, removing, renaming ---------------------------------------------------------------- */

static bool is_free(const struct imap_view *v, const char *name)
{
    return strlen(name) + 1 < BOX_TEXT && box_find(v->life, name) == NULL &&
           !is_held(v, name, NULL);
}

/* Any that is surely there, was not there from the beginning, and is not too deep. */
static const struct box *choose_parent(struct imap_view *v)
{
    const struct life *l = v->life;
    size_t first = (size_t)client_below(v->c, l->boxes_n);
    for (size_t i = 0; i < l->boxes_n; i++) {
        const struct box *b = l->boxes[(first + i) % l->boxes_n];
        if (!b->fixed && box_is_there(b) && b->other[0] == '\0' && strlen(b->name) + 6 < BOX_TEXT)
            return b;
    }
    return NULL;
}

bool imap_choose_name(struct imap_view *v, char to[static BOX_TEXT])
{
    const struct box *parent = NULL;
    unsigned n = (unsigned)client_below(v->c, NAMES);
    char text[2 * BOX_TEXT];
    if (v->life == NULL || imap_view_is_others(v))
        return false;
    if (client_chance(v->c, 2))
        parent = choose_parent(v);
    if (parent != NULL)
        snprintf(text, sizeof text, "%s/%u", parent->name, n);
    else
        snprintf(text, sizeof text, "Box%u", n);
    return is_free(v, text) && span_to_cstr(span_str(text), to, BOX_TEXT);
}

void act_create(struct imap_view *v)
{
    struct model *m = &v->c->w->model;
    char name[BOX_TEXT];
    if (!imap_choose_name(v, name) || v->life->boxes_n > 20)
        return;
    struct box *b = box_new(m, v->life, name);
    box_set(m, b, &b->made, MAYBE);
    enum imap_answer a = view_run(v, "CREATE %s", name);
    box_set(m, b, &b->made, imap_outcome(v, a, false, "CREATE"));
    imap_told_all(v, a, false);
}

static struct box *choose_made(struct imap_view *v)
{
    struct box *b = imap_choose_box(v);
    return b == NULL || b->fixed || v->life->restoring ? NULL : b;
}

/* One that has others below it would stay as a level of their names. */
static bool has_below(const struct life *l, const char *name)
{
    for (size_t i = 0; i < l->boxes_n; i++)
        if (box_may_be_there(l->boxes[i]) && box_is_below(l->boxes[i], name))
            return true;
    return false;
}

void act_delete(struct imap_view *v)
{
    struct model *m = &v->c->w->model;
    struct box *b = choose_made(v);
    size_t n = 0;
    if (b == NULL || has_below(v->life, b->name))
        return;
    const struct life *l = v->life;
    struct copy **in = calloc(l->copies_n + 1, sizeof(struct copy *));
    must(in != NULL);
    box_set(m, b, &b->removed, MAYBE);
    for (size_t i = 0; i < l->copies_n; i++)
        if (l->copies[i]->box == b &&
            (l->copies[i]->arrived != NO || l->copies[i]->returning > 0)) {
            copy_remove_begin(m, l->copies[i]);
            in[n++] = l->copies[i];
        }
    enum imap_answer a = view_run(v, "DELETE %s", b->name);
    enum tri how = imap_outcome(v, a, false, "DELETE");
    if (how == NO && v->passed) /* its messages may be gone already */
        box_set(m, b, &b->removed, v->c->touched ? MAYBE : NO);
    else
        box_set(m, b, &b->removed, how);
    for (size_t i = 0; how == NO && i < n; i++)
        copy_remove_never_began(m, in[i]);
    free(in);
    imap_told_all(v, a, false);
}

/* What is renamed at once: a box and all below it. */
struct renaming {
    struct box *v[NAMES * NAMES + 1];
    char to[NAMES * NAMES + 1][BOX_TEXT];
    size_t n;
};

/* false: one of them is in doubt, or its new name is. */
static bool renaming_add(struct imap_view *v, struct renaming *x, struct box *b, const char *name)
{
    char to[2 * BOX_TEXT];
    snprintf(to, sizeof to, "%s%s", name, x->n > 0 ? b->name + strlen(x->v[0]->name) : "");
    if (!box_is_there(b) || b->other[0] != '\0' || is_held(v, b->name, v->c) || !is_free(v, to) ||
        x->n == COUNT_OF(x->v))
        return false;
    must(span_to_cstr(span_str(to), x->to[x->n], BOX_TEXT));
    x->v[x->n++] = b;
    return true;
}

static bool
renaming_gather(struct imap_view *v, struct renaming *x, struct box *b, const char *name)
{
    const struct life *l = v->life;
    bool sure = renaming_add(v, x, b, name);
    for (size_t i = 0; sure && i < l->boxes_n; i++)
        if (box_may_be_there(l->boxes[i]) && box_is_below(l->boxes[i], b->name))
            sure = renaming_add(v, x, l->boxes[i], name);
    return sure;
}

void act_rename(struct imap_view *v)
{
    struct model *m = &v->c->w->model;
    struct renaming x = {.n = 0};
    char name[BOX_TEXT], old[BOX_TEXT];
    struct box *b = choose_made(v);
    if (b == NULL || !imap_choose_name(v, name))
        return;
    snprintf(old, sizeof old, "%s", b->name);
    size_t n = strlen(old); /* not below itself */
    if ((strncmp(name, old, n) == 0 && name[n] == '/') || !renaming_gather(v, &x, b, name))
        return;
    for (size_t i = 0; i < x.n; i++)
        box_named(m, x.v[i], x.v[i]->name, x.to[i]);
    enum imap_answer a = view_run(v, "RENAME %s %s", old, name);
    enum tri how = imap_outcome(v, a, !box_is_there(b), "RENAME");
    for (size_t i = 0; how != MAYBE && i < x.n; i++)
        box_named(m, x.v[i], how == YES ? x.to[i] : x.v[i]->name, "");
    imap_told_all(v, a, false);
}
