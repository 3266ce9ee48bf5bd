/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap in an array. */
#include "net/timers.h"
#include "base/err.h"

void timers_init(struct timers *t)
{
    *t = (struct timers){.next_ms = INT64_MAX};
    pthread_mutex_init(&t->lock, NULL);
}

void timers_done(struct timers *t)
{
    must(t->n == 0 && t->members == 0);
    pthread_mutex_destroy(&t->lock);
    free(t->heap);
}

int timers_join(struct timers *t)
{
    int err = 0;
    pthread_mutex_lock(&t->lock);
    if (t->members == t->cap) {
        size_t cap = t->cap > 0 ? t->cap * 2 : 64;
        struct timer **heap = reallocarray(t->heap, cap, sizeof(struct timer *));
        if (heap == NULL) {
            err = ERR_NOMEM;
        } else {
            t->heap = heap;
            t->cap = cap;
        }
    }
    if (err == 0)
        t->members++;
    pthread_mutex_unlock(&t->lock);
    return err;
}

/* ---- the heap; the lock is held ----------------------------------------------------------- */

static void put(struct timers *t, size_t at, struct timer *timer)
{
    t->heap[at] = timer;
    timer->at = at + 1;
}

static void rise(struct timers *t, size_t at, struct timer *timer)
{
    while (at > 0 && t->heap[(at - 1) / 2]->due_ms > timer->due_ms) {
        put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(t, at, timer);
}

static void sink(struct timers *t, size_t at, struct timer *timer)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < t->n && t->heap[child + 1]->due_ms < t->heap[child]->due_ms)
            child++;
        if (child >= t->n || t->heap[child]->due_ms >= timer->due_ms)
            break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, timer);
}

static void take_out(struct timers *t, struct timer *timer)
{
    if (timer->at == 0)
        return;
    size_t at = timer->at - 1;
    struct timer *last = t->heap[--t->n];
    timer->at = 0;
    if (last == timer)
        return;
    if (at > 0 && t->heap[(at - 1) / 2]->due_ms > last->due_ms)
        rise(t, at, last);
    else
        sink(t, at, last);
}

/* ---- for all threads ---------------------------------------------------------------------- */

void timers_leave(struct timers *t, struct timer *timer)
{
    pthread_mutex_lock(&t->lock);
    take_out(t, timer);
    must(t->members > 0);
    t->members--;
    pthread_mutex_unlock(&t->lock);
}

bool timers_set(struct timers *t, struct timer *timer, int64_t due_ms)
{
    pthread_mutex_lock(&t->lock);
    if (timer->at == 0 || timer->due_ms > due_ms) {
        timer->due_ms = due_ms;
        rise(t, timer->at == 0 ? t->n++ : timer->at - 1, timer);
    }
    bool sooner = t->heap[0]->due_ms < t->next_ms;
    if (sooner)
        t->next_ms = t->heap[0]->due_ms;
    pthread_mutex_unlock(&t->lock);
    return sooner;
}

int64_t timers_run(struct timers *t, int64_t now_ms, void (*fire)(struct timer *timer))
{
    pthread_mutex_lock(&t->lock);
    while (t->n > 0 && t->heap[0]->due_ms <= now_ms) {
        struct timer *timer = t->heap[0];
        take_out(t, timer);
        fire(timer);
    }
    int64_t next = t->n > 0 ? t->heap[0]->due_ms : INT64_MAX;
    t->next_ms = next;
    pthread_mutex_unlock(&t->lock);
    return next;
}
