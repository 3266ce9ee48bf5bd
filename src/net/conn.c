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
    [CONN_TLS] = M(RUN) | M(IDLE) | M(ENDED),
    [CONN_IDLE] = M(RUN) | M(DRAIN) | M(ENDED),
    [CONN_RUN] = M(DRAIN) | M(ENDED),
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
    guests_moved(c);
}

/* ---- time --------------------------------------------------------------------------------- */

int64_t conn_now(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

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

static void timer_set(struct conn *c, int64_t due)
{
    struct server *s = c->server;
    c->timer_due = due;
    if (timers_set(&s->timers, &c->timer, due))
        server_timers_moved(s);
}

/* Deadlines move with every unit, nearly always to later: then the timer stays where it is, and when
 * it fires this looks whether it was moved. */
void conn_time(struct conn *c)
{
    int64_t now = conn_now();
    c->timer_due = 0;
    if (c->deadline == 0)
        return;
    if (now < c->deadline) {
        timer_set(c, c->deadline);
        return;
    }
    c->deadline = 0;
    expired(c);
}

void conn_deadline(struct conn *c, int64_t ms)
{
    c->deadline = conn_now() + (ms > 0 ? ms : 1);
    if (c->timer_due == 0 || c->timer_due > c->deadline)
        timer_set(c, c->deadline);
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
    struct server *s = l->server;
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL || timers_join(&s->timers) != 0) {
        free(c);
        close(fd);
        return NULL;
    }
    c->claim = CLAIMED;
    c->server = s;
    c->listener = l;
    c->fd = fd;
    c->peer = peer;
    c->peer_port = port;
    c->is_unix = l->is_unix;
    counted_buf(c, &c->in, CONN_IN_MAX);
    counted_buf(c, &c->out, LIMIT_SESSION_OUT + SERVER_BATCH);
    counted_buf(c, &c->wire, CONN_IN_MAX);
    if (conns_add(&s->table, c, &c->tag) != 0) {
        timers_leave(&s->timers, &c->timer);
        free(c);
        close(fd);
        return NULL;
    }
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

void conn_begin(struct conn *c)
{
    struct server *s = c->server;
    c->opened_ms = s->clock->mono_ms(s->clock);
    server_sid(s, c->sid, sizeof c->sid);
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    metric_add(METRIC_CONN_ACCEPTED, 1);
    metric_add(c->listener->o.open_gauge, 1);
    local_address(c);
    if (server_stopping(s)) {
        conn_abort(c, "shutdown");
    } else if (c->behind_proxy) {
        conn_move(c, CONN_PROXY);
        conn_deadline(c, s->times.proxy_ms);
    } else {
        conn_admit(c);
    }
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

void conn_free(struct conn *c)
{
    struct server *s = c->server;
    must(c->state == CONN_ENDED && c->s == NULL);
    log_close(c);
    if (c->waker != NULL) {
        conn_waker_detach(c->waker);
        conn_waker_base(c->waker)->unref(conn_waker_base(c->waker));
    }
    timers_leave(&s->timers, &c->timer);
    if (c->counted_peer)
        peers_leave(s->peers, c->peer);
    if (!c->is_unix)
        __atomic_sub_fetch(&s->conns, 1, __ATOMIC_RELAXED);
    metric_add(c->listener->o.open_gauge, -1);
    tls_conn_free(c->tls);
    arena_free(c->arena);
    buf_done(&c->in);
    buf_done(&c->out);
    buf_done(&c->wire);
    uint64_t tag = c->tag;
    size_t left = conns_remove(&s->table, tag);
    free(c);
    if (left == 0)
        server_conns_gone(s);
}

void conn_abort(struct conn *c, const char *reason)
{
    if (c->state == CONN_ENDED)
        return;
    if (c->reason == NULL)
        c->reason = reason;
    conn_deadline_off(c);
    conn_move(c, CONN_ENDED);
    close(c->fd); /* which ends watching it */
    c->fd = -1;
    c->job = c->s != NULL ? JOB_CLOSE : JOB_NONE;
}

void conn_end(struct conn *c, const char *reason)
{
    if (c->reason == NULL)
        c->reason = reason;
    conn_deadline_off(c);
    c->next = STEP_CLOSE;
    conn_move(c, CONN_DRAIN);
}

void conn_linger(struct conn *c)
{
    if (c->reason == NULL)
        c->reason = "session ended";
    if (c->eof || shutdown(c->fd, SHUT_WR) != 0) {
        conn_abort(c, c->reason);
        return;
    }
    /* Closing now, with input unread, would make the kernel send a reset, and the peer's kernel may
     * then throw away our last answer before the peer reads it. */
    conn_move(c, CONN_LINGER);
    conn_input_drop(c);
    conn_deadline(c, server_stopping(c->server) ? 1000 : c->server->times.linger_ms);
    c->job = c->s != NULL ? JOB_CLOSE : JOB_NONE;
}

void conn_shutdown(struct conn *c)
{
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
    default: break; /* works: it is told when it is done */
    }
}
