/* SPDX-License-Identifier: Apache-2.0 */
/* USER and PASS (RFC 1939 §7), AUTH (RFC 5034). */
#include "pop3/internal.h"

#include "base/encode.h"

enum { SASL_MAX = LIMIT_POP3_AUTH_LINE };

void pop3_auth_forget(struct pop3 *p)
{
    auth_exchange_close(p->exchange);
    p->exchange = NULL;
    free(p->user);
    p->user = NULL;
}

struct auth_peer *pop3_auth_peer(struct pop3 *p)
{
    p->peer = (struct auth_peer){
        .service = "pop3",
        .ip = p->s.peer,
        .secure = pop3_is_secure(p),
        .binder = p->s.tls.binder,
    };
    return &p->peer;
}

static enum step auth_refuse(struct pop3 *p, int err, struct span text)
{
    const char *code = err_info(err)->pop3;
    if (text.n > 0)
        pop3_err(p, code, "%.*s", SPAN_ARG(text));
    else
        pop3_err(p, code, "%s", err_text(err));
    pop3_auth_forget(p);
    p->busy = POP3_IDLE;
    return pop3_mistake(p);
}

/* One step of the exchange, and what it asks for. */
static enum step auth_go_on(struct pop3 *p, bool has_input, struct span input)
{
    struct span challenge = SPAN_EMPTY;
    switch (auth_exchange_step(p->exchange, has_input, input, &challenge)) {
    case AUTH_SEND:
        buf_puts(p->s.out, "+ "); /* RFC 5034 §4: the space is there also before nothing */
        base64_encode(p->s.out, challenge);
        buf_puts(p->s.out, "\r\n");
        p->busy = POP3_SASL;
        return STEP_DONE;
    case AUTH_WAIT: p->busy = POP3_VERIFY; return STEP_WAIT;
    case AUTH_OK: {
        p->busy = POP3_IDLE;
        enum step step = pop3_login(p, auth_exchange_result(p->exchange));
        pop3_auth_forget(p);
        return step;
    }
    case AUTH_FAIL: {
        const struct auth_result *r = auth_exchange_result(p->exchange);
        return auth_refuse(p, r->err, r->text);
    }
    }
    return STEP_CLOSE;
}

enum step pop3_verify_woken(struct pop3 *p)
{
    return auth_go_on(p, false, SPAN_EMPTY);
}

/* RFC 6856 §2.2 and a guard for everybody else: names and passwords are UTF-8. */
static bool auth_is_text(struct pop3 *p, struct span s)
{
    if (span_is_utf8(s))
        return true;
    pop3_err(p, "AUTH", "The username or the password is not UTF-8 text");
    return false;
}

enum step pop3_cmd_user(struct pop3 *p, const struct pop3_line *line)
{
    pop3_auth_forget(p);
    struct span name = span_trim(line->arg[0]);
    if (name.n == 0 || name.n > 4 * LIMIT_ADDRESS) {
        pop3_err(p, "", "Please write: USER name");
        return pop3_mistake(p);
    }
    if (!auth_is_text(p, name))
        return pop3_mistake(p);
    p->user = strndup(name.p, name.n);
    if (p->user == NULL) {
        pop3_err_of(p, ERR_NOMEM);
        return STEP_DONE;
    }
    /* the same for every name: whether it exists is nobody's business (RFC 1939 §13) */
    pop3_ok(p, "Please send the password");
    return STEP_DONE;
}

enum step pop3_cmd_pass(struct pop3 *p, const struct pop3_line *line)
{
    struct span password = line->arg[0];
    if (p->user == NULL) {
        pop3_err(p, "", "Please send USER first");
        return pop3_mistake(p);
    }
    if (!auth_is_text(p, password)) {
        pop3_auth_forget(p);
        return pop3_mistake(p);
    }
    int err = auth_exchange_open_password(p->server->auth, pop3_auth_peer(p), span_str(p->user),
                                          password, p->s.waker, &p->exchange);
    if (err != 0)
        return auth_refuse(p, err, SPAN_EMPTY);
    return auth_go_on(p, false, SPAN_EMPTY);
}

/* AUTH without a mechanism is no RFC's, but what some programs ask instead of CAPA. */
static enum step auth_list(struct pop3 *p)
{
    struct buf names;
    buf_init(&names, 512);
    auth_mechanisms(p->server->auth, pop3_auth_peer(p), &names);
    struct span rest = buf_span(&names);
    pop3_ok(p, "Mechanisms follow");
    while (rest.n > 0) {
        buf_put(p->s.out, span_split(&rest, ' '));
        buf_puts(p->s.out, "\r\n");
    }
    buf_puts(p->s.out, ".\r\n");
    buf_done(&names);
    return STEP_DONE;
}

static enum step sasl_decoded(struct pop3 *p, struct span base64)
{
    struct buf raw;
    buf_init(&raw, SASL_MAX);
    int err = base64_decode(&raw, base64);
    enum step step = err == 0 ? auth_go_on(p, true, buf_span(&raw))
                              : auth_refuse(p, ERR_INVALID, SPAN("The answer is not base64"));
    buf_done(&raw);
    return step;
}

enum step pop3_cmd_auth(struct pop3 *p, const struct pop3_line *line)
{
    if (line->arg_n == 0)
        return auth_list(p);
    pop3_auth_forget(p);
    int err = auth_exchange_open(p->server->auth, pop3_auth_peer(p), line->arg[0], p->s.waker,
                                 &p->exchange);
    if (err != 0)
        return auth_refuse(
            p, err, err == ERR_UNSUPPORTED ? SPAN("This mechanism is not offered") : SPAN_EMPTY);
    if (line->arg_n == 1)
        return auth_go_on(p, false, SPAN_EMPTY);
    if (span_eq(line->arg[1], SPAN("="))) /* RFC 5034 §4: an initial response that is empty */
        return auth_go_on(p, true, SPAN_EMPTY);
    return sasl_decoded(p, line->arg[1]);
}

enum step pop3_sasl_answer(struct pop3 *p, struct span text)
{
    if (span_eq(text, SPAN("*")))
        return auth_refuse(p, ERR_AUTH_CANCELLED, SPAN_EMPTY);
    return sasl_decoded(p, text);
}
