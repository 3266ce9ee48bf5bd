/* SPDX-License-Identifier: Apache-2.0 */
/* A message's envelope and header section, for those who look at many messages: from the summary that is kept with
 * it, else from its header section.
 *
 * Blocks on the store. A header section is read up to LIMIT_SEARCH_HEADER bytes; what is behind that counts as
 * absent. Errors of one message (ERR_NOT_FOUND, ERR_CORRUPT) are its own: its reader goes on with the next. */
#ifndef MAILBOX_ENVELOPE_H
#define MAILBOX_ENVELOPE_H

#include "mailbox/sync.h"
#include "message/summary.h"

/* The header section, into `out`, which is cleared before and whose maximum must be LIMIT_SEARCH_HEADER at least. */
int mailbox_header(struct mail *m, account_id id, struct message_id msg, struct buf *out)
    MUST_CHECK;

/* The envelope and the time it was sent, without structure and preview. `item` with its summary if it has one.
 * In the arena (MIME_ARENA bytes), `header` and the item. */
int mailbox_envelope(struct mail *m,
                     account_id id,
                     const struct mail_item *item,
                     struct arena *a,
                     struct buf *header,
                     struct message_summary *out) MUST_CHECK;

#endif
