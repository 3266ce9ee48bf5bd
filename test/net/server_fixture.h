/* SPDX-License-Identifier: Apache-2.0 */
/* A running server with the echo protocol on two ports of loopback, for the tests of the whole server. */
#ifndef TEST_NET_SERVER_FIXTURE_H
#define TEST_NET_SERVER_FIXTURE_H

#include "certs.h"
#include "client.h"
#include "echo.h"
#include "net/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
    struct echo_server echo;
    struct server *server;
    pthread_t thread;
    uint16_t plain, tls;
};

extern struct certs fixture_certs; /* one.test; two.test and *.two.test */

/* Of the group of tests: certificates and the log. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

struct listener_options fixture_listener(struct fixture *f, bool tls);
/* Makes the server and its two listeners; what `o` leaves at 0 gets a value that is no limit. The
 * fixture itself is the caller's, zero but for `echo`. */
void fixture_make(struct fixture *f, struct server_options o);
/* The thread's function. */
void *fixture_run(void *fixture);
/* fixture_make, and runs it on a thread. */
void fixture_start(struct fixture *f, struct server_options o);
/* Stops and frees the server; asserts that no session, connection or task is left over. */
void fixture_stop(struct fixture *f);

/* Connects and reads the greeting. */
void fixture_hello(struct client *c, uint16_t port);
void sleep_ms(long ms);
/* Waits until a counter of another thread has this value; false after ten seconds. */
bool until(int *counter, int value);

#endif
