/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's life: from accept to the last log line. */
#include "net/conn.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

#include <sys/socket.h>
#include <unistd.h>

enum { CONN_IN_MAX = 1 << 30 /* never met: reading stops long before */ };

#define M(state) (1u << CONN_##state)
/* From the state (row) only to these. */
static const unsigned legal[CONN_STATES] = {
    [CONN_NEW] = M(PROXY) | M(TLS) | M(RUN) | M(ENDED),
    [CONN_PROXY] = M(TLS) | M(RUN) | M(DRAIN) | M(ENDED),
    [CONN_TLS] = M(RUN) | M(ENDED),
    [CONN_IDLE] = M(RUN) | M(DRAIN) | M(ENDED),
    [CONN_RUN] = M(DRAIN),
    [CONN_DRAIN] = M(RUN) | M(IDLE) | M(WAIT) | M(TLS) | M(LINGER) | M(ENDED),
    [CONN_WAIT] = M(RUN) | M(ENDED),
    [CONN_LINGER] = M(ENDED),
    [CONN_ENDED] = 0,
};
#undef M

void conn_move(struct conn *c, enum conn_state to)
{
    must((legal[c->state] >> to & 1) != 0);
    c->state = to;
}

/* ---- time --------------------------------------------------------------------------------- */

static void expired(struct conn *c)
{
    switch (c->state) {
    case CONN_PROXY: conn_abort(c, "no PROXY header in time"); break;
    case CONN_TLS:
        metric_add(METRIC_TLS_FAILED, 1);
        conn_abort(c, "TLS handshake not done in time");
        break;
    case CONN_IDLE:
    case CONN_WAIT:
        c->reason = "timeout";
        conn_wake(c, WAKE_TIMEOUT);
        break;
    case CONN_DRAIN: conn_pace_over(c); break;
    default: conn_abort(c, c->reason); break;
    }
}

/* Deadlines move with every unit, nearly always to later: then the timer stays where it is and
 * looks again when it fires. */
static void on_timer(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    uint64_t now = uv_now(&c->loop->uv);
    c->timer_due = 0;
    if (c->deadline == 0)
        return;
    if (now < c->deadline) {
        c->timer_due = c->deadline;
        (void)uv_timer_start(&c->timer, on_timer, c->deadline - now, 0);
        return;
    }
    c->deadline = 0;
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    expired(c);
    log_scope_clear();
}

void conn_deadline(struct conn *c, int64_t ms)
{
    uint64_t wait = ms > 0 ? (uint64_t)ms : 1;
    c->deadline = uv_now(&c->loop->uv) + wait;
    if (c->timer_due == 0 || c->timer_due > c->deadline) {
        c->timer_due = c->deadline;
        (void)uv_timer_start(&c->timer, on_timer, wait, 0);
    }
}

void conn_deadline_off(struct conn *c)
{
    c->deadline = 0;
}

/* ---- birth -------------------------------------------------------------------------------- */

static void counted_buf(struct conn *c, struct buf *b, size_t max)
{
    buf_init(b, max);
    b->budget = c->server->buffers;
}

struct conn *conn_new(struct listener *l, int fd, struct ip peer, uint16_t port)
{
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        close(fd);
        return NULL;
    }
    c->server = l->server;
    c->listener = l;
    c->fd = fd;
    c->peer = peer;
    c->peer_port = port;
    c->is_unix = l->is_unix;
    counted_buf(c, &c->in, CONN_IN_MAX);
    counted_buf(c, &c->ahead, CONN_IN_MAX);
    counted_buf(c, &c->out, LIMIT_SESSION_OUT + SERVER_BATCH);
    counted_buf(c, &c->wire, CONN_IN_MAX);
    counted_buf(c, &c->flight, CONN_IN_MAX);
    return c;
}

static void local_address(struct conn *c)
{
    struct sockaddr_storage ss = {0};
    socklen_t n = sizeof ss;
    if (c->is_unix) { /* whoever may open the socket is on this machine */
        c->local.b[15] = 1;
        return;
    }
    if (getsockname(c->fd, (struct sockaddr *)&ss, &n) != 0 ||
        !ip_from_sockaddr((struct sockaddr *)&ss, &c->local, &c->local_port))
        memset(&c->local, 0, sizeof c->local);
}

/* The socket becomes a libuv stream. From here on it ends through conn_abort only. */
static int adopt(struct conn *c)
{
    struct loop *l = c->loop;
    must(uv_timer_init(&l->uv, &c->timer) == 0);
    c->timer.data = c;
    int err = c->is_unix ? uv_pipe_init(&l->uv, &c->h.pipe, 0) : uv_tcp_init(&l->uv, &c->h.tcp);
    must(err == 0);
    c->h.handle.data = c;
    c->handles = 2;
    local_address(c);
    err = c->is_unix ? uv_pipe_open(&c->h.pipe, c->fd) : uv_tcp_open(&c->h.tcp, c->fd);
    if (err != 0) {
        close(c->fd);
        c->fd = -1;
        return ERR_IO;
    }
    c->fd = -1;
    return 0;
}

static void begin(struct conn *c)
{
    struct loop *l = c->loop;
    c->opened_ms = c->server->clock->mono_ms(c->server->clock);
    server_sid(c->server, c->sid, sizeof c->sid);
    c->next_conn = l->conns;
    if (l->conns != NULL)
        l->conns->prev = c;
    l->conns = c;
    l->conns_n++;
    metric_add(METRIC_CONN_ACCEPTED, 1);
    metric_add(c->listener->o.open_gauge, 1);
    int err = adopt(c);
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    if (err != 0 || l->stopping) {
        conn_abort(c, l->stopping ? "shutdown" : "socket error");
    } else if (c->behind_proxy) {
        conn_move(c, CONN_PROXY);
        conn_deadline(c, c->server->times.proxy_ms);
        conn_read(c, true);
    } else {
        conn_admit(c);
    }
    log_scope_clear();
}

static void on_arrival(struct loop_item *item)
{
    begin(CONTAINER_OF(item, struct conn, back));
}

void conn_launch(struct conn *c, struct loop *loop)
{
    c->loop = loop;
    if (loop == &c->server->loops[0]) {
        begin(c);
        return;
    }
    c->back.fn = on_arrival;
    loop_post(loop, &c->back);
}

void conn_admit(struct conn *c)
{
    char store[46], local[46];
    c->opened = true;
    log_event(LOG_INFO, "conn.open", LOG_Z("protocol", c->listener->o.protocol),
              LOG_S("peer", c->is_unix ? SPAN("unix") : ip_text(c->peer, store)),
              LOG_I("port", c->peer_port), LOG_S("local", ip_text(c->local, local)),
              LOG_I("local_port", c->local_port), LOG_B("tls", c->listener->o.tls));
    if (c->listener->o.tls)
        conn_tls_begin(c);
    else
        conn_session_start(c);
}

/* ---- death -------------------------------------------------------------------------------- */

static void log_close(struct conn *c)
{
    char store[46];
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    log_event(LOG_INFO, "conn.close", LOG_Z("protocol", c->listener->o.protocol),
              LOG_S("peer", c->is_unix ? SPAN("unix") : ip_text(c->peer, store)),
              LOG_I("in", c->bytes_in), LOG_I("out", c->bytes_out),
              LOG_I("ms", c->server->clock->mono_ms(c->server->clock) - c->opened_ms),
              LOG_Z("reason", c->reason));
    log_scope_clear();
}

void conn_release(struct conn *c)
{
    struct loop *l = c->loop;
    if (c->state != CONN_ENDED || c->handles > 0 || c->on_worker || c->s != NULL)
        return;
    log_close(c);
    if (c->prev != NULL)
        c->prev->next_conn = c->next_conn;
    else
        l->conns = c->next_conn;
    if (c->next_conn != NULL)
        c->next_conn->prev = c->prev;
    if (c->counted_peer)
        peers_leave(c->server->peers, c->peer);
    if (!c->is_unix)
        __atomic_sub_fetch(&c->server->conns, 1, __ATOMIC_RELAXED);
    metric_add(c->listener->o.open_gauge, -1);
    tls_conn_free(c->tls);
    if (c->waker != NULL)
        conn_waker_base(c->waker)->unref(conn_waker_base(c->waker));
    arena_free(c->arena);
    buf_done(&c->in);
    buf_done(&c->ahead);
    buf_done(&c->out);
    buf_done(&c->wire);
    buf_done(&c->flight);
    free(c);
    l->conns_n--;
    if (l->stopping && l->conns_n == 0)
        loop_end(l);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    c->handles--;
    conn_release(c);
}

void conn_abort(struct conn *c, const char *reason)
{
    if (c->state == CONN_ENDED)
        return;
    if (c->reason == NULL)
        c->reason = reason;
    if (c->state == CONN_RUN) { /* the worker has the session: conn_run.c ends it when it is back */
        c->broken = true;
        conn_unwanted(c, ERR_CLOSED);
        conn_read(c, false);
        return;
    }
    conn_read(c, false);
    conn_deadline_off(c);
    conn_move(c, CONN_ENDED);
    uv_close(&c->h.handle, on_closed);
    uv_close((uv_handle_t *)&c->timer, on_closed);
    conn_session_close(c);
}

void conn_end(struct conn *c, const char *reason)
{
    if (c->reason == NULL)
        c->reason = reason;
    c->next = STEP_CLOSE;
    conn_drain(c);
}

void conn_linger(struct conn *c)
{
    uv_os_fd_t fd;
    if (c->reason == NULL)
        c->reason = "session ended";
    if (c->eof || uv_fileno(&c->h.handle, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        conn_abort(c, c->reason);
        return;
    }
    /* Closing now, with input unread, would make the kernel send a reset, and the peer's kernel may
     * then throw away our last answer before the peer reads it. */
    conn_move(c, CONN_LINGER);
    buf_done(&c->in);
    conn_deadline(c, c->loop->stopping ? 1000 : c->server->times.linger_ms);
    conn_read(c, true);
    conn_session_close(c);
}

void conn_shutdown(struct conn *c)
{
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    conn_unwanted(c, ERR_SHUTDOWN);
    switch (c->state) {
    case CONN_NEW:
    case CONN_PROXY:
    case CONN_TLS: conn_abort(c, "shutdown"); break;
    case CONN_IDLE:
    case CONN_WAIT:
        c->told_shutdown = true;
        c->reason = "shutdown";
        conn_wake(c, WAKE_SHUTDOWN);
        break;
    case CONN_LINGER: conn_deadline(c, 1000); break;
    default: break; /* works: conn_drain tells it when it is done */
    }
    log_scope_clear();
}
