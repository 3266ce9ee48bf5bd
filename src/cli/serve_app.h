/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a running server, for the files serve*.c alone. */
#ifndef CLI_SERVE_APP_H
#define CLI_SERVE_APP_H

#include "auth/auth.h"
#include "base/config.h"
#include "cli/handover.h"
#include "cli/janitor.h"
#include "delivery/delivery.h"
#include "imap/imap.h"
#include "net/server.h"
#include "net/tls.h"
#include "pop3/pop3.h"
#include "smtp/smtp.h"
#include "web/admin.h"

#include <pthread.h>

/* What new sessions are made with. A reload makes a new generation; sessions keep the one they were
 * born with, so generations are freed only when the server has ended (a few kilobytes a reload). */
struct generation {
    struct generation *older;
    struct config *config;
    struct smtp_server mx;
    struct smtp_server submission;
    struct pop3_server pop3;
    struct imap_server imap;
};

struct app {
    struct clock *clock;
    struct rng *rng;
    struct store *store;
    struct directory *directory;
    struct auth *auth;
    struct mail mail;
    struct delivery delivery;
    struct smtp_rates *rates;
    struct server *server;
    struct admin admin;
    struct janitor janitor;
    char *spool_dir;
    struct budget
        buffers; /* bytes in memory for clients: net's buffers, messages on their way in */
    struct spools spools;
    int64_t started_ms;
    bool stopping; /* atomic */

    int signal_fd;
    int control; /* to the master; under reload_lock once threads run */
    int log_fd;  /* -1: standard error; under reload_lock */
    struct handover_start start;
    char user[JAIL_NAME_MAX], confinement[128]; /* what is in force, in words */

    pthread_mutex_t reload_lock; /* one reload at a time; guards tls */
    struct tls_context *tls;
    struct generation *now; /* atomic: read by the loops for each new connection */
};

/* The generation in force. */
const struct generation *app_now(struct app *app);

/* Makes a generation of `config` (owned from now on, also on error) and puts it in force. */
int app_generation_push(struct app *app, struct config *config) MUST_CHECK;

/* Gives the certificates of the handover to new connections; logs those that are about to expire or
 * do not match the host name. The old ones stay when this fails. */
int app_tls_load(struct app *app, const struct handover *h, struct buf *why) MUST_CHECK;

/* What all sessions together may take of memory, disk and descriptors: fills in `buffers` and the
 * limits of `spools`. *connections_out is server.connections, or less (and a line in the log) where
 * the system gives too few descriptors. */
void app_budgets(struct app *app, const struct config *config, int64_t *connections_out);

/* Writes where the handover says, which takes its descriptor. */
void app_log_use(struct app *app, struct handover *h);

/* Asks the master for the configuration as it is now. On any error nothing changes and `why` says
 * what is wrong. */
int app_reload(struct app *app, struct buf *why) MUST_CHECK;

/* Accepts on the sockets that the master has opened. */
int app_adopt(struct app *app, const struct handover_start *start) MUST_CHECK;

/* Becomes whom the master says and enters the jail; before any thread is made. */
int app_confine(struct app *app, const struct config *config, struct buf *why) MUST_CHECK;

#endif
