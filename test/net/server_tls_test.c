/* SPDX-License-Identifier: Apache-2.0 */
/* TLS in the whole server: STARTTLS, implicit TLS, names, bad handshakes, resumption. */
#include "base/limits.h"
#include "server_fixture.h"

#include <sys/socket.h>

static void peer_name(struct client *c, char *to, size_t size)
{
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    assert_non_null(x);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, to, (int)size);
    X509_free(x);
}

static void starttls_discards_injected_plaintext(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
        fixture_hello(&c, f.plain);
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
    fixture_stop(&f);
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
    fixture_start(&f, (struct server_options){0});
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
    fixture_stop(&f);
}

static void bad_handshakes_end(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    int64_t failed = metric_get(METRIC_TLS_FAILED);
    fixture_start(&f, (struct server_options){0});
    assert_true(client_open(&c, f.tls));
    assert_false(client_tls(&c, NULL, NULL, TLS1_1_VERSION));
    client_close(&c);
    assert_true(client_open(&c, f.tls));
    assert_true(client_sends(&c, "EHLO what.is.this\r\n"));
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    fixture_stop(&f);
    assert_int_equal(metric_get(METRIC_TLS_FAILED) - failed, 2);
    assert_int_equal(f.echo.opened, 0);
}

/* ---- words before the client's Finished ---------------------------------------------------- */

static void early_client(struct client *c, struct fixture *f)
{
    assert_true(client_open(c, f->tls) && client_tls_unfinished(c));
    assert_string_equal(client_line(c), "HELLO");
}

static void greets_before_the_clients_finished(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    int64_t shaken = metric_get(METRIC_TLS_HANDSHAKES), failed = metric_get(METRIC_TLS_FAILED);
    fixture_start(&f, (struct server_options){0});

    early_client(&c, &f);
    assert_int_equal(metric_get(METRIC_TLS_HANDSHAKES), shaken);
    assert_true(client_finishes(&c, 0));
    assert_true(client_sends(&c, "TLS\r\n"));
    assert_string_equal(client_line(&c), "TLSv1.3 ");
    assert_int_equal(metric_get(METRIC_TLS_HANDSHAKES), shaken + 1);
    client_close(&c);

    early_client(&c, &f); /* its first command in one piece with the Finished */
    assert_true(client_sends(&c, "ECHO a\r\nECHO b\r\nQUIT\r\n"));
    assert_true(client_finishes(&c, 0));
    assert_string_equal(client_line(&c), "a");
    assert_string_equal(client_line(&c), "b");
    assert_string_equal(client_line(&c), "BYE");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);

    early_client(&c, &f);
    assert_true(client_finishes(&c, 1));
    assert_string_equal(client_line(&c), "(end)"); /* after an alert */
    client_close(&c);
    assert_true(until(&f.echo.closed, 3));
    assert_int_equal(metric_get(METRIC_TLS_FAILED) - failed, 1);

    early_client(&c, &f); /* goes without having said anything */
    client_close(&c);
    assert_true(until(&f.echo.closed, 4));
    fixture_stop(&f);
}

static int64_t now_ms(void)
{
    return clock_system()->mono_ms(clock_system());
}

/* Nagle's algorithm keeps the first command back until the Finished is acknowledged, which a kernel with nothing to send
 * puts off for 40 ms: each time, whatever else the machine does. */
static void the_finished_is_acknowledged_at_once(void **state)
{
    (void)state;
    enum { TRIES = 50, DELAYED = 40 };
    struct fixture f = {0};
    int64_t least = INT64_MAX;
    fixture_start(&f, (struct server_options){0});
    for (int i = 0; i < TRIES && least >= DELAYED / 2; i++) {
        struct client c;
        early_client(&c, &f);
        int64_t began = now_ms();
        assert_true(client_finishes(&c, 0) && client_sends(&c, "ECHO a\r\n"));
        assert_string_equal(client_line(&c), "a");
        int64_t took = now_ms() - began;
        least = took < least ? took : least;
        client_close(&c);
    }
    assert_true(least < DELAYED / 2);
    fixture_stop(&f);
}

/* The server stops between greeting and Finished. */
static void stops_before_the_clients_finished(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    early_client(&c, &f);
    fixture_stop(&f);
    client_close(&c);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* A close_notify says that nothing more comes: no need to wait for the FIN. Seen by the reset that a byte gets which
 * comes nevertheless. */
static void a_close_notify_ends_lingering(void **state)
{
    (void)state;
    for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
        struct fixture f = {0};
        struct client c;
        fixture_start(&f, (struct server_options){.times = {.linger_ms = 60000}});
        assert_true(client_open(&c, f.tls) && client_tls(&c, NULL, NULL, max));
        assert_true(client_sends(&c, "QUIT\r\n"));
        assert_string_equal(client_line(&c), "HELLO");
        assert_string_equal(client_line(&c), "BYE");
        assert_string_equal(client_line(&c), "(end)");
        (void)SSL_shutdown(c.ssl);
        bool gone = false;
        for (int i = 0; !gone && i < 1000; i++) {
            gone = send(c.fd, "x", 1, MSG_NOSIGNAL) < 0;
            sleep_ms(10);
        }
        assert_true(gone);
        client_close(&c);
        fixture_stop(&f);
    }
}

/* A client that had more to say than the server wanted to hear: it is read and thrown away, so that no reset overtakes
 * the last answer. */
static void lingers_over_what_is_not_wanted(void **state)
{
    (void)state;
    static char much[100000];
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){.times = {.linger_ms = 60000}});
    assert_true(client_open(&c, f.tls) && client_tls(&c, NULL, NULL, 0));
    assert_true(client_sends(&c, "QUIT\r\nECHO a\r\n"));
    assert_true(client_send(&c, span_of(much, sizeof much)));
    assert_string_equal(client_line(&c), "HELLO");
    assert_string_equal(client_line(&c), "BYE");
    assert_string_equal(client_line(&c), "(end)");
    client_close(&c);
    assert_true(until(&f.echo.closed, 1));
    fixture_stop(&f);
}

static void resumes_across_reload(void **state)
{
    (void)state;
    static const char *const names[] = {"one.test", "two.test"};
    for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
        struct fixture f = {0};
        struct client c, again;
        fixture_start(&f, (struct server_options){0});
        struct tls_context *first = certs_context(&fixture_certs, names, 2, false, NULL);
        server_set_tls(f.server, first);
        assert_true(client_open(&c, f.tls) && client_tls(&c, "two.test", NULL, max));
        assert_string_equal(client_line(&c), "HELLO");
        assert_true(client_sends(&c, "ECHO a\r\n"));
        assert_string_equal(client_line(&c), "a");
        assert_non_null(c.ticket); /* comes at the latest with the first answer */

        struct tls_context *second = certs_context(&fixture_certs, names, 2, false, first);
        server_set_tls(f.server, second);
        assert_true(client_sends(&c, "ECHO old connection lives\r\n"));
        assert_string_equal(client_line(&c), "old connection lives");
        assert_true(client_open(&again, f.tls) && client_tls(&again, "two.test", c.ticket, max));
        assert_int_equal(SSL_session_reused(again.ssl), 1);
        assert_string_equal(client_line(&again), "HELLO");
        client_close(&again);
        client_close(&c);
        fixture_stop(&f);
        tls_context_unref(first);
        tls_context_unref(second);
    }
}

/* ---- what costs the server much and the client little -------------------------------------- */

/* A client needs a few kilobytes for its side of a handshake. OpenSSL would take 128 KiB of
 * ClientHello and keep them. */
static void endless_client_hello(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    static char record[5 + 16384];
    fixture_start(&f, (struct server_options){0});
    for (int starttls = 0; starttls < 2; starttls++) {
        assert_true(client_open(&c, starttls ? f.plain : f.tls));
        if (starttls) {
            assert_true(client_sends(&c, "STARTTLS\r\n"));
            assert_string_equal(client_line(&c), "HELLO");
            assert_string_equal(client_line(&c), "GO");
        }
        memset(record, 'x', sizeof record);
        memcpy(record, "\x16\x03\x01\x40\x00", 5);         /* a record of 16384 bytes */
        memcpy(record + 5, "\x01\x01\xff\xff\x03\x03", 6); /* of a ClientHello of 131071 */
        bool sent = true;
        for (int i = 0; sent && i < 7; i++)
            sent = client_send(&c, span_of(record, sizeof record));
        const char *said = client_line(&c);
        assert_true(strcmp(said, "(end)") == 0 || strcmp(said, "(reset)") == 0);
        client_close(&c);
        assert_true(until(&f.echo.closed, starttls));
    }
    fixture_hello(&c, f.plain);
    client_close(&c);
    fixture_stop(&f);
}

static void key_updates(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    assert_true(client_open(&c, f.tls) && client_tls(&c, NULL, NULL, TLS1_3_VERSION));
    assert_string_equal(client_line(&c), "HELLO");
    for (int i = 0; i < LIMIT_TLS_KEY_UPDATES; i++) {
        assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_true(client_sends(&c, "ECHO a\r\n")); /* data between them makes no difference */
    }
    for (int i = 0; i < LIMIT_TLS_KEY_UPDATES; i++)
        assert_string_equal(client_line(&c), "a");
    bool alive = true;
    for (int i = 0; alive && i < 3; i++) {
        assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        alive = client_sends(&c, "ECHO a\r\n") && strcmp(client_line(&c), "a") == 0;
    }
    assert_false(alive);
    client_close(&c);
    assert_true(until(&f.echo.closed, 1));
    fixture_stop(&f);
}

static void renegotiation_is_refused(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct client c;
    fixture_start(&f, (struct server_options){0});
    assert_true(client_open(&c, f.tls) && client_tls(&c, NULL, NULL, TLS1_2_VERSION));
    assert_string_equal(client_line(&c), "HELLO");
    assert_int_equal(SSL_renegotiate(c.ssl), 1);
    (void)SSL_do_handshake(c.ssl);
    assert_true(client_sends(&c, "ECHO a\r\n") == false || strcmp(client_line(&c), "a") != 0);
    client_close(&c);
    assert_true(until(&f.echo.closed, 1));
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starttls_discards_injected_plaintext),
        cmocka_unit_test(implicit_tls_and_sni),
        cmocka_unit_test(bad_handshakes_end),
        cmocka_unit_test(greets_before_the_clients_finished),
        cmocka_unit_test(the_finished_is_acknowledged_at_once),
        cmocka_unit_test(stops_before_the_clients_finished),
        cmocka_unit_test(a_close_notify_ends_lingering),
        cmocka_unit_test(lingers_over_what_is_not_wanted),
        cmocka_unit_test(resumes_across_reload),
        cmocka_unit_test(endless_client_hello),
        cmocka_unit_test(key_updates),
        cmocka_unit_test(renegotiation_is_refused),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
