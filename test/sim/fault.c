/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include "base/err.h"
#include "base/limits.h"
#include "trace.h"
#include "turns.h"
#include "world.h"

static const char *const fault_names[FAULT_KINDS] = {
    "kill",
    "power loss",
    "I/O error",
    "lasting I/O errors",
    "commit in doubt",
    "full disk",
    "slow disk",
    "clock jump",
    "wake-up",
    "restart",
};

static uint64_t below(struct fault *f, uint64_t n)
{
    return rng_below(&f->rng.rng, n);
}

static void plan_next(struct fault *f)
{
    f->next = f->ops + 1 + below(f, 2 * (uint64_t)f->world->plan.fault_mean);
}

/* A failure of the disk's own, not of the room left on it. */
static int io_error(struct fault *f)
{
    return below(f, 8) == 0 ? ERR_NOMEM : ERR_IO;
}

static void lasts(struct fault *f, enum fault_kind kind)
{
    f->lasting = kind;
    f->until = f->ops + 1 + below(f, below(f, 4) == 0 ? 2000 : 200);
    world_touch_all(f->world);
}

static void over(struct fault *f)
{
    if (f->until == 0)
        return;
    trace("%s: over", fault_names[f->lasting]);
    sim_mend(f->world->disk);
    sim_fail_in_doubt(f->world->disk, 0, 0, false);
    sim_set_free(f->world->disk, UINT64_MAX);
    f->until = 0;
}

/* In the middle of a commit, or between two operations. */
static int die(struct fault *f, enum sim_op op, bool power)
{
    struct sim_disk *d = f->world->disk;
    if (op == SIM_COMMIT && power && below(f, 2) == 0) {
        sim_crash_at_commit(d, 1, below(f, 2) == 0);
        return 0;
    }
    uint64_t unsynced = sim_unsynced(d);
    sim_crash(d, power ? below(f, unsynced + 1) : UINT64_MAX);
    return ERR_SHUTDOWN;
}

static void fill(struct fault *f)
{
    uint64_t reserve = LIMIT_STORE_RESERVE;
    uint64_t left[] = {0, reserve / 8, reserve / 4, reserve / 2, reserve - 1};
    sim_set_free(f->world->disk, left[below(f, COUNT_OF(left))]);
    lasts(f, FAULT_FULL);
}

static void jump(struct fault *f)
{
    static const int64_t spans_ms[] = {1, 1000, 60000, 3600000, 90000000, 864000000};
    int64_t span = spans_ms[below(f, COUNT_OF(spans_ms))];
    int64_t ms = 1 + (int64_t)below(f, (uint64_t)span);
    world_jump(f->world, below(f, 2) == 0 ? ms : -ms);
}

static int strike(struct fault *f, enum fault_kind kind, enum sim_op op)
{
    switch (kind) {
    case FAULT_KILL:
    case FAULT_POWER: return die(f, op, kind == FAULT_POWER);
    case FAULT_ERROR: world_touch_running(f->world); return io_error(f);
    case FAULT_LASTING:
        f->err = io_error(f);
        lasts(f, kind);
        return f->err;
    case FAULT_DOUBT:
        sim_fail_in_doubt(f->world->disk, 1, below(f, 2) == 0 ? ERR_IO : ERR_DISK_FULL,
                          below(f, 2) == 0);
        lasts(f, kind);
        return 0;
    case FAULT_FULL: fill(f); return 0;
    case FAULT_SLOW: turns_sleep(1 + (int64_t)below(f, below(f, 4) == 0 ? 60000 : 100)); return 0;
    case FAULT_JUMP: jump(f); return 0;
    case FAULT_WAKE: world_wake_somebody(f->world, below(f, 1000)); return 0;
    case FAULT_RESTART: f->world->stopping = true; return 0;
    case FAULT_KINDS: break;
    }
    return 0;
}

static bool is_enabled(const struct fault *f, enum fault_kind kind)
{
    return (f->world->plan.faults >> kind & 1) != 0;
}

static int before(void *arg, enum sim_op op)
{
    struct fault *f = arg;
    f->ops++;
    turns_maybe();
    world_at_op(f->world);
    if (!f->armed || f->world->killed)
        return 0;
    if (f->until != 0 && f->ops >= f->until)
        over(f);
    if (f->until != 0 && f->lasting == FAULT_LASTING) {
        world_touch_running(f->world);
        return f->err;
    }
    if (f->ops < f->next || f->until != 0)
        return 0;
    plan_next(f);
    enum fault_kind kind = (enum fault_kind)below(f, FAULT_KINDS);
    if (!is_enabled(f, kind))
        return 0;
    f->count[kind]++;
    trace("fault at operation %llu (%s): %s", (unsigned long long)f->ops,
          op == SIM_READ ? "read" : "commit", fault_names[kind]);
    return strike(f, kind, op);
}

static void crashed(void *arg)
{
    struct fault *f = arg;
    world_killed(f->world);
}

void fault_init(struct fault *f, struct world *w)
{
    *f = (struct fault){.world = w};
    rng_seeded_init(&f->rng, w->plan.seed ^ 0x666175c7u);
    plan_next(f);
    struct sim_watcher watcher = {before, crashed, f};
    sim_watch(w->disk, &watcher);
}

void fault_arm(struct fault *f, bool armed)
{
    f->armed = armed;
    if (armed)
        plan_next(f);
    else
        over(f);
}

bool fault_lasts(const struct fault *f)
{
    return f->until != 0;
}
