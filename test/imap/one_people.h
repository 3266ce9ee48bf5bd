/* SPDX-License-Identifier: Apache-2.0 */
/* What a test begins with that has people who share mailboxes: new ones for each test. */
#ifndef TEST_IMAP_ONE_PEOPLE_H
#define TEST_IMAP_ONE_PEOPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "people.h"

extern struct people p;

int people_setup(void **state);
int people_teardown(void **state);

/* Sessions, logged in. */
struct host *as(const char *user);
struct host *anna(void);
struct host *bernd(void);

#endif
