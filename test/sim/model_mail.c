/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and their copies. */
#include "model.h"

#include "trace.h"
#include "turns.h"

#define TOKEN "X-Sim-Message: "

/* ---- messages ----------------------------------------------------------------------------- */

struct message *message_new(struct model *m)
{
    struct message *msg = calloc(1, sizeof *msg);
    must(msg != NULL);
    if (m->messages_n == m->messages_cap) {
        m->messages_cap = m->messages_cap == 0 ? 64 : m->messages_cap * 2;
        m->messages = reallocarray(m->messages, m->messages_cap, sizeof(struct message *));
        must(m->messages != NULL);
    }
    msg->n = (unsigned)m->messages_n;
    buf_init(&msg->body, 16u << 20);
    m->messages[m->messages_n++] = msg;
    buf_printf(&msg->body, TOKEN "%u\r\n", msg->n);
    return msg;
}

struct message *message_of(struct model *m, struct span content)
{
    ssize_t at = span_find(content, SPAN(TOKEN));
    uint64_t n;
    if (at < 0)
        return NULL;
    struct span rest = span_from(content, (size_t)at + sizeof TOKEN - 1);
    struct span number = span_trim(span_split(&rest, '\n'));
    return span_to_u64(number, &n) && n < m->messages_n ? m->messages[n] : NULL;
}

/* The fields that the server has added: whole lines of its own, Return-Path first. */
static const char *prefix_differs(const struct message *msg, struct span prefix)
{
    char first[128];
    snprintf(first, sizeof first, "Return-Path: <%s>\r\n", msg->from);
    if (!span_skip(&prefix, span_str(first)))
        return "it does not begin with the Return-Path of its sender";
    while (prefix.n > 0) {
        struct span line = span_split(&prefix, '\n');
        if (!span_ends(line, SPAN("\r")))
            return "a field that the server added does not end with CRLF";
        if (!span_starts(line, SPAN("Received: ")) && !span_starts(line, SPAN("\t")) &&
            !span_starts(line, SPAN("Date: ")) && !span_starts(line, SPAN("Message-ID: ")))
            return "between the server's fields and the message there is something else";
    }
    return NULL;
}

const char *message_differs(const struct message *msg, struct span stored)
{
    struct span body = buf_span(&msg->body);
    if (stored.n < body.n)
        return "it is shorter than what was sent";
    struct span tail = span_from(stored, stored.n - body.n);
    if (!span_eq(tail, body))
        return "its bytes are not those that were sent";
    if (msg->appended)
        return stored.n == body.n ? NULL : "it is longer than what was appended";
    return prefix_differs(msg, span_slice(stored, 0, stored.n - body.n));
}

void message_at_work(struct message *msg, int64_t wall_ms)
{
    if (!msg->at_work)
        msg->wall_min = msg->wall_max = wall_ms;
    msg->at_work = true;
    if (wall_ms < msg->wall_min)
        msg->wall_min = wall_ms;
    if (wall_ms > msg->wall_max)
        msg->wall_max = wall_ms;
}

void message_at_rest(struct model *m, struct message *msg)
{
    msg->at_work = false;
    msg->end_step = ++m->step;
}

/* ---- copies ------------------------------------------------------------------------------- */

struct copy *copy_find(const struct box *b, const struct message *msg)
{
    const struct life *l = b->life;
    for (size_t i = l->copies_n; i > 0; i--)
        if (l->copies[i - 1]->message == msg && l->copies[i - 1]->box == b)
            return l->copies[i - 1];
    return NULL;
}

struct copy *copy_of_uid(const struct box *b, uint32_t uid)
{
    const struct life *l = b->life;
    for (size_t i = 0; i < l->copies_n; i++)
        if (l->copies[i]->box == b && l->copies[i]->uid == uid)
            return l->copies[i];
    return NULL;
}

void copy_new_line(struct model *m, struct copy *c)
{
    if (m->lines_n == m->lines_cap) {
        m->lines_cap = m->lines_cap == 0 ? 64 : m->lines_cap * 2;
        m->lines = reallocarray(m->lines, m->lines_cap, sizeof(struct line *));
        must(m->lines != NULL);
    }
    c->line = m->lines[m->lines_n++] = calloc(1, sizeof(struct line));
    must(c->line != NULL);
}

struct copy *copy_make(struct model *m, struct box *b, struct message *msg)
{
    struct life *l = b->life;
    struct copy *c = copy_find(b, msg);
    if (c != NULL)
        return c;
    c = calloc(1, sizeof *c);
    must(c != NULL);
    if (l->copies_n == l->copies_cap) {
        l->copies_cap = l->copies_cap == 0 ? 16 : l->copies_cap * 2;
        l->copies = reallocarray(l->copies, l->copies_cap, sizeof(struct copy *));
        must(l->copies != NULL);
    }
    *c = (struct copy){.message = msg, .life = l, .box = b};
    c->arrived_step = c->gone_step = ++m->step;
    copy_new_line(m, c);
    l->copies[l->copies_n++] = c;
    return c;
}

void copy_arrived(struct model *m, struct copy *c, enum tri to)
{
    if (c->arrived == to)
        return;
    c->arrived = to;
    c->arrived_step = ++m->step;
    trace("message %u in %s of life %u: arrived %s", c->message->n, c->box->name, c->life->n,
          tri_name(to));
    if (to != NO && (c->box->removed == MAYBE || c->box->emptying > 0)) /* it goes with its box */
        copy_remove_begin(m, c);
}

void copy_gone(struct model *m, struct copy *c, enum tri to)
{
    if (c->gone == to)
        return;
    c->gone = to;
    c->gone_step = ++m->step;
    trace("message %u in %s of life %u: gone %s", c->message->n, c->box->name, c->life->n,
          tri_name(to));
}

void copy_remove_begin(struct model *m, struct copy *c)
{
    c->removers++;
    if (c->gone != NO)
        return;
    c->gone_wall = turns_wall_ms();
    copy_gone(m, c, MAYBE);
}

void copy_remove_never_began(struct model *m, struct copy *c)
{
    if (--c->removers == 0 && c->gone == MAYBE)
        copy_gone(m, c, NO);
}

void copy_return_begin(struct model *m, struct copy *c)
{
    c->removers++;
    c->returning++;
    c->restores++;
    c->restored_step = ++m->step;
    c->vague |= c->uid == 0 || c->old_uids_n == OLD_UIDS;
    if (!c->vague)
        c->old_uids[c->old_uids_n++] = c->uid;
    c->uid = 0;
    copy_gone(m, c, MAYBE);
}

/* `restores`: as they were after its begin; and nobody has tried to remove it since. */
void copy_return_end(struct model *m, struct copy *c, unsigned restores, enum tri how)
{
    c->returning--;
    if (how == MAYBE || c->restores != restores || c->removers != 1 || c->gone != MAYBE)
        return;
    c->removers = 0;
    copy_gone(m, c, how == YES ? NO : YES);
}

bool copy_must(const struct copy *c)
{
    return c->arrived == YES && c->gone == NO && box_is_there(c->box);
}

bool copy_may_since(const struct copy *c, uint64_t since)
{
    return (c->arrived != NO || c->arrived_step > since) &&
           (c->gone != YES || c->gone_step > since) &&
           (box_may_be_there(c->box) || c->box->step > since);
}

bool copy_must_since(const struct copy *c, uint64_t since)
{
    return copy_must(c) && c->arrived_step <= since && c->gone_step <= since &&
           c->box->step <= since;
}

static void copy_is_there(struct model *m, struct copy *c, uint64_t since)
{
    if (c->arrived == MAYBE &&
        (c->by_imap || (!c->message->at_work && c->message->end_step <= since)))
        copy_arrived(m, c, YES);
}

void copy_seen(struct model *m, struct copy *c, uint64_t uidl, uint64_t since)
{
    copy_is_there(m, c, since);
    if (c->line->uidl == uidl)
        return;
    if (c->line->uidl != 0)
        wrong("message %u in life %u had the UIDL number %llx and has %llx now", c->message->n,
              c->life->n, (unsigned long long)c->line->uidl, (unsigned long long)uidl);
    for (size_t i = 0; i < c->life->copies_n; i++)
        if (c->life->copies[i]->line->uidl == uidl)
            wrong("message %u in life %u has the UIDL number %llx, which message %u has or had",
                  c->message->n, c->life->n, (unsigned long long)uidl,
                  c->life->copies[i]->message->n);
    c->line->uidl = uidl;
}

static bool had_uid(const struct copy *c, uint32_t uid)
{
    for (size_t i = 0; i < c->old_uids_n; i++)
        if (c->old_uids[i] == uid)
            return true;
    return false;
}

void copy_uid_seen(struct model *m, struct copy *c, uint32_t uid, uint64_t since)
{
    if (had_uid(c, uid)) /* by somebody who has not heard yet that it is gone */
        return;
    copy_is_there(m, c, since);
    if (c->uid == uid || c->vague)
        return;
    if (c->uid != 0)
        wrong("message %u in %s of life %u had UID %u and has %u now", c->message->n, c->box->name,
              c->life->n, c->uid, uid);
    for (size_t i = 0; i < c->life->copies_n; i++) {
        const struct copy *other = c->life->copies[i];
        if (other->box == c->box && (other->uid == uid || had_uid(other, uid)))
            wrong("message %u in %s of life %u has UID %u, which message %u has or had",
                  c->message->n, c->box->name, c->life->n, uid, other->message->n);
    }
    c->uid = uid;
}

/* ---- sweeps ------------------------------------------------------------------------------- */

static struct copy **copies_dup(struct copy *const *v, size_t n)
{
    if (v == NULL)
        return NULL;
    struct copy **to = calloc(n, sizeof(struct copy *));
    must(to != NULL);
    memcpy(to, v, n * sizeof(struct copy *));
    return to;
}

void sweep_add(struct model *m,
               struct copy *const *from,
               struct copy *const *to,
               size_t n,
               bool move,
               bool across)
{
    struct sweep s = {.from = copies_dup(from, n),
                      .to = copies_dup(to, n),
                      .n = n,
                      .move = move,
                      .across = across};
    s.returns = calloc(n, sizeof *s.returns);
    m->sweeps = reallocarray(m->sweeps, m->sweeps_n + 1, sizeof s);
    must(s.returns != NULL && m->sweeps != NULL);
    for (size_t i = 0; to != NULL && i < n; i++)
        s.returns[i] = to[i]->restores;
    m->sweeps[m->sweeps_n++] = s;
}

void model_settled(struct model *m)
{
    for (size_t i = 0; i < m->sweeps_n; i++) {
        free(m->sweeps[i].from);
        free(m->sweeps[i].to);
        free(m->sweeps[i].returns);
    }
    m->sweeps_n = 0;
    for (size_t i = 0; i < m->lives_n; i++) {
        m->lives[i]->janitor_due = false;
        for (size_t j = 0; j < m->lives[i]->copies_n; j++) {
            m->lives[i]->copies[j]->removers = 0;
            m->lives[i]->copies[j]->retiring = false;
        }
    }
}
