/* SPDX-License-Identifier: Apache-2.0 */
/* The whole server over real sockets on loopback, with the echo protocol. */
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "certs.h"
#include "client.h"
#include "echo.h"
#include "net/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BUSY "BUSY try later\r\n"

struct fixture {
    struct echo_server echo;
    struct server *server;
    pthread_t thread;
    uint16_t plain, tls;
};

static struct certs certs;

static struct listener_options listener(struct fixture *f, bool tls)
{
    return (struct listener_options){
        .protocol = "echo",
        .tls = tls,
        .tls_possible = !tls,
        .open_gauge = METRIC_CONN_OPEN_POP3,
        .make = echo_session_new,
        .arg = &f->echo,
        .busy = SPAN(BUSY),
    };
}

static void *run_server(void *arg)
{
    struct fixture *f = arg;
    must(server_run(f->server) == 0);
    return NULL;
}

static void make(struct fixture *f, struct server_options o)
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
    struct tls_context *t =
        certs_context(&certs, (const char *const[]){"one.test", "two.test"}, 2, false, NULL);
    server_set_tls(f->server, t);
    tls_context_unref(t);
    struct listener_options plain = listener(f, false), tls = listener(f, true);
    assert_int_equal(server_listen(f->server, "127.0.0.1:0", &plain, NULL, &f->plain), 0);
    assert_int_equal(server_listen(f->server, "127.0.0.1:0", &tls, NULL, &f->tls), 0);
    assert_true(f->plain != 0 && f->tls != 0);
}

static void start(struct fixture *f, struct server_options o)
{
    make(f, o);
    assert_int_equal(pthread_create(&f->thread, NULL, run_server, f), 0);
}

static void stop(struct fixture *f)
{
    server_stop(f->server);
    pthread_join(f->thread, NULL);
    server_free(f->server);
    assert_int_equal(f->echo.opened, f->echo.closed);
    assert_int_equal(metric_get(METRIC_CONN_OPEN_POP3), 0);
    assert_int_equal(metric_get(METRIC_WORKER_QUEUE), 0);
}

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static bool until(int *counter, int value)
{
    for (int i = 0; i < 1000; i++) {
        if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) == value)
            return true;
        sleep_ms(10);
    }
    return false;
}

static void hello(struct client *c, uint16_t port)
{
    assert_true(client_open(c, port));
    assert_string_equal(client_line(c), "HELLO");
}

static void pipelining_and_quit(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    start(&f, (struct server_options){0});
    hello(&c, f.plain);
    assert_true(
        client_sends(&c, "ECHO a\r\nECHO b\r\nDATA 5\r\n12345PEER\r\nQUIT\r\nECHO never\r\n"));
    assert_string_equal(client_line(&c), "a");
    assert_string_equal(client_line(&c), "b");
    assert_string_equal(client_line(&c), "GOT 5");
    assert_memory_equal(client_line(&c), "127.0.0.1 ", 10);
    assert_string_equal(client_line(&c), "BYE");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    stop(&f);
}

static void byte_at_a_time(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    start(&f, (struct server_options){0});
    hello(&c, f.plain);
    const char *text = "ECHO slow\r\nTLS\r\n";
    for (size_t i = 0; text[i] != '\0'; i++) {
        assert_true(client_send(&c, span_of(text + i, 1)));
        sleep_ms(1);
    }
    assert_string_equal(client_line(&c), "slow");
    assert_string_equal(client_line(&c), "plain");
    client_close(&c);
    stop(&f);
}

static void starttls_discards_injected_plaintext(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    start(&f, (struct server_options){0});
    for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
        hello(&c, f.plain);
        assert_true(client_sends(&c, "STARTTLS\r\nECHO injected\r\nECHO twice\r\n"));
        assert_string_equal(client_line(&c), "GO");
        assert_true(client_tls(&c, "two.test", NULL, max));
        assert_true(client_sends(&c, "TLS\r\nSTARTTLS\r\nQUIT\r\n"));
        assert_string_equal(client_line(&c),
                            max == TLS1_2_VERSION ? "TLSv1.2 two.test" : "TLSv1.3 two.test");
        assert_string_equal(client_line(&c), "WHAT"); /* no second one */
        assert_string_equal(client_line(&c), "BYE");
        assert_string_equal(client_line(&c), "(end)"); /* with close_notify */
        client_close(&c);
    }
    stop(&f);
}

static void peer_name(struct client *c, char *to, size_t size)
{
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    assert_non_null(x);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, to, (int)size);
    X509_free(x);
}

static void implicit_tls_and_sni(void **state)
{
    (void)state;
    static const struct {
        const char *sni, *cert;
    } rows[] = {{NULL, "one.test"},          {"one.test", "one.test"},
                {"two.test", "two.test"},    {"TWO.test", "two.test"},
                {"mx.two.test", "two.test"}, {"a.b.two.test", "one.test"},
                {"other.test", "one.test"}};
    struct fixture f = {0};
    start(&f, (struct server_options){0});
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct client c;
        char name[100];
        assert_true(client_open(&c, f.tls));
        assert_true(client_tls(&c, rows[i].sni, NULL, 0));
        peer_name(&c, name, sizeof name);
        assert_string_equal(name, rows[i].cert);
        assert_string_equal(client_line(&c), "HELLO");
        assert_true(client_sends(&c, "TLS\r\nQUIT\r\n"));
        assert_memory_equal(client_line(&c), "TLSv1.3 ", 8);
        assert_string_equal(client_line(&c), "BYE");
        client_close(&c);
    }
    stop(&f);
}

static void bad_handshakes_end(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    int64_t failed = metric_get(METRIC_TLS_FAILED);
    start(&f, (struct server_options){0});
    assert_true(client_open(&c, f.tls));
    assert_false(client_tls(&c, NULL, NULL, TLS1_1_VERSION));
    client_close(&c);
    assert_true(client_open(&c, f.tls));
    assert_true(client_sends(&c, "EHLO what.is.this\r\n"));
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    stop(&f);
    assert_int_equal(metric_get(METRIC_TLS_FAILED) - failed, 2);
    assert_int_equal(f.echo.opened, 0);
}

static void resumes_across_reload(void **state)
{
    (void)state;
    static const char *const names[] = {"one.test", "two.test"};
    for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
        struct fixture f = {0};
        struct client c, again;
        start(&f, (struct server_options){0});
        struct tls_context *first = certs_context(&certs, names, 2, false, NULL);
        server_set_tls(f.server, first);
        assert_true(client_open(&c, f.tls) && client_tls(&c, "two.test", NULL, max));
        assert_string_equal(client_line(&c), "HELLO");
        assert_non_null(c.ticket);

        struct tls_context *second = certs_context(&certs, names, 2, false, first);
        server_set_tls(f.server, second);
        assert_true(client_sends(&c, "ECHO old connection lives\r\n"));
        assert_string_equal(client_line(&c), "old connection lives");
        assert_true(client_open(&again, f.tls) && client_tls(&again, "two.test", c.ticket, max));
        assert_int_equal(SSL_session_reused(again.ssl), 1);
        assert_string_equal(client_line(&again), "HELLO");
        client_close(&again);
        client_close(&c);
        stop(&f);
        tls_context_unref(first);
        tls_context_unref(second);
    }
}

static void slow_reader_gets_all_and_blocks_nobody(void **state)
{
    (void)state;
    enum { BIG = 20 * 1000 * 1000 };
    struct fixture f = {0};
    struct client slow, fast;
    start(&f, (struct server_options){.workers = 1, .loops = 1});
    for (int tls = 0; tls < 2; tls++) {
        assert_true(client_open(&slow, tls ? f.tls : f.plain));
        if (tls)
            assert_true(client_tls(&slow, NULL, NULL, 0));
        assert_string_equal(client_line(&slow), "HELLO");
        assert_true(client_sends(&slow, "BIG 20000000\r\nECHO after\r\n"));
        sleep_ms(50);
        hello(&fast, f.plain); /* the one worker is free although nobody reads */
        client_close(&fast);
        assert_true(client_skip(&slow, BIG));
        assert_string_equal(client_line(&slow), "after");
        client_close(&slow);
    }
    stop(&f);
}

static void long_input_is_held_back(void **state)
{
    (void)state;
    enum { UNITS = 60, UNIT = 200000 };
    struct fixture f = {0};
    struct client c;
    char *unit = calloc(1, UNIT);
    assert_non_null(unit);
    start(&f, (struct server_options){0});
    hello(&c, f.plain);
    for (int i = 0; i < UNITS; i++) {
        assert_true(client_sends(&c, "SLEEP 1\r\nDATA 200000\r\n"));
        assert_true(client_send(&c, span_of(unit, UNIT)));
    }
    for (int i = 0; i < UNITS; i++) {
        assert_string_equal(client_line(&c), "SLEPT");
        assert_string_equal(client_line(&c), "GOT 200000");
    }
    client_close(&c);
    stop(&f);
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
    start(&f, (struct server_options){0});
    hello(&c, f.plain);
    assert_true(client_sends(&c, "WAIT\r\nECHO then\r\n"));
    assert_string_equal(client_line(&c), "WAITING");
    assert_string_equal(client_line(&c), "WOKEN");
    assert_string_equal(client_line(&c), "then");
    pthread_join(poster, NULL);
    client_close(&c);
    stop(&f);

    f = (struct fixture){.echo = {.waiting = post_at_once}};
    start(&f, (struct server_options){0});
    hello(&c, f.plain);
    for (int i = 0; i < 50; i++) { /* posted before it waits: never lost */
        assert_true(client_sends(&c, "WAIT\r\n"));
        assert_string_equal(client_line(&c), "WAITING");
        assert_string_equal(client_line(&c), "WOKEN");
    }
    client_close(&c);
    stop(&f);
}

static void keep_waker(void *arg, struct waker *w)
{
    w->ref(w);
    *(struct waker **)arg = w;
}

static void posts_after_close_do_nothing(void **state)
{
    (void)state;
    struct waker *kept = NULL;
    struct fixture f = {.echo = {.waiting = keep_waker, .arg = &kept}};
    struct client c;
    start(&f, (struct server_options){0});
    hello(&c, f.plain);
    assert_true(client_sends(&c, "WAIT\r\n"));
    assert_string_equal(client_line(&c), "WAITING");
    client_reset(&c);
    assert_true(until(&f.echo.closed, 1));
    kept->post(kept);
    stop(&f);
    kept->post(kept);
    kept->unref(kept);
}

static void times_out(void **state)
{
    (void)state;
    struct fixture f = {.echo = {.timeout_ms = 100}};
    struct client c;
    start(&f, (struct server_options){0});
    hello(&c, f.plain);
    assert_true(client_sends(&c, "ECHO unfinished"));
    assert_string_equal(client_line(&c), "TIRED");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    hello(&c, f.plain);
    assert_true(client_sends(&c, "WAIT\r\n"));
    assert_string_equal(client_line(&c), "WAITING");
    assert_string_equal(client_line(&c), "TIRED");
    client_close(&c);
    hello(&c, f.plain); /* a later deadline is kept although the timer was set for the earlier */
    assert_true(client_sends(&c, "TIMEOUT 400\r\n"));
    assert_string_equal(client_line(&c), "OK");
    sleep_ms(200);
    assert_true(client_sends(&c, "ECHO still here\r\n"));
    assert_string_equal(client_line(&c), "still here");
    assert_string_equal(client_line(&c), "TIRED");
    client_close(&c);
    stop(&f);
}

static void shutdown_tells_sessions(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client idle, waiting, busy, tls;
    start(&f, (struct server_options){0});
    hello(&idle, f.plain);
    hello(&waiting, f.plain);
    hello(&busy, f.plain);
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
    stop(&f);
}

static void limits_send_the_busy_line(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client a, b, c;
    int64_t full = metric_get(METRIC_CONN_REFUSED_FULL);
    start(&f, (struct server_options){.conn_max = 2});
    hello(&a, f.plain);
    hello(&b, f.plain);
    assert_true(client_open(&c, f.plain));
    assert_string_equal(client_line(&c), "BUSY try later");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    assert_true(client_open(&c, f.tls));
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    assert_true(client_sends(&a, "ECHO untouched\r\n"));
    assert_string_equal(client_line(&a), "untouched");
    client_close(&b);
    assert_true(until(&f.echo.closed, 1));
    sleep_ms(50);
    hello(&b, f.plain); /* there is room again */
    client_close(&a);
    client_close(&b);
    stop(&f);
    assert_int_equal(metric_get(METRIC_CONN_REFUSED_FULL) - full, 2);

    int64_t peer = metric_get(METRIC_CONN_REFUSED_PEER);
    f = (struct fixture){0};
    start(&f, (struct server_options){.conn_per_ip = 1});
    hello(&a, f.plain);
    assert_true(client_open(&b, f.plain));
    assert_string_equal(client_line(&b), "BUSY try later");
    client_close(&a);
    client_close(&b);
    stop(&f);
    assert_int_equal(metric_get(METRIC_CONN_REFUSED_PEER) - peer, 1);
}

static void out_of_descriptors(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c, d;
    struct rlimit before, tight;
    start(&f, (struct server_options){0});
    hello(&c, f.plain); /* the server is up */
    int next = dup(0);
    assert_true(next > 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)next + 1; /* one more: the client's own */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(client_open(&d, f.plain));
        assert_string_equal(client_line(&d), "BUSY try later");
        client_close(&d);
        assert_true(client_sends(&c, "ECHO here\r\n"));
        assert_string_equal(client_line(&c), "here");
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    hello(&d, f.plain);
    client_close(&d);
    client_close(&c);
    stop(&f);
}

static void half_close_gets_its_answers(void **state)
{
    (void)state;
    pthread_t poster;
    struct fixture f = {.echo = {.waiting = post_from_thread, .arg = &poster}};
    struct client c;
    start(&f, (struct server_options){0});
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
    stop(&f);
}

static void reset_during_handle(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    start(&f, (struct server_options){0});
    for (int i = 0; i < 10; i++) {
        hello(&c, f.plain);
        assert_true(client_sends(&c, "SLEEP 30\r\nBIG 1000000\r\n"));
        sleep_ms(5);
        client_reset(&c);
    }
    for (int i = 0; i < 5; i++) {
        hello(&c, f.plain);
        assert_true(client_sends(&c, "BIG 50000000\r\n"));
        assert_true(client_skip(&c, 100000));
        client_reset(&c);
    }
    assert_true(until(&f.echo.closed, 15));
    hello(&c, f.plain);
    client_close(&c);
    stop(&f);
}

static void refused_frames_close(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    start(&f, (struct server_options){0});
    hello(&c, f.plain);
    assert_true(client_sends(&c, "DATA 9999999\r\nECHO never\r\n"));
    assert_string_equal(client_line(&c), "REFUSED TOO_BIG");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    hello(&c, f.plain); /* the same found on the worker */
    assert_true(client_sends(&c, "ECHO first\r\nDATA 9999999\r\nECHO never\r\n"));
    assert_string_equal(client_line(&c), "first");
    assert_string_equal(client_line(&c), "REFUSED TOO_BIG");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    stop(&f);
}

static void many_at_once(void **state)
{
    (void)state;
    enum { MANY = 200 };
    struct fixture f = {0};
    static struct client c[MANY];
    struct server_stats stats;
    start(&f, (struct server_options){0});
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
    stop(&f);
}

static void proxy_headers(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c, d;
    struct ip_net loopback;
    assert_true(ip_net_parse(SPAN("127.0.0.0/8"), &loopback));
    start(&f,
          (struct server_options){.proxy_from = &loopback, .proxy_from_n = 1, .conn_per_ip = 1});
    assert_true(client_open(&c, f.plain));
    assert_true(client_sends(&c, "PROXY TCP4 192.0.2.55 192.0.2.1 4321 25\r\nPEER\r\n"));
    assert_string_equal(client_line(&c), "HELLO");
    assert_string_equal(client_line(&c), "192.0.2.55 4321");
    assert_true(client_open(&d, f.plain)); /* limits count the client, not the proxy */
    assert_true(client_sends(&d, "PROXY TCP4 192.0.2.55 192.0.2.1 4322 25\r\nPEER\r\n"));
    assert_string_equal(client_line(&d), "BUSY try later");
    assert_string_equal(client_line(&d), "(end)");
    client_close(&d);
    assert_true(client_open(&d, f.tls));
    assert_true(client_sends(&d, "PROXY TCP6 2001:db8::7 2001:db8::1 5 995\r\n"));
    assert_true(client_tls(&d, NULL, NULL, 0));
    assert_string_equal(client_line(&d), "HELLO");
    assert_true(client_sends(&d, "PEER\r\n"));
    assert_string_equal(client_line(&d), "2001:db8::7 5");
    client_close(&d);
    assert_true(client_open(&d, f.plain)); /* mandatory */
    assert_true(client_sends(&d, "ECHO no header\r\n"));
    assert_string_equal(client_line(&d), "(end)");
    client_close(&d);
    assert_true(client_open(&d, f.plain));
    assert_true(client_send(&d, SPAN("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0PEER\r\n")));
    assert_string_equal(client_line(&d), "HELLO");
    assert_memory_equal(client_line(&d), "127.0.0.1 ", 10);
    client_close(&d);
    client_close(&c);
    stop(&f);
}

static void unix_sockets(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    struct stat st;
    struct buf why;
    char path[100], address[110];
    snprintf(path, sizeof path, "%s/echo.sock", certs.dir);
    snprintf(address, sizeof address, "unix:%s", path);
    buf_init(&why, 500);

    struct sockaddr_un a = {.sun_family = AF_UNIX}; /* left by a server that was killed */
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&a, sizeof a), 0);
    close(stale);

    make(&f, (struct server_options){.conn_max = 1, .conn_per_ip = 1});
    struct listener_options o = listener(&f, false);
    assert_int_equal(server_listen(f.server, address, &o, &why, NULL), 0);
    assert_int_equal(server_listen(f.server, address, &o, &why, NULL), ERR_IN_USE);
    assert_true(span_find(buf_span(&why), SPAN("echo.sock")) > 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(pthread_create(&f.thread, NULL, run_server, &f), 0);
    struct client others[3];
    for (size_t i = 0; i < COUNT_OF(others); i++) { /* no limits here */
        assert_true(client_open_unix(&others[i], path));
        assert_string_equal(client_line(&others[i]), "HELLO");
    }
    assert_true(client_open(&c, f.plain));
    assert_string_equal(client_line(&c), "HELLO");
    client_close(&c);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        client_close(&others[i]);
    stop(&f);
    assert_int_not_equal(stat(path, &st), 0);
    buf_done(&why);
}

static void listen_errors_in_words(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "25",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:70000",
                                      "::1:25",
                                      "[127.0.0.1]:25",
                                      "host:25",
                                      "[::1:25",
                                      "*",
                                      "unix:"};
    struct fixture f = {0};
    struct buf why;
    char address[40];
    uint16_t port = 0;
    buf_init(&why, 2000);
    make(&f, (struct server_options){0});
    struct listener_options o = listener(&f, false);
    snprintf(address, sizeof address, "127.0.0.1:%u", f.plain);
    assert_int_equal(server_listen(f.server, address, &o, &why, NULL), ERR_IN_USE);
    assert_true(span_starts(buf_span(&why), SPAN("cannot listen on 127.0.0.1:")));
    assert_true(span_find(buf_span(&why), SPAN("another program uses this port")) > 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        buf_clear(&why);
        assert_int_equal(server_listen(f.server, bad[i], &o, &why, NULL), ERR_INVALID);
        assert_true(why.n > 10);
    }
    assert_int_equal(server_listen(f.server, "203.0.113.77:0", &o, &why, NULL), ERR_INVALID);
    assert_int_equal(server_listen(f.server, "*:0", &o, &why, &port), 0);
    assert_true(port != 0);
    buf_done(&why);
    server_free(f.server); /* never run */
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
    make(&f, (struct server_options){0});
    assert_int_equal(server_after(f.server, 0, count_up, &soon), 0); /* before it runs */
    assert_int_equal(pthread_create(&f.thread, NULL, run_server, &f), 0);
    assert_int_equal(server_after(f.server, 20, count_up, &soon), 0);
    assert_int_equal(server_after(f.server, 3600000, count_up, &never), 0);
    assert_true(until(&soon, 2));
    stop(&f);
    assert_int_equal(never, 0);
}

static int set_up(void **state)
{
    (void)state;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const char *verbose = getenv("MAILSTEAD_TEST_LOG");
    log_setup(verbose != NULL ? 2 : null, LOG_DEBUG, LOG_LOGFMT);
    certs_init(&certs);
    certs_make(&certs, "one.test", "DNS:one.test", 10);
    certs_make(&certs, "two.test", "DNS:two.test,DNS:*.two.test", 10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_done(&certs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelining_and_quit),
        cmocka_unit_test(byte_at_a_time),
        cmocka_unit_test(starttls_discards_injected_plaintext),
        cmocka_unit_test(implicit_tls_and_sni),
        cmocka_unit_test(bad_handshakes_end),
        cmocka_unit_test(resumes_across_reload),
        cmocka_unit_test(slow_reader_gets_all_and_blocks_nobody),
        cmocka_unit_test(long_input_is_held_back),
        cmocka_unit_test(waits_for_wakers),
        cmocka_unit_test(posts_after_close_do_nothing),
        cmocka_unit_test(times_out),
        cmocka_unit_test(shutdown_tells_sessions),
        cmocka_unit_test(limits_send_the_busy_line),
        cmocka_unit_test(out_of_descriptors),
        cmocka_unit_test(half_close_gets_its_answers),
        cmocka_unit_test(reset_during_handle),
        cmocka_unit_test(refused_frames_close),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(proxy_headers),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(listen_errors_in_words),
        cmocka_unit_test(timers_run_on_workers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
