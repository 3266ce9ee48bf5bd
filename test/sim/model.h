/* SPDX-License-Identifier: Apache-2.0 */
/* What the clients were promised, and so what has to be in the store.
 *
 * SLOT      an address, u0@sim.test … Its accounts come one after the other:
 * LIFE      one account, from being made to being purged
 * MESSAGE   one attempt to send one; its number is in its header, so each is told from all others
 * BOX       a mailbox of one life; the first is its INBOX. Names are given again, boxes are not
 * COPY      a message in one box; at most one for each message, which may leave and come back
 * LINE      what has one UIDL for ever: a copy and what it was moved to
 * MARK      a flag of a copy
 * NOTE      the private annotation that the owner has at a box
 *
 * What is not known is MAYBE: an answer that did not come, an error that a fault has caused. A copy
 * may be there if it has `arrived` (perhaps) and is not surely `gone`; it must be there if it has
 * surely arrived and nobody has tried to remove it. The audit after a restart sees what became of
 * each MAYBE and settles it: from then on it stays so.
 *
 * Other clients are at work meanwhile, so everything carries the step of its last change, and what
 * a client saw is compared with what was true at any time between its asking and the answer.
 */
#ifndef TEST_SIM_MODEL_H
#define TEST_SIM_MODEL_H

#include "mailbox/mailbox.h"

enum tri { NO, MAYBE, YES };
const char *tri_name(enum tri t);

enum { SLOTS_MAX = 24, PASSWORDS_MAX = 8, DOMAIN_TEXT = 32, BOX_TEXT = 24, OLD_UIDS = 4 };

#define NOTE_NAME "/comment"

enum { MARK_SEEN, MARK_ANSWERED, MARK_FLAGGED, MARK_DELETED, MARK_DRAFT, MARK_KEYWORD, MARKS };
extern const char *const mark_names[MARKS]; /* as IMAP has them */

struct klass { /* class of service */
    const char *name;
    uint64_t quota_messages, quota_bytes, message_size;
    uint64_t retention_days;
};
extern const struct klass model_classes[];
extern const size_t model_classes_n;

struct message {
    unsigned n;
    struct buf body; /* as sent */
    char from[64];   /* envelope; empty: <> */
    bool submitted;
    bool appended;              /* by IMAP: nothing was put before it */
    bool at_work;               /* its last byte may have been sent, the answer has not come */
    uint64_t end_step;          /* when it came, or was given up */
    int64_t wall_min, wall_max; /* when it may have been received */
};

struct mark {
    enum tri on;
    uint64_t step;    /* of its last change */
    unsigned begun;   /* changes, ever */
    unsigned writers; /* changes under way */
};

struct line {
    uint64_t uidl; /* 0: not seen yet */
};

struct note {
    unsigned is, maybe; /* numbers; 0: there is none. It is one of these */
    uint64_t step;      /* of its last change */
    bool busy;          /* that is being changed */
};

struct box {
    struct life *life;
    char name[BOX_TEXT], other[BOX_TEXT]; /* other: it may have that one instead; else empty */
    enum tri made, removed;
    bool fixed;         /* made with the account, and always there */
    uint64_t step;      /* of the last change of these */
    unsigned expunging; /* EXPUNGEs under way */
    unsigned emptying;  /* RENAMEs of INBOX under way */
    struct note note;
    uint32_t id, uidvalidity, uidnext; /* 0: not seen yet; uidnext: the highest that was */
    uint64_t modseq;                   /* the highest seen */
    uint32_t settled_uidnext;          /* at the last audit */
    unsigned seen;                     /* a mark of the audit's */
};

struct copy {
    struct message *message;
    struct life *life;
    struct box *box;
    struct line *line;
    struct mark marks[MARKS];
    bool by_imap;                /* its arrival was one transaction that nobody takes back */
    bool moved;                  /* it is gone because it was moved away, for certain */
    unsigned returning;          /* attempts to bring it back that are under way */
    bool vague;                  /* it came back, and its UID before was never seen */
    uint32_t old_uids[OLD_UIDS]; /* that it had before it came back */
    size_t old_uids_n;
    enum tri arrived, gone;
    uint64_t arrived_step, gone_step; /* of their last change */
    int64_t gone_wall;                /* when somebody first tried to remove it */
    unsigned
        removers;  /* attempts to remove it that were begun since it was last seen by an audit */
    bool retiring; /* the janitor is one of them */
    unsigned restores;      /* comings back that were begun, ever */
    uint64_t restored_step; /* when the last one was */
    uint32_t uid;           /* 0: not seen yet */
    unsigned seen;          /* a mark of the audit's */
};

struct life {
    unsigned n, slot;
    uint64_t id; /* 0: not known yet */
    enum tri made, removed, purged;
    bool purging;                      /* begun, an audit saw: nothing brings it back */
    bool janitor_due;                  /* since the last audit a pass may have begun to purge it */
    uint64_t step;                     /* of the last change of these */
    int64_t removed_min, removed_max;  /* wall */
    unsigned passwords[PASSWORDS_MAX]; /* one of these is right */
    size_t passwords_n;
    uint64_t passwords_step;
    bool password_changes; /* to password_next, and that has not been answered */
    unsigned password_next;
    const struct klass *klass[2]; /* one of these; the second is NULL when it is sure */
    uint64_t klass_step;
    struct copy **copies;
    size_t copies_n, copies_cap;
    struct box **boxes;
    size_t boxes_n;
    enum tri shared; /* its Archive, with everybody */
    uint64_t shared_step;
    bool sharing;   /* that is being changed */
    bool restoring; /* the operator brings something back: IMAP clients remove nothing */
};

/* One transaction whose end is not known: all or none. The n-th of `from`, or NULL, is where it came from; of a move it
 * is gone then. Without `to`: only gone. */
struct sweep {
    struct copy **from, **to;
    unsigned *returns; /* restores of each of `to` */
    size_t n;
    bool move;
    bool across; /* a move to another account: it may be in both places, and never in none */
};

struct model {
    uint64_t step;
    unsigned slots;
    struct life *now[SLOTS_MAX]; /* NULL: there was none yet */
    struct life **lives;
    size_t lives_n;
    struct message **messages;
    size_t messages_n, messages_cap;
    struct sweep *sweeps;
    size_t sweeps_n;
    struct line **lines;
    size_t lines_n, lines_cap;
    unsigned strays;    /* mail partitions that nobody may have: makings that failed half-way */
    unsigned passwords; /* given out */
    unsigned notes;     /* likewise */
};

void model_init(struct model *m, unsigned slots);
void model_done(struct model *m);

/* ---- lives ------------------------------------------------------------------------------- */

void slot_address(unsigned slot, char to[static DOMAIN_TEXT]);
struct life *life_new(struct model *m, unsigned slot, const struct klass *klass, unsigned password);
void life_set(struct model *m, struct life *l, enum tri *field, enum tri to);
/* Takes mail and logins: surely, perhaps. */
bool life_is_open(const struct life *l);
bool life_may_be_open(const struct life *l);
/* Nothing has changed since that step. */
bool life_is_steady(const struct life *l, uint64_t since);
/* Is there surely no record of it any more, so that the address can be given again? */
bool life_is_over(const struct life *l);
void life_id_seen(struct model *m, struct life *l, uint64_t id);

void password_text(unsigned password, char to[static DOMAIN_TEXT]);
/* From here on `password` may be right too; then it is the only one. */
void password_may_be(struct model *m, struct life *l, unsigned password);
void password_is(struct model *m, struct life *l, unsigned password);
bool password_may_be_right(const struct life *l, unsigned password);

/* A limit of its class may have been reached at some time since that step, with `n` messages of `more` bytes to come; or
 * would surely have been passed with one of them all the time. */
bool life_may_be_full(const struct life *l, uint64_t n, uint64_t more, uint64_t since);
bool life_was_full(const struct life *l, uint64_t more, uint64_t since);
/* One of its classes, or (`surely`) each it may have, takes no message of that size. */
bool life_refuses(const struct life *l, uint64_t size, bool surely);

/* ---- boxes ----------------------------------------------------------------------------------- */

struct box *life_inbox(const struct life *l);
/* The one that it may share; has it done so, all the time since that step? */
struct box *life_shared_box(const struct life *l);
bool life_shares_since(const struct life *l, uint64_t since);
void life_shared_set(struct model *m, struct life *l, enum tri to);
/* Those that every account has. */
void boxes_make(struct model *m, struct life *l);
struct box *box_new(struct model *m, struct life *l, const char *name);
void box_set(struct model *m, struct box *b, enum tri *field, enum tri to);
/* `other`: the name it may have instead of `name`; "": none. */
void box_named(struct model *m, struct box *b, const char *name, const char *other);
/* Surely there under its name; perhaps there. */
bool box_is_there(const struct box *b);
bool box_may_be_there(const struct box *b);
bool box_is_steady(const struct box *b, uint64_t since);
/* Is it of a name below that one? */
bool box_is_below(const struct box *b, const char *name);
/* One that may have that name now; NULL. */
struct box *box_find(const struct life *l, const char *name);
struct box *box_of_id(const struct life *l, uint32_t id);
/* What an answer, or the audit, says of it. wrong() if it was something else. */
void box_id_seen(struct box *b, uint32_t id, uint32_t uidvalidity);
void box_numbers_seen(struct box *b, uint32_t uidnext, uint64_t modseq);

/* ---- notes ----------------------------------------------------------------------------------- */

/* Nothing of it is in doubt, and nobody changes it. */
bool note_is_sure(const struct note *n);
/* It may become that; then it has (YES), or has not (NO). */
void note_begin(struct model *m, struct note *n, unsigned to);
void note_end(struct model *m, struct note *n, enum tri how);
/* What it is, after all. wrong() if it cannot be that. */
void note_seen(struct model *m, struct box *b, unsigned is);

/* ---- marks ----------------------------------------------------------------------------------- */

struct mark_try {
    struct copy *copy;
    unsigned mark;
    enum tri before, to;
    unsigned begun, restores;
    bool alone;
};
/* A change of a flag that is under way, and what became of it: YES, it is done; NO, it was not even begun. */
void mark_begin(struct model *m, struct mark_try *t, struct copy *c, unsigned mark, bool to);
void mark_end(struct model *m, const struct mark_try *t, enum tri how);
/* It has that value, surely. */
void mark_is(struct model *m, struct copy *c, unsigned mark, enum tri on);
/* It had this value at any moment since that step. */
bool mark_was(const struct copy *c, unsigned mark, bool on, uint64_t since);
bool marks_are_steady(const struct copy *c, uint64_t since);

/* ---- messages and copies ------------------------------------------------------------------ */

struct message *message_new(struct model *m);
/* The number in a message's header; NULL: there is none, or it is nobody's. */
struct message *message_of(struct model *m, struct span content);
/* NULL: the stored content is that message; else a sentence about what is wrong. */
const char *message_differs(const struct message *msg, struct span stored);
/* It may be received from now on; for each change of the wall clock until the answer. */
void message_at_work(struct message *msg, int64_t wall_ms);
void message_at_rest(struct model *m, struct message *msg);

/* The copy of a message in a box; NULL: nobody ever put it there. */
struct copy *copy_find(const struct box *b, const struct message *msg);
struct copy *copy_make(struct model *m, struct box *b, struct message *msg);
struct copy *copy_of_uid(const struct box *b, uint32_t uid);
void copy_new_line(struct model *m, struct copy *c);
void copy_arrived(struct model *m, struct copy *c, enum tri to);
void copy_gone(struct model *m, struct copy *c, enum tri to);
/* Somebody tries to remove it; he has not even begun, it turns out. */
void copy_remove_begin(struct model *m, struct copy *c);
void copy_remove_never_began(struct model *m, struct copy *c);
/* It may come back into its box, with a new UID; that is done (YES), or was not even begun (NO). */
void copy_return_begin(struct model *m, struct copy *c);
void copy_return_end(struct model *m, struct copy *c, unsigned restores, enum tri how);
bool copy_must(const struct copy *c);
/* Could somebody who asked at step `since` and got his answer now see it? */
bool copy_may_since(const struct copy *c, uint64_t since);
/* Was it there all the time since that step? */
bool copy_must_since(const struct copy *c, uint64_t since);
/* It was in a list asked for at step `since`: it has arrived (unless it was still being delivered
 * then: it may have been taken back), and has this UIDL number for ever. wrong() if it cannot. */
void copy_seen(struct model *m, struct copy *c, uint64_t uidl, uint64_t since);
/* The same, with the UID it has or had. */
void copy_uid_seen(struct model *m, struct copy *c, uint32_t uid, uint64_t since);

/* Either may be NULL, or hold NULLs: see struct sweep. */
void sweep_add(struct model *m,
               struct copy *const *from,
               struct copy *const *to,
               size_t n,
               bool move,
               bool across);
/* After an audit: nothing is in doubt any more. */
void model_settled(struct model *m);

#endif
