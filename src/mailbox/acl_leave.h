/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody leaves behind with an owner whose mailboxes he may not use any more: his private annotations (RFC 5464
 * §3.1). They take room that is the owner's, and nobody can read them. They go when the last right to their mailbox does.
 * Private to the room. */
#ifndef MAILBOX_ACL_LEAVE_H
#define MAILBOX_ACL_LEAVE_H

#include "mailbox/edit.h"
#include "mailbox/sharers.h"

/* In the transaction that has changed the entry of `user` (not anyone), or denied him something: forgets him when no
 * right is left. `address` is his. At most LIMIT_ANNOTATIONS rows. */
int acl_leave(struct edit *e, struct mailbox_id mailbox, const struct mail_user *user) MUST_CHECK;

/* Has he any? Where his address is not given, and no entry has it, he is taken for one of the owner's domain. */
int acl_has_rights(struct edit *e,
                   struct mailbox_id mailbox,
                   const struct mail_user *user,
                   bool *out) MUST_CHECK;

/* After "anyone" has lost rights: forgets all who had theirs by that, some of them in a transaction. One that is not done
 * because the server has died is done at the next such change of the list. */
int acl_leave_anyone(struct mail *m, account_id owner, struct mailbox_id mailbox) MUST_CHECK;

/* The user's account goes: what he has with all who share with him. Idempotent. */
int acl_leave_all(struct mail *m, account_id user) MUST_CHECK;

#endif
