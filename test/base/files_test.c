/* SPDX-License-Identifier: Apache-2.0 */
/* Files that loss of power does not take away: what they say of success and failure. Whether they are on the disk
 * is seen by test/power. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/files.h"

static char dir[] = "/tmp/mailstead-files-XXXXXX";
static char path[64];

static int make_dir(void **state)
{
    (void)state;
    umask(022); /* modes are compared */
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/file", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static void assert_holds(struct span bytes, mode_t mode)
{
    char text[64];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof text);
    assert_int_equal(fstat(fd, &st), 0);
    close(fd);
    assert_int_equal(st.st_mode & 0777, mode);
    assert_true(n >= 0 && span_eq(span_of(text, (size_t)n), bytes));
}

static void test_make(void **state)
{
    (void)state;
    assert_int_equal(file_make(path, 0600, SPAN("content")), 0);
    assert_holds(SPAN("content"), 0600);
    assert_int_equal(file_make(path, 0600, SPAN("another")), ERR_EXISTS);
    assert_int_equal(errno, EEXIST);
    assert_holds(SPAN("content"), 0600);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_make(path, 0640, SPAN_EMPTY), 0);
    assert_holds(SPAN_EMPTY, 0640);
    assert_int_equal(unlink(path), 0);
    assert_int_not_equal(file_make("/nonexistent/folder/file", 0600, SPAN("x")), 0);
    assert_int_equal(errno, ENOENT);
}

/* A write that stops in the middle is a failure, though some bytes are there. */
static void test_make_half(void **state)
{
    struct rlimit before, small;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int err = file_make(path, 0600, SPAN("content"));
    int number = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_not_equal(err, 0);
    assert_int_equal(number, EFBIG);
    assert_int_equal(unlink(path), 0);
}

static void test_folders(void **state)
{
    char below[80];
    (void)state;
    assert_int_equal(folder_sync(dir), 0);
    assert_int_not_equal(folder_sync("/nonexistent/folder"), 0);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(file_make(path, 0600, SPAN_EMPTY), 0);
    assert_int_not_equal(folder_sync(path), 0);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(folder_sync_above(path), 0);
    snprintf(below, sizeof below, "%s/none/", dir);
    assert_int_equal(folder_sync_above(below), 0);
    snprintf(below, sizeof below, "%s/none/file", dir);
    assert_int_not_equal(folder_sync_above(below), 0);
    assert_int_equal(folder_sync_above("name"), 0);
    assert_int_equal(folder_sync_above("/"), 0);
    assert_int_equal(folder_sync_above("/tmp/"), 0);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_make_half),
        cmocka_unit_test(test_folders),
    };
    return cmocka_run_group_tests_name("files", tests, make_dir, remove_dir);
}
