/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an HTTP session, shared by http/session.c (life), http/request.c (bytes in) and
 * http/reply.c (bytes out). */
#ifndef HTTP_SESSION_PRIVATE_H
#define HTTP_SESSION_PRIVATE_H

#include "http/request.h"

#include <llhttp/llhttp.h>

enum http_state {
    HTTP_AT_HEAD, /* between requests, or in the middle of a header section */
    HTTP_AT_BODY,
    HTTP_AT_REPLY, /* the answer is going out */
};

struct http_session {
    struct session base; /* first: the host knows us by it */
    const struct http_server *server;
    struct http_options options;
    enum http_state state;
    size_t scanned; /* bytes of an incomplete header section that frame has looked at */
    llhttp_t parser;
    struct arena *arena;
    struct spool *body;
    struct http_request request;
    /* what the parser's callbacks found out about the request being read */
    bool headers_done, message_done, keep_alive, bad;
    int err; /* of taking the body in */
    /* the answer */
    bool chunked, no_body;
    bool stream_live; /* stream_end has still to be called */
    bool waiting;     /* the stream said WAIT: nothing is on its way to the client */
    size_t sent;      /* bytes of request.reply handed to `out` */
};

/* request.c */
ssize_t http_frame(struct session *base, struct span in);
/* Takes one unit in. 0: go on; 1: the request is whole; negative: it was refused and an error is
 * set as the answer (and the connection has to be closed after it). */
int http_take(struct http_session *s, struct span unit);
void http_parser_reset(struct http_session *s);

/* reply.c */
/* The error's own answer. */
void http_refuse(struct http_session *s, int status, const char *code, const char *message);
/* Writes the head of the answer and as much of the rest as fits. */
enum step http_reply_start(struct http_session *s);
enum step http_reply_go_on(struct http_session *s);
/* Ends the answer, also when it was cut short: frees what the request held. */
void http_request_end(struct http_session *s);

#endif
