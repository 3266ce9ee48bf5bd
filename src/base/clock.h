/* SPDX-License-Identifier: Apache-2.0 */
/* Time as a seam: rooms take a `struct clock *`, so a test can replay a day in a second. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

struct clock {
    /* Milliseconds since 1970-01-01 UTC; may jump. For what people see and what is kept. */
    int64_t (*wall_ms)(struct clock *c);
    /* Milliseconds since some point in the past; never goes back. For time-outs and rates. */
    int64_t (*mono_ms)(struct clock *c);
};

/* The machine's clock; static, thread-safe, never freed. */
struct clock *clock_system(void);

/* A clock that stands still until moved. Thread-safe. */
struct clock_fake {
    struct clock clock;
    int64_t now_ms;
};
void clock_fake_init(struct clock_fake *c, int64_t wall_ms);
void clock_fake_advance(struct clock_fake *c, int64_t ms);

#endif
