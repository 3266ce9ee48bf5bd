/* SPDX-License-Identifier: Apache-2.0 */
/* See base/files.h. */
#include "base/files.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int failed(void)
{
    return err_from_errno(errno);
}

/* Closes; what went wrong first is what counts. */
static int close_after(int fd, bool ok)
{
    int first = errno;
    bool closed = close(fd) == 0;
    if (ok && closed)
        return 0;
    if (!ok)
        errno = first;
    return failed();
}

static bool write_all(int fd, struct span bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = span_from(bytes, (size_t)n);
    }
    return true;
}

int file_make(const char *path, mode_t mode, struct span bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return failed();
    return close_after(fd, write_all(fd, bytes) && fsync(fd) == 0);
}

int folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES) {
        sync(); /* one may make a name in a folder that one must not read */
        return 0;
    }
    if (fd < 0)
        return failed();
    return close_after(fd, fsync(fd) == 0);
}

int folder_sync_above(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    char *above = n > 0 ? strndup(path, n) : strdup(".");
    if (above == NULL)
        return ERR_NOMEM;
    int err = folder_sync(above);
    free(above);
    return err;
}
