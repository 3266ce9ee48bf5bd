/* SPDX-License-Identifier: Apache-2.0 */
/* The spool, below, at and beyond what it keeps in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/spool.h"

static char dir[] = "/tmp/mailstead-spool-XXXXXX";

static struct spools spools = {.dir = dir}, nowhere = {.dir = "/nonexistent/folder"};

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir); /* fails if the spool left a file behind */
}

static size_t open_files(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    assert_int_equal(closedir(d), 0);
    return n;
}

/* Bytes that differ at every place, so that a shifted or repeated piece shows. */
static char *pattern(size_t n)
{
    struct rng_seeded r;
    char *p = malloc(n);
    assert_non_null(p);
    rng_seeded_init(&r, n);
    r.rng.fill(&r.rng, p, n);
    return p;
}

static void assert_holds(struct spool *s, const char *p, size_t n)
{
    struct span view;
    assert_int_equal(spool_size(s), n);
    assert_int_equal(spool_view(s, &view), 0);
    assert_int_equal(view.n, n);
    assert_true(n == 0 || memcmp(view.p, p, n) == 0);
}

static void sizes_around_the_limit(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,
                                   1,
                                   LIMIT_SPOOL_MEMORY - 1,
                                   LIMIT_SPOOL_MEMORY,
                                   LIMIT_SPOOL_MEMORY + 1,
                                   3 * LIMIT_SPOOL_MEMORY + 7};
    static const size_t pieces[] = {77, 4096, LIMIT_SPOOL_MEMORY, LIMIT_SPOOL_MEMORY + 1, SIZE_MAX};
    size_t before = open_files();
    struct spool *s = spool_new(&spools, 1 << 20);
    assert_non_null(s);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char *p = pattern(sizes[i] + 1);
        for (size_t j = 0; j < COUNT_OF(pieces); j++) {
            struct span rest = span_of(p, sizes[i]);
            while (rest.n > 0) {
                struct span piece = span_slice(rest, 0, pieces[j]);
                assert_int_equal(spool_write(s, piece), 0);
                rest = span_from(rest, piece.n);
            }
            assert_holds(s, p, sizes[i]);
            assert_int_equal(open_files(), before + (sizes[i] > LIMIT_SPOOL_MEMORY));
            spool_reset(s);
            assert_int_equal(spool_size(s), 0);
            assert_int_equal(open_files(), before);
        }
        free(p);
    }
    spool_free(s);
    spool_free(NULL);
}

static void a_view_does_not_end_the_writing(void **state)
{
    (void)state;
    size_t n = 2 * LIMIT_SPOOL_MEMORY + 1000;
    char *p = pattern(n);
    struct spool *s = spool_new(&spools, n);
    assert_non_null(s);
    for (size_t at = 0; at < n; at += 10000) {
        assert_int_equal(spool_write(s, span_slice(span_of(p, n), at, 10000)), 0);
        assert_holds(s, p, at + 10000 < n ? at + 10000 : n);
        assert_holds(s, p, at + 10000 < n ? at + 10000 : n);
    }
    spool_free(s);
    free(p);
}

static void the_maximum_is_kept(void **state)
{
    (void)state;
    struct spool *s = spool_new(&spools, 1000);
    struct span view;
    char *p = pattern(1001);
    assert_non_null(s);
    assert_int_equal(spool_write(s, span_of(p, 1000)), 0);
    assert_holds(s, p, 1000);
    assert_int_equal(spool_write(s, span_of(p, 1)), ERR_TOO_BIG);
    assert_int_equal(spool_write(s, SPAN("")), ERR_TOO_BIG); /* sticky */
    assert_int_equal(spool_view(s, &view), ERR_TOO_BIG);
    spool_reset(s);
    assert_int_equal(spool_write(s, span_of(p, 1001)), ERR_TOO_BIG);
    spool_reset(s);
    assert_int_equal(spool_write(s, span_of(p, 10)), 0);
    assert_holds(s, p, 10);
    spool_free(s);
    free(p);
}

static void a_folder_that_is_missing_is_the_servers_fault(void **state)
{
    (void)state;
    char *p = pattern(LIMIT_SPOOL_MEMORY + 1);
    struct spool *s = spool_new(&nowhere, 1 << 20);
    assert_non_null(s);
    assert_int_equal(spool_write(s, span_of(p, 1000)), 0); /* memory needs no folder */
    assert_holds(s, p, 1000);
    spool_reset(s);
    assert_int_equal(spool_write(s, span_of(p, LIMIT_SPOOL_MEMORY + 1)), ERR_IO);
    assert_int_equal(spool_write(s, SPAN("x")), ERR_IO);
    spool_free(s);
    free(p);
}

/* A limit of the process on the size of files stands in for a disk that fails half way. */
static void a_disk_that_refuses_is_reported(void **state)
{
    (void)state;
    struct rlimit old, small;
    char *p = pattern(4 * LIMIT_SPOOL_MEMORY);
    struct spool *s = spool_new(&spools, 4 * LIMIT_SPOOL_MEMORY);
    assert_non_null(s);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 2 * LIMIT_SPOOL_MEMORY + 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int first = spool_write(s, span_of(p, 2 * LIMIT_SPOOL_MEMORY));
    int second = spool_write(s, span_of(p, 2 * LIMIT_SPOOL_MEMORY));
    int third = spool_write(s, SPAN("x"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(first, 0);
    assert_int_equal(second, ERR_IO);
    assert_int_equal(third, ERR_IO);
    spool_reset(s);
    assert_int_equal(spool_write(s, span_of(p, 3 * LIMIT_SPOOL_MEMORY)), 0);
    assert_holds(s, p, 3 * LIMIT_SPOOL_MEMORY);
    spool_free(s);
    free(p);
}

/* ---- what all of them share -------------------------------------------------------------- */

static void budgets_are_given_back(void **state)
{
    (void)state;
    struct budget memory = {.max = 1 << 30};
    struct spools all = {
        .dir = dir, .memory = &memory, .files = {.max = 2}, .bytes = {.max = 1 << 30}};
    enum { BIG = 2 * LIMIT_SPOOL_MEMORY };
    char *p = pattern(BIG);
    struct spool *small = spool_new(&all, BIG), *big = spool_new(&all, BIG);
    assert_true(small != NULL && big != NULL);
    assert_int_equal(spool_write(small, span_of(p, 1000)), 0);
    assert_in_range(budget_used(&memory), 1000, 2000);
    assert_int_equal(budget_used(&all.files), 0);
    assert_int_equal(spool_write(big, span_of(p, BIG)), 0);
    assert_int_equal(budget_used(&all.files), 1);
    assert_int_equal(budget_used(&all.bytes), BIG);
    spool_reset(big);
    assert_int_equal(budget_used(&all.files), 0);
    assert_int_equal(budget_used(&all.bytes), 0);
    assert_int_equal(spool_write(big, span_of(p, BIG)), 0);
    spool_free(big);
    spool_free(small);
    assert_int_equal(budget_used(&all.files), 0);
    assert_int_equal(budget_used(&all.bytes), 0);
    assert_int_equal(budget_used(&memory), 0);
    free(p);
}

static void short_memory_means_a_file(void **state)
{
    (void)state;
    struct budget memory = {.max = 3000};
    struct spools all = {.dir = dir, .memory = &memory};
    char *p = pattern(20000);
    struct spool *first = spool_new(&all, 20000), *second = spool_new(&all, 20000);
    assert_true(first != NULL && second != NULL);
    assert_int_equal(spool_write(first, span_of(p, 6000)), 0);
    assert_true(budget_is_short(&memory));
    for (size_t at = 0; at < 20000; at += 1000)
        assert_int_equal(spool_write(second, span_of(p + at, 1000)), 0);
    assert_int_equal(budget_used(&all.files), 1);
    assert_holds(second, p, 20000);
    assert_int_equal(spool_write(first, span_of(p + 6000, 14000)), 0); /* what it held goes too */
    assert_int_equal(budget_used(&memory), 0);
    assert_holds(first, p, 20000);
    spool_free(first);
    spool_free(second);
    free(p);
}

static void files_and_bytes_have_an_end(void **state)
{
    (void)state;
    enum { BIG = 2 * LIMIT_SPOOL_MEMORY };
    struct spools all = {.dir = dir, .files = {.max = 1}, .bytes = {.max = 2 * BIG}};
    char *p = pattern(BIG);
    struct spool *a = spool_new(&all, 4 * BIG), *b = spool_new(&all, 4 * BIG);
    assert_true(a != NULL && b != NULL);
    assert_int_equal(spool_write(a, span_of(p, BIG)), 0);
    assert_int_equal(spool_write(b, span_of(p, BIG)), ERR_NO_ROOM);
    assert_int_equal(spool_write(b, SPAN("x")), ERR_NO_ROOM); /* sticky */
    spool_reset(b);
    assert_int_equal(spool_write(b, span_of(p, 1000)), 0); /* small ones need no file */
    assert_int_equal(spool_write(a, span_of(p, BIG)), 0);
    assert_int_equal(spool_write(a, span_of(p, BIG)), ERR_NO_ROOM);
    spool_free(a);
    assert_int_equal(spool_write(b, span_of(p, BIG)), 0);
    spool_free(b);
    assert_int_equal(budget_used(&all.files), 0);
    assert_int_equal(budget_used(&all.bytes), 0);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_around_the_limit),
        cmocka_unit_test(a_view_does_not_end_the_writing),
        cmocka_unit_test(the_maximum_is_kept),
        cmocka_unit_test(a_folder_that_is_missing_is_the_servers_fault),
        cmocka_unit_test(a_disk_that_refuses_is_reported),
        cmocka_unit_test(budgets_are_given_back),
        cmocka_unit_test(short_memory_means_a_file),
        cmocka_unit_test(files_and_bytes_have_an_end),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
