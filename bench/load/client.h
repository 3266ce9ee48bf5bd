/* SPDX-License-Identifier: Apache-2.0 */
/* The run: so many units of work (messages to send, or POP3 sessions), so many clients that each take one unit
 * after another, and what came of them. One thread; a protocol is two functions.
 */
#ifndef BENCH_LOAD_CLIENT_H
#define BENCH_LOAD_CLIENT_H

#include "link.h"
#include "message.h"
#include "options.h"
#include "stats.h"

enum step {
    STEP_WAIT,  /* for more input */
    STEP_NEXT,  /* this connection is finished with */
    STEP_FAILED /* so is it, and link.why says why */
};

struct client;

struct protocol {
    void (*up)(
        struct client *c); /* the connection stands (and implicit TLS); the server speaks first */
    enum step (*input)(struct client *c);         /* something was added to link.in */
    const char *(*doing)(const struct client *c); /* what it waits for, for messages */
};

extern const struct protocol protocol_smtp, protocol_pop3;

enum { ERROR_TEXTS = 5 };

struct run {
    const struct options *o;
    const struct protocol *protocol;
    struct corpus corpus;
    SSL_CTX *tls;
    int epoll;
    struct client *clients;
    unsigned long taken, finished, failed; /* units */
    unsigned long connections, handshakes, resumed;
    struct stats units, messages; /* messages: only of a drain, one RETR each */
    unsigned long errors;
    char error_text[ERROR_TEXTS][256]; /* the first few */
    int64_t began_us, ended_us, progress_us;
};

struct smtp_state {
    int want; /* enum want of smtp.c */
    unsigned rcpt;
    unsigned long sent; /* messages on this connection */
    bool has_starttls, has_pipelining, has_size;
};

struct pop3_state {
    int want; /* enum want of pop3.c */
    bool tls_next, body;
    uint64_t stat;
    uint32_t *sizes; /* of LIST, in order */
    int64_t *asked_us;
    size_t listed, cap, seen, wanted, asked, got;
    uint64_t octets; /* of the body under way */
};

struct client {
    struct run *run;
    struct link link;
    bool busy; /* has a unit */
    unsigned long unit;
    int64_t began_us; /* the unit */
    union {
        struct smtp_state smtp;
        struct pop3_state pop3;
    };
};

/* Takes the next unit; false when all are taken. */
bool client_take(struct client *c) MUST_CHECK;
void client_unit_done(struct client *c, size_t octets);

/* The next whole line without its CRLF, or a span with p == NULL. Valid until client_line_used. */
struct span client_line(struct client *c);
void client_line_used(struct client *c, struct span line);

enum step client_failed(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts a command as by printf, with CRLF. */
void client_say(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Runs all of it; the numbers are in `r` then. */
void run_all(struct run *r);

#endif
