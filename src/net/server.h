/* SPDX-License-Identifier: Apache-2.0 */
/* The server: event loops, listeners, connections, worker threads.
 *
 *   server_new -> server_listen for each port -> server_run (blocks) ; server_stop from a signal.
 *
 * A libuv loop accepts and keeps time, in the thread of server_run; a pool of threads (net/worker.h)
 * carries the bytes of all connections and runs their sessions; those that are authenticated go first. Limits: connections at once, and
 * per address (IPv4 address, IPv6 /64; the client's, where a proxy names it). Over a limit the
 * protocol's own `busy` line is sent at once and the connection closed, without a worker. Over the
 * limit of all, a connection that waits for a client who has not logged in makes room instead, if
 * there is one that has done so for a while (net/guests.h). Unix sockets are the operator's way in
 * and have no limit.
 *
 * How it works inside, and the states of a connection: docs/net.md.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "base/budget.h"
#include "base/metrics.h"
#include "net/session.h"

struct server;
struct tls_context;

/* How long is waited for what, in milliseconds; what is 0 is as docs/net.md says. */
struct server_times {
    int64_t proxy_ms;     /* for the PROXY header */
    int64_t handshake_ms; /* for a TLS handshake */
    int64_t pace_ms;      /* the window of `read_rate` */
    int64_t close_ms;     /* the same for the last output of a closing session */
    int64_t linger_ms;    /* for the peer's end of a closed connection */
    int64_t eof_wait_ms;  /* for what a session waits for whose peer has ended its half */
    int64_t yield_ms;     /* a guest (net/guests.h) that has waited so long makes room */
    int64_t stop_ms;      /* for sessions to finish when the server stops */
};

struct server_options {
    struct clock *clock;
    struct rng *rng;
    unsigned workers; /* units of sessions that are worked on at once; >= 1 */
    unsigned loops;   /* threads beyond, for the bytes of connections while all of those are busy */
    int64_t conn_max;
    int64_t conn_per_ip;
    struct budget *buffers; /* of connections; outlives the server; NULL: no limit */
    int64_t read_rate;      /* bytes a second that a peer has to take while output waits for it */
    struct server_times times;
    const struct ip_net
        *proxy_from; /* copied; connections from there MUST begin with a PROXY header */
    size_t proxy_from_n;
};

/* How a listener makes sessions. Copied; what it points to must outlive the server. */
struct listener_options {
    const char *protocol; /* for logs */
    bool tls;             /* from the first byte */
    bool tls_possible;    /* STARTTLS */
    enum metric open_gauge;
    /* A new session for a connection: the host fills the `struct session` in after this returns and
     * then calls start. NULL: out of memory. Runs on the loop, must not block. */
    struct session *(*make)(void *arg);
    void *arg;
    struct span busy; /* what a refused client is told, like "421 4.3.2 Busy…\r\n" (before TLS; on
                       * implicit TLS ports the connection is just closed) */
    struct span crowded; /* the same when its own network has too many; empty: as `busy` */
};

int server_new(const struct server_options *options, struct server **out) MUST_CHECK;

/* The certificates for connections from now on; those that live keep theirs. Shared. May be called
 * any time from any thread (reload). */
void server_set_tls(struct server *s, struct tls_context *tls);

/* Opens a listening socket as listen_open (net/listen.h) does, with its errors, and accepts on it.
 * Before server_run. The file of a unix socket is removed when the server stops. */
int server_listen(struct server *s,
                  const char *address,
                  const struct listener_options *options,
                  struct buf *why,
                  uint16_t *port_out) MUST_CHECK;

/* The same with a socket that was opened elsewhere; it is the server's from now on, also on error.
 * A unix socket's file is left to whoever made it. */
int server_adopt(struct server *s, int fd, const struct listener_options *options) MUST_CHECK;

/* Runs until server_stop; when it returns all sessions are closed and no thread runs any more.
 * Once. Ignores SIGPIPE for the process. */
int server_run(struct server *s) MUST_CHECK;
/* Async-signal-safe; any time between server_new and server_free. Sessions get WAKE_SHUTDOWN and
 * times.stop_ms to finish what they do; what a worker is in the middle of is always finished. */
void server_stop(struct server *s);
void server_free(struct server *s); /* NULL is fine */

/* Runs `fn` on a worker thread after `delay_ms`, once; for janitors. fn may call this again. Any
 * thread, also before server_run. What is not yet due when the server stops is not run. */
int server_after(struct server *s, int64_t delay_ms, void (*fn)(void *arg), void *arg) MUST_CHECK;

struct server_stats {
    int64_t conns, workers_busy, queue;
};
void server_stats(struct server *s, struct server_stats *out);

#endif
