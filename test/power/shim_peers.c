/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says to accepted connections and hears from them, in order with what it writes: a promise
 * counts from the moment its bytes are given to the kernel. See shim.h; write and writev are in
 * shim_files.c. */
#include "shim.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof(peer);
    if (!shim_is_on())
        return (int)syscall(SYS_accept4, fd, address, size, flags);
    int got = (int)syscall(SYS_accept4, fd, &peer, &n, flags);
    if (got >= 0) {
        int port = 0; /* of a Unix socket */
        if (peer.ss_family == AF_INET)
            port = ntohs(((struct sockaddr_in *)&peer)->sin_port);
        else if (peer.ss_family == AF_INET6)
            port = ntohs(((struct sockaddr_in6 *)&peer)->sin6_port);
        shim_lock();
        *shim_fd(got) = (struct shim_fd){.what = SHIM_PEER, .port = port};
        shim_unlock();
    }
    if (got >= 0 && address != NULL && size != NULL) {
        memcpy(address, &peer, *size < n ? *size : n);
        *size = n;
    }
    return got;
}

EXPORT int accept(int fd, struct sockaddr *address, socklen_t *size)
{
    return accept4(fd, address, size, 0);
}

static int peer_of(int fd)
{
    if (!shim_is_on())
        return -1;
    shim_lock();
    int port = shim_fd(fd)->what == SHIM_PEER ? shim_fd(fd)->port : -1;
    shim_unlock();
    return port;
}

static void note(enum shim_kind kind, int port, const struct iovec *v, size_t n, ssize_t done)
{
    size_t most = kind == SHIM_RECEIVE ? SHIM_RECEIVE_MAX : SIZE_MAX;
    int error = errno;
    for (size_t i = 0; i < n && done > 0; i++) {
        size_t part = v[i].iov_len < (size_t)done ? v[i].iov_len : (size_t)done;
        done -= (ssize_t)part;
        if (part > most)
            part = most;
        if (part > 0)
            shim_write(&(struct shim_record){
                .kind = kind, .a = port, .data = v[i].iov_base, .data_n = part});
    }
    errno = error;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    int port = peer_of(fd);
    if (port < 0)
        return syscall(SYS_sendmsg, fd, m, flags);
    shim_lock();
    ssize_t done = syscall(SYS_sendmsg, fd, m, flags);
    note(SHIM_SEND, port, m->msg_iov, m->msg_iovlen, done);
    shim_unlock();
    return done;
}

EXPORT ssize_t
sendto(int fd, const void *bytes, size_t n, int flags, const struct sockaddr *to, socklen_t size)
{
    int port = peer_of(fd);
    if (port < 0)
        return syscall(SYS_sendto, fd, bytes, n, flags, to, size);
    struct iovec v = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
    shim_lock();
    ssize_t done = syscall(SYS_sendto, fd, bytes, n, flags, to, size);
    note(SHIM_SEND, port, &v, 1, done);
    shim_unlock();
    return done;
}

EXPORT ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    return sendto(fd, bytes, n, flags, NULL, 0);
}

/* What is heard is noted after it was read: the server does nothing about it before. */
EXPORT ssize_t read(int fd, void *bytes, size_t n)
{
    ssize_t done = syscall(SYS_read, fd, bytes, n);
    int error = errno;
    int port = done > 0 ? peer_of(fd) : -1;
    if (port >= 0) {
        struct iovec v = {.iov_base = bytes, .iov_len = n};
        shim_lock();
        note(SHIM_RECEIVE, port, &v, 1, done);
        shim_unlock();
    }
    errno = error;
    return done;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    ssize_t done = syscall(SYS_recvmsg, fd, m, flags);
    int error = errno;
    int port = done > 0 ? peer_of(fd) : -1;
    if (port >= 0) {
        shim_lock();
        note(SHIM_RECEIVE, port, m->msg_iov, m->msg_iovlen, done);
        shim_unlock();
    }
    errno = error;
    return done;
}

EXPORT ssize_t
recvfrom(int fd, void *bytes, size_t n, int flags, struct sockaddr *from, socklen_t *size)
{
    ssize_t done = syscall(SYS_recvfrom, fd, bytes, n, flags, from, size);
    int error = errno;
    int port = done > 0 ? peer_of(fd) : -1;
    if (port >= 0) {
        struct iovec v = {.iov_base = bytes, .iov_len = n};
        shim_lock();
        note(SHIM_RECEIVE, port, &v, 1, done);
        shim_unlock();
    }
    errno = error;
    return done;
}

EXPORT ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
    return recvfrom(fd, bytes, n, flags, NULL, NULL);
}
