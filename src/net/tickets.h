/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of TLS session tickets (RFC 5077 §4, RFC 8446 §4.6.1): made here, used for half a day,
 * and thrown away when the last ticket made with them has expired.
 *
 * Who gets hold of a ticket key can read recorded sessions of TLS 1.2 that were resumed with it, and
 * pretend to be us in resumptions of either version: so no key may live as long as the process, and
 * none is ever written to a disk. Shared by a context and its successors, because a reload must not
 * cost every client a full handshake. Thread-safe; one mutex, a leaf.
 */
#ifndef NET_TICKETS_H
#define NET_TICKETS_H

#include "base/clock.h"

struct tickets;
struct ssl_ctx_st;

enum {
    TICKET_LIFE_S = 2 * 3600,             /* of a ticket: OpenSSL refuses older ones */
    TICKET_KEY_USE_MS = 12 * 3600 * 1000, /* then a new key makes the tickets */
    TICKET_KEY_KEEP_MS = TICKET_KEY_USE_MS + TICKET_LIFE_S * 1000,
};

/* NULL: out of memory. The clock is borrowed. */
struct tickets *tickets_new(struct clock *clock) MUST_CHECK;
struct tickets *tickets_ref(struct tickets *t);
void tickets_unref(struct tickets *t); /* NULL is fine */

/* Makes `ctx` use them; they must live as long as it does. 0 or ERR_NOMEM. */
int tickets_attach(struct tickets *t, struct ssl_ctx_st *ctx) MUST_CHECK;

#endif
