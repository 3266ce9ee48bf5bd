/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, on the loop, for all listening sockets (net/listen.h). */
#include "base/err.h"
#include "base/log.h"
#include "net/conn.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPT_BATCH = 64, /* then the loop looks at its other sockets */
    ACCEPT_PAUSE_MS = 200,
    EXCESS_PART = 16, /* this part of conn_max may be open beyond it while others make room */
};

/* One line a second at most: refusing must stay cheap. */
static void log_refused(struct server *s, struct listener *l, struct ip peer, const char *reason)
{
    int64_t now = s->clock->mono_ms(s->clock);
    char store[46];
    s->refused_since++;
    if (s->refused_logged_ms != 0 && now - s->refused_logged_ms < 1000)
        return;
    log_event(LOG_WARN, "conn.refused", LOG_Z("protocol", l->o.protocol),
              LOG_S("peer", ip_text(peer, store)), LOG_Z("reason", reason),
              LOG_I("count", s->refused_since));
    s->refused_logged_ms = now;
    s->refused_since = 0;
}

/* That guests make room is told once a minute. */
static void log_full(struct server *s)
{
    int64_t now = s->clock->mono_ms(s->clock);
    if (s->full_logged_ms != 0 && now - s->full_logged_ms < 60 * 1000)
        return;
    log_event(LOG_WARN, "server.full", LOG_I("connections", s->conn_max),
              LOG_Z("why",
                    "all places are taken; connections that nobody has logged in on and that "
                    "wait longest for their client are closed for new ones"));
    s->full_logged_ms = now;
}

static void refuse(struct listener *l, int fd, struct span words)
{
    if (!l->o.tls && words.n > 0) {
        (void)send(fd, words.p, words.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
    }
    close(fd);
}

struct span listener_crowded(const struct listener *l)
{
    return l->o.crowded.n > 0 ? l->o.crowded : l->o.busy;
}

static bool comes_from_proxy(const struct server *s, struct ip peer)
{
    for (size_t i = 0; i < s->proxy_from_n; i++)
        if (ip_net_has(s->proxy_from[i], peer))
            return true;
    return false;
}

struct arrival {
    int fd;
    struct ip peer;
    uint16_t port;
    bool proxy; /* a PROXY header says who it is */
};

static void launch(struct listener *l, const struct arrival *a)
{
    struct server *s = l->server;
    bool counted = !l->is_unix && !a->proxy;
    struct conn *c = conn_new(l, a->fd, a->peer, a->port);
    if (c == NULL) {
        if (counted)
            peers_leave(s->peers, a->peer);
        if (!l->is_unix)
            __atomic_sub_fetch(&s->conns, 1, __ATOMIC_RELAXED);
        return;
    }
    c->behind_proxy = a->proxy;
    c->counted_peer = counted;
    conn_launch(c);
}

/* Is there a place for the `conns`th connection, or does a guest make room? Who does so takes a
 * moment to go, so a few more than conn_max may be open. */
static bool has_room(struct server *s, int64_t conns)
{
    if (conns <= s->conn_max)
        return true;
    if (conns > s->conn_max + s->conn_max / EXCESS_PART + 1 || !guests_make_room(s))
        return false;
    log_full(s);
    return true;
}

/* NULL, or why it cannot come in, and what its client is told. */
static const char *let_in(struct listener *l, const struct arrival *a, struct span *words)
{
    struct server *s = l->server;
    if (!a->proxy && peers_enter(s->peers, a->peer) != 0) {
        metric_add(METRIC_CONN_REFUSED_PEER, 1);
        *words = listener_crowded(l);
        return "too many connections from this address";
    }
    int64_t conns = __atomic_add_fetch(&s->conns, 1, __ATOMIC_RELAXED);
    if (has_room(s, conns)) {
        launch(l, a);
        return NULL;
    }
    __atomic_sub_fetch(&s->conns, 1, __ATOMIC_RELAXED);
    if (!a->proxy)
        peers_leave(s->peers, a->peer);
    metric_add(METRIC_CONN_REFUSED_FULL, 1);
    *words = l->o.busy;
    return "the server has all the connections it takes";
}

static void accepted(struct listener *l, int fd, const struct sockaddr *sa)
{
    struct arrival a = {.fd = fd};
    struct span words;
    if (l->is_unix) { /* the operator's way in: no limits */
        a.peer.b[15] = 1;
        launch(l, &a);
        return;
    }
    if (!ip_from_sockaddr(sa, &a.peer, &a.port)) {
        close(fd);
        return;
    }
    a.proxy = comes_from_proxy(l->server, a.peer);
    const char *why = let_in(l, &a, &words);
    if (why == NULL)
        return;
    log_refused(l->server, l, a.peer, why);
    refuse(l, fd, words);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct listener *l = timer->data;
    (void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

/* Any descriptor does; this kind needs no file that a confined process might not be able to open. */
int listener_spare(void)
{
    return eventfd(0, EFD_CLOEXEC);
}

/* The waiting connection would wake us for ever. With the spare descriptor it is taken and closed,
 * so that its client knows; where that does not help either, we look away for a moment. */
static void out_of_descriptors(struct listener *l, int number)
{
    struct server *s = l->server;
    struct ip nobody = {{0}};
    log_refused(s, l, nobody, strerror(number));
    if ((number == EMFILE || number == ENFILE) && s->spare_fd >= 0) {
        close(s->spare_fd);
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            metric_add(METRIC_CONN_REFUSED_FULL, 1);
            refuse(l, fd, l->o.busy);
        }
        s->spare_fd = listener_spare();
        if (fd >= 0)
            return;
    }
    (void)uv_poll_stop(&l->poll);
    (void)uv_timer_start(&l->pause, on_pause_over, ACCEPT_PAUSE_MS, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    (void)status, (void)events;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage ss;
        socklen_t n = sizeof ss;
        int fd = accept4(l->fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted(l, fd, (struct sockaddr *)&ss);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            out_of_descriptors(l, errno);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } /* else: that one connection failed (accept(2) lists a dozen reasons): the next */
    }
}

/* ---- starting and stopping ---------------------------------------------------------------- */

int listener_start(struct listener *l, struct loop *loop)
{
    if (uv_poll_init(&loop->uv, &l->poll, l->fd) != 0)
        return ERR_NOMEM;
    must(uv_timer_init(&loop->uv, &l->pause) == 0);
    l->poll.data = l;
    l->pause.data = l;
    l->polled = true;
    return uv_poll_start(&l->poll, UV_READABLE, on_readable) == 0 ? 0 : ERR_NOMEM;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    if (l->fd >= 0) {
        close(l->fd); /* from now on clients are refused by the kernel */
        l->fd = -1;
    }
}

void listener_stop(struct listener *l)
{
    if (!l->polled)
        return;
    l->polled = false;
    if (l->unix_path != NULL)
        unlink(l->unix_path);
    uv_close((uv_handle_t *)&l->pause, NULL);
    uv_close((uv_handle_t *)&l->poll, on_closed);
}

void listener_free(struct listener *l)
{
    if (l->fd >= 0) {
        close(l->fd);
        if (l->unix_path != NULL)
            unlink(l->unix_path);
    }
    free(l->unix_path);
    free(l);
}
