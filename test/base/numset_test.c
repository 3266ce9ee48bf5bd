/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of numbers beside an array of bits that is simple enough to be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/numset.h"
#include "base/random.h"

enum { SPAN_OF_MODEL = 200000, STEPS = 4000, ROUNDS = 300 };

static bool model[SPAN_OF_MODEL + 1];

static void an_empty_set_has_nothing(void **state)
{
    (void)state;
    struct numset s, other;
    uint32_t v = 7, first, last;
    numset_init(&s);
    numset_init(&other);
    assert_true(numset_is_empty(&s));
    assert_int_equal(numset_count(&s), 0);
    assert_int_equal(numset_min(&s), 0);
    assert_int_equal(numset_max(&s), 0);
    assert_int_equal(numset_rank(&s, UINT32_MAX), 0);
    assert_false(numset_at(&s, 1, &v));
    assert_false(numset_run(&s, 0, &first, &last));
    assert_false(numset_first(&s, &v));
    numset_remove(&s, 5);
    numset_and(&s, &other);
    numset_or(&s, &other);
    numset_shrink(&s);
    assert_true(numset_eq(&s, &other));
    numset_add(&s, 5);
    assert_false(numset_eq(&s, &other));
    numset_remove(&s, 5);
    assert_true(numset_eq(&s, &other)); /* emptied is empty */
    numset_done(&s);
    numset_done(&other);
}

static void the_ends_of_the_range_are_members(void **state)
{
    (void)state;
    struct numset s;
    uint32_t v, first, last;
    numset_init(&s);
    numset_add(&s, UINT32_MAX);
    numset_add(&s, 0);
    assert_true(numset_has(&s, UINT32_MAX));
    assert_int_equal(numset_rank(&s, UINT32_MAX), 2);
    assert_true(numset_at(&s, 2, &v));
    assert_int_equal(v, UINT32_MAX);
    assert_false(numset_next(&s, &v));
    assert_true(numset_run(&s, 1, &first, &last));
    assert_int_equal(first, UINT32_MAX);
    assert_int_equal(last, UINT32_MAX);
    numset_add_range(&s, UINT32_MAX - 70000, UINT32_MAX);
    assert_true(numset_run(&s, 1, &first, &last));
    assert_int_equal(first, UINT32_MAX - 70000);
    assert_int_equal(last, UINT32_MAX);
    numset_done(&s);
}

/* Ranks, positions, runs and the walk, against counting; nothing is beyond `most`. */
static void compare(const struct numset *s, uint32_t most)
{
    uint32_t rank = 0, v = 0;
    bool on = numset_first(s, &v);
    for (uint32_t i = 0; i <= most; i++) {
        assert_int_equal(numset_has(s, i), model[i]);
        if (!model[i])
            continue;
        rank++;
        assert_true(on);
        assert_int_equal(v, i);
        on = numset_next(s, &v);
        if (rank % 97 == 0) {
            uint32_t at = 0;
            assert_int_equal(numset_rank(s, i), rank);
            assert_true(numset_at(s, rank, &at));
            assert_int_equal(at, i);
        }
    }
    assert_false(on);
    assert_int_equal(numset_count(s), rank);
    uint32_t first = 0, last = 0, i = 0;
    for (uint32_t from = 0; numset_run(s, from, &first, &last); from = last + 1) {
        while (!model[i])
            i++;
        assert_int_equal(first, i);
        while (i <= most && model[i])
            i++;
        assert_int_equal(last, i - 1);
    }
    while (i <= most)
        assert_false(model[i++]);
}

static void random_changes_agree_with_the_model(void **state)
{
    (void)state;
    struct rng_seeded rng;
    struct numset s;
    numset_init(&s);
    rng_seeded_init(&rng, 20261125);
    for (int step = 0; step < STEPS; step++) {
        uint32_t v = (uint32_t)rng_below(&rng.rng, SPAN_OF_MODEL);
        uint32_t to = v + (uint32_t)rng_below(&rng.rng, 300);
        bool on = rng_below(&rng.rng, 3) != 0;
        if (to > SPAN_OF_MODEL)
            to = SPAN_OF_MODEL;
        if (rng_below(&rng.rng, 2) == 0)
            to = v;
        for (uint32_t i = v; i <= to; i++)
            model[i] = on;
        if (on && to == v)
            numset_add(&s, v);
        else if (on)
            numset_add_range(&s, v, to);
        else if (to == v)
            numset_remove(&s, v);
        else
            numset_remove_range(&s, v, to);
        if (step % 500 == 0)
            numset_shrink(&s);
        if (step % 400 == 399)
            compare(&s, SPAN_OF_MODEL);
    }
    assert_int_equal(s.err, 0);
    numset_done(&s);
}

/* Nothing, all, or some stretches of each 65,536 numbers, as the library keeps them. */
static void fill(struct numset *s, struct rng *rng)
{
    for (uint32_t c = 0; c < 6; c++) {
        uint32_t from = c << 16, how = (uint32_t)rng_below(rng, 4);
        if (how == 1)
            numset_add_range(s, from, from + 65535);
        for (int n = 0; how > 1 && n < (how == 2 ? 3 : 3000); n++) {
            uint32_t at = (uint32_t)rng_below(rng, 65536 + 200);
            uint32_t to = at + (uint32_t)rng_below(rng, how == 2 ? 10000 : 40);
            at = at < 100 ? 0 : at - 100;
            if (at < 65536)
                numset_add_range(s, from + at, from + (to < 65535 ? to : 65535));
        }
    }
}

static void runs_are_whole_whatever_is_missing(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 65536);
    for (int round = 0; round < 300; round++) {
        struct numset s;
        uint64_t n = 0;
        numset_init(&s);
        fill(&s, &rng.rng);
        if (round % 2 == 0)
            numset_shrink(&s);
        uint32_t first = 0, last = 0;
        for (uint32_t from = 0; numset_run(&s, from, &first, &last); from = last + 1) {
            assert_true(first >= from && last >= first);
            assert_true(first == 0 || !numset_has(&s, first - 1));
            assert_true(numset_has(&s, first) && numset_has(&s, last) && !numset_has(&s, last + 1));
            assert_int_equal(numset_rank(&s, last) - numset_rank(&s, first), last - first);
            n += last - first + 1;
        }
        assert_int_equal(n, numset_count(&s));
        numset_done(&s);
    }
}

static void a_set_that_became_empty_has_nothing(void **state)
{
    (void)state;
    struct numset s;
    uint32_t v = 5, first, last;
    numset_init(&s);
    numset_add_range(&s, 5, 200000);
    numset_remove_range(&s, 5, 200000);
    assert_true(numset_is_empty(&s));
    assert_false(numset_first(&s, &v) || numset_next(&s, &v) || numset_run(&s, 0, &first, &last));
    numset_done(&s);
}

static void sets_combine(void **state)
{
    (void)state;
    struct numset a, b, c;
    numset_init(&a);
    numset_init(&b);
    numset_init(&c);
    numset_add_range(&a, 1, 100000);
    numset_add_range(&b, 50000, 150000);
    assert_int_equal(numset_copy(&c, &a), 0);
    assert_true(numset_eq(&c, &a));
    numset_and(&c, &b);
    assert_int_equal(numset_count(&c), 50001);
    assert_int_equal(numset_min(&c), 50000);
    assert_int_equal(numset_copy(&c, &a), 0);
    numset_andnot(&c, &b);
    assert_int_equal(numset_max(&c), 49999);
    numset_or(&c, &b);
    assert_int_equal(numset_count(&c), 150000);
    numset_clear(&c);
    numset_and(&a, &c);
    assert_true(numset_is_empty(&a));
    numset_done(&a);
    numset_done(&b);
    numset_done(&c);
}

/* The library keeps numbers as lists, as bits or as runs, and has a routine for each pair of these: two sets of any
 * shape, as what a mailbox has, what is asked for and what went. */
enum { SMALL = 70000 };

static void shape(struct numset *s, bool *there, struct rng *rng)
{
    uint32_t most = rng_below(rng, 3) == 0 ? SMALL : 400;
    uint32_t changes = (uint32_t)rng_below(rng, rng_below(rng, 4) == 0 ? most / 6 : 60);
    uint32_t longest = rng_below(rng, 3) == 0 ? most / 3 : 5;
    memset(there, 0, SMALL + 1);
    for (uint32_t k = 0; k < changes; k++) {
        bool on = rng_below(rng, 4) != 0;
        uint32_t v = (uint32_t)rng_below(rng, most), to = v;
        if (rng_below(rng, 2) == 0)
            to += (uint32_t)rng_below(rng, longest);
        if (to > most)
            to = most;
        memset(there + v, on, to - v + 1);
        if (on && to == v)
            numset_add(s, v);
        else if (on)
            numset_add_range(s, v, to);
        else
            numset_remove_range(s, v, to);
    }
    if (rng_below(rng, 2) == 0)
        numset_shrink(s);
}

static void sets_of_all_shapes_combine(void **state)
{
    (void)state;
    static bool a_has[SMALL + 1], b_has[SMALL + 1];
    struct rng_seeded rng;
    rng_seeded_init(&rng, 20261201);
    for (int round = 0; round < ROUNDS; round++) {
        struct numset a, b, c;
        int how = round % 3;
        numset_init(&a);
        numset_init(&b);
        numset_init(&c);
        shape(&a, a_has, &rng.rng);
        shape(&b, b_has, &rng.rng);
        for (uint32_t i = 0; i <= SMALL; i++)
            model[i] = how == 0   ? a_has[i] && b_has[i]
                       : how == 1 ? a_has[i] || b_has[i]
                                  : a_has[i] && !b_has[i];
        assert_int_equal(numset_copy(&c, &a), 0);
        if (how == 0)
            numset_and(&c, &b);
        else if (how == 1)
            numset_or(&c, &b);
        else
            numset_andnot(&c, &b);
        compare(&c, SMALL);
        memcpy(model, b_has, sizeof b_has);
        compare(&b, SMALL); /* as it was */
        memcpy(model, a_has, sizeof a_has);
        compare(&a, SMALL);
        numset_done(&a);
        numset_done(&b);
        numset_done(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_set_has_nothing),
        cmocka_unit_test(the_ends_of_the_range_are_members),
        cmocka_unit_test(random_changes_agree_with_the_model),
        cmocka_unit_test(runs_are_whole_whatever_is_missing),
        cmocka_unit_test(a_set_that_became_empty_has_nothing),
        cmocka_unit_test(sets_combine),
        cmocka_unit_test(sets_of_all_shapes_combine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
