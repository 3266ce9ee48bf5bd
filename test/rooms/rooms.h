/* SPDX-License-Identifier: Apache-2.0 */
/* All that is below a protocol, in memory, with one account: anna@example.test, password "tulip field". No thread, no
 * delay: logins happen inside the step. Fails a must() when it cannot be made, so fuzz targets use it too. Connections
 * are made by the protocol's own world.h. */
#ifndef TEST_ROOMS_ROOMS_H
#define TEST_ROOMS_ROOMS_H

#include "auth/auth.h"
#include "base/config.h"
#include "base/spool.h"
#include "directory/directory.h"
#include "mailbox/mailbox.h"
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
    uint64_t account;
    struct arena *arena; /* for tests; gone with the world */
};

void world_open(struct world *w);
void world_close(struct world *w);

/* Into INBOX. */
struct mail_appended world_append(struct world *w, struct span message, uint32_t flags);
/* So many into INBOX, each with a UID of ten digits and no neighbour: answers that name all are long. */
void world_append_apart(struct world *w, struct span message, size_t n);

#endif
