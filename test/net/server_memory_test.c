/* SPDX-License-Identifier: Apache-2.0 */
/* What clients can make the server hold: together it is bounded, and being short of memory makes the
 * server slower and nothing else. */
#include "server_fixture.h"

enum { CLIENTS = 16, COMMANDS = 60, LINE = 900, MIB = 1024 * 1024 };

static void settles_at_zero(struct budget *b)
{
    for (int i = 0; i < 1000 && budget_used(b) != 0; i++)
        sleep_ms(10);
    assert_int_equal(budget_used(b), 0);
}

/* All send much that is not handled yet, because the first command takes its time. */
static void send_ahead(struct client *c, bool tls, uint16_t port)
{
    char line[LINE + 8];
    assert_true(client_open(c, port));
    if (tls)
        assert_true(client_tls(c, NULL, NULL, 0));
    assert_string_equal(client_line(c), "HELLO");
    assert_true(client_sends(c, "SLEEP 300\r\n"));
    memset(line, 'x', LINE);
    snprintf(line + LINE, 8, "\r\n");
    memcpy(line, "ECHO ", 5);
    for (int i = 0; i < COMMANDS; i++)
        assert_true(client_send(c, span_of(line, LINE + 2)));
}

static int64_t peak_of(struct fixture *f, struct budget *b, bool tls)
{
    static struct client c[CLIENTS];
    int64_t peak = 0;
    for (int i = 0; i < CLIENTS; i++)
        send_ahead(&c[i], tls, tls ? f->tls : f->plain);
    for (int i = 0; i < 50; i++) {
        if (budget_used(b) > peak)
            peak = budget_used(b);
        sleep_ms(2);
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_string_equal(client_line(&c[i]), "SLEPT");
        for (int k = 0; k < COMMANDS; k++)
            assert_int_equal(strlen(client_line(&c[i])), LINE - 5);
        client_close(&c[i]);
    }
    settles_at_zero(b);
    return peak;
}

/* Nothing is read while a unit is worked on, so that there is no difference. */
static void what_is_sent_ahead_waits_outside(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct budget plenty = {.max = 100 * MIB}, little = {.max = 64 * 1024};
        struct budget *budgets[] = {&plenty, &little};
        for (size_t i = 0; i < COUNT_OF(budgets); i++) {
            struct fixture f = {0};
            fixture_start(&f, (struct server_options){.workers = CLIENTS, .buffers = budgets[i]});
            int64_t peak = peak_of(&f, budgets[i], tls);
            fixture_stop(&f);
            /* once it goes on each may hold a batch of answers and what is left of one read (short:
             * a TLS record), doubled as buffers grow */
            int64_t batch = 17 * 1024, read = i == 0 ? 64 * 1024 : 0;
            assert_in_range(peak, 0, 64 * 1024 + CLIENTS * 2 * (batch + read));
        }
    }
}

static void answers_nobody_reads_hold_no_input(void **state)
{
    (void)state;
    struct budget little = {.max = 64 * 1024};
    struct fixture f = {0};
    static struct client c[CLIENTS];
    fixture_start(&f, (struct server_options){.buffers = &little});
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(client_open_narrow(&c[i], f.plain, 4096));
        assert_string_equal(client_line(&c[i]), "HELLO");
        assert_true(client_sends(&c[i], "BIG 5000000\r\n"));
        assert_true(client_sends(&c[i], "ECHO after\r\n"));
    }
    sleep_ms(100);
    /* each: a piece of the answer (64 KiB, in a buffer that doubled), and a read of input */
    assert_in_range(budget_used(&little), 1, 64 * 1024 + CLIENTS * (256 + 8) * 1024);
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(client_skip(&c[i], 5000000));
        assert_string_equal(client_line(&c[i]), "after");
        client_close(&c[i]);
    }
    settles_at_zero(&little);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_ahead_waits_outside),
        cmocka_unit_test(answers_nobody_reads_hold_no_input),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
