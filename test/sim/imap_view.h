/* SPDX-License-Identifier: Apache-2.0 */
/* What one IMAP client believes of a mailbox, because the server said so, against the model: the messages by number, their
 * UIDs, flags and mod-sequences. It is kept beyond the connection and the server's life (struct imap_cache), for QRESYNC. */
#ifndef TEST_SIM_IMAP_VIEW_H
#define TEST_SIM_IMAP_VIEW_H

#include "base/numset.h"
#include "client.h"

enum imap_answer { IMAP_LOST, IMAP_GO_ON, IMAP_OK, IMAP_NO, IMAP_BAD };

struct imap_entry {
    uint32_t uid;      /* 0: not told yet */
    struct copy *copy; /* NULL: not known yet */
    unsigned flags;    /* bits: 1 << mark */
    bool flags_known;
    bool fetched; /* its body came in the present command */
    uint64_t modseq;
};

struct imap_cache {
    struct life *life;
    struct box *box;
    uint32_t uidvalidity;
    uint64_t modseq;
    struct imap_entry *v;
    size_t n;
};
void imap_cache_free(struct imap_cache *cache); /* NULL is fine */

struct imap_status { /* of STATUS */
    bool told;
    char name[BOX_TEXT];
    uint64_t messages, uidnext, uidvalidity, modseq, unseen, deleted;
};

struct imap_note { /* of GETMETADATA */
    bool told;
    uint64_t is;
};

struct imap_view {
    struct client *c;
    struct life *
        life; /* whose mailbox it is; NULL: the account was changed meanwhile, nothing can be compared */
    struct life *own; /* who is logged in */
    bool condstore, qresync;
    bool notify; /* is told of everything at once: numbers mean nothing */

    /* the selected mailbox */
    struct box *box; /* NULL: none */
    bool read_only, opening, resuming;
    uint64_t opened; /* step before SELECT */
    uint64_t synced; /* what was complete at this step has been told */
    uint32_t uidvalidity, uidnext;
    uint64_t modseq, modseq_next; /* next: the highest heard of in this command */
    uint64_t exists;              /* as told last */
    struct imap_entry *v;
    size_t n, cap;

    /* the present command and its answer */
    uint64_t since; /* step before it was sent */
    bool passed;    /* the server may have got all of it */
    bool numbers;   /* no expunges may be told */
    unsigned commands;
    struct buf code; /* of the tagged answer */
    struct buf body; /* of a FETCH */
    struct numset found;
    bool searched;
    struct numset from, to; /* COPYUID; APPENDUID is `to` */
    struct imap_status status;
    struct imap_note note;
    char names[24][BOX_TEXT]; /* LIST */
    size_t names_n;
};

void imap_view_begin(struct imap_view *v, struct client *c);
void imap_view_end(struct imap_view *v);
/* Forgets the selected mailbox; what is known of it stays with the client. */
void imap_view_leave(struct imap_view *v);
/* The selected mailbox is somebody else's, or may soon be. */
bool imap_view_is_others(const struct imap_view *v);
/* Can what the server says be compared with the model? */
bool imap_view_counts(const struct imap_view *v);
/* The entry shows the copy where it is now. */
bool imap_entry_is_current(const struct imap_entry *e);
/* The command was answered OK (else nothing is done): everything is told up to the step before it, but for expunges if
 * it used numbers. Is that what must and what may be there? */
void imap_told_all(struct imap_view *v, enum imap_answer a, bool numbers);

/* ---- what is told; for imap_talk.c ----------------------------------------------------------- */

struct imap_fetched {
    uint64_t number;
    uint32_t uid; /* 0: not told */
    unsigned flags;
    bool has_flags, has_body;
    uint64_t modseq; /* 0: not told */
};
void imap_told_exists(struct imap_view *v, uint64_t n);
void imap_told_expunge(struct imap_view *v, uint64_t n);
void imap_told_vanished(struct imap_view *v, struct span set, bool earlier);
void imap_told_fetch(struct imap_view *v, const struct imap_fetched *f);

/* ---- talking; imap_talk.c -------------------------------------------------------------------- */

/* A command begins: `view_send` sends it, in pieces if literals are waited for. */
void view_command_begin(struct imap_view *v);
/* `last`: these are the command's last bytes. */
bool view_send(struct imap_view *v, struct span bytes, bool last);
/* Reads up to the tagged answer or "+". */
enum imap_answer view_read(struct imap_view *v);
/* A whole command without its tag and end. */
enum imap_answer view_run(struct imap_view *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, that can only be answered OK. */
bool view_run_ok(struct imap_view *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Takes in what has been said by itself. */
void view_hear(struct imap_view *v);
bool view_code_is(const struct imap_view *v, const char *code);

/* ---- what a client does; imap_acts.c, imap_looks.c, imap_boxes.c ------------------------------- */

/* Fetches what is not known yet of the messages in the view. */
void act_learn(struct imap_view *v);
/* Some messages of the view whose copies are known, for one command: their indexes, and the set that names them, by
 * UID or by number. */
struct imap_some {
    size_t *at, n;
    bool uid;
    struct buf set;
};
bool imap_choose(struct imap_view *v, size_t most, struct imap_some *out);
void imap_some_done(struct imap_some *s);
void act_store(struct imap_view *v);
void act_copy(struct imap_view *v);
void act_move(struct imap_view *v);
void act_expunge(struct imap_view *v);
void act_close(struct imap_view *v); /* expunges too */
void act_append(struct imap_view *v);
void act_replace(struct imap_view *v);
void act_fetch(struct imap_view *v);
void act_search(struct imap_view *v);
void act_status(struct imap_view *v);
void act_list(struct imap_view *v);
void act_create(struct imap_view *v);
void act_share(struct imap_view *v);
void act_intrude(struct imap_view *v); /* asks for what nobody shares */
void act_delete(struct imap_view *v);
void act_rename(struct imap_view *v);
void act_note(struct imap_view *v);
void act_read_note(struct imap_view *v);
void act_rename_inbox(struct imap_view *v);

/* What the client calls it. */
enum { BOX_PATH = 80 };
void imap_path(const struct imap_view *v, const struct box *b, char to[static BOX_PATH]);
/* One to put something into, also of somebody else. */
struct box *imap_choose_target(struct imap_view *v);
/* Somebody else who surely shares his Archive; NULL. */
struct life *imap_choose_sharer(struct imap_view *v);
/* A box of the life that is surely there, or NULL. */
struct box *imap_choose_box(struct imap_view *v);
/* A name that is nobody's, for certain; perhaps below another. false: there is none. */
bool imap_choose_name(struct imap_view *v, char to[static BOX_TEXT]);
/* No other box gets its name before the next command. */
void imap_hold(struct imap_view *v, const struct box *b);
/* A refusal that a limit, or somebody's change of that box, explains; n messages of so many bytes in all. */
bool imap_refusal_is_right(struct imap_view *v, const struct box *b, uint64_t n, uint64_t bytes);
/* What a command that was answered so has done: YES all, NO nothing, MAYBE. */
enum tri imap_outcome(struct imap_view *v, enum imap_answer a, bool explained, const char *what);

#endif
