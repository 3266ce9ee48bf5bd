/* SPDX-License-Identifier: Apache-2.0 */
/* MAIL, RCPT, then DATA or BDAT, one by one or pipelined. What an accepted recipient leads to is
 * kept as destinations, surely or perhaps; the last answer says what became of them. */
#include "smtp_mail.h"

#include "trace.h"
#include "turns.h"

enum { RCPTS = 6, LEADS = 3 * SLOTS_MAX };

enum rcpt_kind {
    RCPT_SLOT,
    RCPT_DETAIL,       /* u1+x@ */
    RCPT_ALIAS_DOMAIN, /* u1@alias.test */
    RCPT_PAIR,         /* an alias of u0 and u1 */
    RCPT_ALL,          /* an alias of everybody */
    RCPT_NOBODY,
    RCPT_REMOTE,
};

struct lead { /* where an accepted recipient leads */
    struct life *life;
    bool sure;
};

struct rcpt {
    enum rcpt_kind kind;
    unsigned slot;
    char address[DOMAIN_TEXT + 8];
};

struct mail_work {
    struct client *c;
    const struct login *login;
    struct message *msg;
    struct rcpt rcpts[RCPTS];
    size_t rcpts_n;
    uint64_t since; /* step before RCPT was sent */
    struct lead leads[LEADS];
    size_t leads_n;
    size_t taken;    /* recipients */
    unsigned errors; /* of the client before its last byte was sent */
    bool esmtp, bdat, pipelined, sized;
    bool over;    /* the server has answered the content: the transaction is no more */
    bool too_big; /* a class among the destinations does not take this size */
};

/* ---- recipients --------------------------------------------------------------------------- */

static void choose_rcpt(struct client *c, struct rcpt *r)
{
    static const struct {
        unsigned weight;
        enum rcpt_kind kind;
    } kinds[] = {{60, RCPT_SLOT}, {8, RCPT_DETAIL}, {8, RCPT_ALIAS_DOMAIN}, {8, RCPT_PAIR},
                 {6, RCPT_ALL},   {5, RCPT_NOBODY}, {5, RCPT_REMOTE}};
    uint64_t at = client_below(c, 100);
    size_t i = 0;
    for (; at >= kinds[i].weight; i++)
        at -= kinds[i].weight;
    r->kind = kinds[i].kind;
    r->slot = (unsigned)client_below(c, c->w->model.slots);
    switch (r->kind) {
    case RCPT_SLOT: slot_address(r->slot, r->address); break;
    case RCPT_DETAIL: snprintf(r->address, sizeof r->address, "U%u+x@sim.test", r->slot); break;
    case RCPT_ALIAS_DOMAIN:
        snprintf(r->address, sizeof r->address, "u%u@alias.test", r->slot);
        break;
    case RCPT_PAIR: snprintf(r->address, sizeof r->address, "pair@sim.test"); break;
    case RCPT_ALL: snprintf(r->address, sizeof r->address, "all@alias.test"); break;
    case RCPT_NOBODY: snprintf(r->address, sizeof r->address, "nobody@sim.test"); break;
    case RCPT_REMOTE: snprintf(r->address, sizeof r->address, "x@far.test"); break;
    }
}

static bool leads_to(const struct mail_work *w, const struct rcpt *r, unsigned slot)
{
    switch (r->kind) {
    case RCPT_SLOT:
    case RCPT_DETAIL:
    case RCPT_ALIAS_DOMAIN: return slot == r->slot;
    case RCPT_PAIR: return slot < 2;
    case RCPT_ALL: return slot < w->c->w->model.slots;
    case RCPT_NOBODY:
    case RCPT_REMOTE: break;
    }
    return false;
}

static void lead_add(struct mail_work *w, struct life *l, bool sure)
{
    for (size_t i = 0; i < w->leads_n; i++)
        if (w->leads[i].life == l) {
            w->leads[i].sure |= sure;
            return;
        }
    must(w->leads_n < LEADS);
    w->leads[w->leads_n++] = (struct lead){l, sure};
}

/* All lives of a slot that may have been open at some time since w->since. */
static void slot_leads(struct mail_work *w, unsigned slot)
{
    struct model *m = &w->c->w->model;
    struct life *now = m->now[slot];
    if (life_is_steady(now, w->since)) {
        if (life_may_be_open(now))
            lead_add(w, now, life_is_open(now));
        return;
    }
    for (size_t i = 0; i < m->lives_n; i++) {
        struct life *l = m->lives[i];
        if (l->slot == slot && (life_may_be_open(l) || l->step > w->since))
            lead_add(w, l, false);
    }
}

/* What the model knows of a recipient: is there surely, perhaps, somebody who takes it? */
struct outlook {
    bool sure, possible;
    bool may_be_full;  /* all who are asked for certain, or too small for it */
    bool one_is_full;  /* perhaps: one of all */
    bool may_be_small; /* one whose class does not take the size */
    bool steady;
};

static struct outlook look(const struct mail_work *w, const struct rcpt *r)
{
    const struct model *m = &w->c->w->model;
    struct outlook o = {.may_be_full = true, .steady = true};
    for (unsigned slot = 0; slot < m->slots; slot++) {
        if (!leads_to(w, r, slot))
            continue;
        const struct life *l = m->now[slot];
        bool steady = life_is_steady(l, w->since) || l == NULL;
        o.steady &= steady;
        o.sure |= steady && life_is_open(l);
        o.possible |= !steady || life_may_be_open(l);
        if (l == NULL || !life_may_be_open(l))
            continue;
        bool full = life_may_be_full(l, 1, w->msg->body.n, w->since) || l->klass_step > w->since;
        bool small = life_refuses(l, w->msg->body.n, false) || l->klass_step > w->since;
        if (life_is_open(l)) /* one who is perhaps not asked does not save the others */
            o.may_be_full &= full || (w->sized && small);
        o.one_is_full |= full;
        o.may_be_small |= small;
    }
    return o;
}

static void judge_rcpt(struct mail_work *w, const struct rcpt *r, const struct smtp_answer *a)
{
    struct client *c = w->c;
    struct outlook o = look(w, r);
    if (a->code == 250) {
        if (!o.possible)
            wrong("%s: mail for %s is taken, and nobody has that address", c->name, r->address);
        for (unsigned slot = 0; slot < c->w->model.slots; slot++)
            if (leads_to(w, r, slot))
                slot_leads(w, slot);
        w->taken++;
        return;
    }
    if (a->code == 452 && strcmp(a->enhanced, "4.2.2") == 0) {
        client_must(c, o.possible && ((o.may_be_full && o.one_is_full) || !o.steady),
                    "%s is said to be full", r->address);
        return;
    }
    if (a->code == 552 && o.possible && o.may_be_small)
        return;
    if (a->code / 100 == 5 && o.sure)
        wrong("%s: mail for %s is refused for good: %d %s", c->name, r->address, a->code,
              a->enhanced);
    if (a->code / 100 == 4) /* an account that is purged while it is looked at is put off */
        client_must(c, !o.steady, "RCPT %s is answered %d %s", r->address, a->code, a->enhanced);
}

/* ---- the last answer ---------------------------------------------------------------------- */

static void all_copies(struct mail_work *w, enum tri arrived)
{
    for (size_t i = 0; i < w->leads_n; i++) {
        struct life *l = w->leads[i].life;
        struct copy *copy = copy_make(&w->c->w->model, life_inbox(l), w->msg);
        bool sure = w->leads[i].sure && life_is_steady(l, w->since);
        copy_arrived(&w->c->w->model, copy, arrived == YES && !sure ? MAYBE : arrived);
    }
}

/* Its bytes are on their way: from now on it may be there. */
static void point_of_no_return(struct mail_work *w)
{
    message_at_work(w->msg, turns_wall_ms());
    w->errors = w->c->errors;
    all_copies(w, MAYBE);
}

static void judge_quota(struct mail_work *w, uint64_t asked)
{
    struct client *c = w->c;
    for (size_t i = 0; i < w->leads_n; i++) {
        struct life *l = w->leads[i].life;
        if (!w->leads[i].sure || l->klass_step > w->since)
            continue;
        if (life_refuses(l, w->msg->body.n, true))
            wrong("%s: u%u got a message larger than its class takes", c->name, l->slot);
        if (w->leads_n == 1 && life_was_full(l, w->msg->body.n, asked))
            wrong("%s: u%u got a message beyond its quota", c->name, l->slot);
    }
}

static bool any_unsteady(const struct mail_work *w)
{
    bool any = false;
    for (size_t i = 0; i < w->leads_n; i++)
        any |= !life_is_steady(w->leads[i].life, w->since);
    return any;
}

/* Alone it is refused when it is full; together with others it is not. */
static bool one_may_be_full(const struct mail_work *w)
{
    for (size_t i = 0; i < w->leads_n; i++) {
        const struct life *l = w->leads[i].life;
        bool alone = true;
        for (size_t j = 0; j < w->leads_n; j++)
            alone &= j == i || !w->leads[j].sure;
        if (alone && (life_may_be_full(l, 1, w->msg->body.n, w->since) || l->klass_step > w->since))
            return true;
    }
    return false;
}

static void judge_refusal(struct mail_work *w, const struct smtp_answer *a)
{
    struct client *c = w->c;
    bool full = a->code == 452 && strcmp(a->enhanced, "4.2.2") == 0;
    if (a->code == 552 && w->too_big)
        return;
    if (full && one_may_be_full(w))
        return;
    if (a->code / 100 == 5 && !any_unsteady(w))
        wrong("%s: message %u is refused for good: %d %s", c->name, w->msg->n, a->code,
              a->enhanced);
    client_must(c, any_unsteady(w), "message %u is answered %d %s", w->msg->n, a->code,
                a->enhanced);
}

/* A refused message is with nobody, for it is taken back from those who had it. One error can have caused the
 * refusal; it takes a second one to keep it there. */
static bool was_taken_back(const struct mail_work *w)
{
    const struct client *c = w->c;
    bool undisturbed = !c->touched || (!c->blurred && c->errors - w->errors <= 1);
    return undisturbed && !c->w->killed;
}

/* After the last byte was sent. `asked`: the step then. */
static void last_answer(struct mail_work *w, uint64_t asked)
{
    struct client *c = w->c;
    struct smtp_answer a;
    int code = smtp_reply_read(c, &a);
    message_at_work(w->msg, turns_wall_ms());
    message_at_rest(&c->w->model, w->msg);
    if (code == 0)
        return;
    if (w->taken == 0) {
        if (code == 250)
            wrong("%s: a message without a recipient is taken", c->name);
        return;
    }
    w->over = true;
    if (code == 250) {
        all_copies(w, YES);
        judge_quota(w, asked);
        return;
    }
    judge_refusal(w, &a);
    if (was_taken_back(w))
        all_copies(w, NO);
}

/* ---- content ------------------------------------------------------------------------------ */

/* The bytes of DATA: dots stuffed, the end added. */
static void stuff(struct span body, struct buf *out)
{
    while (body.n > 0) {
        struct span line = span_split(&body, '\n');
        if (line.n > 0 && line.p[0] == '.')
            buf_putc(out, '.');
        buf_put(out, line);
        buf_putc(out, '\n');
    }
    buf_puts(out, ".\r\n");
}

static bool send_last(struct mail_work *w, struct span bytes, size_t point)
{
    struct model *m = &w->c->w->model;
    bool passed;
    point_of_no_return(w);
    bool ok = client_send(w->c, bytes, point, &passed);
    if (!passed) { /* the server cannot have got all of it: it must not be there */
        message_at_rest(m, w->msg);
        all_copies(w, NO);
    } else if (!ok) {
        message_at_work(w->msg, turns_wall_ms());
        message_at_rest(m, w->msg);
    }
    return ok && passed;
}

static void send_data(struct mail_work *w)
{
    struct client *c = w->c;
    struct smtp_answer a;
    struct buf out;
    if (!w->pipelined && !client_sendf(c, "DATA\r\n"))
        return;
    if (smtp_reply_read(c, &a) == 0)
        return;
    if (a.code != 354) {
        client_must(c, w->taken == 0, "DATA is answered %d", a.code);
        return;
    }
    if (w->taken == 0)
        wrong("%s: DATA is answered 354 without a recipient", c->name);
    buf_init(&out, 32u << 20);
    stuff(buf_span(&w->msg->body), &out);
    uint64_t asked = c->w->model.step;
    bool sent = send_last(w, buf_span(&out), out.n);
    buf_done(&out);
    if (sent)
        last_answer(w, asked);
}

/* Chunks of any size, an empty last one now and then; answers are read at once or at the end. */
static void send_chunks(struct mail_work *w)
{
    struct client *c = w->c;
    struct smtp_answer a;
    struct span body = buf_span(&w->msg->body);
    bool last = false;
    while (!last) {
        size_t n = client_chance(c, 2) ? body.n : (size_t)client_below(c, body.n + 1);
        struct buf out;
        last = n == body.n && !client_chance(c, 6);
        buf_init(&out, 32u << 20);
        buf_printf(&out, "BDAT %zu%s\r\n", n, last ? " LAST" : "");
        buf_put(&out, span_slice(body, 0, n));
        body = span_from(body, n);
        uint64_t asked = c->w->model.step;
        bool sent =
            last ? send_last(w, buf_span(&out), out.n) : client_send(c, buf_span(&out), 0, NULL);
        buf_done(&out);
        if (!sent)
            return;
        if (last) {
            last_answer(w, asked);
        } else {
            if (smtp_reply_read(c, &a) == 0)
                return;
            if (a.code != 250) {
                client_must(c, w->taken == 0 || (a.code == 552 && w->too_big),
                            "BDAT is answered %d", a.code);
                return;
            }
        }
    }
}

/* ---- the transaction ---------------------------------------------------------------------- */

static void choose(struct mail_work *w)
{
    struct client *c = w->c;
    struct message *msg = w->msg;
    msg->submitted = w->login != NULL;
    if (msg->submitted)
        snprintf(msg->from, sizeof msg->from, "%s", w->login->address);
    else if (!client_chance(c, 10))
        snprintf(msg->from, sizeof msg->from, "sender%u@far.test", msg->n);
    w->bdat = w->esmtp && client_chance(c, 4);
    w->pipelined = client_chance(c, 2);
    smtp_body_write(c, msg, w->bdat);
    w->rcpts_n = client_chance(c, 2) ? 1 : 1 + (size_t)client_below(c, RCPTS);
    for (size_t i = 0; i < w->rcpts_n; i++)
        choose_rcpt(c, &w->rcpts[i]);
}

/* Also for its sender there is a limit. */
static bool may_be_too_big(const struct mail_work *w, const struct life *l)
{
    return life_refuses(l, w->msg->body.n, false) || l->klass_step > w->since;
}

static bool judge_mail(struct mail_work *w, const struct smtp_answer *a)
{
    struct client *c = w->c;
    if (a->code == 250) {
        if (login_must_be_over(c, w->since))
            wrong("%s: u%u goes on sending", c->name, c->in->slot);
        return true;
    }
    if (a->code == 552 && w->login != NULL && may_be_too_big(w, w->login->life))
        return false;
    bool steady = w->login == NULL || (life_is_steady(w->login->life, w->since) &&
                                       life_is_open(w->login->life) && !login_may_be_over(c));
    if (a->code / 100 == 5 && steady)
        wrong("%s: MAIL is refused for good: %d %s", c->name, a->code, a->enhanced);
    client_must(c, !steady, "MAIL is answered %d %s", a->code, a->enhanced);
    return false;
}

/* MAIL and all RCPT, and DATA when pipelined; false: there is no transaction to go on with. */
static bool envelope(struct mail_work *w)
{
    struct client *c = w->c;
    struct smtp_answer a;
    struct buf out;
    bool ok = true, began;
    buf_init(&out, 64 * 1024);
    w->since = c->w->model.step;
    buf_printf(&out, "MAIL FROM:<%s>", w->msg->from);
    w->sized = w->esmtp && client_chance(c, 2);
    if (w->sized)
        buf_printf(&out, " SIZE=%zu", w->msg->body.n);
    buf_puts(&out, "\r\n");
    for (size_t i = 0; ok && i <= w->rcpts_n; i++) {
        if (i < w->rcpts_n && w->pipelined)
            buf_printf(&out, "RCPT TO:<%s>\r\n", w->rcpts[i].address);
        else if (i == w->rcpts_n && w->pipelined && !w->bdat)
            buf_puts(&out, "DATA\r\n");
    }
    ok = client_send(c, buf_span(&out), 0, NULL) && smtp_reply_read(c, &a) != 0;
    buf_done(&out);
    began = ok && judge_mail(w, &a);
    if (!began && !w->pipelined)
        return false;
    for (size_t i = 0; ok && i < w->rcpts_n; i++) {
        if (!w->pipelined)
            ok = client_sendf(c, "RCPT TO:<%s>\r\n", w->rcpts[i].address);
        ok = ok && smtp_reply_read(c, &a) != 0;
        if (ok && began)
            judge_rcpt(w, &w->rcpts[i], &a);
    }
    return ok;
}

static void content(struct mail_work *w)
{
    w->too_big = w->login != NULL && may_be_too_big(w, w->login->life);
    for (size_t i = 0; i < w->leads_n; i++)
        w->too_big |= may_be_too_big(w, w->leads[i].life);
    if (w->bdat)
        send_chunks(w);
    else
        send_data(w);
}

void smtp_mail(struct client *c, const struct login *l, bool esmtp)
{
    struct mail_work w = {.c = c, .login = l, .esmtp = esmtp, .msg = message_new(&c->w->model)};
    struct smtp_answer a;
    choose(&w);
    trace("message %u: %zu bytes, %zu recipients%s%s", w.msg->n, w.msg->body.n, w.rcpts_n,
          w.bdat ? ", BDAT" : "", w.pipelined ? ", pipelined" : "");
    if (envelope(&w) && (w.taken > 0 || w.pipelined || client_chance(c, 2)))
        content(&w);
    if (!w.over && client_sendf(c, "RSET\r\n") && smtp_reply_read(c, &a) != 0)
        client_must(c, a.code == 250, "RSET is answered %d", a.code);
}
