/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming somebody else for good. The user database is read by the master: once the child is
 * confined it cannot open it, and NSS modules are no code that belongs into it. */
#include "base/err.h"
#include "jail/jail.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups travel as 32 bits");

int jail_identity(const char *user, struct jail_identity *out, struct buf *why)
{
    *out = (struct jail_identity){.uid = geteuid(), .gid = getegid()};
    if (user[0] == '\0' || geteuid() != 0)
        return 0;
    const struct passwd *entry = getpwnam(user);
    int n = JAIL_GROUPS_MAX;
    if (entry == NULL || !span_to_cstr(span_str(user), out->name, sizeof out->name)) {
        buf_printf(why, "server.user: there is no user \"%s\" on this machine", user);
        return ERR_INVALID;
    }
    if (getgrouplist(user, entry->pw_gid, (gid_t *)out->groups, &n) < 0) {
        buf_printf(why, "server.user: \"%s\" is in more than %d groups", user, JAIL_GROUPS_MAX);
        return ERR_INVALID;
    }
    out->change = true;
    out->uid = entry->pw_uid;
    out->gid = entry->pw_gid;
    out->groups_n = (uint32_t)n;
    return 0;
}

static int denied(const struct jail_identity *who, const char *what, struct buf *why)
{
    buf_printf(why, "server.user: cannot become \"%s\": %s: %s", who->name, what, strerror(errno));
    return ERR_DENIED;
}

/* What exec of a file with capabilities, or of a file as root, could give. Only with CAP_SETPCAP;
 * who has not got it gains nothing from a bounding set either, with no new privileges. */
static void empty_bounding_set(void)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int drop_capabilities(struct buf *why)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* falls with them anyway */
    if (syscall(SYS_capset, &header, none) == 0)
        return 0;
    buf_printf(why, "cannot give up capabilities: %s", strerror(errno));
    return ERR_DENIED;
}

int jail_become(const struct jail_identity *who, struct buf *why)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        buf_printf(why, "cannot give up new privileges: %s", strerror(errno));
        return ERR_DENIED;
    }
    empty_bounding_set();
    if (who->change) {
        if (setgroups(who->groups_n, (const gid_t *)who->groups) != 0)
            return denied(who, "groups", why);
        if (setresgid(who->gid, who->gid, who->gid) != 0)
            return denied(who, "group", why);
        if (setresuid(who->uid, who->uid, who->uid) != 0)
            return denied(who, "user", why);
    }
    int err = drop_capabilities(why);
    /* what cannot happen unless the kernel lied: being able to go back */
    must(err != 0 || geteuid() == 0 || setuid(0) != 0);
    return err;
}

int jail_die_with_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return ERR_DENIED;
    return getppid() == parent ? 0 : ERR_CLOSED; /* it died before we asked */
}
