/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out of a connection: reading, the PROXY header, TLS, writing.
 *
 * What is read lies in the thread's scratch memory and is handled from there; only what is left over
 * when the thread has to go is copied. Nothing is read while the session is not idle: what the peer
 * sends meanwhile waits in the kernel, which holds the peer back. */
#include "base/err.h"
#include "base/log.h"
#include "net/conn.h"
#include "net/proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    /* One write of TLS records is made of at most this much plaintext. */
    WIRE_CHUNK = SESSION_STRIDE,
    WIRE_RECORDS = 512, /* bytes that the records of it add, so that room is made once */
    DISCARD_READS = 64, /* pieces of input that STARTTLS throws away; a client sends none */
};
_Static_assert(CONN_PLAIN >= CONN_RAW + 32 * 1024, "OpenSSL may hold a record that began earlier");

/* ---- input not yet handled ---------------------------------------------------------------- */

void conn_input_keep(struct conn *c)
{
    if (c->borrowed) {
        c->borrowed = false;
        buf_clear(&c->in);
        buf_put(&c->in, c->left);
        c->left = buf_span(&c->in);
    }
    if (c->in.err != 0)
        conn_abort(c, "out of memory");
    else if (c->left.n == 0)
        buf_done(&c->in);
}

void conn_input_take(struct conn *c, size_t n)
{
    c->left = span_from(c->left, n);
    if (!c->borrowed)
        buf_consume(&c->in, n);
}

void conn_input_drop(struct conn *c)
{
    c->left = SPAN_EMPTY;
    c->borrowed = c->fresh = false;
    buf_done(&c->in);
}

/* `bytes` are in the thread's memory. */
static void input_add(struct conn *c, struct span bytes)
{
    c->fresh = true;
    if (c->left.n == 0) {
        c->left = bytes;
        c->borrowed = true;
        return;
    }
    buf_put(&c->in, bytes);
    c->left = buf_span(&c->in);
    if (c->in.err != 0)
        conn_abort(c, "out of memory");
}

/* ---- reading ------------------------------------------------------------------------------ */

static void proxy_input(struct conn *c);
static void tls_input(struct conn *c, struct span bytes);

static void at_eof(struct conn *c)
{
    c->eof = true;
    if (c->state != CONN_IDLE) /* there, what has arrived is worked off first */
        conn_abort(c, "peer closed");
}

/* A close_notify is the end of what the peer sends (RFC 8446 §6.1), and nearly all say one: its FIN need not be waited
 * for. What else comes now was sent before the peer had our last words, and is not worth decrypting. */
static void last_input(struct conn *c, struct span bytes)
{
    enum { ENOUGH = 256 };
    size_t n;
    if (c->tls == NULL || c->deaf)
        return;
    c->deaf = bytes.n > ENOUGH; /* the records behind what is skipped cannot be read either */
    if (c->deaf)
        return;
    tls_conn_input(c->tls, bytes);
    enum tls_status status = tls_conn_read(c->tls, worker_space() + CONN_RAW, CONN_PLAIN, &n);
    if (status == TLS_EOF)
        at_eof(c);
    c->deaf = status == TLS_BAD;
    buf_clear(&c->wire); /* our half is closed */
}

static void input(struct conn *c, struct span bytes)
{
    c->bytes_in += bytes.n;
    if (c->state == CONN_LINGER)
        last_input(c, bytes);
    if (c->state == CONN_LINGER || c->state == CONN_ENDED || c->aborted)
        return;
    if (c->tls != NULL || c->state == CONN_TLS) {
        tls_input(c, bytes);
        return;
    }
    input_add(c, bytes);
    if (c->state == CONN_PROXY)
        proxy_input(c);
}

/* 0: nothing there, or the end of the connection is in its state. */
static size_t read_some(struct conn *c, char *to, size_t size)
{
    ssize_t n = recv(c->fd, to, size, 0);
    if (n > 0) {
        /* less than asked for: that was all. The end of the stream has no edge of its own behind it */
        if ((size_t)n < size && !c->half)
            c->readable = false;
        return (size_t)n;
    }
    if (n == 0) {
        c->readable = false;
        at_eof(c);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        c->readable = false;
    } else if (errno != EINTR) {
        conn_abort(c, errno == ECONNRESET ? "reset by peer" : "read error");
    }
    return 0;
}

void conn_receive(struct conn *c)
{
    char *raw = worker_space();
    size_t size = budget_is_short(c->server->buffers) ? SERVER_READ_SHORT : CONN_RAW;
    conn_input_keep(c);
    size_t n = c->state != CONN_ENDED ? read_some(c, raw, size) : 0;
    if (n > 0)
        input(c, span_of(raw, n));
}

void conn_discard_arrived(struct conn *c)
{
    char *raw = worker_space();
    size_t n = 0;
    int reads = 0;
    c->readable = true;
    while (c->readable && c->state != CONN_ENDED && reads++ < DISCARD_READS) {
        ssize_t got = recv(c->fd, raw, CONN_RAW, 0);
        c->readable = got > 0;
        n += got > 0 ? (size_t)got : 0;
    }
    c->readable = true; /* an end or an error is found again where it is expected */
    n += c->left.n;
    conn_input_drop(c);
    if (n > 0)
        log_event(LOG_WARN, "tls.injected", LOG_I("bytes", n));
}

/* ---- the PROXY header --------------------------------------------------------------------- */

static void proxy_input(struct conn *c)
{
    struct proxy_header h;
    ssize_t n = proxy_parse(c->left, &h);
    if (n == 0)
        return;
    if (n < 0) {
        char store[46];
        log_event(LOG_WARN, "proxy.bad_header", LOG_S("peer", ip_text(c->peer, store)),
                  LOG_ERR((int)n));
        conn_abort(c, "bad PROXY header");
        return;
    }
    conn_input_take(c, (size_t)n);
    conn_deadline_off(c);
    if (!h.local) {
        c->peer = h.source;
        c->peer_port = h.source_port;
        c->local = h.target;
        c->local_port = h.target_port;
        int err = peers_enter(c->server->peers, c->peer);
        c->counted_peer = err == 0;
        if (err != 0) {
            metric_add(METRIC_CONN_REFUSED_PEER, 1);
            if (!c->listener->o.tls)
                buf_put(&c->out, listener_crowded(c->listener));
            conn_end(c, "too many connections from this address");
            return;
        }
    }
    conn_admit(c);
}

/* ---- TLS ---------------------------------------------------------------------------------- */

void conn_tls_begin(struct conn *c)
{
    conn_move(c, CONN_TLS);
    conn_deadline(c, c->server->times.handshake_ms);
    c->tls_due = c->deadline;
    if (c->left.n == 0)
        return;
    /* came with the PROXY header; after STARTTLS there is nothing left */
    struct span first = c->left;
    struct buf held = c->in;
    buf_init(&c->in, held.max);
    c->in.budget = held.budget;
    conn_input_drop(c);
    tls_input(c, first);
    buf_done(&held);
}

void conn_tls_go_on(struct conn *c)
{
    conn_move(c, CONN_TLS);
    conn_deadline(c, c->tls_due - conn_now());
    if (server_stopping(c->server))
        conn_shutdown(c);
}

/* Made when the first bytes come: who only connects costs no memory of OpenSSL's. */
static bool tls_make(struct conn *c)
{
    struct tls_context *context = server_tls_ref(c->server);
    if (context == NULL) {
        conn_abort(c, "no certificate is loaded");
        return false;
    }
    c->tls = tls_conn_new(context, &c->wire);
    tls_context_unref(context);
    if (c->tls == NULL)
        conn_abort(c, "out of memory");
    return c->tls != NULL;
}

static void tls_failed(struct conn *c)
{
    (void)conn_flush(c, false); /* the alert */
    if (c->state == CONN_TLS) {
        metric_add(METRIC_TLS_FAILED, 1);
        log_event(LOG_INFO, "tls.failed", LOG_Z("reason", tls_conn_why(c->tls)));
        conn_abort(c, "TLS handshake failed");
    } else {
        log_event(LOG_INFO, "tls.broken", LOG_Z("reason", tls_conn_why(c->tls)));
        conn_abort(c, "TLS error");
    }
}

/* The first words are the same for everybody, so they need not wait for the client's Finished: the client has them a
 * round trip earlier, and we send once less. */
static void tls_early(struct conn *c)
{
    c->early = true;
    conn_session_start(c);
}

/* We have nothing to say to the client's Finished, so the kernel would wait for 40 ms with its acknowledgement, and a
 * client that has not switched off Nagle's algorithm (RFC 9293 §3.7.4) that long with its first command. */
static void acknowledge(struct conn *c)
{
    enum { ONCE = 2 }; /* of tcp(7)'s TCP_QUICKACK: 1 would do so for a while */
    if (c->left.n == 0 && c->fd >= 0)
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ONCE}, sizeof(int));
}

static void tls_ready(struct conn *c)
{
    struct session_tls info;
    tls_conn_describe(c->tls, &info);
    metric_add(tls_conn_resumed(c->tls) ? METRIC_TLS_RESUMED : METRIC_TLS_HANDSHAKES, 1);
    log_event(LOG_DEBUG, "tls.open", LOG_Z("version", info.version), LOG_Z("cipher", info.cipher),
              LOG_Z("sni", info.sni), LOG_B("resumed", tls_conn_resumed(c->tls)));
    conn_deadline_off(c);
    if (c->s == NULL) {
        conn_session_start(c);
    } else if (c->early) {
        c->early = false;
        acknowledge(c);
        conn_idle(c);
    } else {
        c->s->tls = info;
        conn_wake(c, WAKE_TLS);
    }
}

/* What the handshake makes us send goes with the session's first words, and tickets with its next ones if it had some
 * early. */
static void tls_input(struct conn *c, struct span bytes)
{
    enum tls_status status = TLS_DONE;
    bool ready = false, early = false;
    char *plain = worker_space() + CONN_RAW;
    size_t n = 0;
    if (c->tls == NULL && !tls_make(c))
        return;
    tls_conn_input(c->tls, bytes);
    if (c->state == CONN_TLS) {
        status = tls_conn_handshake(c->tls);
        ready = status == TLS_DONE;
        early = status == TLS_EARLY && c->s == NULL;
    }
    if (status == TLS_DONE)
        status = tls_conn_read(c->tls, plain, CONN_PLAIN, &n);
    if (n > 0)
        input_add(c, span_of(plain, n));
    if (status == TLS_BAD && !ready)
        tls_failed(c);
    else if (!ready && !early && n == 0) /* else an answer follows */
        (void)conn_flush(c, false);
    if (c->wire.n > WIRE_CHUNK * 4) /* makes us answer (key updates) and reads nothing */
        conn_abort(c, "peer does not read");
    if (c->state == CONN_ENDED)
        return;
    c->eof |= status == TLS_EOF;
    if (early)
        tls_early(c);
    if (ready)
        tls_ready(c);
    if (status == TLS_BAD)
        tls_failed(c);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Is what there is to send the last of it? */
static bool closes(const struct conn *c)
{
    return c->state == CONN_DRAIN &&
           (c->next == STEP_CLOSE || (c->aborted && c->next == STEP_DONE));
}

/* close_notify goes with the last words. */
static int encrypt(struct conn *c)
{
    while (c->out.n > 0 && c->wire.n < WIRE_CHUNK) {
        struct span part = span_slice(buf_span(&c->out), 0, WIRE_CHUNK);
        if (buf_room(&c->wire, part.n + WIRE_RECORDS) == NULL)
            return c->wire.err;
        int err = tls_conn_write(c->tls, part);
        if (err != 0)
            return err;
        buf_consume(&c->out, part.n);
    }
    if (c->out.n == 0 && closes(c) && !c->notified) {
        c->notified = true;
        tls_conn_shutdown(c->tls);
    }
    return 0;
}

/* Will conn_linger close our half once this is sent? Then the kernel may wait with the last packet and end the stream in
 * it. Not behind a peer that has ended its half: there the socket is closed at once. */
static bool fin_follows(const struct conn *c)
{
    return closes(c) && !c->eof && (c->tls == NULL || c->notified);
}

/* From the front of `from`. false: the peer must read first, or c has ended. */
static bool send_some(struct conn *c, struct buf *from)
{
    ssize_t n = send(c->fd, from->p, from->n, MSG_NOSIGNAL | (fin_follows(c) ? MSG_MORE : 0));
    if (n >= 0) {
        c->bytes_out += (uint64_t)n;
        buf_consume(from, (size_t)n);
        return true;
    }
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
        bool reset = errno == ECONNRESET || errno == EPIPE;
        conn_abort(c, reset ? "reset by peer" : "write error");
    } else if (
        !c->watched) { /* rarely needed, so only now; says so at once if there is room again */
        c->watched = true;
        workers_watch_for(c->server->workers, c->fd, c->tag, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    }
    return false;
}

bool conn_flush(struct conn *c, bool all)
{
    for (;;) {
        if (c->tls != NULL && all && encrypt(c) != 0) {
            conn_abort(c, "TLS error");
            return false;
        }
        struct buf *from = c->tls != NULL ? &c->wire : &c->out;
        if ((c->tls == NULL && !all) || from->n == 0)
            return true;
        if (!send_some(c, from))
            return false;
    }
}
