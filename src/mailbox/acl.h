/* SPDX-License-Identifier: Apache-2.0 */
/* Who else may do what with a mailbox: access control lists (RFC 4314).
 *
 * The owner of an account has every right to all of its mailboxes, always, and is in no list. Anybody else has what
 * the list of that one mailbox gives: there is no inheritance when it is read, but a mailbox that is made below
 * another gets a copy of its list. An entry is for one account, or for "anyone", which is every account of the owner's
 * domain: people of different domains do not know of one another. Rights may be denied as well ("negative rights",
 * RFC 4314 §2): what a user is denied, by name or as anyone, wins.
 *
 * Entries name accounts by id, so that a later account of the same address inherits nothing. They are kept with
 * the owner, in the transaction that knows the mailbox. Which accounts share something with a user is kept
 * apart (mailbox/sharers.h), as a hint that may be too large and is always checked against the list itself.
 *
 * Errors besides the store's: ERR_NO_USER (no such owner), ERR_NOT_FOUND (the mailbox, the entry), ERR_LIMIT.
 */
#ifndef MAILBOX_ACL_H
#define MAILBOX_ACL_H

#include "base/buf.h"
#include "mailbox/mailbox.h"

enum mail_right { /* RFC 4314 §2.1; bits, written to disk */
                  RIGHT_LOOKUP = 1,
                  RIGHT_READ = 2,
                  RIGHT_SEEN = 4,
                  RIGHT_WRITE = 8,
                  RIGHT_INSERT = 16,
                  RIGHT_POST = 32,
                  RIGHT_CREATE = 64,
                  RIGHT_DELETE = 128,          /* the mailbox: "x" */
                  RIGHT_DELETE_MESSAGES = 256, /* the flag \Deleted: "t" */
                  RIGHT_EXPUNGE = 512,
                  RIGHT_ADMIN = 1024,
                  RIGHTS_ALL = 2047,
};

/* As letters: "lrswipkxteacd" is all of them, "c" is shown beside k and x, "d" beside t and e. */
void mail_rights_write(struct buf *to, uint32_t rights);
/* "c" is kx and "d" te. false: *wrong_out is no right. */
bool mail_rights_read(struct span text, uint32_t *out, char *wrong_out) MUST_CHECK;

/* Who asks. */
struct mail_user {
    account_id id;       /* 0: anyone */
    struct span address; /* normal form (directory/address.h); of "anyone" it is not read */
};

struct mail_grant {
    account_id user;     /* 0: anyone */
    struct span address; /* as it was when the rights were given; empty for anyone */
    uint32_t rights, denied;
};
/* The list of one mailbox, by user; in the arena. Damaged entries are left out: they give nothing. */
int mailbox_grants(struct mail *m,
                   account_id owner,
                   struct mailbox_id mailbox,
                   struct arena *a,
                   struct mail_grant **out,
                   size_t *n_out) MUST_CHECK;

enum mail_grant_op { GRANT_REPLACE, GRANT_ADD, GRANT_REMOVE };
struct mail_grant_change {
    struct mail_user user;
    bool denied; /* changes what is denied, not what is given */
    enum mail_grant_op op;
    uint32_t rights;
};
/* Changes one entry; one without rights goes. ERR_INVALID: the user is the owner. Entries of accounts that had the same
 * address before go. ERR_LIMIT: LIMIT_GRANTS of one mailbox, or LIMIT_GRANTS_ACCOUNT of all. ERR_QUOTA: LIMIT_SHARERS others
 * share with the user. ERR_DENIED: he refuses this owner, and is given nothing (mailbox/refusals.h). */
int mailbox_grant(struct mail *m,
                  account_id owner,
                  struct mailbox_id mailbox,
                  const struct mail_grant_change *in) MUST_CHECK;
/* Takes an entry off by its address ("" for anyone), also one whose account is no longer there. ERR_NOT_FOUND. */
int mailbox_grant_drop(struct mail *m,
                       account_id owner,
                       struct mailbox_id mailbox,
                       struct span address,
                       bool denied) MUST_CHECK;

/* What the user may do: enum mail_right; RIGHTS_ALL for the owner, 0 for somebody whom the list does not name or
 * whose account is gone, or when there is no such mailbox. */
int mailbox_rights(struct mail *m,
                   account_id owner,
                   struct mailbox_id mailbox,
                   const struct mail_user *user,
                   uint32_t *out) MUST_CHECK;

/* A mailbox of somebody else that the user may see (RIGHT_LOOKUP). */
struct mail_shared {
    struct mailbox box;
    uint32_t rights;
};
/* By id, in the arena; of one moment. Costs what is there for him, not the other lists of the owner. */
int mailbox_list_shared(struct mail *m,
                        account_id owner,
                        const struct mail_user *user,
                        struct arena *a,
                        struct mail_shared **out,
                        size_t *n_out) MUST_CHECK;

#endif
