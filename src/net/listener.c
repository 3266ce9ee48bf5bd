/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: opened once, in the main thread, so that every problem has its sentence before
 * anything starts; accepted on loop 0, which deals connections out in turn. SO_REUSEPORT with a
 * socket per loop was refused: it would let a second server of the same user share the port without
 * a word, and a connection waiting in the queue of a socket that is closed is lost. */
#include "base/err.h"
#include "base/log.h"
#include "net/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    ACCEPT_BATCH = 64, /* then the loop looks at its other sockets */
    ACCEPT_PAUSE_MS = 200,
    BACKLOG = 1024,
};

/* ---- opening ------------------------------------------------------------------------------ */

static int open_failed(struct span address, int number, struct buf *why)
{
    buf_printf(why, "cannot listen on %.*s: ", SPAN_ARG(address));
    switch (number) {
    case EADDRINUSE:
        buf_puts(why, "another program uses this port (ss -ltnp shows which)");
        return ERR_IN_USE;
    case EACCES:
    case EPERM:
        buf_puts(why, "no right to it; ports below 1024 need the server to be started as root (or "
                      "CAP_NET_BIND_SERVICE)");
        return ERR_DENIED;
    case EADDRNOTAVAIL:
        buf_puts(why, "this machine does not have that address (ip address shows which it has)");
        return ERR_INVALID;
    default: buf_puts(why, strerror(number)); return err_from_errno(number);
    }
}

static int bad_address(struct span address, struct buf *why)
{
    buf_printf(why, "cannot listen on %.*s: write 127.0.0.1:25, [::1]:25, *:25 or unix:/path",
               SPAN_ARG(address));
    return ERR_INVALID;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "host:port" to a socket address; *star for "*". */
static bool parse(struct span text, union address *out, socklen_t *n, bool *star)
{
    ssize_t colon = span_rchr(text, ':');
    if (colon < 0)
        return false;
    struct span host = span_slice(text, 0, (size_t)colon);
    bool bracket = span_starts(host, SPAN("[")) && span_ends(host, SPAN("]"));
    uint32_t port;
    struct ip ip = {{0}};
    if (!span_to_u32(span_from(text, (size_t)colon + 1), &port) || port > UINT16_MAX)
        return false;
    memset(out, 0, sizeof *out);
    *star = span_eq(host, SPAN("*"));
    if (bracket)
        host = span_slice(host, 1, host.n - 2);
    if (!*star && (!ip_parse(host, &ip) || bracket != (span_chr(host, ':') >= 0)))
        return false;
    if (!*star && !bracket) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((uint16_t)port);
        memcpy(&out->v4.sin_addr, ip.b + 12, 4);
        *n = sizeof out->v4;
    } else {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        memcpy(&out->v6.sin6_addr, ip.b, 16);
        *n = sizeof out->v6;
    }
    return true;
}

/* 0 or an errno. */
static int open_tcp(struct listener *l, const union address *a, socklen_t n, bool star)
{
    int on = 1, only_v6 = star ? 0 : 1, unsent = SERVER_UNSENT;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (a->any.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6) != 0) ||
        bind(fd, &a->any, n) != 0 || listen(fd, BACKLOG) != 0) {
        int number = errno;
        close(fd);
        return number;
    }
    /* Accepted sockets inherit these. Answers are whole: waiting for more only costs the peer. What
     * it does not take stays with us, where it is counted, and not in megabytes of the kernel's. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    l->fd = fd;
    return 0;
}

static uint16_t real_port(int fd)
{
    union address a;
    socklen_t n = sizeof a;
    struct ip ip;
    uint16_t port;
    memset(&a, 0, sizeof a);
    return getsockname(fd, &a.any, &n) == 0 && ip_from_sockaddr(&a.any, &ip, &port) ? port : 0;
}

static int open_port(struct listener *l, struct span address, struct buf *why, uint16_t *port_out)
{
    union address a;
    socklen_t n;
    bool star;
    if (!parse(address, &a, &n, &star))
        return bad_address(address, why);
    int number = open_tcp(l, &a, n, star);
    if (star && (number == EAFNOSUPPORT || number == EADDRNOTAVAIL)) { /* a kernel without IPv6 */
        in_port_t port = a.v6.sin6_port;
        memset(&a, 0, sizeof a);
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = port;
        number = open_tcp(l, &a, sizeof a.v4, false);
    }
    if (number != 0)
        return open_failed(address, number, why);
    if (port_out != NULL)
        *port_out = real_port(l->fd);
    return 0;
}

/* ---- unix sockets ------------------------------------------------------------------------- */

/* A socket file that nobody answers was left by a server that was killed. */
static bool is_stale(const struct sockaddr_un *a)
{
    struct stat st;
    if (lstat(a->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)a, sizeof *a) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_unix(int fd, const struct sockaddr_un *a)
{
    /* the file takes its mode from the socket's: there is no moment at which it is open to others
     */
    if (fchmod(fd, 0600) != 0)
        return errno;
    if (bind(fd, (const struct sockaddr *)a, sizeof *a) == 0)
        return 0;
    if (errno != EADDRINUSE || !is_stale(a) || unlink(a->sun_path) != 0)
        return EADDRINUSE;
    return bind(fd, (const struct sockaddr *)a, sizeof *a) == 0 ? 0 : errno;
}

static int open_unix(struct listener *l, struct span address, struct buf *why)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct span path = address;
    (void)span_skip(&path, SPAN("unix:"));
    if (path.n == 0 || !span_to_cstr(path, a.sun_path, sizeof a.sun_path)) {
        buf_printf(why, "cannot listen on %.*s: the path must have 1 to %zu bytes",
                   SPAN_ARG(address), sizeof a.sun_path - 1);
        return ERR_INVALID;
    }
    l->unix_path = strdup(a.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int number = l->unix_path == NULL ? ENOMEM : fd < 0 ? errno : bind_unix(fd, &a);
    if (number == 0 && listen(fd, BACKLOG) != 0) {
        number = errno;
        unlink(a.sun_path);
    }
    if (number == 0) {
        l->fd = fd;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    free(l->unix_path); /* not ours to remove */
    l->unix_path = NULL;
    buf_printf(why, "cannot listen on %.*s: ", SPAN_ARG(address));
    if (number == EADDRINUSE) {
        buf_puts(why, "another server answers there, or it is a file that is no socket");
        return ERR_IN_USE;
    }
    buf_puts(why, strerror(number));
    return err_from_errno(number);
}

int listener_open(struct listener *l, struct span address, struct buf *why, uint16_t *port_out)
{
    l->fd = -1;
    if (!span_starts(address, SPAN("unix:")))
        return open_port(l, address, why, port_out);
    if (port_out != NULL)
        *port_out = 0;
    return open_unix(l, address, why);
}

/* ---- accepting ---------------------------------------------------------------------------- */

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
        if (l->unix_path == NULL)
            __atomic_sub_fetch(&s->conns, 1, __ATOMIC_RELAXED);
        return;
    }
    c->behind_proxy = proxy;
    c->counted_peer = counted;
    conn_launch(c, &s->loops[s->next_loop++ % s->loops_n]);
}

static void accepted(struct listener *l, int fd, const struct sockaddr *sa)
{
    struct server *s = l->server;
    struct ip peer = {{0}};
    uint16_t port = 0;
    if (l->unix_path != NULL) { /* the operator's way in: no limits */
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
        s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
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
