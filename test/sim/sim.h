/* SPDX-License-Identifier: Apache-2.0 */
/* One run: everything that follows from one seed. */
#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H

#include "base/base.h"

struct sim_result {
    uint64_t hash; /* of the trace */
    uint64_t ops;  /* operations of the store */
    unsigned starts, messages, faults;
};

/* Returns when all was as promised; else see wrong() in trace.h. */
void sim_run(uint64_t seed, bool show, struct sim_result *out);

#endif
