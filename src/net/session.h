/* SPDX-License-Identifier: Apache-2.0 */
/* The session contract: what a protocol is to the network, and the network to a protocol.
 *
 * A session is a pure state machine, bytes in and bytes out. It never touches a socket, a TLS
 * object or a timer; its host (net/conn.c; in tests test/net/host.h) does. The host calls:
 *
 *   start   once, when the connection is ready for the first byte (on implicit-TLS ports after TLS, or
 *           when only the client's Finished is missing: it says what everybody may hear, and nothing else)
 *   frame   whenever input has arrived and no unit is being handled: where does the next unit end?
 *   handle  with exactly that unit, whose memory dies with the call. It is consumed when handle
 *           returns (also when it asks for MORE or WAIT: then the host goes on with `wake`, never
 *           with the same unit again)
 *   wake    after MORE once `out` has drained; after WAIT when posted to; on time-out; on shutdown;
 *           after STEP_STARTTLS when TLS is established
 *   close   once, last; frees the session. May come at any time between two calls.
 *
 * Threads: all five run one at a time (a session needs no locks) but on whatever worker thread has
 * the bytes. start, handle, wake and close may block on the store; frame may not: cheap, no
 * allocation per byte. The host runs frame and handle over and over while complete units are there,
 * so pipelined commands cost one turn.
 *
 * Bytes: a unit is at most `unit_max` of the session long; when more has arrived without frame
 * finding an end the host calls frame with exactly unit_max bytes and frame must then return a
 * length or refuse. `out` is drained by the host; a session that would write more than
 * LIMIT_SESSION_OUT in one call returns STEP_MORE in between. While `out` is not drained no new
 * unit is handled, so a slow reader holds its own session only; but small answers to pipelined
 * units are collected and sent together, so `out` need not be empty when handle is called.
 *
 * A session that is `wakeable` is also woken by posts between two units (IMAP's IDLE: it listens to
 * its peer and to the store at once).
 *
 * A post that comes before the session waits is not lost: WAKE_POSTED then follows STEP_WAIT at
 * once. It may also be left over from something waited for earlier. When the peer has ended its
 * half of the connection (printf … | nc) what has arrived is still handled and waited for, then the
 * host closes.
 *
 * Idle: after STEP_DONE with no input the host resets the arena and gives its buffers back; the
 * session keeps only its own struct.
 */
#ifndef NET_SESSION_H
#define NET_SESSION_H

#include "base/arena.h"
#include "base/binding.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/ip.h"
#include "base/waker.h"

/* What a long answer had best write in one step. With its TLS records it is one packet of the kernel's (64 KiB with the
 * headers, also where the network card cuts it up) and leaves in one system call; more than that leaves in two, and a short
 * packet right behind a long one waits for its turn where the kernel paces, which costs a timer. */
enum { SESSION_STRIDE = 60 * 1024 };

enum step {
    STEP_DONE,  /* the unit is done: next unit, or idle */
    STEP_MORE,  /* drain `out`, then wake(WAKE_MORE) */
    STEP_WAIT,  /* nothing to do until posted to or timeout_ms; input is not looked at meanwhile */
    STEP_CLOSE, /* drain `out`, then close */
    STEP_STARTTLS, /* drain `out`, THROW AWAY all input that has arrived (RFC 3207 §4.2: it was not
                    * protected), TLS handshake, then wake(WAKE_TLS) */
};

enum wake {
    WAKE_MORE,
    WAKE_POSTED,   /* somebody called waker_post; spurious ones must be harmless */
    WAKE_TIMEOUT,  /* timeout_ms ran out since the last step; typically answer and STEP_CLOSE */
    WAKE_SHUTDOWN, /* the server stops: say so and STEP_CLOSE soon */
    WAKE_TLS,
    WAKE_ABORTED, /* frame refused (frame_err): answer what the protocol says, STEP_CLOSE */
};

struct session;

struct session_ops {
    const char *protocol; /* "smtp", "pop3": for logs */
    enum step (*start)(struct session *s);
    /* Length of the next unit at the front of `in` (1..in.n), 0 if more must come, or a negative
     * enum err to refuse: the host then calls wake(WAKE_ABORTED) and looks at no more input. */
    ssize_t (*frame)(struct session *s, struct span in);
    enum step (*handle)(struct session *s, struct span unit);
    enum step (*wake)(struct session *s, enum wake why);
    void (*close)(struct session *s);
};

/* What is known of the encryption. All zero without it. Its strings live as long as the connection: many sessions
 * wait for long, and each copy is kept as often. */
struct session_tls {
    bool on;
    int bits;
    const char *version; /* "TLSv1.3" */
    const char *cipher;
    const char *sni;       /* the host name the client asked for; empty if none */
    struct binder *binder; /* NULL: nothing to bind to (TLS 1.2 without RFC 7627) */
};

/* The first member of every protocol's session struct. The host fills it in before start; the
 * session may change only what is marked. */
struct session {
    const struct session_ops *ops;
    char id[24];    /* sid in the logs; letters and digits */
    struct ip peer; /* the client (behind the proxy, if there is one) */
    uint16_t peer_port;
    struct ip local;
    uint16_t local_port;
    struct session_tls tls;
    bool tls_possible; /* STARTTLS may be offered */
    struct clock *clock;
    struct waker *waker; /* the session's own; ref it to hand it out */
    struct arena *arena; /* one unit of work; reset by the host after STEP_DONE */
    struct buf *out;

    /* changed by the session: */
    int64_t timeout_ms; /* until WAKE_TIMEOUT, counted from each finished step; > 0 */
    size_t unit_max;    /* longest unit; set in the constructor, may change with the state */
    bool wakeable;      /* posts are wanted after STEP_DONE too */
    bool authenticated; /* logged-in users are served first and survive overload */
    int frame_err;      /* set by the host before WAKE_ABORTED */

    /* the host's: */
    void *host;
    int (*unwanted)(const struct session *s); /* see session_unwanted */
};

/* Asked from within a call that may take long (a check of everything stored): is there still a
 * point in it? 0; ERR_CLOSED: the peer has ended at least its half of the connection; ERR_SHUTDOWN:
 * the server stops. Commands that take seconds need not ask: what a peer has sent before it closed
 * its half is worked off. Thread-safe. */
static inline int session_unwanted(const struct session *s)
{
    return s->unwanted(s);
}

#endif
