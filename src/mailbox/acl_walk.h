/* SPDX-License-Identifier: Apache-2.0 */
/* The one walk over rows of access control lists: the list of a mailbox (mail_key_grants), or the index of what names a
 * user (mail_key_grantees, or all of TABLE_GRANTEE).
 *
 *   acl_walk_txn or _snap -> while acl_walk_next is 1 -> acl_walk_end, also after an error
 *
 * Damaged rows never end a walk. What a step finds is valid until the next one. Private to the room. */
#ifndef MAILBOX_ACL_WALK_H
#define MAILBOX_ACL_WALK_H

#include "mailbox/acl.h"
#include "mailbox/edit.h"

struct acl_walk {
    struct store_iter *it;
    size_t rows;    /* seen so far, those with a damaged key too */
    size_t damaged; /* that the store could not read */

    /* the row */
    struct mailbox_id mailbox;
    account_id user;
    bool whole;              /* its record can be read; always of the index */
    struct mail_grant grant; /* of a list, when whole */
};

int acl_walk_txn(struct acl_walk *w, struct store_txn *t, struct mail_key prefix) MUST_CHECK;
int acl_walk_snap(struct acl_walk *w, struct store_snap *snap, struct mail_key prefix) MUST_CHECK;
/* 1: a row; 0: the end; or the store's error. */
int acl_walk_next(struct acl_walk *w) MUST_CHECK;
/* Closes it. What is to be returned: `err` where it is one, else 0. */
int acl_walk_end(struct acl_walk *w, int err) MUST_CHECK;

#endif
