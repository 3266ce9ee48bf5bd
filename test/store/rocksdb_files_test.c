/* SPDX-License-Identifier: Apache-2.0 */
/* RocksDB's own files: that they give back the room of what was deleted, and open after a torn write. */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- room ---------------------------------------------------------------------------------- */

static uint64_t folder_bytes(const char *path)
{
    uint64_t sum = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        struct stat st;
        char full[600];
        snprintf(full, sizeof(full), "%s/%s", path, d->d_name);
        if (d->d_name[0] != '.' && stat(full, &st) == 0)
            sum += (uint64_t)st.st_size;
    }
    closedir(dir);
    return sum;
}

/* A body zstd makes nothing of. */
static struct blob_id noise_write(struct fixture *f, uint64_t *seed, uint32_t kilobytes)
{
    uint64_t words[128];
    struct blob_writer *w;
    struct blob_id id;
    struct blob_info info;
    assert_int_equal(store_blob_create(f->s, &w), 0);
    for (uint32_t i = 0; i < kilobytes; i++) {
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            words[k] = *seed;
        }
        assert_int_equal(store_blob_write(w, span_of((const char *)words, sizeof(words))), 0);
    }
    assert_int_equal(store_blob_finish(w, &id, &info), 0);
    return id;
}

static int keep_body(struct store_txn *t, void *arg)
{
    store_txn_blob_link(t, *(struct blob_id *)arg, 0);
    return 0;
}

/* One body of eight stays. Without moving those that do, every file would stay for their sake. */
static void the_room_of_deleted_bodies_comes_back(void **state)
{
    struct fixture *f = *state;
    enum { BODIES = 3200, EACH = 256, KEPT = BODIES / 8 };
    uint64_t seed = 88172645463325252u;
    struct blob_id kept[KEPT];
    size_t removed = 0, gone = 0;
    for (uint32_t i = 0; i < BODIES; i++) {
        struct blob_id id = noise_write(f, &seed, EACH);
        if (i % 8 == 0) {
            kept[i / 8] = id;
            assert_int_equal(store_txn_run(f->s, part_a, keep_body, &kept[i / 8]), 0);
        }
        clock_fake_advance(&f->clock, 1000);
        assert_int_equal(store_collect(f->s, 100000, SIZE_MAX, &removed), 0);
        gone += removed;
    }
    assert_true(gone > BODIES / 2);
    uint64_t all = folder_bytes(path_of(f, "store/db"));
    assert_true(all >> 20 < BODIES * EACH / 1024 * 6 / 10);
    for (size_t i = 0; i < KEPT; i++)
        assert_int_equal(store_blob_verify(f->s, kept[i]), 0);
}

/* ---- a torn MANIFEST ------------------------------------------------------------------------- */

/* The newest one, and the descriptor to change it by. */
static int manifest_open(struct fixture *f, off_t *size)
{
    struct stat st;
    char name[64] = "", path[160];
    FILE *file = fopen(path_of(f, "store/db/CURRENT"), "r");
    assert_non_null(file);
    assert_non_null(fgets(name, sizeof(name), file));
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    snprintf(path, sizeof(path), "%s/store/db/%s", f->folder, name);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    *size = st.st_size;
    return fd;
}

/* A record of 1200 bytes of which the disk kept all sectors but one. */
static void a_torn_record_at_the_end_is_cut_off(void **state)
{
    struct fixture *f = *state;
    off_t size, after;
    char record[7 + 1200] = {1, 2, 3, 4, (char)(1200 & 0xff), 1200 >> 8, 1};
    memset(record + 7, 'x', sizeof(record) - 7);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    store_close(f->s);
    int fd = manifest_open(f, &size);
    for (size_t i = 0; i < sizeof(record); i++)
        if (((size_t)size + i) / 512 == ((size_t)size + 600) / 512)
            record[i] = 0;
    assert_int_equal(pwrite(fd, record, sizeof(record), size), sizeof(record));
    close(fd);
    fixture_open(f);
    assert_true(span_eq(get(f, part_a, SPAN("k")), SPAN("v")));
    store_close(f->s);
    fixture_open(f); /* and again, for good */
    close(manifest_open(f, &after));
    assert_true(span_eq(get(f, part_a, SPAN("k")), SPAN("v")));
}

/* One flipped bit is no torn write: what the record says may have been built on. */
static void a_damaged_manifest_is_left_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    off_t size, after;
    char byte;
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    fixture_reopen(f);
    store_close(f->s);
    int fd = manifest_open(f, &size);
    assert_int_equal(pread(fd, &byte, 1, size - 3), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, size - 3), 1);
    close(fd);
    assert_int_equal(open_again(f, true, NULL, &s), ERR_CORRUPT);
    fd = manifest_open(f, &after);
    assert_int_equal(after, size);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, size - 3), 1);
    close(fd);
    fixture_open(f);
    assert_true(span_eq(get(f, part_a, SPAN("k")), SPAN("v")));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(the_room_of_deleted_bodies_comes_back),
        T(a_torn_record_at_the_end_is_cut_off),
        T(a_damaged_manifest_is_left_as_it_is),
    };
    fixture_engine = "rocksdb";
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests_name("rocksdb_files", tests, NULL, NULL);
}
