/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: all names of an account as LIST and LSUB look at them: mailboxes, names subscribed to that have
 * none, mailboxes that others share with the user, and the levels above those; sorted so that what is below a name
 * follows it. */
#ifndef IMAP_NAMES_H
#define IMAP_NAMES_H

#include "imap/internal.h"

struct imap_name {
    struct span name;
    const struct mailbox *box; /* NULL: there is none, or none the user may see */
    account_id account;        /* whose `box` is */
    uint32_t rights;           /* enum mail_right: the user's */
    bool subscribed;
    bool level;    /* above a mailbox of others, which is there */
    bool chosen;   /* for the caller, who sets it and then calls imap_names_relate */
    bool children; /* a mailbox is below it */
    bool below;    /* something chosen is */
};

/* In the arena; of the account's own those that begin with `prefix`, in any case. With `others` also what they share, at
 * most LIMIT_SHARED_NAMES of it. */
int imap_names_read(struct imap *i,
                    struct arena *a,
                    struct span prefix,
                    bool others,
                    struct imap_name **out,
                    size_t *n_out) MUST_CHECK;
/* May a name that begins so lead to others? */
bool imap_names_reach_others(struct span prefix);
/* Sets `children` and `below`. */
void imap_names_relate(struct imap_name *v, size_t n);

#endif
