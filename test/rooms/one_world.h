/* SPDX-License-Identifier: Apache-2.0 */
/* What a cmocka program begins with that has one world: a new one for each test. */
#ifndef TEST_ROOMS_ONE_WORLD_H
#define TEST_ROOMS_ONE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rooms.h"

extern struct world w;

int world_setup(void **state);
/* The account must agree with itself. */
int world_teardown(void **state);
/* After a test that damages or purges it. */
int world_teardown_damaged(void **state);

#endif
