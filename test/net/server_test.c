/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions see of the server, over real sockets on loopback, with the echo protocol. */
#include "base/clock.h"
#include "base/err.h"
#include "server_fixture.h"

#include <pthread.h>

static void pipelining_and_quit(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    assert_true(
        client_sends(&c, "ECHO a\r\nECHO b\r\nDATA 5\r\n12345PEER\r\nQUIT\r\nECHO never\r\n"));
    assert_string_equal(client_line(&c), "a");
    assert_string_equal(client_line(&c), "b");
    assert_string_equal(client_line(&c), "GOT 5");
    assert_memory_equal(client_line(&c), "127.0.0.1 ", 10);
    assert_string_equal(client_line(&c), "BYE");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    fixture_stop(&f);
}

static void byte_at_a_time(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    const char *text = "ECHO slow\r\nTLS\r\n";
    for (size_t i = 0; text[i] != '\0'; i++) {
        assert_true(client_send(&c, span_of(text + i, 1)));
        sleep_ms(1);
    }
    assert_string_equal(client_line(&c), "slow");
    assert_string_equal(client_line(&c), "plain");
    client_close(&c);
    fixture_stop(&f);
}

static void slow_reader_gets_all_and_blocks_nobody(void **state)
{
    (void)state;
    enum { BIG = 20 * 1000 * 1000 };
    struct fixture f = {0};
    struct client slow, fast;
    fixture_start(&f, (struct server_options){.workers = 1, .loops = 1});
    for (int tls = 0; tls < 2; tls++) {
        assert_true(client_open(&slow, tls ? f.tls : f.plain));
        if (tls)
            assert_true(client_tls(&slow, NULL, NULL, 0));
        assert_string_equal(client_line(&slow), "HELLO");
        assert_true(client_sends(&slow, "BIG 20000000\r\nECHO after\r\n"));
        sleep_ms(50);
        fixture_hello(&fast, f.plain); /* the one worker is free although nobody reads */
        client_close(&fast);
        assert_true(client_skip(&slow, BIG));
        assert_string_equal(client_line(&slow), "after");
        client_close(&slow);
    }
    fixture_stop(&f);
}

static void long_input_is_held_back(void **state)
{
    (void)state;
    enum { UNITS = 60, UNIT = 200000 };
    struct fixture f = {0};
    struct client c;
    char *unit = calloc(1, UNIT);
    assert_non_null(unit);
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    for (int i = 0; i < UNITS; i++) {
        assert_true(client_sends(&c, "SLEEP 1\r\nDATA 200000\r\n"));
        assert_true(client_send(&c, span_of(unit, UNIT)));
    }
    for (int i = 0; i < UNITS; i++) {
        assert_string_equal(client_line(&c), "SLEPT");
        assert_string_equal(client_line(&c), "GOT 200000");
    }
    client_close(&c);
    fixture_stop(&f);
    free(unit);
}

static void *post_soon(void *arg)
{
    struct waker *w = arg;
    sleep_ms(20);
    w->post(w);
    w->post(w);
    w->unref(w);
    return NULL;
}

static void post_from_thread(void *arg, struct waker *w)
{
    w->ref(w);
    must(pthread_create(arg, NULL, post_soon, w) == 0);
}

static void post_at_once(void *arg, struct waker *w)
{
    (void)arg;
    w->post(w);
}

static void waits_for_wakers(void **state)
{
    (void)state;
    pthread_t poster;
    struct fixture f = {.echo = {.waiting = post_from_thread, .arg = &poster}};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    assert_true(client_sends(&c, "WAIT\r\nECHO then\r\n"));
    assert_string_equal(client_line(&c), "WAITING");
    assert_string_equal(client_line(&c), "WOKEN");
    assert_string_equal(client_line(&c), "then");
    pthread_join(poster, NULL);
    client_close(&c);
    fixture_stop(&f);

    f = (struct fixture){.echo = {.waiting = post_at_once}};
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    for (int i = 0; i < 50; i++) { /* posted before it waits: never lost */
        assert_true(client_sends(&c, "WAIT\r\n"));
        assert_string_equal(client_line(&c), "WAITING");
        assert_string_equal(client_line(&c), "WOKEN");
    }
    client_close(&c);
    fixture_stop(&f);
}

static void keep_waker(void *arg, struct waker *w)
{
    w->ref(w);
    *(struct waker **)arg = w;
}

static void some_listen_to_their_waker_between_units(void **state)
{
    (void)state;
    struct waker *kept = NULL;
    struct fixture f = {.echo = {.waiting = keep_waker, .arg = &kept}};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    assert_true(client_sends(&c, "LISTEN\r\nECHO unfini"));
    assert_string_equal(client_line(&c), "LISTENING");
    for (int i = 0; i < 50; i++) {
        kept->post(kept);
        assert_string_equal(client_line(&c), "WOKEN");
    }
    assert_true(client_sends(&c, "shed\r\n")); /* the peer is still listened to */
    assert_string_equal(client_line(&c), "unfinished");
    client_close(&c);
    fixture_stop(&f);
    kept->unref(kept);
}

static void posts_after_close_do_nothing(void **state)
{
    (void)state;
    struct waker *kept = NULL;
    struct fixture f = {.echo = {.waiting = keep_waker, .arg = &kept}};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    assert_true(client_sends(&c, "WAIT\r\n"));
    assert_string_equal(client_line(&c), "WAITING");
    client_reset(&c);
    assert_true(until(&f.echo.closed, 1));
    kept->post(kept);
    fixture_stop(&f);
    kept->post(kept);
    kept->unref(kept);
}

static void times_out(void **state)
{
    (void)state;
    struct fixture f = {.echo = {.timeout_ms = 100}};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    assert_true(client_sends(&c, "ECHO unfinished"));
    assert_string_equal(client_line(&c), "TIRED");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    fixture_hello(&c, f.plain);
    assert_true(client_sends(&c, "WAIT\r\n"));
    assert_string_equal(client_line(&c), "WAITING");
    assert_string_equal(client_line(&c), "TIRED");
    client_close(&c);
    fixture_hello(
        &c, f.plain); /* a later deadline is kept although the timer was set for the earlier */
    assert_true(client_sends(&c, "TIMEOUT 400\r\n"));
    assert_string_equal(client_line(&c), "OK");
    sleep_ms(200);
    assert_true(client_sends(&c, "ECHO still here\r\n"));
    assert_string_equal(client_line(&c), "still here");
    assert_string_equal(client_line(&c), "TIRED");
    client_close(&c);
    fixture_stop(&f);
}

static void shutdown_tells_sessions(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client idle, waiting, busy, tls;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&idle, f.plain);
    fixture_hello(&waiting, f.plain);
    fixture_hello(&busy, f.plain);
    assert_true(client_open(&tls, f.tls) && client_tls(&tls, NULL, NULL, 0));
    assert_string_equal(client_line(&tls), "HELLO");
    assert_true(client_sends(&waiting, "WAIT\r\n"));
    assert_string_equal(client_line(&waiting), "WAITING");
    assert_true(client_sends(&busy, "SLEEP 300\r\n"));
    sleep_ms(100);
    server_stop(f.server);
    assert_string_equal(client_line(&idle), "DOWN");
    assert_string_equal(client_line(&idle), "(end)");
    assert_string_equal(client_line(&waiting), "DOWN");
    assert_string_equal(client_line(&busy), "SLEPT"); /* what it did was finished */
    assert_string_equal(client_line(&busy), "DOWN");
    assert_string_equal(client_line(&tls), "DOWN");
    assert_string_equal(client_line(&tls), "(end)");
    client_close(&idle);
    client_close(&waiting);
    client_close(&busy);
    client_close(&tls);
    fixture_stop(&f);
}

static void half_close_gets_its_answers(void **state)
{
    (void)state;
    pthread_t poster;
    struct fixture f = {.echo = {.waiting = post_from_thread, .arg = &poster}};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    assert_true(client_open(&c, f.plain));
    assert_true(client_sends(&c, "ECHO a\r\nSLEEP 20\r\nWAIT\r\nECHO b\r\nECHO unfinish"));
    client_half_close(&c);
    assert_string_equal(client_line(&c), "HELLO");
    assert_string_equal(client_line(&c), "a");
    assert_string_equal(client_line(&c), "SLEPT");
    assert_string_equal(client_line(&c), "WAITING");
    assert_string_equal(client_line(&c), "WOKEN");
    assert_string_equal(client_line(&c), "b");
    assert_string_equal(client_line(&c), "(end)");
    pthread_join(poster, NULL);
    client_close(&c);
    fixture_stop(&f);
}

static void reset_during_handle(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    for (int i = 0; i < 10; i++) {
        fixture_hello(&c, f.plain);
        assert_true(client_sends(&c, "SLEEP 30\r\nBIG 1000000\r\n"));
        sleep_ms(5);
        client_reset(&c);
    }
    for (int i = 0; i < 5; i++) {
        fixture_hello(&c, f.plain);
        assert_true(client_sends(&c, "BIG 50000000\r\n"));
        assert_true(client_skip(&c, 100000));
        client_reset(&c);
    }
    assert_true(until(&f.echo.closed, 15));
    fixture_hello(&c, f.plain);
    client_close(&c);
    fixture_stop(&f);
}

static void long_work_learns_that_nobody_waits(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    for (int how = 0; how < 4; how++) {
        if (how < 2) {
            fixture_hello(&c, f.plain);
        } else {
            assert_true(client_open(&c, f.tls) && client_tls(&c, NULL, NULL, 0));
            assert_string_equal(client_line(&c), "HELLO");
        }
        assert_true(client_sends(&c, "LONG\r\n"));
        assert_true(until(&f.echo.working, 1));
        if (how == 1)
            client_reset(&c);
        else if (how < 3)
            client_close(&c);
        else
            server_stop(f.server);
        int64_t since = clock_system()->mono_ms(clock_system());
        assert_true(until(&f.echo.working, 0));
        assert_true(clock_system()->mono_ms(clock_system()) - since < 5000);
        assert_int_equal(__atomic_load_n(&f.echo.unwanted, __ATOMIC_SEQ_CST),
                         how < 3 ? ERR_CLOSED : ERR_SHUTDOWN);
    }
    client_close(&c);
    fixture_stop(&f);
}

static void refused_frames_close(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain);
    assert_true(client_sends(&c, "DATA 9999999\r\nECHO never\r\n"));
    assert_string_equal(client_line(&c), "REFUSED TOO_BIG");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    fixture_hello(&c, f.plain); /* the same found on the worker */
    assert_true(client_sends(&c, "ECHO first\r\nDATA 9999999\r\nECHO never\r\n"));
    assert_string_equal(client_line(&c), "first");
    assert_string_equal(client_line(&c), "REFUSED TOO_BIG");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    fixture_stop(&f);
}

static void many_at_once(void **state)
{
    (void)state;
    enum { MANY = 200 };
    struct fixture f = {0};
    static struct client c[MANY];
    struct server_stats stats;
    fixture_start(&f, (struct server_options){0});
    for (int i = 0; i < MANY; i++)
        assert_true(client_open(&c[i], f.plain));
    for (int i = 0; i < MANY; i++)
        assert_true(
            client_sends(&c[i], i % 2 ? "AUTH\r\nECHO x\r\nECHO y\r\n" : "TLS\r\nECHO x\r\n"));
    for (int i = 0; i < MANY; i++) {
        assert_string_equal(client_line(&c[i]), "HELLO");
        assert_string_equal(client_line(&c[i]), i % 2 ? "OK" : "plain");
        assert_string_equal(client_line(&c[i]), "x");
    }
    server_stats(f.server, &stats);
    assert_int_equal(stats.conns, MANY);
    for (int i = 0; i < MANY; i++)
        client_close(&c[i]);
    fixture_stop(&f);
}

static void count_up(void *arg)
{
    __atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

static void timers_run_on_workers(void **state)
{
    (void)state;
    struct fixture f = {0};
    int soon = 0, never = 0;
    fixture_make(&f, (struct server_options){0});
    assert_int_equal(server_after(f.server, 0, count_up, &soon), 0); /* before it runs */
    assert_int_equal(pthread_create(&f.thread, NULL, fixture_run, &f), 0);
    assert_int_equal(server_after(f.server, 20, count_up, &soon), 0);
    assert_int_equal(server_after(f.server, 3600000, count_up, &never), 0);
    assert_true(until(&soon, 2));
    fixture_stop(&f);
    assert_int_equal(never, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelining_and_quit),
        cmocka_unit_test(byte_at_a_time),
        cmocka_unit_test(slow_reader_gets_all_and_blocks_nobody),
        cmocka_unit_test(long_input_is_held_back),
        cmocka_unit_test(waits_for_wakers),
        cmocka_unit_test(some_listen_to_their_waker_between_units),
        cmocka_unit_test(posts_after_close_do_nothing),
        cmocka_unit_test(times_out),
        cmocka_unit_test(shutdown_tells_sessions),
        cmocka_unit_test(half_close_gets_its_answers),
        cmocka_unit_test(reset_during_handle),
        cmocka_unit_test(long_work_learns_that_nobody_waits),
        cmocka_unit_test(refused_frames_close),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(timers_run_on_workers),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
