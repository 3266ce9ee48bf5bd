/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, and when: decided at the operations of the store, because everything that a
 * server does comes by there, so that each of its moments is one that a fault can meet. */
#ifndef TEST_SIM_FAULT_H
#define TEST_SIM_FAULT_H

#include "base/random.h"
#include "store/sim.h"

enum fault_kind {
    FAULT_KILL,    /* kill -9: what was written stays, synced or not */
    FAULT_POWER,   /* what was not synced stays in part or is lost */
    FAULT_ERROR,   /* one operation fails */
    FAULT_LASTING, /* all fail, for a while */
    FAULT_DOUBT,   /* a commit fails and nobody can say whether it is there; all fail for a while */
    FAULT_FULL,    /* the disk is full, for a while */
    FAULT_SLOW,    /* an operation takes long */
    FAULT_JUMP,    /* somebody sets the clock */
    FAULT_WAKE,    /* a session is woken for no reason */
    FAULT_RESTART, /* the operator restarts the server in good order */
    FAULT_KINDS,
};

struct world;

struct fault {
    struct world *world;
    struct rng_seeded rng;
    bool armed;
    uint64_t ops;   /* operations of the store so far */
    uint64_t next;  /* the one that the next fault strikes */
    uint64_t until; /* the one at which what lasts is over; 0: nothing lasts */
    enum fault_kind lasting;
    int err; /* of FAULT_LASTING */
    unsigned count[FAULT_KINDS];
};

void fault_init(struct fault *f, struct world *w);
/* Faults happen from here on, or no more (what lasts is over then). */
void fault_arm(struct fault *f, bool armed);
/* Does something last that whoever connects now will feel? */
bool fault_lasts(const struct fault *f);

#endif
