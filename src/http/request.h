/* SPDX-License-Identifier: Apache-2.0 */
/* http: requests to handlers (HTTP/1.1, RFC 9110 and 9112).
 *
 * A server is a table of routes. A session (http/session.c) parses a request, finds its route,
 * takes its body in, and calls the handler once with the whole request; the handler either answers
 * at once (http_reply) or gives a function that makes the answer piece by piece (http_stream), or
 * returns an error that becomes the status and the JSON {"error":{"code":"NO_USER","message":"…"}}.
 *
 * Handlers run on a worker thread and may block on the store. Everything in a request lives until
 * the answer is finished. One thread at a time per session.
 *
 * Limits: LIMIT_HTTP_HEADER bytes of request line and fields, HTTP_FIELDS_MAX fields,
 * LIMIT_HTTP_BODY of body, or `body_large` on routes marked HTTP_LARGE_BODY. Bodies over
 * LIMIT_SPOOL_MEMORY lie in an unlinked temporary file.
 *
 * Errors the protocol itself answers: 400, 404, 405, 408, 411 (never: no body is a body of 0
 * bytes), 413, 417, 431, 501, 503, 505.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/spool.h"
#include "net/session.h"

enum { HTTP_PARAMS_MAX = 4, HTTP_FIELDS_MAX = 64, HTTP_REPLY_MAX = 8 * 1024 * 1024 };

struct http_field {
    struct span name;  /* as the client wrote it; compare with span_ieq */
    struct span value; /* without white space around it */
};

struct http_request;
struct http_route;

/* What a streaming function says. */
enum http_stream {
    HTTP_STREAM_MORE, /* call again once this piece is sent */
    HTTP_STREAM_WAIT, /* nothing more now: call again when the session's waker is posted, or after a
                         while */
    HTTP_STREAM_END,
    HTTP_STREAM_BREAK, /* the answer cannot be completed: the connection is cut, so that the client
                          sees it */
};

struct http_server {
    const char *name; /* in logs: "admin" */
    const struct http_route *routes;
    size_t routes_n;
    int64_t timeout_ms; /* a silent client is waited for so long */
};

struct http_request {
    void *arg;
    struct session *session;
    struct arena *arena;
    const struct http_route *route;
    struct span method;
    struct span path;                    /* as it came, without the query */
    struct span query;                   /* as it came, without '?' */
    struct span params[HTTP_PARAMS_MAX]; /* of the route's {names}, in order, percent-decoded */
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t fields_n;
    struct span body;

    /* the answer */
    int status;
    const char *type;
    struct buf reply;
    enum http_stream (*stream)(struct http_request *r, struct buf *piece);
    void (*stream_end)(struct http_request *r);
    void *stream_arg;
};

/* What a handler returns: 0 (or HTTP_ANSWERED) after http_reply, http_stream_reply or
 * http_reply_error; or a negative enum err, which is answered with its row of the table. */
enum { HTTP_ANSWERED = 1 };
typedef int (*http_handler)(struct http_request *r);

enum http_route_flags {
    HTTP_LARGE_BODY = 1, /* up to http_options.body_large */
};

struct http_route {
    const char *method;  /* "GET"; HEAD is answered from it too */
    const char *pattern; /* "/v1/accounts/{address}/password": a {name} is one whole segment */
    unsigned flags;
    http_handler handler;
    const char *help; /* one line for the documentation */
    const char *body; /* what is sent, for the documentation; "" if nothing */
};

struct http_options {
    void *arg;             /* for handlers: request->arg */
    struct spools *spools; /* where large bodies wait; borrowed */
    uint64_t body_large;
};

/* For listener_options.make (through a function that knows its server). `server` is borrowed,
 * `options` copied. NULL: out of memory. */
struct session *http_session_new(const struct http_server *server,
                                 const struct http_options *options);

/* ---- for handlers ------------------------------------------------------------------------ */

/* Answers with these bytes, which are copied. */
void http_reply(struct http_request *r, int status, const char *type, struct span body);
/* The JSON error object. `code` is upper case; `message` a sentence. */
void http_reply_error(struct http_request *r, int status, const char *code, struct span message);
/* Answers 200 in pieces: `next` is called until it says END or BREAK; then, or when the connection
 * is lost before, `end` (may be NULL) once. */
void http_stream_reply(struct http_request *r,
                       const char *type,
                       enum http_stream (*next)(struct http_request *r, struct buf *piece),
                       void (*end)(struct http_request *r),
                       void *arg);

/* First field of that name; empty if there is none. */
struct span http_field_find(const struct http_request *r, struct span name);
/* A parameter of the query, decoded; false if it is not there (or not well encoded). */
bool http_query(struct http_request *r, struct span name, struct span *value_out);

/* ---- parts (http/route.c) ------------------------------------------------------------------ */

/* Percent-decoding, RFC 3986 §2.1; `plus` takes '+' for a space (forms). ERR_INVALID: a bad escape
 * or a NUL byte. */
int http_decode(struct span text, bool plus, struct arena *a, struct span *out) MUST_CHECK;
/* Appends `text` so that it is safe as one path segment or query value. */
void http_encode(struct buf *out, struct span text);

/* The route of r->method and r->path; fills r->route and r->params. ERR_NOT_FOUND; ERR_UNSUPPORTED:
 * there is one for other methods, which `allow` then lists; ERR_INVALID. */
int http_route_find(const struct http_server *server,
                    struct http_request *r,
                    struct buf *allow) MUST_CHECK;

#endif
