/* SPDX-License-Identifier: Apache-2.0 */
/* Many sessions log in, fail, and hang up in the middle, at once. Meant for TSan and ASan. */
#include "rig.h"

#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>

enum { SESSIONS = 8, ROUNDS = 60 };

struct session {
    struct rig *rig;
    unsigned seed, number;
    struct rig_waker waker;
    int ok, failed, locked, left;
};

static void on_post(struct waker *w)
{
    sem_post(&((struct rig_waker *)w)->posts);
}
static void on_ref(struct waker *w)
{
    ((struct rig_waker *)w)->refs++;
}
static void on_unref(struct waker *w)
{
    ((struct rig_waker *)w)->refs--;
}

static void one_round(struct session *s, struct auth_peer *peer)
{
    static const struct span names[] = {SPAN("alice@example.test"), SPAN("bob@example.test"),
                                        SPAN("nobody@example.test")};
    static const struct span passwords[] = {RIGHT, RIGHT, SPAN("wrong"), SPAN("stale")};
    struct auth_exchange *x;
    struct span challenge;
    bool hang_up = rand_r(&s->seed) % 4 == 0;
    struct span name = names[(unsigned)rand_r(&s->seed) % COUNT_OF(names)];
    struct span password = passwords[(unsigned)rand_r(&s->seed) % COUNT_OF(passwords)];
    assert_int_equal(
        auth_exchange_open_password(s->rig->auth, peer, name, password, &s->waker.w, &x), 0);
    enum auth_step step = auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
    for (int i = 0; step == AUTH_WAIT && !hang_up && i < 200; i++) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += 30;
        assert_int_equal(sem_timedwait(&s->waker.posts, &t), 0);
        step = auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
    }
    int err = auth_exchange_result(x)->err;
    if (step == AUTH_WAIT)
        s->left++;
    else if (step == AUTH_OK)
        s->ok++;
    else if (err == ERR_AUTH_LOCKED)
        s->locked++;
    else
        s->failed++;
    assert_true(step != AUTH_OK || (span_eq(password, RIGHT) && name.p != names[2].p));
    auth_exchange_close(x);
}

/* The server's side of SCRAM shares one GNU SASL context. */
static void one_scram(struct session *s, const struct auth_peer *peer)
{
    struct auth_exchange *x;
    struct span challenge;
    assert_int_equal(auth_exchange_open(s->rig->auth, peer, SPAN("SCRAM-SHA-256"), &s->waker.w, &x),
                     0);
    assert_int_equal(auth_exchange_step(x, true, SPAN("n,,n=alice@example.test,r=abc"), &challenge),
                     AUTH_SEND);
    assert_true(span_starts(challenge, SPAN("r=abc")));
    auth_exchange_close(x);
}

static void *session_main(void *arg)
{
    struct session *s = arg;
    char ip[32];
    snprintf(ip, sizeof ip, "10.0.%u.1", s->number / 2);
    struct auth_peer peer = rig_peer(ip);
    for (int i = 0; i < ROUNDS; i++) {
        one_round(s, &peer);
        one_scram(s, &peer);
    }
    return NULL;
}

static void many_at_once(void **state)
{
    (void)state;
    static struct rig r;
    static struct session s[SESSIONS];
    pthread_t threads[SESSIONS];
    rig_open(&r, false);
    r.config->auth_fail_delay = 3;
    r.config->attempts_per_ip = 100000;
    r.config->lock_failures = 50;
    auth_reconfigure(r.auth, r.config);
    /* the delays are by the real clock here */
    auth_free(r.auth);
    struct auth_options o = {.directory = r.directory,
                             .store = r.store,
                             .clock = clock_system(),
                             .rng = rng_system(),
                             .config = r.config};
    assert_int_equal(auth_new(&o, &r.auth), 0);
    for (unsigned i = 0; i < SESSIONS; i++) {
        s[i] = (struct session){.rig = &r, .seed = i, .number = i};
        s[i].waker.w = (struct waker){on_post, on_ref, on_unref};
        sem_init(&s[i].waker.posts, 0, 0);
        assert_int_equal(pthread_create(&threads[i], NULL, session_main, &s[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        auth_reconfigure(r.auth, r.config);
        auth_forget(r.auth, 1);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    int ok = 0, failed = 0;
    for (unsigned i = 0; i < SESSIONS; i++) {
        pthread_join(threads[i], NULL);
        ok += s[i].ok;
        failed += s[i].failed;
    }
    assert_true(ok > 0);
    assert_true(failed > 0);
    rig_close(&r); /* joins the room's threads: then every waker has been let go */
    for (unsigned i = 0; i < SESSIONS; i++)
        assert_int_equal(s[i].waker.refs, 0);
}

/* Three guesses lock, however many begin before the first of them has failed. */
static void parallel_guesses_are_no_more_guesses(void **state)
{
    (void)state;
    static struct rig r;
    enum { GUESSES = 40 };
    struct auth_exchange *x[GUESSES];
    struct span challenge;
    rig_open(&r, false);
    r.config->auth_fail_delay = 0;
    auth_reconfigure(r.auth, r.config);
    struct auth_peer peer = rig_peer("192.0.2.1");
    for (int i = 0; i < GUESSES; i++) {
        char guess[32];
        snprintf(guess, sizeof guess, "guess %d", i);
        struct span password = i == GUESSES - 1 ? RIGHT : span_str(guess);
        assert_int_equal(auth_exchange_open_password(r.auth, &peer, SPAN("alice@example.test"),
                                                     password, &r.waker.w, &x[i]),
                         0);
        assert_int_equal(auth_exchange_step(x[i], false, SPAN_EMPTY, &challenge), AUTH_WAIT);
    }
    for (int i = 0; i < GUESSES; i++) {
        assert_int_equal(rig_finish(&r, x[i], NULL), i < 3 ? ERR_AUTH_FAILED : ERR_AUTH_LOCKED);
        auth_exchange_close(x[i]);
    }
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(parallel_guesses_are_no_more_guesses),
    };
    log_setup(open("/dev/null", O_WRONLY), LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
