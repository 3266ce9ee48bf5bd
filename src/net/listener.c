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

static void
launch(struct listener *l, int fd, struct ip peer, uint16_t port, bool proxy, bool counted)
{
    struct server *s = l->server;
    struct conn *c = conn_new(l, fd, peer, port);
    if (c == NULL) {
        if (counted)
            peers_leave(s->peers, peer);
        if (!l->is_unix)
            __atomic_sub_fetch(&s->conns, 1, __ATOMIC_RELAXED);
        return;
    }
    c->behind_proxy = proxy;
    c->counted_peer = counted;
    conn_launch(c);
}

static void accepted(struct listener *l, int fd, const struct sockaddr *sa)
{
    struct server *s = l->server;
    struct ip peer = {{0}};
    uint16_t port = 0;
    if (l->is_unix) { /* the operator's way in: no limits */
        peer.b[15] = 1;
        launch(l, fd, peer, 0, false, false);
        return;
    }
    if (!ip_from_sockaddr(sa, &peer, &port)) {
        close(fd);
        return;
    }
    struct span words = l->o.busy;
    if (__atomic_add_fetch(&s->conns, 1, __ATOMIC_RELAXED) > s->conn_max) {
        metric_add(METRIC_CONN_REFUSED_FULL, 1);
        log_refused(s, l, peer, "the server has all the connections it takes");
    } else {
        bool proxy = comes_from_proxy(s, peer);
        int err = proxy ? 0 : peers_enter(s->peers, peer);
        if (err == 0) {
            launch(l, fd, peer, port, proxy, !proxy);
            return;
        }
        metric_add(METRIC_CONN_REFUSED_PEER, 1);
        log_refused(s, l, peer, "too many connections from this address");
        words = listener_crowded(l);
    }
    __atomic_sub_fetch(&s->conns, 1, __ATOMIC_RELAXED);
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
