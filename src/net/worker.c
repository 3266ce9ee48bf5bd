/* SPDX-License-Identifier: Apache-2.0 */
/* One lock for all threads: a piece of work is tens of microseconds at the least
 * (it parses a command and reads the store), next to which an uncontended mutex is nothing; queues
 * per thread with stealing would buy little and cost the strict order of priorities.
 *
 * Each thread sleeps on a condition of its own and the one that slept last is woken first: its
 * stack and its caches are warm, and the pool's size costs nothing while few threads are needed. */
#include "net/worker.h"
#include "base/err.h"
#include "base/metrics.h"

#include <pthread.h>

struct queue {
    struct work *head, **tail;
};

struct worker {
    struct workers *pool;
    pthread_t thread;
    pthread_cond_t wake;
    struct worker *next_idle;
    bool woken; /* since it went to sleep */
};

struct workers {
    pthread_mutex_t lock; /* guards all below, and what is in the threads */
    struct queue first, other;
    unsigned taken; /* counts up to WORKER_FAIR */
    int64_t queued, busy;
    struct worker *idle; /* the one that slept last */
    bool ending;
    unsigned n;
    struct worker *threads;
};

static void queue_put(struct queue *q, struct work *w)
{
    w->next = NULL;
    *q->tail = w;
    q->tail = &w->next;
}

static struct work *queue_take(struct queue *q)
{
    struct work *w = q->head;
    if (w != NULL) {
        q->head = w->next;
        if (q->head == NULL)
            q->tail = &q->head;
    }
    return w;
}

static struct work *take(struct workers *p)
{
    struct work *w = NULL;
    if (++p->taken >= WORKER_FAIR) {
        p->taken = 0;
        w = queue_take(&p->other);
    }
    if (w == NULL)
        w = queue_take(&p->first);
    if (w == NULL)
        w = queue_take(&p->other);
    return w;
}

/* Takes the thread to wake off the list; its wake is to be signalled. */
static struct worker *idle_take(struct workers *p)
{
    struct worker *t = p->idle;
    if (t != NULL) {
        p->idle = t->next_idle;
        t->woken = true;
    }
    return t;
}

static void sleep_until_woken(struct worker *self)
{
    struct workers *p = self->pool;
    self->woken = false;
    self->next_idle = p->idle;
    p->idle = self;
    while (!self->woken)
        pthread_cond_wait(&self->wake, &p->lock);
}

static void *worker_main(void *arg)
{
    struct worker *self = arg;
    struct workers *p = self->pool;
    (void)pthread_setname_np(pthread_self(), "worker");
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct work *w = take(p);
        if (w != NULL) {
            p->queued--;
            p->busy++;
            pthread_mutex_unlock(&p->lock);
            metric_add(METRIC_WORKER_QUEUE, -1);
            w->run(w);
            pthread_mutex_lock(&p->lock);
            p->busy--;
        } else if (p->ending) {
            break;
        } else {
            sleep_until_woken(self);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool start_threads(struct workers *p, unsigned threads)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return false;
    bool ok = pthread_attr_setstacksize(&attr, WORKER_STACK) == 0;
    for (; ok && p->n < threads; p->n++) {
        struct worker *t = &p->threads[p->n];
        t->pool = p;
        pthread_cond_init(&t->wake, NULL);
        ok = pthread_create(&t->thread, &attr, worker_main, t) == 0;
        if (!ok) {
            pthread_cond_destroy(&t->wake);
            break;
        }
    }
    pthread_attr_destroy(&attr);
    return ok;
}

int workers_new(unsigned threads, struct workers **out)
{
    struct workers *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_NOMEM;
    p->first.tail = &p->first.head;
    p->other.tail = &p->other.head;
    pthread_mutex_init(&p->lock, NULL);
    p->threads = calloc(threads, sizeof *p->threads);
    if (p->threads == NULL || !start_threads(p, threads)) {
        workers_free(p);
        return ERR_NOMEM;
    }
    *out = p;
    return 0;
}

void workers_free(struct workers *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    for (struct worker *t; (t = idle_take(p)) != NULL;)
        pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n; i++)
        pthread_join(p->threads[i].thread, NULL);
    for (unsigned i = 0; i < p->n; i++) /* not sooner: the last work of one may signal another */
        pthread_cond_destroy(&p->threads[i].wake);
    must(p->queued == 0);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

void workers_add(struct workers *p, struct work *w, bool first)
{
    metric_add(METRIC_WORKER_QUEUE, 1);
    pthread_mutex_lock(&p->lock);
    queue_put(first ? &p->first : &p->other, w);
    p->queued++;
    struct worker *t = idle_take(p);
    pthread_mutex_unlock(&p->lock);
    if (t != NULL) /* it lives as long as the pool, and nobody frees that while adding */
        pthread_cond_signal(&t->wake);
}

void workers_stats(struct workers *p, int64_t *busy_out, int64_t *queue_out)
{
    pthread_mutex_lock(&p->lock);
    *busy_out = p->busy;
    *queue_out = p->queued;
    pthread_mutex_unlock(&p->lock);
}
