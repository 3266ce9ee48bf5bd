/* SPDX-License-Identifier: Apache-2.0 */
/* A small blocking HTTP/1.1 client over a Unix socket: what the command line uses to reach the
 * admin API. One connection, requests one after the other, no redirects, no TLS. Not thread-safe.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"

struct http_client;

/* ERR_NOT_FOUND (no such socket), ERR_UNAVAILABLE (nobody listens on it), ERR_DENIED, ERR_TOO_BIG
 * (the path is longer than a socket's name may be), ERR_NOMEM, ERR_IO. */
int http_client_open(const char *socket_path, struct http_client **out) MUST_CHECK;
void http_client_close(struct http_client *c); /* NULL is fine */

struct http_call {
    const char *method;
    struct span target; /* path and query, encoded */
    const char *type;   /* of the body; NULL: no body */
    struct span body;   /* sent with Content-Length, unless: */
    /* `more` appends the next piece of the body; 1 when there is more, 0 at the end, negative to
     * give up. It is sent chunked. */
    int (*more)(void *arg, struct buf *piece);
    /* Gets the answer's body as it arrives, for status 200 only; an error ends the call. NULL: it
     * is collected in http_answer.body. */
    int (*on_piece)(void *arg, struct span piece);
    void *arg;
};

struct http_answer {
    int status;
    struct buf
        body; /* buf_init'd by http_client_call; the caller does buf_done, also after an error */
};

/* 0: an answer of any status arrived whole. ERR_CLOSED (the server went away), ERR_INVALID (it does
 * not speak HTTP), ERR_TOO_BIG, or what `more` or `on_piece` returned. After an error the client is
 * only good for http_client_close. */
int http_client_call(struct http_client *c,
                     const struct http_call *call,
                     struct http_answer *out) MUST_CHECK;

#endif
