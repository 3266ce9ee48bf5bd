/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: makes the loop, workers and listeners, runs them, takes them down in order:
 * listeners, sessions, loop, workers. */
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
    if (server_stopping(a->server))
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
    if (server_stopping(s)) {
        free(a);
        return;
    }
    must(uv_timer_init(&s->loop.uv, &a->timer) == 0);
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
    loop_post(&s->loop, &a->item);
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

/* ---- time --------------------------------------------------------------------------------- */

static void fire(struct timer *timer)
{
    conn_tell(CONTAINER_OF(timer, struct conn, timer), EVENT_TIME);
}

static void on_tick(uv_timer_t *tick)
{
    struct server *s = tick->data;
    int64_t now = conn_now();
    int64_t next = timers_run(&s->timers, now, fire);
    uv_update_time(&s->loop.uv); /* else the timer counts from when the loop woke up */
    if (next != INT64_MAX)
        (void)uv_timer_start(tick, on_tick, next > now ? (uint64_t)(next - now) : 1, 0);
}

void server_timers_moved(struct server *s)
{
    must(uv_async_send(&s->look) == 0);
}

/* ---- stopping ----------------------------------------------------------------------------- */

bool server_stopping(const struct server *s)
{
    return __atomic_load_n(&s->stopped, __ATOMIC_ACQUIRE) != 0;
}

void server_conns_gone(struct server *s)
{
    if (server_stopping(s))
        must(uv_async_send(&s->look) == 0);
}

static void on_look(uv_async_t *look)
{
    struct server *s = look->data;
    on_tick(&s->tick);
    if (server_stopping(s) && conns_count(&s->table) == 0)
        loop_end(&s->loop);
}

static void tell_to_end(struct conn *c, void *nothing)
{
    (void)nothing;
    conn_tell(c, EVENT_KILL);
}

static void tell_to_stop(struct conn *c, void *nothing)
{
    (void)nothing;
    conn_tell(c, EVENT_STOP);
}

static void on_grace_over(uv_timer_t *grace)
{
    struct server *s = grace->data;
    conns_each(&s->table, tell_to_end, NULL);
}

static void on_stop(uv_async_t *stop)
{
    struct server *s = stop->data;
    if (server_stopping(s))
        return;
    __atomic_store_n(&s->stopped, 1, __ATOMIC_RELEASE);
    log_event(LOG_INFO, "server.stopping",
              LOG_I("connections", __atomic_load_n(&s->conns, __ATOMIC_RELAXED)));
    for (struct listener *l = s->listeners; l != NULL; l = l->next)
        listener_stop(l);
    afters_drop(s);
    (void)uv_timer_start(&s->grace, on_grace_over, (uint64_t)s->times.stop_ms, 0);
    conns_each(&s->table, tell_to_stop, NULL);
    on_look(&s->look); /* there may be none */
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
        .yield_ms = 3000,
        .stop_ms = 10000,
    };
#define TIME(name) t->name = t->name > 0 ? t->name : usual.name
    TIME(proxy_ms);
    TIME(handshake_ms);
    TIME(pace_ms);
    TIME(close_ms);
    TIME(linger_ms);
    TIME(eof_wait_ms);
    TIME(yield_ms);
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

static int loop_make(struct server *s)
{
    uv_loop_t *uv = &s->loop.uv;
    int err = loop_init(&s->loop);
    if (err != 0)
        return err;
    s->looped = true;
    must(uv_timer_init(uv, &s->tick) == 0);
    must(uv_timer_init(uv, &s->grace) == 0);
    s->stop.data = s->look.data = NULL;
    s->tick.data = s->grace.data = s;
    if (uv_async_init(uv, &s->stop, on_stop) != 0)
        return ERR_NOMEM;
    s->stop.data = s;
    if (uv_async_init(uv, &s->look, on_look) != 0)
        return ERR_NOMEM;
    s->look.data = s;
    return 0;
}

static int workers_make(struct server *s, const struct server_options *o)
{
    const struct workers_options options = {
        .busy = o->workers,
        .carriers = o->loops,
        .space = CONN_RAW + CONN_PLAIN,
        .ready = conn_ready,
        .arg = s,
    };
    return workers_new(&options, &s->workers);
}

int server_new(const struct server_options *options, struct server **out)
{
    must(options->workers > 0);
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
    conns_init(&s->table);
    timers_init(&s->timers);
    s->peers = peers_new(options->rng, options->conn_per_ip);
    int err = s->peers == NULL ? ERR_NOMEM : proxies_copy(s, options);
    if (err == 0)
        err = loop_make(s);
    if (err == 0)
        err = workers_make(s, options);
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

/* OpenSSL's and the log's writes are not all ours to flag: to a pipe or connection that is gone one of
 * them is SIGPIPE, whose default is to end the process. A handler that somebody has set stays. */
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
        err = listener_start(l, &s->loop);
    if (err != 0) /* what runs already is stopped as in any other stop */
        server_stop(s);
    loop_run(&s->loop);
    workers_free(s->workers);
    s->workers = NULL;
    return err;
}

static void loop_unmake(struct server *s)
{
    if (!s->looped)
        return;
    for (struct listener *l = s->listeners; l != NULL; l = l->next)
        listener_stop(l);
    __atomic_store_n(&s->stopped, 1, __ATOMIC_RELEASE); /* what is in the inbox comes too late */
    uv_handle_t *handles[] = {(uv_handle_t *)&s->tick, (uv_handle_t *)&s->grace,
                              (uv_handle_t *)&s->stop, (uv_handle_t *)&s->look};
    for (size_t i = 0; i < COUNT_OF(handles); i++)
        if (handles[i]->data != NULL)
            uv_close(handles[i], NULL);
    loop_done(&s->loop);
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    workers_free(s->workers);
    loop_unmake(s);
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
    conns_done(&s->table);
    timers_done(&s->timers);
    free(s->proxy_from);
    free(s);
}

void server_stats(struct server *s, struct server_stats *out)
{
    out->conns = __atomic_load_n(&s->conns, __ATOMIC_RELAXED);
    workers_stats(s->workers, &out->workers_busy, &out->queue);
}
