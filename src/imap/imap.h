/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP server sessions: IMAP4rev2 (RFC 9051) and IMAP4rev1 (RFC 3501) at once. See net/session.h for the
 * contract and docs/imap.md for the extensions and for what was chosen where the RFCs leave a choice. */
#ifndef IMAP_IMAP_H
#define IMAP_IMAP_H

#include "auth/auth.h"
#include "base/spool.h"
#include "mailbox/mailbox.h"
#include "net/session.h"

/* What all sessions of a server share. Borrowed by them; must outlive them. */
struct imap_server {
    const struct config *config;
    struct auth *auth;
    struct mail *mail;
    struct store *store;
    struct clock *clock;
    struct directory *directory;
    struct spools *spools; /* for messages on their way in */
};

struct session *imap_session_new(void *server);

#endif
