/* SPDX-License-Identifier: Apache-2.0 */
/* `pending` holds the newest bytes, at most LIMIT_SPOOL_MEMORY of them; when it would overflow it
 * is written to the file, which is made then. So a small message never touches the disk, and a
 * large one that comes line by line costs one write(2) per 128 KiB. */
#include "base/spool.h"
#include "base/err.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

struct spool {
    const char *dir;
    uint64_t max;
    uint64_t size;    /* of the whole payload */
    uint64_t in_file; /* how much of it is in the file */
    struct buf pending;
    int fd; /* -1 while there is no file */
    void *map;
    size_t map_size;
    int err; /* sticky */
};

struct spool *spool_new(const char *dir, uint64_t max)
{
    struct spool *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->dir = dir;
    s->max = max;
    s->fd = -1;
    buf_init(&s->pending, LIMIT_SPOOL_MEMORY);
    return s;
}

static void spool_unmap(struct spool *s)
{
    if (s->map != NULL)
        (void)munmap(s->map, s->map_size);
    s->map = NULL;
}

void spool_reset(struct spool *s)
{
    spool_unmap(s);
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    buf_done(&s->pending);
    s->size = s->in_file = 0;
    s->err = 0;
}

void spool_free(struct spool *s)
{
    if (s == NULL)
        return;
    spool_reset(s);
    free(s);
}

/* O_TMPFILE has no name at any moment; file systems without it (NFS, some overlays) get a name that
 * is removed at once. */
static int spool_open(struct spool *s)
{
    char path[4096];
    s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd >= 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return err_from_errno(errno);
    int n = snprintf(path, sizeof path, "%s/.spool-XXXXXX", s->dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return ERR_IO;
    s->fd = mkostemp(path, O_CLOEXEC);
    if (s->fd < 0)
        return err_from_errno(errno);
    (void)unlink(path);
    return 0;
}

static int spool_to_file(struct spool *s, struct span bytes)
{
    if (s->fd < 0) {
        int err = spool_open(s);
        if (err != 0) /* a missing or closed folder is the operator's fault, never the peer's */
            return err == ERR_DISK_FULL || err == ERR_NOMEM ? err : ERR_IO;
    }
    while (bytes.n > 0) {
        ssize_t wrote = write(s->fd, bytes.p, bytes.n);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return err_from_errno(errno) == ERR_DISK_FULL ? ERR_DISK_FULL : ERR_IO;
        s->in_file += (uint64_t)wrote;
        bytes = span_from(bytes, (size_t)wrote);
    }
    return 0;
}

static int spool_flush(struct spool *s)
{
    int err = spool_to_file(s, buf_span(&s->pending));
    buf_clear(&s->pending);
    return err;
}

int spool_write(struct spool *s, struct span bytes)
{
    if (s->err != 0)
        return s->err;
    spool_unmap(s);
    if (bytes.n > s->max - s->size)
        return s->err = ERR_TOO_BIG;
    if (bytes.n > LIMIT_SPOOL_MEMORY - s->pending.n)
        s->err = spool_flush(s);
    if (s->err == 0 && bytes.n > LIMIT_SPOOL_MEMORY)
        s->err = spool_to_file(s, bytes);
    else if (s->err == 0) {
        buf_put(&s->pending, bytes);
        s->err = s->pending.err;
    }
    if (s->err == 0)
        s->size += bytes.n;
    return s->err;
}

uint64_t spool_size(const struct spool *s)
{
    return s->size;
}

int spool_view(struct spool *s, struct span *out)
{
    if (s->err != 0)
        return s->err;
    if (s->fd < 0) {
        *out = buf_span(&s->pending);
        return 0;
    }
    s->err = spool_flush(s);
    if (s->err != 0)
        return s->err;
    if (s->map == NULL) {
        void *map = mmap(NULL, (size_t)s->in_file, PROT_READ, MAP_PRIVATE, s->fd, 0);
        if (map == MAP_FAILED)
            return errno == ENOMEM ? ERR_NOMEM : ERR_IO;
        s->map = map;
        s->map_size = (size_t)s->in_file;
    }
    *out = span_of(s->map, s->map_size);
    return 0;
}
