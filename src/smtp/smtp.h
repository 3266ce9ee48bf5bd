/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP server sessions: MX (RFC 5321) and submission (RFC 6409). See net/session.h for the
 * contract. */
#ifndef SMTP_SMTP_H
#define SMTP_SMTP_H

#include "auth/auth.h"
#include "base/spool.h"
#include "delivery/delivery.h"
#include "net/session.h"
#include "smtp/rate.h"

enum smtp_kind { SMTP_MX, SMTP_SUBMISSION };

/* What all sessions of a server share. Borrowed by them; must outlive them. */
struct smtp_server {
    enum smtp_kind kind;
    const struct config *config;
    struct auth *auth;
    struct directory *directory;
    struct delivery *delivery;
    struct clock *clock;
    struct rng *rng;
    struct spools *spools;
    struct smtp_rates *rates; /* smtp/rate.h; shared by MX and submission */
};

/* For listener_options.make; arg is a struct smtp_server. */
struct session *smtp_session_new(void *server);

#endif
