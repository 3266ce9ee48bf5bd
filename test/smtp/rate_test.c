/* SPDX-License-Identifier: Apache-2.0 */
/* The sliding hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp/rate.h"

enum { MINUTE = 60000 };

static const struct smtp_amount one = {1, 1}, limit = {3, 5};

static void counts_and_forgets(void **state)
{
    (void)state;
    struct clock_fake c;
    clock_fake_init(&c, INT64_C(1795341600000));
    struct smtp_rates *r = smtp_rates_new(&c.clock);
    assert_non_null(r);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(smtp_rates_wait(r, 7, one, limit), 0);
        assert_int_equal(smtp_rates_take(r, 7, one, limit), 0);
        clock_fake_advance(&c, 10 * MINUTE);
    }
    int64_t wait = smtp_rates_take(r, 7, one, limit);
    /* the first was sent 30 minutes ago: in 30 minutes, or up to a slot later, there is room for
     * one */
    assert_in_range(wait, 30 * MINUTE, 35 * MINUTE);
    assert_int_equal(smtp_rates_wait(r, 7, one, limit), wait);
    assert_int_equal(smtp_rates_take(r, 8, one, limit), 0); /* others are not concerned */
    clock_fake_advance(&c, wait - 1);
    assert_int_equal(smtp_rates_wait(r, 7, one, limit), 1);
    clock_fake_advance(&c, 1);
    assert_int_equal(smtp_rates_take(r, 7, one, limit), 0);
    assert_true(smtp_rates_take(r, 7, one, limit) > 0);
    clock_fake_advance(&c, 24 * 60 * MINUTE);
    assert_int_equal(smtp_rates_wait(r, 7, (struct smtp_amount){3, 5}, limit), 0);
    smtp_rates_free(r);
}

static void recipients_have_their_own_limit(void **state)
{
    (void)state;
    struct clock_fake c;
    clock_fake_init(&c, INT64_C(1795341600000));
    struct smtp_rates *r = smtp_rates_new(&c.clock);
    assert_int_equal(smtp_rates_take(r, 7, (struct smtp_amount){1, 4}, limit), 0);
    assert_true(smtp_rates_take(r, 7, (struct smtp_amount){1, 2}, limit) > 0);
    assert_int_equal(smtp_rates_take(r, 7, (struct smtp_amount){1, 1}, limit), 0);
    assert_true(smtp_rates_take(r, 9, (struct smtp_amount){1, 6}, limit) > 0); /* never */
    /* no limit */
    assert_int_equal(
        smtp_rates_take(r, 7, (struct smtp_amount){1, 100000}, (struct smtp_amount){0, 0}), 0);
    smtp_rates_free(r);
}

static void what_was_not_sent_is_given_back(void **state)
{
    (void)state;
    struct clock_fake c;
    clock_fake_init(&c, INT64_C(1795341600000));
    struct smtp_rates *r = smtp_rates_new(&c.clock);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(smtp_rates_take(r, 7, (struct smtp_amount){1, 5}, limit), 0);
        clock_fake_advance(&c, i % 2 * 5 * MINUTE); /* also across the border of a slot */
        smtp_rates_give_back(r, 7, (struct smtp_amount){1, 5});
    }
    smtp_rates_give_back(r, 99, one); /* nothing is known of it */
    smtp_rates_free(r);
}

static void stays_bounded(void **state)
{
    (void)state;
    struct clock_fake c;
    clock_fake_init(&c, INT64_C(1795341600000));
    struct smtp_rates *r = smtp_rates_new(&c.clock);
    for (uint64_t id = 1; id <= 100000; id++)
        assert_int_equal(smtp_rates_take(r, id, one, (struct smtp_amount){1, 1}), 0);
    assert_true(smtp_rates_take(r, 100000, one, (struct smtp_amount){1, 1}) >
                0); /* the newest is remembered */
    smtp_rates_free(r);
    smtp_rates_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_forgets),
        cmocka_unit_test(recipients_have_their_own_limit),
        cmocka_unit_test(what_was_not_sent_is_given_back),
        cmocka_unit_test(stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
