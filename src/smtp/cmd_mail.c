/* SPDX-License-Identifier: Apache-2.0 */
/* MAIL (RFC 5321 §4.1.1.2): opens the transaction.
 *
 * A login may send with addresses of its own only, or with the null sender: mail programs need it
 * for disposition notifications (RFC 3798 §3); then the From field is held to the same rule at the
 * end of the message (finish.c). DNS is not asked about the sender's domain here: there is no
 * resolver yet.
 */
#include "smtp/internal.h"

struct mail_params {
    uint64_t size;
    enum smtp_body_kind body;
    bool utf8;
    enum smtp_ret ret;
    struct span envid;
    struct span auth;
};

static int take_size(struct mail_params *p, struct span value) /* RFC 1870 §4 */
{
    return value.n <= 20 && span_to_u64(value, &p->size) ? 0 : ERR_INVALID;
}

static int take_body(struct mail_params *p, struct span value) /* RFC 6152 §2, RFC 3030 §3 */
{
    if (span_ieq(value, SPAN("7BIT")))
        p->body = SMTP_BODY_7BIT;
    else if (span_ieq(value, SPAN("8BITMIME")))
        p->body = SMTP_BODY_8BIT;
    else if (span_ieq(value, SPAN("BINARYMIME")))
        p->body = SMTP_BODY_BINARY;
    else
        return ERR_INVALID;
    return 0;
}

static int take_utf8(struct mail_params *p, struct span value) /* RFC 6531 §3.4: no value */
{
    (void)value;
    p->utf8 = true;
    return 0;
}

static int take_ret(struct mail_params *p, struct span value) /* RFC 3461 §4.3 */
{
    if (span_ieq(value, SPAN("FULL")))
        p->ret = SMTP_RET_FULL;
    else if (span_ieq(value, SPAN("HDRS")))
        p->ret = SMTP_RET_HDRS;
    else
        return ERR_INVALID;
    return 0;
}

/* xtext that decodes to at most `max` bytes. */
static int check_xtext(struct span value, size_t max)
{
    struct buf decoded;
    buf_init(&decoded, max);
    int err = xtext_decode(&decoded, value);
    if (decoded.err != 0)
        err = ERR_INVALID;
    buf_done(&decoded);
    return err;
}

static int take_envid(struct mail_params *p, struct span value) /* RFC 3461 §4.4: 100 characters */
{
    p->envid = value;
    return check_xtext(value, 100);
}

static int take_auth(struct mail_params *p, struct span value) /* RFC 4954 §5: kept, not believed */
{
    p->auth = value;
    return span_eq(value, SPAN("<>")) ? 0 : check_xtext(value, LIMIT_ADDRESS + 2);
}

static const struct {
    struct span key;
    bool has_value;
    int (*take)(struct mail_params *p, struct span value);
} params[] = {
    {SPAN("SIZE"), true, take_size},      {SPAN("BODY"), true, take_body},
    {SPAN("SMTPUTF8"), false, take_utf8}, {SPAN("RET"), true, take_ret},
    {SPAN("ENVID"), true, take_envid},    {SPAN("AUTH"), true, take_auth},
};

/* 0; ERR_INVALID; ERR_UNSUPPORTED: a parameter that was not offered. */
static int params_parse(struct span args, bool esmtp, struct mail_params *out)
{
    struct smtp_param p;
    unsigned seen = 0;
    int more;
    while ((more = smtp_param_take(&args, &p)) > 0) {
        size_t i = 0;
        while (i < COUNT_OF(params) && !span_ieq(p.key, params[i].key))
            i++;
        if (i == COUNT_OF(params) || !esmtp)
            return ERR_UNSUPPORTED;
        if ((seen & 1u << i) != 0 || p.has_value != params[i].has_value)
            return ERR_INVALID;
        seen |= 1u << i;
        if (params[i].take(out, p.value) != 0)
            return ERR_INVALID;
    }
    return more;
}

int smtp_class(struct smtp *s, struct span name, struct class_of_service *out)
{
    int err = class_get(s->server->directory, name, s->s.arena, out);
    /* as delivery does: an account whose class is gone is not shut out for it */
    return err == ERR_NOT_FOUND ? class_get(s->server->directory, SPAN("default"), s->s.arena, out)
                                : err;
}

void smtp_reply_rate(struct smtp *s, int64_t wait_ms)
{
    long long minutes = (long long)(wait_ms + 59999) / 60000;
    log_event(LOG_WARN, "smtp.rate-limit", LOG_S("user", s->login->address),
              LOG_I("wait_ms", wait_ms));
    smtp_reply(
        s, 450, "4.7.1",
        "You have sent as much as your account may in an hour; please try again in %lld minute%s",
        minutes, minutes == 1 ? "" : "s");
}

/* May it send as `from` (empty: as anybody, see finish.c), and what does its class allow? Asked anew for each
 * message: a session may last for hours, and a smaller limit is how an operator stops one that sends too much. */
static int sender_look(struct smtp *s, struct span from, struct class_of_service *class)
{
    struct smtp_login *l = s->login;
    struct account self = {0};
    int err =
        auth_login_told(&l->login) ? auth_login_check(s->server->auth, &l->login, l->address) : 0;
    if (err == 0)
        err = directory_login(s->server->directory, l->address, s->s.arena, &self);
    if (err == 0 && self.id != l->account_id)
        err = ERR_NOT_YOUR_ADDRESS;
    if (err == 0 && from.n > 0)
        err = directory_may_send(s->server->directory, l->account_id, l->address, from);
    return err != 0 ? err : smtp_class(s, self.class_name, class);
}

/* What holds for a logged-in sender. true: go on; else it has been answered. */
static bool sender_check(struct smtp *s, const struct smtp_path *from, struct smtp_envelope *e)
{
    struct class_of_service class;
    const struct smtp_login *l = s->login;
    int err = sender_look(s, from->address, &class);
    if (err != 0) {
        log_event(LOG_INFO, "smtp.rejected", LOG_Z("command", "MAIL"), LOG_S("user", l->address),
                  LOG_S("from", from->address), LOG_ERR(err));
        smtp_reply_err(s,
                       err_info(err)->temporary || err == ERR_EXPIRED ? err : ERR_NOT_YOUR_ADDRESS);
        return false;
    }
    if (class.message_size != 0 && class.message_size < e->size_max)
        e->size_max = class.message_size;
    e->send_per_hour = class.send_per_hour;
    e->recipients_per_hour = class.recipients_per_hour;
    int64_t wait = smtp_rates_wait(s->server->rates, l->account_id,
                                   (struct smtp_amount){.messages = 1, .recipients = 1},
                                   (struct smtp_amount){e->send_per_hour, e->recipients_per_hour});
    if (wait > 0)
        smtp_reply_rate(s, wait);
    return wait == 0;
}

static void mid_make(struct smtp *s)
{
    int64_t now = s->server->clock->wall_ms(s->server->clock);
    (void)snprintf(s->mid, sizeof s->mid, "%011llx%06llx",
                   (unsigned long long)now & 0xfffffffffffULL,
                   (unsigned long long)rng_below(s->server->rng, 1 << 24));
    log_scope_set(span_str(s->s.id), span_str(s->mid));
}

static enum step params_wrong(struct smtp *s, int err)
{
    if (err == ERR_UNSUPPORTED)
        return smtp_wrong(s, 555, "5.5.4", "MAIL has a parameter that this server does not know");
    return smtp_wrong(s, 501, "5.5.4", "A parameter of MAIL is not well formed");
}

/* Opens the envelope and answers. */
static enum step begin(struct smtp *s, const struct smtp_path *from, const struct mail_params *p)
{
    struct smtp_envelope *e = &s->envelope;
    if (smtp_envelope_open(e, from->address, (uint64_t)s->server->config->smtp_size_max) != 0) {
        smtp_reply_err(s, ERR_NOMEM);
        return STEP_DONE;
    }
    e->size = p->size;
    e->body = p->body;
    e->utf8 = p->utf8;
    e->ret = p->ret;
    e->envid = arena_dup(e->arena, p->envid);
    e->auth = arena_dup(e->arena, p->auth);
    if (s->login != NULL && !sender_check(s, from, e)) {
        smtp_envelope_close(e);
        return STEP_DONE;
    }
    if (p->size > e->size_max) {
        smtp_reply(s, 552, "5.3.4", "The message is larger than the %llu bytes that are taken here",
                   (unsigned long long)e->size_max);
        smtp_envelope_close(e);
        return STEP_DONE;
    }
    mid_make(s);
    s->state = ST_MAIL;
    log_event(LOG_INFO, "smtp.mail", LOG_S("from", e->from), LOG_I("size", e->size),
              LOG_B("utf8", e->utf8),
              LOG_S("user", s->login != NULL ? s->login->address : SPAN_EMPTY));
    smtp_reply(s, 250, "2.1.0", "Sender ok");
    return STEP_DONE;
}

enum step smtp_cmd_mail(struct smtp *s, struct span args)
{
    struct smtp_path from;
    struct mail_params p = {.size = 0};
    int err = smtp_path_take(&args, SPAN("FROM:"), &from);
    if (err == ERR_INVALID)
        return smtp_wrong(s, 501, "5.5.4", "Please write MAIL FROM:<address>");
    if (err != 0 || (from.address.n > 0 && from.parts.domain.n == 0))
        return smtp_wrong(s, 553, "5.1.7", "The sender is not a valid mail address");
    err = params_parse(args, s->esmtp, &p);
    if (err != 0)
        return params_wrong(s, err);
    if (from.address.n > 0 && from.parts.utf8 && !p.utf8) /* RFC 6531 §3.5 */
        return smtp_wrong(s, 553, "5.6.7", "An address with letters beyond ASCII needs SMTPUTF8");
    return begin(s, &from, &p);
}
