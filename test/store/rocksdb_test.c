/* SPDX-License-Identifier: Apache-2.0 */
/* What only an engine with a disk can get wrong: formats, locks, kill -9, damage, a full disk. */
#include "fixture.h"

#include "store/internal.h"
#include "store/rocksdb_impl.h"

#include "base/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ---- opening -----------------------------------------------------------------------------------
 */

/* Names, sizes, times and content of all files of a folder and below. */
static uint64_t fingerprint(const char *path)
{
    uint64_t sum = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        char full[600];
        struct stat st;
        if (d->d_name[0] == '.')
            continue;
        snprintf(full, sizeof(full), "%s/%s", path, d->d_name);
        assert_int_equal(stat(full, &st), 0);
        uint64_t h = 1469598103934665603u;
        for (const char *p = d->d_name; *p != '\0'; p++)
            h = (h ^ (uint8_t)*p) * 1099511628211u;
        h ^= (uint64_t)st.st_size * 31 + (uint64_t)st.st_mtim.tv_nsec * 17 +
             (uint64_t)st.st_mtim.tv_sec;
        if (S_ISDIR(st.st_mode)) {
            h += fingerprint(full);
        } else {
            FILE *file = fopen(full, "r");
            assert_non_null(file);
            for (int c; (c = getc(file)) != EOF;)
                h = (h ^ (uint8_t)c) * 1099511628211u;
            fclose(file);
        }
        sum += h;
    }
    closedir(dir);
    return sum;
}

static void a_newer_format_is_refused_untouched(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    struct buf why;
    buf_init(&why, 1000);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    store_close(f->s);
    file_write(path_of(f, "store/FORMAT"), "mailstead store 4\n");
    uint64_t before = fingerprint(f->folder);
    assert_int_equal(open_again(f, true, &why, &s), ERR_FORMAT_NEWER);
    assert_true(span_find(buf_span(&why), SPAN("format 4")) > 0);
    assert_true(fingerprint(f->folder) == before);
    file_write(path_of(f, "store/FORMAT"), "nonsense\n");
    assert_int_equal(open_again(f, true, NULL, &s), ERR_CORRUPT);
    file_write(path_of(f, "store/FORMAT"), "mailstead store 3\n");
    fixture_open(f);
    assert_true(span_eq(get(f, part_a, SPAN("k")), SPAN("v")));
    buf_done(&why);
}

static void folders_that_are_no_store_are_refused(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    store_close(f->s);
    assert_int_equal(unlink(path_of(f, "store/FORMAT")), 0);
    assert_int_equal(open_again(f, false, NULL, &s), ERR_NOT_FOUND);
    assert_int_equal(open_again(f, true, NULL, &s), ERR_CORRUPT); /* db is there, FORMAT is lost */
    file_write(path_of(f, "store/FORMAT"), "mailstead store 3\n");
    fixture_open(f);
}

static void a_store_is_open_once(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    struct buf why;
    buf_init(&why, 1000);
    assert_int_equal(open_again(f, true, &why, &s), ERR_IN_USE);
    assert_true(span_find(buf_span(&why), SPAN("another process")) > 0);
    buf_done(&why);
}

static void a_read_only_store_reads_and_refuses_writes(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *w;
    size_t removed;
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    store_close(f->s);
    char url[96];
    struct store_options options = {
        .clock = &f->clock.clock, .rng = rng_system(), .read_only = true, .create = true};
    snprintf(url, sizeof(url), "rocksdb:%s/store", f->folder);
    assert_int_equal(store_open(url, &options, NULL, &f->s), 0);
    assert_true(span_eq(get(f, part_a, SPAN("k")), SPAN("v")));
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("w")), ERR_DENIED);
    assert_int_equal(store_part_destroy(f->s, part_a), ERR_DENIED);
    assert_int_equal(store_blob_create(f->s, &w), ERR_DENIED);
    assert_int_equal(store_collect(f->s, 0, 1, &removed), ERR_DENIED);
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_int_equal(check.problems, 0);
    assert_true(store_free_bytes(f->s) > 0);
}

/* ---- kill -9 -----------------------------------------------------------------------------------
 */

/* Round n: rows n and n+, which must both be there or none, and a body linked from the same
 * transaction; every seventh body is a large one. */
struct delivery {
    struct fixture *f;
    uint32_t n;
    struct blob_id id;
};

static int deliver(struct store_txn *t, void *arg)
{
    struct delivery *d = arg;
    struct arena *a = store_txn_arena(t);
    store_txn_put(t, arena_printf(a, "row%08u", d->n), span_of(d->id.b, sizeof(d->id.b)));
    store_txn_put(t, arena_printf(a, "twin%08u", d->n), SPAN("1"));
    store_txn_blob_link(t, d->id, d->n);
    return 0;
}

static size_t body_size(uint32_t n)
{
    return n % 7 == 0 ? 1500000 : 5000 + n % 1000;
}

_Noreturn static void victim(struct fixture *f, int ack, uint32_t n)
{
    fixture_open(f);
    for (;; n++) {
        arena_reset(f->a);
        struct delivery d = {
            .f = f, .n = n, .id = blob_put(f, content_make(f->a, body_size(n), n))};
        if (store_txn_run(f->s, part_a, deliver, &d) != 0 || write(ack, &n, sizeof(n)) != sizeof(n))
            _exit(1);
    }
}

/* Starts a child that delivers from `n` on, kills it, returns how many it has acknowledged in all.
 */
static uint32_t kill_in_the_middle(struct fixture *f, uint32_t n, long wait_ms)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        victim(f, fds[1], n);
    }
    close(fds[1]);
    uint32_t acked = n, got;
    bool killed = false;
    while (read(fds[0], &got, sizeof(got)) == sizeof(got)) {
        assert_int_equal(got, acked++);
        if (!killed) {
            nanosleep(&(struct timespec){.tv_nsec = wait_ms * 1000000}, NULL);
            kill(child, SIGKILL);
            killed = true;
        }
    }
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return acked;
}

/* All acknowledged rows with their bodies, no half ones; returns how many rows there are. */
static uint32_t rows_verify(struct fixture *f, uint32_t acked)
{
    struct store_snap *snap;
    struct store_iter *it;
    struct span k, v;
    uint32_t n = 0;
    arena_reset(f->a);
    assert_int_equal(store_snap_open(f->s, part_a, &snap), 0);
    assert_int_equal(store_snap_scan(snap, SPAN("row"), SPAN_EMPTY, false, &it), 0);
    while (store_iter_next(it, &k, &v) == 1) {
        struct blob_id id;
        struct span twin;
        assert_true(span_eq(k, arena_printf(f->a, "row%08u", n)));
        assert_int_equal(store_snap_get(snap, arena_printf(f->a, "twin%08u", n), f->a, &twin), 0);
        memcpy(id.b, v.p, sizeof(id.b));
        assert_int_equal(blob_compare(f, id, content_make(f->a, body_size(n), n), 1 << 20), 0);
        n++;
    }
    store_iter_close(it);
    store_snap_close(snap);
    assert_true(n == acked || n == acked + 1); /* the one whose answer was lost may be there */
    return n;
}

static void killed_at_any_time_nothing_acknowledged_is_lost(void **state)
{
    struct fixture *f = *state;
    uint32_t n = 0;
    store_close(f->s);
    for (long wait_ms = 5; wait_ms <= 160; wait_ms *= 2) {
        uint32_t acked = kill_in_the_middle(f, n, wait_ms);
        assert_true(acked > n);
        fixture_open(f);
        n = rows_verify(f, acked);
        struct store_check check;
        assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
        assert_int_equal(check.problems, 0);
        store_close(f->s);
    }
    fixture_open(f);
}

/* ---- damage ------------------------------------------------------------------------------------
 */

/* Changes one byte of the first place in the data files where `pattern` is; says how many there
 * were. */
static int scratch(struct fixture *f, const char *suffix, struct span pattern, size_t offset)
{
    int found = 0;
    char folder[160];
    snprintf(folder, sizeof(folder), "%s/store/db", f->folder);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        if (!span_ends(span_str(d->d_name), span_str(suffix)))
            continue;
        char path[600];
        snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
        int fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        off_t size = lseek(fd, 0, SEEK_END);
        char *all = malloc((size_t)size + 1);
        assert_int_equal(pread(fd, all, (size_t)size, 0), size);
        ssize_t at = span_find(span_of(all, (size_t)size), pattern);
        if (at >= 0) {
            char byte = (char)(all[(size_t)at + offset] ^ 0x10);
            assert_int_equal(pwrite(fd, &byte, 1, at + (ssize_t)offset), 1);
            found++;
        }
        free(all);
        close(fd);
    }
    closedir(dir);
    return found;
}

/* A reopened store has replayed its log into table files: what is scratched is read from them. */
static void settle(struct fixture *f)
{
    fixture_reopen(f);
    store_close(f->s);
    f->s = NULL;
}

static int fill(struct store_txn *t, void *arg)
{
    int n = *(int *)arg;
    for (int i = 0; i < n; i++)
        store_txn_put(
            t, arena_printf(store_txn_arena(t), "key%05d", i),
            arena_printf(store_txn_arena(t), "<value of %05d, long enough to fill blocks>", i));
    return 0;
}

struct seen {
    int good, bad;
    bool order_ok;
};

static struct seen scan_all(struct fixture *f, bool reverse)
{
    struct store_snap *snap;
    struct store_iter *it;
    struct span k, v;
    struct seen seen = {.order_ok = true};
    char last[32] = "";
    assert_int_equal(store_snap_open(f->s, part_a, &snap), 0);
    assert_int_equal(store_snap_scan(snap, SPAN("key"), SPAN_EMPTY, reverse, &it), 0);
    for (int rc; (rc = store_iter_next(it, &k, &v)) != 0;) {
        assert_true(rc == 1 || rc == ERR_CORRUPT);
        if (rc == ERR_CORRUPT) {
            assert_true(++seen.bad < 1000);
            continue;
        }
        int order = span_cmp(span_str(last), k) * (reverse ? -1 : 1);
        seen.order_ok &= seen.good == 0 || order < 0;
        assert_true(span_to_cstr(k, last, sizeof(last)));
        seen.good++;
    }
    store_iter_close(it);
    store_snap_close(snap);
    return seen;
}

static void count_problem(void *arg, struct span sentence)
{
    (void)sentence;
    ++*(int *)arg;
}

static void one_flipped_bit_costs_one_block(void **state)
{
    struct fixture *f = *state;
    int n = 3000;
    struct span v;
    struct store_snap *snap;
    assert_int_equal(store_txn_run(f->s, part_a, fill, &n), 0);
    settle(f);
    assert_int_equal(scratch(f, ".sst", SPAN("<value of 01500"), 3), 1);
    fixture_open(f);
    for (int reverse = 0; reverse < 2; reverse++) {
        struct seen seen = scan_all(f, reverse != 0);
        if (seen.good < n - 40 || seen.good >= n)
            fail_msg("%d good", seen.good);
        assert_int_equal(seen.bad, 1);
        assert_true(seen.order_ok);
    }
    assert_int_equal(store_snap_open(f->s, part_a, &snap), 0);
    assert_int_equal(store_snap_get(snap, SPAN("key01500"), f->a, &v), ERR_CORRUPT);
    assert_int_equal(store_snap_get(snap, SPAN("key01400"), f->a, &v), 0);
    assert_int_equal(store_snap_get(snap, SPAN("key01600"), f->a, &v), 0);
    store_snap_close(snap);
    struct store_check check;
    int sentences = 0;
    assert_int_equal(store_check(f->s, count_problem, &sentences, &check), 0);
    assert_int_equal(check.problems, 1);
    assert_int_equal(sentences, 1);
    /* what is written over it is read again, and mail goes on */
    assert_int_equal(put(f, part_a, SPAN("key01500"), SPAN("new")), 0);
    assert_true(span_eq(get(f, part_a, SPAN("key01500")), SPAN("new")));
    assert_true(scan_all(f, false).good >= n - 40);
    /* what is new between the block's keys is there, and a scan that passes it over says "damage" */
    assert_int_equal(put(f, part_a, SPAN("key01500a"), SPAN("newer")), 0);
    assert_true(span_eq(get(f, part_a, SPAN("key01500a")), SPAN("newer")));
    assert_true(scan_all(f, false).bad > 0);
}

static void several_damaged_blocks_hide_only_themselves(void **state)
{
    struct fixture *f = *state;
    int n = 3000;
    assert_int_equal(store_txn_run(f->s, part_a, fill, &n), 0);
    settle(f);
    assert_int_equal(scratch(f, ".sst", SPAN("<value of 00000"), 1), 1); /* the first */
    assert_int_equal(scratch(f, ".sst", SPAN("<value of 01000"), 1), 1);
    assert_int_equal(scratch(f, ".sst", SPAN("<value of 01040"), 1),
                     1); /* its neighbour or nearly */
    assert_int_equal(scratch(f, ".sst", SPAN("<value of 02999"), 1), 1); /* the last */
    fixture_open(f);
    for (int reverse = 0; reverse < 2; reverse++) {
        struct seen seen = scan_all(f, reverse != 0);
        assert_in_range(seen.bad, 2, 4); /* damage side by side may be told as one */
        assert_true(seen.good >= n - 160 && seen.good <= n - 4);
        assert_true(seen.order_ok);
    }
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_in_range(check.problems, 2, 4);
}

static void a_damaged_body_is_one_body(void **state)
{
    struct fixture *f = *state;
    struct span marked = content_make(f->a, 9000, 2);
    struct blob_id bad = blob_put(f, marked), good = blob_put(f, content_make(f->a, 9000, 3));
    assert_int_equal(blob_link(f, part_a, bad, 1), 0);
    assert_int_equal(blob_link(f, part_a, good, 2), 0);
    settle(f);
    /* random bytes cannot be compressed and lie there as they are */
    assert_int_equal(scratch(f, ".blob", span_slice(marked, 1000, 32), 0), 1);
    fixture_open(f);
    assert_int_equal(store_blob_verify(f->s, bad), ERR_CORRUPT);
    assert_int_equal(blob_compare(f, bad, marked, 100), ERR_CORRUPT);
    assert_int_equal(store_blob_verify(f->s, good), 0);
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_int_equal(check.problems, 2); /* the stretch, and whose it is */
    assert_int_equal(check.blobs, 2);
}

/* ---- a full disk -------------------------------------------------------------------------------
 */

static int deliver_one(struct fixture *f, uint32_t n)
{
    struct blob_writer *w;
    struct blob_info info;
    struct delivery d = {.f = f, .n = n};
    arena_reset(f->a);
    int rc = store_blob_create(f->s, &w);
    if (rc != 0)
        return rc;
    (void)!store_blob_write(w, content_make(f->a, 100000, n));
    rc = store_blob_finish(w, &d.id, &info);
    return rc != 0 ? rc : store_txn_run(f->s, part_a, deliver, &d);
}

/* Who reads slowly holds what was read, not the database: it can be closed and opened again beneath. */
static void a_reader_outlives_a_repair(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {200, 1500, 3000, 100000, 1 << 20, (3 << 20) + 5};
    struct blob_reader *readers[COUNT_OF(sizes)];
    struct span contents[COUNT_OF(sizes)];
    struct blob_id ids[COUNT_OF(sizes)];
    struct buf got;
    uint64_t generation, after;
    buf_init(&got, 4 << 20);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        contents[i] = content_make(f->a, sizes[i], i);
        ids[i] = blob_put(f, contents[i]);
        assert_int_equal(blob_link(f, part_a, ids[i], i), 0);
    }
    for (int flushed = 0; flushed < 2; flushed++) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            assert_int_equal(store_blob_open(f->s, ids[i], &readers[i], NULL), 0);
            assert_int_equal(store_blob_read(readers[i], 0, 1, &got), 0);
        }
        struct engine_rocksdb *e = rocksdb_of(f->s->engine);
        assert_int_equal(rocksdb_gate_enter(e, &generation), 0);
        rocksdb_gate_leave(e);
        rocksdb_fail(e, ERR_IO);
        assert_int_equal(rocksdb_repair(e, generation),
                         0); /* which puts it into table files, too */
        assert_int_equal(rocksdb_gate_enter(e, &after), 0);
        rocksdb_gate_leave(e);
        assert_true(after != generation);
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            buf_clear(&got);
            assert_int_equal(store_blob_read(readers[i], 0, sizes[i], &got), 0);
            assert_true(span_eq(buf_span(&got), contents[i]));
            store_blob_close(readers[i]);
        }
    }
    buf_done(&got);
}

/* Fills what is left of the disk with a file. */
static void ballast_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    static char zeros[65536];
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof(zeros)) > 0)
        ;
    while (write(fd, zeros, 1) > 0)
        ;
    close(fd);
}

static void a_full_disk_heals(void **state)
{
    struct fixture *f = *state;
    store_close(f->s);
    folder_remove(f->folder);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    if (mount("tmpfs", f->folder, "tmpfs", 0, "size=160m") != 0) {
        fixture_open(f);
        skip(); /* needs root */
    }
    f->reserve_bytes = 8 << 20;
    fixture_open(f);
    char ballast[96];
    snprintf(ballast, sizeof(ballast), "%s/ballast", f->folder);

    uint32_t n = 0;
    for (; n < 20; n++)
        assert_int_equal(deliver_one(f, n), 0);

    /* below the reserve: refused before anything is tried, deletes go through */
    ballast_write(ballast);
    assert_int_equal(deliver_one(f, n), ERR_DISK_FULL);
    assert_true(span_find(list(f, part_a, SPAN("row"), SPAN_EMPTY, false), SPAN("row00000019")) >
                0);
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(deliver_one(f, n++), 0);

    /* full in the middle of a write: the reserve is set out of the way */
    store_close(f->s);
    f->reserve_bytes = 1;
    fixture_open(f);
    ballast_write(ballast);
    int rc = 0;
    uint32_t last = n;
    for (; rc == 0 && n < last + 2000; n++)
        rc = deliver_one(f, n);
    assert_int_equal(rc, ERR_DISK_FULL);
    n--;
    assert_int_equal(deliver_one(f, n), ERR_DISK_FULL);
    assert_true(span_find(list(f, part_a, SPAN("row"), SPAN_EMPTY, false), SPAN("row00000019")) >
                0);
    assert_int_equal(unlink(ballast), 0);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 200000000}, NULL);
    assert_int_equal(deliver_one(f, n++), 0); /* without a restart */
    assert_int_equal(deliver_one(f, n++), 0);
    fixture_reopen(f);
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_int_equal(check.problems, 0);
    assert_int_equal(check.blobs, n);

    store_close(f->s);
    f->s = NULL;
    assert_int_equal(umount(f->folder), 0);
    f->reserve_bytes = 0;
    fixture_open(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_newer_format_is_refused_untouched),
        T(folders_that_are_no_store_are_refused),
        T(a_store_is_open_once),
        T(a_read_only_store_reads_and_refuses_writes),
        T(killed_at_any_time_nothing_acknowledged_is_lost),
        T(one_flipped_bit_costs_one_block),
        T(several_damaged_blocks_hide_only_themselves),
        T(a_damaged_body_is_one_body),
        T(a_reader_outlives_a_repair),
        T(a_full_disk_heals),
    };
    fixture_engine = "rocksdb";
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests_name("rocksdb", tests, NULL, NULL);
}
