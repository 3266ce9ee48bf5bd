/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in: listening addresses, limits, descriptors, the PROXY header, unix sockets. */
#include "base/err.h"
#include "net/listen.h"
#include "server_fixture.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void limits_send_the_busy_line(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client a, b, c;
    int64_t full = metric_get(METRIC_CONN_REFUSED_FULL);
    fixture_start(&f, (struct server_options){.conn_max = 2});
    fixture_hello(&a, f.plain);
    fixture_hello(&b, f.plain);
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
    fixture_hello(&b, f.plain); /* there is room again */
    client_close(&a);
    client_close(&b);
    fixture_stop(&f);
    assert_int_equal(metric_get(METRIC_CONN_REFUSED_FULL) - full, 2);

    int64_t peer = metric_get(METRIC_CONN_REFUSED_PEER);
    f = (struct fixture){0};
    fixture_start(&f, (struct server_options){.conn_per_ip = 1});
    fixture_hello(&a, f.plain);
    assert_true(client_open(&b, f.plain));
    assert_string_equal(client_line(&b), "BUSY try later");
    client_close(&a);
    client_close(&b);
    fixture_stop(&f);
    assert_int_equal(metric_get(METRIC_CONN_REFUSED_PEER) - peer, 1);
}

/* Clients that hold places and do nothing lose them; who has logged in or is being served keeps
 * his. */
static void a_full_server_makes_room(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client silent, later, known, busy, fresh, tls;
    int64_t yielded = metric_get(METRIC_CONN_YIELDED);
    fixture_start(&f, (struct server_options){.conn_max = 4, .times = {.yield_ms = 300}});
    fixture_hello(&silent, f.plain);
    assert_true(client_open(&tls, f.tls)); /* says nothing: half-open */
    fixture_hello(&known, f.plain);
    assert_true(client_sends(&known, "AUTH\r\n"));
    assert_string_equal(client_line(&known), "OK");
    fixture_hello(&busy, f.plain);
    assert_true(client_open(&fresh, f.plain)); /* nobody has waited for long: refused */
    assert_string_equal(client_line(&fresh), "BUSY try later");
    client_close(&fresh);
    sleep_ms(350);
    assert_true(client_sends(&silent, "ECHO awake\r\n")); /* now the other waits longest */
    assert_string_equal(client_line(&silent), "awake");
    assert_true(client_sends(&busy, "WAIT\r\n")); /* for us: as a login does */
    assert_string_equal(client_line(&busy), "WAITING");
    fixture_hello(&fresh, f.plain);
    assert_string_equal(client_line(&tls), "(end)");
    client_close(&tls);
    sleep_ms(350);
    fixture_hello(&later, f.plain);
    assert_string_equal(client_line(&silent), "BUSY try later");
    assert_string_equal(client_line(&silent), "(end)");
    client_close(&silent);
    assert_true(client_sends(&known, "ECHO still here\r\n"));
    assert_string_equal(client_line(&known), "still here");
    client_close(&busy);
    client_close(&known);
    client_close(&fresh);
    client_close(&later);
    fixture_stop(&f);
    assert_int_equal(metric_get(METRIC_CONN_YIELDED) - yielded, 2);
}

static void who_has_logged_in_stays(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client known[2], late;
    fixture_start(&f, (struct server_options){.conn_max = 2, .times = {.yield_ms = 1}});
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        fixture_hello(&known[i], f.plain);
        assert_true(client_sends(&known[i], "AUTH\r\n"));
        assert_string_equal(client_line(&known[i]), "OK");
    }
    sleep_ms(50);
    assert_true(client_open(&late, f.plain));
    assert_string_equal(client_line(&late), "BUSY try later");
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        assert_true(client_sends(&known[i], "ECHO here\r\n"));
        assert_string_equal(client_line(&known[i]), "here");
        client_close(&known[i]);
    }
    client_close(&late);
    fixture_stop(&f);
}

static void out_of_descriptors(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c, d;
    struct rlimit before, tight;
    fixture_start(&f, (struct server_options){0});
    fixture_hello(&c, f.plain); /* the server is up */
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
    fixture_hello(&d, f.plain);
    client_close(&d);
    client_close(&c);
    fixture_stop(&f);
}

static void proxy_headers(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c, d;
    struct ip_net loopback;
    assert_true(ip_net_parse(SPAN("127.0.0.0/8"), &loopback));
    fixture_start(
        &f, (struct server_options){.proxy_from = &loopback, .proxy_from_n = 1, .conn_per_ip = 1});
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
    fixture_stop(&f);
}

static void unix_sockets(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    struct stat st;
    struct buf why;
    char path[100], address[110];
    snprintf(path, sizeof path, "%s/echo.sock", fixture_certs.dir);
    snprintf(address, sizeof address, "unix:%s", path);
    buf_init(&why, 500);

    struct sockaddr_un a = {.sun_family = AF_UNIX}; /* left by a server that was killed */
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&a, sizeof a), 0);
    close(stale);

    fixture_make(&f, (struct server_options){.conn_max = 1, .conn_per_ip = 1});
    struct listener_options o = fixture_listener(&f, false);
    assert_int_equal(server_listen(f.server, address, &o, &why, NULL), 0);
    assert_int_equal(server_listen(f.server, address, &o, &why, NULL), ERR_IN_USE);
    assert_true(span_find(buf_span(&why), SPAN("echo.sock")) > 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(pthread_create(&f.thread, NULL, fixture_run, &f), 0);
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
    fixture_stop(&f);
    assert_int_not_equal(stat(path, &st), 0);
    buf_done(&why);
}

/* As the master does: the child that serves may neither open nor remove the socket's file. */
static void adopts_sockets_opened_elsewhere(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    struct stat st;
    char path[100], address[110];
    int fd;
    snprintf(path, sizeof path, "%s/adopted.sock", fixture_certs.dir);
    snprintf(address, sizeof address, "unix:%s", path);
    assert_int_equal(listen_open(address, NULL, &fd, NULL), 0);
    assert_string_equal(listen_unix_path(address), path);
    assert_null(listen_unix_path("127.0.0.1:25"));
    fixture_make(&f, (struct server_options){.conn_max = 1, .conn_per_ip = 1});
    struct listener_options o = fixture_listener(&f, false);
    assert_int_equal(server_adopt(f.server, fd, &o), 0);
    assert_int_equal(pthread_create(&f.thread, NULL, fixture_run, &f), 0);
    for (int i = 0; i < 3; i++) { /* is taken for what it is: no limits */
        assert_true(client_open_unix(&c, path));
        assert_string_equal(client_line(&c), "HELLO");
        client_close(&c);
    }
    fixture_stop(&f);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(unlink(path), 0);
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
    fixture_make(&f, (struct server_options){0});
    struct listener_options o = fixture_listener(&f, false);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_send_the_busy_line),
        cmocka_unit_test(a_full_server_makes_room),
        cmocka_unit_test(who_has_logged_in_stays),
        cmocka_unit_test(out_of_descriptors),
        cmocka_unit_test(proxy_headers),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(adopts_sockets_opened_elsewhere),
        cmocka_unit_test(listen_errors_in_words),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
