/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to bytes: a status line, a few fields, and the body whole (Content-Length) or in pieces
 * (chunked, RFC 9112 §7.1; for HTTP/1.0 up to the end of the connection). At most PIECE bytes are
 * put into `out` at a time, so a slow reader holds its own session and a few kilobytes. */
#include "base/err.h"
#include "http/session_private.h"

#include <time.h>

enum { PIECE = 128 * 1024, WAIT_MS = 15 * 1000 };

static const char *reason(int status)
{
    switch (status) { /* RFC 9110 §15; a status without a row is still right, only less readable */
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Error";
    }
}

void http_reply(struct http_request *r, int status, const char *type, struct span body)
{
    r->status = status;
    r->type = type;
    buf_clear(&r->reply);
    buf_put(&r->reply, body);
}

static void put_json_text(struct buf *to, struct span text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\')
            buf_printf(to, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(to, "\\u%04x", c);
        else
            buf_putc(to, (char)c);
    }
}

void http_reply_error(struct http_request *r, int status, const char *code, struct span message)
{
    http_reply(r, status, "application/json", SPAN_EMPTY);
    buf_printf(&r->reply, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
    if (span_is_utf8(message))
        put_json_text(&r->reply, message);
    buf_puts(&r->reply, "\"}}\n");
}

void http_stream_reply(struct http_request *r,
                       const char *type,
                       enum http_stream (*next)(struct http_request *r, struct buf *piece),
                       void (*end)(struct http_request *r),
                       void *arg)
{
    r->status = 200;
    r->type = type;
    r->stream = next;
    r->stream_end = end;
    r->stream_arg = arg;
}

void http_refuse(struct http_session *s, int status, const char *code, const char *message)
{
    http_reply_error(&s->request, status, code, span_str(message));
    s->keep_alive =
        false; /* what follows may be the body of this request: not to be read as another */
}

static void put_date(struct http_session *s)
{
    time_t now = (time_t)(s->base.clock->wall_ms(s->base.clock) / 1000);
    struct tm tm;
    char text[64];
    if (gmtime_r(&now, &tm) != NULL &&
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
        buf_printf(s->base.out, "Date: %s\r\n", text);
}

static void put_head(struct http_session *s)
{
    struct http_request *r = &s->request;
    struct buf *out = s->base.out;
    buf_printf(out, "HTTP/1.1 %d %s\r\n", r->status, reason(r->status));
    put_date(s);
    if (r->type != NULL)
        buf_printf(out, "Content-Type: %s\r\n", r->type);
    if (s->chunked)
        buf_puts(out, "Transfer-Encoding: chunked\r\n");
    else if (r->stream == NULL)
        buf_printf(out, "Content-Length: %zu\r\n", r->reply.n);
    if (r->status == 405 && r->route == NULL) { /* RFC 9110 §15.5.6 */
        struct buf allow;
        buf_init(&allow, 256);
        (void)!http_route_find(s->server, r, &allow);
        buf_printf(out, "Allow: %.*s\r\n", SPAN_ARG(buf_span(&allow)));
        buf_done(&allow);
    }
    buf_puts(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    if (!s->keep_alive)
        buf_puts(out, "Connection: close\r\n");
    else if (s->parser.http_minor == 0)
        buf_puts(out, "Connection: keep-alive\r\n");
    buf_puts(out, "\r\n");
}

void http_request_end(struct http_session *s)
{
    struct http_request *r = &s->request;
    if (s->stream_live && r->stream_end != NULL)
        r->stream_end(r);
    s->stream_live = false;
    spool_free(s->body);
    s->body = NULL;
    buf_done(&r->reply);
    *r = (struct http_request){.arg = s->options.arg, .session = &s->base, .arena = s->arena};
    buf_init(&r->reply, HTTP_REPLY_MAX);
    arena_shrink(s->arena);
}

static enum step finish(struct http_session *s)
{
    bool keep_alive = s->keep_alive;
    http_request_end(s);
    s->state = HTTP_AT_HEAD;
    s->base.timeout_ms = s->server->timeout_ms;
    return keep_alive ? STEP_DONE : STEP_CLOSE;
}

enum step http_reply_start(struct http_session *s)
{
    struct http_request *r = &s->request;
    must(r->status != 0);
    /* "HEAD! /" is no HEAD, although the parser has told of one before it noticed */
    s->no_body = s->headers_done && span_eq(r->method, SPAN("HEAD"));
    s->stream_live = r->stream != NULL;
    s->chunked = r->stream != NULL && s->parser.http_minor == 1;
    if (r->stream != NULL && !s->chunked)
        s->keep_alive = false;
    if (r->reply.err != 0) { /* larger than HTTP_REPLY_MAX, or no memory */
        int err = r->reply.err;
        http_reply_error(r, err_info(err)->http, err_name(err), span_str(err_text(err)));
    }
    s->state = HTTP_AT_REPLY;
    s->sent = 0;
    put_head(s);
    return s->no_body ? finish(s) : http_reply_go_on(s);
}

static enum step stream_piece(struct http_session *s)
{
    struct buf piece;
    buf_init(&piece, PIECE);
    s->waiting = false;
    s->base.timeout_ms = s->server->timeout_ms;
    enum http_stream said = s->request.stream(&s->request, &piece);
    if (piece.err != 0)
        said = HTTP_STREAM_BREAK;
    if (said != HTTP_STREAM_BREAK && piece.n > 0) {
        if (s->chunked)
            buf_printf(s->base.out, "%zx\r\n", piece.n);
        buf_put(s->base.out, buf_span(&piece));
        if (s->chunked)
            buf_puts(s->base.out, "\r\n");
    }
    buf_done(&piece);
    switch (said) {
    case HTTP_STREAM_MORE: return STEP_MORE;
    case HTTP_STREAM_WAIT:
        s->waiting = true;
        s->base.timeout_ms = WAIT_MS;
        return STEP_WAIT;
    case HTTP_STREAM_END:
        if (s->chunked)
            buf_puts(s->base.out, "0\r\n\r\n");
        return finish(s);
    case HTTP_STREAM_BREAK: break;
    }
    s->keep_alive = false;
    return finish(s);
}

enum step http_reply_go_on(struct http_session *s)
{
    struct http_request *r = &s->request;
    if (r->stream != NULL)
        return stream_piece(s);
    struct span piece = span_slice(buf_span(&r->reply), s->sent, PIECE);
    buf_put(s->base.out, piece);
    s->sent += piece.n;
    return s->sent < r->reply.n ? STEP_MORE : finish(s);
}
