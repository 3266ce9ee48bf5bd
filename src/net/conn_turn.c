/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's turn: from the moment a thread becomes its owner until there is nothing to be done.
 *
 * The thread reads, decrypts, finds the unit, runs the session, encrypts and writes, all without
 * passing it on: on a request and its answer the system is asked three times (wait, read, write) and
 * one thread is woken. Only when as many units as there may be are being worked on is it queued, with
 * its owner's claim, for the next thread that has its hands free.
 *
 * Readiness is edge-triggered, so the socket is registered once and for all; `readable` remembers
 * what an edge said until a read finds less than it asked for. */
#include "base/err.h"
#include "base/log.h"
#include "net/conn.h"

#include <sys/epoll.h>

enum {
    TURN_LONG = 16, /* jobs or reads in one turn after which others are looked after */
};

struct turn {
    struct workers *pool;
    bool entered;  /* may do what can block */
    unsigned done; /* jobs and reads */
};

/* ---- claims ------------------------------------------------------------------------------- */

bool conn_claim(struct conn *c, unsigned events)
{
    return (__atomic_fetch_or(&c->claim, events | CLAIMED, __ATOMIC_ACQ_REL) & CLAIMED) == 0;
}

/* false: something was noted meanwhile. */
static bool let_go(struct conn *c)
{
    unsigned nothing = CLAIMED;
    return __atomic_compare_exchange_n(&c->claim, &nothing, 0, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static unsigned take_events(struct conn *c)
{
    if (__atomic_load_n(&c->claim, __ATOMIC_RELAXED) == CLAIMED)
        return 0;
    return __atomic_fetch_and(&c->claim, ~(unsigned)EVENT_ALL, __ATOMIC_ACQ_REL) & EVENT_ALL;
}

/* ---- what has happened -------------------------------------------------------------------- */

static void look_at(struct conn *c, unsigned events)
{
    if ((events & (EVENT_READABLE | EVENT_HALF | EVENT_GONE)) != 0)
        c->readable = true;
    c->half |= (events & (EVENT_HALF | EVENT_GONE)) != 0;
    c->gone |= (events & EVENT_GONE) != 0;
    c->posted |= (events & EVENT_POST) != 0;
    if ((events & EVENT_WRITABLE) != 0 && c->wire.n > 0 && c->state != CONN_DRAIN)
        (void)conn_flush(c, false);
    if ((events & EVENT_YIELD) != 0)
        guests_yield(c);
    if ((events & EVENT_KILL) != 0)
        conn_abort(c, "shutdown");
    if ((events & EVENT_STOP) != 0)
        conn_shutdown(c);
    if ((events & EVENT_TIME) != 0)
        conn_time(c);
}

/* ---- what comes next ---------------------------------------------------------------------- */

static void requeue(struct conn *c)
{
    conn_input_keep(c);
    workers_requeue(c->server->workers, &c->work, c->first);
}

/* May the session be run now? Else it is queued. */
static bool may_run(struct conn *c, struct turn *t)
{
    bool ok = t->entered ? t->done == 0 || !workers_pressed(t->pool, t->done >= TURN_LONG)
                         : workers_enter(t->pool);
    if (ok)
        t->entered = true;
    else
        requeue(c);
    return ok;
}

static bool may_read(struct conn *c, struct turn *t)
{
    if (t->done < TURN_LONG || !workers_pressed(t->pool, true))
        return true;
    requeue(c);
    return false;
}

enum next {
    GO_ON,
    REST,   /* nothing to do until something happens */
    QUEUED, /* no longer ours */
    FREED,
};

static enum next next_read(struct conn *c, struct turn *t)
{
    if (!c->readable)
        return REST;
    if (!may_read(c, t))
        return QUEUED;
    t->done++;
    conn_receive(c);
    return GO_ON;
}

static enum next next_job(struct conn *c, struct turn *t)
{
    if (!may_run(c, t))
        return QUEUED;
    t->done++;
    conn_job_run(c);
    return GO_ON;
}

static enum next next_step(struct conn *c, struct turn *t)
{
    if (c->job != JOB_NONE)
        return next_job(c, t);
    switch (c->state) {
    case CONN_PROXY:
    case CONN_TLS:
    case CONN_LINGER: return next_read(c, t);
    case CONN_IDLE: return conn_dispatch(c) ? GO_ON : next_read(c, t);
    case CONN_DRAIN: return conn_drain(c) ? GO_ON : REST;
    case CONN_WAIT: return conn_wait_over(c) ? GO_ON : REST;
    case CONN_ENDED: conn_free(c); return FREED;
    default: must(!"a state without a next step");
    }
    return REST;
}

/* The caller owns it. */
static void take_turn(struct conn *c, struct turn *t)
{
    enum next next = GO_ON;
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    while (next == GO_ON) {
        unsigned events = take_events(c);
        if (events != 0)
            look_at(c, events);
        next = next_step(c, t);
        if (next != REST)
            continue;
        conn_input_keep(c);
        if (c->state == CONN_ENDED || !let_go(c)) /* it may have ended for want of memory */
            next = GO_ON;
    }
    log_scope_clear();
}

static void on_queue(struct work *work)
{
    struct conn *c = CONTAINER_OF(work, struct conn, work);
    struct turn t = {.pool = c->server->workers, .entered = true};
    take_turn(c, &t);
}

void conn_ready(void *server, uint64_t tag, uint32_t events)
{
    struct server *s = server;
    unsigned noted = ((events & EPOLLIN) != 0 ? EVENT_READABLE : 0) |
                     ((events & EPOLLOUT) != 0 ? EVENT_WRITABLE : 0) |
                     ((events & EPOLLRDHUP) != 0 ? EVENT_HALF : 0) |
                     ((events & (EPOLLHUP | EPOLLERR)) != 0 ? EVENT_GONE : 0);
    struct conn *c = conns_claim(&s->table, tag, noted);
    if (c == NULL)
        return;
    struct turn t = {.pool = s->workers};
    take_turn(c, &t);
    if (t.entered)
        workers_leave(t.pool);
}

void conn_tell(struct conn *c, unsigned events)
{
    if (conn_claim(c, events))
        workers_add(c->server->workers, &c->work, c->first);
}

void conn_launch(struct conn *c)
{
    c->work.run = on_queue;
    log_scope_set(span_str(c->sid), SPAN_EMPTY);
    conn_begin(c);
    if (c->state != CONN_ENDED &&
        workers_watch(c->server->workers, c->fd, c->tag, EPOLLIN | EPOLLRDHUP) != 0)
        conn_abort(c, "socket error");
    log_scope_clear();
    if (c->job != JOB_NONE || c->state == CONN_ENDED || !let_go(c))
        workers_add(c->server->workers, &c->work, false);
}
