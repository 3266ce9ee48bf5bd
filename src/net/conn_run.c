/* SPDX-License-Identifier: Apache-2.0 */
/* Running the session: on the loop's side what is to be done next, on the worker's side doing it.
 */
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/conn.h"

/* What frame says about the input there is, with the contract's rule at unit_max enforced. */
static ssize_t frame(struct conn *c)
{
    struct session *s = c->s;
    struct span seen = span_slice(buf_span(&c->in), 0, s->unit_max);
    ssize_t n = s->ops->frame(s, seen);
    if ((n == 0 && seen.n == s->unit_max) || n > (ssize_t)seen.n) {
        /* our bug, but one that costs this session only */
        log_event(LOG_ERROR, "conn.contract", LOG_Z("protocol", s->ops->protocol),
                  LOG_I("framed", n));
        return ERR_TOO_BIG;
    }
    return n;
}

/* ---- on the worker ------------------------------------------------------------------------ */

static enum step refuse(struct conn *c, ssize_t err)
{
    c->refused = true;
    c->s->frame_err = (int)err;
    return c->s->ops->wake(c->s, WAKE_ABORTED);
}

/* Units until one wants something else, input has run out, or there are enough answers to send. */
static enum step run_units(struct conn *c, size_t first)
{
    struct session *s = c->s;
    ssize_t n = (ssize_t)first;
    for (;;) {
        if (n == 0) {
            if (c->in.n == 0 || c->out.n >= SERVER_BATCH)
                return STEP_DONE;
            n = frame(c);
        }
        if (n == 0)
            return STEP_DONE;
        if (n < 0)
            return refuse(c, n);
        enum step step = s->ops->handle(s, span_slice(buf_span(&c->in), 0, (size_t)n));
        buf_consume(&c->in, (size_t)n);
        if (step != STEP_DONE)
            return step;
        arena_reset(c->arena);
        n = 0;
    }
}

static enum step run_job(struct conn *c)
{
    struct session *s = c->s;
    enum step step;
    switch (c->job) {
    case JOB_INPUT: return run_units(c, c->unit_n);
    case JOB_START: step = s->ops->start(s); break;
    case JOB_WAKE: step = s->ops->wake(s, c->why); break;
    default: s->ops->close(s); return STEP_CLOSE;
    }
    if (step != STEP_DONE || c->refused)
        return step;
    arena_reset(c->arena);
    return run_units(c, 0);
}

static void on_worker(struct work *work)
{
    struct conn *c = CONTAINER_OF(work, struct conn, work);
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    c->step = run_job(c);
    /* posted before it waited: no need to go through the loop */
    while (c->step == STEP_WAIT && c->job != JOB_CLOSE && c->out.n == 0 &&
           conn_waker_take(c->waker)) {
        c->why = WAKE_POSTED;
        c->job = JOB_WAKE;
        c->step = run_job(c);
    }
    log_scope_clear();
    loop_post(c->loop, &c->back);
}

/* ---- on the loop: there and back ---------------------------------------------------------- */

static void on_back(struct loop_item *item);

static void hand_over(struct conn *c, enum conn_job job)
{
    c->job = job;
    c->on_worker = true;
    c->work.run = on_worker;
    c->back.fn = on_back;
    workers_add(c->server->workers, &c->work, c->s->authenticated);
}

static void run(struct conn *c, enum conn_job job)
{
    conn_deadline_off(c);
    conn_move(c, CONN_RUN);
    hand_over(c, job);
    conn_throttle(c);
}

void conn_wake(struct conn *c, enum wake why)
{
    c->why = why;
    run(c, JOB_WAKE);
}

void conn_session_close(struct conn *c)
{
    if (c->waker != NULL)
        conn_waker_detach(c->waker);
    if (c->s != NULL && !c->on_worker)
        hand_over(c, JOB_CLOSE);
}

void conn_unwanted(struct conn *c, int err)
{
    /* from LINGER on the session may be freed by a worker at any moment */
    if (c->s != NULL && c->state != CONN_LINGER && c->state != CONN_ENDED)
        __atomic_store_n(&c->s->unwanted, err, __ATOMIC_RELAXED);
}

/* What arrived meanwhile joins what is left. */
static void merge_ahead(struct conn *c)
{
    c->aborted = c->refused;
    if (c->aborted || c->step == STEP_CLOSE) {
        buf_done(&c->in);
        buf_done(&c->ahead);
    } else if (c->in.n == 0 && c->ahead.n > 0) {
        struct buf swap = c->in;
        c->in = c->ahead;
        c->ahead = swap;
    } else if (c->ahead.n > 0) {
        buf_put(&c->in, buf_span(&c->ahead));
        buf_done(&c->ahead);
    }
}

static void on_back(struct loop_item *item)
{
    struct conn *c = CONTAINER_OF(item, struct conn, back);
    c->on_worker = false;
    if (c->job == JOB_CLOSE) {
        c->s = NULL;
        conn_release(c);
        return;
    }
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    merge_ahead(c);
    if (c->out.err != 0) { /* more than LIMIT_SESSION_OUT in one call, or no memory */
        log_event(LOG_ERROR, "conn.output", LOG_ERR(c->out.err));
        c->broken = true;
        c->reason = "output too large";
    }
    if (c->in.err != 0) {
        c->broken = true;
        c->reason = "out of memory";
    }
    c->next = c->step;
    conn_move(c, CONN_DRAIN); /* the session is ours again */
    if (c->broken)
        conn_abort(c, "reset by peer");
    else
        conn_drain(c);
    log_scope_clear();
}

/* ---- what comes next ---------------------------------------------------------------------- */

static void session_fill(struct conn *c)
{
    struct session *s = c->s;
    memcpy(s->id, c->sid, sizeof s->id);
    s->peer = c->peer;
    s->peer_port = c->peer_port;
    s->local = c->local;
    s->local_port = c->local_port;
    s->clock = c->server->clock;
    s->waker = conn_waker_base(c->waker);
    s->arena = c->arena;
    s->out = &c->out;
    s->unwanted = c->eof ? ERR_CLOSED : 0;
    if (c->tls != NULL) {
        tls_conn_describe(c->tls, &s->tls);
        return;
    }
    struct tls_context *t = c->listener->o.tls_possible ? server_tls_ref(c->server) : NULL;
    s->tls_possible = t != NULL; /* never offered what cannot be done */
    tls_context_unref(t);
}

void conn_session_start(struct conn *c)
{
    c->waker = conn_waker_new(c->loop, c);
    c->arena = arena_new(LIMIT_SESSION_ARENA);
    c->s = c->waker == NULL || c->arena == NULL ? NULL : c->listener->o.make(c->listener->o.arg);
    if (c->s == NULL) {
        conn_abort(c, "out of memory");
        return;
    }
    session_fill(c);
    run(c, JOB_START);
}

void conn_dispatch(struct conn *c)
{
    ssize_t n = c->in.n > 0 ? frame(c) : 0;
    if (n > 0) {
        c->unit_n = (size_t)n;
        run(c, JOB_INPUT);
    } else if (n < 0) {
        c->aborted = c->refused = true;
        c->s->frame_err = (int)n;
        conn_wake(c, WAKE_ABORTED);
    } else if (c->eof) {
        conn_end(c, "peer closed");
    } else if (c->in.n == 0) {
        buf_done(&c->in);
        buf_done(&c->ahead);
    }
}

static void become_idle(struct conn *c)
{
    conn_move(c, CONN_IDLE);
    c->reason = NULL;
    c->pace_since = 0;
    if (c->in.n == 0) {
        arena_shrink(c->arena);
        buf_done(&c->out);
    }
    conn_deadline(c, c->s->timeout_ms);
    if (c->loop->stopping && !c->told_shutdown)
        conn_shutdown(c);
    else
        conn_dispatch(c);
    conn_throttle(c);
}

static void become_waiting(struct conn *c)
{
    int64_t ms = c->s->timeout_ms, most = c->server->times.eof_wait_ms;
    conn_move(c, CONN_WAIT);
    c->reason = NULL;
    c->pace_since = 0;
    conn_deadline(c, c->eof && ms > most ? most : ms);
    if (c->loop->stopping && !c->told_shutdown)
        conn_shutdown(c);
    else if (conn_waker_take(c->waker))
        conn_wake(c, WAKE_POSTED);
    conn_throttle(c);
}

static void become_tls(struct conn *c)
{
    if (c->tls != NULL || !c->s->tls_possible) {
        log_event(LOG_ERROR, "conn.contract", LOG_Z("protocol", c->s->ops->protocol));
        conn_abort(c, "STARTTLS where it cannot be");
        return;
    }
    /* RFC 3207 §4.2: whatever came before the handshake was not protected */
    if (c->in.n > 0)
        log_event(LOG_WARN, "tls.injected", LOG_I("bytes", c->in.n));
    buf_done(&c->in);
    conn_tls_begin(c);
}

static void close_or_notify(struct conn *c)
{
    if (c->tls != NULL && !c->notified) {
        c->notified = true;
        tls_conn_shutdown(c->tls);
        conn_drain(c);
    } else {
        conn_linger(c);
    }
}

static void go_on(struct conn *c)
{
    switch (c->aborted && c->next == STEP_DONE ? STEP_CLOSE : c->next) {
    case STEP_DONE: become_idle(c); break;
    case STEP_MORE: conn_wake(c, WAKE_MORE); break;
    case STEP_WAIT: become_waiting(c); break;
    case STEP_STARTTLS: become_tls(c); break;
    case STEP_CLOSE: close_or_notify(c); break;
    }
}

void conn_drain(struct conn *c)
{
    if (c->state != CONN_DRAIN) {
        conn_move(c, CONN_DRAIN);
        conn_deadline_off(c);
    }
    if (conn_flush(c, true)) {
        go_on(c);
    } else if (c->state == CONN_DRAIN && c->deadline == 0) {
        conn_pace(c);
        conn_throttle(c);
    }
}

void conn_posted(struct conn *c)
{
    if (c->state == CONN_WAIT && conn_waker_take(c->waker)) {
        log_scope_set(span_str(c->sid), SPAN_EMPTY);
        conn_wake(c, WAKE_POSTED);
        log_scope_clear();
    }
}
