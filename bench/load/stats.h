/* SPDX-License-Identifier: Apache-2.0 */
/* stats: how long things took, each time kept, so that percentiles are exact. */
#ifndef BENCH_LOAD_STATS_H
#define BENCH_LOAD_STATS_H

#include "base/base.h"

struct stats {
    uint32_t *us; /* microseconds, in the order they were added */
    size_t n, cap;
    uint64_t octets; /* of the messages among them */
};

int64_t now_us(void); /* monotonic */

void stats_done(struct stats *s);
void stats_add(struct stats *s, int64_t began_us, size_t octets);
/* The time that `percent` of them did not exceed, in milliseconds; 0 for none. Sorts. */
double stats_percentile_ms(struct stats *s, double percent);

#endif
