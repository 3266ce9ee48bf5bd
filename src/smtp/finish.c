/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a message: what can only be judged now, the trace fields, delivery, and the one answer
 * that makes it ours (RFC 5321 §4.2.5). 250 is said only when it is durable for every recipient. */
#include "smtp/internal.h"

enum { PREFIX_MAX = 16 * 1024 };

struct verdict {
    int code; /* 0: fine */
    const char *enhanced;
    const char *text;
};

#define FINE ((struct verdict){0, NULL, NULL})

static void reject(struct smtp *s, struct verdict v)
{
    log_event(LOG_INFO, "smtp.rejected", LOG_Z("command", "DATA"), LOG_I("code", v.code),
              LOG_Z("enhanced", v.enhanced), LOG_Z("reason", v.text),
              LOG_S("from", s->envelope.from), LOG_I("size", s->body.received));
    metric_add(v.code < 500 ? METRIC_SMTP_MAIL_TEMPFAIL : METRIC_SMTP_MAIL_REJECTED, 1);
    smtp_reply(s, v.code, v.enhanced, "%s", v.text);
    smtp_reset(s);
}

static void reject_err(struct smtp *s, int err)
{
    const struct err_info *e = err_info(err);
    reject(s, (struct verdict){e->smtp, e->enhanced, e->text});
}

void smtp_refuse_body(struct smtp *s)
{
    switch (s->body.fault) {
    case FAULT_NEWLINE:
        reject(s, (struct verdict){550, "5.6.11",
                                   "The message holds a bare CR or LF; lines must end with CR LF"});
        break;
    case FAULT_NUL:
        reject(s, (struct verdict){550, "5.6.11", "The message holds NUL bytes"});
        break;
    case FAULT_LINE:
        reject(s,
               (struct verdict){554, "5.6.0", "A line of the message is longer than 65536 bytes"});
        break;
    case FAULT_SIZE:
        reject(s, (struct verdict){552, "5.3.4", "The message is larger than is allowed here"});
        break;
    default: reject_err(s, s->body.err);
    }
}

struct facts {
    size_t fields, received;
    bool date, message_id;
    struct header_field from;
};

static void header_look(struct span message, struct facts *f)
{
    struct header_walk w = header_walk_of(message);
    struct header_field field;
    while (header_next(&w, &field)) {
        f->fields++;
        f->received += span_ieq(field.name, SPAN("Received"));
        f->date |= span_ieq(field.name, SPAN("Date"));
        f->message_id |= span_ieq(field.name, SPAN("Message-ID"));
        if (f->from.name.n == 0 && span_ieq(field.name, SPAN("From")))
            f->from = field;
    }
}

/* Mail without a return path must still say in its From field which of the account's addresses it
 * is from. */
static struct verdict from_check(struct smtp *s, const struct facts *f)
{
    if (s->login == NULL || s->envelope.from.n > 0)
        return FINE;
    struct span from = header_first_address(f->from.value, s->s.arena);
    int err = from.n == 0 ? ERR_NOT_YOUR_ADDRESS
                          : directory_may_send(s->server->directory, s->login->account_id,
                                               s->login->address, from);
    if (err == 0)
        return FINE;
    const struct err_info *e = err_info(err);
    if (e->temporary)
        return (struct verdict){e->smtp, e->enhanced, e->text};
    return (struct verdict){550, "5.7.1", "The From field is not an address of your account"};
}

static struct verdict header_check(struct smtp *s, struct span message, const struct facts *f)
{
    if (f->received > LIMIT_SMTP_RECEIVED)
        return (struct verdict){554, "5.4.6", err_text(ERR_LOOP)};
    if (f->fields > LIMIT_SMTP_HEADER_FIELDS)
        return (struct verdict){554, "5.6.0", "The message has more than 2000 header fields"};
    if (f->fields > 0 && header_size(message) > LIMIT_SMTP_HEADER)
        return (struct verdict){552, "5.3.4", "The header of the message is larger than 512 kB"};
    return from_check(s, f);
}

static void
prefix_print(struct smtp *s, struct span message, const struct facts *f, struct buf *out)
{
    const struct smtp_envelope *e = &s->envelope;
    bool submission =
        s->login != NULL; /* RFC 6409 §8.2, §8.3: only what its sender should have added */
    struct smtp_trace t = {
        .from = e->from,
        .recipient = e->n == 1 ? e->rcpts[0].address : SPAN_EMPTY,
        .add_date = submission && !f->date,
        .add_message_id = submission && !f->message_id,
        .add_empty_line = f->fields == 0 && header_size(message) > 2,
    };
    smtp_trace_print(s, &t, out);
}

static int deliver(struct smtp *s, struct span prefix, struct span message)
{
    const struct smtp_envelope *e = &s->envelope;
    struct destination *all = calloc(e->destinations, sizeof *all);
    size_t n = 0;
    if (all == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < e->n; i++)
        for (size_t j = 0; j < e->rcpts[i].n; j++)
            all[n++] = e->rcpts[i].v[j];
    struct delivery_envelope to = {.from = e->from, .v = all, .n = n};
    int err = delivery_deliver(s->server->delivery, &to, prefix, message);
    free(all);
    return err;
}

static void accepted(struct smtp *s)
{
    const struct smtp_envelope *e = &s->envelope;
    metric_add(METRIC_SMTP_MAIL_ACCEPTED, 1);
    log_event(LOG_INFO, "smtp.accepted", LOG_S("from", e->from), LOG_I("rcpts", e->n),
              LOG_I("size", s->body.received), LOG_Z("tls", s->s.tls.on ? s->s.tls.version : ""),
              LOG_S("user", s->login != NULL ? s->login->address : SPAN_EMPTY));
    smtp_reply(s, 250, "2.0.0", "Ok: kept as %s", s->mid);
    smtp_reset(s);
}

/* Counts what is sent; false: too much, which has been answered. */
static bool rate_take(struct smtp *s, struct smtp_amount amount)
{
    const struct smtp_envelope *e = &s->envelope;
    if (s->login == NULL)
        return true;
    int64_t wait = smtp_rates_take(s->server->rates, s->login->account_id, amount,
                                   (struct smtp_amount){e->send_per_hour, e->recipients_per_hour});
    if (wait == 0)
        return true;
    metric_add(METRIC_SMTP_MAIL_TEMPFAIL, 1);
    smtp_reply_rate(s, wait);
    smtp_reset(s);
    return false;
}

static void keep(struct smtp *s, struct span message, const struct facts *f)
{
    struct buf prefix;
    struct smtp_amount amount = {.messages = 1, .recipients = s->envelope.n};
    if (!rate_take(s, amount))
        return;
    buf_init(&prefix, PREFIX_MAX);
    prefix_print(s, message, f, &prefix);
    int err = prefix.err != 0 ? prefix.err : deliver(s, buf_span(&prefix), message);
    buf_done(&prefix);
    if (err == 0) {
        accepted(s);
        return;
    }
    if (s->login != NULL)
        smtp_rates_give_back(s->server->rates, s->login->account_id, amount);
    if (err == ERR_QUOTA && s->server->config->smtp_over_quota == SMTP_OVER_QUOTA_REJECT)
        reject(s, (struct verdict){552, "5.2.2", err_text(err)});
    else
        reject_err(s, err);
}

void smtp_finish(struct smtp *s)
{
    struct span message = SPAN_EMPTY;
    struct facts f = {.fields = 0};
    if (s->body.fault == FAULT_NONE) {
        int err = spool_view(s->body.spool, &message);
        if (err != 0)
            smtp_body_fail(&s->body, FAULT_STORAGE, err);
    }
    if (s->body.fault != FAULT_NONE) {
        smtp_refuse_body(s);
        return;
    }
    int held = smtp_unit_message(s, message);
    if (held != 0) { /* temporary: our fault, and the sender keeps it until we are mended */
        reject_err(s, held);
        return;
    }
    header_look(message, &f);
    struct verdict v = header_check(s, message, &f);
    if (v.code != 0)
        reject(s, v);
    else
        keep(s, message, &f);
}
