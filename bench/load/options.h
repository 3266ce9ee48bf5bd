/* SPDX-License-Identifier: Apache-2.0 */
/* What the load generator is asked to do: its command line as one struct, read once at the start. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include "base/base.h"

#include <netinet/in.h>

enum tls_mode { TLS_NONE, TLS_STARTTLS, TLS_IMPLICIT };
enum work {
    WORK_SMTP,
    WORK_LMTP,
    WORK_DRAIN,
    WORK_LOGIN,
    WORK_IMAP_LOGIN,
    WORK_IMAP_FETCH,
    WORK_IMAP_BODIES,
    WORK_IMAP_MIXED,
    WORK_IMAP_IDLE
};
enum pipelining { PIPELINING_OFF, PIPELINING_ON, PIPELINING_IF_OFFERED };

struct options {
    enum work work;
    struct sockaddr_in to;
    enum tls_mode tls;
    bool resume; /* offer the TLS session of the connection before */
    unsigned connections;
    unsigned long count;          /* messages (smtp, lmtp) or sessions (all others) */
    unsigned stagger_ms;          /* between the beginnings of the first connections */
    unsigned long per_connection; /* messages on one connection; 0 for no end */
    size_t size;                  /* octets of one message, as in RFC 5321 SIZE */
    enum pipelining pipelining;   /* SMTP */
    unsigned ahead;               /* POP3: commands under way at once; 1 waits for each answer */
    unsigned recipients;          /* of one message */
    unsigned mailboxes;
    unsigned first;         /* number of the first mailbox */
    const char *mailbox;    /* address or login name; {} in it is the number */
    const char *sender;     /* MAIL FROM */
    const char *user;       /* SMTP AUTH; NULL for none */
    const char *password;   /* of user, or of every mailbox (POP3, IMAP) */
    bool auth_plain;        /* POP3: AUTH PLAIN instead of USER and PASS */
    unsigned long retrieve; /* POP3: at most so many messages in one session */
    unsigned long expect;   /* POP3, IMAP: so many messages must be there; ULONG_MAX for any */
    bool uidl, dele;
    unsigned long repeat;     /* IMAP: FETCHes in one session */
    unsigned long operations; /* imap-mixed: in one session */
    unsigned long watch;  /* imap-idle: so many mailboxes have one session each and are notified */
    unsigned long notify; /* imap-idle: so many messages, one after another */
    unsigned hold_s, interval_ms; /* imap-idle: before them; between them */
    unsigned timeout_s;           /* nothing happened for so long: give up */
    unsigned long errors;         /* give up after so many */
    const char *json;             /* file for the result, "-" for standard output; NULL for none */
    uint64_t seed;
};

/* Fills `o`; on a mistake says which on standard error and ends the program with 2. */
void options_read(struct options *o, int argc, char **argv);

/* The address of mailbox `n` (any number: it is taken modulo the mailboxes). */
void options_mailbox(const struct options *o, unsigned long n, char *out, size_t size);

#endif
