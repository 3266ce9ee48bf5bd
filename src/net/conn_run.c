/* SPDX-License-Identifier: Apache-2.0 */
/* Running the session: the jobs, and what its steps mean. */
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/conn.h"

/* ---- calling it --------------------------------------------------------------------------- */

/* What frame says about the input there is, with the contract's rule at unit_max enforced. */
static ssize_t frame(struct conn *c)
{
    struct session *s = c->s;
    struct span seen = span_slice(c->left, 0, s->unit_max);
    ssize_t n = s->ops->frame(s, seen);
    if ((n == 0 && seen.n == s->unit_max) || n > (ssize_t)seen.n) {
        /* our bug, but one that costs this session only */
        log_event(LOG_ERROR, "conn.contract", LOG_Z("protocol", s->ops->protocol),
                  LOG_I("framed", n));
        return ERR_TOO_BIG;
    }
    return n;
}

static enum step refuse(struct conn *c, ssize_t err)
{
    c->aborted = true;
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
            if (c->left.n == 0 || c->out.n >= SERVER_BATCH)
                return STEP_DONE;
            n = frame(c);
        }
        c->fresh = false;
        if (n == 0)
            return STEP_DONE;
        if (n < 0)
            return refuse(c, n);
        enum step step = s->ops->handle(s, span_slice(c->left, 0, (size_t)n));
        conn_input_take(c, (size_t)n);
        c->fresh = c->left.n > 0;
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
    default: step = s->ops->wake(s, c->why); break;
    }
    if (step != STEP_DONE || c->aborted)
        return step;
    arena_reset(c->arena);
    return run_units(c, 0);
}

static void close_session(struct conn *c)
{
    struct session *s = c->s;
    c->job = JOB_NONE;
    c->s = NULL;
    s->ops->close(s);
}

void conn_job_run(struct conn *c)
{
    if (c->job == JOB_CLOSE) {
        close_session(c);
        log_scope_set(span_str(c->sid), SPAN_EMPTY);
        return;
    }
    c->next = run_job(c);
    c->job = JOB_NONE;
    c->first = c->s->authenticated;
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    conn_move(c, CONN_DRAIN);
    if (c->aborted || c->next == STEP_CLOSE)
        conn_input_drop(c);
    if (c->out.err != 0) { /* more than LIMIT_SESSION_OUT in one call, or no memory */
        log_event(LOG_ERROR, "conn.output", LOG_ERR(c->out.err));
        conn_abort(c, "output too large");
    }
}

/* ---- having it called --------------------------------------------------------------------- */

static void run(struct conn *c, enum conn_job job)
{
    conn_deadline_off(c);
    conn_move(c, CONN_RUN);
    c->job = job;
}

void conn_wake(struct conn *c, enum wake why)
{
    c->why = why;
    run(c, JOB_WAKE);
}

/* What claim says is seen by whoever asks, what was taken from it by the owner: that is who runs the
 * session, and those whom it lets ask for it. */
static int unwanted(const struct session *s)
{
    const struct conn *c = s->host;
    unsigned noted = __atomic_load_n(&c->claim, __ATOMIC_RELAXED);
    if (server_stopping(c->server))
        return ERR_SHUTDOWN;
    return c->half || (noted & (EVENT_HALF | EVENT_GONE)) != 0 ? ERR_CLOSED : 0;
}

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
    s->host = c;
    s->unwanted = unwanted;
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
    c->waker = conn_waker_new(c);
    c->arena = arena_new(LIMIT_SESSION_ARENA);
    c->s = c->waker == NULL || c->arena == NULL ? NULL : c->listener->o.make(c->listener->o.arg);
    if (c->s == NULL) {
        conn_abort(c, "out of memory");
        return;
    }
    session_fill(c);
    run(c, JOB_START);
}

/* ---- waiting for the peer or for a post --------------------------------------------------- */

bool conn_dispatch(struct conn *c)
{
    ssize_t n = c->fresh ? frame(c) : 0;
    c->fresh = false;
    if (n > 0) {
        c->unit_n = (size_t)n;
        run(c, JOB_INPUT);
    } else if (n < 0) {
        c->aborted = true;
        c->s->frame_err = (int)n;
        conn_wake(c, WAKE_ABORTED);
    } else if (c->eof) {
        conn_end(c, "peer closed");
    } else if (c->posted && c->s->wakeable) {
        c->posted = false;
        conn_wake(c, WAKE_POSTED);
    }
    return c->state != CONN_IDLE;
}

bool conn_wait_over(struct conn *c)
{
    if (c->gone) {
        conn_abort(c, "reset by peer");
    } else if (c->posted) {
        c->posted = false;
        conn_wake(c, WAKE_POSTED);
    } else if (c->half && !c->eof_wait) {
        /* what it waits for may still be answered (printf … | nc), but not for hours */
        int64_t ms = c->s->timeout_ms, most = c->server->times.eof_wait_ms;
        c->eof_wait = true;
        conn_deadline(c, ms < most ? ms : most);
    }
    return c->state != CONN_WAIT;
}

/* ---- what a step means once all is sent --------------------------------------------------- */

void conn_idle(struct conn *c)
{
    conn_move(c, CONN_IDLE);
    c->reason = NULL;
    c->pace_since = 0;
    if (c->left.n == 0) {
        arena_shrink(c->arena);
        buf_done(&c->out);
        if (c->wire.n == 0) /* tickets wait for the first answer */
            buf_done(&c->wire);
    }
    conn_deadline(c, c->s->timeout_ms);
    if (server_stopping(c->server) && !c->told_shutdown)
        conn_shutdown(c);
}

static void become_waiting(struct conn *c)
{
    conn_move(c, CONN_WAIT);
    c->reason = NULL;
    c->eof_wait = false;
    c->pace_since = 0;
    conn_deadline(c, c->s->timeout_ms);
    if (server_stopping(c->server) && !c->told_shutdown)
        conn_shutdown(c);
}

static void become_tls(struct conn *c)
{
    if (c->tls != NULL || !c->s->tls_possible) {
        log_event(LOG_ERROR, "conn.contract", LOG_Z("protocol", c->s->ops->protocol));
        conn_abort(c, "STARTTLS where it cannot be");
        return;
    }
    conn_tls_begin(c);
}

static void go_on(struct conn *c)
{
    switch (c->aborted && c->next == STEP_DONE ? STEP_CLOSE : c->next) {
    case STEP_DONE: c->early ? conn_tls_go_on(c) : conn_idle(c); break;
    case STEP_MORE: conn_wake(c, WAKE_MORE); break;
    case STEP_WAIT: become_waiting(c); break;
    case STEP_STARTTLS: become_tls(c); break;
    case STEP_CLOSE: conn_linger(c); break;
    }
}

bool conn_drain(struct conn *c)
{
    /* RFC 3207 §4.2: whatever has come before the handshake was not protected. It goes before the
     * peer is told to begin, so that none of its handshake goes with it. */
    if (c->next == STEP_STARTTLS && c->out.n > 0)
        conn_discard_arrived(c);
    if (conn_flush(c, true)) {
        conn_deadline_off(c);
        go_on(c);
        return true;
    }
    if (c->state == CONN_DRAIN && c->deadline == 0)
        conn_pace(c);
    return c->state != CONN_DRAIN;
}
