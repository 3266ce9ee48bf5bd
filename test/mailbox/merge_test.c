/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting in slices: the result is in order and has every element once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "mailbox/merge.h"

struct element {
    uint32_t key, place;
};

static int by_key(const void *a, const void *b, void *arg)
{
    const struct element *x = a, *y = b;
    size_t *compared = arg;
    ++*compared;
    return (x->key > y->key) - (x->key < y->key);
}

/* Returns how many slices it took. */
static size_t sort(size_t n, uint32_t keys)
{
    struct element *v = calloc(n + 1, sizeof(*v)), *spare = calloc(n + 1, sizeof(*spare));
    uint32_t seed = (uint32_t)n;
    size_t compared = 0, before, slices = 1;
    struct merge m;
    assert_true(v != NULL && spare != NULL);
    for (uint32_t i = 0; i < n; i++) {
        seed = seed * 1103515245 + 12345;
        v[i] = (struct element){(seed >> 8) % keys, i};
    }
    merge_begin(&m, v, spare, n, sizeof(*v), by_key, &compared);
    for (before = 0; merge_more(&m); before = compared, slices++)
        assert_true(compared - before < 40000);
    const struct element *sorted = merge_result(&m);
    assert_true(sorted == v || sorted == spare);
    uint64_t places = 0;
    for (uint32_t i = 0; i < n; i++) {
        places += sorted[i].place;
        assert_true(i == 0 || sorted[i - 1].key <= sorted[i].key);
    }
    assert_int_equal(places, n == 0 ? 0 : (uint64_t)n * (n - 1) / 2);
    free(v);
    free(spare);
    return slices;
}

static void any_number_is_sorted(void **state)
{
    (void)state;
    for (size_t n = 0; n < 1100; n++)
        sort(n, 50);
    for (size_t n = 4000; n < 4200; n += 31)
        sort(n, 1000000);
    sort(70000, 1);
    sort(131072, 100000);
    sort(131073, 100000);
}

static void many_take_many_slices(void **state)
{
    (void)state;
    assert_int_equal(sort(100, 10), 1);
    assert_true(sort(300000, 300000) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_is_sorted),
        cmocka_unit_test(many_take_many_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
