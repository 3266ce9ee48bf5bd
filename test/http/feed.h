/* SPDX-License-Identifier: Apache-2.0 */
/* A host of one HTTP session for tests: bytes in, all it answers out, in `step` bytes at a time. It
 * keeps the contract of net/session.h to the letter and checks what the session may not do. */
#ifndef TEST_HTTP_FEED_H
#define TEST_HTTP_FEED_H

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "http/request.h"

struct feed {
    struct session *session;
    struct buf in, out, all;
    struct arena *arena;
    struct clock_fake clock;
    bool closed, waiting;
};

static int feed_wanted(const struct session *s)
{
    (void)s;
    return 0;
}

static void feed_open(struct feed *f, struct session *session)
{
    *f = (struct feed){.session = session};
    must(session != NULL);
    buf_init(&f->in, SIZE_MAX / 2);
    buf_init(&f->out, LIMIT_SESSION_OUT);
    buf_init(&f->all, SIZE_MAX / 2);
    clock_fake_init(&f->clock, 1793700000000);
    f->arena = arena_new(LIMIT_SESSION_ARENA);
    must(f->arena != NULL);
    session->clock = &f->clock.clock;
    session->unwanted = feed_wanted;
    session->arena = f->arena;
    session->out = &f->out;
    must(session->ops->start(session) == STEP_DONE);
}

static void feed_step(struct feed *f, enum step step)
{
    f->waiting = false;
    for (;;) {
        must(f->out.err == 0);
        buf_put(&f->all, buf_span(&f->out));
        buf_clear(&f->out);
        if (step == STEP_DONE)
            arena_reset(f->arena);
        if (step == STEP_CLOSE)
            f->closed = true;
        if (step == STEP_WAIT)
            f->waiting = true;
        if (step != STEP_MORE)
            return;
        step = f->session->ops->wake(f->session, WAKE_MORE);
    }
}

static inline void feed_wake(struct feed *f, enum wake why)
{
    feed_step(f, f->session->ops->wake(f->session, why));
}

static void feed_run(struct feed *f)
{
    while (!f->closed && !f->waiting && f->in.n > 0) {
        size_t max = f->session->unit_max;
        struct span in = span_slice(buf_span(&f->in), 0, max);
        ssize_t n = f->session->ops->frame(f->session, in);
        must(n <= (ssize_t)in.n);
        if (n == 0) {
            must(in.n < max);
            return;
        }
        if (n < 0) {
            f->session->frame_err = (int)n;
            feed_wake(f, WAKE_ABORTED);
            return;
        }
        /* a copy of its own, so that a sanitizer sees any look beyond it or after it */
        char *unit = malloc((size_t)n);
        must(unit != NULL);
        memcpy(unit, in.p, (size_t)n);
        enum step step = f->session->ops->handle(f->session, span_of(unit, (size_t)n));
        free(unit);
        buf_consume(&f->in, (size_t)n);
        feed_step(f, step);
    }
}

static inline void feed_bytes(struct feed *f, struct span bytes, size_t step)
{
    while (bytes.n > 0 && !f->closed) {
        struct span part = span_slice(bytes, 0, step);
        buf_put(&f->in, part);
        bytes = span_from(bytes, part.n);
        feed_run(f);
    }
}

static void feed_close(struct feed *f)
{
    f->session->ops->close(f->session);
    buf_done(&f->in);
    buf_done(&f->out);
    buf_done(&f->all);
    arena_free(f->arena);
}

#endif
