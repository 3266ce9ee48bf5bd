/* SPDX-License-Identifier: Apache-2.0 */
/* Tags: who asks with one that has outlived its connection finds nobody, also when the place is let
 * again. */
#include "net/conn.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_tag_outlives_its_connection(void **state)
{
    (void)state;
    static struct conns t;
    struct conn a = {.fd = 1}, b = {.fd = 2};
    uint64_t tag_a, tag_b;
    conns_init(&t);
    assert_int_equal(conns_add(&t, &a, &tag_a), 0);
    assert_true(tag_a > UINT32_MAX);
    assert_ptr_equal(conns_claim(&t, tag_a, EVENT_READABLE), &a);
    assert_null(conns_claim(&t, tag_a, EVENT_HALF)); /* it has an owner, who is told */
    assert_int_equal(a.claim, CLAIMED | EVENT_READABLE | EVENT_HALF);
    assert_int_equal(conns_remove(&t, tag_a), 0);
    assert_int_equal(conns_add(&t, &b, &tag_b), 0);
    assert_int_equal((uint32_t)tag_a, (uint32_t)tag_b); /* the same place */
    assert_null(conns_claim(&t, tag_a, EVENT_READABLE));
    assert_int_equal(b.claim, 0);
    assert_ptr_equal(conns_claim(&t, tag_b, EVENT_POST), &b);
    assert_int_equal(conns_remove(&t, tag_b), 0);
    conns_done(&t);
}

static void count(struct conn *c, void *by)
{
    c->bytes_in += *(const uint64_t *)by;
}

static void many_come_and_go(void **state)
{
    (void)state;
    enum { MANY = 3 * CONNS_CHUNK };
    static struct conns t;
    static struct conn all[MANY];
    static uint64_t tags[MANY];
    conns_init(&t);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++)
            assert_int_equal(conns_add(&t, &all[i], &tags[i]), 0);
        assert_int_equal(conns_count(&t), MANY);
        for (size_t i = 0; i < MANY; i += 2)
            (void)conns_remove(&t, tags[i]);
        conns_each(&t, count, &(uint64_t){1});
        for (size_t i = 1; i < MANY; i += 2)
            assert_int_equal(conns_remove(&t, tags[i]), MANY / 2 - 1 - i / 2);
    }
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(all[i].bytes_in, i % 2 == 0 ? 0 : 3);
    assert_true(t.made <= MANY); /* places are let again */
    conns_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_outlives_its_connection),
        cmocka_unit_test(many_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
