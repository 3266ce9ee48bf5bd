/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY (RFC 5465), private to the room: what a client wants to hear of between its commands.
 *
 * Of the selected mailbox that is what IDLE tells, as far as it is wanted, and it goes the same way (sync.c). Of others
 * the session remembers a row each, by their names; when the account has changed, the rows are read again and what is
 * different is told (notify_look.c). Between two changes it holds these rows, and what was asked for, and waits as
 * IDLE does. */
#ifndef IMAP_NOTIFY_H
#define IMAP_NOTIFY_H

#include "imap/names.h"

enum notify_event { /* bits */
                    NOTIFY_MESSAGES =
                        1, /* MessageNew and MessageExpunge: RFC 5465 §5 has none without the other */
                    NOTIFY_FLAGS = 2,
                    NOTIFY_NAMES = 4,
                    NOTIFY_SUBSCRIPTIONS = 8,
                    NOTIFY_METADATA = 16,
};

enum notify_filter {                  /* §6 */
                     NOTIFY_PERSONAL, /* and inboxes: mail may come to any of them */
                     NOTIFY_SUBSCRIBED,
                     NOTIFY_SUBTREE,
                     NOTIFY_MAILBOXES,
};

struct notify_group {
    enum notify_filter filter;
    unsigned events;
    struct span *names; /* of SUBTREE and MAILBOXES */
    size_t names_n;
};

/* What is asked for. */
struct notify_program {
    bool status;       /* how things stand is to be told first */
    unsigned selected; /* events of the selected mailbox */
    bool delayed;      /* its expunges wait for a command that may tell them, §6.1.2 */
    struct span items; /* to be fetched of a new message there: "(UID FLAGS)"; empty: none */
    bool modseq;       /* MODSEQ is among them */
    bool server;       /* annotations of the server, too */
    struct notify_group *groups;
    size_t groups_n;
};

/* A mailbox, or a name subscribed to, as the client was told of it. */
struct notify_row {
    struct span name;
    account_id account; /* whose it is */
    uint32_t id;        /* 0: there is no such mailbox */
    uint32_t uidvalidity, uidnext;
    uint64_t modseq, messages, unseen;
    unsigned events; /* wanted, and allowed */
    bool subscribed, noselect;
    bool no_access; /* RFC 5465 §3.1: of a mailbox of others, something wanted is not allowed */
};

/* An annotation that the client knows of. */
struct notify_note {
    account_id account;
    uint32_t mailbox; /* 0: of the server */
    bool shared;
    uint64_t hash; /* of its value */
    struct span name;
};

struct imap_notify {
    struct notify_program program;
    struct notify_row *rows; /* in the order of names; with their names one piece of memory */
    size_t rows_n;
    uint32_t newest;           /* mailbox that there was */
    struct notify_own *own;    /* what this session has changed since; NULL: nothing */
    struct notify_note *notes; /* of rows that want METADATA; one piece as well */
    size_t notes_n;
    struct imap_watch watch;
    struct notify_others *others; /* who else is watched; NULL: nobody */
};

/* The arguments of NOTIFY SET behind SET. All in the session's arena. ERR_INVALID: BAD. ERR_UNSUPPORTED: an event that is
 * not known. ERR_LIMIT. */
int notify_parse(struct imap *i,
                 const struct imap_arg *args,
                 struct notify_program *out) MUST_CHECK;

/* ---- notify_look.c ------------------------------------------------------------------------ */

/* Remembers how things stand, and if the program asks for STATUS tells it (§3.1); then `then`. ERR_LIMIT: more than
 * LIMIT_IMAP_NOTIFY rows. */
int notify_begin(struct imap *i, enum step (*then)(struct imap *i), enum step *step_out) MUST_CHECK;
/* Tells what has changed since the rows were read, and then `then`. */
enum step notify_look(struct imap *i, enum step (*then)(struct imap *i));

/* ---- notify_watch.c: what wakes the session --------------------------------------------------- */

/* The user's own account. */
int notify_watch_own(struct imap *i) MUST_CHECK;
/* May the program be about mailboxes of others? */
bool notify_reaches_others(const struct notify_program *p);
/* The accounts of these rows, as far as they are others', and what tells that somebody shares something anew. When it was
 * somebody else before, the session is woken to look again. */
int notify_watch_others(struct imap *i, const struct notify_row *rows, size_t n) MUST_CHECK;
void notify_unwatch(struct imap_notify *n);

/* ---- notify_own.c: what this session did itself, and need not hear of (§5) ------------------- */

/* Is what there is of this name what the session has made of it? */
bool notify_own_has(const struct imap_notify *n, enum imap_own what, struct span name);
/* The annotation has the value that the session gave it. */
bool notify_own_note(const struct imap_notify *n, const struct notify_note *note, bool gone);
/* Is all that has changed in this mailbox that the session has put messages there? */
bool notify_own_is_all(struct imap *i, const struct notify_row *now, const struct notify_row *old);
void notify_own_forget(struct imap_notify *n);
uint64_t notify_hash(struct span value);

/* ---- notify_notes.c: annotations (§5.6, §5.7) ----------------------------------------------- */

/* What is there now, in an arena, while it is compared with what the client knows. */
struct notify_notes {
    struct arena *names;
    struct buf v; /* struct notify_note, one behind the other */
};

int notify_notes_init(struct notify_notes *now) MUST_CHECK;
void notify_notes_done(struct notify_notes *now);
/* Reads those of a mailbox of that account, 0: of the server. With `tell` what is different is told: a METADATA response with their
 * names (RFC 5464 §4.4.2) under the mailbox's `name`. */
int notify_notes_look(struct imap *i,
                      struct notify_notes *now,
                      account_id account,
                      uint32_t mailbox,
                      struct span name,
                      bool tell) MUST_CHECK;
/* They become those the client knows. ERR_NOMEM. */
int notify_notes_keep(struct imap *i, const struct notify_notes *now) MUST_CHECK;

#endif
