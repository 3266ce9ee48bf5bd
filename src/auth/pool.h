/* SPDX-License-Identifier: Apache-2.0 */
/* The auth room's own threads behind a bounded queue, so that a flood of logins costs the server at
 * most auth.threads processors, and people who are logged in already do not notice it.
 *
 * The queue is shared out among the networks that clients come from: who is alone in his network
 * waits for at most two jobs of each other one, however many it has queued. When the queue is full,
 * a network with more jobs in it loses its last one to a network with fewer.
 *
 * Lock: one mutex in the pool, a leaf; wakers are posted outside of it. Thread-safe. Submitting
 * looks at each queued job.
 */
#ifndef AUTH_POOL_H
#define AUTH_POOL_H

#include "base/ip.h"
#include "base/waker.h"

struct auth_pool;

enum pool_job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_DONE,
    JOB_REFUSED, /* it made room for another network's, and has not run: ERR_AUTH_BUSY */
};

/* First member of a job. `run` is called on one of the threads; `drop` frees the job, on any
 * thread. */
struct pool_job {
    void (*run)(struct pool_job *job);
    void (*drop)(struct pool_job *job);
    struct ip network; /* whose share of the queue it takes: the address that stands for it */
    /* the pool's */
    struct pool_job *next, *prev;
    uint64_t round;
    struct waker *waker;
    enum pool_job_state state;
    bool abandoned;
};

int auth_pool_new(size_t threads, size_t queue_max, struct auth_pool **out) MUST_CHECK;
/* Runs what is queued no more; every job must have been let go. NULL is fine. */
void auth_pool_free(struct auth_pool *p);
void auth_pool_limit(struct auth_pool *p, size_t queue_max);

/* ERR_AUTH_BUSY: the queue is full (and the job still the caller's). `waker` is posted when it is
 * done or refused. */
int auth_pool_submit(struct auth_pool *p, struct pool_job *job, struct waker *waker) MUST_CHECK;
enum pool_job_state auth_pool_state(struct auth_pool *p, const struct pool_job *job);
/* The submitter is through with it, whether it has run or not: it is dropped now, or when it has
 * run. */
void auth_pool_release(struct auth_pool *p, struct pool_job *job);

#endif
