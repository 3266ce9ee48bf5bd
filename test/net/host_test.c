/* SPDX-License-Identifier: Apache-2.0 */
#include "echo.h"
#include "host.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct host *open_host(struct echo_server *server, enum host_cut cut)
{
    struct host_options o = {.tls_possible = true, .cut = cut, .seed = 7, .wait_ms = 2000};
    struct host *h = host_new(echo_session_new(server), &o);
    assert_non_null(h);
    host_expect(h, "HELLO");
    return h;
}

static void pipelines_however_cut(void **state)
{
    (void)state;
    for (enum host_cut cut = HOST_WHOLE; cut <= HOST_RANDOM; cut++) {
        struct echo_server server = {0};
        struct host *h = open_host(&server, cut);
        host_sends(h, "ECHO a\r\nECHO b\r\nDATA 10\r\n0123456789TLS\r\nQUIT\r\nECHO c\r\n");
        host_expect(h, "a");
        host_expect(h, "b");
        host_expect(h, "GOT 10");
        host_expect(h, "plain");
        host_expect(h, "BYE");
        host_expect_closed(h);
        host_free(h);
        assert_int_equal(server.closed, 1);
    }
}

static void starttls_throws_plaintext_away(void **state)
{
    (void)state;
    for (enum host_cut cut = HOST_WHOLE; cut <= HOST_RANDOM; cut++) {
        struct echo_server server = {0};
        struct host *h = open_host(&server, cut);
        host_sends(h, "STARTTLS\r\nECHO injected\r\n");
        host_expect(h, "GO");
        host_expect_silence(h);
        assert_int_equal(host_discarded(h), 15);
        host_sends(h, "TLS\r\n");
        host_expect(h, "TLSv1.3");
        host_free(h);
    }
}

static void a_killed_server_says_nothing_more(void **state)
{
    (void)state;
    struct echo_server server = {0};
    bool killed = false;
    struct host_options o = {.killed = &killed};
    struct host *h = host_new(echo_session_new(&server), &o);
    host_expect(h, "HELLO");
    host_sends(h, "ECHO a\r\n");
    killed = true; /* what was said before it arrives */
    host_sends(h, "ECHO b\r\nQUIT\r\n");
    host_expect(h, "a");
    host_expect_closed(h);
    assert_int_equal(server.closed, 1);
    host_free(h);
}

static void more_loops_until_all_is_out(void **state)
{
    (void)state;
    struct echo_server server = {0};
    struct host *h = open_host(&server, HOST_WHOLE);
    host_sends(h, "BIG 3000000\r\nECHO after\r\n");
    assert_int_equal(host_output(h).n, 3000000 + 7);
    host_free(h);
}

static void *post_later(void *arg)
{
    struct waker *w = arg;
    w->post(w);
    w->unref(w);
    return NULL;
}

static void start_poster(void *arg, struct waker *w)
{
    w->ref(w);
    assert_int_equal(pthread_create(arg, NULL, post_later, w), 0);
}

static void waits_for_the_waker(void **state)
{
    (void)state;
    pthread_t poster;
    struct echo_server server = {.waiting = start_poster, .arg = &poster};
    struct host *h = open_host(&server, HOST_WHOLE);
    host_sends(h, "WAIT\r\nECHO after\r\n");
    host_expect(h, "WAITING");
    host_expect(h, "WOKEN");
    host_expect(h, "after");
    pthread_join(poster, NULL);
    host_free(h);
}

static void listens_to_the_waker_between_units(void **state)
{
    (void)state;
    struct echo_server server = {0};
    struct host *h = open_host(&server, HOST_WHOLE);
    struct waker *w = host_session(h)->waker;
    w->post(w);
    host_sends(h, "ECHO a\r\n"); /* who does not listen hears nothing */
    host_expect(h, "a");
    host_expect_silence(h);
    host_sends(h, "LISTEN\r\n");
    host_expect(h, "LISTENING");
    host_expect(h, "WOKEN"); /* of the post before: harmless */
    assert_false(host_wait(h, 1));
    w->post(w);
    assert_true(host_wait(h, 1000));
    host_expect(h, "WOKEN");
    host_sends(h, "ECHO b\r\n");
    host_expect(h, "b");
    host_free(h);
}

static void waiting_can_time_out_or_be_shut_down(void **state)
{
    (void)state;
    struct clock_fake clock;
    clock_fake_init(&clock, 1000);
    struct echo_server server = {.timeout_ms = 5000};
    struct host_options o = {.fake = &clock, .wait_ms = -1};
    struct host *h = host_new(echo_session_new(&server), &o);
    host_expect(h, "HELLO");
    host_sends(h, "WAIT\r\nECHO kept\r\n");
    host_expect(h, "WAITING");
    assert_true(host_waiting(h));
    assert_false(host_wait(h, 10));
    host_session(h)->waker->post(host_session(h)->waker);
    assert_true(host_wait(h, 1000));
    host_expect(h, "WOKEN");
    host_expect(h, "kept");
    host_timeout(h);
    assert_int_equal(clock.clock.wall_ms(&clock.clock), 6000);
    host_expect(h, "TIRED");
    host_expect_closed(h);
    host_free(h);

    h = open_host(&server, HOST_WHOLE);
    host_shutdown(h);
    host_expect(h, "DOWN");
    host_expect_closed(h);
    host_free(h);
}

static void refuses_and_half_closes(void **state)
{
    (void)state;
    struct echo_server server = {0};
    struct host *h = open_host(&server, HOST_BYTES);
    host_sends(h, "DATA 999999\r\nECHO x\r\n");
    host_expect(h, "REFUSED TOO_BIG");
    host_expect_closed(h);
    host_free(h);

    h = open_host(&server, HOST_WHOLE);
    host_sends(h, "ECHO a\r\nECHO unfinish");
    host_expect(h, "a");
    assert_false(host_closed(h));
    host_eof(h);
    host_expect_closed(h);
    host_free(h);
    assert_int_equal(server.opened, server.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelines_however_cut),
        cmocka_unit_test(a_killed_server_says_nothing_more),
        cmocka_unit_test(starttls_throws_plaintext_away),
        cmocka_unit_test(more_loops_until_all_is_out),
        cmocka_unit_test(waits_for_the_waker),
        cmocka_unit_test(listens_to_the_waker_between_units),
        cmocka_unit_test(waiting_can_time_out_or_be_shut_down),
        cmocka_unit_test(refuses_and_half_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
