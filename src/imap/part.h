/* SPDX-License-Identifier: Apache-2.0 */
/* What an IMAP URL names, as bytes: those that FETCH BODY.PEEK[section]<partial> would send (RFC 4469 §3, RFC 4467 §7).
 * Private to the room. A part that is open holds a reader of the message and no snapshot. */
#ifndef IMAP_PART_H
#define IMAP_PART_H

#include "imap/internal.h"
#include "imap/url.h"

struct imap_part {
    struct blob_reader *reader;
    uint64_t at, end; /* what is left of it, in the message */
    bool made;        /* it is `text`, header fields that were chosen */
    /* bytes that were read to find it, of a message without a summary; also after an error */
    uint64_t searched;
    struct buf text;
};

/* The mailbox of a URL in the account; one that names none, or a relative one, in the place of what is selected. In the
 * user's own account the names are his, so that it may be a mailbox of others which he may read: *account is theirs then.
 * ERR_NOT_FOUND: it is not there, or has another UIDVALIDITY. */
int imap_part_mailbox(struct imap *i,
                      account_id *account,
                      const struct imap_url *url,
                      struct mailbox_id *out) MUST_CHECK;
/* ERR_NOT_FOUND: there is no such message, or it has no such section. ERR_INVALID: that is no section. */
int imap_part_open(struct imap *i,
                   uint64_t account,
                   struct mailbox_id mailbox,
                   const struct imap_url *url,
                   struct imap_part *out) MUST_CHECK;
/* How many bytes are left. */
uint64_t imap_part_left(const struct imap_part *p);
/* Appends up to `max` of them; NUL becomes 0x80, as in a literal of FETCH. */
int imap_part_read(struct imap_part *p, size_t max, struct buf *out) MUST_CHECK;
/* One that is zero is fine. */
void imap_part_close(struct imap_part *p);

#endif
