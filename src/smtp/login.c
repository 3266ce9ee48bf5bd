/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH (RFC 4954): the dialogue around an exchange of the auth room.
 *
 * Offered on submission, on the MX port only with smtp.auth_on_mx, and never before encryption:
 * also mechanisms that do not show the password are kept behind it, because a program that has
 * learnt to log in without TLS sends its mail without it too.
 */
#include "smtp/internal.h"

static bool is_offered(const struct smtp *s)
{
    return s->server->kind == SMTP_SUBMISSION || s->server->config->smtp_auth_on_mx;
}

static struct auth_peer peer_of(const struct smtp *s)
{
    return (struct auth_peer){
        .service = "smtp",
        .ip = s->s.peer,
        .secure = smtp_is_secure(s),
        .binder = s->s.tls.binder,
    };
}

void smtp_login_mechanisms(struct smtp *s, struct buf *out)
{
    if (!is_offered(s) || !smtp_is_secure(s) || s->login != NULL)
        return;
    struct auth_peer peer = peer_of(s);
    auth_mechanisms(s->server->auth, &peer, out);
}

void smtp_login_drop(struct smtp *s)
{
    if (s->exchange == NULL)
        return;
    auth_exchange_close(s->exchange);
    s->exchange = NULL;
    smtp_input_set(s, IN_COMMAND); /* the client's next line is a command again */
}

/* The login ends with an error: said in words that a mail program shows to its user. */
static enum step fail(struct smtp *s, int err, struct span text)
{
    const struct err_info *e = err_info(err);
    int code = e->smtp;
    const char *enhanced = e->enhanced;
    if (err == ERR_SUSPENDED) { /* RFC 5248, X.7.13 */
        code = 535;
        enhanced = "5.7.13";
    } else if (err == ERR_INVALID) {
        enhanced = "5.5.2";
    } else if (e->temporary && code != 421) { /* RFC 4954 §6: any temporary failure */
        code = 454;
        enhanced = "4.7.0";
    }
    if (text.n == 0)
        text = span_str(e->text);
    smtp_login_drop(s); /* `text` may live in the exchange: not used below */
    return smtp_wrong(s, code, enhanced, "%.*s", SPAN_ARG(text));
}

static enum step succeed(struct smtp *s, const struct auth_result *r)
{
    struct smtp_login *l = malloc(sizeof *l + r->address.n);
    if (l == NULL)
        return fail(s, ERR_NOMEM, SPAN_EMPTY);
    char *address = (char *)(l + 1);
    if (r->address.n > 0)
        memcpy(address, r->address.p, r->address.n);
    *l =
        (struct smtp_login){.account_id = r->account_id, .address = span_of(address, r->address.n)};
    auth_login_begin(s->server->auth, r, NULL, &l->login);
    smtp_login_drop(s);
    s->login = l;
    s->s.authenticated = true;
    log_event(LOG_INFO, "smtp.login", LOG_S("user", l->address));
    smtp_reply(s, 235, "2.7.0", "Logged in");
    return STEP_DONE;
}

static enum step advance(struct smtp *s, bool has_input, struct span input)
{
    struct span challenge = SPAN_EMPTY;
    smtp_input_set(s, IN_COMMAND);
    switch (auth_exchange_step(s->exchange, has_input, input, &challenge)) {
    case AUTH_SEND:
        buf_puts(s->s.out, "334 ");
        base64_encode(s->s.out, challenge);
        buf_puts(s->s.out, "\r\n");
        smtp_input_set(s, IN_AUTH);
        return STEP_DONE;
    case AUTH_WAIT: return STEP_WAIT;
    case AUTH_OK: return succeed(s, auth_exchange_result(s->exchange));
    case AUTH_FAIL: break;
    }
    const struct auth_result *r = auth_exchange_result(s->exchange);
    return fail(s, r->err, arena_dup(s->s.arena, r->text));
}

static enum step advance_base64(struct smtp *s, struct span text)
{
    struct buf input;
    buf_init(&input, LIMIT_SMTP_AUTH_LINE);
    if (base64_decode(&input, text) != 0) {
        buf_done(&input);
        smtp_login_drop(s);
        return smtp_wrong(s, 501, "5.5.2", "This is not valid base64");
    }
    enum step step = advance(s, true, buf_span(&input));
    if (input.n > 0)
        explicit_bzero(input.p, input.n); /* it may hold a password */
    buf_done(&input);
    return step;
}

static enum step refused(struct smtp *s, int err)
{
    if (err == ERR_UNSUPPORTED)
        return smtp_wrong(s, 504, "5.5.4", "This way to log in is not offered here");
    return fail(s, err, SPAN_EMPTY);
}

enum step smtp_cmd_auth(struct smtp *s, struct span args)
{
    if (!is_offered(s))
        return smtp_wrong(s, 502, "5.5.1",
                          "This port is for mail between servers; please use port 465 or 587");
    if (s->login != NULL) /* RFC 4954 §4 */
        return smtp_wrong(s, 503, "5.5.1", "You are logged in already");
    if (!smtp_is_secure(s))
        return fail(s, ERR_NEED_TLS, SPAN_EMPTY);
    struct span initial = args;
    struct span mechanism = span_split(&initial, ' ');
    bool has_initial = mechanism.n < args.n;
    initial = span_trim(initial);
    if (mechanism.n == 0 || span_chr(initial, ' ') >= 0 || (has_initial && initial.n == 0))
        return smtp_wrong(s, 501, "5.5.4", "Please write AUTH mechanism [initial-response]");
    struct auth_peer peer = peer_of(s);
    int err = auth_exchange_open(s->server->auth, &peer, mechanism, s->s.waker, &s->exchange);
    if (err != 0)
        return refused(s, err);
    if (!has_initial)
        return advance(s, false, SPAN_EMPTY);
    if (span_eq(initial, SPAN("="))) /* an initial response that is there and empty */
        return advance(s, true, SPAN_EMPTY);
    return advance_base64(s, initial);
}

enum step smtp_login_line(struct smtp *s, struct span line)
{
    if (span_eq(line, SPAN("*")))
        return fail(s, ERR_AUTH_CANCELLED, SPAN_EMPTY);
    return advance_base64(s, line);
}

enum step smtp_login_woken(struct smtp *s)
{
    return advance(s, false, SPAN_EMPTY);
}
