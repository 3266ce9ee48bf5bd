/* SPDX-License-Identifier: Apache-2.0 */
/* What a program does with names: make, move, remove. See shim.h. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* Takes the lock if `path` is ours; *tidy then is its tidy form. */
static bool begins(int dirfd, const char *path, char tidy[4096])
{
    if (!shim_is_on() || !shim_path(dirfd, path, tidy, 4096))
        return false;
    shim_lock();
    return true;
}

static int ends(int rc, enum shim_kind kind, const char *path, const char *other)
{
    int error = errno;
    if (rc == 0)
        shim_write(&(struct shim_record){.kind = kind,
                                         .path = path,
                                         .data = other,
                                         .data_n = other != NULL ? strlen(other) : 0});
    shim_unlock();
    errno = error;
    return rc;
}

static int
two_names(int from_fd, const char *from, int to_fd, const char *to, enum shim_kind kind, int flags)
{
    char a[4096], b[4096];
    bool to_ours = shim_is_on() && shim_path(to_fd, to, b, sizeof(b));
    bool ours = begins(from_fd, from, a);
    if (ours != to_ours)
        shim_die("moving in or out of the folder", to);
    if (ours && kind == SHIM_RENAME && flags != 0)
        shim_die("a rename with flags", to);
    int rc = kind == SHIM_RENAME ? (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags)
                                 : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
    return ours ? ends(rc, kind, a, b) : rc;
}

EXPORT int rename(const char *from, const char *to)
{
    return two_names(AT_FDCWD, from, AT_FDCWD, to, SHIM_RENAME, 0);
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return two_names(from_fd, from, to_fd, to, SHIM_RENAME, 0);
}

EXPORT int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return two_names(from_fd, from, to_fd, to, SHIM_RENAME, (int)flags);
}

EXPORT int link(const char *from, const char *to)
{
    return two_names(AT_FDCWD, from, AT_FDCWD, to, SHIM_LINK, 0);
}

EXPORT int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return two_names(from_fd, from, to_fd, to, SHIM_LINK, flags);
}

EXPORT int unlinkat(int dirfd, const char *name, int flags)
{
    char path[4096];
    bool ours = begins(dirfd, name, path);
    int rc = (int)syscall(SYS_unlinkat, dirfd, name, flags);
    return ours ? ends(rc, flags == 0 ? SHIM_UNLINK : SHIM_RMDIR, path, NULL) : rc;
}

EXPORT int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int remove(const char *path)
{
    int rc = unlinkat(AT_FDCWD, path, 0);
    return rc != 0 && errno == EISDIR ? rmdir(path) : rc;
}

EXPORT int mkdirat(int dirfd, const char *name, mode_t mode)
{
    char path[4096];
    bool ours = begins(dirfd, name, path);
    int rc = (int)syscall(SYS_mkdirat, dirfd, name, mode);
    return ours ? ends(rc, SHIM_MKDIR, path, NULL) : rc;
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

EXPORT int symlinkat(const char *target, int dirfd, const char *name)
{
    char path[4096];
    if (shim_is_on() && shim_path(dirfd, name, path, sizeof(path)))
        shim_die("symbolic links", path);
    return (int)syscall(SYS_symlinkat, target, dirfd, name);
}

EXPORT int symlink(const char *target, const char *name)
{
    return symlinkat(target, AT_FDCWD, name);
}

EXPORT int truncate(const char *name, off_t size)
{
    char path[4096];
    if (shim_is_on() && shim_path(AT_FDCWD, name, path, sizeof(path)))
        shim_die("truncate by name", path);
    return (int)syscall(SYS_truncate, name, size);
}
