/* SPDX-License-Identifier: Apache-2.0 */
/* A client: a task that visits the server again and again, each time as one of the kinds below.
 *
 * A visit is one connection, honest as a client can be: it sends what a mail program sends, in
 * whatever pieces, may hang up at any byte, and compares every answer with the model. A visit that
 * no fault has touched must not meet an error; one that a fault has touched may meet temporary
 * errors, and never a permanent one, because that would bounce or lose mail.
 *
 * A new protocol is a new client_x.c with a `run`, and a row in client_kinds (client.c). */
#ifndef TEST_SIM_CLIENT_H
#define TEST_SIM_CLIENT_H

#include "host.h"
#include "world.h"

struct client {
    struct world *w;
    char name[32];
    struct rng_seeded rng;
    struct task *task;
    struct host *host;     /* NULL: not connected */
    bool touched;          /* a fault may be felt in this visit */
    unsigned errors;       /* operations of this visit that failed, each with no effect */
    bool blurred;          /* a fault that is not one of these may be felt */
    bool lost;             /* the connection: nothing more can be sent or read */
    const struct life *in; /* who is logged in; NULL: nobody */
    uint64_t in_since;     /* step before that */
    unsigned in_password;
    unsigned visits;              /* still to make */
    const struct life *held_life; /* whose mailbox of that name the present command is about */
    char held[BOX_TEXT];
    struct imap_cache *imap;         /* what it remembers of a mailbox; NULL: nothing */
    void (*at_op)(struct client *c); /* called before each operation of the store that this client
                                      * causes; NULL: nobody cares */
};

struct client_kind {
    const char *name;
    unsigned weight;
    void (*run)(struct client *c); /* one visit; connects with client_connect, if at all */
};

void smtp_visit(struct client *c);
void pop3_visit(struct client *c);
void imap_visit(struct client *c);
void admin_visit(struct client *c);
void janitor_visit(struct client *c);

/* Makes the clients' tasks; each runs until its visits are made, waiting whenever the server is
 * down. Then joins and frees them. */
void clients_begin(struct world *w);
void clients_end(struct world *w);
/* One visit of the caller's own, as `main`: for the end of a run. */
void client_once(struct world *w, void (*run)(struct client *c));

/* ---- chance, always the client's own ------------------------------------------------------- */

uint64_t client_below(struct client *c, uint64_t bound);
bool client_chance(struct client *c, unsigned in); /* once in so many times; 0: never */

/* ---- the connection ------------------------------------------------------------------------ */

enum client_port { PORT_PLAIN, PORT_TLS };
/* false: lost already. */
bool client_connect(struct client *c, struct session *s, enum client_port port);
/* Sends all of it, or as much as the connection lasts. `point` is an offset into `bytes`: *passed
 * says whether the server has got the byte before it (NULL: who cares). */
bool client_send(struct client *c, struct span bytes, size_t point, bool *passed);
bool client_sendf(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The next line of an answer, valid until the next send; false: the connection is lost, which is
 * wrong() when nothing explains it. */
bool client_line(struct client *c, struct span *out);
/* So many bytes of an answer, put behind `to`; else as client_line. */
bool client_octets(struct client *c, size_t n, struct buf *to);
/* Lets the server go on for that long, and hears what it says by itself. */
void client_listen(struct client *c, int64_t ms);
/* A line that has come already, as client_line. */
bool client_line_now(struct client *c, struct span *out);
/* All that the server says until it closes the connection, as client_line. */
bool client_all(struct client *c, struct span *out);
/* Says nothing more until the server gives up; what it says then is in the output. */
void client_time_out(struct client *c);
void client_hang_up(struct client *c);
/* STARTTLS has been answered: TLS is on when this is true. */
bool client_is_tls(struct client *c);
/* Waits a moment, a client's usual time between two commands. */
void client_pause(struct client *c);

/* Something the server must not do to a visit that no fault has touched. */
void client_must(struct client *c, bool ok, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* ---- logging in, the same for every protocol ------------------------------------------------ */

struct login {
    struct life *life; /* whose address and password are used */
    uint64_t since;    /* step */
    unsigned password; /* number; UINT_MAX: one nobody has */
    char address[DOMAIN_TEXT], text[DOMAIN_TEXT];
};
enum login_answer {
    LOGIN_OK,
    LOGIN_WRONG,   /* the name or the password */
    LOGIN_REFUSED, /* suspended, or removed: after the right password */
    LOGIN_LATER,   /* a temporary trouble */
};
/* Chooses whom to be; false: there is nobody. */
bool login_choose(struct client *c, struct login *l);
/* Compares the answer with the model, and learns from it. True: logged in, as a life that was the
 * same all the time. */
bool login_judge(struct client *c, struct login *l, enum login_answer answer);
/* The server may, or at that step had to, have ended the session: the account was removed since, or has another
 * password. */
bool login_may_be_over(const struct client *c);
bool login_must_be_over(const struct client *c, uint64_t since);

#endif
