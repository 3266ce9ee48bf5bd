/* SPDX-License-Identifier: Apache-2.0 */
/* link: one connection to the server under load, non-blocking, with or without TLS.
 *
 * Output is a queue of pieces: short commands are copied, message bodies are only pointed at, so a body
 * costs no copy on a plain connection and one (into whole TLS records) on an encrypted one. Input is
 * gathered in `in`, from which the protocol consumes. Nothing here blocks; everything runs on the one thread
 * of the program. A failure leaves a sentence in `why`.
 */
#ifndef BENCH_LOAD_LINK_H
#define BENCH_LOAD_LINK_H

#include "base/buf.h"

#include <netinet/in.h>
#include <openssl/ssl.h>

enum link_state { LINK_CLOSED, LINK_CONNECTING, LINK_HANDSHAKE, LINK_OPEN };

enum { LINK_PIECES = 16 };

struct link_piece {
    const char *p; /* borrowed; NULL for copied bytes, then they begin at `offset` of `copied` */
    size_t offset, n;
};

struct link {
    enum link_state state;
    int fd, epoll;
    uint32_t events; /* what epoll watches for now */
    bool tls_from_start;
    SSL *ssl;
    SSL_CTX *tls;
    SSL_SESSION *session; /* of the last connection, when sessions are to be resumed */
    bool resume, resumed; /* asked for; happened on this connection */
    bool slim;            /* gives the memory of `in` back when there is nothing to read */
    struct buf in, copied;
    struct link_piece out[LINK_PIECES];
    size_t out_n, out_sent; /* bytes gone of out[0] */
    char why[160];
};

/* A TLS client context; ends the program when OpenSSL cannot make one. */
SSL_CTX *link_tls_new(bool resume);

void link_init(struct link *l, int epoll, SSL_CTX *tls, bool resume);
void link_done(struct link *l);

/* Begins to connect; with `tls` TLS comes at once. < 0: `why` says it. */
int link_open(struct link *l, const struct sockaddr_in *to, bool tls) MUST_CHECK;
void link_close(struct link *l);

/* Begins TLS on an open connection; what was received and not consumed yet is refused (RFC 3207 §4.2). */
int link_starttls(struct link *l) MUST_CHECK;

/* Queue output; it leaves with the next link_io or link_flush. The piece of link_put_ref must stay. */
void link_put(struct link *l, struct span s);
void link_put_ref(struct link *l, struct span s);

int link_flush(struct link *l) MUST_CHECK;

/* Does what epoll said is possible. LINK_IO_UP: the connection (and its TLS) just opened; LINK_IO_MORE: some
 * input was added to `in`, call again for the rest; LINK_IO_OK: nothing more for now; LINK_IO_END: the peer
 * closed; LINK_IO_FAILED: see `why`. */
enum link_io { LINK_IO_OK, LINK_IO_UP, LINK_IO_MORE, LINK_IO_END, LINK_IO_FAILED };
enum link_io link_io(struct link *l);

#endif
