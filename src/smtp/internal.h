/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the smtp room: the session's struct and what its files give each other.
 *
 *   session.c   the contract of net/session.h: cuts input into units, hands them to whoever is at
 * turn commands.c  the table of commands and its dispatcher; cmd_*.c their handlers parse.c paths
 * and parameters of MAIL and RCPT data.c      DATA and BDAT: content into smtp_body finish.c    the
 * end of a message: checks, trace fields, delivery, the answer login.c     AUTH reply.c everything
 * that is said
 */
#ifndef SMTP_INTERNAL_H
#define SMTP_INTERNAL_H

#include "auth/logins.h"
#include "base/config.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "message/message.h"
#include "smtp/body.h"
#include "smtp/dot.h"
#include "smtp/envelope.h"
#include "smtp/rate.h"
#include "smtp/smtp.h"

/* Where the dialogue stands; bits, so that a command's row can name several. */
enum smtp_state {
    ST_GREETED = 1, /* before EHLO, and again after STARTTLS */
    ST_READY = 2,   /* EHLO or HELO was said; no transaction */
    ST_MAIL = 4,    /* MAIL was accepted, no recipient yet */
    ST_RCPT = 8,    /* and at least one recipient */
    ST_BDAT = 16,   /* between the chunks of a message */
    ST_ANY = 31,
};

/* What the next bytes are. */
enum smtp_input {
    IN_COMMAND,
    IN_LONG_LINE, /* the rest of a line that was too long */
    IN_DATA,
    IN_CHUNK, /* of BDAT */
    IN_AUTH,  /* the client's turn in a login */
};

enum {
    SMTP_UNIT_LINE = LIMIT_SMTP_AUTH_LINE + 2, /* the longest line there is, with CRLF */
    SMTP_UNIT_DATA = 64 * 1024,
    SMTP_DATA_LEAST =
        16 * 1024, /* of content are waited for, so that a slow sender costs fewer hops */
    SMTP_MID_SIZE = 20,
};

/* Who logged in; one allocation, the text behind the struct. */
struct smtp_login {
    uint64_t account_id;
    struct span address;
    struct auth_login login; /* tells that the password is another one */
};

struct smtp {
    struct session s;
    const struct smtp_server *server;
    enum smtp_state state;
    enum smtp_input input;
    bool esmtp;              /* EHLO, not HELO */
    unsigned errors;         /* LIMIT_SMTP_ERRORS */
    unsigned unknown_rcpts;  /* LIMIT_SMTP_UNKNOWN_RCPT */
    char helo[256];          /* as the client named itself, washed */
    char mid[SMTP_MID_SIZE]; /* of the transaction; empty: none */
    bool refused; /* the last transaction: what a pipelining client sends of it all the same is
                     answered, but is no error of the client */
    struct smtp_login *login;       /* NULL: nobody logged in */
    struct auth_exchange *exchange; /* a login under way */
    struct smtp_envelope envelope;
    struct smtp_body body;
    enum smtp_dot dot;
    size_t line_dropped; /* IN_LONG_LINE: bytes so far */
    int64_t line_since;  /* and when it turned out to be too long */
    uint64_t chunk_left; /* bytes of the BDAT chunk still to come */
    bool chunk_last;
    bool chunk_refused;    /* it is read and dropped, then answered 503 or 554 */
    int64_t content_since; /* when the first byte of the message was waited for; 0: not yet */
};

/* ---- session.c --------------------------------------------------------------------------- */

/* Ends the transaction, if there is one, and gives its memory back. */
void smtp_reset(struct smtp *s);
void smtp_input_set(struct smtp *s, enum smtp_input input);
/* Passwords may come in the clear: TLS, or loopback where the configuration allows it. */
bool smtp_is_secure(const struct smtp *s);
/* A login is needed before mail. */
bool smtp_needs_login(const struct smtp *s);

/* ---- reply.c ----------------------------------------------------------------------------- */

/* "250 2.0.0 text". `enhanced` NULL leaves it out (greeting, EHLO, 3xx: RFC 2034 §3). Text is one
 * line. */
void smtp_reply(struct smtp *s, int code, const char *enhanced, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* A line of an answer of several lines: more follow. */
void smtp_reply_more(struct smtp *s, int code, const char *enhanced, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The reply of an error's row (base/err.h). */
void smtp_reply_err(struct smtp *s, int err);
/* A reply to something that a correct client does not do: counted, and at the limit the session
 * ends. */
enum step smtp_wrong(struct smtp *s, int code, const char *enhanced, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same, unless it only follows from a transaction that was refused: then it is not counted. */
enum step smtp_out_of_order(struct smtp *s, const char *text);
/* 421 and close. */
enum step smtp_hang_up(struct smtp *s, const char *enhanced, const char *text);

/* ---- commands.c -------------------------------------------------------------------------- */

/* One command line, without its CRLF. */
enum step smtp_command(struct smtp *s, struct span line);

bool smtp_is_verb(struct span verb);

enum step smtp_cmd_helo(struct smtp *s, struct span args);
enum step smtp_cmd_ehlo(struct smtp *s, struct span args);
enum step smtp_cmd_mail(struct smtp *s, struct span args);
enum step smtp_cmd_rcpt(struct smtp *s, struct span args);
enum step smtp_cmd_data(struct smtp *s, struct span args);
enum step smtp_cmd_bdat(struct smtp *s, struct span args);
enum step smtp_cmd_rset(struct smtp *s, struct span args);
enum step smtp_cmd_noop(struct smtp *s, struct span args);
enum step smtp_cmd_vrfy(struct smtp *s, struct span args);
enum step smtp_cmd_expn(struct smtp *s, struct span args);
enum step smtp_cmd_help(struct smtp *s, struct span args);
enum step smtp_cmd_quit(struct smtp *s, struct span args);
enum step smtp_cmd_starttls(struct smtp *s, struct span args);
enum step smtp_cmd_auth(struct smtp *s, struct span args);
enum step smtp_cmd_http(struct smtp *s, struct span args);

/* Would EHLO list this keyword here and now? */
bool smtp_is_offered(struct smtp *s, struct span keyword);
/* One row at a time of what can be used here and now, for HELP; false at the end. */
bool smtp_command_help(struct smtp *s, size_t index, const char **syntax, const char **help);

/* ---- parse.c ----------------------------------------------------------------------------- */

struct smtp_path {
    struct span address; /* without a source route; empty for <> */
    struct smtp_address parts;
};
/* "FROM:<path>" or "TO:<path>" from the front of `args`, with `keyword` "FROM:" or "TO:".
 * Parameters are left. ERR_INVALID (no such form), ERR_BAD_ADDRESS. */
int smtp_path_take(struct span *args, struct span keyword, struct smtp_path *out) MUST_CHECK;

struct smtp_param {
    struct span key;
    struct span value;
    bool has_value;
};
/* The next of "KEY[=value] …": 1, 0 at the end, ERR_INVALID. */
int smtp_param_take(struct span *args, struct smtp_param *out) MUST_CHECK;

/* ---- data.c, finish.c -------------------------------------------------------------------- */

ssize_t smtp_data_frame(const struct smtp *s, struct span in);
ssize_t smtp_chunk_frame(const struct smtp *s, struct span in);
enum step smtp_data_unit(struct smtp *s, struct span unit);
enum step smtp_chunk_unit(struct smtp *s, struct span unit);

/* The whole message is in s->body: judge it, keep it, answer. The transaction is over after it. */
void smtp_finish(struct smtp *s);
/* What is wrong with the body: replied to. */
void smtp_refuse_body(struct smtp *s);

/* Return-Path, Received and on submission what is missing (trace.c). */
struct smtp_trace {
    struct span from;      /* reverse path */
    struct span recipient; /* empty unless there is exactly one */
    bool add_date;
    bool add_message_id;
    bool add_empty_line; /* the message has no header section of its own */
};
void smtp_trace_print(struct smtp *s, const struct smtp_trace *t, struct buf *out);

/* ---- unit.c: what the flight recorder gets to know (base/flight.h) ------------------------ */

/* Each 0 or ERR_QUARANTINED: it is not to be run. Until flight_end, or the next of them. */
int smtp_unit_line(struct smtp *s, struct span unit) MUST_CHECK;
int smtp_unit_woken(struct smtp *s) MUST_CHECK; /* in the middle of a login */
int smtp_unit_content(struct smtp *s) MUST_CHECK;
int smtp_unit_message(struct smtp *s, struct span message) MUST_CHECK;

/* ---- shared by MAIL, RCPT and finish.c -------------------------------------------------- */

enum { SMTP_OVER_QUOTA_REJECT = 1 }; /* of smtp.over_quota */

/* The class, or "default" when it is gone (cmd_mail.c). Texts in the session's arena. */
int smtp_class(struct smtp *s, struct span name, struct class_of_service *out) MUST_CHECK;
/* 450 with the time to wait; somebody is logged in. */
void smtp_reply_rate(struct smtp *s, int64_t wait_ms);

/* ---- login.c ----------------------------------------------------------------------------- */

/* The mechanisms to offer, separated by spaces; nothing when a login is not possible here and now.
 */
void smtp_login_mechanisms(struct smtp *s, struct buf *out);
/* A line of the client, or the waker. */
enum step smtp_login_line(struct smtp *s, struct span line);
enum step smtp_login_woken(struct smtp *s);
/* Drops a login under way. Harmless when there is none. */
void smtp_login_drop(struct smtp *s);

#endif
