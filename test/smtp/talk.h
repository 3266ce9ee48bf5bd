/* SPDX-License-Identifier: Apache-2.0 */
/* An SMTP dialogue in one call, for cmocka tests. */
#ifndef TEST_SMTP_TALK_H
#define TEST_SMTP_TALK_H

#include "world.h"

/* How bytes arrive in all dialogues: main runs its tests once for each way. */
extern enum host_cut talk_cut;

/* Connects and says hello: the session is ready for MAIL or AUTH. */
void talk_hello(struct world *w, enum world_port port);
/* To the port for encrypted submission, logged in as `user` with the password "secret". */
void talk_login(struct world *w, const char *user);

/* Pairs: what the client sends (CRLF is added), and how the last line of the reply must begin;
 * ended by NULL. */
void talk(struct world *w, ...) __attribute__((sentinel));
/* Bytes as they are; the reply as above. */
void talk_raw(struct world *w, struct span bytes, const char *reply);
/* The next reply; returns all of it. */
struct span talk_reply(struct world *w, const char *prefix);

/* A transaction on a fresh MX connection from a@far.test to alice, up to and with DATA. */
void talk_data(struct world *w);

/* Runs `tests` once with whole pieces, once byte by byte, once in random pieces. */
#define TALK_RUN(tests)                                                                            \
    (talk_cut = HOST_WHOLE, cmocka_run_group_tests(tests, talk_setup, talk_teardown)) +            \
        (talk_cut = HOST_BYTES, cmocka_run_group_tests(tests, talk_setup, talk_teardown)) +        \
        (talk_cut = HOST_RANDOM, cmocka_run_group_tests(tests, talk_setup, talk_teardown))
/* A test with a world of its own as its state. */
#define TALK_TEST(name) cmocka_unit_test_setup_teardown(name, talk_begin, talk_end)
int talk_setup(void **state);
int talk_teardown(void **state);
int talk_begin(void **state);
int talk_end(void **state);

#endif
