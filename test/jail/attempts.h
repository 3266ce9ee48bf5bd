/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody would try who has taken the server's process over. Each attempt does one thing and
 * says what came of it; it runs inside the jail: in the unit test in a process that has entered it,
 * and, as a preloaded object, in the real server (test/e2e/probe.c). */
#ifndef TEST_JAIL_ATTEMPTS_H
#define TEST_JAIL_ATTEMPTS_H

#include <stdbool.h>
#include <sys/types.h>

/* What the attempts are aimed at. */
struct attempt_aim {
    const char *inside;  /* a folder that may be written */
    const char *outside; /* one that may not */
    const char *secret;  /* a file that may not be read, like a TLS key */
    const char *object;  /* a shared object that could be loaded */
    int tcp_port;        /* somebody listens there on 127.0.0.1 */
    pid_t other;         /* a process that is not to be touched: the master */
};

enum attempt_answer {
    ATTEMPT_REFUSED, /* an error came back */
    ATTEMPT_KILLED,  /* the process ends */
};

struct attempt {
    const char *name;
    enum attempt_answer answer;
    bool works_outside; /* for an ordinary user of any machine, so that a refusal is the jail's */
    int (*run)(const struct attempt_aim *aim); /* 0: it was done; else an errno */
};

/* Ended by an empty name. */
extern const struct attempt attempts[];

#endif
