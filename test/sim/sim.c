/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a run:
 *
 *   start, populate                         without faults
 *   clients at work, faults                 until the server dies or is stopped, or all have done
 *     start again, with faults too; audit   and so on
 *   the end: a last restart, an audit; honest visits that must succeed; everything past its time,
 *   a janitor's pass, an audit of bodies; all accounts purged: nothing may be left of any body
 */
#include "sim.h"

#include "audit.h"
#include "base/err.h"
#include "client.h"
#include "trace.h"
#include "turns.h"

static const int64_t hour_ms = INT64_C(3600) * 1000;

/* Starting meets faults as well: then it is tried again, as init or the operator would. */
static void restart(struct world *w, struct sim_result *r)
{
    int err, tries = 0;
    do {
        fault_arm(&w->fault, tries > 0 && tries < 4);
        tries++;
        err = world_start(w);
        fault_arm(&w->fault, false);
        if (err == 0 && w->killed) {
            world_stop(w);
            err = ERR_SHUTDOWN;
        }
        trace("start: %s", err_name(err));
        r->starts++;
        if (err != 0 && tries > 4)
            wrong("the server does not start again: %s", err_name(err));
    } while (err != 0);
    audit(w);
}

static void wait_for_clients(struct world *w)
{
    while (w->clients_out < w->clients_n)
        turns_wait(&w->clients_out);
}

static size_t clients_done(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->clients_n; i++)
        n += w->clients[i].visits == 0;
    return n;
}

static void work(struct world *w, struct sim_result *r)
{
    clients_begin(w);
    fault_arm(&w->fault, true);
    for (;;) {
        wait_for_clients(w);
        fault_arm(&w->fault, false);
        if (!w->killed && !w->stopping)
            break;
        world_stop(w);
        restart(w, r);
        if (clients_done(w) == w->clients_n)
            break;
        w->clients_out = clients_done(w);
        fault_arm(&w->fault, true);
        turns_wake(&w->started_ms);
    }
    clients_end(w);
}

/* After all that, honest clients are served. */
static void last_visits(struct world *w)
{
    for (int i = 0; i < 4; i++) {
        client_once(w, smtp_visit);
        client_once(w, pop3_visit);
        client_once(w, admin_visit);
    }
    client_once(w, janitor_visit);
    audit(w);
}

/* Further than the clock has ever been, and everything may go: the longest time is the grace of
 * removed accounts or the days of deleted mail. */
static void all_time_over(struct world *w)
{
    turns_wall_jump(365 * 24 * hour_ms);
    turns_sleep(hour_ms);
    /* retention, then purging, then collecting: each an hour or so after the one before */
    for (int i = 0; i < 4; i++) {
        client_once(w, janitor_visit);
        turns_wall_jump(2 * hour_ms);
    }
    audit(w);
    audit_bodies(w);
}

static void purge_all(struct world *w)
{
    for (size_t i = 0; i < w->model.lives_n; i++) {
        struct life *l = w->model.lives[i];
        if (l->made != YES || l->purged != NO)
            continue;
        if (mailbox_account_destroy(&w->mail, l->id) != 0)
            wrong("the mail of u%u cannot be destroyed", l->slot);
    }
    size_t removed;
    turns_wall_jump(2 * hour_ms);
    if (store_collect(w->store, hour_ms, SIZE_MAX, &removed) != 0)
        wrong("bodies cannot be collected");
    size_t rows = sim_body_rows(w->disk);
    if (rows != 0)
        wrong("all accounts are gone, and %zu rows of bodies are still there", rows);
}

void sim_run(uint64_t seed, bool show, struct sim_result *out)
{
    static struct world w; /* larger than a stack likes */
    struct plan plan;
    *out = (struct sim_result){.starts = 1};
    plan_of_seed(&plan, seed);
    trace_begin(seed, show);
    world_open(&w, &plan);
    trace("seed %llu: %u slots, %u clients, %u visits, faults %x every %u operations",
          (unsigned long long)seed, plan.slots, plan.clients, plan.visits, plan.faults,
          plan.fault_mean);
    if (world_start(&w) != 0)
        wrong("the server does not start");
    world_populate(&w);
    work(&w, out);
    world_stop(&w);
    restart(&w, out);
    last_visits(&w);
    all_time_over(&w);
    purge_all(&w);
    world_stop(&w);
    for (int i = 0; i < FAULT_KINDS; i++)
        out->faults += w.fault.count[i];
    out->ops = w.fault.ops;
    out->messages = (unsigned)w.model.messages_n;
    trace("end: %llu operations", (unsigned long long)out->ops);
    out->hash = trace_hash();
    world_close(&w);
    trace_end();
}
