/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox access keys of an account (RFC 4467 §2.2): a secret for each mailbox with which URLs of its messages are
 * signed, so that whoever shows one may read what it names. A new key makes the URLs of the old one worthless.
 *
 * Kept in the account's partition, by the id of the mailbox: it follows RENAME and goes with DELETE, and so no URL of a
 * mailbox is good for another that comes to have its name. Errors, blocking and threads as in mailbox/mailbox.h. */
#ifndef MAILBOX_URLKEY_H
#define MAILBOX_URLKEY_H

#include "mailbox/mailbox.h"

enum { MAIL_URLKEY = 32 };
struct mail_urlkey {
    uint8_t b[MAIL_URLKEY]; /* of the system's randomness */
};

/* ERR_NOT_FOUND: no such mailbox, or it has no key and none is to be made. */
int mailbox_urlkey(struct mail *m,
                   account_id id,
                   struct mailbox_id mailbox,
                   bool make,
                   struct mail_urlkey *out) MUST_CHECK;
/* A new one. ERR_NOT_FOUND. */
int mailbox_urlkey_reset(struct mail *m, account_id id, struct mailbox_id mailbox) MUST_CHECK;
/* Takes all of the account away. */
int mailbox_urlkey_drop(struct mail *m, account_id id) MUST_CHECK;

#endif
