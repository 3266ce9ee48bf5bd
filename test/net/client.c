/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool
start(struct client *c, int domain, const struct sockaddr *to, socklen_t n, int receive_buffer)
{
    struct timeval ten = {.tv_sec = 10};
    memset(c, 0, sizeof *c);
    buf_init(&c->in, 1 << 20);
    c->fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &ten, sizeof ten);
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &ten, sizeof ten);
    if (receive_buffer > 0)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    return connect(c->fd, to, n) == 0;
}

bool client_open(struct client *c, uint16_t port)
{
    return client_open_narrow(c, port, 0);
}

bool client_open_narrow(struct client *c, uint16_t port, int receive_buffer)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return start(c, AF_INET, (struct sockaddr *)&a, sizeof a, receive_buffer);
}

bool client_open_unix(struct client *c, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    return start(c, AF_UNIX, (struct sockaddr *)&a, sizeof a, 0);
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct client *c = SSL_get_app_data(ssl);
    SSL_SESSION_free(c->ticket);
    c->ticket = session;
    return 1;
}

bool client_tls(struct client *c, const char *sni, SSL_SESSION *ticket, int max_version)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    if (c->ctx == NULL)
        return false;
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ctx, on_ticket);
    SSL_CTX_set_security_level(c->ctx, 0);
    if (max_version != 0) {
        (void)SSL_CTX_set_min_proto_version(c->ctx, 0);
        (void)SSL_CTX_set_max_proto_version(c->ctx, max_version);
    }
    c->ssl = SSL_new(c->ctx);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
        return false;
    SSL_set_app_data(c->ssl, c);
    if (sni != NULL)
        (void)SSL_set_tlsext_host_name(c->ssl, sni);
    if (ticket != NULL)
        (void)SSL_set_session(c->ssl, ticket);
    return SSL_connect(c->ssl) == 1;
}

static bool send_kept(struct client *c, char change)
{
    char bytes[8192];
    int n = BIO_read(SSL_get_wbio(c->ssl), bytes, sizeof bytes);
    if (n <= 0)
        return false;
    bytes[n - 1] = (char)(bytes[n - 1] ^ change);
    return send(c->fd, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

bool client_tls_unfinished(struct client *c)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    c->ssl = c->ctx == NULL ? NULL : SSL_new(c->ctx);
    if (c->ssl == NULL)
        return false;
    SSL_set_bio(c->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (SSL_connect(c->ssl) == 1 || !send_kept(c, 0)) /* there is nothing to read yet */
        return false;
    SSL_set0_rbio(c->ssl, BIO_new_socket(c->fd, BIO_NOCLOSE));
    return SSL_connect(c->ssl) == 1;
}

bool client_finishes(struct client *c, char change)
{
    bool ok = send_kept(c, change);
    SSL_set0_wbio(c->ssl, BIO_new_socket(c->fd, BIO_NOCLOSE));
    return ok;
}

bool client_send(struct client *c, struct span bytes)
{
    while (bytes.n > 0) {
        size_t n = 0;
        if (c->ssl != NULL) {
            if (SSL_write_ex(c->ssl, bytes.p, bytes.n, &n) != 1)
                return false;
        } else {
            ssize_t sent = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
            if (sent <= 0)
                return false;
            n = (size_t)sent;
        }
        bytes = span_from(bytes, n);
    }
    return true;
}

bool client_sends(struct client *c, const char *text)
{
    return client_send(c, span_str(text));
}

/* 0, or what client_line says instead of a line. */
static const char *more(struct client *c)
{
    char *room = buf_room(&c->in, 65536);
    size_t n = 0;
    must(room != NULL);
    if (c->ssl != NULL) {
        if (SSL_read_ex(c->ssl, room, 65536, &n) != 1)
            return SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN ? "(end)" : "(reset)";
    } else {
        ssize_t got = recv(c->fd, room, 65536, 0);
        if (got <= 0)
            return got == 0 ? "(end)" : errno == EAGAIN ? "(silence)" : "(reset)";
        n = (size_t)got;
    }
    buf_added(&c->in, n);
    return NULL;
}

const char *client_line(struct client *c)
{
    static _Thread_local char line[2048];
    ssize_t end;
    while ((end = span_find(buf_span(&c->in), SPAN("\r\n"))) < 0) {
        const char *instead = more(c);
        if (instead != NULL)
            return instead;
    }
    snprintf(line, sizeof line, "%.*s", (int)end, c->in.p);
    buf_consume(&c->in, (size_t)end + 2);
    return line;
}

bool client_skip(struct client *c, size_t n)
{
    for (;;) {
        size_t part = c->in.n < n ? c->in.n : n;
        buf_consume(&c->in, part);
        n -= part;
        if (n == 0)
            return true;
        if (more(c) != NULL)
            return false;
    }
}

void client_half_close(struct client *c)
{
    (void)shutdown(c->fd, SHUT_WR);
}

void client_reset(struct client *c)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(c);
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    SSL_SESSION_free(c->ticket);
    if (c->fd >= 0)
        close(c->fd);
    buf_done(&c->in);
    ERR_clear_error();
    memset(c, 0, sizeof *c);
    c->fd = -1;
}
