/* SPDX-License-Identifier: Apache-2.0 */
/* The mono clock is CLOCK_BOOTTIME: time-outs go on while a virtual machine is suspended, so that a
 * resumed server does not keep clients that left hours ago. */
#include "base/clock.h"

#include <time.h>

static int64_t clock_read(clockid_t id)
{
    struct timespec t;
    must(clock_gettime(id, &t) == 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_wall(struct clock *c)
{
    (void)c;
    return clock_read(CLOCK_REALTIME);
}

static int64_t system_mono(struct clock *c)
{
    (void)c;
    return clock_read(CLOCK_BOOTTIME);
}

struct clock *clock_system(void)
{
    static struct clock system = {system_wall, system_mono};
    return &system;
}

static int64_t fake_read(struct clock *c)
{
    return __atomic_load_n(&CONTAINER_OF(c, struct clock_fake, clock)->now_ms, __ATOMIC_SEQ_CST);
}

void clock_fake_init(struct clock_fake *c, int64_t wall_ms)
{
    c->clock = (struct clock){fake_read, fake_read};
    __atomic_store_n(&c->now_ms, wall_ms, __ATOMIC_SEQ_CST);
}

void clock_fake_advance(struct clock_fake *c, int64_t ms)
{
    __atomic_add_fetch(&c->now_ms, ms, __ATOMIC_SEQ_CST);
}
