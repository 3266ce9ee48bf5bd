/* SPDX-License-Identifier: Apache-2.0 */
/* A host for sessions without sockets: what net/conn.c does, in memory and in the caller's thread,
 * so that a protocol test is "send this, expect that" and a fuzz target is a loop around host_send.
 *
 *   struct host *h = host_new(smtp_session_new(&server), NULL);
 *   host_expect(h, "220 ");
 *   host_send(h, SPAN("EHLO x\r\n"));
 *   host_expect_reply(h, "250");
 *   host_free(h);
 *
 * It keeps the contract of net/session.h to the letter and is stricter than the server where that
 * finds bugs: each unit is handed over in memory of exactly its size that dies after the call, and
 * a session that breaks the contract (a unit longer than its input, no end at unit_max, more output
 * than allowed, no time-out) fails a must(). Nothing a peer sends can do that by itself, so fuzz
 * targets may use everything but the host_expect functions, which need a running cmocka test. Not
 * thread-safe, except that wakers may be posted from any thread.
 */
#ifndef TEST_NET_HOST_H
#define TEST_NET_HOST_H

#include "net/session.h"

struct host;

/* In which pieces the bytes of a host_send arrive. */
enum host_cut {
    HOST_WHOLE,  /* at once */
    HOST_BYTES,  /* one by one */
    HOST_RANDOM, /* pieces of random length (the same ones for the same seed) */
};

struct host_options {
    const char *peer;  /* NULL: "192.0.2.7"; port 40000 */
    const char *local; /* NULL: "192.0.2.1"; port 25 */
    bool tls;          /* on from the first byte */
    bool tls_possible; /* STARTTLS may be offered */
    enum host_cut cut;
    uint64_t seed;           /* for HOST_RANDOM */
    struct clock *clock;     /* NULL: `fake`'s, or the machine's */
    struct clock_fake *fake; /* host_timeout moves it on; may be NULL */
    int64_t wait_ms;         /* real time a WAIT may last; 0: ten seconds; < 0: return at once */
    const bool *killed; /* NULL: never. Once it says true the server's process is dead: what the
                              * session still writes reaches nobody, no unit is handled any more, and
                              * the session is closed at its next step */
};

/* Takes the session over (it is closed at its STEP_CLOSE or in host_free) and calls start.
 * `options` may be NULL. NULL only if `s` is NULL or memory has run out. */
struct host *host_new(struct session *s, const struct host_options *options);
void host_free(struct host *h); /* NULL is fine */

/* Bytes from the peer; runs the session until it has nothing more to do: it is idle, closed, or
 * still waits after wait_ms. If the session waits, the bytes are kept until it does not. When
 * STARTTLS happens, all bytes not yet handled, also those of the same call, are thrown away and TLS
 * is on. */
void host_send(struct host *h, struct span bytes);
void host_sends(struct host *h, const char *cstr);
/* The peer has sent its last byte: units that are complete are handled, then the session is closed.
 */
void host_eof(struct host *h);

/* Goes on waiting, up to `real_ms`; true when the session does not wait any more (one that is wakeable: it
 * was woken). */
bool host_wait(struct host *h, int64_t real_ms);
/* timeout_ms runs out. Moves the fake clock on by that much. Nothing happens to a closed session.
 */
void host_timeout(struct host *h);
/* The server stops. */
void host_shutdown(struct host *h);

bool host_closed(const struct host *h);
bool host_waiting(const struct host *h);
/* The session; NULL once closed. */
struct session *host_session(struct host *h);
/* How many bytes STARTTLS threw away. */
size_t host_discarded(const struct host *h);

/* All that the session has written and that was not taken yet. Spans of output are valid until the
 * session runs again or host_output_clear. */
struct span host_output(struct host *h);
void host_output_clear(struct host *h);
/* The most bytes that one step has written, since the session began. */
size_t host_largest(const struct host *h);
/* Takes one line (without CRLF). false: there is no whole line. */
bool host_line(struct host *h, struct span *out);
/* Takes exactly that many bytes. false: so many have not been written yet. */
bool host_take(struct host *h, size_t n, struct span *out);

/* ---- with cmocka: they fail the test, telling what came instead ---------------------------- */

/* The next line begins with `prefix`. Returns it. */
struct span host_expect(struct host *h, const char *prefix);
/* An SMTP reply: lines "250-…" and one "250 …" (or "250"). Returns all its lines, CRLFs included.
 */
struct span host_expect_reply(struct host *h, const char *code);
/* A POP3 multi-line body up to the "." line. Returns it without that line, dots still stuffed. */
struct span host_expect_dot(struct host *h);
/* Nothing more was written. */
void host_expect_silence(struct host *h);
/* Nothing more was written and the session is closed. */
void host_expect_closed(struct host *h);

#endif
