/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API on a store in memory, with a clock that stands still and cheap hashes. Nobody is in it at first.
 * What goes wrong in making it is a must(), so that the fuzz target uses it too. */
#ifndef TEST_WEB_WORLD_H
#define TEST_WEB_WORLD_H

#include "base/config.h"
#include "store/sim.h"
#include "web/admin.h"

struct world {
    struct clock_fake clock;
    struct config *config;
    struct sim_disk *disk;
    struct store *store;
    struct directory *directory;
    struct auth *auth;
    struct mail mail;
    struct delivery delivery;
    struct spools spools;
    struct admin admin;
    int reloads; /* the first one succeeds, all later ones complain of the configuration */
};

void world_open(struct world *w);
void world_close(struct world *w);

/* Everybody and everything is gone, without the seconds that a new world takes. Ids are not given again. */
void world_empty(struct world *w);

#endif
