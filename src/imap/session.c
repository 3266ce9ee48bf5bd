/* SPDX-License-Identifier: Apache-2.0 */
/* The IMAP session: bytes in, bytes out (net/session.h).
 *
 *   NOT_AUTHENTICATED --login--> AUTHENTICATED <--SELECT, CLOSE…--> SELECTED        RFC 9051 §3
 *
 * `busy` says who gets the next unit or wake. An idle session holds its struct and, with a mailbox selected, the
 * set of its UIDs (base/numset.h): a few kilobytes, also in IDLE, which listens to client and store at once. */
#include "imap/compress.h"

#include "base/flight.h"
#include "base/log.h"

enum { OCTETS_MAX = 64 * 1024 }; /* of a literal in one unit */

static struct imap *imap_of(struct session *s)
{
    return CONTAINER_OF(s, struct imap, s);
}

static enum step imap_start(struct session *s)
{
    struct imap *i = imap_of(s);
    buf_puts(s->out, "* OK [CAPABILITY ");
    imap_capabilities(i, s->out);
    buf_printf(s->out, "] %s Mailstead IMAP server ready\r\n", i->server->config->hostname);
    return STEP_DONE;
}

ssize_t imap_plain_frame(const struct imap *i, struct span in)
{
    if (i->busy == IMAP_OCTETS || i->busy == IMAP_MESSAGE) {
        size_t n = in.n < OCTETS_MAX ? in.n : OCTETS_MAX;
        return (ssize_t)(i->octets_left < n ? i->octets_left : n);
    }
    ssize_t lf = span_chr(in, '\n');
    if (lf >= 0)
        return lf + 1;
    return in.n >= i->s.unit_max ? ERR_TOO_BIG : 0;
}

static ssize_t imap_frame(struct session *s, struct span in)
{
    const struct imap *i = imap_of(s);
    if (i->compress == NULL)
        return imap_plain_frame(i, in);
    return in.n < OCTETS_MAX ? (ssize_t)in.n : OCTETS_MAX;
}

static enum step unit_of(struct imap *i, struct span unit)
{
    switch (i->busy) {
    case IMAP_READY:
        unit = imap_chomp(unit);
        return i->append != NULL ? imap_append_line(i, unit) : imap_line(i, unit);
    case IMAP_OCTETS: return imap_octets(i, unit);
    case IMAP_MESSAGE: return imap_append_octets(i, unit);
    case IMAP_SASL: return imap_sasl_answer(i, imap_chomp(unit));
    case IMAP_IDLING: return imap_idle_line(i, imap_chomp(unit));
    case IMAP_VERIFY:
    case IMAP_TASK: break; /* then no unit comes */
    }
    must(!"a unit while the session is busy");
    return STEP_CLOSE;
}

/* Who has not logged in could hold a connection for ever with a byte of a literal now and then. */
static void command_clock(struct imap *i)
{
    int64_t most = i->server->config->imap_login_timeout * 1000, left = most;
    if (i->state != IMAP_NOT_AUTHENTICATED)
        return;
    int64_t now = i->s.clock->mono_ms(i->s.clock);
    if (i->partial.n == 0)
        i->partial_since = 0;
    else if (i->partial_since == 0)
        i->partial_since = now;
    else
        left = i->partial_since + most - now;
    i->s.timeout_ms = left > 0 ? left : 1;
}

/* Has the user lost the right to be here since the login (auth/logins.h)? In the middle of an answer, perhaps of a
 * literal, nothing can be said. */
static bool is_over(struct imap *i, enum step *step_out)
{
    if (!auth_login_told(&i->login))
        return false;
    int err = auth_login_check(i->server->auth, &i->login, span_str(i->address));
    if (err == 0)
        return false;
    log_event(LOG_INFO, "imap.ended", LOG_Z("account", i->address), LOG_ERR(err));
    *step_out = i->busy == IMAP_TASK ? STEP_CLOSE
                                     : imap_bye(i, span_str(err_info(err)->imap), err_text(err));
    return true;
}

enum step imap_plain_unit(struct imap *i, struct span unit)
{
    enum step step;
    if (is_over(i, &step))
        return step;
    step = unit_of(i, unit);
    command_clock(i);
    flight_end();
    return step;
}

static enum step imap_handle(struct session *s, struct span unit)
{
    struct imap *i = imap_of(s);
    return i->compress != NULL ? imap_compress_handle(i, unit) : imap_plain_unit(i, unit);
}

/* An answer goes on. */
static enum step imap_go_on(struct imap *i)
{
    if (i->busy != IMAP_TASK || i->task.go_on == NULL)
        return STEP_DONE;
    enum step step;
    if (is_over(i, &step))
        return step;
    if (imap_unit_more(i, i->command != NULL ? i->command->name : "changes") != 0)
        return imap_bye(i, SPAN("UNAVAILABLE"), err_text(ERR_QUARANTINED));
    step = i->task.go_on(i);
    flight_end();
    return step;
}

static enum step imap_posted(struct imap *i)
{
    enum step step = STEP_DONE;
    if (is_over(i, &step))
        return step;
    if (i->busy == IMAP_VERIFY) {
        int err = imap_unit_more(i, "login");
        step = err != 0 ? imap_bye(i, SPAN("UNAVAILABLE"), err_text(err)) : imap_verify_woken(i);
    } else if (i->busy == IMAP_IDLING || (i->busy == IMAP_READY && i->notify != NULL &&
                                          i->partial.n == 0 && i->append == NULL)) {
        int err = imap_unit_more(i, "changes");
        step = err != 0 ? imap_bye(i, SPAN("UNAVAILABLE"), err_text(err)) : imap_tell(i);
    }
    flight_end();
    return step;
}

static enum step imap_shutdown(struct imap *i)
{
    if (i->busy == IMAP_TASK) {
        i->closing = true; /* what is on its way arrives; the host's grace time bounds it */
        return STEP_MORE;
    }
    return imap_bye(i, SPAN("UNAVAILABLE"), err_text(ERR_SHUTDOWN));
}

/* RFC 9051 §6.2.1: what was said before TLS is forgotten. */
static enum step imap_tls_on(struct imap *i)
{
    imap_auth_forget(i);
    i->errors = 0;
    return STEP_DONE;
}

enum step imap_plain_wake(struct imap *i, enum wake why)
{
    switch (why) {
    case WAKE_MORE: return imap_go_on(i);
    case WAKE_POSTED: return imap_posted(i);
    case WAKE_TIMEOUT:
        return imap_bye(i, SPAN_EMPTY,
                        "There was nothing to do for too long; closing the connection");
    case WAKE_SHUTDOWN: return imap_shutdown(i);
    case WAKE_TLS: return imap_tls_on(i);
    case WAKE_ABORTED:
        return imap_bye(i, SPAN("TOOBIG"), "The line is too long; closing the connection");
    }
    return STEP_CLOSE;
}

static enum step imap_wake(struct session *s, enum wake why)
{
    struct imap *i = imap_of(s);
    return i->compress != NULL ? imap_compress_wake(i, why) : imap_plain_wake(i, why);
}

static void imap_close(struct session *s)
{
    struct imap *i = imap_of(s);
    imap_task_end(i);
    imap_sync_forget(i);
    imap_append_drop(i);
    imap_command_end(i);
    imap_auth_forget(i);
    imap_logout(i);
    imap_compress_free(i->compress);
    free(i);
}

static const struct session_ops imap_ops = {
    .protocol = "imap",
    .start = imap_start,
    .frame = imap_frame,
    .handle = imap_handle,
    .wake = imap_wake,
    .close = imap_close,
};

struct session *imap_session_new(void *server)
{
    struct imap *i = calloc(1, sizeof(*i));
    if (i == NULL)
        return NULL;
    i->server = server;
    i->state = IMAP_NOT_AUTHENTICATED;
    i->s.ops = &imap_ops;
    i->s.unit_max = LIMIT_IMAP_GREETING_LINE;
    i->s.timeout_ms = i->server->config->imap_login_timeout * 1000;
    buf_init(&i->partial, LIMIT_IMAP_COMMAND);
    i->partial.budget = i->server->spools->memory;
    return &i->s;
}
