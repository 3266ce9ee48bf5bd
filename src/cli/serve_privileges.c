/* SPDX-License-Identifier: Apache-2.0 */
/* Root is for opening low ports and reading keys; nothing after that needs it. */
#include "base/err.h"
#include "base/log.h"
#include "cli/serve_app.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

static int become(const char *name, struct buf *why)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL) {
        buf_printf(why, "server.user: there is no user \"%s\" on this machine", name);
        return ERR_INVALID;
    }
    uid_t uid = user->pw_uid;
    gid_t gid = user->pw_gid;
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
        return become(config->user, why);
    log_event(LOG_WARN, "server.root",
              LOG_Z("why", "running as root; set server.user to a user without rights"));
    return 0;
}
