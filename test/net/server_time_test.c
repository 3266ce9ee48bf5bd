/* SPDX-License-Identifier: Apache-2.0 */
/* Every time-out of the server runs out, with times of tenths of a second. The upper bounds here are
 * those of the client (ten seconds): what is tested is that it happens, and to whom it does not. */
#include "server_fixture.h"

#include <sys/socket.h>

enum { SOON = 200 };

/* The server ends it, and its session (`opened`, if it got one) is closed. */
static void ended(struct fixture *f, struct client *c, const char *how, int opened)
{
    assert_string_equal(client_line(c), how);
    client_close(c);
    assert_true(until(&f->echo.closed, opened));
}

static void handshake(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    int64_t failed = metric_get(METRIC_TLS_FAILED);
    fixture_start(&f, (struct server_options){.times = {.handshake_ms = SOON}});
    assert_true(client_open(&c, f.tls)); /* silence */
    ended(&f, &c, "(end)", 0);
    assert_true(client_open(&c, f.tls)); /* the first bytes of a ClientHello, one at a time */
    for (int i = 0; i < 4; i++) {
        assert_true(client_send(&c, span_of(&"\x16\x03\x01\x02"[i], 1)));
        sleep_ms(SOON / 8);
    }
    ended(&f, &c, "(end)", 0);
    fixture_hello(&c, f.plain); /* after STARTTLS; the session exists already */
    assert_true(client_sends(&c, "STARTTLS\r\n"));
    assert_string_equal(client_line(&c), "GO");
    ended(&f, &c, "(end)", 1);
    assert_true(client_open(&c, f.tls) && client_tls_unfinished(&c)); /* it has our first words */
    assert_string_equal(client_line(&c), "HELLO");
    ended(&f, &c, "(reset)", 2);
    fixture_stop(&f);
    assert_int_equal(metric_get(METRIC_TLS_FAILED) - failed, 4);
}

static void proxy_header(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    struct ip_net loopback;
    assert_true(ip_net_parse(SPAN("127.0.0.0/8"), &loopback));
    fixture_start(&f, (struct server_options){
                          .times = {.proxy_ms = SOON}, .proxy_from = &loopback, .proxy_from_n = 1});
    assert_true(client_open(&c, f.plain));
    ended(&f, &c, "(end)", 0);
    assert_true(client_open(&c, f.plain));
    for (int i = 0; i < 4; i++) { /* a byte now and then buys nothing */
        assert_true(client_send(&c, span_of(&"PROX"[i], 1)));
        sleep_ms(SOON / 8);
    }
    ended(&f, &c, "(end)", 0);
    fixture_stop(&f);
}

/* Small buffers, so that what the server sends is soon not taken. */
static void hello_narrow(struct client *c, uint16_t port, bool tls)
{
    int size = 4096;
    assert_true(client_open_narrow(c, port, size));
    if (tls)
        assert_true(client_tls(c, NULL, NULL, 0));
    assert_string_equal(client_line(c), "HELLO");
}

static void reader_that_takes_nothing(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){.times = {.pace_ms = SOON}});
    for (int tls = 0; tls < 2; tls++) {
        hello_narrow(&c, tls ? f.tls : f.plain, tls);
        assert_true(client_sends(&c, "BIG 30000000\r\n"));
        assert_true(until(&f.echo.closed, tls + 1));
        client_close(&c);
    }
    fixture_stop(&f);
}

/* A byte now and then was progress enough to hold a session for ever. */
static void reader_of_a_byte_now_and_then(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f,
                  (struct server_options){.read_rate = 1000000, .times = {.pace_ms = 2 * SOON}});
    for (int tls = 0; tls < 2; tls++) {
        hello_narrow(&c, tls ? f.tls : f.plain, tls);
        assert_true(client_sends(&c, "BIG 30000000\r\n"));
        bool ended = false;
        for (int i = 0; i < 500 && !ended; i++) {
            char byte[64]; /* under TLS it is the socket's bytes that count */
            (void)recv(c.fd, byte, sizeof byte, MSG_DONTWAIT);
            sleep_ms(20);
            ended = __atomic_load_n(&f.echo.closed, __ATOMIC_SEQ_CST) == tls + 1;
        }
        assert_true(ended);
        client_close(&c);
    }
    fixture_stop(&f);
}

/* Slow, but not below the rate: gets all, in many windows. */
static void reader_that_is_slow_enough(void **state)
{
    (void)state;
    enum { BIG = 1000000, PIECES = 50 };
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){.read_rate = 10000, .times = {.pace_ms = SOON}});
    hello_narrow(&c, f.plain, false);
    assert_true(client_sends(&c, "BIG 1000000\r\nECHO all of it\r\n"));
    for (int i = 0; i < PIECES; i++) {
        sleep_ms(20);
        assert_true(client_skip(&c, BIG / PIECES));
    }
    assert_string_equal(client_line(&c), "all of it");
    client_close(&c);
    fixture_stop(&f);
}

/* Idle after an answer that was taken: the pace is not measured. */
static void silence_after_an_answer_is_no_slow_reading(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){.read_rate = 1000000, .times = {.pace_ms = SOON}});
    hello_narrow(&c, f.plain, false);
    for (int i = 0; i < 3; i++) {
        assert_true(client_sends(&c, "BIG 1000000\r\n"));
        assert_true(client_skip(&c, 1000000));
        sleep_ms(2 * SOON);
    }
    client_close(&c);
    fixture_stop(&f);
}

static void last_words_that_nobody_takes(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){.times = {.close_ms = SOON}});
    hello_narrow(&c, f.plain, false);
    assert_true(client_sends(&c, "LAST 250000\r\n"));
    assert_true(until(&f.echo.closed, 1));
    client_close(&c);
    fixture_stop(&f);
}

/* Our half is closed, the peer's is not: the place is given back all the same. */
static void linger(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c, d;
    fixture_start(&f, (struct server_options){.conn_max = 1, .times = {.linger_ms = SOON}});
    fixture_hello(&c, f.plain);
    assert_true(client_sends(&c, "QUIT\r\n"));
    assert_string_equal(client_line(&c), "BYE");
    assert_string_equal(client_line(&c), "(end)");
    const char *first = "";
    for (int i = 0; i < 500; i++) {
        assert_true(client_open(&d, f.plain));
        first = client_line(&d);
        client_close(&d);
        if (strcmp(first, "HELLO") == 0)
            break;
        sleep_ms(10);
    }
    assert_string_equal(first, "HELLO");
    client_close(&c);
    fixture_stop(&f);
}

static void waiting_for_nobody(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){.times = {.eof_wait_ms = SOON}});
    for (int before = 0; before < 2; before++) { /* the end comes before the wait, or during it */
        fixture_hello(&c, f.plain);
        assert_true(client_sends(&c, before ? "SLEEP 50\r\nWAIT\r\n" : "WAIT\r\n"));
        if (!before)
            assert_string_equal(client_line(&c), "WAITING");
        client_half_close(&c);
        if (before) {
            assert_string_equal(client_line(&c), "SLEPT");
            assert_string_equal(client_line(&c), "WAITING");
        }
        assert_string_equal(client_line(&c), "TIRED");
        ended(&f, &c, "(end)", before + 1);
    }
    fixture_stop(&f);
}

/* Sessions that do not come to an end when the server stops are cut. */
static void grace_at_stop(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client reader, handshake;
    fixture_start(&f, (struct server_options){.times = {.stop_ms = SOON}});
    hello_narrow(&reader, f.plain, false);
    assert_true(client_sends(&reader, "BIG 30000000\r\n"));
    sleep_ms(50);
    assert_true(client_open(&handshake, f.tls));
    fixture_stop(&f); /* returns; and all sessions are closed */
    client_close(&reader);
    client_close(&handshake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake),
        cmocka_unit_test(proxy_header),
        cmocka_unit_test(reader_that_takes_nothing),
        cmocka_unit_test(reader_of_a_byte_now_and_then),
        cmocka_unit_test(reader_that_is_slow_enough),
        cmocka_unit_test(silence_after_an_answer_is_no_slow_reading),
        cmocka_unit_test(last_words_that_nobody_takes),
        cmocka_unit_test(linger),
        cmocka_unit_test(waiting_for_nobody),
        cmocka_unit_test(grace_at_stop),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
