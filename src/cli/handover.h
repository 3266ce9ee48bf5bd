/* SPDX-License-Identifier: Apache-2.0 */
/* What the master of `serve` gives its child, which may open nothing itself: the configuration, the
 * certificates and keys, the log, and, when it starts, the listening sockets and whom to become.
 *
 * They talk over a socketpair of datagrams. The child asks; an answer is one datagram with a
 * descriptor of a memory file that holds everything, so that the master never waits for a child
 * that does not read, and never reads more from it than a number. Both are the same program file,
 * so the format needs no version.
 */
#ifndef CLI_HANDOVER_H
#define CLI_HANDOVER_H

#include "base/config.h"
#include "jail/jail.h"

enum handover_ask {
    HANDOVER_START = 1, /* everything */
    HANDOVER_RELOAD,    /* the configuration as it is now, certificates, log */
    HANDOVER_TAKEN,     /* said, not asked: what came last is in force */
};

enum { HANDOVER_SOCKETS_MAX = 200, HANDOVER_MAX = 64 << 20 };

/* ---- the master's side ---------------------------------------------------------------------- */

/* What a configuration file says, with the files it names. */
struct settings {
    struct config *config;
    struct buf text;          /* of the file */
    struct buf *certs, *keys; /* config->tls_cert.n of each */
    int log_fd;               /* -1: standard error */
};

/* Reads the file `path`, the certificates and the keys. Errors and `why` as config_load and
 * tls_pem_read. The log is the caller's to open. */
int settings_read(const char *path, struct settings *out, struct buf *why) MUST_CHECK;
void settings_done(struct settings *s); /* wipes the keys; all zero is fine */

/* What a starting child gets beside the settings. */
struct handover_start {
    struct jail_identity who;
    pid_t master;
    uint64_t restarts; /* how many children there were before */
    int lock_fd;
    size_t sockets_n;
    unsigned ports[HANDOVER_SOCKETS_MAX]; /* what is spoken there: enum serve_port */
    int sockets[HANDOVER_SOCKETS_MAX];
};

/* The next thing the child has asked; *serial goes into the answer. 0: nothing now; negative: the
 * child has closed its end. Never blocks. */
int handover_asked(int fd, uint32_t *serial);
/* Sends the settings, and `start` unless it is NULL; or, with err != 0, only `why`. Never blocks;
 * an answer that cannot be sent is lost (the child asks again or gives up). */
int handover_answer(int fd,
                    uint32_t serial,
                    const struct settings *settings,
                    const struct handover_start *start,
                    int err,
                    struct span why) MUST_CHECK;

/* ---- the child's side ------------------------------------------------------------------------ */

struct handover {
    struct buf bytes; /* what all of the following points into */
    struct config *config;
    struct span *cert_pems, *key_pems; /* config->tls_cert.n of each */
    int log_fd;                        /* owned; -1: standard error */
    struct handover_start start;       /* after HANDOVER_START; the descriptors are owned */
};

/* Asks and waits for the answer; one at a time. ERR_CLOSED: the master is gone; ERR_TIMEOUT; else
 * what the master says, with its words in `why`. */
int handover_get(int fd, enum handover_ask what, struct handover *out, struct buf *why) MUST_CHECK;
/* Wipes and frees; the descriptors are left. */
void handover_done(struct handover *h);
void handover_taken(int fd);

#endif
