/* SPDX-License-Identifier: Apache-2.0 */
/* SO_REUSEPORT with a socket per loop was refused: it would let a second server of the same user
 * share the port without a word, and a connection waiting in the queue of a socket that is closed
 * is lost. */
#include "net/listen.h"
#include "base/err.h"
#include "base/ip.h"
#include "net/server_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

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
static int open_tcp(const union address *a, socklen_t n, bool star, int *fd_out)
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
    *fd_out = fd;
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

static int open_port(struct span address, struct buf *why, int *fd_out, uint16_t *port_out)
{
    union address a;
    socklen_t n;
    bool star;
    if (!parse(address, &a, &n, &star))
        return bad_address(address, why);
    int number = open_tcp(&a, n, star, fd_out);
    if (star && (number == EAFNOSUPPORT || number == EADDRNOTAVAIL)) { /* a kernel without IPv6 */
        in_port_t port = a.v6.sin6_port;
        memset(&a, 0, sizeof a);
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = port;
        number = open_tcp(&a, sizeof a.v4, false, fd_out);
    }
    if (number != 0)
        return open_failed(address, number, why);
    if (port_out != NULL)
        *port_out = real_port(*fd_out);
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

static int open_unix(struct span address, struct buf *why, int *fd_out)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct span path = address;
    (void)span_skip(&path, SPAN("unix:"));
    if (path.n == 0 || !span_to_cstr(path, a.sun_path, sizeof a.sun_path)) {
        buf_printf(why, "cannot listen on %.*s: the path must have 1 to %zu bytes",
                   SPAN_ARG(address), sizeof a.sun_path - 1);
        return ERR_INVALID;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int number = fd < 0 ? errno : bind_unix(fd, &a);
    if (number == 0 && listen(fd, BACKLOG) != 0) {
        number = errno;
        unlink(a.sun_path);
    }
    if (number == 0) {
        *fd_out = fd;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    buf_printf(why, "cannot listen on %.*s: ", SPAN_ARG(address));
    if (number == EADDRINUSE) {
        buf_puts(why, "another server answers there, or it is a file that is no socket");
        return ERR_IN_USE;
    }
    buf_puts(why, strerror(number));
    return err_from_errno(number);
}

int listen_open(const char *address, struct buf *why, int *fd_out, uint16_t *port_out)
{
    struct span text = span_str(address);
    if (!span_starts(text, SPAN("unix:")))
        return open_port(text, why, fd_out, port_out);
    if (port_out != NULL)
        *port_out = 0;
    return open_unix(text, why, fd_out);
}

const char *listen_unix_path(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
}
