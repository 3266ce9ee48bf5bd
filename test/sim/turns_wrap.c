/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulator's programs call instead of pthread and clock_gettime: the linker's --wrap makes
 * a call of NAME one of __wrap_NAME, and __real_NAME the real one (the list is in meson.build). The
 * real locks are used underneath, by the real thread of each task, so that sanitizers see what they
 * are used to; only waiting is done by turns.c. */
#include "turns.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* clang-format off */
#define WRAPPED(name, ...) int __real_##name(__VA_ARGS__); int __wrap_##name(__VA_ARGS__)
WRAPPED(pthread_mutex_lock, pthread_mutex_t *m);
WRAPPED(pthread_mutex_unlock, pthread_mutex_t *m);
WRAPPED(pthread_rwlock_rdlock, pthread_rwlock_t *l);
WRAPPED(pthread_rwlock_wrlock, pthread_rwlock_t *l);
WRAPPED(pthread_rwlock_unlock, pthread_rwlock_t *l);
WRAPPED(pthread_cond_wait, pthread_cond_t *c, pthread_mutex_t *m);
WRAPPED(pthread_cond_timedwait, pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at);
WRAPPED(pthread_cond_signal, pthread_cond_t *c);
WRAPPED(pthread_cond_broadcast, pthread_cond_t *c);
WRAPPED(pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
WRAPPED(pthread_join, pthread_t thread, void **result);
WRAPPED(clock_gettime, clockid_t id, struct timespec *to);
/* clang-format on */

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    if (!turns_on())
        return __real_pthread_mutex_lock(m);
    turns_maybe();
    while (pthread_mutex_trylock(m) != 0)
        turns_wait(m);
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
    int rc = __real_pthread_mutex_unlock(m);
    if (turns_on())
        turns_wake(m);
    return rc;
}

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
    if (!turns_on())
        return __real_pthread_rwlock_rdlock(l);
    turns_maybe();
    while (pthread_rwlock_tryrdlock(l) != 0)
        turns_wait(l);
    return 0;
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
    if (!turns_on())
        return __real_pthread_rwlock_wrlock(l);
    turns_maybe();
    while (pthread_rwlock_trywrlock(l) != 0)
        turns_wait(l);
    return 0;
}

int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *l)
{
    int rc = __real_pthread_rwlock_unlock(l);
    if (turns_on())
        turns_wake(l);
    return rc;
}

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    if (!turns_on())
        return __real_pthread_cond_wait(c, m);
    (void)__wrap_pthread_mutex_unlock(m);
    if (turns_spurious())
        turns_sleep(0);
    else
        turns_wait(c);
    return __wrap_pthread_mutex_lock(m);
}

/* Moments on the clock since the start are small, those since 1970 are not: no need to know which
 * clock the condition was made for. */
static int64_t mono_of(const struct timespec *at)
{
    const int64_t year_2000_ms = INT64_C(946684800000);
    int64_t ms = (int64_t)at->tv_sec * 1000 + (at->tv_nsec + 999999) / 1000000;
    return ms < year_2000_ms ? ms : ms - turns_wall_ms() + turns_mono_ms();
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at)
{
    if (!turns_on())
        return __real_pthread_cond_timedwait(c, m, at);
    bool woken = true;
    (void)__wrap_pthread_mutex_unlock(m);
    if (turns_spurious())
        turns_sleep(0);
    else
        woken = turns_wait_until(c, mono_of(at));
    (void)__wrap_pthread_mutex_lock(m);
    return woken ? 0 : ETIMEDOUT;
}

int __wrap_pthread_cond_signal(pthread_cond_t *c)
{
    if (!turns_on())
        return __real_pthread_cond_signal(c);
    turns_wake_one(c);
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
    if (!turns_on())
        return __real_pthread_cond_broadcast(c);
    turns_wake(c);
    return 0;
}

struct start {
    void *(*run)(void *);
    void *arg;
};

static void start_run(void *arg)
{
    struct start s = *(struct start *)arg;
    free(arg);
    (void)s.run(s.arg); /* no thread of ours returns anything */
}

int __wrap_pthread_create(pthread_t *thread,
                          const pthread_attr_t *attr,
                          void *(*start)(void *),
                          void *arg)
{
    if (!turns_on())
        return __real_pthread_create(thread, attr, start, arg);
    struct start *s = malloc(sizeof *s);
    must(s != NULL);
    *s = (struct start){start, arg};
    *thread = (pthread_t)turns_number(turns_spawn("helper", start_run, s));
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    if (!turns_on())
        return __real_pthread_join(thread, result);
    must(result == NULL);
    turns_join(turns_of_number((size_t)thread));
    return 0;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *to)
{
    if (!turns_on())
        return __real_clock_gettime(id, to);
    int64_t ms = id == CLOCK_REALTIME ? turns_wall_ms() : turns_mono_ms();
    *to = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return 0;
}
