/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to requests. The grammar is llhttp's, compiled in its strict mode; around it stand the
 * checks that decide where one request ends and the next begins, because two programs that disagree
 * about that are how requests are smuggled (RFC 9112 §11.2):
 *
 *  - the header section is cut here at CRLF CRLF, a bare LF is refused, and llhttp must see its end
 * at exactly the same byte;
 *  - the end of a body is where a copy of the parser, run by `frame` over what has arrived, says it
 * is; `handle` then runs the real one over the same bytes. One grammar, asked twice, cannot
 * disagree with itself, and `frame` needs no memory for it.
 */
#include "base/err.h"
#include "base/limits.h"
#include "http/session_private.h"

enum { BODY_UNIT = 64 * 1024 };

/* ---- where units end --------------------------------------------------------------------- */

static int pause_at_end(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t frame_settings = {.on_message_complete = pause_at_end};

static ssize_t frame_head(struct http_session *s, struct span in)
{
    if (in.p[0] == '\r' || in.p[0] == '\n') {
        /* RFC 9112 §2.2: an empty line before a request is passed over */
        if (in.p[0] == '\n')
            return ERR_INVALID;
        if (in.n < 2)
            return 0;
        return in.p[1] == '\n' ? 2 : ERR_INVALID;
    }
    for (size_t at = s->scanned; at < in.n; at++) {
        const char *lf = memchr(in.p + at, '\n', in.n - at);
        if (lf == NULL)
            break;
        at = (size_t)(lf - in.p);
        if (at == 0 || in.p[at - 1] != '\r')
            return ERR_INVALID;
        if (at >= 3 && in.p[at - 2] == '\n' && in.p[at - 3] == '\r') {
            s->scanned = 0;
            return (ssize_t)(at + 1);
        }
    }
    if (in.n >= LIMIT_HTTP_HEADER)
        return ERR_TOO_BIG;
    s->scanned = in.n;
    return 0;
}

static ssize_t frame_body(struct http_session *s, struct span in)
{
    llhttp_t trial = s->parser;
    trial.settings = (void *)(uintptr_t)&frame_settings; /* llhttp only reads them */
    struct span part = span_slice(in, 0, BODY_UNIT);
    llhttp_errno_t err = llhttp_execute(&trial, part.p, part.n);
    if (err == HPE_OK)
        return (ssize_t)part.n;
    if (err != HPE_PAUSED)
        return ERR_INVALID;
    size_t n = (size_t)(llhttp_get_error_pos(&trial) - part.p);
    must(n > 0 && n <= part.n);
    return (ssize_t)n;
}

ssize_t http_frame(struct session *base, struct span in)
{
    struct http_session *s = CONTAINER_OF(base, struct http_session, base);
    if (in.n == 0)
        return 0;
    return s->state == HTTP_AT_BODY ? frame_body(s, in) : frame_head(s, in);
}

/* ---- what the parser finds --------------------------------------------------------------- */

static struct http_session *session_of(llhttp_t *parser)
{
    return parser->data;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct http_session *s = session_of(parser);
    s->bad = s->bad || s->request.path.n > 0;
    s->request.path = span_of(at, n);
    return 0;
}

static int on_method(llhttp_t *parser, const char *at, size_t n)
{
    session_of(parser)->request.method = span_of(at, n);
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t n)
{
    struct http_session *s = session_of(parser);
    if (s->headers_done) /* a trailer field, RFC 9110 §6.5: none of them means anything here */
        return 0;
    if (s->request.fields_n == HTTP_FIELDS_MAX) {
        s->err = ERR_TOO_BIG;
        return -1;
    }
    s->request.fields[s->request.fields_n++] = (struct http_field){.name = span_of(at, n)};
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
    struct http_session *s = session_of(parser);
    if (s->headers_done || s->request.fields_n == 0)
        return 0;
    struct http_field *field = &s->request.fields[s->request.fields_n - 1];
    /* a second piece is a folded line, RFC 9112 §5.2: refused */
    s->bad = s->bad || field->value.n > 0;
    field->value = span_trim(span_of(at, n));
    return 0;
}

static int on_headers(llhttp_t *parser)
{
    session_of(parser)->headers_done = true;
    parser->upgrade = 0; /* RFC 9110 §7.8: an Upgrade may be ignored, and here always is */
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct http_session *s = session_of(parser);
    must(s->body != NULL);
    s->err = spool_write(s->body, span_of(at, n));
    return s->err != 0 ? -1 : 0;
}

static int on_message(llhttp_t *parser)
{
    struct http_session *s = session_of(parser);
    s->message_done = true;
    s->keep_alive = llhttp_should_keep_alive(parser) != 0;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers,
    .on_body = on_body,
    .on_message_complete = on_message,
};

void http_parser_reset(struct http_session *s)
{
    llhttp_init(&s->parser, HTTP_REQUEST, &settings);
    s->parser.data = s;
    s->headers_done = s->message_done = s->keep_alive = s->bad = false;
    s->err = 0;
}

/* ---- the header section ------------------------------------------------------------------ */

static size_t field_count(const struct http_request *r, struct span name)
{
    size_t n = 0;
    for (size_t i = 0; i < r->fields_n; i++)
        n += span_ieq(r->fields[i].name, name) ? 1 : 0;
    return n;
}

/* What has to be true of any request, whatever its route. */
static int head_check(struct http_session *s)
{
    struct http_request *r = &s->request;
    bool http11 = s->parser.http_major == 1 && s->parser.http_minor == 1;
    if (s->parser.http_major != 1 || s->parser.http_minor > 1) {
        http_refuse(s, 505, "UNSUPPORTED", "Only HTTP/1.1 and HTTP/1.0 are spoken here");
        return ERR_UNSUPPORTED;
    }
    size_t hosts = field_count(r, SPAN("Host")); /* RFC 9112 §3.2 */
    if (hosts > 1 || (http11 && hosts == 0)) {
        http_refuse(s, 400, "INVALID", "The request needs exactly one Host field");
        return ERR_INVALID;
    }
    struct span coding = http_field_find(r, SPAN("Transfer-Encoding"));
    if (coding.n > 0 && (!span_ieq(coding, SPAN("chunked")) || !http11)) { /* RFC 9112 §6.1 */
        http_refuse(s, 501, "UNSUPPORTED", "The only transfer coding understood here is chunked");
        return ERR_UNSUPPORTED;
    }
    if (!span_starts(r->path, SPAN("/"))) {
        http_refuse(s, 400, "INVALID", "The request target has to be a path");
        return ERR_INVALID;
    }
    struct span expect = http_field_find(r, SPAN("Expect")); /* RFC 9110 §10.1.1 */
    if (expect.n > 0 && !span_ieq(expect, SPAN("100-continue"))) {
        http_refuse(s, 417, "UNSUPPORTED", "The only expectation understood here is 100-continue");
        return ERR_UNSUPPORTED;
    }
    r->query = r->path;
    r->path = span_split(&r->query, '?');
    return 0;
}

static int head_route(struct http_session *s)
{
    struct buf allow;
    buf_init(&allow, 256);
    int err = http_route_find(s->server, &s->request, &allow);
    if (err == ERR_NOT_FOUND) {
        http_refuse(s, 404, "NOT_FOUND", "There is no such resource; see docs/admin-api.md");
    } else if (err == ERR_UNSUPPORTED) {
        char message[320];
        snprintf(message, sizeof message, "This resource takes only these methods: %.*s",
                 SPAN_ARG(buf_span(&allow)));
        http_refuse(s, 405, "UNSUPPORTED", message);
    } else if (err != 0) {
        http_refuse(s, err_info(err)->http, err_name(err), err_text(err));
    }
    buf_done(&allow);
    return err;
}

/* A body follows: is there room for it, and does the client wait to be asked for it? */
static int head_body(struct http_session *s)
{
    uint64_t max =
        (s->request.route->flags & HTTP_LARGE_BODY) != 0 ? s->options.body_large : LIMIT_HTTP_BODY;
    uint64_t size = 0;
    struct span length = http_field_find(&s->request, SPAN("Content-Length"));
    if (length.n > 0 && (!span_to_u64(length, &size) || size > max)) {
        http_refuse(s, 413, "TOO_BIG", "The body of the request is larger than this server allows");
        return ERR_TOO_BIG;
    }
    s->body = spool_new(s->options.spools, max);
    if (s->body == NULL) {
        http_refuse(s, 503, "NOMEM", err_text(ERR_NOMEM));
        return ERR_NOMEM;
    }
    if (http_field_find(&s->request, SPAN("Expect")).n > 0 && s->parser.http_minor == 1)
        buf_puts(s->base.out, "HTTP/1.1 100 Continue\r\n\r\n");
    s->state = HTTP_AT_BODY;
    s->base.unit_max = BODY_UNIT;
    return 0;
}

static int take_head(struct http_session *s, struct span unit)
{
    /* the fields are looked at until the request has been answered, and the unit dies before that
     */
    struct span head = arena_dup(s->arena, unit);
    if (head.p == NULL) {
        http_refuse(s, 503, "NOMEM", err_text(ERR_NOMEM));
        return ERR_NOMEM;
    }
    llhttp_errno_t got = llhttp_execute(&s->parser, head.p, head.n);
    bool whole = got == HPE_PAUSED && s->message_done;
    if (s->err == ERR_TOO_BIG) {
        http_refuse(s, 431, "TOO_BIG", "The request has too many header fields");
        return ERR_TOO_BIG;
    }
    if ((got != HPE_OK && !whole) || !s->headers_done || s->bad ||
        (whole && llhttp_get_error_pos(&s->parser) != head.p + head.n)) {
        http_refuse(s, 400, "INVALID", "This is not a well-formed HTTP/1.1 request");
        return ERR_INVALID;
    }
    int err = head_check(s);
    if (err == 0)
        err = head_route(s);
    if (err != 0)
        return err;
    return whole ? 1 : head_body(s);
}

static int take_body(struct http_session *s, struct span unit)
{
    llhttp_errno_t got = llhttp_execute(&s->parser, unit.p, unit.n);
    if (got == HPE_PAUSED && s->message_done) {
        int err = spool_view(s->body, &s->request.body);
        if (err == 0)
            return 1;
        s->err = err;
    }
    if (s->err != 0) {
        http_refuse(s, err_info(s->err)->http, err_name(s->err), err_text(s->err));
        return s->err;
    }
    if (got != HPE_OK) {
        http_refuse(s, 400, "INVALID", "The body of the request is not well formed");
        return ERR_INVALID;
    }
    return 0;
}

int http_take(struct http_session *s, struct span unit)
{
    if (s->state == HTTP_AT_BODY)
        return take_body(s, unit);
    if (span_eq(unit, SPAN("\r\n")))
        return 0;
    return take_head(s, unit);
}
