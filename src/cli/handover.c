/* SPDX-License-Identifier: Apache-2.0 */
/* The answer's bytes, in this order: error, its words; then, without an error, path and text of the
 * configuration, certificates and keys in the order of the configuration, whether there is a log;
 * then for a start: identity, master, restarts, the port of each socket. Its descriptors: the memory file
 * with those bytes, the log, and for a start the lock and the sockets. */
#include "cli/handover.h"

#include "base/err.h"
#include "base/pack.h"
#include "net/tls_pem.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FDS_MAX = HANDOVER_SOCKETS_MAX + 3,
    WAIT_MS = 60 * 1000, /* the master reads a few files; a disk may be slow */
};

struct question {
    uint32_t what, serial;
};

/* ---- settings ------------------------------------------------------------------------------ */

static void wipe(struct buf *b)
{
    if (b->n > 0)
        explicit_bzero(b->p, b->n);
    buf_done(b);
}

void settings_done(struct settings *s)
{
    for (size_t i = 0; s->certs != NULL && i < s->config->tls_cert.n; i++)
        buf_done(&s->certs[i]);
    for (size_t i = 0; s->keys != NULL && i < s->config->tls_cert.n; i++)
        wipe(&s->keys[i]);
    free(s->certs);
    free(s->keys);
    if (s->config != NULL)
        buf_done(&s->text);
    if (s->log_fd > STDERR_FILENO)
        close(s->log_fd);
    config_unref(s->config);
    *s = (struct settings){0};
}

int settings_read(const char *path, struct settings *out, struct buf *why)
{
    struct settings s = {.log_fd = -1};
    buf_init(&s.text, CONFIG_READ_MAX);
    int err = config_read(path, &s.text, why);
    if (err == 0)
        err = config_parse(buf_span(&s.text), path, why, &s.config);
    if (err != 0) {
        buf_done(&s.text);
        return err;
    }
    size_t n = s.config->tls_cert.n;
    s.certs = calloc(n + 1, sizeof *s.certs);
    s.keys = calloc(n + 1, sizeof *s.keys);
    if (s.certs == NULL || s.keys == NULL)
        err = ERR_NOMEM;
    for (size_t i = 0; err == 0 && i < n; i++) {
        buf_init(&s.certs[i], TLS_PEM_MAX);
        buf_init(&s.keys[i], TLS_PEM_MAX);
        err = tls_pem_read(s.config->tls_cert.v[i], TLS_PEM_CERT, &s.certs[i], why);
        if (err == 0)
            err = tls_pem_read(s.config->tls_key.v[i], TLS_PEM_KEY, &s.keys[i], why);
    }
    if (err != 0)
        settings_done(&s);
    else
        *out = s;
    return err;
}

/* ---- the master's side --------------------------------------------------------------------- */

int handover_asked(int fd, uint32_t *serial)
{
    struct question q;
    ssize_t n = recv(fd, &q, sizeof q, MSG_DONTWAIT); /* descriptors that come along are dropped */
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return ERR_CLOSED;
    if (n != (ssize_t)sizeof q || q.what < HANDOVER_START || q.what > HANDOVER_TAKEN)
        return 0;
    *serial = q.serial;
    return (int)q.what;
}

static void pack_settings(struct buf *b, const struct settings *s)
{
    pack_span(b, span_str(s->config->path));
    pack_span(b, buf_span(&s->text));
    for (size_t i = 0; i < s->config->tls_cert.n; i++) {
        pack_span(b, buf_span(&s->certs[i]));
        pack_span(b, buf_span(&s->keys[i]));
    }
    pack_u8(b, s->log_fd >= 0);
}

static void pack_start(struct buf *b, const struct handover_start *start)
{
    pack_span(b, span_of((const char *)&start->who, sizeof start->who));
    pack_int(b, start->master);
    pack_uint(b, start->restarts);
    pack_uint(b, start->sockets_n);
    for (size_t i = 0; i < start->sockets_n; i++)
        pack_uint(b, start->ports[i]);
}

/* A file without a name that holds the bytes; -1 with errno. */
static int memory_file(struct span bytes)
{
    int fd = memfd_create("mailstead-handover", MFD_CLOEXEC);
    while (fd >= 0 && bytes.n > 0) {
        ssize_t wrote = write(fd, bytes.p, bytes.n);
        if (wrote < 0) {
            close(fd);
            return -1;
        }
        bytes = span_from(bytes, (size_t)wrote);
    }
    return fd;
}

static int send_fds(int fd, uint32_t serial, const int *fds, size_t n)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control = {{0}};
    struct iovec iov = {&serial, sizeof serial};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? err_from_errno(errno) : 0;
}

int handover_answer(int fd,
                    uint32_t serial,
                    const struct settings *settings,
                    const struct handover_start *start,
                    int err,
                    struct span why)
{
    int fds[FDS_MAX];
    size_t n = 1;
    struct buf b;
    buf_init(&b, HANDOVER_MAX);
    pack_int(&b, err);
    pack_span(&b, why);
    if (err == 0) {
        pack_settings(&b, settings);
        if (settings->log_fd >= 0)
            fds[n++] = settings->log_fd;
        if (start != NULL) {
            must(start->sockets_n <= HANDOVER_SOCKETS_MAX);
            pack_start(&b, start);
            fds[n++] = start->lock_fd;
            for (size_t i = 0; i < start->sockets_n; i++)
                fds[n++] = start->sockets[i];
        }
    }
    int rc = b.err;
    fds[0] = rc == 0 ? memory_file(buf_span(&b)) : -1;
    if (rc == 0 && fds[0] < 0)
        rc = err_from_errno(errno);
    if (rc == 0)
        rc = send_fds(fd, serial, fds, n);
    if (fds[0] >= 0)
        close(fds[0]);
    wipe(&b);
    return rc;
}

/* ---- the child's side ---------------------------------------------------------------------- */

/* The number of descriptors, or negative. */
/* NOLINTNEXTLINE(readability-non-const-parameter): recvmsg writes through both */
static int receive_fds(int fd, uint32_t *serial, int fds[static FDS_MAX])
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {serial, sizeof *serial};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (got != (ssize_t)sizeof *serial || c == NULL || c->cmsg_type != SCM_RIGHTS)
        return ERR_CLOSED;
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), n * sizeof(int));
    return (int)n;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

static int read_all(int fd, struct buf *to)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_from_errno(errno);
    size_t n = (size_t)st.st_size;
    buf_init(to, HANDOVER_MAX);
    char *room = buf_room(to, n);
    if (room == NULL)
        return to->err;
    for (size_t at = 0; at < n;) {
        ssize_t got = pread(fd, room + at, n - at, (off_t)at);
        if (got <= 0)
            return ERR_IO;
        at += (size_t)got;
    }
    buf_added(to, n);
    return 0;
}

static int unpack_settings(struct handover *h, struct unpack *u, struct buf *why)
{
    char path[4096];
    struct span name = unpack_span(u), text = unpack_span(u);
    if (u->bad || !span_to_cstr(name, path, sizeof path))
        return ERR_CORRUPT;
    int err = config_parse(text, path, why, &h->config);
    if (err != 0)
        return err;
    size_t n = h->config->tls_cert.n;
    h->cert_pems = calloc(n + 1, sizeof *h->cert_pems);
    h->key_pems = calloc(n + 1, sizeof *h->key_pems);
    if (h->cert_pems == NULL || h->key_pems == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        h->cert_pems[i] = unpack_span(u);
        h->key_pems[i] = unpack_span(u);
    }
    return 0;
}

static int unpack_start(struct handover *h, struct unpack *u)
{
    struct span who = unpack_span(u);
    if (who.n != sizeof h->start.who)
        return ERR_CORRUPT;
    memcpy(&h->start.who, who.p, who.n);
    h->start.master = (pid_t)unpack_int(u);
    h->start.restarts = unpack_uint(u);
    uint64_t n = unpack_uint(u);
    if (n > HANDOVER_SOCKETS_MAX)
        return ERR_CORRUPT;
    h->start.sockets_n = (size_t)n;
    for (size_t i = 0; i < h->start.sockets_n; i++) {
        h->start.ports[i] = (unsigned)unpack_uint(u);
    }
    return 0;
}

/* Bytes and descriptors to what they mean. */
static int understand(struct handover *h, bool start, const int *fds, size_t fds_n, struct buf *why)
{
    struct unpack u = unpack_of(buf_span(&h->bytes));
    size_t at = 1;
    int err = (int)unpack_int(&u);
    struct span words = unpack_span(&u);
    if (err != 0) {
        buf_put(why, words);
        return err;
    }
    err = unpack_settings(h, &u, why);
    bool log = err == 0 && unpack_u8(&u) != 0;
    if (err == 0 && start)
        err = unpack_start(h, &u);
    if (err == 0)
        err = unpack_end(&u);
    if (err != 0)
        return err;
    if (fds_n != 1u + log + (start ? 1 + h->start.sockets_n : 0))
        return ERR_CORRUPT;
    h->log_fd = log ? fds[at++] : -1;
    if (start) {
        h->start.lock_fd = fds[at++];
        memcpy(h->start.sockets, fds + at, h->start.sockets_n * sizeof *fds);
    }
    return 0;
}

static int ask(int fd, enum handover_ask what, uint32_t serial)
{
    struct question q = {what, serial};
    return send(fd, &q, sizeof q, MSG_NOSIGNAL) == (ssize_t)sizeof q ? 0 : ERR_CLOSED;
}

/* The descriptors of the answer to `serial`; those to earlier questions, which we gave up waiting
 * for, are dropped. */
static int wait_answer(int fd, uint32_t serial, int fds[static FDS_MAX])
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint32_t answered;
        int ready = poll(&p, 1, WAIT_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return ERR_TIMEOUT;
        int n = receive_fds(fd, &answered, fds);
        if (n < 0 || answered == serial)
            return n;
        close_all(fds, (size_t)n);
    }
}

int handover_get(int fd, enum handover_ask what, struct handover *out, struct buf *why)
{
    static uint32_t serial; /* one asks at a time */
    int fds[FDS_MAX], n = 0;
    *out = (struct handover){.log_fd = -1};
    int err = ask(fd, what, ++serial);
    if (err == 0)
        n = wait_answer(fd, serial, fds);
    if (err != 0 || n < 1) {
        buf_puts(why, "the master process does not answer");
        return err != 0 ? err : n < 0 ? n : ERR_CLOSED;
    }
    err = read_all(fds[0], &out->bytes);
    if (err == 0)
        err = understand(out, what == HANDOVER_START, fds, (size_t)n, why);
    close_all(fds, err == 0 ? 1 : (size_t)n);
    if (err != 0)
        handover_done(out);
    return err;
}

void handover_done(struct handover *h)
{
    config_unref(h->config);
    free(h->cert_pems);
    free(h->key_pems);
    wipe(&h->bytes);
    h->config = NULL;
    h->cert_pems = h->key_pems = NULL;
}

void handover_taken(int fd)
{
    (void)ask(fd, HANDOVER_TAKEN, 0); /* a master that is gone takes us along */
}
