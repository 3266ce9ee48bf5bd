/* SPDX-License-Identifier: Apache-2.0 */
/* The auth room's own threads behind a bounded queue, so that a flood of logins costs the server at
 * most auth.threads processors, and people who are logged in already do not notice it.
 *
 * Lock: one mutex in the pool, a leaf; wakers are posted outside of it. Thread-safe.
 */
#ifndef AUTH_POOL_H
#define AUTH_POOL_H

#include "base/base.h"
#include "base/waker.h"

struct auth_pool;

/* First member of a job. `run` is called on one of the threads; `drop` frees the job, on any
 * thread. */
struct pool_job {
    void (*run)(struct pool_job *job);
    void (*drop)(struct pool_job *job);
    /* the pool's */
    struct pool_job *next, *prev;
    struct waker *waker;
    enum { JOB_QUEUED, JOB_RUNNING, JOB_DONE } state;
    bool abandoned;
};

int auth_pool_new(size_t threads, size_t queue_max, struct auth_pool **out) MUST_CHECK;
/* Runs what is queued no more; every job must have been let go. NULL is fine. */
void auth_pool_free(struct auth_pool *p);
void auth_pool_limit(struct auth_pool *p, size_t queue_max);

/* ERR_AUTH_BUSY: the queue is full (and the job still the caller's). `waker` is posted when it is
 * done. */
int auth_pool_submit(struct auth_pool *p, struct pool_job *job, struct waker *waker) MUST_CHECK;
bool auth_pool_done(struct auth_pool *p, const struct pool_job *job);
/* The submitter is through with it, whether it has run or not: it is dropped now, or when it has
 * run. */
void auth_pool_release(struct auth_pool *p, struct pool_job *job);

#endif
