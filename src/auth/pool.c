/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, a list, a condition. libuv's own pool is not used: it is shared with DNS and files, is
 * unbounded, and this room knows no event loop.
 *
 * Fairness is start-time fair queueing (Goyal, Vin and Cheng, 1996) with jobs of equal weight: the
 * list is in order of rounds, and a network has at most one job in each. The virtual time is the
 * round of the job last taken. Who comes gets no round that has begun, even if nobody of his
 * network is queued: so those who come again as soon as they are served cannot hold the time still
 * for who has waited, and nothing need be remembered of networks that have no job queued. */
#include "auth/pool.h"

#include "base/err.h"
#include "base/metrics.h"

#include <pthread.h>

struct auth_pool {
    pthread_mutex_t lock; /* guards all below but `threads` */
    pthread_cond_t more;
    struct pool_job *first, *last;
    size_t queued, queue_max;
    uint64_t round; /* of the job last taken */
    bool stop;
    pthread_t *threads;
    size_t threads_n;
};

static void unlink_job(struct auth_pool *p, struct pool_job *j)
{
    *(j->prev != NULL ? &j->prev->next : &p->first) = j->next;
    *(j->next != NULL ? &j->next->prev : &p->last) = j->prev;
    j->next = j->prev = NULL;
    p->queued--;
    metric_add(METRIC_AUTH_QUEUE, -1);
}

/* The round of a job: the first that has not begun and in which its network has none queued. */
static uint64_t round_of(const struct auth_pool *p, const struct pool_job *job)
{
    const struct pool_job *same = p->last;
    while (same != NULL && !ip_eq(same->network, job->network))
        same = same->prev;
    return (same != NULL ? same->round : p->round) + 1;
}

/* After all jobs of its round. */
static void link_job(struct auth_pool *p, struct pool_job *j)
{
    j->prev = p->last;
    while (j->prev != NULL && j->prev->round > j->round)
        j->prev = j->prev->prev;
    j->next = j->prev != NULL ? j->prev->next : p->first;
    *(j->prev != NULL ? &j->prev->next : &p->first) = j;
    *(j->next != NULL ? &j->next->prev : &p->last) = j;
    p->queued++;
    metric_add(METRIC_AUTH_QUEUE, 1);
}

static void *pool_main(void *arg)
{
    struct auth_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->first == NULL)
            pthread_cond_wait(&p->more, &p->lock);
        if (p->stop)
            break;
        struct pool_job *j = p->first;
        unlink_job(p, j);
        p->round = j->round;
        j->state = JOB_RUNNING;
        pthread_mutex_unlock(&p->lock);

        j->run(j);

        pthread_mutex_lock(&p->lock);
        /* Once it is done the submitter may drop it at any moment: take what is still needed first.
         */
        struct waker *w = j->waker;
        j->state = JOB_DONE;
        bool abandoned = j->abandoned;
        pthread_mutex_unlock(&p->lock);
        if (abandoned)
            j->drop(j);
        else
            w->post(w);
        w->unref(w);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int auth_pool_new(size_t threads, size_t queue_max, struct auth_pool **out)
{
    struct auth_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_NOMEM;
    p->queue_max = queue_max;
    must(pthread_mutex_init(&p->lock, NULL) == 0);
    must(pthread_cond_init(&p->more, NULL) == 0);
    p->threads = calloc(threads, sizeof *p->threads);
    while (p->threads != NULL && p->threads_n < threads) {
        if (pthread_create(&p->threads[p->threads_n], NULL, pool_main, p) != 0)
            break;
        p->threads_n++;
    }
    if (p->threads_n == 0) {
        auth_pool_free(p);
        return ERR_NOMEM;
    }
    *out = p;
    return 0;
}

void auth_pool_free(struct auth_pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->threads_n; i++)
        pthread_join(p->threads[i], NULL);
    must(p->first == NULL);
    free(p->threads);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void auth_pool_limit(struct auth_pool *p, size_t queue_max)
{
    pthread_mutex_lock(&p->lock);
    p->queue_max = queue_max;
    pthread_mutex_unlock(&p->lock);
}

int auth_pool_submit(struct auth_pool *p, struct pool_job *job, struct waker *waker)
{
    struct waker *refused = NULL;
    pthread_mutex_lock(&p->lock);
    job->round = round_of(p, job);
    struct pool_job *last = p->queued >= p->queue_max ? p->last : NULL;
    bool full = p->queued >= p->queue_max && (last == NULL || last->round <= job->round);
    if (!full) {
        if (last != NULL) {
            unlink_job(p, last);
            last->state = JOB_REFUSED;
            refused = last->waker; /* taken here: its submitter may drop it once we unlock */
        }
        waker->ref(waker);
        job->waker = waker;
        job->state = JOB_QUEUED;
        job->abandoned = false;
        link_job(p, job);
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    if (refused != NULL) {
        refused->post(refused);
        refused->unref(refused);
    }
    return full ? ERR_AUTH_BUSY : 0;
}

enum pool_job_state auth_pool_state(struct auth_pool *p, const struct pool_job *job)
{
    pthread_mutex_lock(&p->lock);
    enum pool_job_state state = job->state;
    pthread_mutex_unlock(&p->lock);
    return state;
}

void auth_pool_release(struct auth_pool *p, struct pool_job *job)
{
    struct waker *unused = NULL;
    pthread_mutex_lock(&p->lock);
    bool drop = job->state != JOB_RUNNING;
    if (job->state == JOB_QUEUED) {
        unlink_job(p, job);
        unused = job->waker;
    }
    job->abandoned = true;
    pthread_mutex_unlock(&p->lock);
    if (drop)
        job->drop(job);
    if (unused != NULL)
        unused->unref(unused);
}
