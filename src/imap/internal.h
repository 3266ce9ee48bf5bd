/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: one IMAP session, the table of its commands, and what handlers build on.
 *
 * A handler gets the arguments of a whole command (they and all it allocates live in the session's arena until the
 * command is answered), writes untagged responses to `out` and ends with exactly one of imap_ok, imap_no, imap_bad
 * and their kin, whose step it returns. These first say what else has changed in the mailbox, as far as the
 * command allows (sync.c), and may need several steps for it.
 *
 * What may be longer than about 60 KiB is a task: the handler sets `task` and returns imap_task_begin; `go_on` is
 * called each time `out` has drained, writes up to about IMAP_OUT_STEP and returns STEP_MORE, and at its end the
 * step of imap_ok. No snapshot of the store is held between two steps.
 *
 * Messages are named by UID everywhere: sequence numbers are ranks in box->uids, which changes only where
 * expunges are told (sync.c). */
#ifndef IMAP_INTERNAL_H
#define IMAP_INTERNAL_H

#include "auth/logins.h"
#include "base/config.h"
#include "base/err.h"
#include "base/limits.h"
#include "imap/args.h"
#include "imap/imap.h"
#include "mailbox/sync.h"

enum { IMAP_OUT_STEP = SESSION_STRIDE };

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
    IMAP_ON_UIDONLY = 16,  /* RFC 9586 */
};

/* What a watch of the store tells the session; written by other threads. */
struct imap_watch {
    bool changed;     /* atomic: the account has changed since this was last false */
    uint64_t commits; /* atomic: heard of so far, raised before `changed`; not counted for NOTIFY */
    bool idling;      /* atomic: the session wants to be woken for it */
    struct waker *waker;
    struct store_watch *watch;
};

/* The selected mailbox, as the client knows it. */
struct imap_selected {
    account_id account; /* whose it is */
    struct mailbox_id id;
    uint32_t rights; /* enum mail_right: what the user may do with it */
    uint32_t uidvalidity;
    bool read_only;       /* EXAMINE, or deleted */
    bool deleted;         /* it is not there any more */
    struct modseq modseq; /* all changes up to this one are told, or in `gone` */
    struct modseq sure;   /* all up to this one are told, expunges too */
    struct modseq told;   /* the highest that was in a FETCH response since the last answer */
    struct numset uids;   /* all the client was told of: sequence numbers are ranks in it */
    struct numset gone;   /* of those, expunged and not told yet */
    struct numset owed;   /* whose flags could not be read when they were to be told */
    struct numset saved;  /* "$", RFC 5182 */
    struct numset own;    /* that this session put there, and was not told of yet */
    size_t keywords_told; /* so many of the account's keywords were in a FLAGS response */
    bool keywords_full;   /* and there was no room for more in PERMANENTFLAGS */
    uint8_t *
        shown; /* of another's mailbox: a bit for each keyword that a message here had, others are not told: they are
                     * of mailboxes the user may not know of. NULL: all are */
    struct imap_contexts *contexts; /* contexts.c; NULL: none */
    struct imap_watch watch;
};

/* Who gets the next unit or wake. */
enum imap_busy {
    IMAP_READY,   /* a line: a new command, or one goes on when `partial` is not empty */
    IMAP_OCTETS,  /* of a literal that is part of the command */
    IMAP_MESSAGE, /* of a message of APPEND */
    IMAP_SASL,    /* the client's answer to a challenge */
    IMAP_VERIFY,  /* waits for the auth room */
    IMAP_TASK,    /* an answer goes on after each drain */
    IMAP_IDLING,  /* DONE, or changes to be told */
};

struct imap;
struct imap_task {
    enum step (*go_on)(struct imap *i);
    /* the task is over or the session ends: frees what is not in the arena. May be NULL */
    void (*drop)(struct imap *i, void *data);
    void *data;
};

/* What the running command has changed in the selected mailbox, if nobody else did since it was told of last: so there is
 * nothing to be read. Messages of it are in `loud` or in box->own. */
struct imap_alone {
    uint64_t commits; /* of the watch, once that was committed; 0: it is not known */
    struct modseq modseq;
};

struct imap_append;
struct imap_compress;

struct imap {
    struct session s; /* first: the host sees only this */
    const struct imap_server *server;
    enum imap_state state;
    enum imap_busy busy;
    unsigned enabled;               /* enum imap_enabled */
    unsigned errors;                /* in a row */
    bool closing;                   /* the server stops: close after what is being sent */
    struct imap_compress *compress; /* NULL: it is off */
    bool idling;                    /* IDLE is under way */

    /* logging in */
    struct auth_exchange *exchange;
    struct auth_peer peer;

    /* logged in */
    struct auth_login login; /* tells that it is over */
    uint64_t account;
    char *address;
    uint64_t append_limit;     /* as it was announced (RFC 7889) */
    struct imap_selected *box; /* SELECTED; NULL otherwise */
    struct imap_sync *telling; /* more of what is new; NULL: nothing */
    struct imap_notify *notify,
        *notify_next; /* what NOTIFY asked for, and will; NULL: it was not given */

    /* the command that is being read or run */
    struct buf partial;   /* its lines and literals so far, when it has several */
    uint64_t octets_left; /* of a literal */
    int64_t
        partial_since; /* monotonic; 0: nothing is there. Before the login all of it has its time, not each piece */
    char tag[LIMIT_IMAP_TAG + 1];
    const struct imap_command *command; /* NULL: none runs */
    bool uid;                           /* it is the UID form */
    bool beyond;                        /* it names sequence numbers that are not there */
    bool numbered;                      /* it has some among its criteria, also in the UID form */
    struct imap_task task;
    struct imap_append *append; /* what an APPEND has collected; NULL: none goes on */
    struct numset quiet;        /* UIDs whose new flags the client knows by itself: STORE .SILENT */
    struct mail_stored stored;  /* by which mod-sequences that is so, and by no later ones */
    struct numset loud; /* UIDs whose flags are told, also if they have not changed: STORE */
    struct imap_alone alone;

    /* of this command, in the arena */
    struct span answer;          /* the tagged one, while changes are told before it */
    const struct span *keywords; /* names by id; NULL: not read yet */
    size_t keywords_n;
};

/* ---- the table (commands.c) -------------------------------------------------------------- */

enum imap_flag {
    IMAP_UID = 1,       /* may follow UID (RFC 9051 §6.4.9) */
    IMAP_NUMBERS = 2,   /* without UID its answer must not tell of expunges (§7.5.1) */
    IMAP_NEEDS_TLS = 4, /* takes a password */
    IMAP_SECRET = 8,    /* its arguments are in no log and no flight recorder */
    IMAP_NO_SYNC = 16,  /* its answer tells no changes */
    IMAP_WRITES = 32,   /* not in a mailbox opened by EXAMINE */
    IMAP_MESSAGES = 64, /* its literals are messages, and go to cmd_append.c */
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

/* By its name, ASCII case folded; NULL. */
const struct imap_command *imap_command_find(struct span name);
/* Tag and name from the front of a command; `rest` is the arguments. ERR_INVALID: no tag (i->tag is "" then).
 * i->command is NULL where there is none of that name, or no UID form of it. */
int imap_command_begin(struct imap *i, struct span *rest) MUST_CHECK;
/* May i->command be given now? If not, the step of the answer is in *step_out. */
bool imap_command_allowed(struct imap *i, enum step *step_out);
/* A whole command: all lines and literals, without the last CRLF. */
enum step imap_dispatch(struct imap *i, struct span command);

/* ---- session.c: what the host calls, without compression ------------------------------------- */

ssize_t imap_plain_frame(const struct imap *i, struct span in);
enum step imap_plain_unit(struct imap *i, struct span unit);
enum step imap_plain_wake(struct imap *i, enum wake why);

/* ---- input.c: lines and literals ---------------------------------------------------------- */

/* Without its CRLF (or a bare LF). */
struct span imap_chomp(struct span unit);
/* Tells a client that it may go on: a literal, SASL, IDLE. */
void imap_continue(struct imap *i, const char *text);
/* A line where a command begins or goes on. */
enum step imap_line(struct imap *i, struct span line);
/* Octets of a literal of `partial`. */
enum step imap_octets(struct imap *i, struct span octets);

/* ---- answer.c ----------------------------------------------------------------------------- */

/* The end of a command: `code` without brackets, empty for none. */
enum step imap_ok(struct imap *i, struct span code, const char *fmt, ...) PRINTF_LIKE(3, 4);
enum step imap_no(struct imap *i, struct span code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* NO, with what the table says of `err`. */
enum step imap_no_of(struct imap *i, int err);
/* For what no sound client sends: counted, and too many in a row end the session. */
enum step imap_bad(struct imap *i, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum step imap_bad_coded(struct imap *i, struct span code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* BAD: the arguments are not those of the command, or (imap_messages has said so) no message has such a number. */
enum step imap_bad_args(struct imap *i);
/* BAD: sequence numbers, from a client that has enabled UIDONLY. */
enum step imap_uid_required(struct imap *i);
/* How loud an error of the store is in the log: a mailbox or an account that somebody removed meanwhile is no fault. */
enum log_level imap_fault_level(int err);
/* NO: nothing can be changed in the selected mailbox, which was opened for reading only or is not there any more. */
enum step imap_no_read_only(struct imap *i);
/* Why not: a response code without brackets, and a sentence. Static. */
const char *imap_read_only_code(const struct imap_selected *box);
const char *imap_read_only_text(const struct imap_selected *box);
/* An untagged answer, and the session ends. */
enum step imap_bye(struct imap *i, struct span code, const char *text);
/* The command is over without an answer of its own (IDLE tells later, STARTTLS at once). */
void imap_command_end(struct imap *i);

/* The task of the session from now on, and its first step. It ends with imap_task_end (which calls `drop`) and
 * imap_ok or its kin. */
enum step imap_task_begin(struct imap *i, struct imap_task task);
void imap_task_end(struct imap *i);

bool imap_is_secure(const struct imap *i);

/* ---- write.c: values in responses ------------------------------------------------------------ */

/* A string as quoted where it can be, else as a literal. Not for text with NUL. */
void imap_write_string(struct imap *i, struct span s);
/* The same, or as atom. */
void imap_write_astring(struct imap *i, struct span s);
/* "* 3 FETCH (", or what UIDONLY makes of it. */
void imap_write_fetch(struct imap *i, uint32_t uid);
/* A mailbox name, which is kept in UTF-8: modified UTF-7 unless the client has switched UTF-8 on. */
void imap_write_mailbox(struct imap *i, struct span name);
/* "(\Seen $Forwarded)". Reads the account's list of keywords when it needs it. */
int imap_write_flags(struct imap *i, uint32_t flags, const struct keyword_ids *keywords) MUST_CHECK;
/* Name of a system flag: from 0, NULL beyond the last. */
const char *imap_flag_name(size_t n, uint32_t *flag_out);
/* The list of the keywords of the selected mailbox's account into i->keywords, as it is now. */
int imap_keywords(struct imap *i) MUST_CHECK;

/* How the user puts keywords on the list of that account. */
enum mail_keyword_add imap_keyword_add(const struct imap *i, account_id account);

/* "F7" (RFC 8474 §4), and of another account's mailbox "F7-1a". */
void imap_write_mailbox_id(const struct imap *i,
                           struct buf *out,
                           account_id account,
                           struct mailbox_id id);

/* The name of a mailbox as the client writes it, to UTF-8; in the arena. ERR_INVALID. */
int imap_read_mailbox(struct imap *i, const struct imap_arg *arg, struct span *out) MUST_CHECK;

/* ---- messages.c --------------------------------------------------------------------------- */

/* The UIDs that a sequence set names: of messages the client knows of. "$" is the saved result. For a command in
 * its UID form the set holds UIDs. ERR_INVALID: not a set, or sequence numbers that are not there. */
int imap_messages(struct imap *i, const struct imap_arg *set, struct numset *uids) MUST_CHECK;
/* The same of UIDs or of sequence numbers, whatever the command. Numbers that are not there are left out, and told. */
int imap_messages_of(const struct imap_selected *box,
                     const struct imap_arg *set,
                     bool uid,
                     struct numset *uids,
                     bool *beyond_out) MUST_CHECK;

/* ---- sync.c: what has changed in the selected mailbox --------------------------------------- */

/* Tells it, with expunges or without, and then returns the step of `then`. */
enum step imap_sync(struct imap *i, bool expunges, enum step (*then)(struct imap *i));
/* The session has expunged these, as far as they are not there any more: it tells that also when NOTIFY wants to hear of
 * nothing here. */
void imap_expunged(struct imap *i, const struct numset *uids);
/* Around a change to the selected mailbox by one commit of ours: what imap_sync_mark said before it, and what the mailbox's
 * HIGHESTMODSEQ was before and is now. Then imap_sync knows when it was the only one. */
uint64_t imap_sync_mark(const struct imap *i);
void imap_sync_own(struct imap *i, uint64_t mark, struct modseq before, struct modseq now);
/* A FETCH response had this mod-sequence. */
void imap_told_modseq(struct imap *i, struct modseq modseq);
/* Has something changed that was not told yet? */
bool imap_sync_needed(const struct imap *i);
/* What a client that was here before needs (RFC 7162 §3.2.5): these have vanished, of these the flags are told. Takes
 * both sets over. */
enum step imap_sync_resume(struct imap *i,
                           struct numset *earlier,
                           struct numset *changed,
                           enum step (*then)(struct imap *i));
/* The session ends. */
void imap_sync_forget(struct imap *i);
void imap_tell_exists(struct imap *i);

/* ---- tell_flags.c: the flags there are ---------------------------------------------------- */

/* FLAGS, with the keywords of i->keywords. */
void imap_tell_flags(struct imap *i);
void imap_tell_permanent_flags(struct imap *i);
/* FLAGS again, when one of these messages has a keyword that the client was not told of: it is announced before
 * a message has it (RFC 9051 §7.3.5). */
void imap_tell_keywords(struct imap *i, const struct mail_item *v, size_t n);
/* The client has put these on messages, or (NULL) could not put one: PERMANENTFLAGS, if there is no room for others now and it was
 * not told (§7.1). */
void imap_tell_full(struct imap *i, const struct keyword_ids *ids);

/* ---- contexts.c: what changes in the results of searches (RFC 5267 §4.3) ---------------------- */

/* Tells, before box->gone is, that some of it leaves a result. true: it has, call again. */
bool imap_contexts_gone(struct imap *i);
/* Tells what the change of these messages, which the client knows of, changes in results: 1 there is more, 0 all is
 * told. */
int imap_contexts_update(struct imap *i, const struct numset *changed) MUST_CHECK;
/* The n-th of them wants to know more of these, `uids`, which are new; false: there is none. */
bool imap_contexts_want(const struct imap *i,
                        size_t n,
                        struct numset *uids,
                        struct span *items_out);
void imap_contexts_free(struct imap_contexts *all); /* NULL is fine */

/* ---- unit.c: what the flight recorder gets to know (base/flight.h) ------------------------- */

/* Each 0 or ERR_QUARANTINED: it is not to be run. Until flight_end, or the next of them. */
int imap_unit_command(struct imap *i, struct span args) MUST_CHECK;
int imap_unit_more(struct imap *i, const char *what) MUST_CHECK;
/* What is read of one message: it is not to be blamed on a command that names many. */
int imap_unit_message(struct imap *i, uint64_t account, const struct mail_item *m) MUST_CHECK;
/* A message that the client gives us. */
int imap_unit_body(struct imap *i, struct span body) MUST_CHECK;

/* ---- commands ---------------------------------------------------------------------------- */

void imap_capabilities(struct imap *i, struct buf *out);
enum step imap_cmd_capability(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_noop(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_check(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_logout(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_id(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_language(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_enable(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_starttls(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_compress(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_unauthenticate(struct imap *i, const struct imap_arg *args);

enum step imap_cmd_login(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_authenticate(struct imap *i, const struct imap_arg *args);
enum step imap_sasl_answer(struct imap *i, struct span line);
enum step imap_verify_woken(struct imap *i);
void imap_auth_forget(struct imap *i);
struct auth_peer *imap_auth_peer(struct imap *i);
/* Back to NOT_AUTHENTICATED: all that belongs to the user goes. */
void imap_logout(struct imap *i);

enum imap_status { /* items of STATUS */
                   IMAP_STATUS_MESSAGES = 1,
                   IMAP_STATUS_UIDNEXT = 2,
                   IMAP_STATUS_UIDVALIDITY = 4,
                   IMAP_STATUS_UNSEEN = 8,
                   IMAP_STATUS_RECENT = 16,
                   IMAP_STATUS_DELETED = 32,
                   IMAP_STATUS_SIZE = 64,
                   IMAP_STATUS_HIGHESTMODSEQ = 128,
                   IMAP_STATUS_MAILBOXID = 256,
                   IMAP_STATUS_APPENDLIMIT = 512,
                   IMAP_STATUS_DELETED_STORAGE = 1024,
};
enum step imap_cmd_status(struct imap *i, const struct imap_arg *args);
/* A list of items; false: it is none. */
bool imap_status_read(struct imap *i, const struct imap_arg *list, unsigned *out);
/* The response of one mailbox of that account. */
int imap_status_write(struct imap *i, account_id account, const struct mailbox *m, unsigned wanted)
    MUST_CHECK;

enum step imap_cmd_list(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_lsub(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_namespace(struct imap *i, const struct imap_arg *args);

enum step imap_cmd_getmetadata(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_setmetadata(struct imap *i, const struct imap_arg *args);

enum step imap_cmd_getquota(struct imap *i, const struct imap_arg *args);
int imap_count_mailboxes(struct imap *i, account_id account, size_t *n_out) MUST_CHECK;
enum step imap_cmd_getquotaroot(struct imap *i, const struct imap_arg *args);

enum step imap_cmd_setacl(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_deleteacl(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_getacl(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_listrights(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_myrights(struct imap *i, const struct imap_arg *args);

enum step imap_cmd_create(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_delete(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_rename(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_subscribe(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_unsubscribe(struct imap *i, const struct imap_arg *args);
/* "\Sent"; NULL: it has no name in IMAP. */
const char *imap_use_name(enum special_use use);
/* How long what is expunged stays restorable. */
int64_t imap_keep_ms(const struct imap *i);

/* The keywords of an account, as they were when a command first asked for one. {0} before that. */
struct imap_keyword_list {
    struct arena *arena;
    account_id account;
    struct span *v; /* by id; NULL: not read yet */
    size_t n;
};
/* As mailbox_keyword; `name` outlives the list. */
int imap_keyword_find(struct imap *i,
                      struct imap_keyword_list *list,
                      account_id account,
                      struct span name,
                      bool add,
                      uint32_t *id_out) MUST_CHECK;
void imap_keyword_list_done(struct imap_keyword_list *list);

/* Flags in a list, or one after the other to the end; keywords get an id of that account when `add`, others are left
 * out, and so are system flags that there are not, and what only the server says of a message. ERR_INVALID: no flags.
 * ERR_LIMIT. `a` may be NULL. */
int imap_flags_read(struct imap *i,
                    account_id account,
                    const struct imap_arg *a,
                    bool add,
                    uint32_t *flags,
                    struct keyword_ids *keywords) MUST_CHECK;
enum step imap_cmd_store(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_copy(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_move(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_expunge(struct imap *i, const struct imap_arg *args);
/* The end of a command that has taken messages out of the selected mailbox. */
enum step imap_ok_expunged(struct imap *i);
enum step imap_cmd_close(struct imap *i, const struct imap_arg *args);

enum step imap_cmd_append(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_replace(struct imap *i, const struct imap_arg *args);
/* A line of APPEND that ends in a literal: of a message, when *ours_out. */
enum step imap_append_literal(struct imap *i,
                              struct span line,
                              const struct imap_literal *literal,
                              bool *ours_out);
/* A line behind a message. */
enum step imap_append_line(struct imap *i, struct span line);
/* Octets of a message, or of one that is not wanted. */
enum step imap_append_octets(struct imap *i, struct span octets);
void imap_append_drop(struct imap *i);
/* The largest message, in bytes. */
uint64_t imap_append_limit(const struct imap *i);
/* That of the user's own mailboxes: his class of service may say less. */
uint64_t imap_append_limit_own(struct imap *i);

enum step imap_cmd_genurlauth(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_urlfetch(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_resetkey(struct imap *i, const struct imap_arg *args);

enum step imap_cmd_idle(struct imap *i, const struct imap_arg *args);
enum step imap_idle_line(struct imap *i, struct span line);

/* ---- cmd_notify.c ------------------------------------------------------------------------ */

enum step imap_cmd_notify(struct imap *i, const struct imap_arg *args);
void imap_notify_free(struct imap *i);
/* Is the session to be woken when something changes? Decided again. */
void imap_listen(struct imap *i);
/* Something may have changed, and no command is being worked on: tells it, as IDLE and NOTIFY say. */
enum step imap_tell(struct imap *i);
/* A command is answered: what NOTIFY tells beside it follows. */
void imap_tell_later(struct imap *i);
enum { IMAP_WANTS_MESSAGES = 1, IMAP_WANTS_FLAGS = 2 };
/* What the client wants to hear of the selected mailbox; without NOTIFY all. */
unsigned imap_notify_wants(const struct imap *i);
/* What it wants to know of new messages there: a list of items of FETCH; empty: nothing. */
struct span imap_notify_items(const struct imap *i);
/* What a command of this session has done, of which NOTIFY need not tell it (notify_own.c). */
enum imap_own { /* of each pair the last one counts */
                IMAP_OWN_THERE,
                IMAP_OWN_GONE,
                IMAP_OWN_SUBSCRIBED,
                IMAP_OWN_UNSUBSCRIBED,
                IMAP_OWN_NOTE,
                IMAP_OWN_NO_NOTE,
};
void imap_own_name(struct imap *i, enum imap_own what, struct span name);
/* Of a mailbox; 0: of the server. */
struct mail_annotation;
void imap_own_annotation(struct imap *i,
                         account_id account,
                         struct mailbox_id mailbox,
                         const struct mail_annotation *a);
/* Were put into a mailbox that is not selected. */
void imap_own_messages(struct imap *i,
                       account_id account,
                       struct mailbox_id mailbox,
                       const struct numset *uids);
/* What is asked for cannot be told any more: the client hears that, and then `then`. */
enum step imap_notify_lost(struct imap *i, int err, enum step (*then)(struct imap *i));

enum step imap_cmd_select(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_examine(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_unselect(struct imap *i, const struct imap_arg *args);
/* Opens a mailbox, which becomes i->box. */
struct imap_place;
int imap_box_open(struct imap *i,
                  const struct imap_place *at,
                  struct mail_head *head_out) MUST_CHECK;
/* What the user may do with the selected mailbox, as it is now. *changed_out: that is something else than before. */
int imap_box_rights(struct imap *i, bool *changed_out) MUST_CHECK;
/* May the user read it? Tells him when his rights have changed. ERR_DENIED. */
int imap_box_readable(struct imap *i) MUST_CHECK;
/* The LIST response of a mailbox that is opened (RFC 9051 §6.3.2). */
int imap_list_selected(struct imap *i, const struct imap_place *at) MUST_CHECK;
/* Leaves the selected mailbox, if there is one. */
void imap_box_close(struct imap *i);

enum step imap_cmd_search(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_uidbatches(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_cancelupdate(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_esearch(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_sort(struct imap *i, const struct imap_arg *args);
enum step imap_cmd_thread(struct imap *i, const struct imap_arg *args);

enum step imap_cmd_fetch(struct imap *i, const struct imap_arg *args);
/* FETCH of some messages that the client did not ask for now, and then `then`. `items`: "(UID FLAGS)". Takes `uids` over. */
enum step imap_fetch_told(struct imap *i,
                          struct numset *uids,
                          struct span items,
                          enum step (*then)(struct imap *i));
/* The client has used what switches CONDSTORE on (RFC 7162 §3.1): it hears HIGHESTMODSEQ if it was off. */
void imap_condstore_on(struct imap *i);

#endif
