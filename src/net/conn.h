/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: the host of one session (net/session.h), between a socket and the workers.
 *
 * It has an owner or none. Whoever learns that something has happened to it (a thread that the kernel
 * woke, a timer, a waker, the server that stops) notes that in `claim` and becomes the owner unless
 * there is one; an owner goes on until nothing is noted any more. All fields but `claim` are the
 * owner's, who may be any thread: so a session is run by one thread at a time, and by the one that
 * has its bytes. The states and the legal moves between them are in conn.c and drawn in docs/net.md.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/conn_waker.h"
#include "net/server_impl.h"
#include "net/tls_conn.h"

enum conn_state {
    CONN_NEW,    /* accepted, nothing said */
    CONN_PROXY,  /* the PROXY header must come */
    CONN_TLS,    /* handshake */
    CONN_IDLE,   /* the session waits for a whole unit */
    CONN_RUN,    /* `job` is to be done, or being done */
    CONN_DRAIN,  /* output must leave before `next` is done */
    CONN_WAIT,   /* STEP_WAIT */
    CONN_LINGER, /* our half is closed; waiting for the peer's end, so that it reads our last words
                  */
    CONN_ENDED,  /* socket closed; waits for the session's close */
    CONN_STATES
};

/* What the session is to be called for. CLOSE is done beside LINGER or ENDED, the others in RUN. */
enum conn_job { JOB_NONE, JOB_START, JOB_INPUT, JOB_WAKE, JOB_CLOSE };

/* Bits of `claim`: what has happened and was not looked at yet, and that there is an owner. */
enum conn_event {
    EVENT_READABLE = 1,
    EVENT_WRITABLE = 2,
    EVENT_HALF = 4,  /* the peer has ended its half */
    EVENT_GONE = 8,  /* reset, or ended on both sides */
    EVENT_POST = 16, /* of the waker */
    EVENT_TIME = 32,
    EVENT_STOP = 64,   /* the server stops */
    EVENT_KILL = 128,  /* it has waited long enough */
    EVENT_YIELD = 256, /* the server is full, and this looked like a guest (net/guests.h) */
    EVENT_ALL = 511,
    CLAIMED = 512,
};

struct conn {
    unsigned claim; /* atomic */
    struct server *server;
    struct listener *listener;
    uint64_t tag; /* in server->table */
    enum conn_state state;
    int64_t guest_since; /* atomic, conn_now; 0: it is none. See net/guests.h */
    int fd;              /* -1: closed */

    struct timer timer;
    int64_t deadline;    /* of conn_now; 0: none */
    int64_t timer_due;   /* the timer fires then or has just fired; 0: not set */
    int64_t pace_since;  /* when this window of the reader's pace began; 0: nothing waits for it */
    uint64_t pace_taken; /* what it had taken then */

    struct session *s; /* NULL before and after its life */
    bool first;        /* it has logged in */
    struct work work;
    enum conn_job job;
    enum wake why;
    size_t unit_n;  /* JOB_INPUT: what frame said */
    enum step next; /* what to do once drained */
    struct conn_waker *waker;
    struct arena *arena;

    struct span left; /* input not yet handled: in `in`, or still in the thread's scratch memory */
    bool borrowed;    /* the latter */
    bool fresh;       /* frame has not seen all of `left` */
    struct buf in;
    struct buf out;  /* the session's answers */
    struct buf wire; /* TLS records to send */
    struct tls_conn *tls;
    int64_t tls_due; /* of conn_now: when its handshake must be done */
    bool early;      /* the session began before the client's Finished, which has not come yet */

    char sid[24];
    struct ip peer, local;
    uint16_t peer_port, local_port;
    bool is_unix, behind_proxy;
    bool counted_peer; /* in server->peers */
    bool readable;     /* there may be something to read */
    bool watched;      /* for room to write, too */
    bool half;         /* EVENT_HALF was seen */
    bool gone;         /* EVENT_GONE */
    bool posted;       /* EVENT_POST, and the session has not waited since */
    bool eof_wait;     /* WAIT has been cut short for `half` */
    bool eof;          /* the peer sends no more, and all it sent is read */
    bool aborted;      /* frame refused: no more input is looked at */
    bool told_shutdown;
    bool notified;      /* close_notify is in wire */
    bool deaf;          /* while it lingers: what comes is not decrypted any more */
    bool opened;        /* conn.open was logged */
    const char *reason; /* why it ended, for the log; static */

    int64_t opened_ms;
    uint64_t bytes_in, bytes_out;
};

enum {
    /* of a worker's scratch memory: what one read takes, and behind it what that decrypts to */
    CONN_RAW = 64 * 1024,
    CONN_PLAIN = 96 * 1024,
};

/* Milliseconds of the clock of deadlines. */
int64_t conn_now(void);

/* conn.c: life, states, time */

/* Takes `fd` over (also on failure), counted already. It belongs to nobody else yet; conn_launch
 * lets it go. NULL: out of memory. */
struct conn *conn_new(struct listener *l, int fd, struct ip peer, uint16_t port) MUST_CHECK;
/* Its first steps, short of running the session. */
void conn_begin(struct conn *c);
void conn_move(struct conn *c, enum conn_state to);
void conn_deadline(struct conn *c, int64_t ms);
void conn_deadline_off(struct conn *c);
/* EVENT_TIME. */
void conn_time(struct conn *c);
/* Ends orderly: what was written is sent, then close_notify and FIN. */
void conn_end(struct conn *c, const char *reason);
/* Ends now. */
void conn_abort(struct conn *c, const char *reason);
/* The session's step asked for a close and all is sent. */
void conn_linger(struct conn *c);
/* EVENT_STOP. */
void conn_shutdown(struct conn *c);
/* ENDED, and its session closed. */
void conn_free(struct conn *c);
/* The client's address is known and it may come in: TLS or session. */
void conn_admit(struct conn *c);

/* conn_turn.c: who owns it, and what comes next */

/* Notes events; true: the caller is its owner now. Any thread, while it lives. */
bool conn_claim(struct conn *c, unsigned events) MUST_CHECK;
/* Notes events; if it has no owner a worker will be. Any thread. */
void conn_tell(struct conn *c, unsigned events);
/* Lets a new connection go. */
void conn_launch(struct conn *c);
/* workers_options.ready of the server. */
void conn_ready(void *server, uint64_t tag, uint32_t events);

/* conn_io.c: bytes */

/* Reads once. */
void conn_receive(struct conn *c);
/* What is left of the input is kept although the thread's memory will be used for something else. May
 * end c. */
void conn_input_keep(struct conn *c);
void conn_input_take(struct conn *c, size_t n);
void conn_input_drop(struct conn *c);
/* Sends TLS records, and with `all` the session's output too. true: nothing is left. May end c. */
bool conn_flush(struct conn *c, bool all);
void conn_tls_begin(struct conn *c);
/* The session has said its first words early; now for the client's side of the handshake. */
void conn_tls_go_on(struct conn *c);
/* Whatever has arrived up to now is not looked at. */
void conn_discard_arrived(struct conn *c);

/* conn_pace.c: readers that are too slow */

/* Output waits for the peer: sets the deadline by which it must have taken some. */
void conn_pace(struct conn *c);
/* At that deadline: goes on, or ends the connection. */
void conn_pace_over(struct conn *c);

/* conn_run.c: the session */

void conn_session_start(struct conn *c);
/* Nothing to do until a unit comes. */
void conn_idle(struct conn *c);
/* Calls the session for `job`. May block. */
void conn_job_run(struct conn *c);
void conn_wake(struct conn *c, enum wake why);
/* CONN_IDLE: is there a unit, or a reason to end? false: more input is needed. */
bool conn_dispatch(struct conn *c);
/* CONN_WAIT: has it come? */
bool conn_wait_over(struct conn *c);
/* CONN_DRAIN: sends the output, then does what c->next says. false: the peer must read first. */
bool conn_drain(struct conn *c);

#endif
