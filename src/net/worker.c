/* SPDX-License-Identifier: Apache-2.0 */
/* One lock and one condition for all threads: a piece of work is tens of microseconds at the least
 * (it parses a command and reads the store), next to which an uncontended mutex is nothing; queues
 * per thread with stealing would buy little and cost the strict order of priorities. */
#include "net/worker.h"
#include "base/err.h"
#include "base/metrics.h"

#include <pthread.h>

struct queue {
    struct work *head, **tail;
};

struct workers {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t more;
    struct queue first, other;
    unsigned taken; /* counts up to WORKER_FAIR */
    int64_t queued, busy, idle;
    bool ending;
    unsigned n;
    pthread_t *threads;
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

static void *worker_main(void *arg)
{
    struct workers *p = arg;
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
            p->idle++;
            pthread_cond_wait(&p->more, &p->lock);
            p->idle--;
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
        ok = pthread_create(&p->threads[p->n], &attr, worker_main, p) == 0;
        if (!ok)
            break;
        (void)pthread_setname_np(p->threads[p->n], "worker");
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
    pthread_cond_init(&p->more, NULL);
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
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n; i++)
        pthread_join(p->threads[i], NULL);
    must(p->queued == 0);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->more);
    free(p->threads);
    free(p);
}

void workers_add(struct workers *p, struct work *w, bool first)
{
    metric_add(METRIC_WORKER_QUEUE, 1);
    pthread_mutex_lock(&p->lock);
    queue_put(first ? &p->first : &p->other, w);
    p->queued++;
    bool wake = p->idle > 0;
    pthread_mutex_unlock(&p->lock);
    if (wake)
        pthread_cond_signal(&p->more);
}

void workers_stats(struct workers *p, int64_t *busy_out, int64_t *queue_out)
{
    pthread_mutex_lock(&p->lock);
    *busy_out = p->busy;
    *queue_out = p->queued;
    pthread_mutex_unlock(&p->lock);
}
