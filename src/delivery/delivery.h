/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: one accepted message to its final places.
 *
 * Until the queue exists only local mailboxes are places. Several recipients are one body: the blob is
 * written once and linked from each account. Blocks on the store. Thread-safe. */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include "directory/directory.h"
#include "mailbox/mailbox.h"

struct delivery {
    struct directory *directory;
    struct mail *mail;
    struct store *store;
    struct clock *clock;
};

/* May this recipient get a message of `size` bytes (0: not known)? `res` (in arena) holds where it goes.
 * 0; what directory_resolve returns; ERR_QUOTA (all its local destinations are full); ERR_TOO_BIG (no class
 * of them takes a message of this size); ERR_RELAY when a remote address is among the targets of a local one. */
int delivery_check(struct delivery *d,
                   struct span address,
                   uint64_t size,
                   struct arena *a,
                   struct resolution *res) MUST_CHECK;

struct delivery_envelope {
    struct span from;            /* reverse-path without brackets; empty: <> */
    const struct destination *v; /* all recipients' destinations; doubles are delivered once */
    size_t n;
};
/* Stores prefix (Return-Path and trace fields; may be empty) + body as one blob and puts it into every destination's
 * INBOX. Durable for all when it returns 0. Recipients were checked at
 * RCPT; one that has filled up since then still gets the message, except that a message with one single
 * destination is refused with ERR_QUOTA. ERR_UNAVAILABLE if one has been purged since then. If one destination fails after others have it, those are taken back
 * (expunged, not restorable) so that the sender's next try does not make doubles; the error is returned, a
 * temporary one when there are several destinations: one of them must not bounce the mail of the others.
 * Each delivery is logged (event delivery.stored, with mid, account, mailbox, uid). */
int delivery_deliver(struct delivery *d,
                     const struct delivery_envelope *envelope,
                     struct span prefix,
                     struct span body) MUST_CHECK;

#endif
