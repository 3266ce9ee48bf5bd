/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports a configuration names: opened by the master, served by the child. */
#ifndef CLI_SERVE_PORTS_H
#define CLI_SERVE_PORTS_H

#include "base/config.h"

enum serve_port {
    SERVE_SMTP,
    SERVE_SUBMISSION,
    SERVE_SUBMISSIONS,
    SERVE_POP3,
    SERVE_POP3S,
    SERVE_IMAP,
    SERVE_IMAPS,
    SERVE_METRICS,
    SERVE_ADMIN,
    SERVE_PORTS
};

/* Calls `each` with every address to listen on, as listen_open takes it; ends with the first error.
 * ERR_INVALID too where a path is too long. */
int serve_ports(const struct config *config,
                int (*each)(void *arg, enum serve_port port, const char *address),
                void *arg) MUST_CHECK;

#endif
