/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: something small of each of many messages, collected in slices, for those who need all of it
 * before they can answer (sort.c, thread.c). */
#ifndef MAILBOX_GATHER_H
#define MAILBOX_GATHER_H

#include "mailbox/envelope.h"

struct gather {
    struct mail *mail;
    account_id account;
    struct mailbox_id mailbox;
    struct numset uids;
    uint32_t from;       /* the lowest UID that is not taken yet; 0: all are */
    bool envelopes;      /* summaries are wanted */
    struct arena *keep;  /* what is collected */
    struct arena *items; /* a batch */
    struct arena *one;   /* a message */
    struct buf header;
    struct buf text, key; /* for the collector's use */
    size_t counted;       /* of `keep`, in what all may use together */
    size_t charged;       /* besides */
};

/* Begins zeroed. `uids` is copied. After an error gather_done is still due. */
int gather_init(struct gather *g,
                struct mail *m,
                account_id id,
                struct mailbox_id mailbox,
                const struct numset *uids,
                bool envelopes) MUST_CHECK;
void gather_done(struct gather *g);

/* A slice, in ascending order of the UIDs: 1 there are more, 0 all are taken. `take` collects in g->keep; `s` is never
 * NULL and has an envelope, an empty one if there is nothing to know. Its errors, and those of `stop`, end
 * the slice. ERR_LIMIT, ERR_OVERLOAD: too much is kept. */
int gather_run(struct gather *g,
               int (*take)(void *arg,
                           const struct mail_item *item,
                           const struct message_summary *s),
               void *arg,
               int (*stop)(void *stop_arg),
               void *stop_arg) MUST_CHECK;

/* Counts memory that is not in g->keep, until gather_done; ERR_OVERLOAD. */
int gather_charge(struct gather *g, size_t bytes) MUST_CHECK;

/* Text of a field to a comparison key, in g->keep. */
int gather_key(struct gather *g, struct span utf8, struct span *out) MUST_CHECK;

#endif
