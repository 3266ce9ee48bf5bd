/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that take turns: exactly one runs at a time, and a seed says which one goes on whenever one
 * lets go. So a run of the whole server with all its locks, waits and helper threads is a pure
 * function of the seed.
 *
 * The code under test knows nothing of it. The simulator's programs are linked with --wrap for the
 * functions of pthread and for clock_gettime (turns_wrap.c): a mutex that is held makes its task
 * wait, taking one may let others go first, a timed wait ends by the clock below, pthread_create
 * makes a task. Outside of turns_begin … turns_end they are the real ones.
 *
 * Time stands still while a task can run; when all wait it moves to the first moment that somebody
 * waits for. If nobody waits for a moment, all wait for each other: a deadlock, which ends the
 * program with a list of who waits where.
 */
#ifndef TEST_SIM_TURNS_H
#define TEST_SIM_TURNS_H

#include "base/base.h"

struct task;

/* The caller becomes the first task. `odds`: at each point where a task may be interrupted, it is
 * once in that many times; 0: never. Only tasks may call the functions below. */
void turns_begin(uint64_t seed, unsigned odds, int64_t wall_ms);
/* All other tasks must have ended and been joined. */
void turns_end(void);
/* Are we between the two? Anybody may ask. */
bool turns_on(void);

struct task *turns_spawn(const char *name, void (*run)(void *arg), void *arg);
void turns_join(struct task *t);

const char *turns_name(void); /* of the running task */
/* A pointer that goes with the task, and that tasks it makes inherit. */
void *turns_own(void);
void turns_own_set(void *own);

/* A point where others may go first: */
void turns_maybe(void);
void turns_sleep(int64_t ms); /* 0: let others go first, for certain */
/* Waits until turns_wake of the same address; there may be several who wait, all are woken. False
 * wake-ups do not happen. */
void turns_wait(const void *on);
void turns_wake(const void *on);
/* Nobody else runs between these: for code whose lock-taking must not be part of the run. */
void turns_hold(void);
void turns_release(void);

int64_t turns_mono_ms(void);
int64_t turns_wall_ms(void);
void turns_wall_jump(int64_t ms); /* the wall clock is set; the other does not notice */

/* ---- for turns_wrap.c --------------------------------------------------------------------- */

/* As turns_wait, until that moment at most: false when it came. */
bool turns_wait_until(const void *on, int64_t mono_ms);
void turns_wake_one(const void *on);
/* Once in a while true: a wait that may end without reason does. */
bool turns_spurious(void);
size_t turns_number(const struct task *t);
struct task *turns_of_number(size_t n);

#endif
