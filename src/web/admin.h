/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API (HTTP/1.1 and JSON on a Unix socket) and the metrics page, as sessions for
 * net/server.h. Routes and formats: docs/admin-api.md. Whoever may open the socket may do
 * everything.
 */
#ifndef WEB_ADMIN_H
#define WEB_ADMIN_H

#include "auth/auth.h"
#include "base/spool.h"
#include "delivery/delivery.h"
#include "net/session.h"
#include "net/tls.h"

struct admin_status {
    int64_t started_ms;
    int64_t connections, workers_busy, queue; /* busy: with the one that asks */
    int64_t restarts;                         /* of the serving process, after a crash */
    const char *user, *confinement;           /* who it is, and what holds it, in words */
    struct tls_context *tls;                  /* a reference: the caller unrefs it */
};

/* What the API works on; borrowed, must outlive its sessions. */
struct admin {
    struct directory *directory;
    struct auth *auth;
    struct mail *mail;
    struct delivery *delivery;
    struct store *store;
    struct clock *clock;
    struct rng *rng;
    struct spools *spools;

    void *arg; /* given to the functions below, which the server assembly provides; thread-safe */
    const struct config *(*config)(void *arg); /* the configuration in force now */
    void (*status)(void *arg, struct admin_status *out);
    int (*reload)(void *arg, struct buf *why);
};

/* For listener_options.make; arg is a struct admin. */
struct session *admin_session_new(void *admin);
/* Only GET /metrics. */
struct session *metrics_session_new(void *admin);

#endif
