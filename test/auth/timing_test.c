/* SPDX-License-Identifier: Apache-2.0 */
/* When failures are answered, with real threads and a clock that only the test moves: an unknown
 * user, a wrong password, a lock and a refused address answer at the same moment, and their wakers
 * are posted. */
#include "rig.h"

#include "auth/auth_int.h"
#include "base/log.h"
#include "base/metrics.h"

#include <fcntl.h>
#include <time.h>

static const struct span alice = SPAN("alice@example.test");

static int setup(void **state)
{
    static struct rig r;
    rig_open(&r, false);
    *state = &r;
    return 0;
}

/* Waits in real time until the hash is done: until then the queue's waker is not posted. */
static void posted(struct rig *r)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 30;
    assert_int_equal(sem_timedwait(&r->waker.posts, &t), 0);
}

/* Fake milliseconds from the attempt to the answer, if the hash takes `hash_ms` of them. */
static int64_t answer_ms(struct rig *r,
                         const char *ip,
                         struct span username,
                         struct span password,
                         bool hashes,
                         int64_t hash_ms,
                         int *err)
{
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer(ip);
    struct span challenge;
    int64_t begin = r->fake.clock.mono_ms(&r->fake.clock);
    assert_int_equal(
        auth_exchange_open_password(r->auth, &peer, username, password, &r->waker.w, &x), 0);
    enum auth_step step = auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
    if (hashes) {
        assert_int_equal(step, AUTH_WAIT);
        posted(r);
        clock_fake_advance(&r->fake, hash_ms);
        step = auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
    }
    bool waited = false;
    while (step == AUTH_WAIT) {
        waited = true;
        clock_fake_advance(&r->fake, 1);
        step = auth_exchange_step(x, true, SPAN("ignored"), &challenge);
    }
    assert_int_equal(step, AUTH_FAIL);
    *err = auth_exchange_result(x)->err;
    int64_t took = r->fake.clock.mono_ms(&r->fake.clock) - begin;
    if (waited) /* the timer's waker comes too: it looks at the clock at least once a second */
        posted(r);
    auth_exchange_close(x);
    return took;
}

static void all_failures_answer_at_the_same_moment(void **state)
{
    struct rig *r = *state;
    int err;
    r->config->attempts_per_ip = 6;
    auth_reconfigure(r->auth, r->config);
    assert_int_equal(answer_ms(r, "192.0.2.1", alice, SPAN("a"), true, 3, &err), 1000);
    assert_int_equal(err, ERR_AUTH_FAILED);
    assert_int_equal(answer_ms(r, "192.0.2.1", alice, SPAN("b"), true, 500, &err), 1000);
    assert_int_equal(answer_ms(r, "192.0.2.1", alice, SPAN("c"), true, 999, &err), 1000);
    assert_int_equal(answer_ms(r, "192.0.2.1", alice, RIGHT, false, 0, &err), 1000);
    assert_int_equal(err, ERR_AUTH_LOCKED);
    assert_int_equal(answer_ms(r, "192.0.2.1", SPAN("nobody@example.test"), RIGHT, true, 40, &err),
                     1000);
    assert_int_equal(err, ERR_AUTH_FAILED);
    assert_int_equal(answer_ms(r, "192.0.2.1", SPAN("no address"), RIGHT, true, 0, &err), 1000);
    assert_int_equal(answer_ms(r, "192.0.2.1", SPAN("eve@example.test"), RIGHT, true, 7, &err),
                     1000);
    assert_int_equal(err, ERR_SUSPENDED);
    assert_int_equal(answer_ms(r, "192.0.2.1", alice, SPAN(""), false, 0, &err), 1000);
    assert_int_equal(answer_ms(r, "192.0.2.1", SPAN("other@example.test"), RIGHT, true, 0, &err),
                     1000);
    assert_int_equal(err, ERR_AUTH_FAILED);
    /* six failures: the address is refused */
    assert_int_equal(answer_ms(r, "192.0.2.1", SPAN("other@example.test"), RIGHT, false, 0, &err),
                     1000);
    assert_int_equal(err, ERR_AUTH_LOCKED);
}

static void a_slow_hash_is_rounded_up(void **state)
{
    struct rig *r = *state;
    int err;
    assert_int_equal(answer_ms(r, "192.0.2.1", alice, SPAN("a"), true, 1000, &err), 2000);
    assert_int_equal(
        answer_ms(r, "192.0.2.2", SPAN("nobody@example.test"), SPAN("a"), true, 1700, &err), 2000);
    r->config->auth_fail_delay = 0;
    auth_reconfigure(r->auth, r->config);
    assert_int_equal(answer_ms(r, "192.0.2.3", alice, SPAN("a"), true, 5, &err), 5);
}

static void success_does_not_wait(void **state)
{
    struct rig *r = *state;
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct span challenge;
    assert_int_equal(auth_exchange_open_password(r->auth, &peer, alice, RIGHT, &r->waker.w, &x), 0);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &challenge), AUTH_WAIT);
    posted(r);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &challenge), AUTH_OK);
    auth_exchange_close(x);
    /* nor hash, the second time */
    assert_int_equal(auth_exchange_open_password(r->auth, &peer, alice, RIGHT, &r->waker.w, &x), 0);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &challenge), AUTH_OK);
    auth_exchange_close(x);
}

static void a_failure_may_be_left_behind(void **state)
{
    struct rig *r = *state;
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct span challenge;
    assert_int_equal(auth_exchange_open_password(r->auth, &peer, alice, SPAN(""), &r->waker.w, &x),
                     0);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &challenge), AUTH_WAIT);
    auth_exchange_close(x);
    assert_int_equal(r->waker.refs, 0);
}

static void the_password_changed_while_we_hashed_stays(void **state)
{
    struct rig *r = *state;
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct span challenge;
    assert_int_equal(auth_exchange_open_password(r->auth, &peer, SPAN("bob@example.test"), RIGHT,
                                                 &r->waker.w, &x),
                     0);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &challenge), AUTH_WAIT);
    posted(r);
    rig_password_set(r, SPAN("bob@example.test"), SPAN("new secret"));
    struct span set = rig_account(r, SPAN("bob@example.test")).credentials;
    (void)auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
    auth_exchange_close(x);
    assert_true(span_eq(rig_account(r, SPAN("bob@example.test")).credentials, set));
    assert_int_equal(rig_login(r, "192.0.2.9", SPAN("bob@example.test"), SPAN("new secret"), NULL),
                     0);
}

static void a_full_queue_is_told_at_once(void **state)
{
    struct rig *r = *state;
    enum { MANY = 64 };
    struct auth_exchange *x[MANY];
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct span challenge;
    int busy = 0;
    r->config->auth_queue = 1;
    r->config->auth_argon2_mem = (int64_t)64 * 1024 * 1024; /* slow enough to fill a queue of one */
    r->config->auth_argon2_ops = 3;
    auth_reconfigure(r->auth, r->config);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(auth_exchange_open_password(r->auth, &peer, SPAN("nobody@example.test"),
                                                     SPAN("x"), &r->waker.w, &x[i]),
                         0);
        if (auth_exchange_step(x[i], false, SPAN_EMPTY, &challenge) == AUTH_FAIL) {
            assert_int_equal(auth_exchange_result(x[i])->err, ERR_AUTH_BUSY);
            busy++;
        }
    }
    assert_true(busy > 0);
    for (int i = 0; i < MANY; i++)
        auth_exchange_close(x[i]);
    assert_int_equal(metric_get(METRIC_AUTH_QUEUE), 0);
}

/* ---- a queue shared out among networks ---- */

struct stopper {
    struct pool_job job; /* first */
    sem_t *begun, *gate;
};

static void stopper_run(struct pool_job *job)
{
    struct stopper *s = (struct stopper *)job;
    sem_post(s->begun);
    while (sem_wait(s->gate) != 0)
        ;
}

static void stopper_drop(struct pool_job *job)
{
    (void)job;
}

/* All of the room's threads have begun something that does not end before `gate` is posted. */
static void stop_threads(struct rig *r, struct stopper *stoppers, sem_t *gate)
{
    sem_t begun;
    sem_init(&begun, 0, 0);
    for (int64_t i = 0; i < r->config->auth_threads; i++) {
        stoppers[i] =
            (struct stopper){.job = {stopper_run, stopper_drop}, .begun = &begun, .gate = gate};
        assert_int_equal(auth_pool_submit(r->auth->pool, &stoppers[i].job, &r->waker.w), 0);
        while (sem_wait(&begun) != 0)
            ;
    }
    sem_destroy(&begun);
}

static struct auth_exchange *begin(struct rig *r, const char *ip, struct span username)
{
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer(ip);
    struct span challenge;
    assert_int_equal(auth_exchange_open_password(r->auth, &peer, username, RIGHT, &r->waker.w, &x),
                     0);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &challenge), AUTH_WAIT);
    return x;
}

/* Who has to make room is told as who finds none, at once, and nothing is held against him. */
static void a_login_that_made_room_may_be_tried_again(void **state)
{
    struct rig *r = *state;
    static struct stopper
        stoppers[64]; /* static: a thread may be at their end when we are at ours */
    static sem_t gate;
    struct auth_exchange *x[3];
    struct auth_history history;
    struct span challenge;
    sem_init(&gate, 0, 0);
    r->config->auth_queue = 2;
    r->config->attempts_per_ip = 1;
    r->config->lock_failures = 1;
    auth_reconfigure(r->auth, r->config);
    int64_t busy = metric_get(METRIC_AUTH_BUSY);
    stop_threads(r, stoppers, &gate);
    /* one network, IPv4 /24; then another takes the place of its second */
    x[0] = begin(r, "192.0.2.1", SPAN("bob@example.test"));
    x[1] = begin(r, "192.0.2.2", alice);
    assert_int_not_equal(sem_trywait(&r->waker.posts), 0);
    x[2] = begin(r, "2001:db8::1", SPAN("nobody@example.test"));
    assert_int_equal(sem_trywait(&r->waker.posts), 0);
    assert_int_equal(auth_exchange_step(x[0], false, SPAN_EMPTY, &challenge), AUTH_WAIT);
    assert_int_equal(auth_exchange_step(x[1], false, SPAN_EMPTY, &challenge), AUTH_FAIL);
    assert_int_equal(auth_exchange_result(x[1])->err, ERR_AUTH_BUSY);
    assert_true(span_eq(auth_exchange_result(x[1])->text, span_str(err_text(ERR_AUTH_BUSY))));
    assert_int_equal(metric_get(METRIC_AUTH_BUSY), busy + 1);
    assert_int_equal(auth_history_get(r->auth, alice, r->arena, &history), 0);
    assert_int_equal(history.attempts_n, 0);
    assert_int_equal(history.locks_n, 0);
    for (int64_t i = 0; i < r->config->auth_threads; i++) {
        sem_post(&gate);
        auth_pool_release(r->auth->pool, &stoppers[i].job);
    }
    assert_int_equal(rig_finish(r, x[0], NULL), 0);
    assert_int_equal(rig_finish(r, x[2], NULL), ERR_AUTH_FAILED);
    assert_int_equal(rig_login(r, "192.0.2.2", alice, RIGHT, NULL), 0);
    for (int i = 0; i < 3; i++)
        auth_exchange_close(x[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(all_failures_answer_at_the_same_moment),
        T(a_slow_hash_is_rounded_up),
        T(success_does_not_wait),
        T(a_failure_may_be_left_behind),
        T(the_password_changed_while_we_hashed_stays),
        T(a_full_queue_is_told_at_once),
        T(a_login_that_made_room_may_be_tried_again),
    };
    log_setup(open("/dev/null", O_WRONLY), LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
