/* SPDX-License-Identifier: Apache-2.0 */
/* Root is for opening low ports and reading keys; nothing after that needs it. */
#include "base/err.h"
#include "base/log.h"
#include "cli/serve_app.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What was made as root on the way here and is used again later: by the user's own commands, and by
 * a server that is started as that user. The path lies in a folder that belongs to the user, who
 * could have put anything there: so it is opened without following links and looked at first. */
static void give(const char *path, mode_t type, uid_t uid, gid_t gid)
{
    struct stat st;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    bool ours = fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_nlink == 1 &&
                st.st_uid == geteuid();
    if (ours && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) != 0)
        log_event(LOG_WARN, "server.owner", LOG_Z("file", path), LOG_Z("why", strerror(errno)));
    close(fd);
}

static int become(const struct config *config, struct buf *why)
{
    const char *name = config->user;
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL) {
        buf_printf(why, "server.user: there is no user \"%s\" on this machine", name);
        return ERR_INVALID;
    }
    uid_t uid = user->pw_uid;
    gid_t gid = user->pw_gid;
    give(config->admin_socket, S_IFSOCK, uid, gid);
    if (config->log_file[0] != '\0')
        give(config->log_file, S_IFREG, uid, gid);
    if (initgroups(name, gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0) {
        buf_printf(why, "server.user: cannot become \"%s\": %s", name, strerror(errno));
        return ERR_DENIED;
    }
    /* what cannot happen unless the kernel lied: being able to go back */
    must(uid == 0 || setuid(0) != 0);
    return 0;
}

int app_drop_privileges(const struct config *config, struct buf *why)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        buf_printf(why, "cannot give up new privileges: %s", strerror(errno));
        return ERR_DENIED;
    }
    if (geteuid() != 0)
        return 0;
    if (config->user[0] != '\0')
        return become(config, why);
    log_event(LOG_WARN, "server.root",
              LOG_Z("why", "running as root; set server.user to a user without rights"));
    return 0;
}
