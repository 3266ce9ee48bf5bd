/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the jail share; no other room includes this. */
#ifndef JAIL_JAIL_IMPL_H
#define JAIL_JAIL_IMPL_H

#include "jail/jail.h"

/* Sanitizers look into the process from a helper that is cloned and attached with ptrace (leak
 * check), and read /proc and the binaries (reports). Builds with them get what that takes; they are
 * for tests, never for service. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JAIL_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define JAIL_SANITIZER 1
#endif
#endif
#ifndef JAIL_SANITIZER
#define JAIL_SANITIZER 0
#endif

enum { JAIL_PORTS_MAX = 8, JAIL_FAMILIES_MAX = 4, JAIL_FILES_MAX = 8 };

struct jail_role_rules {
    const char *name;
    uint16_t tcp_connect[JAIL_PORTS_MAX]; /* ports it may connect to; 0 ends */
    int families[JAIL_FAMILIES_MAX];      /* of socket(2); 0 ends */
    const char *files[JAIL_FILES_MAX];    /* read at run time; NULL ends */
};

const struct jail_role_rules *jail_role_rules(enum jail_role role);

int jail_landlock(const struct jail_options *options,
                  struct buf *why,
                  struct jail_report *out) MUST_CHECK;
int jail_seccomp(const struct jail_role_rules *rules, struct buf *why) MUST_CHECK;

#endif
