/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's own state: the log, the table of descriptors, paths. See shim.h.
 *
 * Everything goes to the kernel by syscall(2): the functions that this library replaces, and what a
 * sanitizer puts in their place, are never called from it. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char root[4096];
static size_t root_n;
static enum shim_sync sync_mode;
static struct shim_fd fds[SHIM_FDS];
static uint32_t files;

bool shim_is_on(void)
{
    return log_fd >= 0;
}

void shim_lock(void)
{
    pthread_mutex_lock(&lock);
}

void shim_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

enum shim_sync shim_sync_mode(void)
{
    return sync_mode;
}

struct shim_fd *shim_fd(int fd)
{
    static struct shim_fd none;
    if (fd < 0 || fd >= SHIM_FDS) {
        none = (struct shim_fd){0};
        return &none;
    }
    return &fds[fd];
}

uint64_t shim_next_file(void)
{
    return (uint64_t)(uint32_t)getpid() << 32 | ++files;
}

/* In one call: a file opened for appending takes it whole, so that a master and its child can share the log. */
static void put(const struct iovec *v, int n, size_t size)
{
    ssize_t wrote;
    do
        wrote = syscall(SYS_writev, log_fd, v, n);
    while (wrote < 0 && errno == EINTR);
    if (wrote < 0 || (size_t)wrote != size)
        _exit(98); /* a log with a hole proves nothing */
}

void shim_write(const struct shim_record *r)
{
    static struct {
        struct __attribute__((packed)) {
            uint32_t size;
            uint8_t kind, flags;
            uint16_t path_n;
            uint32_t data_n;
            int32_t pid;
            uint64_t file;
            int64_t a, b;
        } head;
        char path[4096];
    } out;
    int error = errno;
    size_t path_n = r->path != NULL ? strlen(r->path) : 0;
    out.head.path_n = (uint16_t)path_n;
    out.head.data_n = (uint32_t)r->data_n;
    out.head.size = (uint32_t)(sizeof(out.head) + path_n + r->data_n);
    out.head.kind = (uint8_t)r->kind;
    out.head.flags = r->flags;
    out.head.pid = getpid();
    out.head.file = r->file;
    out.head.a = r->a;
    out.head.b = r->b;
    memcpy(out.path, r->path != NULL ? r->path : "", path_n);
    const struct iovec parts[] = {{&out, sizeof(out.head) + path_n},
                                  {(void *)(uintptr_t)r->data, r->data_n}};
    put(parts, 2, out.head.size);
    errno = error;
}

_Noreturn void shim_die(const char *what, const char *path)
{
    char text[5000];
    int n = snprintf(text, sizeof(text), "power: the recorder does not know %s (%s)\n", what,
                     path != NULL ? path : "");
    shim_write(&(struct shim_record){.kind = SHIM_DEATH, .data = text, .data_n = (size_t)n});
    (void)syscall(SYS_write, STDERR_FILENO, text, (size_t)n);
    abort();
}

/* ---- paths ------------------------------------------------------------------------------- */

/* Where a relative path begins. */
static bool base_of(int dirfd, char *out, size_t size)
{
    char link[64];
    if (dirfd == AT_FDCWD)
        return getcwd(out, size) != NULL;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
    ssize_t n = readlink(link, out, size - 1);
    if (n < 0)
        return false;
    out[n] = '\0';
    return true;
}

/* "/a//b/./c/" becomes "/a/b/c"; ".." is left, and makes shim_path give up. */
static void tidy(char *path)
{
    char *to = path;
    for (const char *p = path; *p != '\0';) {
        size_t n = strcspn(p + 1, "/") + 1; /* from one slash to the next */
        if (!(n == 1 || (n == 2 && p[1] == '.'))) {
            memmove(to, p, n);
            to += n;
        }
        p += n;
    }
    *to = '\0';
}

bool shim_path(int dirfd, const char *path, char *out, size_t size)
{
    if (root_n == 0 || path == NULL)
        return false;
    int error = errno, n;
    char base[4096] = "";
    if (path[0] != '/' && !base_of(dirfd, base, sizeof(base))) {
        errno = error;
        return false;
    }
    errno = error;
    n = snprintf(out, size, "%s%s%s", base, path[0] != '/' ? "/" : "", path);
    if (n < 0 || (size_t)n >= size)
        shim_die("so long a path", path);
    tidy(out);
    bool below = strncmp(out, root, root_n) == 0 && (out[root_n] == '/' || out[root_n] == '\0');
    if (below && strstr(out, "/..") != NULL)
        shim_die("paths with ..", out);
    return below;
}

/* ---- life -------------------------------------------------------------------------------- */

static void settings(void)
{
    const char *text = getenv("POWER_ROOT");
    const char *mode = getenv("POWER_SYNC");
    if (mode != NULL)
        sync_mode = strcmp(mode, "lie") == 0           ? SHIM_SYNC_LIE
                    : strcmp(mode, "lie-folders") == 0 ? SHIM_SYNC_LIE_FOLDERS
                    : strcmp(mode, "skip") == 0        ? SHIM_SYNC_SKIP
                                                       : SHIM_SYNC_REAL;
    if (text != NULL && strlen(text) < sizeof(root)) {
        root_n = strlen(text);
        memcpy(root, text, root_n + 1);
    }
}

__attribute__((visibility("default"))) void power_die(void)
{
    shim_lock();
    (void)syscall(SYS_exit_group, 0);
}

static void *wait_for_death(void *arg)
{
    sigset_t set;
    int number;
    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, POWER_DEATH);
    while (sigwait(&set, &number) != 0)
        ;
    power_die();
    return NULL;
}

/* All threads block the signal (they inherit that), one waits for it. It takes no other signal away from the
 * program. */
static void await_death(void)
{
    sigset_t all, death, before;
    pthread_t thread;
    sigemptyset(&death);
    sigaddset(&death, POWER_DEATH);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, wait_for_death, NULL) != 0)
        _exit(98);
    pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_sigmask(SIG_BLOCK, &death, NULL);
}

/* A child made by fork has the same files open and no other thread. */
static void child_begins(void)
{
    shim_unlock();
    await_death();
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("POWER_LOG");
    settings();
    if (path == NULL || root_n == 0)
        return;
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror("power: the log cannot be opened");
        _exit(98);
    }
    /* high up, so that the program finds the low numbers as it would without us */
    log_fd = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900);
    (void)syscall(SYS_close, fd);
    if (log_fd < 0)
        _exit(98);
    pthread_atfork(shim_lock, shim_unlock, child_begins);
    shim_lock();
    shim_write(&(struct shim_record){.kind = SHIM_START,
                                     .data = program_invocation_short_name,
                                     .data_n = strlen(program_invocation_short_name)});
    shim_unlock();
    await_death();
}

__attribute__((visibility("default"))) void power_mark(const char *text)
{
    if (!shim_is_on())
        return;
    shim_lock();
    shim_write(&(struct shim_record){.kind = SHIM_MARK, .data = text, .data_n = strlen(text)});
    shim_unlock();
}
