/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking client for server tests; plain or TLS. Every call gives up after ten seconds. */
#ifndef TEST_NET_CLIENT_H
#define TEST_NET_CLIENT_H

#include "base/buf.h"

#include <openssl/ssl.h>

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    SSL_SESSION *ticket; /* the newest one the server gave; owned */
    struct buf in;
};

bool client_open(struct client *c, uint16_t port); /* 127.0.0.1 */
/* The same with a receive buffer of so many bytes (the kernel doubles them). */
bool client_open_narrow(struct client *c, uint16_t port, int receive_buffer);
bool client_open_unix(struct client *c, const char *path);
/* TLS on the connection; `sni` and `ticket` may be NULL; max_version 0: newest. */
bool client_tls(struct client *c, const char *sni, SSL_SESSION *ticket, int max_version);
/* The same with TLS 1.3, but what the client sends from its Finished on stays here, until client_finishes. */
bool client_tls_unfinished(struct client *c);
/* Sends it in one piece, the last byte changed by `change`. What comes after it is sent at once. */
bool client_finishes(struct client *c, char change);
bool client_send(struct client *c, struct span bytes);
bool client_sends(struct client *c, const char *text);
/* The next line without CRLF, in memory until the next call; "(end)" at the end of file, "(reset)"
 * when the connection was reset, "(silence)" after ten seconds. */
const char *client_line(struct client *c);
/* Reads n bytes and forgets them. */
bool client_skip(struct client *c, size_t n);
void client_half_close(struct client *c);
void client_reset(struct client *c); /* closes with RST */
void client_close(struct client *c);

#endif
