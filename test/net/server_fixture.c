/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture of the tests of the whole server; see server_fixture.h. */
#include "server_fixture.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

struct certs fixture_certs;

struct listener_options fixture_listener(struct fixture *f, bool tls)
{
    return (struct listener_options){
        .protocol = "echo",
        .tls = tls,
        .tls_possible = !tls,
        .open_gauge = METRIC_CONN_OPEN_POP3,
        .make = echo_session_new,
        .arg = &f->echo,
        .busy = SPAN("BUSY try later\r\n"),
    };
}

void *fixture_run(void *arg)
{
    struct fixture *f = arg;
    must(server_run(f->server) == 0);
    return NULL;
}

void fixture_make(struct fixture *f, struct server_options o)
{
    o.clock = clock_system();
    o.rng = rng_system();
    if (o.loops == 0)
        o.loops = 2;
    if (o.workers == 0)
        o.workers = 4;
    if (o.conn_max == 0)
        o.conn_max = 1000;
    if (o.conn_per_ip == 0)
        o.conn_per_ip = 1000;
    assert_int_equal(server_new(&o, &f->server), 0);
    struct tls_context *t = certs_context(
        &fixture_certs, (const char *const[]){"one.test", "two.test"}, 2, false, NULL);
    server_set_tls(f->server, t);
    tls_context_unref(t);
    struct listener_options plain = fixture_listener(f, false), tls = fixture_listener(f, true);
    assert_int_equal(server_listen(f->server, "127.0.0.1:0", &plain, NULL, &f->plain), 0);
    assert_int_equal(server_listen(f->server, "127.0.0.1:0", &tls, NULL, &f->tls), 0);
    assert_true(f->plain != 0 && f->tls != 0);
}

void fixture_start(struct fixture *f, struct server_options o)
{
    fixture_make(f, o);
    assert_int_equal(pthread_create(&f->thread, NULL, fixture_run, f), 0);
}

void fixture_stop(struct fixture *f)
{
    server_stop(f->server);
    pthread_join(f->thread, NULL);
    server_free(f->server);
    assert_int_equal(f->echo.opened, f->echo.closed);
    assert_int_equal(metric_get(METRIC_CONN_OPEN_POP3), 0);
    assert_int_equal(metric_get(METRIC_WORKER_QUEUE), 0);
}

void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

bool until(int *counter, int value)
{
    for (int i = 0; i < 1000; i++) {
        if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) == value)
            return true;
        sleep_ms(10);
    }
    return false;
}

void fixture_hello(struct client *c, uint16_t port)
{
    assert_true(client_open(c, port));
    assert_string_equal(client_line(c), "HELLO");
}

int fixture_set_up(void **state)
{
    (void)state;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const char *verbose = getenv("MAILSTEAD_TEST_LOG");
    log_setup(verbose != NULL ? 2 : null, LOG_DEBUG, LOG_LOGFMT);
    certs_init(&fixture_certs);
    certs_make(&fixture_certs, "one.test", "DNS:one.test", 10);
    certs_make(&fixture_certs, "two.test", "DNS:two.test,DNS:*.two.test", 10);
    return 0;
}

int fixture_tear_down(void **state)
{
    (void)state;
    certs_done(&fixture_certs);
    return 0;
}
