/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: mailboxes inside a transaction. */
#ifndef MAILBOX_BOXES_H
#define MAILBOX_BOXES_H

#include "mailbox/edit.h"

/* Makes one mailbox of exactly that (canonical) name. ERR_EXISTS. */
int mailbox_add(struct edit *e, struct span name, enum special_use use, struct mailbox_id *out)
    MUST_CHECK;
/* The name as it is kept: INBOX in any case is "INBOX", also as first level. ERR_INVALID: empty, or
 * with an empty level, too long or deep, not UTF-8, control characters. */
int mailbox_name_check(struct span name, struct arena *a, struct span *out) MUST_CHECK;

#endif
