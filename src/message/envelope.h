/* SPDX-License-Identifier: Apache-2.0 */
/* The header fields that IMAP's ENVELOPE (RFC 9051 §7.5.2), SORT, THREAD and JMAP's Email are made of.
 *
 * Texts are unfolded, trimmed and otherwise as they were: encoded-words and 8-bit bytes included. Of a
 * field that is there twice the first is taken; the addresses of a field that is there twice are one list
 * (a second From must not hide the first from whoever judges by one of them).
 *
 * A struct message_envelope begins zeroed; what it holds is in the arena. Each field costs time linear in its
 * own size, however many came before it. Out of memory, less is taken and arena_err says so. */
#ifndef MESSAGE_ENVELOPE_H
#define MESSAGE_ENVELOPE_H

#include "message/address.h"

struct message_envelope {
    /* p is NULL when the field is absent; n is 0 when it is empty */
    struct span date, subject, in_reply_to, message_id, references;
    struct mail_address *from, *sender, *reply_to, *to, *cc, *bcc;
    /* private: the last entry of each list, in the order above */
    struct mail_address *last[6];
};

enum envelope_result {
    ENVELOPE_OTHER, /* the field is none of these */
    ENVELOPE_TAKEN,
    ENVELOPE_TWICE, /* it was there before */
    ENVELOPE_CUT,   /* there were more addresses than `most` */
};

/* Is a field of that name one of them? */
bool envelope_has_field(struct span name);

/* Takes one field into `e`, at most `most` addresses of it. */
enum envelope_result envelope_take(
    struct message_envelope *e, struct span name, struct span value, size_t most, struct arena *a);

#endif
