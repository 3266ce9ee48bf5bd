/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: the host of one session (net/session.h), between a socket and the workers.
 *
 * Owned by its loop's thread. While the state is CONN_RUN a worker owns `s`, `in`, `out`, `arena`
 * and `step`; the loop then reads into `ahead`. The states and the legal moves between them are in
 * conn.c and drawn in docs/net.md.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/conn_waker.h"
#include "net/server_impl.h"
#include "net/tls_conn.h"

enum conn_state {
    CONN_NEW,    /* accepted, not yet at its loop */
    CONN_PROXY,  /* the PROXY header must come */
    CONN_TLS,    /* handshake */
    CONN_IDLE,   /* the session waits for a whole unit */
    CONN_RUN,    /* a worker runs the session */
    CONN_DRAIN,  /* output must leave before `next` is done */
    CONN_WAIT,   /* STEP_WAIT */
    CONN_LINGER, /* our half is closed; waiting for the peer's end, so that it reads our last words
                  */
    CONN_ENDED,  /* socket closed; waits for libuv and for the session's close */
    CONN_STATES
};

enum conn_job { JOB_START, JOB_INPUT, JOB_WAKE, JOB_CLOSE };

struct conn {
    struct loop *loop;
    struct server *server;
    struct listener *listener;
    struct conn *prev, *next_conn;
    enum conn_state state;

    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } h;
    uv_timer_t timer;
    uv_write_t write;
    int handles;         /* open libuv handles */
    int fd;              /* until the stream owns it; then -1 */
    uint64_t deadline;   /* of the loop's clock; 0: none */
    uint64_t timer_due;  /* when the timer fires; it is not moved for later deadlines */
    uint64_t pace_since; /* when this window of the reader's pace began; 0: nothing waits for it */
    uint64_t pace_taken; /* what it had taken then */

    struct session *s; /* NULL before and after its life */
    struct work work;
    struct loop_item back;
    enum conn_job job;
    enum wake why;
    size_t unit_n;  /* JOB_INPUT: what frame said */
    enum step step; /* what the worker's last call returned */
    enum step next; /* what to do once drained */
    struct conn_waker *waker;
    struct arena *arena;

    struct buf in;     /* not yet handled */
    struct buf ahead;  /* arrived while a worker has `in` */
    struct buf out;    /* the session's answers */
    struct buf wire;   /* TLS records to send */
    struct buf flight; /* what libuv is writing */
    struct tls_conn *tls;

    char sid[24];
    struct ip peer, local;
    uint16_t peer_port, local_port;
    bool is_unix, behind_proxy;
    bool counted_peer; /* in server->peers */
    bool reading;
    bool flying;  /* uv_write under way */
    bool eof;     /* the peer sends no more */
    bool broken;  /* reset while a worker had the session: end when it comes back */
    bool refused; /* frame refused; the worker's while CONN_RUN */
    bool aborted; /* the same, for the loop */
    bool told_shutdown;
    bool notified;      /* close_notify is in wire */
    bool on_worker;     /* queued or running */
    bool opened;        /* conn.open was logged */
    const char *reason; /* why it ended, for the log; static */

    int64_t opened_ms;
    uint64_t bytes_in, bytes_out;
};

/* conn.c: life, states, time */

/* For an accepted socket (owned from now on, also on failure); already counted. NULL: out of
 * memory. */
struct conn *conn_new(struct listener *l, int fd, struct ip peer, uint16_t port) MUST_CHECK;
/* Hands it to its loop. Called by the thread of loop 0, which accepts. */
void conn_launch(struct conn *c, struct loop *loop);
void conn_move(struct conn *c, enum conn_state to);
void conn_deadline(struct conn *c, int64_t ms);
void conn_deadline_off(struct conn *c);
/* Ends orderly: what was written is sent, then close_notify and FIN. */
void conn_end(struct conn *c, const char *reason);
/* Ends now. */
void conn_abort(struct conn *c, const char *reason);
/* The session's step asked for a close and all is sent. */
void conn_linger(struct conn *c);
void conn_shutdown(struct conn *c);
/* Frees it if nobody needs it any more. */
void conn_release(struct conn *c);
/* The client's address is known and it may come in: TLS or session. */
void conn_admit(struct conn *c);

/* conn_io.c: bytes */

void conn_read(struct conn *c, bool on);
/* Reads on or not, by state and by how much is waiting. */
void conn_throttle(struct conn *c);
/* Sends TLS records, and with `all` the session's output too. true: nothing is left. May end c. */
bool conn_flush(struct conn *c, bool all);
/* Bytes not yet with the kernel. */
size_t conn_unsent(const struct conn *c);
void conn_tls_begin(struct conn *c);

/* conn_pace.c: readers that are too slow */

/* Output waits for the peer: sets the deadline by which it must have taken some. */
void conn_pace(struct conn *c);
/* At that deadline: goes on, or ends the connection. */
void conn_pace_over(struct conn *c);

/* conn_run.c: the session */

void conn_session_start(struct conn *c);
/* CONN_IDLE: runs the session if a unit is complete, ends at end of file, else gives buffers back.
 */
void conn_dispatch(struct conn *c);
void conn_wake(struct conn *c, enum wake why);
/* Sends the output, then does what c->next says. */
void conn_drain(struct conn *c);
void conn_posted(struct conn *c);
void conn_session_close(struct conn *c);
/* The session, which may be with a worker, is told that nobody waits for it any more. */
void conn_unwanted(struct conn *c, int err);

#endif
