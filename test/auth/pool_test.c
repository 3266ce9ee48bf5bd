/* SPDX-License-Identifier: Apache-2.0 */
/* The hash threads and the delay thread, with real threads: nothing is lost, nothing runs twice,
 * what is cancelled is dropped, every reference to a waker is given back. Meant for TSan too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/delay.h"
#include "auth/pool.h"
#include "base/err.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

struct test_waker {
    struct waker w;
    atomic_int refs;
    sem_t posts;
};

static void on_post(struct waker *w)
{
    sem_post(&((struct test_waker *)w)->posts);
}
static void on_ref(struct waker *w)
{
    ((struct test_waker *)w)->refs++;
}
static void on_unref(struct waker *w)
{
    ((struct test_waker *)w)->refs--;
}

static void waker_init(struct test_waker *w)
{
    *w = (struct test_waker){.w = {on_post, on_ref, on_unref}};
    sem_init(&w->posts, 0, 0);
}

static bool posted_within(struct test_waker *w, int seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += seconds;
    return sem_timedwait(&w->posts, &t) == 0;
}

struct test_job {
    struct pool_job job;
    sem_t *gate; /* waited for in run, if any */
    atomic_int *ran, *dropped;
};

static void run(struct pool_job *j)
{
    struct test_job *t = (struct test_job *)j;
    if (t->gate != NULL)
        while (sem_wait(t->gate) != 0)
            ;
    (*t->ran)++;
}

static void drop(struct pool_job *j)
{
    struct test_job *t = (struct test_job *)j;
    (*t->dropped)++;
    free(t);
}

static atomic_int ran, dropped;

static struct test_job *job_new(sem_t *gate)
{
    struct test_job *t = calloc(1, sizeof *t);
    assert_non_null(t);
    *t = (struct test_job){
        .job = {.run = run, .drop = drop}, .gate = gate, .ran = &ran, .dropped = &dropped};
    return t;
}

static int reset(void **state)
{
    (void)state;
    ran = dropped = 0;
    return 0;
}

static void a_job_runs_and_wakes(void **state)
{
    (void)state;
    struct auth_pool *p;
    struct test_waker w;
    waker_init(&w);
    assert_int_equal(auth_pool_new(2, 10, &p), 0);
    struct test_job *j = job_new(NULL);
    assert_int_equal(auth_pool_submit(p, &j->job, &w.w), 0);
    assert_true(posted_within(&w, 20));
    assert_true(auth_pool_done(p, &j->job));
    auth_pool_release(p, &j->job);
    auth_pool_free(p);
    assert_int_equal(ran, 1);
    assert_int_equal(dropped, 1);
    assert_int_equal(w.refs, 0);
}

static void a_full_queue_says_so_at_once(void **state)
{
    (void)state;
    struct auth_pool *p;
    struct test_waker w;
    sem_t gate;
    struct test_job *jobs[4];
    waker_init(&w);
    sem_init(&gate, 0, 0);
    assert_int_equal(auth_pool_new(1, 2, &p), 0);
    /* one may be running or still queued: fill until it refuses, at most one more than the queue */
    size_t taken = 0;
    int err = 0;
    for (int spins = 0; taken < 3 && spins < 2000; spins++) {
        jobs[taken] = job_new(&gate);
        err = auth_pool_submit(p, &jobs[taken]->job, &w.w);
        if (err == 0) {
            taken++;
            continue;
        }
        free(jobs[taken]);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    assert_int_equal(taken, 3);
    jobs[3] = job_new(&gate);
    assert_int_equal(auth_pool_submit(p, &jobs[3]->job, &w.w), ERR_AUTH_BUSY);
    auth_pool_limit(p, 3);
    assert_int_equal(auth_pool_submit(p, &jobs[3]->job, &w.w), 0);
    /* the queued ones are cancelled without running */
    for (int i = 1; i < 4; i++)
        auth_pool_release(p, &jobs[i]->job);
    assert_int_equal(dropped, 3);
    /* the running one is dropped when it has run, and wakes nobody */
    auth_pool_release(p, &jobs[0]->job);
    assert_int_equal(dropped, 3);
    sem_post(&gate);
    auth_pool_free(p);
    assert_int_equal(ran, 1);
    assert_int_equal(dropped, 4);
    assert_int_equal(w.refs, 0);
}

enum { SUBMITTERS = 8, EACH = 500 };

struct submitter {
    struct auth_pool *pool;
    unsigned seed;
    int busy;
};

static void *submit_many(void *arg)
{
    struct submitter *s = arg;
    struct test_waker w;
    waker_init(&w);
    for (int i = 0; i < EACH; i++) {
        struct test_job *j = job_new(NULL);
        if (auth_pool_submit(s->pool, &j->job, &w.w) != 0) {
            drop(&j->job);
            s->busy++;
            continue;
        }
        if (rand_r(&s->seed) % 2 == 0)
            while (!auth_pool_done(s->pool, &j->job))
                sem_wait(&w.posts);
        auth_pool_release(s->pool, &j->job);
    }
    for (int i = 0; w.refs != 0 && i < 2000; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_int_equal(w.refs, 0);
    return NULL;
}

static void many_threads_submit_and_cancel(void **state)
{
    (void)state;
    struct auth_pool *p;
    pthread_t threads[SUBMITTERS];
    struct submitter s[SUBMITTERS];
    assert_int_equal(auth_pool_new(3, 4, &p), 0);
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        s[i] = (struct submitter){.pool = p, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &s[i]), 0);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(threads[i], NULL);
    auth_pool_free(p);
    assert_int_equal(dropped, SUBMITTERS * EACH);
    assert_true(ran <= SUBMITTERS * EACH);
}

static void delays_come_in_order_of_time(void **state)
{
    (void)state;
    struct auth_delay *d;
    struct test_waker early, late, never;
    struct delay_entry a = {0}, b = {0}, c = {0};
    int64_t now = clock_system()->mono_ms(clock_system());
    waker_init(&early);
    waker_init(&late);
    waker_init(&never);
    assert_int_equal(auth_delay_new(clock_system(), &d), 0);
    assert_int_equal(auth_delay_add(d, &c, now + 3600000, &never.w), 0);
    assert_int_equal(auth_delay_add(d, &b, now + 200, &late.w), 0);
    assert_int_equal(auth_delay_add(d, &a, now + 50, &early.w), 0);
    assert_true(posted_within(&early, 20));
    assert_true(clock_system()->mono_ms(clock_system()) >= now + 50);
    assert_true(posted_within(&late, 20));
    assert_true(clock_system()->mono_ms(clock_system()) >= now + 200);
    auth_delay_cancel(d, &a);
    auth_delay_cancel(d, &b);
    auth_delay_cancel(d, &c);
    assert_false(posted_within(&never, 0));
    auth_delay_free(d);
    assert_int_equal(early.refs, 0);
    assert_int_equal(late.refs, 0);
    assert_int_equal(never.refs, 0);
}

static void *delay_many(void *arg)
{
    struct auth_delay *d = arg;
    enum { N = 200 };
    struct test_waker w;
    static _Thread_local struct delay_entry e[N];
    unsigned seed = (unsigned)(uintptr_t)&w;
    waker_init(&w);
    memset(e, 0, sizeof e);
    int64_t now = clock_system()->mono_ms(clock_system());
    for (int i = 0; i < N; i++)
        assert_int_equal(auth_delay_add(d, &e[i], now + rand_r(&seed) % 50, &w.w), 0);
    for (int i = 0; i < N; i += 2)
        auth_delay_cancel(d, &e[i]);
    for (int i = 0; w.refs != 0 && i < 2000; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_int_equal(w.refs, 0);
    for (int i = 0; i < N; i++)
        auth_delay_cancel(d, &e[i]);
    int posts;
    sem_getvalue(&w.posts, &posts);
    assert_true(posts >= N / 2);
    return NULL;
}

static void many_threads_wait_and_cancel(void **state)
{
    (void)state;
    struct auth_delay *d;
    pthread_t threads[4];
    assert_int_equal(auth_delay_new(clock_system(), &d), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, delay_many, d), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    auth_delay_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_job_runs_and_wakes, reset),
        cmocka_unit_test_setup(a_full_queue_says_so_at_once, reset),
        cmocka_unit_test_setup(many_threads_submit_and_cancel, reset),
        cmocka_unit_test(delays_come_in_order_of_time),
        cmocka_unit_test(many_threads_wait_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
