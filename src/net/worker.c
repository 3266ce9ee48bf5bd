/* SPDX-License-Identifier: Apache-2.0 */
/* One epoll set and one lock for all threads. The kernel wakes the thread that slept last (its stack
 * and its caches are warm), one for each thing that becomes ready, and a thread that comes back for
 * more finds the next thing without having slept. Next to a piece of work, tens of microseconds at
 * the least, an uncontended mutex is nothing; a set for each thread with stealing would buy little
 * and cost the strict order of priorities.
 *
 * What is queued wakes a thread through an eventfd in the same set, edge-triggered and never read:
 * one write, one thread. Two writes may become one wake, so whoever takes work while there is more
 * wakes the next. */
#include "net/worker.h"
#include "base/err.h"
#include "base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TAG_QUEUED = 1, TAG_ENDING = 2 };

struct queue {
    struct work *head, **tail;
};

struct worker {
    struct workers *pool;
    pthread_t thread;
    char *space;
    unsigned turns; /* counts up to WORKER_FAIR */
};

struct workers {
    struct workers_options o;
    int epoll, queued_fd, ending_fd;
    pthread_mutex_t lock; /* guards the next block */
    struct queue first, other;
    unsigned taken; /* counts up to WORKER_FAIR */
    int64_t queued, busy;
    bool ending;

    int waiting; /* atomic: threads that wait for readiness */
    unsigned n;
    struct worker *threads;
};

static _Thread_local char *space;

char *worker_space(void)
{
    return space;
}

/* ---- the queue; the lock is held ---------------------------------------------------------- */

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

static bool may_begin(const struct workers *p)
{
    return p->busy < (int64_t)p->o.busy;
}

/* ---- threads ------------------------------------------------------------------------------ */

static void signal_fd(int fd)
{
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    /* full after 2^64 posts; and even then it is ready */
}

/* Work from the queue; false: there is none, or too many are busy. */
static bool run_queued(struct workers *p, bool *ended)
{
    pthread_mutex_lock(&p->lock);
    struct work *w = may_begin(p) ? take(p) : NULL;
    bool wake = false;
    if (w != NULL) {
        p->queued--;
        p->busy++;
        wake = p->queued > 0 && may_begin(p);
    }
    *ended = w == NULL && p->ending; /* what is queued is left to those who are busy */
    pthread_mutex_unlock(&p->lock);
    if (wake)
        signal_fd(p->queued_fd);
    if (w == NULL)
        return false;
    metric_add(METRIC_WORKER_QUEUE, -1);
    w->run(w);
    workers_leave(p);
    return true;
}

static void run_ready(struct workers *p, int wait_ms)
{
    struct epoll_event event;
    (void)__atomic_add_fetch(&p->waiting, 1, __ATOMIC_RELAXED);
    int n = epoll_wait(p->epoll, &event, 1, wait_ms);
    (void)__atomic_sub_fetch(&p->waiting, 1, __ATOMIC_RELAXED);
    if (n == 1 && event.data.u64 > UINT32_MAX)
        p->o.ready(p->o.arg, event.data.u64, event.events);
}

static void *worker_main(void *arg)
{
    struct worker *self = arg;
    struct workers *p = self->pool;
    bool ended = false;
    /* by the thread itself: naming another one opens a file of /proc */
    (void)pthread_setname_np(pthread_self(), "worker");
    space = self->space;
    while (!ended) {
        bool worked = run_queued(p, &ended);
        /* a queue that never gets empty must not hide what is ready */
        if (!worked && !ended)
            run_ready(p, -1);
        else if (worked && ++self->turns % WORKER_FAIR == 0)
            run_ready(p, 0);
    }
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

static int watch(struct workers *p, int fd, uint64_t tag, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = tag};
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : ERR_NOMEM;
}

int workers_watch(struct workers *p, int fd, uint64_t tag, uint32_t events)
{
    must(tag > UINT32_MAX);
    return watch(p, fd, tag, events | EPOLLET);
}

void workers_watch_for(struct workers *p, int fd, uint64_t tag, uint32_t events)
{
    struct epoll_event e = {.events = events | EPOLLET, .data.u64 = tag};
    must(epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &e) == 0);
}

static int open_set(struct workers *p)
{
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->queued_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->ending_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->epoll < 0 || p->queued_fd < 0 || p->ending_fd < 0)
        return err_from_errno(errno);
    int err = watch(p, p->queued_fd, TAG_QUEUED, EPOLLIN | EPOLLET);
    return err != 0 ? err : watch(p, p->ending_fd, TAG_ENDING, EPOLLIN);
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
        t->space = malloc(p->o.space > 0 ? p->o.space : 1);
        ok = t->space != NULL && pthread_create(&t->thread, &attr, worker_main, t) == 0;
        if (!ok) {
            free(t->space);
            break;
        }
    }
    pthread_attr_destroy(&attr);
    return ok;
}

int workers_new(const struct workers_options *options, struct workers **out)
{
    struct workers *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_NOMEM;
    must(options->busy > 0);
    p->o = *options;
    p->first.tail = &p->first.head;
    p->other.tail = &p->other.head;
    p->epoll = p->queued_fd = p->ending_fd = -1;
    pthread_mutex_init(&p->lock, NULL);
    unsigned threads = options->busy + options->carriers;
    p->threads = calloc(threads, sizeof *p->threads);
    int err = p->threads == NULL ? ERR_NOMEM : open_set(p);
    if (err == 0 && !start_threads(p, threads))
        err = ERR_NOMEM;
    if (err != 0) {
        workers_free(p);
        return err;
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
    pthread_mutex_unlock(&p->lock);
    if (p->ending_fd >= 0)
        signal_fd(p->ending_fd); /* level-triggered: it wakes them all */
    for (unsigned i = 0; i < p->n; i++) {
        pthread_join(p->threads[i].thread, NULL);
        free(p->threads[i].space);
    }
    must(p->queued == 0);
    int fds[] = {p->epoll, p->queued_fd, p->ending_fd};
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

/* ---- for all threads ---------------------------------------------------------------------- */

static bool add(struct workers *p, struct work *w, bool first)
{
    metric_add(METRIC_WORKER_QUEUE, 1);
    pthread_mutex_lock(&p->lock);
    queue_put(first ? &p->first : &p->other, w);
    p->queued++;
    bool free_hands = may_begin(p); /* else whoever gets done looks here first */
    pthread_mutex_unlock(&p->lock);
    return free_hands;
}

void workers_add(struct workers *p, struct work *w, bool first)
{
    if (add(p, w, first))
        signal_fd(p->queued_fd);
}

void workers_requeue(struct workers *p, struct work *w, bool first)
{
    (void)add(p, w, first);
}

bool workers_enter(struct workers *p)
{
    pthread_mutex_lock(&p->lock);
    bool ok = p->queued == 0 && may_begin(p);
    if (ok)
        p->busy++;
    pthread_mutex_unlock(&p->lock);
    return ok;
}

void workers_leave(struct workers *p)
{
    pthread_mutex_lock(&p->lock);
    p->busy--;
    pthread_mutex_unlock(&p->lock);
}

bool workers_pressed(struct workers *p, bool long_since)
{
    pthread_mutex_lock(&p->lock);
    bool queued = p->queued > 0;
    pthread_mutex_unlock(&p->lock);
    return queued || (long_since && __atomic_load_n(&p->waiting, __ATOMIC_RELAXED) == 0);
}

void workers_stats(struct workers *p, int64_t *busy_out, int64_t *queue_out)
{
    pthread_mutex_lock(&p->lock);
    *busy_out = p->busy;
    *queue_out = p->queued;
    pthread_mutex_unlock(&p->lock);
}
