/* SPDX-License-Identifier: Apache-2.0 */
/* The run: so many units of work (messages to send, or sessions), so many clients that each take one unit
 * after another, and what came of them. One thread; a protocol is a few functions.
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
struct run;

struct protocol {
    void (*up)(
        struct client *c); /* the connection stands (and implicit TLS); the server speaks first */
    enum step (*input)(struct client *c);         /* something was added to link.in */
    const char *(*doing)(const struct client *c); /* what it waits for, for messages */
    /* Starts the clients and runs the loop; NULL for the usual: each takes units until none is left. */
    void (*drive)(struct run *r);
};

extern const struct protocol protocol_smtp, protocol_pop3, protocol_imap, protocol_imap_idle;

enum { ERROR_TEXTS = 5 };

/* What an imap-idle run has come to: imap_idle.c. */
struct idle_run {
    unsigned long opened, idle;          /* sessions: begun, and in IDLE */
    unsigned long notified;              /* messages appended and told of */
    unsigned ready;                      /* appending connections that have logged in */
    struct client *appending, *watching; /* of the message under way; NULL for none */
    int64_t until_us;                    /* the hold, or the pause before the next message */
};

struct run {
    const struct options *o;
    const struct protocol *protocol;
    struct corpus corpus;
    SSL_CTX *tls;
    int epoll;
    struct client *clients;
    unsigned long clients_n;
    int wait_ms; /* the loop looks at least so often whether it is over */
    struct idle_run idle;
    unsigned long taken, finished, failed; /* units */
    unsigned long connections, handshakes, resumed;
    struct stats units, messages; /* messages: only of a drain, one RETR each */
    struct stats operations;      /* IMAP: one FETCH, operation of the mix, or notification each */
    unsigned long fetched, appended; /* IMAP: messages */
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

enum imap_kind { IMAP_UNTAGGED, IMAP_TAGGED, IMAP_CONTINUE };
enum imap_word { IMAP_OTHER, IMAP_EXISTS, IMAP_FETCHED, IMAP_SEARCHED, IMAP_BYE };

/* The response under way. It has several lines when it has literals. */
struct imap_reply {
    enum imap_kind kind;
    enum imap_word word;
    bool within, sized; /* more of it follows; it said RFC822.SIZE */
    uint32_t number;    /* "* 7 EXISTS" */
    unsigned items;     /* of a FETCH: bits of imap.h */
    uint64_t literal;   /* octets of the literal under way that are still to come */
    uint64_t octets;    /* of all its literals */
    uint64_t size;
};

struct imap_state {
    int want; /* enum imap_want of imap.h */
    unsigned tag;
    bool tls_next, appends; /* appends: the second connection of imap-idle */
    struct imap_reply reply;
    uint64_t exists, fetched; /* fetched: responses with what the command asked for */
    uint64_t octets;
    unsigned long done; /* FETCHes or operations of this session */
    int64_t asked_us;
    struct rng_seeded rng; /* of the mix */
    int operation;         /* enum operation of imap_mixed.c */
    uint64_t wanted;       /* responses the operation must have */
    bool searched, selected;
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
        struct imap_state imap;
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

/* Begins to connect, for the unit it has or for none. < 0: link.why says why. */
int client_connect(struct client *c) MUST_CHECK;
/* Takes a unit and connects; after a failure the next one, until none are left or too many failed. */
void client_start(struct client *c);

/* The epoll loop, until `over` says so or too many failed. */
void run_until(struct run *r, bool (*over)(struct run *r));

/* Makes `n` clients, none connected. */
void run_clients(struct run *r, unsigned long n);

/* Runs all of it; the numbers are in `r` then. */
void run_all(struct run *r);

#endif
