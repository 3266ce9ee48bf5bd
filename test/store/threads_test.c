/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation and bounded memory with threads.  threads_test sim|rocksdb */
#include "fixture.h"

#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 8, ROUNDS = 60 };

struct worker {
    struct fixture *f;
    struct part part;
    int index;
    pthread_t thread;
};

static int add_one(struct store_txn *t, void *arg)
{
    struct span v;
    uint64_t n = 0;
    (void)arg;
    int rc = store_txn_get(t, SPAN("n"), &v);
    if (rc == 0 && !span_to_u64(v, &n))
        return ERR_CORRUPT;
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    struct span text = arena_printf(store_txn_arena(t), "%llu", (unsigned long long)n + 1);
    struct span row = arena_printf(store_txn_arena(t), "row%llu", (unsigned long long)n + 1);
    store_txn_put(t, SPAN("n"), text);
    store_txn_put(t, row, text);
    return 0;
}

static void *count_up(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(store_txn_run(w->f->s, w->part, add_one, NULL), 0);
    return NULL;
}

static void run(struct worker *w, size_t n, void *(*fn)(void *))
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_create(&w[i].thread, NULL, fn, &w[i]), 0);
    for (size_t i = 0; i < n; i++)
        pthread_join(w[i].thread, NULL);
}

static uint64_t counter(struct fixture *f, struct part part)
{
    uint64_t n = 0;
    assert_true(span_to_u64(get(f, part, SPAN("n")), &n));
    return n;
}

static uint64_t rows(struct fixture *f, struct part part)
{
    struct store_snap *snap;
    struct store_iter *it;
    struct span k, v;
    uint64_t n = 0;
    assert_int_equal(store_snap_open(f->s, part, &snap), 0);
    assert_int_equal(store_snap_scan(snap, SPAN("row"), SPAN_EMPTY, false, &it), 0);
    while (store_iter_next(it, &k, &v) == 1)
        n++;
    store_iter_close(it);
    store_snap_close(snap);
    return n;
}

static void one_counter_many_threads(void **state)
{
    struct fixture *f = *state;
    struct worker w[THREADS];
    for (int i = 0; i < THREADS; i++)
        w[i] = (struct worker){.f = f, .part = part_a, .index = i};
    run(w, THREADS, count_up);
    assert_int_equal(counter(f, part_a), THREADS * ROUNDS);
    assert_int_equal(rows(f, part_a), THREADS * ROUNDS);
}

static void a_counter_for_each_thread(void **state)
{
    struct fixture *f = *state;
    struct worker w[THREADS];
    for (int i = 0; i < THREADS; i++)
        w[i] = (struct worker){.f = f, .part = {PART_ACCOUNT, 100 + (uint64_t)i}, .index = i};
    run(w, THREADS, count_up);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(counter(f, w[i].part), ROUNDS);
}

/* ---- a conflict is run once more, and only once ---------------------------------------------- */

struct meddled {
    struct fixture *f;
    int runs;
};

static void *meddle(void *arg)
{
    assert_int_equal(put(arg, part_a, SPAN("n"), SPAN("41")), 0);
    return NULL;
}

static int add_one_meddled(struct store_txn *t, void *arg)
{
    struct meddled *m = arg;
    pthread_t thread;
    struct span v;
    if (m->runs++ == 0) {
        assert_int_equal(store_txn_get(t, SPAN("n"), &v), ERR_NOT_FOUND);
        assert_int_equal(pthread_create(&thread, NULL, meddle, m->f), 0);
        pthread_join(thread, NULL);
        assert_int_equal(store_txn_get(t, SPAN("n"), &v), ERR_NOT_FOUND); /* the snapshot stands */
    }
    return add_one(t, NULL);
}

static void a_conflict_is_run_again(void **state)
{
    struct fixture *f = *state;
    struct meddled m = {.f = f};
    int64_t before = metric_get(METRIC_STORE_CONFLICTS);
    assert_int_equal(store_txn_run(f->s, part_a, add_one_meddled, &m), 0);
    assert_int_equal(m.runs, 2);
    assert_int_equal(counter(f, part_a), 42);
    assert_int_equal(metric_get(METRIC_STORE_CONFLICTS) - before, 1);
}

/* ---- who comes while somebody commits is not run in vain -------------------------------------- */

struct latecomer {
    struct fixture *f;
    pthread_t thread;
    atomic_bool came;
    atomic_int runs;
};

static int add_one_counted(struct store_txn *t, void *arg)
{
    atomic_fetch_add(&((struct latecomer *)arg)->runs, 1);
    return add_one(t, NULL);
}

static void *come_late(void *arg)
{
    struct latecomer *l = arg;
    atomic_store(&l->came, true);
    assert_int_equal(store_txn_run(l->f->s, part_a, add_one_counted, l), 0);
    return NULL;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
}

/* In the middle of the first commit somebody comes, and has time enough to run once. */
static int let_come(void *arg, enum sim_op op)
{
    struct latecomer *l = arg;
    if (op != SIM_COMMIT || atomic_load(&l->came))
        return 0;
    assert_int_equal(pthread_create(&l->thread, NULL, come_late, l), 0);
    while (!atomic_load(&l->came))
        nap();
    for (int ms = 0; ms < 50 && atomic_load(&l->runs) == 0; ms++)
        nap();
    return 0;
}

static void a_latecomer_is_run_once(void **state)
{
    struct fixture *f = *state;
    struct latecomer l = {.f = f};
    struct sim_watcher watcher = {.before = let_come, .arg = &l};
    int64_t before = metric_get(METRIC_STORE_CONFLICTS);
    if (f->disk ==
        NULL) /* RocksDB does not say when it commits: the moment to come late is known of the sim engine only */
        skip();
    sim_watch(f->disk, &watcher);
    assert_int_equal(store_txn_run(f->s, part_a, add_one, NULL), 0);
    pthread_join(l.thread, NULL);
    sim_watch(f->disk, NULL);
    assert_int_equal(atomic_load(&l.runs), 1);
    assert_int_equal(counter(f, part_a), 2);
    assert_int_equal(metric_get(METRIC_STORE_CONFLICTS) - before, 0);
}

/* ---- links against the collector ---------------------------------------------------------------
 */

struct race {
    struct fixture *f;
    atomic_bool over;
    struct blob_id shared; /* its only link moves from one partition to the next, without end */
    struct span content;
};

static void *collect_all(void *arg)
{
    struct race *r = arg;
    size_t removed;
    while (!atomic_load(&r->over))
        assert_int_equal(store_collect(r->f->s, -1000, 1000, &removed), 0);
    return NULL;
}

static void *link_and_unlink(void *arg)
{
    struct race *r = arg;
    for (uint64_t i = 0; i < 40; i++) {
        /* with no grace time at all a body may go before it is linked; once linked it must stay */
        struct blob_id id = blob_put(r->f, r->content);
        int rc = blob_link(r->f, part_a, id, i);
        assert_true(rc == 0 || rc == ERR_NOT_FOUND);
        if (rc == 0) {
            assert_int_equal(store_blob_verify(r->f->s, id), 0);
            assert_int_equal(blob_link(r->f, part_b, id, i), 0);
            assert_int_equal(blob_unlink(r->f, part_a, id, i), 0);
            assert_int_equal(store_blob_verify(r->f->s, id), 0);
            assert_int_equal(blob_unlink(r->f, part_b, id, i), 0);
        }
        assert_int_equal(blob_link(r->f, part_a, r->shared, 1000 + i + 1), 0);
        assert_int_equal(blob_unlink(r->f, part_a, r->shared, 1000 + i), 0);
        assert_int_equal(store_blob_verify(r->f->s, r->shared), 0);
    }
    return NULL;
}

static void linked_blobs_are_never_collected(void **state)
{
    struct fixture *f = *state;
    struct race r = {.f = f, .content = content_make(f->a, 2000, 1)};
    pthread_t collector, linker;
    r.shared = blob_put(f, r.content);
    assert_int_equal(blob_link(f, part_a, r.shared, 1000), 0);
    atomic_init(&r.over, false);
    assert_int_equal(pthread_create(&collector, NULL, collect_all, &r), 0);
    assert_int_equal(pthread_create(&linker, NULL, link_and_unlink, &r), 0);
    pthread_join(linker, NULL);
    atomic_store(&r.over, true);
    pthread_join(collector, NULL);
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_int_equal(check.problems, 0);
}

/* ---- watches -----------------------------------------------------------------------------------
 */

static void note(void *arg, struct part part)
{
    (void)part;
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void *watch_and_leave(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < 200; i++) {
        atomic_int *calls = malloc(sizeof(*calls));
        struct store_watch *watch;
        atomic_init(calls, 0);
        assert_int_equal(store_watch(w->f->s, part_a, note, calls, &watch), 0);
        store_unwatch(watch);
        free(calls); /* a call after this is a crash under the sanitizers */
    }
    return NULL;
}

static void unwatch_waits_for_running_calls(void **state)
{
    struct fixture *f = *state;
    struct worker watcher = {.f = f}, w[2] = {{.f = f, .part = part_a}, {.f = f, .part = part_a}};
    assert_int_equal(pthread_create(&watcher.thread, NULL, watch_and_leave, &watcher), 0);
    run(w, 2, count_up);
    pthread_join(watcher.thread, NULL);
    assert_int_equal(counter(f, part_a), 2 * ROUNDS);
}

/* ---- memory -------------------------------------------------------------------------------------
 */

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * 4;
}

/* 200 MB in, verified and read again. What the rocksdb engine may hold of it are its write buffers,
 * three of 16 MiB, and its cache. The sim engine is a disk in memory and not measured. */
static void a_large_blob_needs_little_memory(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *w;
    struct blob_id id;
    struct blob_info info;
    bool is_sim = f->disk != NULL;
    struct span piece = content_make(f->a, 1000000, 1);
    size_t pieces = is_sim ? 50 : 200;
    long before = resident_kib();
    assert_int_equal(store_blob_create(f->s, &w), 0);
    for (size_t i = 0; i < pieces; i++)
        assert_int_equal(store_blob_write(w, piece), 0);
    assert_int_equal(store_blob_finish(w, &id, &info), 0);
    assert_int_equal(info.size, pieces * piece.n);
    assert_int_equal(blob_link(f, part_a, id, 1), 0);
    assert_int_equal(store_blob_verify(f->s, id), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (!is_sim) /* the sanitizers keep freed memory back */
        assert_true(resident_kib() - before < 140 * 1024);
#else
    (void)before;
    (void)resident_kib;
#endif
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(one_counter_many_threads),         T(a_counter_for_each_thread),
        T(a_conflict_is_run_again),          T(a_latecomer_is_run_once),
        T(linked_blobs_are_never_collected), T(unwatch_waits_for_running_calls),
        T(a_large_blob_needs_little_memory),
    };
    if (argc > 1)
        fixture_engine = argv[1];
    return cmocka_run_group_tests_name(fixture_engine, tests, NULL, NULL);
}
