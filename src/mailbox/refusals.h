/* SPDX-License-Identifier: Apache-2.0 */
/* Whose mailboxes a user does not want to see, though they are shared with him (RFC 4314 asks nobody whether he wants a
 * right). What is refused is in no list of his and found by no name; his rights stay, so that taking the refusal back is
 * enough, but he is given no new ones. A mailbox that he has selected meanwhile stays so until he leaves it.
 *
 * Rows of the user's partition of PART_SHARERS (mailbox/sharers.h), so that one snapshot has both, and a watch of it both
 * changes: one of all owners at once, and one for each who is an exception from what holds for all. They go with the
 * user's account. Blocks on the store; thread-safe. Errors besides the store's: ERR_LIMIT (LIMIT_REFUSALS). */
#ifndef MAILBOX_REFUSALS_H
#define MAILBOX_REFUSALS_H

#include "base/limits.h"
#include "mailbox/sharers.h"

struct mail_refusals {
    bool all; /* everybody is refused but those of `v`; else nobody but they */
    struct mail_sharer *v;
    size_t n;
};
/* By id, in the arena; damaged rows are left out. */
int mailbox_refusals(struct mail *m, account_id user, struct arena *a, struct mail_refusals *out)
    MUST_CHECK;

/* Refuses an owner, or accepts him again. `owner` NULL: all of them, those to come too, and what was said of single ones
 * is forgotten. Idempotent. */
int mailbox_refuse(struct mail *m, account_id user, const struct mail_sharer *owner, bool refuse)
    MUST_CHECK;

/* ---- for mailbox/sharers.c ----------------------------------------------------------------- */

struct refused {
    bool all;
    size_t n;
    account_id v[LIMIT_REFUSALS]; /* ascending */
};
/* In a transaction on the user's partition of PART_SHARERS, or of a snapshot of it. */
int refused_txn(struct store_txn *t, struct refused *out) MUST_CHECK;
int refused_snap(struct store_snap *snap, struct refused *out) MUST_CHECK;
bool refused_has(const struct refused *r, account_id owner);

#endif
