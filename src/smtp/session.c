/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP sessions towards their host (net/session.h): input is cut into units by what is expected
 * next (enum smtp_input), and each unit goes to the file that knows it.
 *
 * Lines end with LF here and are refused when there is no CR before it: a client that sends bare
 * LFs is told so, and cannot make us see a command where another server sees text.
 */
#include "smtp/internal.h"

#include "base/flight.h"

static struct smtp *of(struct session *s)
{
    return CONTAINER_OF(s, struct smtp, s);
}

static void log_scope(const struct smtp *s)
{
    log_scope_set(span_str(s->s.id), span_str(s->mid));
}

static int64_t config_timeout_ms(const struct smtp *s)
{
    return s->server->config->smtp_timeout * 1000;
}

static int64_t now_ms(const struct smtp *s)
{
    return s->server->clock->mono_ms(s->server->clock);
}

void smtp_input_set(struct smtp *s, enum smtp_input input)
{
    s->input = input;
    s->s.unit_max = input == IN_DATA || input == IN_CHUNK ? SMTP_UNIT_DATA : SMTP_UNIT_LINE;
}

void smtp_reset(struct smtp *s)
{
    smtp_body_close(&s->body);
    smtp_envelope_close(&s->envelope);
    s->mid[0] = '\0';
    s->content_since = 0;
    s->refused = false;
    s->s.timeout_ms = config_timeout_ms(s);
    smtp_input_set(s, IN_COMMAND);
    if (s->state != ST_GREETED)
        s->state = ST_READY;
}

bool smtp_is_secure(const struct smtp *s)
{
    return s->s.tls.on || (s->server->config->auth_plain_loopback && ip_is_loopback(s->s.peer));
}

bool smtp_needs_login(const struct smtp *s)
{
    return s->server->kind == SMTP_SUBMISSION && s->login == NULL;
}

static enum step session_start(struct session *session)
{
    struct smtp *s = of(session);
    log_scope(s);
    smtp_reply(s, 220, NULL, "%s ESMTP Mailstead", s->server->config->hostname);
    log_scope_clear();
    return STEP_DONE;
}

static ssize_t line_frame(const struct smtp *s, struct span in)
{
    ssize_t lf = span_chr(in, '\n');
    if (lf >= 0)
        return lf + 1;
    /* too long for any line: taken in pieces, answered at its end */
    return in.n >= SMTP_UNIT_LINE || s->input == IN_LONG_LINE ? (ssize_t)in.n : 0;
}

static ssize_t session_frame(struct session *session, struct span in)
{
    const struct smtp *s = of(session);
    switch (s->input) {
    case IN_DATA: return smtp_data_frame(s, in);
    case IN_CHUNK: return smtp_chunk_frame(s, in);
    default: return line_frame(s, in);
    }
}

static enum step long_line_end(struct smtp *s)
{
    bool in_login = s->exchange != NULL;
    s->s.timeout_ms = config_timeout_ms(s);
    smtp_login_drop(s);
    smtp_input_set(s, IN_COMMAND);
    if (in_login) /* RFC 4954 §4 */
        return smtp_wrong(s, 500, "5.5.6", "The authentication line is too long");
    return smtp_wrong(s, 500, "5.5.2", "The line is longer than %d bytes", LIMIT_SMTP_COMMAND);
}

/* Each piece is a step, and steps are what the host counts a client's silence from: without a time
 * for the whole line a byte now and then would hold the connection for ever. */
static enum step long_line_more(struct smtp *s, size_t n)
{
    s->line_dropped += n;
    if (s->line_dropped > LIMIT_SMTP_LINE_DROPPED) {
        smtp_reply(s, 500, "5.5.2", "The line does not end, closing the connection");
        return STEP_CLOSE;
    }
    int64_t left = s->line_since + config_timeout_ms(s) - now_ms(s);
    if (left <= 0)
        return smtp_hang_up(s, "4.4.2", "The line took too long to arrive, closing the connection");
    s->s.timeout_ms = left;
    return STEP_DONE;
}

static enum step line_unit(struct smtp *s, struct span unit)
{
    bool whole = unit.p[unit.n - 1] == '\n';
    if (s->input == IN_LONG_LINE)
        return whole ? long_line_end(s) : long_line_more(s, unit.n);
    if (!whole) {
        smtp_input_set(s, IN_LONG_LINE);
        s->line_dropped = 0;
        s->line_since = now_ms(s);
        return long_line_more(s, unit.n);
    }
    struct span line = span_slice(unit, 0, unit.n - 1);
    if (line.n == 0 || line.p[line.n - 1] != '\r' || span_chr(line, '\r') != (ssize_t)line.n - 1) {
        smtp_login_drop(s);
        smtp_input_set(s, IN_COMMAND);
        return smtp_wrong(s, 500, "5.5.2", "Lines must end with CR LF, and hold no other CR or LF");
    }
    line.n--;
    return s->input == IN_AUTH ? smtp_login_line(s, line) : smtp_command(s, line);
}

/* The connection ends: what comes next was meant to be content, or an answer, if we had run this. */
static enum step hold(struct smtp *s, int err)
{
    return smtp_hang_up(s, err_info(err)->enhanced, err_text(err));
}

static enum step run_unit(struct smtp *s, struct span unit)
{
    bool content = s->input == IN_DATA || s->input == IN_CHUNK;
    int err = content ? smtp_unit_content(s) : smtp_unit_line(s, unit);
    if (err != 0)
        return hold(s, err);
    switch (s->input) {
    case IN_DATA: return smtp_data_unit(s, unit);
    case IN_CHUNK: return smtp_chunk_unit(s, unit);
    default: return line_unit(s, unit);
    }
}

static enum step session_handle(struct session *session, struct span unit)
{
    struct smtp *s = of(session);
    log_scope(s);
    enum step step = run_unit(s, unit);
    flight_end();
    log_scope_clear();
    return step;
}

static enum step after_tls(struct smtp *s)
{
    /* RFC 3207 §4.2: what was said before is forgotten, the greeting is not sent again */
    s->state = ST_GREETED;
    s->esmtp = false;
    s->helo[0] = '\0';
    smtp_reset(s);
    return STEP_DONE;
}

static enum step login_woken(struct smtp *s)
{
    if (s->exchange == NULL)
        return STEP_DONE;
    int err = smtp_unit_woken(s);
    enum step step = err != 0 ? hold(s, err) : smtp_login_woken(s);
    flight_end();
    return step;
}

static enum step session_wake(struct session *session, enum wake why)
{
    struct smtp *s = of(session);
    enum step step = STEP_DONE;
    log_scope(s);
    switch (why) {
    case WAKE_MORE: break;
    case WAKE_TLS: step = after_tls(s); break;
    case WAKE_POSTED: step = login_woken(s); break;
    case WAKE_SHUTDOWN:
        step = smtp_hang_up(s, "4.3.2",
                            "This server is shutting down, please connect again in a minute");
        break;
    case WAKE_TIMEOUT:
        log_event(LOG_INFO, "smtp.timeout",
                  LOG_B("content", s->input == IN_DATA || s->input == IN_CHUNK));
        step = smtp_hang_up(s, "4.4.2",
                            s->content_since != 0 /* bytes may have dripped */
                                ? "The message took too long to arrive, closing the connection"
                                : "Nothing came for too long, closing the connection");
        break;
    case WAKE_ABORTED: step = smtp_hang_up(s, "4.5.0", "Your side broke the protocol"); break;
    }
    log_scope_clear();
    return step;
}

static void session_close(struct session *session)
{
    struct smtp *s = of(session);
    log_scope(s);
    if (s->envelope.arena != NULL)
        log_event(LOG_INFO, "smtp.abandoned", LOG_I("rcpts", s->envelope.n),
                  LOG_I("received", s->body.received));
    smtp_login_drop(s);
    smtp_body_close(&s->body);
    smtp_envelope_close(&s->envelope);
    if (s->login != NULL)
        auth_login_end(s->server->auth, &s->login->login);
    free(s->login);
    log_scope_clear();
    free(s);
}

static const struct session_ops smtp_ops = {
    .protocol = "smtp",
    .start = session_start,
    .frame = session_frame,
    .handle = session_handle,
    .wake = session_wake,
    .close = session_close,
};

struct session *smtp_session_new(void *server)
{
    struct smtp *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->server = server;
    must(s->server->rates != NULL);
    s->s.ops = &smtp_ops;
    s->state = ST_GREETED;
    s->s.timeout_ms = config_timeout_ms(s);
    smtp_input_set(s, IN_COMMAND);
    return &s->s;
}
