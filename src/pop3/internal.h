/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: one POP3 session, and the table of its commands. */
#ifndef POP3_INTERNAL_H
#define POP3_INTERNAL_H

#include "auth/logins.h"
#include "base/config.h"
#include "base/err.h"
#include "base/limits.h"
#include "pop3/pop3.h"

enum pop3_state { /* RFC 1939 §3; bits, so that a command can name several. UPDATE is inside QUIT.
                   */
                  POP3_AUTHORIZATION = 1,
                  POP3_TRANSACTION = 2,
};

/* What the session is in the middle of: who gets the next unit or wake. */
enum pop3_busy {
    POP3_IDLE,    /* nothing: the next unit is a command */
    POP3_SASL,    /* the next unit is the client's answer to a challenge */
    POP3_VERIFY,  /* waits for the auth room */
    POP3_LISTING, /* LIST or UIDL of all messages, going on after each drain */
    POP3_SENDING, /* RETR or TOP */
};

/* A message on its way out: see stream.c. */
struct pop3_stream {
    struct blob_reader *reader;
    uint64_t size, offset; /* of the blob: what has been read */
    struct buf chunk;      /* read and not yet sent */
    uint64_t lines_left;   /* of the body, for TOP; UINT64_MAX for all */
    bool body;             /* past the header section */
    bool done;             /* TOP has all its lines */
    bool counts;           /* a RETR, for the metric */
    uint64_t line_n; /* bytes of the line so far; of a whole message only whether there are any */
    char last;       /* the byte before */
};

enum { POP3_HOLDER = 17 };

struct pop3 {
    struct session s; /* first: the host sees only this */
    const struct pop3_server *server;
    enum pop3_state state;
    enum pop3_busy busy;
    unsigned errors;
    bool utf8;    /* RFC 6856 §2.1 */
    bool closing; /* the server stops: close after what is being sent */

    /* logging in */
    char *user; /* from USER, NUL-terminated; NULL before */
    struct auth_exchange *exchange;
    struct auth_peer peer;

    /* logged in */
    struct auth_login login; /* tells that it is over */
    uint64_t account;
    char *address, *class_name;
    struct mail_view view;
    uint8_t *deleted; /* one bit a message; NULL before the first DELE */
    size_t deleted_n;
    uint64_t deleted_bytes, bytes; /* sums of sizes */
    size_t retrieved;
    char holder[POP3_HOLDER]; /* of the lease of pop3.exclusive; empty: none held */
    int64_t lease_ms;         /* mono time it was last renewed */

    const char *unit_name; /* of the command that runs, or is in the middle of its answer */
    uint64_t unit_uid;     /* of the message that it is about; 0: none */

    size_t list_at; /* next message of a LIST or UIDL */
    bool list_uidl;
    struct pop3_stream stream;
};

enum { POP3_ARGS_MAX = 3 };

struct pop3_line {
    struct span keyword;
    struct span rest; /* everything behind the keyword's space, raw */
    struct span arg[POP3_ARGS_MAX];
    size_t arg_n; /* also counts those beyond POP3_ARGS_MAX */
};

/* ---- the table (commands.c) -------------------------------------------------------------- */

enum pop3_flag {
    POP3_RAW = 1, /* one argument that may hold spaces and 8-bit bytes: PASS, USER */
    POP3_LONG =
        2, /* the line may be longer than LIMIT_POP3_COMMAND: what SASL and passwords need */
    POP3_SECURE = 4, /* takes a password: not without TLS, and not in CAPA then */
};

struct pop3_command {
    const char *name;
    unsigned states;
    unsigned flags;
    uint8_t args_min, args_max;
    enum step (*run)(struct pop3 *p, const struct pop3_line *line);
    const char *capability; /* its line in CAPA; NULL: it is announced otherwise or not at all */
    unsigned capability_states;
    const char *usage;
};

extern const struct pop3_command pop3_commands[];
extern const size_t pop3_commands_n;

const struct pop3_command *pop3_command_find(struct span keyword);
enum step pop3_dispatch(struct pop3 *p, struct span unit);

/* ---- unit.c: what the flight recorder gets to know (base/flight.h) ------------------------ */

/* Each 0 or ERR_QUARANTINED: it is not to be run. Until flight_end, or the next of them. */
int pop3_unit_line(struct pop3 *p, struct span unit) MUST_CHECK;
int pop3_unit_more(struct pop3 *p) MUST_CHECK;
int pop3_unit_login(struct pop3 *p, struct span address) MUST_CHECK;
enum step pop3_unit_refused(struct pop3 *p, int err); /* the answer to a command */

/* ---- parse.c ----------------------------------------------------------------------------- */

/* Without CRLF (or a bare LF: old clients send it). */
struct span pop3_chomp(struct span unit);
/* RFC 2449 §3. ERR_INVALID: a keyword of more than 4 letters is still taken (the table refuses it),
 * but control characters are not. */
int pop3_parse(struct span text, struct pop3_line *out) MUST_CHECK;

/* ---- answers (session.c) ----------------------------------------------------------------- */

void pop3_ok(struct pop3 *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* `code` without brackets, "" for none. */
void pop3_err(struct pop3 *p, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* What the table says of `err`. */
void pop3_err_of(struct pop3 *p, int err);
/* After an answer to what no sound client sends: counted, and too many end the session. */
enum step pop3_mistake(struct pop3 *p);
bool pop3_is_secure(const struct pop3 *p);

/* ---- commands ---------------------------------------------------------------------------- */

enum step pop3_cmd_user(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_pass(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_auth(struct pop3 *p, const struct pop3_line *line);
enum step pop3_sasl_answer(struct pop3 *p, struct span text);
enum step pop3_verify_woken(struct pop3 *p);
void pop3_auth_forget(struct pop3 *p); /* what the client said of itself */
struct auth_peer *pop3_auth_peer(struct pop3 *p);

/* login.c: 0, or an error with the reply already written. */
enum step pop3_login(struct pop3 *p, const struct auth_result *result);
void pop3_lease_renew(struct pop3 *p);
void pop3_logout(struct pop3 *p);

enum step pop3_cmd_capa(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_lang(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_utf8(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_stls(struct pop3 *p, const struct pop3_line *line);

enum step pop3_cmd_stat(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_list(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_uidl(struct pop3 *p, const struct pop3_line *line);
enum step pop3_list_more(struct pop3 *p);
/* A message by its number, not deleted; NULL with the reply written. *index_out from 0. */
const struct mail_entry *pop3_message(struct pop3 *p, struct span number, size_t *index_out);
bool pop3_is_deleted(const struct pop3 *p, size_t index);

enum step pop3_cmd_retr(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_top(struct pop3 *p, const struct pop3_line *line);
enum step pop3_send_more(struct pop3 *p);

enum step pop3_cmd_dele(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_rset(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_noop(struct pop3 *p, const struct pop3_line *line);
enum step pop3_cmd_quit(struct pop3 *p, const struct pop3_line *line);

/* stream.c */
int pop3_stream_open(struct pop3 *p, const struct mail_entry *e, uint64_t lines) MUST_CHECK;
/* Writes up to a chunk to `out`: 1 there is more, 0 all is written, the "." line too. */
int pop3_stream_more(struct pop3_stream *st, struct buf *out) MUST_CHECK;
void pop3_stream_close(struct pop3_stream *st);

/* surrogate.c: a header section in ASCII only; `header` with its empty line. */
void pop3_surrogate(struct buf *out, struct span header);

#endif
