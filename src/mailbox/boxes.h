/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: mailboxes inside a transaction. */
#ifndef MAILBOX_BOXES_H
#define MAILBOX_BOXES_H

#include "mailbox/edit.h"

/* Makes one mailbox of exactly that (canonical) name. ERR_EXISTS. */
int mailbox_add(struct edit *e, struct span name, enum special_use use, struct mailbox_id *out)
    MUST_CHECK;
/* The same with the levels above it that are missing. ERR_EXISTS, ERR_LIMIT. */
int boxes_create(struct edit *e, struct span name, enum special_use use, struct mailbox_id *out)
    MUST_CHECK;
/* The name as it is kept: INBOX in any case is "INBOX", also as first level. ERR_INVALID: empty, or
 * with an empty level, too long or deep, not UTF-8, control characters. */
int mailbox_name_check(struct span name, struct arena *a, struct span *out) MUST_CHECK;

/* The index of names. ERR_NOT_FOUND. */
int boxes_name_get(struct edit *e, struct span name, struct mailbox_id *out) MUST_CHECK;
int boxes_name_put(struct edit *e, struct span name, struct mailbox_id id) MUST_CHECK;
void boxes_name_drop(struct edit *e, struct span name);
/* Is there a mailbox below that name? */
int boxes_has_below(struct edit *e, struct span name, bool *out) MUST_CHECK;
/* RFC 9051 §2.3.1.1: higher than any given before in the account, also when the clock was set back, so that a
 * mailbox made again under a name can not be taken for the old one. */
uint32_t boxes_uidvalidity(struct edit *e);

/* mailbox_create, with a copy of another's annotations. */
int boxes_create_like(struct mail *m,
                      account_id id,
                      struct span name,
                      struct mailbox_id like,
                      struct mailbox_id *out) MUST_CHECK;

/* All annotations of a mailbox that goes. */
int annotations_drop(struct edit *e, struct mailbox_id mailbox) MUST_CHECK;
/* Those that are one user's own. */
int annotations_drop_of(struct edit *e, struct mailbox_id mailbox, account_id user) MUST_CHECK;
/* To a mailbox that has none: what is shared, the owner's own, and those of guests who have a right to it. ERR_QUOTA. */
int annotations_copy(struct edit *e, account_id owner, struct mailbox_id from, struct mailbox_id to)
    MUST_CHECK;

/* The access control list of a mailbox that goes. */
int grants_drop(struct edit *e, struct mailbox_id mailbox) MUST_CHECK;
/* To a mailbox that has none. ERR_LIMIT. */
int grants_copy(struct edit *e, struct mailbox_id from, struct mailbox_id to) MUST_CHECK;

int boxes_subscription_put(struct edit *e, struct span name) MUST_CHECK;
void boxes_subscription_drop(struct edit *e, struct span name);

#endif
