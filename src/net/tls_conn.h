/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of one TLS connection, without I/O: records in, plaintext out, and the other
 * way.
 *
 * What is to go to the peer is appended to the `wire` buffer given at birth. Between calls of
 * tls_conn_input nothing of the peer's bytes is kept here except unfinished records inside OpenSSL,
 * which gives its buffers back when idle (SSL_MODE_RELEASE_BUFFERS). Not thread-safe.
 */
#ifndef NET_TLS_CONN_H
#define NET_TLS_CONN_H

#include "net/session.h"
#include "net/tls.h"

struct tls_conn;
struct ssl_ctx_st;

enum tls_status {
    TLS_OPEN,  /* going on; for tls_conn_handshake: more must come */
    TLS_EARLY, /* more must come, but tls_conn_write works from now on; told once, TLS 1.3 only */
    TLS_DONE,  /* the handshake is done */
    TLS_EOF,   /* the peer has ended the connection (close_notify) */
    TLS_BAD,   /* an error: tls_conn_why; what is in `wire` (an alert) should still be sent */
};

/* `wire` is borrowed for its life. NULL: out of memory. */
struct tls_conn *tls_conn_new(struct tls_context *context, struct buf *wire) MUST_CHECK;
void tls_conn_free(struct tls_conn *t); /* NULL is fine */

/* The bytes the next calls read; they must be used up (handshake, then read until TLS_OPEN) before
 * they go away. */
void tls_conn_input(struct tls_conn *t, struct span bytes);
/* What is written after TLS_EARLY travels behind our Finished, to a client whose own has not come (RFC 8446
 * §4.4.4): whoever sent the ClientHello reads it, if it was sent just now or is a copy of an older one. So it
 * may hold only what everybody is told. */
enum tls_status tls_conn_handshake(struct tls_conn *t);
/* All plaintext there is: at most what tls_conn_input gave and a record of 16 KiB that began earlier.
 * `size` must have room for that. *n_out is set also with TLS_BAD. */
enum tls_status tls_conn_read(struct tls_conn *t, char *to, size_t size, size_t *n_out);
/* Encrypts; 0 or ERR_IO, ERR_NOMEM. */
int tls_conn_write(struct tls_conn *t, struct span plain) MUST_CHECK;
/* close_notify. */
void tls_conn_shutdown(struct tls_conn *t);

/* After TLS_EARLY or the handshake; the binder and whether it was resumed, only after the latter. */
void tls_conn_describe(struct tls_conn *t, struct session_tls *out);
bool tls_conn_resumed(struct tls_conn *t);
/* After TLS_BAD: the reason for a person. */
const char *tls_conn_why(const struct tls_conn *t);

/* For tls.c and tls_conn.c: the context connections start with. */
struct ssl_ctx_st *tls_context_ssl(struct tls_context *t);

#endif
