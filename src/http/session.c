/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an HTTP session: requests one after the other (RFC 9112 §9.3), each read
 * (http/request.c), handled, answered (http/reply.c).
 *
 *      HEAD --whole header section--> BODY --whole body--> REPLY --sent--> HEAD
 *        |                             |                     ^
 *        +-- no body, or refused ------+---------------------+
 */
#include "base/err.h"
#include "base/flight.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/session_private.h"

static struct http_session *session_of(struct session *base)
{
    return CONTAINER_OF(base, struct http_session, base);
}

static enum step start(struct session *base)
{
    (void)base; /* the client speaks first */
    return STEP_DONE;
}

static void note(const struct http_session *s)
{
    const struct http_request *r = &s->request;
    enum log_level level =
        span_eq(r->method, SPAN("GET")) && r->status < 500 ? LOG_DEBUG : LOG_INFO;
    log_event(level, "http.request", LOG_Z("server", s->server->name), LOG_S("method", r->method),
              LOG_S("path", r->path), LOG_I("status", r->status));
    metric_add(METRIC_HTTP_REQUESTS, 1);
}

/* For the flight recorder. The same request on the same thing is the same unit; of its body, which
 * may hold a password, there is only the length, unless it is a message. */
static int unit_go(struct http_session *s)
{
    enum { ENDS = 1024 };
    const struct http_request *r = &s->request;
    flight_begin(FLIGHT_HTTP, s->base.peer);
    flight_key(span_str(s->server->name));
    flight_key(r->method);
    flight_key(r->path);
    flight_key(r->query);
    flight_key_u64(r->body.n);
    if ((r->route->flags & HTTP_LARGE_BODY) != 0) {
        flight_key(span_slice(r->body, 0, ENDS));
        flight_key(span_from(r->body, r->body.n > ENDS ? r->body.n - ENDS : 0));
    }
    flight_show(span_str(s->server->name));
    flight_show(SPAN(": "));
    flight_show(r->method);
    flight_show(SPAN(" "));
    flight_show(r->path);
    return flight_go();
}

static void run(struct http_session *s)
{
    struct http_request *r = &s->request;
    int err = unit_go(s);
    if (err == 0)
        err = r->route->handler(r);
    if (err < 0)
        http_reply_error(r, err_info(err)->http, err_name(err), span_str(err_text(err)));
}

static enum step handle(struct session *base, struct span unit)
{
    struct http_session *s = session_of(base);
    if (s->state == HTTP_AT_HEAD) {
        http_parser_reset(s);
        s->base.unit_max = LIMIT_HTTP_HEADER;
    }
    int got = http_take(s, unit);
    if (got == 0)
        return STEP_DONE;
    if (got > 0)
        run(s);
    s->base.unit_max = LIMIT_HTTP_HEADER;
    note(s);
    enum step step = http_reply_start(s);
    flight_end();
    return step;
}

/* A piece of a stream is made here. */
static enum step go_on(struct http_session *s)
{
    if (s->request.stream != NULL && unit_go(s) != 0)
        return STEP_CLOSE;
    enum step step = http_reply_go_on(s);
    flight_end();
    return step;
}

static enum step refuse(struct http_session *s, int status, const char *code, const char *message)
{
    http_refuse(s, status, code, message);
    note(s);
    return http_reply_start(s);
}

static enum step wake(struct session *base, enum wake why)
{
    struct http_session *s = session_of(base);
    switch (why) {
    case WAKE_MORE:
    case WAKE_POSTED: /* also a late one, for a stream that has ended */
    case WAKE_TLS: return s->state == HTTP_AT_REPLY ? go_on(s) : STEP_DONE;
    case WAKE_TIMEOUT:
        if (s->state == HTTP_AT_REPLY && s->waiting)
            return go_on(s);
        if (s->state == HTTP_AT_REPLY || (s->state == HTTP_AT_HEAD && s->scanned == 0))
            return STEP_CLOSE;
        return refuse(s, 408, "TIMEOUT", "The request did not arrive in time");
    case WAKE_SHUTDOWN:
        if (s->state == HTTP_AT_BODY)
            return refuse(s, 503, "SHUTDOWN", err_text(ERR_SHUTDOWN));
        return STEP_CLOSE;
    case WAKE_ABORTED:
        if (s->state == HTTP_AT_HEAD)
            http_parser_reset(s);
        if (base->frame_err == ERR_TOO_BIG)
            return refuse(s, 431, "TOO_BIG", "The header section of the request is too long");
        return refuse(s, 400, "INVALID", "This is not a well-formed HTTP/1.1 request");
    }
    return STEP_CLOSE;
}

static void close_session(struct session *base)
{
    struct http_session *s = session_of(base);
    http_request_end(s);
    arena_free(s->arena);
    free(s);
}

static const struct session_ops ops = {
    .protocol = "http",
    .start = start,
    .frame = http_frame,
    .handle = handle,
    .wake = wake,
    .close = close_session,
};

struct session *http_session_new(const struct http_server *server,
                                 const struct http_options *options)
{
    struct http_session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->arena = arena_new(LIMIT_SESSION_ARENA);
    if (s->arena == NULL) {
        free(s);
        return NULL;
    }
    s->server = server;
    s->options = *options;
    s->base.ops = &ops;
    s->base.unit_max = LIMIT_HTTP_HEADER;
    s->base.timeout_ms = server->timeout_ms;
    s->request = (struct http_request){.arg = options->arg, .session = &s->base, .arena = s->arena};
    buf_init(&s->request.reply, HTTP_REPLY_MAX);
    http_parser_reset(s);
    return &s->base;
}
