/* SPDX-License-Identifier: Apache-2.0 */
/* `pending` holds the newest bytes, at most LIMIT_SPOOL_MEMORY of them; when it would overflow it
 * is written to the file, which is made then. So a small message never touches the disk, and a
 * large one that comes line by line costs one write(2) per 128 KiB. */
#include "base/spool.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { TELL_MS = 60 * 1000 };

struct spool {
    struct spools *all;
    uint64_t max;
    uint64_t size;    /* of the whole payload */
    uint64_t in_file; /* how much of it is in the file */
    struct buf pending;
    int fd; /* -1 while there is no file */
    void *map;
    size_t map_size;
    int err; /* sticky */
};

struct spool *spool_new(struct spools *all, uint64_t max)
{
    struct spool *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->all = all;
    s->max = max;
    s->fd = -1;
    buf_init(&s->pending, LIMIT_SPOOL_MEMORY);
    s->pending.budget = all->memory;
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
    if (s->fd >= 0) {
        (void)close(s->fd);
        budget_add(&s->all->files, -1);
        budget_add(&s->all->bytes, -(int64_t)s->in_file);
    }
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

/* Once a minute at most: one line tells the operator, thousands would fill the disk. */
static int no_room(struct spools *all, const char *what)
{
    int64_t now = clock_system()->mono_ms(clock_system());
    int64_t told = __atomic_load_n(&all->told_ms, __ATOMIC_RELAXED);
    if ((told == 0 || now - told >= TELL_MS) &&
        __atomic_compare_exchange_n(&all->told_ms, &told, now, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
        log_event(LOG_WARN, "spool.full", LOG_Z("what", what),
                  LOG_I("files", budget_used(&all->files)),
                  LOG_I("bytes", budget_used(&all->bytes)));
    return ERR_NO_ROOM;
}

/* O_TMPFILE has no name at any moment; file systems without it (NFS, some overlays) get a name that
 * is removed at once. */
static int spool_open(struct spool *s)
{
    char path[4096];
    s->fd = open(s->all->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd >= 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return err_from_errno(errno);
    int n = snprintf(path, sizeof path, "%s/.spool-XXXXXX", s->all->dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return ERR_IO;
    s->fd = mkostemp(path, O_CLOEXEC);
    if (s->fd < 0)
        return err_from_errno(errno);
    (void)unlink(path);
    return 0;
}

static int spool_make_file(struct spool *s)
{
    if (!budget_take(&s->all->files, 1))
        return no_room(s->all, "too many temporary files");
    int err = spool_open(s);
    if (err == 0)
        return 0;
    budget_add(&s->all->files, -1);
    /* a missing or closed folder is the operator's fault, never the peer's */
    return err == ERR_DISK_FULL || err == ERR_NOMEM ? err : ERR_IO;
}

/* What deletes and the store's upkeep need is left alone. */
static bool has_space(const struct spool *s, size_t n)
{
    struct statvfs vfs;
    return fstatvfs(s->fd, &vfs) != 0 ||
           (uint64_t)vfs.f_bavail * vfs.f_frsize >= (uint64_t)LIMIT_SPOOL_RESERVE + n;
}

static int spool_to_file(struct spool *s, struct span bytes)
{
    int err = s->fd < 0 ? spool_make_file(s) : 0;
    if (err != 0)
        return err;
    if (!has_space(s, bytes.n))
        return ERR_DISK_FULL;
    while (bytes.n > 0) {
        if (!budget_take(&s->all->bytes, (int64_t)bytes.n))
            return no_room(s->all, "too many bytes of messages that are on their way in");
        ssize_t wrote = write(s->fd, bytes.p, bytes.n);
        budget_add(&s->all->bytes, wrote < 0 ? -(int64_t)bytes.n : wrote - (ssize_t)bytes.n);
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
    if (budget_is_short(s->all->memory))
        buf_done(&s->pending);
    else
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
    size_t most = budget_is_short(s->all->memory) ? 0 : LIMIT_SPOOL_MEMORY;
    if (s->pending.n > 0 && (most < s->pending.n || bytes.n > most - s->pending.n))
        s->err = spool_flush(s);
    if (s->err == 0 && bytes.n > most)
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
