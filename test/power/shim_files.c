/* SPDX-License-Identifier: Apache-2.0 */
/* What a program does with the content of files: open, write, cut, sync, close. See shim.h.
 *
 * The names with 64 are the same functions on this platform. What goes to other folders passes through. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT      __attribute__((visibility("default")))
#define ALIAS(name) __attribute__((visibility("default"), alias(#name)))

/* ---- open and close ---------------------------------------------------------------------- */

static void forget(int fd)
{
    if (!shim_is_on())
        return;
    shim_lock();
    *shim_fd(fd) = (struct shim_fd){0};
    shim_unlock();
}

static void note_open(int fd, const char *path, int flags, bool was_there, int64_t size)
{
    struct stat st;
    bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
    if (fstat(fd, &st) != 0)
        shim_die("a file that cannot be looked at", path);
    bool folder = S_ISDIR(st.st_mode);
    struct shim_fd *f = shim_fd(fd);
    if (!folder && !S_ISREG(st.st_mode))
        shim_die("what is neither file nor folder", path);
    if (fd >= SHIM_FDS)
        shim_die("so many descriptors", path);
    *f = (struct shim_fd){.what = folder ? SHIM_FOLDER : SHIM_FILE, .file = shim_next_file()};
    uint8_t bits = 0;
    if (nameless)
        bits |= SHIM_OPEN_NAMELESS;
    else if (!was_there)
        bits |= SHIM_OPEN_CREATED;
    if ((flags & O_TRUNC) != 0 && was_there && size > 0)
        bits |= SHIM_OPEN_TRUNCATED;
    if (folder)
        bits |= SHIM_OPEN_FOLDER;
    shim_write(
        &(struct shim_record){.kind = SHIM_OPEN, .flags = bits, .file = f->file, .path = path});
}

static int do_open(int dirfd, const char *name, int flags, mode_t mode)
{
    char path[4096];
    if (!shim_is_on() || (flags & O_PATH) != 0 || !shim_path(dirfd, name, path, sizeof(path))) {
        int fd = (int)syscall(SYS_openat, dirfd, name, flags, mode);
        forget(fd);
        return fd;
    }
    struct stat st = {0};
    shim_lock();
    bool was_there = (flags & O_TMPFILE) != O_TMPFILE && lstat(path, &st) == 0;
    if (was_there && S_ISLNK(st.st_mode))
        shim_die("symbolic links", path);
    int fd = (int)syscall(SYS_openat, dirfd, name, flags, mode);
    int error = errno;
    if (fd >= 0)
        note_open(fd, path, flags, was_there, st.st_size);
    shim_unlock();
    errno = error;
    return fd;
}

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

EXPORT int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return do_open(AT_FDCWD, path, flags, mode);
}
ALIAS(open) int open64(const char *path, int flags, ...);

EXPORT int openat(int dirfd, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return do_open(dirfd, path, flags, mode);
}
ALIAS(openat) int openat64(int dirfd, const char *path, int flags, ...);

int __open_2(const char *path, int flags);
EXPORT int __open_2(const char *path, int flags)
{
    return do_open(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags);
ALIAS(__open_2) int __open64_2(const char *path, int flags);

EXPORT int creat(const char *path, mode_t mode)
{
    return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
ALIAS(creat) int creat64(const char *path, mode_t mode);

EXPORT int close(int fd)
{
    forget(fd);
    return (int)syscall(SYS_close, fd);
}

EXPORT int fclose(FILE *file)
{
    int (*real)(FILE *) = (int (*)(FILE *))dlsym(RTLD_NEXT, "fclose");
    forget(fileno(file));
    return real(file);
}

/* ---- writing ----------------------------------------------------------------------------- */

/* With the lock held, after the write: where it went. `at` < 0: to the file's own position. */
static void note_write(int fd, const struct iovec *v, int n, ssize_t wrote, off_t at)
{
    int error = errno;
    if (wrote > 0 && shim_fd(fd)->what == SHIM_FILE) {
        off_t end = at >= 0 ? at + wrote : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
        if (end < 0)
            shim_die("a file without a position", NULL);
        off_t offset = end - wrote;
        for (int i = 0; i < n && wrote > 0; i++) {
            size_t part = v[i].iov_len < (size_t)wrote ? v[i].iov_len : (size_t)wrote;
            if (part > 0)
                shim_write(&(struct shim_record){.kind = SHIM_WRITE,
                                                 .file = shim_fd(fd)->file,
                                                 .a = offset,
                                                 .data = v[i].iov_base,
                                                 .data_n = part});
            offset += (off_t)part;
            wrote -= (ssize_t)part;
        }
    } else if (wrote > 0 && shim_fd(fd)->what == SHIM_PEER) {
        for (int i = 0; i < n && wrote > 0; i++) {
            size_t part = v[i].iov_len < (size_t)wrote ? v[i].iov_len : (size_t)wrote;
            if (part > 0)
                shim_write(&(struct shim_record){.kind = SHIM_SEND,
                                                 .a = shim_fd(fd)->port,
                                                 .data = v[i].iov_base,
                                                 .data_n = part});
            wrote -= (ssize_t)part;
        }
    }
    errno = error;
}

/* Nothing else may happen to the folder between a write and its record; a descriptor that is none of ours
 * must not wait for the lock (it may be a pipe that fills up). */
static bool lock_if_known(int fd)
{
    if (!shim_is_on())
        return false;
    shim_lock();
    if (shim_fd(fd)->what != SHIM_NOTHING)
        return true;
    shim_unlock();
    return false;
}

EXPORT ssize_t write(int fd, const void *bytes, size_t n)
{
    if (!lock_if_known(fd))
        return syscall(SYS_write, fd, bytes, n);
    ssize_t wrote = syscall(SYS_write, fd, bytes, n);
    note_write(fd, &(struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = n}, 1, wrote,
               -1);
    shim_unlock();
    return wrote;
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    if (!lock_if_known(fd))
        return syscall(SYS_pwrite64, fd, bytes, n, at);
    ssize_t wrote = syscall(SYS_pwrite64, fd, bytes, n, at);
    note_write(fd, &(struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = n}, 1, wrote,
               at);
    shim_unlock();
    return wrote;
}
ALIAS(pwrite) ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at);

EXPORT ssize_t writev(int fd, const struct iovec *v, int n)
{
    if (!lock_if_known(fd))
        return syscall(SYS_writev, fd, v, n);
    ssize_t wrote = syscall(SYS_writev, fd, v, n);
    note_write(fd, v, n, wrote, -1);
    shim_unlock();
    return wrote;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    if (!lock_if_known(fd))
        return syscall(SYS_pwritev, fd, v, n, (long)at, 0L);
    ssize_t wrote = syscall(SYS_pwritev, fd, v, n, (long)at, 0L);
    note_write(fd, v, n, wrote, at);
    shim_unlock();
    return wrote;
}
ALIAS(pwritev) ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t at);

/* ---- size -------------------------------------------------------------------------------- */

EXPORT int ftruncate(int fd, off_t size)
{
    if (!lock_if_known(fd))
        return (int)syscall(SYS_ftruncate, fd, size);
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    if (rc == 0)
        shim_write(
            &(struct shim_record){.kind = SHIM_TRUNCATE, .file = shim_fd(fd)->file, .a = size});
    shim_unlock();
    return rc;
}
ALIAS(ftruncate) int ftruncate64(int fd, off_t size);

EXPORT int fallocate(int fd, int mode, off_t offset, off_t n)
{
    if (!lock_if_known(fd))
        return (int)syscall(SYS_fallocate, fd, mode, offset, n);
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) != 0)
        shim_die("this mode of fallocate", NULL);
    int rc = (int)syscall(SYS_fallocate, fd, mode, offset, n);
    if (rc == 0)
        shim_write(
            &(struct shim_record){.kind = SHIM_ALLOCATE,
                                  .flags = mode & (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE),
                                  .file = shim_fd(fd)->file,
                                  .a = offset,
                                  .b = n});
    shim_unlock();
    return rc;
}
ALIAS(fallocate) int fallocate64(int fd, int mode, off_t offset, off_t n);

EXPORT int posix_fallocate(int fd, off_t offset, off_t n)
{
    return fallocate(fd, 0, offset, n) == 0 ? 0 : errno;
}
ALIAS(posix_fallocate) int posix_fallocate64(int fd, off_t offset, off_t n);

/* ---- sync -------------------------------------------------------------------------------- */

/* Others write meanwhile: that is what makes a sync interesting. */
static int disk_takes_time(void)
{
    return nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL) * 0;
}

static int do_sync(int fd, long call)
{
    static int64_t number;
    if (!lock_if_known(fd))
        return shim_sync_mode() == SHIM_SYNC_SKIP ? 0 : (int)syscall(call, fd);
    struct shim_fd f = *shim_fd(fd);
    bool lie = shim_sync_mode() == SHIM_SYNC_LIE ||
               (shim_sync_mode() == SHIM_SYNC_LIE_FOLDERS && f.what == SHIM_FOLDER);
    struct shim_record r = {.kind = SHIM_SYNC_BEGIN, .file = f.file, .a = ++number};
    if (!lie)
        shim_write(&r);
    shim_unlock();
    if (lie)
        return 0;
    int rc = shim_sync_mode() == SHIM_SYNC_SKIP ? disk_takes_time() : (int)syscall(call, fd);
    shim_lock();
    r.kind = SHIM_SYNC_END;
    if (rc == 0)
        shim_write(&r);
    shim_unlock();
    return rc;
}

EXPORT int fsync(int fd)
{
    return do_sync(fd, SYS_fsync);
}

/* As good as fsync for us: a file is its bytes and its size, and fdatasync promises both (its times are not
 * looked at). */
EXPORT int fdatasync(int fd)
{
    return do_sync(fd, SYS_fdatasync);
}

/* Starts writing early and promises nothing (its manual page: "none of these operations writes out the
 * file's metadata"), so there is nothing to record. */
EXPORT int sync_file_range(int fd, off_t offset, off_t n, unsigned flags)
{
    return (int)syscall(SYS_sync_file_range, fd, offset, n, flags);
}

/* ---- what nobody should do --------------------------------------------------------------- */

static void refuse(int fd, const char *what)
{
    if (lock_if_known(fd)) {
        if (shim_fd(fd)->what != SHIM_PEER)
            shim_die(what, NULL);
        shim_unlock();
    }
}

EXPORT void *mmap(void *address, size_t n, int prot, int flags, int fd, off_t offset)
{
    if (fd >= 0 && (flags & MAP_TYPE) != MAP_PRIVATE && (prot & PROT_WRITE) != 0)
        refuse(fd, "writing by mmap");
    return (void *)syscall(SYS_mmap, address, n, prot, flags, fd, offset);
}
ALIAS(mmap) void *mmap64(void *address, size_t n, int prot, int flags, int fd, off_t offset);

EXPORT ssize_t
copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
    refuse(out, "copy_file_range");
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, n, flags);
}

EXPORT ssize_t sendfile(int out, int in, off_t *at, size_t n)
{
    refuse(out, "sendfile");
    return syscall(SYS_sendfile, out, in, at, n);
}
ALIAS(sendfile) ssize_t sendfile64(int out, int in, off_t *at, size_t n);

EXPORT ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
    refuse(fd, "pwritev2");
    return syscall(SYS_pwritev2, fd, v, n, (long)at, 0L, flags);
}
ALIAS(pwritev2) ssize_t pwritev64v2(int fd, const struct iovec *v, int n, off_t at, int flags);

EXPORT int syncfs(int fd)
{
    refuse(fd, "syncfs");
    return (int)syscall(SYS_syncfs, fd);
}

EXPORT int dup(int fd)
{
    refuse(fd, "dup");
    return (int)syscall(SYS_dup, fd);
}

EXPORT int dup2(int fd, int to)
{
    refuse(fd, "dup2");
    forget(to);
    return (int)syscall(SYS_dup2, fd, to);
}

EXPORT int dup3(int fd, int to, int flags)
{
    refuse(fd, "dup3");
    forget(to);
    return (int)syscall(SYS_dup3, fd, to, flags);
}

EXPORT int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    long arg = va_arg(args, long);
    va_end(args);
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        refuse(fd, "F_DUPFD");
    return (int)syscall(SYS_fcntl, fd, command, arg);
}
ALIAS(fcntl) int fcntl64(int fd, int command, ...);

EXPORT FILE *fopen(const char *name, const char *mode)
{
    FILE *(*real)(const char *, const char *) =
        (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen");
    char path[4096];
    if (shim_is_on() && strpbrk(mode, "wa+") != NULL &&
        shim_path(AT_FDCWD, name, path, sizeof(path)))
        shim_die("writing by fopen", path);
    return real(name, mode);
}
ALIAS(fopen) FILE *fopen64(const char *name, const char *mode);

EXPORT FILE *fdopen(int fd, const char *mode)
{
    FILE *(*real)(int, const char *) = (FILE * (*)(int, const char *)) dlsym(RTLD_NEXT, "fdopen");
    if (strpbrk(mode, "wa+") != NULL)
        refuse(fd, "writing by fdopen");
    return real(fd, mode);
}

EXPORT void sync(void)
{
    if (shim_is_on())
        shim_die("sync", NULL);
    (void)syscall(SYS_sync);
}
