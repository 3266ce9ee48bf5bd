/* SPDX-License-Identifier: Apache-2.0 */
/* POP3 server sessions (RFC 1939, 2449, 2595, 5034, 3206, 6856). See net/session.h for the contract
 * and docs/pop3.md for what was chosen where the RFCs leave a choice. */
#ifndef POP3_POP3_H
#define POP3_POP3_H

#include "auth/auth.h"
#include "mailbox/mailbox.h"
#include "net/session.h"

/* What all sessions of a server share. Borrowed by them; must outlive them. */
struct pop3_server {
    const struct config *config;
    struct auth *auth;
    struct mail *mail;
    struct store *store;
    struct clock *clock;
    struct directory
        *directory; /* for EXPIRE, which tells a class's retention; NULL: EXPIRE NEVER */
};

struct session *pop3_session_new(void *server);

#endif
