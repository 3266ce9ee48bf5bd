/* SPDX-License-Identifier: Apache-2.0 */
/* LOGIN and AUTHENTICATE (RFC 9051 §6.2.2, §6.2.3, RFC 4959), and what a login makes of the session. */
#include "imap/internal.h"

#include "base/encode.h"
#include "base/log.h"

void imap_auth_forget(struct imap *i)
{
    auth_exchange_close(i->exchange);
    i->exchange = NULL;
}

struct auth_peer *imap_auth_peer(struct imap *i)
{
    i->peer = (struct auth_peer){
        .service = "imap",
        .ip = i->s.peer,
        .secure = imap_is_secure(i),
        .binder = i->s.tls.binder,
    };
    return &i->peer;
}

static enum step auth_refuse(struct imap *i, int err, struct span text)
{
    /* RFC 9051 §6.2.2: a cancelled exchange is BAD, as is one that is not base64 */
    bool bad = err == ERR_AUTH_CANCELLED || err == ERR_INVALID;
    enum step step;
    i->busy = IMAP_READY;
    if (text.n == 0)
        text = span_str(err_text(err));
    if (bad) {
        step = imap_bad(i, "%.*s", SPAN_ARG(text));
    } else {
        i->errors++;
        /* most programs show an alert (RFC 9051 §7.1), and of a login that failed only that it did; the right
         * password does not help here */
        if (err == ERR_AUTH_LOCKED || err == ERR_SUSPENDED)
            buf_printf(i->s.out, "* NO [ALERT] %.*s\r\n", SPAN_ARG(text));
        step = imap_no(i, span_str(err_info(err)->imap), "%.*s", SPAN_ARG(text));
    }
    imap_auth_forget(i);
    return step;
}

void imap_logout(struct imap *i)
{
    imap_box_close(i);
    imap_notify_free(i);
    if (i->state != IMAP_NOT_AUTHENTICATED)
        log_event(LOG_INFO, "imap.logout", LOG_Z("account", i->address));
    free(i->address);
    i->address = NULL;
    auth_login_end(i->server->auth, &i->login);
    i->account = 0;
    i->enabled = 0;
    i->state = IMAP_NOT_AUTHENTICATED;
    i->s.authenticated = i->s.wakeable = false;
    i->s.unit_max = LIMIT_IMAP_GREETING_LINE;
    i->s.timeout_ms = i->server->config->imap_login_timeout * 1000;
}

static enum step login(struct imap *i, const struct auth_result *result)
{
    struct buf capabilities;
    i->busy = IMAP_READY;
    i->address = strndup(result->address.p, result->address.n);
    i->account = result->account_id;
    if (i->address == NULL) {
        imap_logout(i);
        return imap_no_of(i, ERR_NOMEM);
    }
    i->append_limit = imap_append_limit_own(i);
    i->state = IMAP_AUTHENTICATED;
    i->s.authenticated = i->s.wakeable = true;
    auth_login_begin(i->server->auth, result, i->s.waker, &i->login);
    i->s.unit_max = LIMIT_IMAP_LINE;
    i->s.timeout_ms = i->server->config->imap_timeout * 1000;
    log_event(LOG_INFO, "imap.login", LOG_Z("account", i->address), LOG_B("tls", i->s.tls.on));
    buf_init(&capabilities, 4096);
    buf_puts(&capabilities, "CAPABILITY ");
    imap_capabilities(i, &capabilities);
    enum step step = imap_ok(i, buf_span(&capabilities), "Logged in");
    buf_done(&capabilities);
    return step;
}

/* One step of the exchange, and what it asks for. */
static enum step auth_go_on(struct imap *i, bool has_input, struct span input)
{
    struct span challenge = SPAN_EMPTY;
    switch (auth_exchange_step(i->exchange, has_input, input, &challenge)) {
    case AUTH_SEND:
        buf_puts(i->s.out,
                 "+ "); /* RFC 9051 §9 continue-req: the space is there also before nothing */
        base64_encode(i->s.out, challenge);
        buf_puts(i->s.out, "\r\n");
        i->busy = IMAP_SASL;
        return STEP_DONE;
    case AUTH_WAIT: i->busy = IMAP_VERIFY; return STEP_WAIT;
    case AUTH_OK: {
        enum step step = login(i, auth_exchange_result(i->exchange));
        imap_auth_forget(i);
        return step;
    }
    case AUTH_FAIL: {
        const struct auth_result *r = auth_exchange_result(i->exchange);
        return auth_refuse(i, r->err, r->text);
    }
    }
    return STEP_CLOSE;
}

enum step imap_verify_woken(struct imap *i)
{
    return auth_go_on(i, false, SPAN_EMPTY);
}

enum step imap_cmd_login(struct imap *i, const struct imap_arg *args)
{
    struct span user, password;
    if (imap_args_count(args) != 2 || !imap_arg_string(args, &user) ||
        !imap_arg_string(args->next, &password))
        return imap_bad_args(i);
    imap_auth_forget(i);
    if (!span_is_utf8(user) || !span_is_utf8(password))
        return auth_refuse(i, ERR_AUTH_FAILED,
                           SPAN("The username or the password is not UTF-8 text"));
    int err = auth_exchange_open_password(i->server->auth, imap_auth_peer(i), user, password,
                                          i->s.waker, &i->exchange);
    return err != 0 ? auth_refuse(i, err, SPAN_EMPTY) : auth_go_on(i, false, SPAN_EMPTY);
}

static enum step sasl_decoded(struct imap *i, struct span base64)
{
    struct buf raw;
    buf_init(&raw, LIMIT_IMAP_GREETING_LINE);
    int err = base64_decode(&raw, base64);
    enum step step = err == 0 ? auth_go_on(i, true, buf_span(&raw))
                              : auth_refuse(i, ERR_INVALID, SPAN("The answer is not base64"));
    buf_done(&raw);
    return step;
}

enum step imap_cmd_authenticate(struct imap *i, const struct imap_arg *args)
{
    struct span initial;
    size_t n = imap_args_count(args);
    if (n < 1 || n > 2 || args->kind != IMAP_ATOM)
        return imap_bad_args(i);
    imap_auth_forget(i);
    int err = auth_exchange_open(i->server->auth, imap_auth_peer(i), args->text, i->s.waker,
                                 &i->exchange);
    if (err != 0)
        return auth_refuse(
            i, err, err == ERR_UNSUPPORTED ? SPAN("This mechanism is not offered") : SPAN_EMPTY);
    if (n == 1)
        return auth_go_on(i, false, SPAN_EMPTY);
    if (!imap_arg_string(args->next, &initial))
        return imap_bad_args(i);
    if (span_eq(initial, SPAN("="))) /* RFC 4959 §3: an initial response that is empty */
        return auth_go_on(i, true, SPAN_EMPTY);
    return sasl_decoded(i, initial);
}

enum step imap_sasl_answer(struct imap *i, struct span line)
{
    if (span_eq(line, SPAN("*")))
        return auth_refuse(i, ERR_AUTH_CANCELLED, SPAN_EMPTY);
    return sasl_decoded(i, line);
}
