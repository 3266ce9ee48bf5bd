/* SPDX-License-Identifier: Apache-2.0 */
#include "one_world.h"

struct world w;

int world_setup(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

int world_teardown(void **state)
{
    uint64_t problems = 1;
    assert_int_equal(mailbox_check(&w.mail, w.account, true, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    return world_teardown_damaged(state);
}

int world_teardown_damaged(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}
