/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of threads that carry the bytes of connections and run their sessions.
 *
 * A thread without work waits for readiness: the pool holds one epoll set, and whoever the kernel
 * wakes takes what has become ready and does all of it there and then (worker_ready). So what comes
 * in is worked on by the thread that learns of it, and no request is handed from thread to thread.
 *
 * At most `busy` threads at a time may do what can block (a unit of a session): the others,
 * `carriers` of them, go on reading, encrypting and refusing whatever happens. Who may not begin now
 * queues its work (workers_enter says no, workers_add). Two queues: `first` (sessions that have
 * logged in) is served before the other, but of every WORKER_FAIR pieces of work one is taken from
 * the other if there is any, so that logging in stays possible however busy those inside are.
 * Thread-safe. An idle pool sleeps.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "base/base.h"

enum {
    WORKER_FAIR = 8,
    WORKER_STACK = 1024 * 1024, /* bytes; deep recursion is our bug, so it should show */
};

/* Embedded in what is to be worked on; the pool touches it no more once `run` has begun. */
struct work {
    struct work *next;
    void (*run)(struct work *w);
};

struct workers;

struct workers_options {
    unsigned busy;     /* >= 1 */
    unsigned carriers; /* more threads than that */
    size_t space;      /* bytes of scratch memory each thread has; see worker_space */
    /* Something is ready (epoll's `events`); `tag` is what workers_watch was given. On a thread of
     * the pool, and on several at once for one tag if it becomes ready again meanwhile. */
    void (*ready)(void *arg, uint64_t tag, uint32_t events);
    void *arg;
};

/* ERR_NOMEM also when the system has no more threads. */
int workers_new(const struct workers_options *options, struct workers **out) MUST_CHECK;
/* Runs what is queued, then ends the threads. Nothing may be added any more, except by the work
 * that still runs. NULL is fine. */
void workers_free(struct workers *p);

/* Watches `fd` edge-triggered, until it is closed; or for other events than up to now. What is ready
 * already is told at once. `tag` > UINT32_MAX. ERR_NOMEM. */
int workers_watch(struct workers *p, int fd, uint64_t tag, uint32_t events) MUST_CHECK;
void workers_watch_for(struct workers *p, int fd, uint64_t tag, uint32_t events);

/* Queues work. */
void workers_add(struct workers *p, struct work *w, bool first);
/* The same, by a thread of the pool that is about to look into the queue itself. */
void workers_requeue(struct workers *p, struct work *w, bool first);

/* May the calling thread, which is not running queued work, do what can block? Then workers_leave
 * must follow. Never blocks. */
bool workers_enter(struct workers *p) MUST_CHECK;
void workers_leave(struct workers *p);
/* Somebody waits for this thread: what it does next for the same session should be queued. With
 * `long_since` it is enough that nobody is left who waits for readiness. */
bool workers_pressed(struct workers *p, bool long_since);

/* The calling thread's scratch memory; NULL on threads that are not a pool's. */
char *worker_space(void);

void workers_stats(struct workers *p, int64_t *busy_out, int64_t *queue_out);

#endif
