/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of deadlines against the obvious: a list that is searched. */
#include "net/timers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MANY = 300, ROUNDS = 20000 };

struct item {
    struct timer timer;
    int64_t due; /* what the test expects; 0: not set */
    bool member;
};

static struct item items[MANY];
static int64_t now, last;
static unsigned fired;

static void fire(struct timer *timer)
{
    struct item *i = CONTAINER_OF(timer, struct item, timer);
    assert_true(i->member && i->due != 0 && i->due <= now);
    assert_true(i->due >= last); /* in order */
    last = i->due;
    i->due = 0;
    fired++;
}

static int64_t first_due(void)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < MANY; i++)
        if (items[i].due != 0 && items[i].due < first)
            first = items[i].due;
    return first;
}

static uint32_t draw(uint32_t below)
{
    static uint32_t x = 2463534242;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x % below;
}

static void fires_in_order_and_keeps_the_sooner_time(void **state)
{
    (void)state;
    struct timers t;
    int64_t planned = INT64_MAX; /* what the owner of the loop would wait for */
    timers_init(&t);
    for (int round = 0; round < ROUNDS; round++) {
        struct item *i = &items[draw(MANY)];
        uint32_t what = draw(10);
        if (!i->member) {
            assert_int_equal(timers_join(&t), 0);
            i->member = true;
        } else if (what == 0) {
            timers_leave(&t, &i->timer);
            *i = (struct item){.member = false};
        } else if (what < 8) {
            int64_t due = now + 1 + draw(1000);
            bool sooner = timers_set(&t, &i->timer, due);
            i->due = i->due == 0 || due < i->due ? due : i->due;
            assert_int_equal(sooner, first_due() < planned);
            planned = sooner ? first_due() : planned;
        } else {
            now += draw(50);
            last = 0;
            planned = timers_run(&t, now, fire);
            assert_int_equal(planned, first_due());
            assert_true(planned > now);
        }
    }
    assert_true(fired > 1000);
    for (size_t i = 0; i < MANY; i++)
        if (items[i].member)
            timers_leave(&t, &items[i].timer);
    timers_done(&t); /* which asserts that nothing is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_in_order_and_keeps_the_sooner_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
