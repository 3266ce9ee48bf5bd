/* SPDX-License-Identifier: Apache-2.0 */
/* An IMAP server on test/rooms. Fails a must() when it cannot be made, so fuzz targets use it too. */
#ifndef TEST_IMAP_WORLD_H
#define TEST_IMAP_WORLD_H

#include "host.h"
#include "imap/imap.h"
#include "mailbox/sync.h"
#include "rooms.h"

/* A session of the world's server, for a host_new with other options. */
struct session *world_session(struct world *w);
/* A connection; the greeting is taken. `tls`: on from the first byte. */
struct host *world_connect(struct world *w, bool tls, enum host_cut cut);
/* And logged in; the answer is taken. */
struct host *world_login(struct world *w);

/* And with INBOX selected. */
struct host *world_select(struct world *w);

/* ---- with cmocka ---------------------------------------------------------------------------- */

/* Sends `command` with CRLF and expects these lines and no other; each of them a line's beginning. The list ends
 * with NULL. */
void world_talk(struct host *h, const char *command, ...) __attribute__((sentinel));
/* Is woken, and hears these lines and no other. The same list. */
void world_hears(struct host *h, ...) __attribute__((sentinel));

#endif
