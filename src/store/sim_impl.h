/* SPDX-License-Identifier: Apache-2.0 */
/* What the sim engine and its disk share. The functions want the disk's lock held. */
#ifndef STORE_SIM_IMPL_H
#define STORE_SIM_IMPL_H

#include "base/random.h"
#include "store/internal.h"
#include "store/sim.h"
#include "store/sim_map.h"

/* A record that cannot be read at all (its block is lost) is an empty value: every real one has a frame. */
struct sim_state {
    struct sim_node *cf[CF_COUNT];
};

struct sim_fault {
    uint64_t left; /* operations until it strikes; 0: none */
    int err;
    bool lasting;
};

struct sim_disk {
    pthread_mutex_t lock;
    struct rng_seeded rng;
    bool open, crashed;
    struct sim_state now;
    struct sim_state
        *unsynced; /* states after the last sync, oldest first; [0] is the synced one */
    size_t unsynced_n, unsynced_cap;
    struct sim_fault faults[2]; /* by enum sim_op */
    uint64_t crash_in;          /* commits until power is lost; 0: never */
    bool crash_landed;
    uint64_t commits, free_bytes;
    struct {         /* see sim_fail_in_doubt */
        uint64_t in; /* commits until the disk goes away; 0: never */
        int err;     /* it is away; 0: it is not */
        int next_err;
        bool landed;
        struct sim_state batch; /* the state with it, if it had landed */
    } doubt;
    struct sim_watcher watcher;
    struct { /* a block of the records; see sim_lose_block */
        char lower[STORE_KEY_BYTES], upper[STORE_KEY_BYTES];
        size_t lower_n, upper_n;
    } lost;
};

/* A counted copy of all roots; it and the original are each unreferenced. */
struct sim_state sim_state_ref(const struct sim_state *s);
void sim_state_unref(struct sim_state *s);

/* Keeps the current state as one that a crash may go back to; false: out of memory. */
bool sim_unsynced_push(struct sim_disk *d) MUST_CHECK;
void sim_unsynced_clear(struct sim_disk *d);

/* What is on the disk now, with at most `keep` of the states after the last sync, is all that will
 * ever be. */
void sim_disk_crash(struct sim_disk *d, uint64_t keep);
/* Counts one operation; the error if a fault strikes it. */
int sim_disk_fault(struct sim_disk *d, enum sim_op op);
/* What the watcher says; WITHOUT the lock. */
int sim_disk_watched(struct sim_disk *d, enum sim_op op);
/* The batch in doubt shows now; harmless when there is none. */
void sim_disk_mend(struct sim_disk *d);
/* Whether the record's key is in the lost block; see sim_lose_block. */
bool sim_disk_lost(const struct sim_disk *d, struct span key);

#endif
