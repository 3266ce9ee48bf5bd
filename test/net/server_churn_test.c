/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once: connections that are reset, half-closed, posted to, timed out and shut down while
 * they are read from, worked on and written to. What is tested is that each session is opened and
 * closed once and that no thread touches what another one has freed: the sanitizers tell. */
#include "server_fixture.h"

#include <sys/socket.h>

enum { CLIENTS = 12, SECONDS = 2, PATIENCE = 60, ENOUGH = 100 };

struct churn {
    struct fixture f;
    int over;  /* atomic */
    int lines; /* atomic: answers that were as they had to be */
};

struct churner {
    struct churn *x;
    uint32_t random;
    pthread_t thread;
};

static uint32_t draw(struct churner *c, uint32_t below)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 17;
    c->random ^= c->random << 5;
    return c->random % below;
}

static void *post_twice(void *arg)
{
    struct waker *w = arg;
    w->post(w);
    sched_yield();
    w->post(w);
    w->unref(w);
    return NULL;
}

/* By a thread, which may be later than the session's end. */
static void post_somehow(void *arg, struct waker *w)
{
    pthread_attr_t detached;
    pthread_t t;
    (void)arg;
    w->ref(w);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&t, &detached, post_twice, w) != 0)
        post_twice(w);
    pthread_attr_destroy(&detached);
}

/* Some answers never come. */
static bool is_impatient(struct client *c)
{
    struct timeval t = {.tv_usec = 20000};
    return setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0;
}

static void say(struct churner *me, struct client *c, const char *text, const char *answer)
{
    if (client_sends(c, text) && strcmp(client_line(c), answer) == 0)
        __atomic_add_fetch(&me->x->lines, 1, __ATOMIC_RELAXED);
}

static void act(struct churner *me, struct client *c)
{
    char piece[3000];
    memset(piece, 'x', sizeof piece);
    switch (draw(me, 9)) {
    case 0: say(me, c, "WAIT\r\n", "WAITING"); break;
    case 1: (void)client_sends(c, "WAIT\r\n"); break; /* and leave, or say more */
    case 2: say(me, c, "AUTH\r\n", "OK"); break;
    case 3: (void)client_sends(c, "BIG 300000\r\n"); break; /* and do not read */
    case 4: say(me, c, "TIMEOUT 3\r\n", "OK"); break;
    case 5: /* half of a unit */
        (void)(client_sends(c, "DATA 9000\r\n") && client_send(c, span_of(piece, sizeof piece)));
        break;
    case 6: client_half_close(c); break;
    case 7: (void)client_sends(c, "SLEEP 3\r\nECHO a\r\nECHO b\r\n"); break;
    default: say(me, c, "ECHO still\r\n", "still"); break;
    }
}

static void *churn(void *arg)
{
    struct churner *me = arg;
    const struct fixture *f = &me->x->f;
    while (__atomic_load_n(&me->x->over, __ATOMIC_RELAXED) == 0) {
        struct client c;
        bool tls = draw(me, 4) == 0;
        bool open = client_open(&c, tls ? f->tls : f->plain) && is_impatient(&c) &&
                    (!tls || draw(me, 8) == 0 || client_tls(&c, NULL, NULL, 0));
        if (open && draw(me, 8) != 0)
            open = strcmp(client_line(&c), "HELLO") == 0;
        for (uint32_t n = draw(me, 5); open && n > 0; n--)
            act(me, &c);
        if (draw(me, 3) == 0)
            client_reset(&c);
        else
            client_close(&c);
    }
    return NULL;
}

static void run(struct server_options options)
{
    static struct churner all[CLIENTS];
    struct churn x = {.f.echo = {.waiting = post_somehow}};
    options.workers = 3;
    options.loops = 2;
    options.times.linger_ms = 20;
    fixture_start(&x.f, options);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        all[i] = (struct churner){.x = &x, .random = 88172645 + i * 7919};
        assert_int_equal(pthread_create(&all[i].thread, NULL, churn, &all[i]), 0);
    }
    for (int passed = 0;
         passed < SECONDS ||
         (passed < PATIENCE && __atomic_load_n(&x.lines, __ATOMIC_RELAXED) <= ENOUGH);
         passed++)
        sleep_ms(1000);
    server_stop(x.f.server); /* in the middle of it */
    __atomic_store_n(&x.over, 1, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < CLIENTS; i++)
        pthread_join(all[i].thread, NULL);
    fixture_stop(&x.f); /* opened as often as closed, no connection left, no work queued */
    assert_true(x.lines > ENOUGH);
}

static void nothing_is_lost_or_freed_twice(void **state)
{
    (void)state;
    run((struct server_options){0});
}

static void nor_where_some_make_room(void **state)
{
    (void)state;
    int64_t yielded = metric_get(METRIC_CONN_YIELDED);
    run((struct server_options){.conn_max = CLIENTS - 4, .times.yield_ms = 1});
    assert_true(metric_get(METRIC_CONN_YIELDED) > yielded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_or_freed_twice),
        cmocka_unit_test(nor_where_some_make_room),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
