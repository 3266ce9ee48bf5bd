/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a client to the admin API, on a connection of its own. */
#ifndef TEST_SIM_ADMIN_CALL_H
#define TEST_SIM_ADMIN_CALL_H

#include "client.h"

struct call {
    int status;      /* 0: no answer, or not all of it */
    bool passed;     /* the server may have got the whole request */
    struct buf body; /* of the answer */
};

/* `out` is initialised here; call_done frees it. */
void admin_call(
    struct client *c, const char *method, const char *target, struct span body, struct call *out);
void call_done(struct call *call);
/* The answer about that life (NULL: none) is `status`; or a fault explains another one, and then a
 * permanent one is wrong, unless the janitor has purged the life meanwhile. */
bool call_is(
    struct client *c, const struct call *call, int status, const struct life *l, const char *what);

#endif
