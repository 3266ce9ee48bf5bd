/* SPDX-License-Identifier: Apache-2.0 */
/* A whole mail server around an SMTP session, without sockets and disks: the in-memory store, the
 * real directory, accounts, passwords and delivery, a clock that stands still. For unit tests and
 * for the fuzz target, so nothing here needs cmocka: what goes wrong in building it is a must().
 *
 *   alice@example.test  (id ALICE)  password "secret"; class "default"
 *   bob@example.test    (id BOB)    class "small": 2 messages, 20 kB a message, 3 messages and 5
 * recipients an hour sam@example.test                suspended anna@bücher.test    (id ANNA)
 *   team@example.test               alias of alice and bob
 *   away@example.test               alias of someone@far.test
 *   example.com.test                alias domain of example.test
 *   postmaster                      is alice
 */
#ifndef TEST_SMTP_WORLD_H
#define TEST_SMTP_WORLD_H

#include "base/config.h"
#include "host.h"
#include "smtp/smtp.h"

struct world {
    struct clock_fake clock;
    struct rng_seeded rng;
    struct config *config;
    struct store *store;
    struct directory *directory;
    struct auth *auth;
    struct mail mail;
    struct delivery delivery;
    struct smtp_rates *rates;
    struct spools spools;
    struct smtp_server mx, submission;
    uint64_t alice, bob, anna;
    struct host *host;
};

struct world *world_new(void);
void world_free(struct world *w);

enum world_port { PORT_MX, PORT_SUBMISSION, PORT_SUBMISSIONS /* TLS from the first byte */ };

/* Connects (an earlier connection is closed first) and leaves the greeting unread. */
void world_connect(struct world *w, enum world_port port, enum host_cut cut);

/* How many messages are in the INBOX. */
size_t world_count(struct world *w, uint64_t account);
/* The newest of them. */
void world_newest(struct world *w, uint64_t account, struct buf *out);

/* All mail is gone and two days have passed: no lock, no rate limit, no attempt is left in force. */
void world_empty(struct world *w);

#endif
