/* SPDX-License-Identifier: Apache-2.0 */
/* Opening listening sockets: apart from the server that accepts on them, so that the master process
 * can open them (low ports, sockets in folders of others) and hand them to a child that may not. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "base/buf.h"

/* "127.0.0.1:2025", "[::1]:25", "*:25" (IPv6 and IPv4), port 0: any free one; "unix:/path" (mode
 * 0600; a socket file that nobody answers is replaced). The socket listens, does not block and is
 * closed at exec. ERR_IN_USE (taken), ERR_DENIED (no right to a low port), ERR_INVALID; `why` gets
 * a sentence with the address in it. *port_out (may be NULL) is the real port, 0 for unix. */
int listen_open(const char *address, struct buf *why, int *fd_out, uint16_t *port_out) MUST_CHECK;

/* The path of a unix socket, to be removed at the end by whoever opened it; NULL: it is TCP. */
const char *listen_unix_path(const char *address);

#endif
