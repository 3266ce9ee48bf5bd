/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that talks to strangers may still do: as little as its work needs.
 *
 *   jail_identity (the master: whom to become)  ->  jail_become  ->  jail_enter  ->  threads, input
 *
 * Walls, from the outside in; each holds when the others have fallen:
 *   user          another user without groups of others (jail_become)
 *   capabilities  none, and none to be had: bounding set emptied, no new privileges
 *   Landlock      files: the folders of `write`, the files of `read`; no TCP port but the role's;
 *                 no signal and no abstract unix socket beyond the process itself
 *   seccomp       system calls: an allow-list (seccomp.c)
 * Landlock is used as far as the running kernel has it; what is missing is in the report, which the
 * caller logs. Everything else must succeed: a server that is not confined does not start.
 *
 * Threads: seccomp and Landlock bind the calling thread and those it makes later, so all of this is
 * done before the first thread is made.
 */
#ifndef JAIL_JAIL_H
#define JAIL_JAIL_H

#include "base/buf.h"

/* Who a process is to become. Plain data: it travels from the master to the child. */
enum { JAIL_GROUPS_MAX = 256, JAIL_NAME_MAX = 64 };
struct jail_identity {
    bool change; /* false: stay who we are */
    char name[JAIL_NAME_MAX];
    uint32_t uid, gid;
    uint32_t groups[JAIL_GROUPS_MAX];
    uint32_t groups_n;
};

/* Looks `user` up ("": stay). Only root can become somebody else: for others the answer is to stay.
 * Reads the system's user database, so not from within the jail. ERR_INVALID with a sentence. */
int jail_identity(const char *user, struct jail_identity *out, struct buf *why) MUST_CHECK;

/* For good: groups, group, user, and no capability left, whoever we are. ERR_DENIED with a
 * sentence. */
int jail_become(const struct jail_identity *who, struct buf *why) MUST_CHECK;

/* What a kind of process may do on the network. */
enum jail_role {
    JAIL_SERVER, /* answers on sockets that were opened for it; calls nobody */
    JAIL_ROLES
};

struct jail_options {
    enum jail_role role;
    const char *const *write; /* folders that are read and written; they exist; ended by NULL */
    const char *const
        *read; /* files read at run time beside the role's; ended by NULL; may be NULL */
};

/* What is in force. */
struct jail_report {
    int landlock_abi;    /* 0: the kernel has none */
    bool landlock_tcp;   /* TCP ports are held */
    bool landlock_scope; /* signals and abstract unix sockets are held */
    bool seccomp;
};

/* No new privileges, no core files, no debugger, Landlock, seccomp. For good. Opens what has to be
 * open before (libraries that read a file once). ERR_DENIED, ERR_UNSUPPORTED or ERR_IO with a
 * sentence. */
int jail_enter(const struct jail_options *options,
               struct buf *why,
               struct jail_report *out) MUST_CHECK;

/* For the log and `status`: "Landlock 7 (files, TCP, signals), seccomp". Appended. */
void jail_describe(const struct jail_report *r, struct buf *to);

/* Dies when its parent does. After jail_become, which takes it away. `parent`: who that was when
 * the process was made; ERR_CLOSED if it is gone already. */
int jail_die_with_parent(pid_t parent) MUST_CHECK;

#endif
