/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: one IMAP session, the table of its commands, and what handlers build on.
 *
 * A handler gets the arguments of a whole command (they and all it allocates live in the session's arena until the
 * command is answered), writes untagged responses to `out` and ends with exactly one of imap_ok, imap_no, imap_bad
 * and their kin, whose step it returns. These first say what else has changed in the mailbox, as far as the
 * command allows (sync.c), and may need several steps for it.
 *
 * What may be longer than about 64 KiB is a task: the handler sets `task` and returns imap_task_begin; `go_on` is
 * called each time `out` has drained, writes up to about IMAP_OUT_STEP and returns STEP_MORE, and at its end the
 * step of imap_ok. No snapshot of the store is held between two steps.
 *
 * Messages are named by UID everywhere: sequence numbers are ranks in box->uids, which changes only where
 * expunges are told (sync.c). */
#ifndef IMAP_INTERNAL_H
#define IMAP_INTERNAL_H

#include "base/config.h"
#include "base/err.h"
#include "base/limits.h"
#include "imap/args.h"
#include "imap/imap.h"
#include "mailbox/sync.h"

enum { IMAP_OUT_STEP = 64 * 1024 };

enum imap_state { /* RFC 9051 §3; bits, so that a command can name several */
                  IMAP_NOT_AUTHENTICATED = 1,
                  IMAP_AUTHENTICATED = 2,
                  IMAP_SELECTED = 4,
};

/* What the client has switched on (RFC 5161 and what enables by being used). */
enum imap_enabled {
    IMAP_ON_CONDSTORE = 1, /* RFC 7162 §3.1 */
    IMAP_ON_QRESYNC = 2,   /* §3.2 */
    IMAP_ON_UTF8 = 4,      /* RFC 9755 */
    IMAP_ON_REV2 = 8,      /* RFC 9051 §6.3.1 */
};

/* What a watch of the store tells the session; written by other threads. */
struct imap_watch {
    bool changed; /* atomic: the account has changed since this was last false */
    bool idling;  /* atomic: the session wants to be woken for it */
    struct waker *waker;
    struct store_watch *watch;
};

/* The selected mailbox, as the client knows it. */
struct imap_selected {
    struct mailbox_id id;
    uint32_t uidvalidity;
    bool read_only;       /* EXAMINE */
    struct modseq modseq; /* all changes up to this one are told, or in `gone` */
    struct numset uids;   /* all the client was told of: sequence numbers are ranks in it */
    struct numset gone;   /* of those, expunged and not told yet */
    struct numset saved;  /* "$", RFC 5182 */
    struct imap_watch watch;
};

/* Who gets the next unit or wake. */
enum imap_busy {
    IMAP_READY,    /* a line: a new command, or one goes on when `partial` is not empty */
    IMAP_OCTETS,   /* of a literal that is part of the command */
    IMAP_MESSAGE,  /* of a message of APPEND */
    IMAP_SKIPPING, /* of a literal that nobody wants */
    IMAP_SASL,     /* the client's answer to a challenge */
    IMAP_VERIFY,   /* waits for the auth room */
    IMAP_TASK,     /* an answer goes on after each drain */
    IMAP_IDLING,   /* DONE, or changes to be told */
};

struct imap;
struct imap_task {
    enum step (*go_on)(struct imap *i);
    void (*drop)(
        struct imap
            *i); /* the task is over or the session ends; frees what is not in the arena; or NULL */
    void *data;
};

struct imap_append;

struct imap {
    struct session s; /* first: the host sees only this */
    const struct imap_server *server;
    enum imap_state state;
    enum imap_busy busy;
    unsigned enabled; /* enum imap_enabled */
    unsigned errors;
    bool closing; /* the server stops: close after what is being sent */

    /* logging in */
    struct auth_exchange *exchange;
    struct auth_peer peer;
    struct session_tls_binding binding;

    /* logged in */
    uint64_t account;
    char *address, *class_name;
    struct imap_selected *box; /* SELECTED; NULL otherwise */

    /* the command that is being read or run */
    struct buf partial;   /* its lines and literals so far, when it has several */
    uint64_t octets_left; /* of a literal */
    char tag[LIMIT_IMAP_TAG + 1];
    const struct imap_command *command; /* NULL: none runs */
    bool uid;                           /* it is the UID form */
    struct imap_task task;
    struct imap_append *append; /* what an APPEND has collected; NULL: none goes on */

    /* of this command, in the arena */
    const struct span *keywords; /* names by id; NULL: not read yet */
    size_t keywords_n;
};

/* ---- the table (commands.c) -------------------------------------------------------------- */

enum imap_flag {
    IMAP_UID = 1,      /* may follow UID (RFC 9051 §6.4.9) */
    IMAP_UID_ONLY = 2, /* only so */
    IMAP_NUMBERS = 4,  /* without UID its answer must not tell of expunges (§7.5.1) */
    IMAP_SECURE = 8,   /* takes a password: not without TLS */
    IMAP_SECRET = 16,  /* its arguments are in no log and no flight recorder */
    IMAP_NO_SYNC = 32, /* its answer tells no changes at all */
    IMAP_WRITES = 64,  /* not in a mailbox opened by EXAMINE */
};

struct imap_command {
    const char *name;
    unsigned states;
    unsigned flags;
    enum step (*run)(struct imap *i, const struct imap_arg *args);
    const char *usage; /* what the client should have written, behind the tag */
};

extern const struct imap_command imap_commands[];
extern const size_t imap_commands_n;

const struct imap_command *imap_command_find(struct span name);

#endif
