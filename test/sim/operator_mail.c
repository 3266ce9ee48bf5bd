/* SPDX-License-Identifier: Apache-2.0 */
#include "operator_mail.h"

#include "smtp_mail.h"
#include "trace.h"
#include "turns.h"

#include <jansson.h>

/* An array of the answer; NULL: it is no JSON, or has none of that name. The caller frees *root. */
static json_t *array_of(const struct call *call, const char *name, json_t **root)
{
    json_error_t error;
    struct span body = buf_span(&call->body);
    *root = json_loadb(body.n > 0 ? body.p : "", body.n, 0, &error);
    return json_object_get(*root, name);
}

static void mail_target(const struct life *l, const char *rest, char to[static 120])
{
    char address[DOMAIN_TEXT];
    slot_address(l->slot, address);
    snprintf(to, 120, "/v1/accounts/%s/%s", address, rest);
}

/* ---- listing ------------------------------------------------------------------------------ */

void operator_lists(struct client *c)
{
    struct life *l = operator_chooses(c);
    struct call call;
    char target[120];
    json_t *root;
    size_t least = 0, most = 0;
    if (l == NULL)
        return;
    uint64_t since = c->w->model.step;
    mail_target(l, "messages", target);
    admin_call(c, "GET", target, SPAN_EMPTY, &call);
    if (call_is(c, &call, 200, l, target) && l->purged == NO) {
        const json_t *list = array_of(&call, "messages", &root);
        for (size_t i = 0; i < l->copies_n; i++) {
            if (l->copies[i]->box != life_inbox(l))
                continue;
            least += copy_must_since(l->copies[i], since);
            most += copy_may_since(l->copies[i], since);
        }
        size_t n = json_array_size(list);
        json_decref(root);
        if (n < least || n > most)
            wrong("%s: u%u has %zu to %zu messages, and %zu are listed", c->name, l->slot, least,
                  most, n);
    }
    call_done(&call);
}

/* ---- bringing back ------------------------------------------------------------------------ */

/* One of those that can be restored; 0: there is none. */
static uint64_t choose_expunged(struct client *c, const struct life *l)
{
    struct call call;
    char target[120];
    uint64_t id = 0;
    json_t *root;
    mail_target(l, "expunged", target);
    admin_call(c, "GET", target, SPAN_EMPTY, &call);
    if (call_is(c, &call, 200, l, target)) {
        const json_t *list = array_of(&call, "expunged", &root);
        size_t n = json_array_size(list);
        const json_t *one = n > 0 ? json_array_get(list, client_below(c, n)) : NULL;
        id = (uint64_t)json_integer_value(json_object_get(one, "message"));
        json_decref(root);
    }
    call_done(&call);
    return id;
}

/* The one copy of a message that may be what comes back; NULL: it cannot be known which of several, or where to. */
static struct copy *
copy_that_left(struct client *c, const struct life *l, const struct message *msg)
{
    struct copy *left = NULL;
    size_t n = 0;
    (void)c;
    for (size_t i = 0; i < l->copies_n; i++) {
        struct copy *copy = l->copies[i];
        if (copy->message != msg || copy->moved || (copy->gone == NO && copy->box->removed == NO))
            continue;
        left = copy;
        n += 1 + copy->returning;
    }
    return n == 1 ? left : NULL;
}

/* Where it comes back: into INBOX, if its own box is no more. */
static struct copy *copy_that_returns(struct client *c, struct life *l, struct copy *left)
{
    struct model *m = &c->w->model;
    if (left == NULL || left->box->removed == NO)
        return left;
    if (left->box->removed == MAYBE || copy_find(life_inbox(l), left->message) != NULL)
        return NULL;
    struct copy *copy = copy_make(m, life_inbox(l), left->message);
    copy_arrived(m, copy, YES);
    copy_gone(m, copy, YES);
    copy->line = left->line;
    for (unsigned i = 0; i < MARKS; i++)
        mark_is(m, copy, i, left->marks[i].on);
    copy_gone(m, left, YES);
    left->moved = true; /* it does not come back there */
    return copy;
}

static struct copy *copy_of_id(struct client *c, struct life *l, uint64_t id, uint64_t since)
{
    struct call call;
    char target[120], rest[40];
    struct copy *copy = NULL;
    snprintf(rest, sizeof rest, "messages/%llu", (unsigned long long)id);
    mail_target(l, rest, target);
    admin_call(c, "GET", target, SPAN_EMPTY, &call);
    /* 404: it has been purged meanwhile */
    if (call.status == 200) {
        struct span content = buf_span(&call.body);
        struct message *msg = message_of(&c->w->model, content);
        bool had = false, left = false;
        for (size_t i = 0; msg != NULL && i < l->copies_n; i++) {
            had |= l->copies[i]->message == msg;
            left |= l->copies[i]->message == msg && !copy_must_since(l->copies[i], since);
        }
        if (!had)
            wrong("%s: u%u has deleted a message that it never had", c->name, l->slot);
        const char *differs = message_differs(msg, content);
        if (differs != NULL)
            wrong("%s: deleted message %u of u%u: %s", c->name, msg->n, l->slot, differs);
        if (!left)
            wrong("%s: message %u of u%u is listed as deleted, and nobody did that", c->name,
                  msg->n, l->slot);
        copy = copy_that_returns(c, l, copy_that_left(c, l, msg));
    }
    call_done(&call);
    return copy;
}

static void restore(struct client *c, struct life *l, uint64_t id, struct copy *copy)
{
    struct model *m = &c->w->model;
    struct mark_try unmark;
    struct call call;
    char target[120], rest[60];
    bool at_work = copy->message->at_work; /* it may still be taken back */
    snprintf(rest, sizeof rest, "expunged/%llu/restore", (unsigned long long)id);
    mail_target(l, rest, target);
    enum tri before = copy->gone, how = MAYBE;
    unsigned removers = copy->removers;
    copy_return_begin(m, copy);
    unsigned restores = copy->restores;
    mark_begin(m, &unmark, copy, MARK_DELETED, false);
    admin_call(c, "POST", target, SPAN_EMPTY, &call);
    if (call.status == 404) { /* purged: see above */
        client_must(c, turns_wall_ms() - copy->gone_wall >= c->w->mail.expunge_grace_ms,
                    "a deleted message cannot be restored");
    } else if (call_is(c, &call, 200, l, target) && copy->removers == removers + 1) {
        how = YES;
        copy_gone(m, copy, NO);
        if (copy->arrived == MAYBE && !at_work)
            copy_arrived(m, copy, YES);
    } else if (!call.passed && copy->removers == removers + 1) {
        how = NO;
        copy_gone(m, copy, before);
    }
    copy_return_end(m, copy, restores, MAYBE);
    mark_end(m, &unmark, how);
    call_done(&call);
}

void operator_undelete(struct client *c)
{
    struct life *l = operator_chooses(c);
    struct model *m = &c->w->model;
    if (l == NULL)
        return;
    uint64_t since = m->step;
    l->restoring = true;
    uint64_t id = choose_expunged(c, l);
    struct copy *copy = id != 0 && !c->lost ? copy_of_id(c, l, id, since) : NULL;
    if (copy != NULL && !c->lost && l->purged == NO)
        restore(c, l, id, copy);
    l->restoring = false;
}

/* ---- delivering --------------------------------------------------------------------------- */

static bool
limit_explains(const struct life *l, const struct message *msg, int status, uint64_t since)
{
    return (status == 413 && life_refuses(l, msg->body.n, false)) ||
           (status == 507 && life_may_be_full(l, 1, msg->body.n, since));
}

void operator_delivers(struct client *c)
{
    struct life *l = operator_chooses(c);
    struct model *m = &c->w->model;
    struct call call;
    char target[200], address[DOMAIN_TEXT];
    if (l == NULL || !life_is_open(l))
        return;
    struct message *msg = message_new(m);
    snprintf(msg->from, sizeof msg->from, "operator@far.test");
    smtp_body_write(c, msg, true);
    slot_address(l->slot, address);
    snprintf(target, sizeof target, "/v1/deliver?to=%s&from=%s", address, msg->from);
    struct copy *copy = copy_make(m, life_inbox(l), msg);
    uint64_t since = m->step;
    message_at_work(msg, turns_wall_ms());
    copy_arrived(m, copy, MAYBE);
    admin_call(c, "POST", target, buf_span(&msg->body), &call);
    message_at_work(msg, turns_wall_ms());
    message_at_rest(m, msg);
    bool steady = life_is_steady(l, since) && l->klass_step <= since;
    if (call.status == 200 && steady && life_was_full(l, msg->body.n, since))
        wrong("%s: u%u got a message beyond its quota", c->name, l->slot);
    if (call.status == 200 && steady)
        copy_arrived(m, copy, YES);
    else if (!call.passed)
        copy_arrived(m, copy, NO);
    else if (call.status != 200 && call.status != 0 && steady) {
        if (!limit_explains(l, msg, call.status, since))
            (void)call_is(c, &call, 200, l, target);
        if (!c->touched)
            copy_arrived(m, copy, NO);
    }
    call_done(&call);
}
