/* SPDX-License-Identifier: Apache-2.0 */
/* A POP3 server on test/rooms. Fails a must() when it cannot be made, so fuzz targets use it too. */
#ifndef TEST_POP3_WORLD_H
#define TEST_POP3_WORLD_H

#include "host.h"
#include "pop3/pop3.h"
#include "rooms.h"

/* A session of the world's server, for a host_new with other options. */
struct session *world_session(struct world *w);
/* A connection; the greeting is taken. `tls`: on from the first byte. */
struct host *world_connect(struct world *w, bool tls, enum host_cut cut);
/* And logged in with USER and PASS; the answers are taken. */
struct host *world_login(struct world *w);

#endif
