/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out of a connection: reading with back pressure, the PROXY header, TLS, writing. */
#include "base/err.h"
#include "base/log.h"
#include "net/conn.h"
#include "net/proxy.h"

/* One write of TLS records is made of at most this much plaintext. */
enum { WIRE_CHUNK = 64 * 1024 };

/* ---- reading ------------------------------------------------------------------------------ */

static void proxy_input(struct conn *c);
static void tls_input(struct conn *c, struct span bytes);

static void arrived(struct conn *c)
{
    if (c->state == CONN_IDLE)
        conn_dispatch(c);
}

static void at_eof(struct conn *c)
{
    c->eof = true;
    conn_unwanted(c, ERR_CLOSED);
    conn_read(c, false);
    switch (c->state) {
    case CONN_PROXY:
    case CONN_TLS:
    case CONN_LINGER: conn_abort(c, "peer closed"); break;
    case CONN_IDLE: conn_dispatch(c); break;
    case CONN_WAIT: {
        /* what it waits for may still be answered (printf … | nc), but not for hours */
        int64_t ms = c->s->timeout_ms, most = c->server->times.eof_wait_ms;
        conn_deadline(c, ms < most ? ms : most);
        break;
    }
    default: break; /* what has arrived is worked off first */
    }
}

static void input(struct conn *c, struct span bytes)
{
    c->bytes_in += bytes.n;
    if (c->state == CONN_LINGER || c->state == CONN_ENDED || c->aborted)
        return;
    if (c->tls != NULL) {
        tls_input(c, bytes);
    } else {
        struct buf *to = c->state == CONN_RUN ? &c->ahead : &c->in;
        buf_put(to, bytes);
        if (to->err != 0)
            conn_abort(c, "out of memory");
        else if (c->state == CONN_PROXY)
            proxy_input(c);
        else
            arrived(c);
    }
    conn_throttle(c);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *to)
{
    struct conn *c = handle->data;
    (void)hint;
    *to = uv_buf_init(c->loop->scratch,
                      budget_is_short(c->server->buffers) ? SERVER_READ_SHORT : LOOP_SCRATCH);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *from)
{
    struct conn *c = stream->data;
    if (n == 0)
        return;
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    if (n > 0)
        input(c, span_of(from->base, (size_t)n));
    else if (n == UV_EOF)
        at_eof(c);
    else
        conn_abort(c, n == UV_ECONNRESET ? "reset by peer" : "read error");
    log_scope_clear();
}

void conn_read(struct conn *c, bool on)
{
    if (on == c->reading || (on && c->eof) || c->state == CONN_ENDED)
        return;
    if (on && uv_read_start(&c->h.stream, on_alloc, on_read) != 0)
        return;
    if (!on)
        (void)uv_read_stop(&c->h.stream);
    c->reading = on;
}

/* What is not read ahead waits in the kernel and then at the peer: when memory is short only units
 * that are wanted now are read. */
void conn_throttle(struct conn *c)
{
    size_t ahead = budget_is_short(c->server->buffers) ? 0 : SERVER_READ_AHEAD;
    switch (c->state) {
    case CONN_RUN: conn_read(c, !c->broken && c->ahead.n < ahead); break;
    case CONN_DRAIN:
        /* before STARTTLS nothing is read: the peer's first record must not be taken for plaintext
         */
        conn_read(c, c->next != STEP_STARTTLS && c->in.n < ahead);
        break;
    case CONN_WAIT: conn_read(c, c->in.n < ahead); break;
    case CONN_ENDED:
    case CONN_NEW: break;
    default: conn_read(c, true); break;
    }
}

/* ---- the PROXY header --------------------------------------------------------------------- */

static void proxy_input(struct conn *c)
{
    struct proxy_header h;
    ssize_t n = proxy_parse(buf_span(&c->in), &h);
    if (n == 0)
        return;
    if (n < 0) {
        char store[46];
        log_event(LOG_WARN, "proxy.bad_header", LOG_S("peer", ip_text(c->peer, store)),
                  LOG_ERR((int)n));
        conn_abort(c, "bad PROXY header");
        return;
    }
    buf_consume(&c->in, (size_t)n);
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
    struct tls_context *context = server_tls_ref(c->server);
    if (context == NULL) {
        conn_abort(c, "no certificate is loaded");
        return;
    }
    c->tls = tls_conn_new(context, &c->wire);
    tls_context_unref(context);
    if (c->tls == NULL) {
        conn_abort(c, "out of memory");
        return;
    }
    conn_move(c, CONN_TLS);
    conn_deadline(c, c->server->times.handshake_ms);
    if (c->in.n > 0) { /* came with the PROXY header; after STARTTLS `in` is empty */
        struct buf first = c->in;
        buf_init(&c->in, first.max);
        c->in.budget = first.budget;
        tls_input(c, buf_span(&first));
        buf_done(&first);
    }
    conn_throttle(c);
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
    } else {
        c->s->tls = info;
        conn_wake(c, WAKE_TLS);
    }
}

static void tls_input(struct conn *c, struct span bytes)
{
    enum tls_status status = TLS_DONE;
    bool ready = false;
    tls_conn_input(c->tls, bytes);
    if (c->state == CONN_TLS) {
        status = tls_conn_handshake(c->tls);
        ready = status == TLS_DONE;
    }
    struct buf *to = c->state == CONN_RUN ? &c->ahead : &c->in;
    if (status == TLS_DONE)
        status = tls_conn_read(c->tls, to);
    if (status == TLS_BAD && !ready) {
        tls_failed(c);
        return;
    }
    if (!c->flying && c->wire.n > 0 && !conn_flush(c, false) && c->state == CONN_ENDED)
        return;
    if (c->wire.n > WIRE_CHUNK * 4) { /* makes us answer (key updates) and reads nothing */
        conn_abort(c, "peer does not read");
        return;
    }
    if (status == TLS_EOF) {
        c->eof = true;
        conn_read(c, false);
    }
    if (ready)
        tls_ready(c);
    else if (status == TLS_EOF)
        at_eof(c);
    else
        arrived(c);
    if (status == TLS_BAD && ready)
        tls_failed(c);
}

/* ---- writing ------------------------------------------------------------------------------ */

size_t conn_unsent(const struct conn *c)
{
    return c->out.n + c->wire.n + uv_stream_get_write_queue_size(&c->h.stream);
}

static void on_written(uv_write_t *write, int status)
{
    struct conn *c = write->data;
    c->flying = false;
    if (status == 0)
        c->bytes_out += c->flight.n;
    buf_done(&c->flight);
    if (c->state == CONN_ENDED)
        return;
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    if (status < 0)
        conn_abort(c,
                   status == UV_ECONNRESET || status == UV_EPIPE ? "reset by peer" : "write error");
    else if (c->state == CONN_DRAIN)
        conn_drain(c);
    else
        (void)conn_flush(c, false);
    log_scope_clear();
}

/* The rest goes by uv_write, from a buffer nobody else touches meanwhile. */
static bool fly(struct conn *c, struct buf *from)
{
    struct buf empty = c->flight;
    size_t max = from->max;
    c->flight = *from;
    *from = empty;
    c->flight.max = from->max;
    from->max = max;
    uv_buf_t bytes = uv_buf_init(c->flight.p, (unsigned)c->flight.n);
    c->write.data = c;
    int err = uv_write(&c->write, &c->h.stream, &bytes, 1, on_written);
    c->flying = err == 0;
    return err == 0;
}

static int encrypt(struct conn *c)
{
    while (c->out.n > 0 && c->wire.n < WIRE_CHUNK) {
        struct span part = span_slice(buf_span(&c->out), 0, WIRE_CHUNK);
        int err = tls_conn_write(c->tls, part);
        if (err != 0)
            return err;
        buf_consume(&c->out, part.n);
    }
    return 0;
}

bool conn_flush(struct conn *c, bool all)
{
    while (!c->flying && c->state != CONN_ENDED) {
        if (c->tls != NULL && all && encrypt(c) != 0) {
            conn_abort(c, "TLS error");
            return false;
        }
        struct buf *from = c->tls != NULL ? &c->wire : &c->out;
        if ((c->tls == NULL && !all) || from->n == 0)
            return true;
        uv_buf_t bytes = uv_buf_init(from->p, (unsigned)from->n);
        int n = uv_try_write(&c->h.stream, &bytes, 1);
        if (n < 0 && n != UV_EAGAIN) {
            conn_abort(c, n == UV_ECONNRESET || n == UV_EPIPE ? "reset by peer" : "write error");
            return false;
        }
        if (n > 0) {
            c->bytes_out += (size_t)n;
            buf_consume(from, (size_t)n);
        }
        if (from->n > 0 && !fly(c, from)) {
            conn_abort(c, "write error");
            return false;
        }
    }
    return false;
}
