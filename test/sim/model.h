/* SPDX-License-Identifier: Apache-2.0 */
/* What the clients were promised, and so what has to be in the store.
 *
 * SLOT      an address, u0@sim.test … Its accounts come one after the other:
 * LIFE      one account, from being made to being purged
 * MESSAGE   one attempt to send one; its number is in its header, so each is told from all others
 * COPY      a message in one life's INBOX
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

enum { SLOTS_MAX = 24, PASSWORDS_MAX = 8, DOMAIN_TEXT = 32 };

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
    bool at_work;               /* its last byte may have been sent, the answer has not come */
    uint64_t end_step;          /* when it came, or was given up */
    int64_t wall_min, wall_max; /* when it may have been received */
};

struct copy {
    struct message *message;
    struct life *life;
    enum tri arrived, gone;
    uint64_t arrived_step, gone_step; /* of their last change */
    int64_t gone_wall;                /* when somebody first tried to remove it */
    unsigned
        removers;  /* attempts to remove it that were begun since it was last seen by an audit */
    bool retiring; /* the janitor is one of them */
    unsigned restores;      /* that were begun, ever */
    uint64_t restored_step; /* when the last one was */
    uint32_t uid;           /* 0: not seen yet */
    uint64_t uidl;
    unsigned seen; /* a mark of the audit's */
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
    uint32_t uidvalidity, uidnext; /* at the last audit; 0: not yet */
};

/* Deletions in one transaction, whose end is not known: all or none. */
struct sweep {
    struct copy **v;
    size_t n;
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
    unsigned strays;    /* mail partitions that nobody may have: makings that failed half-way */
    unsigned passwords; /* given out */
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

/* A limit of its class may have been reached at some time since that step, with `more` bytes to come;
 * or would surely have been passed with them all the time. */
bool life_may_be_full(const struct life *l, uint64_t more, uint64_t since);
bool life_was_full(const struct life *l, uint64_t more, uint64_t since);
/* One of its classes, or (`surely`) each it may have, takes no message of that size. */
bool life_refuses(const struct life *l, uint64_t size, bool surely);

/* ---- messages and copies ------------------------------------------------------------------ */

struct message *message_new(struct model *m);
/* The number in a message's header; NULL: there is none, or it is nobody's. */
struct message *message_of(struct model *m, struct span content);
/* NULL: the stored content is that message; else a sentence about what is wrong. */
const char *message_differs(const struct message *msg, struct span stored);
/* It may be received from now on; for each change of the wall clock until the answer. */
void message_at_work(struct message *msg, int64_t wall_ms);
void message_at_rest(struct model *m, struct message *msg);

/* The copy of a message in a life; NULL: nobody ever sent it there. */
struct copy *copy_find(const struct life *l, const struct message *msg);
struct copy *copy_make(struct model *m, struct life *l, struct message *msg);
void copy_arrived(struct model *m, struct copy *c, enum tri to);
void copy_gone(struct model *m, struct copy *c, enum tri to);
/* Somebody tries to remove it; he has not even begun, it turns out. */
void copy_remove_begin(struct model *m, struct copy *c);
void copy_remove_never_began(struct model *m, struct copy *c);
bool copy_must(const struct copy *c);
/* Could somebody who asked at step `since` and got his answer now see it? */
bool copy_may_since(const struct copy *c, uint64_t since);
/* Was it there all the time since that step? */
bool copy_must_since(const struct copy *c, uint64_t since);
/* It was in a list asked for at step `since`: it has arrived (unless it was still being delivered
 * then: it may have been taken back), and has this UIDL number for ever. wrong() if it cannot. */
void copy_seen(struct model *m, struct copy *c, uint64_t uidl, uint64_t since);

void sweep_add(struct model *m, struct copy *const *v, size_t n);
/* After an audit: nothing is in doubt any more. */
void model_settled(struct model *m);

#endif
