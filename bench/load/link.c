/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and TLS. OpenSSL works on the socket itself (no memory buffers): the fewest copies for a client that
 * has nothing else to do. Certificates are not checked: this measures the server, and the cost of checking
 * would be the client's. */
#include "link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024, IN_MAX = 1024 * 1024, COPIED_MAX = 256 * 1024, RECORD = 16 * 1024 };

static int PRINTF_LIKE(2, 3) failed(struct link *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(l->why, sizeof(l->why), fmt, args);
    va_end(args);
    return -1;
}

/* OpenSSL hands over each ticket it gets: the last one is the one to offer. */
static int session_new(SSL *ssl, SSL_SESSION *session)
{
    struct link *l = SSL_get_app_data(ssl);
    SSL_SESSION_free(l->session);
    l->session = session;
    return 1;
}

SSL_CTX *link_tls_new(bool resume)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* servers that close without close_notify are not what is measured */
    SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(tls, 1);
    if (resume) {
        SSL_CTX_set_session_cache_mode(tls,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
        SSL_CTX_sess_set_new_cb(tls, session_new);
    }
    return tls;
}

void link_init(struct link *l, int epoll, SSL_CTX *tls, bool resume)
{
    *l = (struct link){.fd = -1, .epoll = epoll, .tls = tls, .resume = resume};
    buf_init(&l->in, IN_MAX);
    buf_init(&l->copied, COPIED_MAX);
}

void link_done(struct link *l)
{
    link_close(l);
    SSL_SESSION_free(l->session);
    l->session = NULL;
    buf_done(&l->in);
    buf_done(&l->copied);
}

static int watch(struct link *l, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = l};
    int how = l->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (l->events == events)
        return 0;
    if (epoll_ctl(l->epoll, how, l->fd, &e) != 0)
        return failed(l, "epoll: %s", strerror(errno));
    l->events = events;
    return 0;
}

int link_open(struct link *l, const struct sockaddr_in *to, bool tls)
{
    int yes = 1;
    link_close(l);
    l->tls_from_start = tls;
    l->resumed = l->slim = false;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return failed(l, "socket: %s", strerror(errno));
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (connect(l->fd, (const struct sockaddr *)to, sizeof(*to)) != 0 && errno != EINPROGRESS)
        return failed(l, "connect: %s", strerror(errno));
    l->state = LINK_CONNECTING;
    return watch(l, EPOLLIN | EPOLLOUT);
}

void link_close(struct link *l)
{
    if (l->ssl != NULL) {
        if (l->state == LINK_OPEN)
            (void)SSL_shutdown(
                l->ssl); /* without this OpenSSL does not let the session be resumed */
        SSL_free(l->ssl);
        l->ssl = NULL;
        ERR_clear_error();
    }
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->events = 0;
    l->state = LINK_CLOSED;
    l->out_n = l->out_sent = 0;
    buf_clear(&l->in);
    buf_clear(&l->copied);
}

int link_starttls(struct link *l)
{
    if (l->in.n > 0)
        return failed(l, "the server sent plain text after its answer to STARTTLS");
    l->ssl = SSL_new(l->tls);
    if (l->ssl == NULL || SSL_set_fd(l->ssl, l->fd) != 1)
        return failed(l, "TLS: out of memory");
    SSL_set_app_data(l->ssl, l);
    SSL_set_connect_state(l->ssl);
    if (l->resume && l->session != NULL)
        (void)SSL_set_session(l->ssl, l->session);
    l->state = LINK_HANDSHAKE;
    return 0;
}

static void piece(struct link *l, struct link_piece p)
{
    must(l->out_n < LINK_PIECES);
    l->out[l->out_n++] = p;
}

void link_put(struct link *l, struct span s)
{
    size_t at = l->copied.n;
    struct link_piece *last = l->out_n > 0 ? &l->out[l->out_n - 1] : NULL;
    buf_put(&l->copied, s);
    must(l->copied.err == 0);
    if (last != NULL && last->p == NULL)
        last->n += s.n;
    else
        piece(l, (struct link_piece){NULL, at, s.n});
}

void link_put_ref(struct link *l, struct span s)
{
    piece(l, (struct link_piece){s.p, 0, s.n});
}

/* The unsent output as iovecs. */
static int gather(const struct link *l, struct iovec *iov)
{
    for (size_t i = 0; i < l->out_n; i++) {
        const struct link_piece *o = &l->out[i];
        const char *p = o->p != NULL ? o->p : l->copied.p + o->offset;
        size_t gone = i == 0 ? l->out_sent : 0;
        iov[i].iov_base = (char *)(uintptr_t)(p + gone);
        iov[i].iov_len = o->n - gone;
    }
    return (int)l->out_n;
}

static void sent(struct link *l, size_t n)
{
    size_t done = 0;
    l->out_sent += n;
    while (done < l->out_n && l->out_sent >= l->out[done].n)
        l->out_sent -= l->out[done++].n;
    l->out_n -= done;
    memmove(l->out, l->out + done, l->out_n * sizeof(l->out[0]));
    if (l->out_n == 0)
        buf_clear(&l->copied);
}

static int tls_failed(struct link *l, const char *what, int code)
{
    unsigned long e = ERR_get_error();
    const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;
    int rc = failed(l, "%s: %s", what,
                    reason != NULL                  ? reason
                    : code == SSL_ERROR_ZERO_RETURN ? "the server closed the connection"
                    : errno != 0                    ? strerror(errno)
                                                    : "the server closed the connection");
    ERR_clear_error();
    return rc;
}

static ssize_t send_tls(struct link *l, const struct iovec *iov, int n)
{
    static char record[RECORD];
    size_t have = 0;
    int rc, code;
    for (int i = 0; i < n && have < RECORD; i++) {
        size_t part = iov[i].iov_len < RECORD - have ? iov[i].iov_len : RECORD - have;
        memcpy(record + have, iov[i].iov_base, part);
        have += part;
    }
    rc = SSL_write(l->ssl, record, (int)have);
    if (rc > 0)
        return rc;
    code = SSL_get_error(l->ssl, rc);
    return code == SSL_ERROR_WANT_WRITE || code == SSL_ERROR_WANT_READ
               ? 0
               : tls_failed(l, "TLS write", code);
}

static ssize_t send_plain(struct link *l, struct iovec *iov, int n)
{
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
    ssize_t rc = sendmsg(l->fd, &m, MSG_NOSIGNAL);
    if (rc >= 0)
        return rc;
    return errno == EAGAIN ? 0 : failed(l, "write: %s", strerror(errno));
}

int link_flush(struct link *l)
{
    while (l->state == LINK_OPEN && l->out_n > 0) {
        struct iovec iov[LINK_PIECES];
        int n = gather(l, iov);
        ssize_t rc = l->ssl != NULL ? send_tls(l, iov, n) : send_plain(l, iov, n);
        if (rc < 0)
            return -1;
        if (rc == 0)
            return watch(l, EPOLLIN | EPOLLOUT);
        sent(l, (size_t)rc);
    }
    return l->state == LINK_OPEN ? watch(l, EPOLLIN) : 0;
}

static enum link_io handshake(struct link *l)
{
    int rc = SSL_do_handshake(l->ssl), code;
    if (rc == 1) {
        l->state = LINK_OPEN;
        l->resumed = SSL_session_reused(l->ssl) == 1;
        return watch(l, EPOLLIN) == 0 ? LINK_IO_UP : LINK_IO_FAILED;
    }
    code = SSL_get_error(l->ssl, rc);
    if (code == SSL_ERROR_WANT_READ)
        return watch(l, EPOLLIN) == 0 ? LINK_IO_OK : LINK_IO_FAILED;
    if (code == SSL_ERROR_WANT_WRITE)
        return watch(l, EPOLLIN | EPOLLOUT) == 0 ? LINK_IO_OK : LINK_IO_FAILED;
    (void)tls_failed(l, "TLS handshake", code);
    return LINK_IO_FAILED;
}

static enum link_io connected(struct link *l)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        (void)failed(l, "connect: %s", strerror(error));
        return LINK_IO_FAILED;
    }
    l->state = LINK_OPEN;
    if (l->tls_from_start)
        return link_starttls(l) == 0 ? handshake(l) : LINK_IO_FAILED;
    return watch(l, EPOLLIN) == 0 ? LINK_IO_UP : LINK_IO_FAILED;
}

static enum link_io read_some(struct link *l)
{
    char *room = buf_room(&l->in, READ_SIZE);
    ssize_t rc;
    if (room == NULL) {
        (void)failed(l, "the server sent a line without an end");
        return LINK_IO_FAILED;
    }
    errno = 0;
    if (l->ssl != NULL) {
        rc = SSL_read(l->ssl, room, READ_SIZE);
        if (rc <= 0) {
            int code = SSL_get_error(l->ssl, (int)rc);
            if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
                return LINK_IO_OK;
            if (code == SSL_ERROR_ZERO_RETURN)
                return LINK_IO_END;
            (void)tls_failed(l, "TLS read", code);
            return LINK_IO_FAILED;
        }
        buf_added(&l->in, (size_t)rc);
        return LINK_IO_MORE;
    }
    rc = recv(l->fd, room, READ_SIZE, 0);
    if (rc > 0) {
        buf_added(&l->in, (size_t)rc);
        return LINK_IO_MORE;
    }
    if (rc == 0)
        return LINK_IO_END;
    if (errno == EAGAIN)
        return LINK_IO_OK;
    (void)failed(l, "read: %s", strerror(errno));
    return LINK_IO_FAILED;
}

static enum link_io read_slim(struct link *l)
{
    enum link_io io = read_some(l);
    if (io == LINK_IO_OK && l->slim && l->in.n == 0) {
        buf_done(&l->in);
        buf_init(&l->in, IN_MAX);
    }
    return io;
}

enum link_io link_io(struct link *l)
{
    switch (l->state) {
    case LINK_CLOSED: return LINK_IO_OK;
    case LINK_CONNECTING: return connected(l);
    case LINK_HANDSHAKE: return handshake(l);
    case LINK_OPEN: break;
    }
    if (l->out_n > 0 && link_flush(l) < 0)
        return LINK_IO_FAILED;
    return read_slim(l);
}
