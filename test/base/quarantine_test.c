/* SPDX-License-Identifier: Apache-2.0 */
/* Counting crashes in files, and what is held because of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"
#include "base/quarantine.h"

static char dir[64];
static const char version[] = "1.2.3";

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/mailstead-quarantine-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static size_t files(bool remove)
{
    size_t n = 0;
    const struct dirent *e;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        n++;
        if (remove)
            assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
    }
    assert_int_equal(closedir(d), 0);
    return n;
}

static int teardown(void **state)
{
    (void)state;
    quarantine_close();
    (void)files(true);
    return rmdir(dir);
}

static struct flight_print print_of(uint8_t seed)
{
    struct flight_print p = {{seed, 0xab}};
    return p;
}

static bool crash(uint8_t seed)
{
    bool held = false;
    struct flight_print p = print_of(seed);
    assert_int_equal(quarantine_add(dir, &p, version, SPAN("kind: pop3\nwhat: x\n"), &held), 0);
    return held;
}

static int64_t now(void)
{
    return clock_system()->wall_ms(clock_system());
}

static void open_it(void)
{
    assert_int_equal(quarantine_open(dir, version, now()), 0);
}

static bool has(uint8_t seed)
{
    struct flight_print p = print_of(seed);
    return quarantine_has(&p);
}

static void the_second_crash_holds(void **state)
{
    (void)state;
    assert_false(crash(1));
    assert_false(crash(2));
    open_it();
    assert_int_equal(quarantine_count(), 0);
    assert_true(crash(1));
    assert_true(crash(1)); /* two of it at once: no error */
    open_it();
    assert_int_equal(quarantine_count(), 1);
    assert_int_equal(metric_get(METRIC_QUARANTINE_HELD), 1);
    assert_true(has(1));
    assert_false(has(2));
}

static void what_is_released_is_free_at_once(void **state)
{
    char id[QUARANTINE_ID];
    struct flight_print p = print_of(1);
    (void)state;
    (void)crash(1);
    (void)crash(1);
    (void)crash(2);
    (void)crash(2);
    open_it();
    quarantine_id(&p, id);
    assert_int_equal(quarantine_release(dir, span_str(id)), 0);
    assert_int_equal(quarantine_release(dir, span_str(id)), ERR_NOT_FOUND);
    assert_false(has(1));
    assert_true(has(2));
    assert_int_equal(quarantine_count(), 1);
    assert_false(crash(1)); /* counted anew */
}

static void only_an_id_is_released(void **state)
{
    static const char *const wrong[] = {"",
                                        "..",
                                        "../../etc/passwd",
                                        "01AB0000000000000000000000000000",
                                        "0/./000000000000000000000000000/",
                                        "01ab00000000000000000000000000000"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(quarantine_release(dir, span_str(wrong[i])), ERR_INVALID);
}

static void another_version_begins_anew(void **state)
{
    (void)state;
    (void)crash(1);
    (void)crash(1);
    (void)crash(2);
    assert_int_equal(quarantine_open(dir, "1.2.4", now()), 0);
    assert_int_equal(quarantine_count(), 0);
    assert_int_equal(files(false), 0);
}

static void a_single_crash_is_forgotten_in_time(void **state)
{
    const int64_t day = INT64_C(24) * 3600 * 1000;
    (void)state;
    (void)crash(1);
    (void)crash(2);
    (void)crash(2);
    assert_int_equal(quarantine_open(dir, version, now() + (QUARANTINE_DAYS - 1) * day), 0);
    assert_int_equal(files(false), 3);
    assert_int_equal(quarantine_open(dir, version, now() + (QUARANTINE_DAYS + 1) * day), 0);
    assert_true(has(2)); /* only its operator ends that */
    assert_false(crash(1));
}

static void lines_cannot_be_forged(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, QUARANTINE_TEXT);
    quarantine_line(&b, "what", SPAN("a\nversion: 9\r\x1b[1m\x7f gr\xc3\xbc\xc3\x9f"));
    quarantine_line(&b, "peer", SPAN("\xff\xfe"));
    assert_true(
        span_eq(buf_span(&b), SPAN("what: a?version: 9??[1m? gr\xc3\xbc\xc3\x9f\npeer: ??\n")));
    assert_true(span_eq(quarantine_value(buf_span(&b), SPAN("peer")), SPAN("??")));
    assert_int_equal(quarantine_value(buf_span(&b), SPAN("version")).n, 0);
    assert_int_equal(quarantine_value(buf_span(&b), SPAN("wha")).n, 0);
    buf_done(&b);
}

static int look(void *arg, const struct quarantine_entry *e)
{
    size_t *seen = arg;
    seen[e->held]++;
    assert_true(span_eq(quarantine_value(e->text, SPAN("kind")), SPAN("pop3")));
    assert_true(span_eq(quarantine_value(e->text, SPAN("version")), span_str(version)));
    return 0;
}

static void each_is_told_once(void **state)
{
    size_t seen[2] = {0};
    char path[128];
    (void)state;
    (void)crash(1);
    (void)crash(2);
    (void)crash(2);
    static const char *const others[] = {"note.txt", "01ab.held", "x.crash"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, others[i]);
        assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    }
    assert_int_equal(quarantine_each(dir, look, seen), 0);
    assert_int_equal(seen[false], 1);
    assert_int_equal(seen[true], 1);
    assert_int_equal(quarantine_each("/nonexistent/folder", look, seen), ERR_NOT_FOUND);
}

/* Last: this process has a recorder from then on. */
static void what_is_held_does_not_run(void **state)
{
    struct flight_report r;
    bool held;
    const struct ip nobody = {{0}};
    int fd = flight_file();
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(flight_open(fd), 0);
    flight_begin(FLIGHT_JOB, nobody);
    flight_key(SPAN("poison"));
    assert_int_equal(flight_go(), 0);
    assert_int_equal(flight_read(fd, &r), 0);
    assert_int_equal(r.running, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(quarantine_add(dir, &r.units[0].print, version, SPAN_EMPTY, &held), 0);
    open_it();

    int64_t refused = metric_get(METRIC_QUARANTINE_REFUSED);
    flight_begin(FLIGHT_JOB, nobody);
    flight_key(SPAN("poison"));
    assert_int_equal(flight_go(), ERR_QUARANTINED);
    assert_int_equal(metric_get(METRIC_QUARANTINE_REFUSED), refused + 1);
    assert_int_equal(flight_read(fd, &r), 0);
    assert_int_equal(r.running, 0);
    flight_begin(FLIGHT_HTTP, nobody); /* of another kind */
    flight_key(SPAN("poison"));
    assert_int_equal(flight_go(), 0);
    flight_begin(FLIGHT_JOB, nobody);
    flight_key(SPAN("food"));
    assert_int_equal(flight_go(), 0);
    flight_end();
    close(fd);
}

#define QUARANTINE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUARANTINE_TEST(the_second_crash_holds),
        QUARANTINE_TEST(what_is_released_is_free_at_once),
        QUARANTINE_TEST(only_an_id_is_released),
        QUARANTINE_TEST(another_version_begins_anew),
        QUARANTINE_TEST(a_single_crash_is_forgotten_in_time),
        QUARANTINE_TEST(lines_cannot_be_forged),
        QUARANTINE_TEST(each_is_told_once),
        QUARANTINE_TEST(what_is_held_does_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
