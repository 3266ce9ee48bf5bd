/* SPDX-License-Identifier: Apache-2.0 */
/* A store with the rooms above it that keep mail, as the server opens them. */
#ifndef TEST_POWER_ROOMS_H
#define TEST_POWER_ROOMS_H

#include "delivery/delivery.h"

struct rooms {
    struct store *store;
    struct directory *directory;
    struct mail mail;
    struct delivery delivery;
};

/* FOLDER/store. `why` gets a sentence. */
int rooms_open(struct rooms *r, const char *folder, bool create, struct buf *why) MUST_CHECK;
void rooms_close(struct rooms *r);

/* Calls `each` for every account of the directory until it returns non-zero, which is returned. */
int rooms_accounts(struct rooms *r,
                   int (*each)(void *arg, const struct account *a),
                   void *arg) MUST_CHECK;

#endif
