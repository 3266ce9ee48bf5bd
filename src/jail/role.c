/* SPDX-License-Identifier: Apache-2.0 */
/* The table of roles. A role that calls other servers (the queue) gets its ports and families here,
 * and nowhere else. */
#include "jail/jail_impl.h"

static const struct jail_role_rules roles[JAIL_ROLES] = {
    [JAIL_SERVER] =
        {
            .name = "server",
            /* no tcp_connect, no families: it accepts on sockets it was given */
            .files =
                {
                    /* RocksDB: the unique id of a database session, which goes into file names */
                    "/proc/sys/kernel/random/uuid",
                    /* libgsasl (gnulib's gc): nonces; opened for each exchange */
                    "/dev/urandom",
                    /* glibc: how many malloc arenas, std::thread::hardware_concurrency */
                    "/sys/devices/system/cpu/online",
                },
        },
};

const struct jail_role_rules *jail_role_rules(enum jail_role role)
{
    must((int)role >= 0 && role < JAIL_ROLES);
    return &roles[role];
}
