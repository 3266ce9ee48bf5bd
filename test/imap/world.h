/* SPDX-License-Identifier: Apache-2.0 */
/* An IMAP server in memory with one account: anna@example.test, password "tulip field". No thread, no delay:
 * logins happen inside the step. Fails a must() when it cannot be made, so fuzz targets use it too. */
#ifndef TEST_IMAP_WORLD_H
#define TEST_IMAP_WORLD_H

#include "base/config.h"
#include "host.h"
#include "imap/imap.h"
#include "mailbox/sync.h"
#include "store/sim.h"

#define WORLD_USER     "anna@example.test"
#define WORLD_PASSWORD "tulip field"

struct world {
    struct clock_fake clock;
    struct sim_disk *disk;
    struct store *store;
    struct config *config;
    struct directory *directory;
    struct auth *auth;
    struct mail mail;
    struct spools spools;
    struct imap_server server;
    uint64_t account;
    struct arena *arena;
};

void world_open(struct world *w);
void world_close(struct world *w);

/* Into INBOX. */
struct mail_appended world_append(struct world *w, struct span message, uint32_t flags);
/* So many into INBOX, each with a UID of ten digits and no neighbour: answers that name all are long. */
void world_append_apart(struct world *w, struct span message, size_t n);
/* A connection; the greeting is taken. `tls`: on from the first byte. */
struct host *world_connect(struct world *w, bool tls, enum host_cut cut);
/* And logged in; the answer is taken. */
struct host *world_login(struct world *w);

/* ---- with cmocka ---------------------------------------------------------------------------- */

/* Sends `command` with CRLF and expects these lines and no other; each of them a line's beginning. The list ends
 * with NULL. */
void world_talk(struct host *h, const char *command, ...) __attribute__((sentinel));

#endif
