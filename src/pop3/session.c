/* SPDX-License-Identifier: Apache-2.0 */
/* The POP3 session: bytes in, bytes out (net/session.h).
 *
 *   AUTHORIZATION --login--> TRANSACTION --QUIT--> closed, deletions applied
 *        any end that is not QUIT (time-out, lost connection, shutdown): closed, nothing is deleted
 *
 * An idle session holds its struct and its view: 40 bytes a message. */
#include "pop3/internal.h"

#include "base/flight.h"
#include "base/log.h"

enum { POP3_TEXT_MAX = 512 - 2 }; /* RFC 2449 §4: a first line of 512 with CRLF */

static struct pop3 *pop3_of(struct session *s)
{
    return CONTAINER_OF(s, struct pop3, s);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void
answer(struct pop3 *p, const char *status, const char *code, const char *fmt, va_list args)
{
    size_t from = p->s.out->n;
    buf_puts(p->s.out, status);
    if (code[0] != '\0')
        buf_printf(p->s.out, " [%s]", code);
    if (fmt[0] != '\0') {
        buf_putc(p->s.out, ' ');
        buf_vprintf(p->s.out, fmt, args);
    }
    if (p->s.out->n - from > POP3_TEXT_MAX)
        buf_truncate(p->s.out, from + POP3_TEXT_MAX);
    buf_puts(p->s.out, "\r\n");
}

void pop3_ok(struct pop3 *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    answer(p, "+OK", "", fmt, args);
    va_end(args);
}

void pop3_err(struct pop3 *p, const char *code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    answer(p, "-ERR", code, fmt, args);
    va_end(args);
}

void pop3_err_of(struct pop3 *p, int err)
{
    pop3_err(p, err_info(err)->pop3, "%s", err_text(err));
}

enum step pop3_mistake(struct pop3 *p)
{
    if (++p->errors < LIMIT_POP3_ERRORS)
        return STEP_DONE;
    pop3_err(p, "", "There were too many errors; closing the connection");
    log_event(LOG_INFO, "pop3.too_many_errors");
    return STEP_CLOSE;
}

bool pop3_is_secure(const struct pop3 *p)
{
    return p->s.tls.on || (p->server->config->auth_plain_loopback && ip_is_loopback(p->s.peer));
}

/* ---- the contract ------------------------------------------------------------------------ */

static enum step pop3_start(struct session *s)
{
    struct pop3 *p = pop3_of(s);
    /* no angle brackets: they would announce APOP (RFC 1939 §7), which needs passwords in clear
     * text */
    pop3_ok(p, "%s Mailstead POP3 server ready", p->server->config->hostname);
    return STEP_DONE;
}

static ssize_t pop3_frame(struct session *s, struct span in)
{
    ssize_t lf = span_chr(in, '\n');
    if (lf >= 0)
        return lf + 1;
    return in.n >= s->unit_max ? ERR_TOO_BIG : 0;
}

static enum step pop3_after(struct pop3 *p, enum step step)
{
    return step == STEP_DONE && p->closing ? STEP_CLOSE : step;
}

/* Has the user lost the right to be here since the login (auth/logins.h)? Nothing is deleted then, and in the middle of
 * an answer nothing can be said. */
static bool is_over(struct pop3 *p)
{
    if (!auth_login_told(&p->login))
        return false;
    int err = auth_login_check(p->server->auth, &p->login, span_str(p->address));
    if (err == 0)
        return false;
    log_event(LOG_INFO, "pop3.ended", LOG_Z("account", p->address), LOG_ERR(err));
    if (p->busy != POP3_LISTING && p->busy != POP3_SENDING)
        pop3_err_of(p, err);
    return true;
}

static enum step pop3_handle(struct session *s, struct span unit)
{
    struct pop3 *p = pop3_of(s);
    if (is_over(p))
        return STEP_CLOSE;
    int err = pop3_unit_line(p, unit);
    enum step step;
    if (err != 0) {
        step = pop3_unit_refused(p, err);
    } else {
        pop3_lease_renew(p);
        step =
            p->busy == POP3_SASL ? pop3_sasl_answer(p, pop3_chomp(unit)) : pop3_dispatch(p, unit);
    }
    flight_end();
    return step;
}

/* The answer is in the middle of a listing or a message. */
static enum step pop3_go_on(struct pop3 *p)
{
    if (p->busy != POP3_LISTING && p->busy != POP3_SENDING)
        return STEP_DONE;
    if (is_over(p) || pop3_unit_more(p) != 0)
        return STEP_CLOSE; /* nothing can be said there, as after damage */
    pop3_lease_renew(p);
    enum step step = p->busy == POP3_LISTING ? pop3_list_more(p) : pop3_send_more(p);
    flight_end();
    return pop3_after(p, step);
}

static enum step pop3_posted(struct pop3 *p)
{
    if (is_over(p))
        return STEP_CLOSE;
    if (p->busy != POP3_VERIFY)
        return STEP_DONE;
    int err = pop3_unit_more(p);
    enum step step = err != 0 ? pop3_unit_refused(p, err) : pop3_verify_woken(p);
    flight_end();
    return step;
}

static enum step pop3_shutdown(struct pop3 *p)
{
    if (p->busy == POP3_LISTING || p->busy == POP3_SENDING) {
        p->closing = true; /* what is on its way arrives; the host's grace time bounds it */
        return STEP_MORE;
    }
    pop3_err_of(p, ERR_SHUTDOWN);
    return STEP_CLOSE;
}

/* RFC 2595 §4: what was said before TLS is forgotten. */
static enum step pop3_tls_on(struct pop3 *p)
{
    pop3_auth_forget(p);
    p->utf8 = false;
    return STEP_DONE;
}

static enum step pop3_wake(struct session *s, enum wake why)
{
    struct pop3 *p = pop3_of(s);
    switch (why) {
    case WAKE_MORE: return pop3_go_on(p);
    case WAKE_POSTED: return pop3_posted(p);
    case WAKE_TIMEOUT: return STEP_CLOSE; /* RFC 1939 §3: without deleting, without a word */
    case WAKE_SHUTDOWN: return pop3_shutdown(p);
    case WAKE_TLS: return pop3_tls_on(p);
    case WAKE_ABORTED:
        pop3_err(p, "", "The line is too long; closing the connection");
        return STEP_CLOSE;
    }
    return STEP_CLOSE;
}

static void pop3_close(struct session *s)
{
    struct pop3 *p = pop3_of(s);
    pop3_auth_forget(p);
    pop3_logout(p);
    free(p);
}

static const struct session_ops pop3_ops = {
    .protocol = "pop3",
    .start = pop3_start,
    .frame = pop3_frame,
    .handle = pop3_handle,
    .wake = pop3_wake,
    .close = pop3_close,
};

struct session *pop3_session_new(void *server)
{
    struct pop3 *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->server = server;
    p->state = POP3_AUTHORIZATION;
    p->s.ops = &pop3_ops;
    p->s.unit_max = LIMIT_POP3_AUTH_LINE;
    p->s.timeout_ms = p->server->config->pop3_timeout * 1000;
    buf_init(&p->stream.chunk, 1); /* sized when a message is opened */
    return &p->s;
}
