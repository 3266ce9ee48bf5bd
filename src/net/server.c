/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: makes loops, workers and listeners, runs them, takes them down in order:
 * listeners, sessions, loops, workers. */
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "net/conn.h"
#include "net/listen.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- timers for janitors ------------------------------------------------------------------ */

struct after {
    struct loop_item item;
    struct work work;
    uv_timer_t timer;
    struct after *prev, *next;
    struct server *server;
    int64_t delay_ms;
    void (*fn)(void *arg);
    void *arg;
};

static void after_work(struct work *w)
{
    struct after *a = CONTAINER_OF(w, struct after, work);
    a->fn(a->arg);
    free(a);
}

static void after_unlink(struct after *a)
{
    if (a->prev != NULL)
        a->prev->next = a->next;
    else
        a->server->afters = a->next;
    if (a->next != NULL)
        a->next->prev = a->prev;
}

static void after_due_closed(uv_handle_t *handle)
{
    struct after *a = handle->data;
    if (a->server->stopped)
        free(a);
    else
        workers_add(a->server->workers, &a->work, false);
}

static void after_dropped(uv_handle_t *handle)
{
    free(handle->data);
}

static void after_due(uv_timer_t *timer)
{
    struct after *a = timer->data;
    after_unlink(a);
    uv_close((uv_handle_t *)timer, after_due_closed);
}

static void after_arrives(struct loop_item *item)
{
    struct after *a = CONTAINER_OF(item, struct after, item);
    struct server *s = a->server;
    struct loop *l = &s->loops[0];
    if (s->stopped || l->stopping) {
        free(a);
        return;
    }
    must(uv_timer_init(&l->uv, &a->timer) == 0);
    a->timer.data = a;
    a->next = s->afters;
    if (s->afters != NULL)
        s->afters->prev = a;
    s->afters = a;
    (void)uv_timer_start(&a->timer, after_due, a->delay_ms > 0 ? (uint64_t)a->delay_ms : 0, 0);
}

int server_after(struct server *s, int64_t delay_ms, void (*fn)(void *arg), void *arg)
{
    struct after *a = calloc(1, sizeof *a);
    if (a == NULL)
        return ERR_NOMEM;
    a->item.fn = after_arrives;
    a->work.run = after_work;
    a->server = s;
    a->delay_ms = delay_ms;
    a->fn = fn;
    a->arg = arg;
    loop_post(&s->loops[0], &a->item);
    return 0;
}

static void afters_drop(struct server *s)
{
    while (s->afters != NULL) {
        struct after *a = s->afters;
        after_unlink(a);
        uv_close((uv_handle_t *)&a->timer, after_dropped);
    }
}

/* ---- stopping ----------------------------------------------------------------------------- */

static void on_grace_over(uv_timer_t *timer)
{
    struct loop *l = timer->data;
    for (struct conn *c = l->conns; c != NULL; c = c->next_conn)
        conn_abort(c, "shutdown");
}

struct stopping {
    struct loop_item item;
    struct loop *loop;
};

static void loop_stopping(struct loop_item *item)
{
    struct stopping *stopping = CONTAINER_OF(item, struct stopping, item);
    struct loop *l = stopping->loop;
    free(stopping);
    l->stopping = true;
    (void)uv_timer_start(&l->grace, on_grace_over, (uint64_t)l->server->times.stop_ms, 0);
    for (struct conn *c = l->conns; c != NULL; c = c->next_conn)
        conn_shutdown(c);
    if (l->conns_n == 0)
        loop_end(l);
}

static void on_stop(uv_async_t *async)
{
    struct server *s = async->data;
    if (s->stopped)
        return;
    s->stopped = true;
    log_event(LOG_INFO, "server.stopping",
              LOG_I("connections", __atomic_load_n(&s->conns, __ATOMIC_RELAXED)));
    for (struct listener *l = s->listeners; l != NULL; l = l->next)
        listener_stop(l);
    afters_drop(s);
    for (unsigned i = 0; i < s->loops_n; i++) {
        struct stopping *stopping = calloc(1, sizeof *stopping);
        must(stopping != NULL);
        stopping->item.fn = loop_stopping;
        stopping->loop = &s->loops[i];
        loop_post(&s->loops[i], &stopping->item);
    }
}

void server_stop(struct server *s)
{
    (void)uv_async_send(&s->stop); /* async-signal-safe: one write(2) */
}

/* ---- making ------------------------------------------------------------------------------- */

static void times_set(struct server_times *t)
{
    const struct server_times usual = {
        .proxy_ms = 10000,
        .handshake_ms = 30000,
        .pace_ms = 120000,
        .close_ms = 30000,
        .linger_ms = 5000,
        .eof_wait_ms = 60000,
        .stop_ms = 10000,
    };
#define TIME(name) t->name = t->name > 0 ? t->name : usual.name
    TIME(proxy_ms);
    TIME(handshake_ms);
    TIME(pace_ms);
    TIME(close_ms);
    TIME(linger_ms);
    TIME(eof_wait_ms);
    TIME(stop_ms);
#undef TIME
}

static int proxies_copy(struct server *s, const struct server_options *o)
{
    if (o->proxy_from_n == 0)
        return 0;
    s->proxy_from = calloc(o->proxy_from_n, sizeof *s->proxy_from);
    if (s->proxy_from == NULL)
        return ERR_NOMEM;
    memcpy(s->proxy_from, o->proxy_from, o->proxy_from_n * sizeof *s->proxy_from);
    s->proxy_from_n = o->proxy_from_n;
    return 0;
}

static int loops_make(struct server *s, unsigned n)
{
    s->loops = calloc(n, sizeof *s->loops);
    if (s->loops == NULL)
        return ERR_NOMEM;
    for (; s->loops_n < n; s->loops_n++) {
        int err = loop_init(&s->loops[s->loops_n], s);
        if (err != 0)
            return err;
    }
    if (uv_async_init(&s->loops[0].uv, &s->stop, on_stop) != 0)
        return ERR_NOMEM;
    s->stop.data = s;
    return 0;
}

int server_new(const struct server_options *options, struct server **out)
{
    must(options->loops > 0 && options->workers > 0);
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    s->clock = options->clock;
    s->rng = options->rng;
    s->conn_max = options->conn_max;
    s->read_rate = options->read_rate;
    s->buffers = options->buffers;
    s->times = options->times;
    times_set(&s->times);
    s->sid_prefix = rng_u64(options->rng);
    s->spare_fd = listener_spare();
    pthread_mutex_init(&s->tls_lock, NULL);
    s->peers = peers_new(options->rng, options->conn_per_ip);
    int err = s->peers == NULL ? ERR_NOMEM : proxies_copy(s, options);
    if (err == 0)
        err = loops_make(s, options->loops);
    if (err == 0)
        err = workers_new(options->workers, &s->workers);
    if (err != 0) {
        server_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void server_set_tls(struct server *s, struct tls_context *tls)
{
    struct tls_context *fresh = tls == NULL ? NULL : tls_context_ref(tls);
    pthread_mutex_lock(&s->tls_lock);
    struct tls_context *old = s->tls;
    s->tls = fresh;
    pthread_mutex_unlock(&s->tls_lock);
    tls_context_unref(old);
}

struct tls_context *server_tls_ref(struct server *s)
{
    pthread_mutex_lock(&s->tls_lock);
    struct tls_context *t = s->tls == NULL ? NULL : tls_context_ref(s->tls);
    pthread_mutex_unlock(&s->tls_lock);
    return t;
}

void server_sid(struct server *s, char *to, size_t size)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t number = __atomic_fetch_add(&s->sid_next, 1, __ATOMIC_RELAXED);
    enum { SID = 16 };
    must(size > SID);
    /* 48 bits of this process, 32 that count */
    unsigned __int128 bits = (unsigned __int128)(s->sid_prefix & 0xffffffffffffu) << 32 | number;
    for (size_t i = SID; i-- > 0; bits >>= 5)
        to[i] = digits[(unsigned)bits & 31];
    to[SID] = '\0';
}

/* Takes `fd` and `unix_path`, also on error. */
static int
listener_add(struct server *s, int fd, char *unix_path, const struct listener_options *options)
{
    struct sockaddr_storage ss = {0};
    socklen_t n = sizeof ss;
    struct listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        close(fd);
        free(unix_path);
        return ERR_NOMEM;
    }
    l->server = s;
    l->o = *options;
    l->fd = fd;
    l->unix_path = unix_path;
    l->is_unix = getsockname(fd, (struct sockaddr *)&ss, &n) == 0 && ss.ss_family == AF_UNIX;
    l->next = s->listeners;
    s->listeners = l;
    return 0;
}

int server_adopt(struct server *s, int fd, const struct listener_options *options)
{
    return listener_add(s, fd, NULL, options);
}

int server_listen(struct server *s,
                  const char *address,
                  const struct listener_options *options,
                  struct buf *why,
                  uint16_t *port_out)
{
    int fd;
    const char *path = listen_unix_path(address);
    char *copy = path != NULL ? strdup(path) : NULL;
    if (path != NULL && copy == NULL)
        return ERR_NOMEM;
    int err = listen_open(address, why, &fd, port_out);
    if (err == 0)
        return listener_add(s, fd, copy, options);
    free(copy);
    return err;
}

/* ---- running ------------------------------------------------------------------------------ */

static void *loop_main(void *arg)
{
    /* by the thread itself: naming another one opens a file of /proc */
    (void)pthread_setname_np(pthread_self(), "loop");
    loop_run(arg);
    return NULL;
}

static int loops_start(struct server *s)
{
    for (unsigned i = 1; i < s->loops_n; i++) {
        struct loop *l = &s->loops[i];
        if (pthread_create(&l->thread, NULL, loop_main, l) != 0)
            return ERR_NOMEM;
        l->running = true;
    }
    return 0;
}

/* libuv writes with write(2): to a connection that was reset that is SIGPIPE, whose default is to
 * end the process. A handler that somebody has set stays. */
static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        now.sa_handler = SIG_IGN;
        (void)sigaction(SIGPIPE, &now, NULL);
    }
}

int server_run(struct server *s)
{
    int err = 0;
    ignore_sigpipe();
    for (struct listener *l = s->listeners; err == 0 && l != NULL; l = l->next)
        err = listener_start(l, &s->loops[0]);
    if (err == 0)
        err = loops_start(s);
    if (err != 0) /* what runs already is stopped as in any other stop */
        server_stop(s);
    loop_run(&s->loops[0]);
    for (unsigned i = 1; i < s->loops_n; i++)
        if (s->loops[i].running) {
            pthread_join(s->loops[i].thread, NULL);
            s->loops[i].running = false;
        }
    workers_free(s->workers);
    s->workers = NULL;
    return err;
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    workers_free(s->workers);
    for (struct listener *l = s->listeners; l != NULL; l = l->next)
        listener_stop(l);
    if (s->stop.data != NULL)
        uv_close((uv_handle_t *)&s->stop, NULL);
    for (unsigned i = 0; i < s->loops_n; i++)
        loop_done(&s->loops[i]);
    while (s->listeners != NULL) {
        struct listener *l = s->listeners;
        s->listeners = l->next;
        listener_free(l);
    }
    if (s->spare_fd >= 0)
        close(s->spare_fd);
    tls_context_unref(s->tls);
    peers_free(s->peers);
    pthread_mutex_destroy(&s->tls_lock);
    free(s->proxy_from);
    free(s->loops);
    free(s);
}

void server_stats(struct server *s, struct server_stats *out)
{
    out->conns = __atomic_load_n(&s->conns, __ATOMIC_RELAXED);
    workers_stats(s->workers, &out->workers_busy, &out->queue);
}
