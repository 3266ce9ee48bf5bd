/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: all names of an account as LIST and LSUB look at them: mailboxes, names subscribed to that have
 * none, and the levels above those; sorted so that what is below a name follows it. */
#ifndef IMAP_NAMES_H
#define IMAP_NAMES_H

#include "imap/internal.h"

struct imap_name {
    struct span name;
    const struct mailbox *box; /* NULL: there is none */
    bool subscribed;
    bool chosen;   /* for the caller, who sets it and then calls imap_names_relate */
    bool children; /* a mailbox is below it */
    bool below;    /* something chosen is */
};

/* In the arena. */
int imap_names_read(struct imap *i, struct arena *a, struct imap_name **out, size_t *n_out)
    MUST_CHECK;
/* Sets `children` and `below`. */
void imap_names_relate(struct imap_name *v, size_t n);

#endif
