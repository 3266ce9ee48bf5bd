/* SPDX-License-Identifier: Apache-2.0 */
#include "echo.h"
#include "base/err.h"
#include "base/limits.h"

#include <time.h>

struct echo {
    struct session s;
    struct echo_server *server;
    uint64_t big; /* bytes of BIG still to come */
};

enum { ECHO_LINE = 1000, ECHO_DATA = 300000, ECHO_CHUNK = 64 * 1024 };

static struct echo *echo_of(struct session *s)
{
    return CONTAINER_OF(s, struct echo, s);
}

static enum step echo_start(struct session *s)
{
    buf_puts(s->out, "HELLO\r\n");
    return STEP_DONE;
}

static ssize_t echo_frame(struct session *s, struct span in)
{
    ssize_t end = span_find(in, SPAN("\r\n"));
    if (end < 0)
        return in.n > ECHO_LINE ? ERR_TOO_BIG : 0;
    struct span line = span_slice(in, 0, (size_t)end);
    uint64_t n;
    if (span_skip(&line, SPAN("DATA "))) {
        if (!span_to_u64(line, &n) || n > ECHO_DATA)
            return ERR_TOO_BIG;
        size_t whole = (size_t)end + 2 + (size_t)n;
        return in.n >= whole ? (ssize_t)whole : 0;
    }
    (void)s;
    return end > ECHO_LINE ? ERR_TOO_BIG : end + 2;
}

static enum step echo_more(struct echo *e)
{
    static const char xs[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
    for (size_t n = 0; n < ECHO_CHUNK && e->big > 0; n += sizeof xs - 1) {
        size_t part = e->big < sizeof xs - 1 ? (size_t)e->big : sizeof xs - 1;
        buf_put(e->s.out, span_of(xs, part));
        e->big -= part;
    }
    return e->big > 0 ? STEP_MORE : STEP_DONE;
}

/* Works until it is told that nobody waits, or for ten seconds. */
static enum step echo_long(struct echo *e)
{
    struct timespec t = {.tv_nsec = 1000000};
    __atomic_add_fetch(&e->server->working, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 10000 && session_unwanted(&e->s) == 0; i++)
        nanosleep(&t, NULL);
    __atomic_store_n(&e->server->unwanted, session_unwanted(&e->s), __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&e->server->working, 1, __ATOMIC_SEQ_CST);
    return STEP_DONE;
}

static uint64_t number(struct span s)
{
    uint64_t n;
    return span_to_u64(s, &n) ? n : 0;
}

static void tell_tls(struct session *s)
{
    if (s->tls.on)
        buf_printf(s->out, "%s %s\r\n", s->tls.version, s->tls.sni);
    else
        buf_puts(s->out, "plain\r\n");
}

static enum step echo_handle(struct session *s, struct span unit)
{
    struct echo *e = echo_of(s);
    struct span line = span_split(&unit, '\r');
    if (span_skip(&line, SPAN("ECHO "))) {
        struct span copy = arena_dup(s->arena, line);
        buf_printf(s->out, "%.*s\r\n", SPAN_ARG(copy));
    } else if (span_eq(line, SPAN("STARTTLS")) && s->tls_possible && !s->tls.on) {
        buf_puts(s->out, "GO\r\n");
        return STEP_STARTTLS;
    } else if (span_eq(line, SPAN("TLS"))) {
        tell_tls(s);
    } else if (span_eq(line, SPAN("PEER"))) {
        char store[46];
        struct span ip = ip_text(s->peer, store);
        buf_printf(s->out, "%.*s %u\r\n", SPAN_ARG(ip), s->peer_port);
    } else if (span_eq(line, SPAN("AUTH"))) {
        s->authenticated = true;
        buf_puts(s->out, "OK\r\n");
    } else if (span_skip(&line, SPAN("BIG "))) {
        e->big = number(line);
        return echo_more(e);
    } else if (span_skip(&line, SPAN("LAST "))) {
        for (uint64_t n = number(line); n > 0 && s->out->n < LIMIT_SESSION_OUT; n--)
            buf_putc(s->out, 'x');
        return STEP_CLOSE;
    } else if (span_skip(&line, SPAN("DATA "))) {
        buf_printf(s->out, "GOT %zu\r\n", unit.n - 1);
    } else if (span_skip(&line, SPAN("SLEEP "))) {
        struct timespec t = {.tv_nsec = (long)(number(line) % 1000) * 1000000};
        nanosleep(&t, NULL);
        buf_puts(s->out, "SLEPT\r\n");
    } else if (span_eq(line, SPAN("LONG"))) {
        return echo_long(e);
    } else if (span_skip(&line, SPAN("TIMEOUT "))) {
        s->timeout_ms = (int64_t)number(line) + 1;
        buf_puts(s->out, "OK\r\n");
    } else if (span_eq(line, SPAN("WAIT"))) {
        buf_puts(s->out, "WAITING\r\n");
        if (e->server->waiting != NULL)
            e->server->waiting(e->server->arg, s->waker);
        return STEP_WAIT;
    } else if (span_eq(line, SPAN("LISTEN"))) {
        buf_puts(s->out, "LISTENING\r\n");
        s->wakeable = true;
        if (e->server->waiting != NULL)
            e->server->waiting(e->server->arg, s->waker);
    } else if (span_eq(line, SPAN("QUIT"))) {
        buf_puts(s->out, "BYE\r\n");
        return STEP_CLOSE;
    } else {
        buf_puts(s->out, "WHAT\r\n");
    }
    return STEP_DONE;
}

static enum step echo_wake(struct session *s, enum wake why)
{
    switch (why) {
    case WAKE_MORE: return echo_more(echo_of(s));
    case WAKE_POSTED: buf_puts(s->out, "WOKEN\r\n"); return STEP_DONE;
    case WAKE_TIMEOUT: buf_puts(s->out, "TIRED\r\n"); return STEP_CLOSE;
    case WAKE_SHUTDOWN: buf_puts(s->out, "DOWN\r\n"); return STEP_CLOSE;
    case WAKE_TLS: return STEP_DONE;
    case WAKE_ABORTED:
        buf_printf(s->out, "REFUSED %s\r\n", err_name(s->frame_err));
        return STEP_CLOSE;
    }
    return STEP_CLOSE;
}

static void echo_close(struct session *s)
{
    struct echo *e = echo_of(s);
    __atomic_add_fetch(&e->server->closed, 1, __ATOMIC_SEQ_CST);
    free(e);
}

static const struct session_ops echo_ops = {
    .protocol = "echo",
    .start = echo_start,
    .frame = echo_frame,
    .handle = echo_handle,
    .wake = echo_wake,
    .close = echo_close,
};

struct session *echo_session_new(void *server)
{
    struct echo *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->server = server;
    e->s.ops = &echo_ops;
    e->s.timeout_ms = e->server->timeout_ms > 0 ? e->server->timeout_ms : 60000;
    e->s.unit_max = ECHO_DATA + ECHO_LINE;
    __atomic_add_fetch(&e->server->opened, 1, __ATOMIC_SEQ_CST);
    return &e->s;
}
