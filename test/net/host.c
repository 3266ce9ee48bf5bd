/* SPDX-License-Identifier: Apache-2.0 */
/* The session's step decides what happens next; `settle` goes from step to step until the session
 * is idle, waits or is closed. Everything runs in the caller's thread. */
#include "host.h"
#include "base/err.h"
#include "base/limits.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum {
    HOST_OUTPUT_MAX = 1 << 30,
    HOST_FRAME_COPY = 8192,    /* longer input is framed in place: copying it would be quadratic */
    HOST_MORE_SILENT = 100000, /* STEP_MOREs in a row without output: the session has hung itself */
    HOST_WAIT_DEFAULT_MS = 10000,
};

struct host_waker {
    struct waker waker;
    pthread_mutex_t lock; /* guards the next two */
    int refs;
    bool posted;
    pthread_cond_t changed;
};

struct host {
    struct session *s; /* NULL: closed */
    struct host_options o;
    struct clock *clock;
    struct host_waker *waker;
    struct arena *arena;
    struct buf in, out, output;
    uint64_t random;
    size_t discarded;
    size_t largest; /* output of one step */
    bool waiting;
    bool eof;
    bool aborted;
    bool starttls; /* since the last host_send */
};

/* ---- the waker ---------------------------------------------------------------------------- */

static void waker_post(struct waker *w)
{
    struct host_waker *hw = CONTAINER_OF(w, struct host_waker, waker);
    pthread_mutex_lock(&hw->lock);
    hw->posted = true;
    pthread_cond_signal(&hw->changed);
    pthread_mutex_unlock(&hw->lock);
}

static void waker_ref(struct waker *w)
{
    struct host_waker *hw = CONTAINER_OF(w, struct host_waker, waker);
    pthread_mutex_lock(&hw->lock);
    hw->refs++;
    pthread_mutex_unlock(&hw->lock);
}

static void waker_unref(struct waker *w)
{
    struct host_waker *hw = CONTAINER_OF(w, struct host_waker, waker);
    pthread_mutex_lock(&hw->lock);
    must(hw->refs > 0);
    bool last = --hw->refs == 0;
    pthread_mutex_unlock(&hw->lock);
    if (last) {
        pthread_mutex_destroy(&hw->lock);
        pthread_cond_destroy(&hw->changed);
        free(hw);
    }
}

static struct host_waker *waker_new(void)
{
    struct host_waker *hw = calloc(1, sizeof *hw);
    if (hw == NULL)
        return NULL;
    hw->waker = (struct waker){waker_post, waker_ref, waker_unref};
    hw->refs = 1;
    pthread_mutex_init(&hw->lock, NULL);
    pthread_cond_init(&hw->changed, NULL);
    return hw;
}

/* Was it posted within ms? Takes the post. */
static bool waker_taken(struct host_waker *hw, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    if (ms > 0) {
        until.tv_sec += ms / 1000;
        until.tv_nsec += (ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
    }
    pthread_mutex_lock(&hw->lock);
    while (ms > 0 && !hw->posted)
        if (pthread_cond_timedwait(&hw->changed, &hw->lock, &until) == ETIMEDOUT)
            break;
    bool posted = hw->posted;
    hw->posted = false;
    pthread_mutex_unlock(&hw->lock);
    return posted;
}

/* ---- running the session ------------------------------------------------------------------ */

static void host_close(struct host *h)
{
    struct session *s = h->s;
    h->s = NULL;
    h->waiting = false;
    buf_done(&h->in);
    s->ops->close(s);
}

static bool host_killed(const struct host *h)
{
    return h->o.killed != NULL && *h->o.killed;
}

static void collect(struct host *h)
{
    must(h->out.err == 0); /* more than LIMIT_SESSION_OUT written in one call */
    if (h->out.n > h->largest)
        h->largest = h->out.n;
    if (host_killed(h))
        buf_clear(&h->out);
    buf_put(&h->output, buf_span(&h->out));
    must(h->output.err == 0);
    buf_clear(&h->out);
}

static void get_binding(struct binder *b, struct binding *out)
{
    (void)b;
    *out = (struct binding){.exporter_n = 32};
    for (size_t i = 0; i < out->exporter_n; i++)
        out->exporter[i] = (uint8_t)(i + 1);
}

static void tls_on(struct host *h)
{
    static struct binder binder = {get_binding};
    struct session_tls *t = &h->s->tls;
    memset(t, 0, sizeof *t);
    t->on = true;
    t->version = "TLSv1.3";
    t->cipher = "TLS_AES_256_GCM_SHA384";
    t->sni = "";
    t->bits = 256;
    t->binder = &binder;
}

/* Handles units until one asks for something else, or none is complete. */
static enum step run_units(struct host *h)
{
    struct session *s = h->s;
    while (h->in.n > 0 && !h->aborted && !host_killed(h)) {
        must(s->unit_max > 0);
        struct span seen = span_slice(buf_span(&h->in), 0, s->unit_max);
        char *copy = NULL;
        if (seen.n <= HOST_FRAME_COPY) {
            copy = malloc(seen.n);
            must(copy != NULL);
            memcpy(copy, seen.p, seen.n);
        }
        ssize_t n = s->ops->frame(s, copy != NULL ? span_of(copy, seen.n) : seen);
        free(copy);
        must(n <= (ssize_t)seen.n);
        if (n == 0) {
            must(seen.n < s->unit_max); /* at unit_max it must find an end or refuse */
            return STEP_DONE;
        }
        if (n < 0) {
            h->aborted = true;
            s->frame_err = (int)n;
            return s->ops->wake(s, WAKE_ABORTED);
        }
        char *unit = malloc((size_t)n);
        must(unit != NULL);
        memcpy(unit, h->in.p, (size_t)n);
        buf_consume(&h->in, (size_t)n);
        enum step step = s->ops->handle(s, span_of(unit, (size_t)n));
        free(unit);
        collect(h);
        if (step != STEP_DONE)
            return step;
        arena_reset(h->arena);
    }
    return STEP_DONE;
}

static void settle(struct host *h, enum step step)
{
    int silent = 0;
    for (;;) {
        struct session *s = h->s;
        silent = h->out.n > 0 ? 0 : silent + 1;
        must(silent < HOST_MORE_SILENT);
        collect(h);
        if (host_killed(h)) {
            host_close(h);
            return;
        }
        must(s->timeout_ms > 0);
        switch (step) {
        case STEP_DONE:
            must(!h->aborted); /* after WAKE_ABORTED only a close makes sense */
            arena_reset(h->arena);
            step = run_units(h);
            if (step != STEP_DONE)
                break;
            collect(h);
            if (s->wakeable && !h->eof && !host_killed(h) && waker_taken(h->waker, 0)) {
                step = s->ops->wake(s, WAKE_POSTED);
                break;
            }
            buf_done(&h->out);
            arena_shrink(h->arena);
            if (h->eof || host_killed(h))
                host_close(h);
            return;
        case STEP_MORE: step = s->ops->wake(s, WAKE_MORE); break;
        case STEP_WAIT:
            if (!waker_taken(h->waker, h->o.wait_ms)) {
                h->waiting = true;
                return;
            }
            step = s->ops->wake(s, WAKE_POSTED);
            break;
        case STEP_CLOSE: host_close(h); return;
        case STEP_STARTTLS:
            must(s->tls_possible && !s->tls.on);
            h->discarded += h->in.n;
            buf_clear(&h->in);
            h->starttls = true;
            tls_on(h);
            step = s->ops->wake(s, WAKE_TLS);
            break;
        default: must(!"a step of the contract");
        }
    }
}

static void host_wake(struct host *h, enum wake why)
{
    h->waiting = false;
    settle(h, h->s->ops->wake(h->s, why));
}

/* ---- what tests call ---------------------------------------------------------------------- */

static struct ip ip_or(const char *text, const char *fallback)
{
    struct ip ip;
    must(ip_parse(span_str(text != NULL ? text : fallback), &ip));
    return ip;
}

static int unwanted(const struct session *s)
{
    const struct host *h = s->host;
    return h->eof ? ERR_CLOSED : 0;
}

static void session_fill(struct host *h)
{
    struct session *s = h->s;
    s->host = h;
    s->unwanted = unwanted;
    snprintf(s->id, sizeof s->id, "host000000000001");
    s->peer = ip_or(h->o.peer, "192.0.2.7");
    s->peer_port = 40000;
    s->local = ip_or(h->o.local, "192.0.2.1");
    s->local_port = 25;
    s->tls_possible = h->o.tls_possible;
    s->clock = h->clock;
    s->waker = &h->waker->waker;
    s->arena = h->arena;
    s->out = &h->out;
    if (h->o.tls)
        tls_on(h);
}

struct host *host_new(struct session *s, const struct host_options *options)
{
    struct host *h = s == NULL ? NULL : calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->s = s;
    if (options != NULL)
        h->o = *options;
    if (h->o.wait_ms == 0)
        h->o.wait_ms = HOST_WAIT_DEFAULT_MS;
    h->clock = h->o.clock;
    if (h->clock == NULL)
        h->clock = h->o.fake != NULL ? &h->o.fake->clock : clock_system();
    h->random = h->o.seed * 2 + 1;
    h->waker = waker_new();
    h->arena = arena_new(LIMIT_SESSION_ARENA);
    must(h->waker != NULL && h->arena != NULL);
    buf_init(&h->in, HOST_OUTPUT_MAX);
    buf_init(&h->out, LIMIT_SESSION_OUT);
    buf_init(&h->output, HOST_OUTPUT_MAX);
    session_fill(h);
    settle(h, s->ops->start(s));
    return h;
}

void host_free(struct host *h)
{
    if (h == NULL)
        return;
    if (h->s != NULL)
        host_close(h);
    h->waker->waker.unref(&h->waker->waker);
    arena_free(h->arena);
    buf_done(&h->in);
    buf_done(&h->out);
    buf_done(&h->output);
    free(h);
}

static size_t piece(struct host *h, size_t n)
{
    if (h->o.cut == HOST_BYTES)
        return 1;
    if (h->o.cut == HOST_WHOLE)
        return n;
    /* splitmix64: only its being the same each time matters */
    h->random += 0x9e3779b97f4a7c15u;
    uint64_t z = h->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    size_t want = 1 + (size_t)(z % (z & 0x100000 ? 4096 : 16));
    return want < n ? want : n;
}

void host_send(struct host *h, struct span bytes)
{
    h->starttls = false;
    while (bytes.n > 0 && h->s != NULL && !h->eof) {
        size_t n = piece(h, bytes.n);
        if (!h->aborted)
            buf_put(&h->in, span_slice(bytes, 0, n));
        must(h->in.err == 0);
        bytes = span_from(bytes, n);
        if (!h->waiting)
            settle(h, STEP_DONE);
        if (h->starttls) {
            h->discarded += bytes.n;
            return;
        }
    }
}

void host_sends(struct host *h, const char *cstr)
{
    host_send(h, span_str(cstr));
}

void host_eof(struct host *h)
{
    h->eof = true;
    if (h->s != NULL && !h->waiting)
        settle(h, STEP_DONE);
}

bool host_wait(struct host *h, int64_t real_ms)
{
    if (h->s == NULL || (!h->waiting && !h->s->wakeable))
        return true;
    if (!waker_taken(h->waker, real_ms))
        return false;
    host_wake(h, WAKE_POSTED);
    return !h->waiting;
}

void host_timeout(struct host *h)
{
    if (h->s == NULL)
        return;
    if (h->o.fake != NULL)
        clock_fake_advance(h->o.fake, h->s->timeout_ms);
    host_wake(h, WAKE_TIMEOUT);
}

void host_shutdown(struct host *h)
{
    if (h->s != NULL)
        host_wake(h, WAKE_SHUTDOWN);
}

bool host_closed(const struct host *h)
{
    return h->s == NULL;
}

bool host_waiting(const struct host *h)
{
    return h->waiting;
}

struct session *host_session(struct host *h)
{
    return h->s;
}

size_t host_discarded(const struct host *h)
{
    return h->discarded;
}

struct span host_output(struct host *h)
{
    return buf_span(&h->output);
}

size_t host_largest(const struct host *h)
{
    return h->largest;
}

void host_output_clear(struct host *h)
{
    buf_clear(&h->output);
}

bool host_line(struct host *h, struct span *out)
{
    ssize_t end = span_find(buf_span(&h->output), SPAN("\r\n"));
    if (end < 0)
        return false;
    *out = span_of(h->output.p, (size_t)end);
    /* not buf_consume alone: it may forget the memory's start, never the memory itself */
    buf_consume(&h->output, (size_t)end + 2);
    return true;
}

bool host_take(struct host *h, size_t n, struct span *out)
{
    if (h->output.n < n)
        return false;
    *out = span_of(h->output.p, n);
    buf_consume(&h->output, n);
    return true;
}
