/* SPDX-License-Identifier: Apache-2.0 */
/* The walls in their order: first what makes the process unattractive (no core file, no debugger),
 * then files and ports, last the system calls, because putting up the others takes some. */
#include "base/err.h"
#include "jail/jail_impl.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

static int failed(struct buf *why, const char *what)
{
    buf_printf(why, "the server cannot be confined: %s: %s", what, strerror(errno));
    return ERR_DENIED;
}

int jail_enter(const struct jail_options *options, struct buf *why, struct jail_report *out)
{
    const struct rlimit no_core = {0, 0};
    struct jail_report report = {0};
    tzset(); /* reads /etc/localtime, which RocksDB's own log wants, and keeps it */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return failed(why, "no new privileges");
    if (setrlimit(RLIMIT_CORE, &no_core) != 0)
        return failed(why, "no core files");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return failed(why, "no debugger");
    int err = jail_landlock(options, why, &report);
    if (err == 0)
        err = jail_seccomp(jail_role_rules(options->role), why);
    if (err == 0) {
        report.seccomp = true;
        *out = report;
    }
    return err;
}

void jail_describe(const struct jail_report *r, struct buf *to)
{
    if (r->landlock_abi > 0)
        buf_printf(to, "Landlock %d (files%s%s)", r->landlock_abi, r->landlock_tcp ? ", TCP" : "",
                   r->landlock_scope ? ", signals" : "");
    else
        buf_puts(to, "no Landlock (the kernel has none)");
    buf_puts(to, r->seccomp ? ", seccomp" : ", no seccomp");
}
