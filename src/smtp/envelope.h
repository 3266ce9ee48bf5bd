/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope of one mail transaction: who sends, who receives, and what RFC 1870, 3030, 3461,
 * 4954 and 6531 let the client say about it. DSN parameters are kept as given for the queue to act
 * on.
 *
 * All texts live in the envelope's own arena, which dies with the transaction. One session's; no
 * locks. */
#ifndef SMTP_ENVELOPE_H
#define SMTP_ENVELOPE_H

#include "directory/directory.h"

enum smtp_body_kind { SMTP_BODY_7BIT, SMTP_BODY_8BIT, SMTP_BODY_BINARY };
enum smtp_ret { SMTP_RET_NONE, SMTP_RET_FULL, SMTP_RET_HDRS };

enum smtp_notify { /* bits; 0: not given */
                   SMTP_NOTIFY_NEVER = 1,
                   SMTP_NOTIFY_SUCCESS = 2,
                   SMTP_NOTIFY_FAILURE = 4,
                   SMTP_NOTIFY_DELAY = 8,
};

struct smtp_recipient {
    struct span address; /* as written, without a source route */
    unsigned notify;     /* enum smtp_notify */
    struct span orcpt;   /* "rfc822;" and the xtext as sent; empty if not given */
    struct destination *v;
    size_t n;
};

struct smtp_envelope {
    struct arena *arena; /* NULL: no transaction is open */
    struct span from;    /* empty: <> */
    uint64_t size;       /* declared; 0: not */
    uint64_t
        size_max; /* the least of what the server, the sender's and the recipients' classes take */
    enum smtp_body_kind body;
    bool utf8;
    enum smtp_ret ret;
    struct span envid;                           /* xtext as sent */
    struct span auth;                            /* xtext as sent, or "<>" */
    uint64_t send_per_hour, recipients_per_hour; /* of the sender's class; 0: no limit */
    struct smtp_recipient *rcpts;
    size_t n, cap;
    size_t destinations; /* of all recipients */
    size_t refused;      /* RCPT commands refused in this transaction */
    struct span
        class_seen; /* whose message size is already in size_max: saves asking a thousand times */
};

/* Opens a transaction. ERR_NOMEM. */
int smtp_envelope_open(struct smtp_envelope *e, struct span from, uint64_t size_max) MUST_CHECK;
/* Ends it and frees everything. Harmless when none is open. */
void smtp_envelope_close(struct smtp_envelope *e);
/* Adds a recipient; texts are copied. ERR_LIMIT when the envelope has grown too large, ERR_NOMEM.
 */
int smtp_envelope_add(struct smtp_envelope *e, const struct smtp_recipient *r) MUST_CHECK;

#endif
