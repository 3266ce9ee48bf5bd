/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap by due time, and a thread that sleeps until its top. */
#include "auth/delay.h"

#include "base/err.h"

#include <pthread.h>
#include <time.h>

enum { LOOK_AGAIN_MS = 1000 }; /* a clock that is not the machine's may move without telling */

struct auth_delay {
    struct clock *clock;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below and every entry's place */
    pthread_cond_t change;
    struct delay_entry **heap; /* 1-based: heap[0] is not used */
    size_t n, cap;
    bool stop;
};

static void heap_set(struct auth_delay *d, size_t at, struct delay_entry *e)
{
    d->heap[at] = e;
    e->place = at;
}

static void heap_up(struct auth_delay *d, size_t at)
{
    struct delay_entry *e = d->heap[at];
    while (at > 1 && d->heap[at / 2]->due_ms > e->due_ms) {
        heap_set(d, at, d->heap[at / 2]);
        at /= 2;
    }
    heap_set(d, at, e);
}

static void heap_down(struct auth_delay *d, size_t at)
{
    struct delay_entry *e = d->heap[at];
    for (;;) {
        size_t child = at * 2;
        if (child > d->n)
            break;
        if (child < d->n && d->heap[child + 1]->due_ms < d->heap[child]->due_ms)
            child++;
        if (d->heap[child]->due_ms >= e->due_ms)
            break;
        heap_set(d, at, d->heap[child]);
        at = child;
    }
    heap_set(d, at, e);
}

static void heap_remove(struct auth_delay *d, struct delay_entry *e)
{
    size_t at = e->place;
    struct delay_entry *last = d->heap[d->n--];
    e->place = 0;
    if (last == e)
        return;
    heap_set(d, at, last);
    heap_up(d, at);
    heap_down(d, last->place);
}

static void wait_ms(struct auth_delay *d, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&d->change, &d->lock, &until);
}

static void *delay_main(void *arg)
{
    struct auth_delay *d = arg;
    pthread_mutex_lock(&d->lock);
    while (!d->stop) {
        if (d->n == 0) {
            pthread_cond_wait(&d->change, &d->lock);
            continue;
        }
        int64_t left = d->heap[1]->due_ms - d->clock->mono_ms(d->clock);
        if (left > 0) {
            wait_ms(d, left < LOOK_AGAIN_MS ? left : LOOK_AGAIN_MS);
            continue;
        }
        struct delay_entry *e = d->heap[1];
        struct waker *w = e->waker;
        heap_remove(d, e);
        e->waker = NULL;
        pthread_mutex_unlock(&d->lock);
        w->post(w);
        w->unref(w);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

int auth_delay_new(struct clock *clock, struct auth_delay **out)
{
    struct auth_delay *d = calloc(1, sizeof *d);
    if (d == NULL)
        return ERR_NOMEM;
    d->clock = clock;
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr) == 0);
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    must(pthread_mutex_init(&d->lock, NULL) == 0);
    must(pthread_cond_init(&d->change, &attr) == 0);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&d->thread, NULL, delay_main, d) != 0) {
        pthread_cond_destroy(&d->change);
        pthread_mutex_destroy(&d->lock);
        free(d);
        return ERR_NOMEM;
    }
    *out = d;
    return 0;
}

void auth_delay_free(struct auth_delay *d)
{
    if (d == NULL)
        return;
    pthread_mutex_lock(&d->lock);
    must(d->n == 0);
    d->stop = true;
    pthread_cond_signal(&d->change);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    pthread_cond_destroy(&d->change);
    pthread_mutex_destroy(&d->lock);
    free(d->heap);
    free(d);
}

static bool make_room(struct auth_delay *d)
{
    if (d->n + 1 < d->cap)
        return true;
    size_t cap = d->cap == 0 ? 64 : d->cap * 2;
    struct delay_entry **heap = reallocarray(d->heap, cap, sizeof(struct delay_entry *));
    if (heap == NULL)
        return false;
    d->heap = heap;
    d->cap = cap;
    return true;
}

int auth_delay_add(struct auth_delay *d, struct delay_entry *e, int64_t due_ms, struct waker *waker)
{
    pthread_mutex_lock(&d->lock);
    must(e->place == 0);
    bool ok = make_room(d);
    if (ok) {
        waker->ref(waker);
        e->due_ms = due_ms;
        e->waker = waker;
        heap_set(d, ++d->n, e);
        heap_up(d, d->n);
        if (e->place == 1)
            pthread_cond_signal(&d->change);
    }
    pthread_mutex_unlock(&d->lock);
    return ok ? 0 : ERR_NOMEM;
}

void auth_delay_cancel(struct auth_delay *d, struct delay_entry *e)
{
    struct waker *w = NULL;
    pthread_mutex_lock(&d->lock);
    if (e->place != 0) {
        heap_remove(d, e);
        w = e->waker;
        e->waker = NULL;
    }
    pthread_mutex_unlock(&d->lock);
    if (w != NULL)
        w->unref(w);
}
