/* SPDX-License-Identifier: Apache-2.0 */
/* A POP3 server in memory with one account: anna@example.test, password "tulip field". No thread,
 * no delay: logins happen inside the step. Fails a must() when it cannot be made, so fuzz targets
 * use it too. */
#ifndef TEST_POP3_WORLD_H
#define TEST_POP3_WORLD_H

#include "base/config.h"
#include "host.h"
#include "pop3/pop3.h"
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
    struct pop3_server server;
    uint64_t account;
    struct arena *arena;
};

void world_open(struct world *w);
void world_close(struct world *w);

struct mail_appended world_append(struct world *w, struct span message);
/* A connection; the greeting is taken. `tls`: on from the first byte. */
struct host *world_connect(struct world *w, bool tls, enum host_cut cut);
/* And logged in with USER and PASS; the answers are taken. */
struct host *world_login(struct world *w);

#endif
