/* SPDX-License-Identifier: Apache-2.0 */
/* The lock is one file with two bytes to lock: the master holds the first, its child the second. So
 * a new master can tell a server that runs (the first is taken: an error, at once) from the rest of
 * one that was killed (only the second is: it will be gone in a moment). They are locks of the open
 * file (F_OFD_SETLK) and end with the process, however it ends; the store has a lock of its own
 * besides. */
#include "cli/master_files.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "cli/serve_ports.h"
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BYTE_MASTER = 0,
    BYTE_CHILD = 1,
    WAIT_MS = 60 * 1000,
    LOOK_MS = 20,
};

/* ---- with the child's rights ----------------------------------------------------------------- */

/* Only the effective ids, for a moment; the master has one thread. */
void master_become(const struct jail_identity *who)
{
    if (who->change)
        must(setgroups(who->groups_n, (const gid_t *)who->groups) == 0 && setegid(who->gid) == 0 &&
             seteuid(who->uid) == 0);
}

void master_return(const struct jail_identity *who)
{
    if (who->change)
        must(seteuid(0) == 0 && setegid(0) == 0 && setgroups(0, NULL) == 0);
}

static int cannot(struct buf *why, const char *what, const char *path, int number)
{
    buf_printf(why, "%s %s cannot be opened: %s", what, path, strerror(number));
    return err_from_errno(number);
}

/* ---- the lock -------------------------------------------------------------------------------- */

static int lock_open(const struct config *config,
                     const struct jail_identity *who,
                     int *fd_out,
                     struct buf *why)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/serve.lock", config->data);
    if (n < 0 || (size_t)n >= sizeof path)
        return ERR_INVALID;
    master_become(who);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    int number = errno;
    master_return(who);
    if (fd < 0)
        return cannot(why, "the file", path, number);
    *fd_out = fd;
    return 0;
}

static bool lock_take(int fd, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static bool lock_wait(int fd)
{
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    for (int waited = 0; !lock_take(fd, BYTE_CHILD); waited += LOOK_MS) {
        if (waited == 0)
            log_event(LOG_INFO, "master.waiting", LOG_Z("for", "the child of a killed server"));
        if (waited >= WAIT_MS)
            return false;
        nanosleep(&nap, NULL);
    }
    return true;
}

int master_child_lock(const struct config *config,
                      const struct jail_identity *who,
                      int *fd_out,
                      struct buf *why)
{
    int fd;
    int err = lock_open(config, who, &fd, why);
    if (err != 0)
        return err;
    if (lock_wait(fd)) {
        *fd_out = fd;
        return 0;
    }
    close(fd);
    buf_printf(why, "a process of an earlier server still holds the data folder %s", config->data);
    return ERR_IN_USE;
}

int master_lock(const struct config *config,
                const struct jail_identity *who,
                int *fd_out,
                struct buf *why)
{
    int fd, child_fd;
    int err = lock_open(config, who, &fd, why);
    if (err != 0)
        return err;
    if (!lock_take(fd, BYTE_MASTER)) {
        buf_printf(why, "another server runs on the data folder %s", config->data);
        close(fd);
        return ERR_IN_USE;
    }
    err = master_child_lock(config, who, &child_fd, why);
    if (err == 0)
        close(child_fd); /* it was only waited for */
    if (err != 0)
        close(fd);
    else
        *fd_out = fd;
    return err;
}

/* ---- folders and log ------------------------------------------------------------------------- */

int master_folders(const struct config *config, const struct jail_identity *who, struct buf *why)
{
    static const char *const names[] = {"tmp", "quarantine"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[4096];
        int n = snprintf(path, sizeof path, "%s/%s", config->data, names[i]);
        if (n < 0 || (size_t)n >= sizeof path)
            return ERR_INVALID;
        master_become(who);
        int number = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
        master_return(who);
        if (number != 0) {
            buf_printf(why, "the folder %s cannot be made: %s", path, strerror(number));
            return err_from_errno(number);
        }
    }
    return 0;
}

int master_log(const struct config *config,
               const struct jail_identity *who,
               bool trusted,
               int *fd_out,
               struct buf *why)
{
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
    *fd_out = -1;
    if (config->log_file[0] == '\0')
        return 0;
    master_become(who);
    int fd = open(config->log_file, flags, 0640);
    int number = errno;
    master_return(who);
    if (fd < 0 && number == EACCES && who->change && trusted) {
        fd = open(config->log_file, flags | O_NOFOLLOW, 0640);
        number = errno;
    }
    if (fd < 0)
        return cannot(why, "the log file", config->log_file, number);
    *fd_out = fd;
    return 0;
}

/* ---- sockets --------------------------------------------------------------------------------- */

struct opening {
    struct master_sockets *sockets;
    struct buf *why;
};

static int open_one(void *arg, enum serve_port port, const char *address)
{
    struct opening *o = arg;
    struct master_sockets *s = o->sockets;
    const char *path = listen_unix_path(address);
    if (s->n == HANDOVER_SOCKETS_MAX) {
        buf_printf(o->why, "listen: there are more than %d addresses", HANDOVER_SOCKETS_MAX);
        return ERR_LIMIT;
    }
    char *copy = path != NULL ? strdup(path) : NULL;
    if (path != NULL && copy == NULL)
        return ERR_NOMEM;
    int err = listen_open(address, o->why, &s->fds[s->n], NULL);
    if (err != 0) {
        free(copy);
        return err;
    }
    s->unix_paths[s->n] = copy;
    s->ports[s->n++] = port;
    return 0;
}

/* The socket was made as root, and is used by the user's own commands, too. Its path lies in a
 * folder that may belong to the user, who could have put anything there: so it is opened without
 * following links and looked at first. */
static void give(const char *path, const struct jail_identity *who)
{
    struct stat st;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    bool ours =
        fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid();
    if (ours && fchownat(fd, "", who->uid, who->gid, AT_EMPTY_PATH) != 0)
        log_event(LOG_WARN, "master.owner", LOG_Z("file", path), LOG_Z("why", strerror(errno)));
    close(fd);
}

int master_listen(const struct config *config,
                  const struct jail_identity *who,
                  struct master_sockets *out,
                  struct buf *why)
{
    struct opening opening = {out, why};
    *out = (struct master_sockets){0};
    int err = serve_ports(config, open_one, &opening);
    for (size_t i = 0; err == 0 && i < out->n; i++)
        if (out->unix_paths[i] != NULL && who->change)
            give(out->unix_paths[i], who);
    if (err != 0)
        master_unlisten(out);
    return err;
}

void master_unlisten(struct master_sockets *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->fds[i] >= 0)
            close(s->fds[i]);
        if (s->unix_paths[i] != NULL)
            (void)unlink(s->unix_paths[i]);
        free(s->unix_paths[i]);
    }
    s->n = 0;
}
