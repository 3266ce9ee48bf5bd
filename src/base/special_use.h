/* SPDX-License-Identifier: Apache-2.0 */
/* The mailboxes every account has (RFC 6154). In base because both classes of service (retention per
 * special mailbox) and mailboxes name them. */
#ifndef BASE_SPECIAL_USE_H
#define BASE_SPECIAL_USE_H

enum special_use { /* written to disk: never renumber */
                   USE_NONE = 0,
                   USE_INBOX = 1,
                   USE_SENT = 2,
                   USE_DRAFTS = 3,
                   USE_JUNK = 4,
                   USE_TRASH = 5,
                   USE_ARCHIVE = 6,
                   USE_COUNT = 7,
};

/* "INBOX", "Sent", …: the names the mailboxes are made with; "" for USE_NONE. */
const char *special_use_name(enum special_use use);

#endif
