/* SPDX-License-Identifier: Apache-2.0 */
/* Which accounts share a mailbox with a user: what makes "mailboxes of other users" a short list.
 *
 * Rows of PART_SHARERS: a partition for each user (id of the account), and one for each domain ("anyone" of it).
 * They are hints. One is written before the list of a mailbox names the user (and once more afterwards), and taken
 * away after the last list of that owner has ceased to; when both happen at once it is written again. So a row may be
 * there for nothing (the lists say so), but none is missing - except when the server dies in the middle of the latter,
 * and then giving the right once more mends it. Those of an owner go with his account. The user may refuse some owners
 * (mailbox/refusals.h). Blocks on the store; thread-safe.
 */
#ifndef MAILBOX_SHARERS_H
#define MAILBOX_SHARERS_H

#include "mailbox/acl.h"

struct mail_sharer {
    account_id owner;
    struct span address; /* of the owner, normal form */
};

/* By id, without the user himself, without doubles and without those whom he refuses; in the arena. */
int mailbox_sharers(struct mail *m,
                    const struct mail_user *user,
                    struct arena *a,
                    struct mail_sharer **out,
                    size_t *n_out) MUST_CHECK;

/* What changes when somebody shares something with the user anew, or with everybody of his domain: for watches. */
struct part mailbox_sharers_part(const struct mail_user *user, bool domain);

/* The same with those whom he refuses. */
int sharers_all(struct mail *m,
                const struct mail_user *user,
                struct arena *a,
                struct mail_sharer **out,
                size_t *n_out) MUST_CHECK;

/* For mailbox/acl.c: `domain` is read when the user is anyone. ERR_DENIED: the user refuses this owner. ERR_QUOTA: LIMIT_SHARERS of
 * others share with him already. Both idempotent. */
int sharers_put(struct mail *m,
                account_id user,
                struct span domain,
                const struct mail_sharer *sharer) MUST_CHECK;
int sharers_drop(struct mail *m, account_id user, struct span domain, account_id owner) MUST_CHECK;
/* The user's account goes. Idempotent. */
int sharers_destroy(struct mail *m, account_id user) MUST_CHECK;
/* The owner's does, whose lists are still there: nobody is led to him any more. Idempotent. */
int sharers_leave(struct mail *m, account_id owner) MUST_CHECK;

/* What is behind the last "@". */
struct span sharers_domain(struct span address);

#endif
