/* SPDX-License-Identifier: Apache-2.0 */
/* The hash threads and the delay thread, with real threads: networks take turns, nothing is lost,
 * nothing runs twice, what is cancelled is dropped, every reference to a waker is given back. Meant
 * for TSan too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/delay.h"
#include "auth/pool.h"
#include "base/err.h"
#include "base/metrics.h"

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
    char name;   /* told to `begun`, if any */
    atomic_int *ran, *dropped;
};

static struct {
    char names[32]; /* of those that began, in their order */
    atomic_int n;
} begun;

static void run(struct pool_job *j)
{
    struct test_job *t = (struct test_job *)j;
    if (t->name != 0) {
        begun.names[begun.n] = t->name;
        begun.n++;
    }
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
    memset(begun.names, 0, sizeof begun.names);
    begun.n = 0;
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
    assert_int_equal(auth_pool_state(p, &j->job), JOB_DONE);
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

/* ---- fairness ---- */

/* One thread, stopped in a job at each begin: what is queued then stays so until it is let go on. */
struct line {
    struct auth_pool *pool;
    struct test_waker waker;
    sem_t gate;
    struct test_job *jobs[32];
    size_t jobs_n;
};

/* A job called `name` of the network of its letter, whichever its case. */
static int queue(struct line *l, char name)
{
    struct test_job *t = job_new(&l->gate);
    t->name = name;
    t->job.network.b[0] = (uint8_t)(name | 0x20);
    int err = auth_pool_submit(l->pool, &t->job, &l->waker.w);
    if (err != 0) {
        free(t);
        return err;
    }
    l->jobs[l->jobs_n++] = t;
    return 0;
}

static void queue_all(struct line *l, const char *names)
{
    for (; *names != 0; names++)
        assert_int_equal(queue(l, *names), 0);
}

static void await_begun(int n)
{
    for (int i = 0; begun.n < n && i < 2000; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_int_equal(begun.n, n);
}

static void line_open(struct line *l, size_t queue_max)
{
    memset(l, 0, sizeof *l);
    waker_init(&l->waker);
    sem_init(&l->gate, 0, 0);
    assert_int_equal(auth_pool_new(1, queue_max, &l->pool), 0);
    queue_all(l, "*");
    await_begun(1);
}

/* The running one ends; the next one has begun. */
static void go_on(struct line *l)
{
    int n = begun.n;
    sem_post(&l->gate);
    await_begun(n + 1);
}

/* Runs what is left; `order` has all that ever began. */
static void line_close(struct line *l, const char *order)
{
    while (begun.n < (int)strlen(order))
        go_on(l);
    sem_post(&l->gate);
    for (size_t i = 0; i < l->jobs_n; i++) {
        enum pool_job_state end = JOB_QUEUED;
        for (int k = 0; k < 2000; k++) {
            end = auth_pool_state(l->pool, &l->jobs[i]->job);
            if (end == JOB_DONE || end == JOB_REFUSED)
                break;
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        }
        assert_true(end == JOB_DONE || end == JOB_REFUSED);
        auth_pool_release(l->pool, &l->jobs[i]->job);
    }
    auth_pool_free(l->pool);
    assert_string_equal(begun.names, order);
    assert_int_equal(ran, strlen(order));
    assert_int_equal(dropped, l->jobs_n);
    assert_int_equal(l->waker.refs, 0);
}

static void networks_take_turns(void **state)
{
    (void)state;
    struct line l;
    line_open(&l, 20);
    queue_all(&l, "aaaaBBc");
    line_close(&l, "*aBcaBaa");
}

static void a_newcomer_waits_for_two_of_each_other_network(void **state)
{
    (void)state;
    struct line l;
    line_open(&l, 20);
    queue_all(&l, "aaaaaabbbbbb");
    go_on(&l); /* a, of the turn in which b is due still */
    queue_all(&l, "c");
    line_close(&l, "*ababcabababab");
}

/* Those who come again as soon as they are served do not pass who has waited. */
static void nobody_starves(void **state)
{
    (void)state;
    struct line l;
    line_open(&l, 20);
    queue_all(&l, "bcaA");
    for (int i = 0; i < 5; i++) {
        go_on(&l);
        char name = begun.names[begun.n - 1];
        if (name == 'b' || name == 'c')
            queue_all(&l, name == 'b' ? "b" : "c");
    }
    line_close(&l, "*bcaAbcb");
}

/* A network cannot have many in one turn by taking back the first ones of its line. */
static void taking_jobs_back_wins_no_turn(void **state)
{
    (void)state;
    struct line l;
    line_open(&l, 20);
    queue_all(&l, "aaaa");
    for (size_t i = 1; i <= 3; i++)
        auth_pool_release(l.pool, &l.jobs[i]->job);
    assert_int_equal(dropped, 3);
    dropped = 0;
    l.jobs[1] = l.jobs[4]; /* beside the running one, only the last is left */
    l.jobs_n = 2;
    queue_all(&l, "AAbbb");
    line_close(&l, "*bbbaAA");
}

static void the_largest_share_makes_room(void **state)
{
    (void)state;
    struct line l;
    line_open(&l, 3);
    queue_all(&l, "aaA");
    assert_int_equal(queue(&l, 'a'), ERR_AUTH_BUSY);
    assert_false(posted_within(&l.waker, 0));
    queue_all(&l, "b"); /* in the place of the last one of a */
    assert_true(posted_within(&l.waker, 20));
    assert_int_equal(auth_pool_state(l.pool, &l.jobs[3]->job), JOB_REFUSED);
    assert_int_equal(dropped, 0); /* it is its submitter's until that has been told */
    assert_int_equal(queue(&l, 'b'), ERR_AUTH_BUSY); /* as many as a has */
    queue_all(&l, "c");
    assert_int_equal(auth_pool_state(l.pool, &l.jobs[2]->job), JOB_REFUSED);
    assert_int_equal(queue(&l, 'd'), ERR_AUTH_BUSY); /* one each: nobody has too much */
    assert_int_equal(queue(&l, 'a'), ERR_AUTH_BUSY);
    assert_int_equal(metric_get(METRIC_AUTH_QUEUE), 3);
    line_close(&l, "*abc");
}

/* A limit that was lowered beneath what is queued refuses nobody by itself. */
static void a_lowered_limit_holds_for_newcomers(void **state)
{
    (void)state;
    struct line l;
    line_open(&l, 5);
    queue_all(&l, "aaaaa");
    auth_pool_limit(l.pool, 1);
    assert_int_equal(queue(&l, 'a'), ERR_AUTH_BUSY);
    queue_all(&l, "b");
    assert_int_equal(auth_pool_state(l.pool, &l.jobs[4]->job), JOB_QUEUED);
    assert_int_equal(auth_pool_state(l.pool, &l.jobs[5]->job), JOB_REFUSED);
    line_close(&l, "*abaaa");
}

/* ---- many threads ---- */

enum { SUBMITTERS = 8, BURSTS = 125, BURST = 4, EACH = BURSTS * BURST };

struct submitter {
    struct auth_pool *pool;
    unsigned seed;
    int busy, refused;
};

static void submit_burst(struct submitter *s, struct test_waker *w)
{
    struct test_job *jobs[BURST];
    size_t n = 0;
    for (int i = 0; i < BURST; i++) {
        struct test_job *j = job_new(NULL);
        j->job.network.b[0] = (uint8_t)(rand_r(&s->seed) % 4 == 0 ? s->seed % 3 : 0);
        if (auth_pool_submit(s->pool, &j->job, &w->w) == 0) {
            jobs[n++] = j;
            continue;
        }
        drop(&j->job);
        s->busy++;
    }
    for (size_t i = 0; i < n; i++) {
        struct pool_job *j = &jobs[i]->job;
        if (rand_r(&s->seed) % 2 == 0)
            while (auth_pool_state(s->pool, j) < JOB_DONE)
                sem_wait(&w->posts);
        s->refused += auth_pool_state(s->pool, j) == JOB_REFUSED;
        auth_pool_release(s->pool, j);
    }
}

static void *submit_many(void *arg)
{
    struct submitter *s = arg;
    struct test_waker w;
    waker_init(&w);
    for (int i = 0; i < BURSTS; i++)
        submit_burst(s, &w);
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
    int turned_away = 0;
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_join(threads[i], NULL);
        turned_away += s[i].busy + s[i].refused;
    }
    auth_pool_free(p);
    assert_int_equal(dropped, SUBMITTERS * EACH);
    assert_true(ran + turned_away <= SUBMITTERS * EACH);
    assert_int_equal(metric_get(METRIC_AUTH_QUEUE), 0);
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
        cmocka_unit_test_setup(networks_take_turns, reset),
        cmocka_unit_test_setup(a_newcomer_waits_for_two_of_each_other_network, reset),
        cmocka_unit_test_setup(nobody_starves, reset),
        cmocka_unit_test_setup(taking_jobs_back_wins_no_turn, reset),
        cmocka_unit_test_setup(the_largest_share_makes_room, reset),
        cmocka_unit_test_setup(a_lowered_limit_holds_for_newcomers, reset),
        cmocka_unit_test_setup(many_threads_submit_and_cancel, reset),
        cmocka_unit_test(delays_come_in_order_of_time),
        cmocka_unit_test(many_threads_wait_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
