/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"
#include "net/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct job {
    struct work work;
    char name;
    struct log *log;
};

struct log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate; /* open: gate jobs go on */
    char names[10000];
    size_t n;
};

static void note(struct work *w)
{
    struct job *j = CONTAINER_OF(w, struct job, work);
    pthread_mutex_lock(&j->log->lock);
    j->log->names[j->log->n++] = j->name;
    pthread_mutex_unlock(&j->log->lock);
}

static void wait_at_gate(struct work *w)
{
    struct job *j = CONTAINER_OF(w, struct job, work);
    pthread_mutex_lock(&j->log->lock);
    while (!j->log->gate)
        pthread_cond_wait(&j->log->changed, &j->log->lock);
    pthread_mutex_unlock(&j->log->lock);
}

static void open_gate(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    log->gate = true;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

static void first_goes_first_but_not_alone(void **state)
{
    (void)state;
    enum { EACH = 40 };
    static struct log log = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .changed = PTHREAD_COND_INITIALIZER};
    static struct job jobs[2 * EACH];
    struct job gate = {.work.run = wait_at_gate, .log = &log};
    struct workers *p;
    int64_t busy = 0, queue = 0;
    assert_int_equal(workers_new(&(struct workers_options){.busy = 1, .carriers = 2}, &p), 0);
    workers_add(p, &gate.work, false);
    while (busy == 0)
        workers_stats(p, &busy, &queue);
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        jobs[i] = (struct job){.work.run = note, .name = i < EACH ? 'o' : 'f', .log = &log};
        workers_add(p, &jobs[i].work, i >= EACH);
    }
    workers_stats(p, &busy, &queue);
    assert_int_equal(busy, 1);
    assert_int_equal(queue, 2 * EACH);
    assert_int_equal(metric_get(METRIC_WORKER_QUEUE), 2 * EACH);
    open_gate(&log);
    workers_free(p); /* finishes what is queued */
    assert_int_equal(log.n, 2 * EACH);
    assert_int_equal(metric_get(METRIC_WORKER_QUEUE), 0);
    size_t firsts = 0, others = 0;
    for (size_t i = 0; firsts < EACH; i++) {
        if (log.names[i] == 'f')
            firsts++;
        else
            others++;
    }
    assert_in_range(others, EACH / WORKER_FAIR - 1, EACH / (WORKER_FAIR - 1) + 1);
}

static void all_work_is_done_once(void **state)
{
    (void)state;
    static struct log log = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static struct job jobs[5000];
    struct workers *p;
    assert_int_equal(workers_new(&(struct workers_options){.busy = 8}, &p), 0);
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        jobs[i] = (struct job){.work.run = note, .name = 'x', .log = &log};
        workers_add(p, &jobs[i].work, i % 3 == 0);
    }
    workers_free(p);
    assert_int_equal(log.n, COUNT_OF(jobs));
}

/* ---- readiness ---------------------------------------------------------------------------- */

struct watched {
    struct workers *p;
    int ready;         /* atomic */
    int could_enter;   /* atomic */
    int without_space; /* atomic */
};

static void on_ready(void *arg, uint64_t tag, uint32_t events)
{
    struct watched *w = arg;
    assert_int_equal(tag, UINT64_C(7) << 32);
    assert_true((events & EPOLLIN) != 0);
    if (worker_space() == NULL)
        __atomic_add_fetch(&w->without_space, 1, __ATOMIC_SEQ_CST);
    if (workers_enter(w->p)) {
        __atomic_add_fetch(&w->could_enter, 1, __ATOMIC_SEQ_CST);
        workers_leave(w->p);
    }
    __atomic_add_fetch(&w->ready, 1, __ATOMIC_SEQ_CST);
}

static void wait_for(const int *counter, int value)
{
    struct timespec t = {.tv_nsec = 1000000};
    for (int i = 0; i < 10000 && __atomic_load_n(counter, __ATOMIC_SEQ_CST) != value; i++)
        nanosleep(&t, NULL);
    assert_int_equal(__atomic_load_n(counter, __ATOMIC_SEQ_CST), value);
}

static void bytes_are_carried_while_all_are_busy(void **state)
{
    (void)state;
    static struct log log = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .changed = PTHREAD_COND_INITIALIZER};
    struct job gates[2] = {{.work.run = wait_at_gate, .log = &log},
                           {.work.run = wait_at_gate, .log = &log}};
    struct job last = {.work.run = note, .name = 'l', .log = &log};
    struct watched w = {.ready = 0};
    struct workers_options o = {
        .busy = 2, .carriers = 1, .space = 100, .ready = on_ready, .arg = &w};
    int64_t busy = 0, queue = 0;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(workers_new(&o, &w.p), 0);
    assert_int_equal(workers_watch(w.p, pair[0], UINT64_C(7) << 32, EPOLLIN), 0);
    assert_int_equal(write(pair[1], "a", 1), 1);
    wait_for(&w.ready, 1);
    assert_int_equal(w.could_enter, 1);
    for (size_t i = 0; i < COUNT_OF(gates); i++)
        workers_add(w.p, &gates[i].work, false);
    while (busy < 2)
        workers_stats(w.p, &busy, &queue);
    workers_add(w.p, &last.work, true);
    assert_int_equal(write(pair[1], "b", 1), 1);
    wait_for(&w.ready, 2);
    assert_int_equal(w.could_enter, 1); /* but nobody may begin more than there may be */
    workers_stats(w.p, &busy, &queue);
    assert_int_equal(busy, 2);
    assert_int_equal(queue, 1);
    assert_true(workers_pressed(w.p, false));
    open_gate(&log);
    workers_free(w.p);
    assert_int_equal(log.n, 1);
    assert_int_equal(w.without_space, 0);
    assert_null(worker_space());
    close(pair[0]);
    close(pair[1]);
}

static int64_t cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void idle_costs_nothing(void **state)
{
    (void)state;
    struct workers *p;
    struct timespec t = {.tv_nsec = 300000000};
    assert_int_equal(workers_new(&(struct workers_options){.busy = 64, .carriers = 2}, &p), 0);
    struct timespec settle = {.tv_nsec = 50000000};
    nanosleep(&settle, NULL);
    int64_t before = cpu_ms();
    nanosleep(&t, NULL);
    assert_true(cpu_ms() - before < 50);
    workers_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_goes_first_but_not_alone),
        cmocka_unit_test(all_work_is_done_once),
        cmocka_unit_test(bytes_are_carried_while_all_are_busy),
        cmocka_unit_test(idle_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
