/* SPDX-License-Identifier: Apache-2.0 */
/* RCPT (RFC 5321 §4.1.1.3): each recipient is judged here, while the sender can still be told. */
#include "smtp/internal.h"

struct rcpt_params {
    unsigned notify;
    struct span orcpt;
};

static int take_notify(struct rcpt_params *p, struct span value) /* RFC 3461 §4.1 */
{
    static const struct {
        struct span word;
        unsigned bit;
    } words[] = {{SPAN("NEVER"), SMTP_NOTIFY_NEVER},
                 {SPAN("SUCCESS"), SMTP_NOTIFY_SUCCESS},
                 {SPAN("FAILURE"), SMTP_NOTIFY_FAILURE},
                 {SPAN("DELAY"), SMTP_NOTIFY_DELAY}};
    if (value.n == 0 || value.p[value.n - 1] == ',')
        return ERR_INVALID;
    while (value.n > 0) {
        struct span word = span_split(&value, ',');
        size_t i = 0;
        while (i < COUNT_OF(words) && !span_ieq(word, words[i].word))
            i++;
        if (i == COUNT_OF(words))
            return ERR_INVALID;
        p->notify |= words[i].bit;
    }
    return (p->notify & SMTP_NOTIFY_NEVER) != 0 && p->notify != SMTP_NOTIFY_NEVER ? ERR_INVALID : 0;
}

/* RFC 3461 §4.2: type ";" xtext, at most 500 bytes; RFC 6533 §3 adds addresses in UTF-8. */
static int take_orcpt(struct rcpt_params *p, struct span value)
{
    struct span text = value;
    struct span type = span_split(&text, ';');
    struct buf decoded;
    if (value.n > 500 || type.n == 0 || text.n == 0)
        return ERR_INVALID;
    p->orcpt = value;
    if (span_ieq(type, SPAN("utf-8")))
        return 0;
    buf_init(&decoded, 500);
    int err = xtext_decode(&decoded, text);
    buf_done(&decoded);
    return err;
}

/* 0; ERR_INVALID; ERR_UNSUPPORTED: a parameter that was not offered. */
static int params_parse(struct span args, bool esmtp, struct rcpt_params *out)
{
    struct smtp_param p;
    int more, err;
    while ((more = smtp_param_take(&args, &p)) > 0) {
        bool notify = span_ieq(p.key, SPAN("NOTIFY")), orcpt = span_ieq(p.key, SPAN("ORCPT"));
        if (!esmtp || (!notify && !orcpt))
            return ERR_UNSUPPORTED;
        if (!p.has_value || (notify ? out->notify != 0 : out->orcpt.n > 0))
            return ERR_INVALID;
        err = notify ? take_notify(out, p.value) : take_orcpt(out, p.value);
        if (err != 0)
            return ERR_INVALID;
    }
    return more;
}

static void reply_quota(struct smtp *s)
{
    if (s->server->config->smtp_over_quota == SMTP_OVER_QUOTA_REJECT)
        smtp_reply(s, 552, "5.2.2", "%s", err_text(ERR_QUOTA));
    else
        smtp_reply_err(s, ERR_QUOTA);
}

static void reply_refusal(struct smtp *s, int err)
{
    switch (err) {
    case ERR_NO_DOMAIN:
        if (s->login != NULL)
            smtp_reply(
                s, 550, "5.7.1",
                "This server cannot send mail to other servers yet; only addresses of its own "
                "domains can be reached");
        else
            smtp_reply_err(s, ERR_RELAY);
        break;
    case ERR_RELAY:
        smtp_reply(
            s, 550, "5.7.1",
            "This address forwards to another server, and this server cannot send mail to other "
            "servers yet");
        break;
    case ERR_LIMIT:
        smtp_reply(s, 452, "4.5.3", "Too many recipients, please send the rest in another message");
        break;
    case ERR_QUOTA: reply_quota(s); break;
    default: smtp_reply_err(s, err);
    }
}

static enum step refuse(struct smtp *s, struct span address, int err)
{
    log_event(LOG_INFO, "smtp.rcpt", LOG_S("to", address), LOG_ERR(err));
    metric_add(METRIC_SMTP_RCPT_REJECTED, 1);
    s->envelope.refused++;
    /* guessing addresses is how lists of victims are made */
    if (err == ERR_NO_USER && ++s->unknown_rcpts >= LIMIT_SMTP_UNKNOWN_RCPT) {
        log_event(LOG_WARN, "smtp.too-many-unknown", LOG_I("rcpts", s->unknown_rcpts));
        return smtp_hang_up(s, "4.7.0",
                            "Too many recipients that do not exist, closing the connection");
    }
    reply_refusal(s, err);
    return STEP_DONE;
}

/* The whole message has to fit what the strictest of the recipients' classes takes. */
static int classes_look(struct smtp *s, const struct resolution *res)
{
    struct smtp_envelope *e = &s->envelope;
    for (size_t i = 0; i < res->n; i++) {
        struct class_of_service class;
        if (!res->v[i].local ||
            (e->class_seen.p != NULL && span_eq(res->v[i].class_name, e->class_seen)))
            continue;
        int err = smtp_class(s, res->v[i].class_name, &class);
        if (err != 0)
            return err;
        if (class.message_size != 0 && class.message_size < e->size_max)
            e->size_max = class.message_size;
        e->class_seen = arena_dup(e->arena, res->v[i].class_name);
    }
    return 0;
}

static int judge(struct smtp *s, const struct smtp_path *to, struct resolution *res)
{
    const struct smtp_envelope *e = &s->envelope;
    if (e->n >= (size_t)s->server->config->smtp_rcpt_max)
        return ERR_LIMIT;
    if (to->parts.literal) /* no mailbox here is addressed by number */
        return ERR_NO_DOMAIN;
    int err = delivery_check(s->server->delivery, to->address, e->size, s->s.arena, res);
    return err != 0 ? err : classes_look(s, res);
}

static bool rate_ok(struct smtp *s)
{
    const struct smtp_envelope *e = &s->envelope;
    if (s->login == NULL)
        return true;
    int64_t wait = smtp_rates_wait(s->server->rates, s->login->account_id,
                                   (struct smtp_amount){.messages = 1, .recipients = e->n + 1},
                                   (struct smtp_amount){e->send_per_hour, e->recipients_per_hour});
    if (wait > 0)
        smtp_reply_rate(s, wait);
    return wait == 0;
}

static enum step
accept_rcpt(struct smtp *s, const struct smtp_path *to, const struct rcpt_params *p)
{
    struct resolution res = {.n = 0};
    int err = judge(s, to, &res);
    if (err != 0)
        return refuse(s, to->address, err);
    if (!rate_ok(s)) {
        s->envelope.refused++;
        return STEP_DONE;
    }
    struct smtp_recipient r = {
        .address = to->address, .notify = p->notify, .orcpt = p->orcpt, .v = res.v, .n = res.n};
    err = smtp_envelope_add(&s->envelope, &r);
    if (err != 0)
        return refuse(s, to->address, err);
    s->state = ST_RCPT;
    metric_add(METRIC_SMTP_RCPT_ACCEPTED, 1);
    log_event(LOG_INFO, "smtp.rcpt", LOG_S("to", to->address), LOG_Z("err", "ok"));
    smtp_reply(s, 250, "2.1.5", "Recipient ok");
    return STEP_DONE;
}

enum step smtp_cmd_rcpt(struct smtp *s, struct span args)
{
    struct smtp_path to;
    struct rcpt_params p = {.notify = 0};
    int err = smtp_path_take(&args, SPAN("TO:"), &to);
    if (err == ERR_INVALID)
        return smtp_wrong(s, 501, "5.5.4", "Please write RCPT TO:<address>");
    /* §4.1.1.3: "postmaster" is the one name that needs no domain */
    if (err != 0 || to.address.n == 0 ||
        (to.parts.domain.n == 0 && !span_ieq(to.address, SPAN("postmaster"))))
        return smtp_wrong(s, 553, "5.1.3", "The recipient is not a valid mail address");
    err = params_parse(args, s->esmtp, &p);
    if (err == ERR_UNSUPPORTED)
        return smtp_wrong(s, 555, "5.5.4", "RCPT has a parameter that this server does not know");
    if (err != 0)
        return smtp_wrong(s, 501, "5.5.4", "A parameter of RCPT is not well formed");
    if (to.parts.utf8 && !s->envelope.utf8) /* RFC 6531 §3.5 */
        return smtp_wrong(s, 553, "5.6.7", "An address with letters beyond ASCII needs SMTPUTF8");
    return accept_rcpt(s, &to, &p);
}
