/* SPDX-License-Identifier: Apache-2.0 */
/* One run's server and what is around it: a simulated disk that outlives the server, the rooms as
 * `mailstead serve` puts them together, what the run is like, and the model.
 *
 * The worlds of test/smtp and test/pop3 serve one protocol each and never restart; this one has all
 * protocols over one store, real password threads (taking turns), and a server that dies and is
 * started again over what the disk has kept. */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include "cli/janitor.h"
#include "fault.h"
#include "imap/imap.h"
#include "model.h"
#include "pop3/pop3.h"
#include "smtp/smtp.h"
#include "store/sim.h"
#include "web/admin.h"

/* What kind of run a seed is. */
struct plan {
    uint64_t seed;
    unsigned slots, clients, visits; /* visits: of each client */
    unsigned odds;                   /* see turns_begin */
    unsigned cut_odds;   /* a client hangs up in the middle of what it sends: once in … times */
    unsigned faults;     /* bits: 1 << enum fault_kind */
    unsigned fault_mean; /* operations of the store between two faults */
    unsigned large_odds; /* a message is large once in … times; 0: never */
    bool long_waits;     /* clients stay away for hours */
    bool exclusive;
    int64_t keep_days, remove_grace_days;
};

void plan_of_seed(struct plan *p, uint64_t seed);

struct client;

struct world {
    struct plan plan;
    struct rng_seeded rng; /* the server's */
    struct sim_disk *disk;
    struct fault fault;
    struct model model;
    struct config *config;

    /* the server, from world_start to world_stop */
    struct store *store;
    struct directory *directory;
    struct auth *auth;
    struct mail mail;
    struct delivery delivery;
    struct smtp_rates *rates;
    struct spools spools;
    struct smtp_server mx, submission;
    struct pop3_server pop3;
    struct imap_server imap;
    struct admin admin;
    struct janitor janitor;
    int64_t started_ms;

    bool killed;                   /* the server's process is dead; nobody hears from it any more */
    bool stopping;                 /* it was asked to stop: clients are told */
    bool operator_busy;            /* there is one of them */
    struct life *operator_removes; /* being removed now; or NULL */
    struct client *clients;
    size_t clients_n, clients_out; /* out: ended, or wait for the next start */
};

void world_open(struct world *w, const struct plan *plan);
void world_close(struct world *w);

/* 0; or what the store or a room said, and then nothing is open. */
int world_start(struct world *w) MUST_CHECK;
void world_stop(struct world *w);
/* Domains, classes, aliases, accounts, without faults. */
void world_populate(struct world *w);

/* Before each operation of the store; from the fault room. */
void world_at_op(struct world *w);
/* From the fault room: the disk has lost power, or the process was killed. */
void world_killed(struct world *w);
/* A fault that everybody who is connected may feel; or only the client whose task it is. */
void world_touch_all(struct world *w);
void world_touch_running(struct world *w);
/* The wall clock is set, by that much. */
void world_jump(struct world *w, int64_t ms);
/* Wakes the session of somebody who is connected, for no reason. */
void world_wake_somebody(struct world *w, uint64_t which);

#endif
