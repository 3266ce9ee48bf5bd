/* SPDX-License-Identifier: Apache-2.0 */
#include "one_people.h"

struct people p;

int people_setup(void **state)
{
    (void)state;
    people_open(&p);
    return 0;
}

int people_teardown(void **state)
{
    (void)state;
    people_close(&p);
    return 0;
}

struct host *as(const char *user)
{
    return people_login(&p, user);
}

struct host *anna(void)
{
    return as(WORLD_USER);
}

struct host *bernd(void)
{
    return as("bernd@example.test");
}
