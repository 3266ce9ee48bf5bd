/* SPDX-License-Identifier: Apache-2.0 */
/* A small installation for tests of the auth room: a store in memory, a clock that stands still,
 * cheap hashes, and these people:
 *
 *   alice@example.test   password "correct horse"; example.com.test is an alias domain of
 * example.test bob@example.test     the same password, imported as {SSHA} eve@example.test     the
 * same password, suspended info@example.test    an alias of alice's nopass@example.test  an account
 * without a password
 */
#ifndef TEST_AUTH_RIG_H
#define TEST_AUTH_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "base/err.h"
#include "store/sim.h"

#include <semaphore.h>
#include <stdatomic.h>

struct rig_waker {
    struct waker w;
    atomic_int refs;
    sem_t posts;
};

struct rig {
    struct clock_fake fake;
    struct sim_disk *disk;
    struct store *store;
    struct directory *directory;
    struct config *config;
    struct auth *auth;
    struct arena *arena;
    struct rig_waker waker;
    bool inline_hashing;
};

#define RIGHT SPAN("correct horse")

void rig_open(struct rig *r, bool inline_hashing);
void rig_close(struct rig *r);
/* Power lost and everything opened anew: what a restart leaves. */
void rig_restart(struct rig *r);
/* For cmocka: *state is a rig with inline hashing. */
int rig_setup(void **state);
int rig_teardown(void **state);

struct auth_peer rig_peer(const char *ip);
/* Steps until OK or FAIL, the clock moved on when it waits. 0 or the error; `text` (may be NULL)
 * gets the sentence, valid until the rig's arena is reset. */
int rig_finish(struct rig *r, struct auth_exchange *x, struct span *text);
/* Username and password from `ip`. */
int rig_login(
    struct rig *r, const char *ip, struct span username, struct span password, struct span *text);
void rig_password_set(struct rig *r, struct span address, struct span password);
struct account rig_account(struct rig *r, struct span address);

/* Of a connection whose bindings are told here. */
struct rig_binder {
    struct binder b;
    struct span exporter, unique;
};
void rig_binding(struct binder *b, struct binding *out);

/* SCRAM with GNU SASL's client. The server binds to `server_binder`, the client to `client_exporter`
 * (NULL for none). 0, the error, or ERR_CONFLICT if the client does not believe
 * the server. */
struct rig_scram {
    const char *mechanism;
    const char *ip;
    const char *username;
    const char *password;
    const char *authzid;
    struct binder *server_binder;
    const char *client_exporter; /* base64 */
};
int rig_scram(struct rig *r, const struct rig_scram *s);

#endif
