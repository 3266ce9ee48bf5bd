/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder, read after processes that died in each way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/flight.h"
#include "base/log.h"

static struct ip peer(void)
{
    struct ip ip;
    assert_true(ip_parse(SPAN("192.0.2.7"), &ip));
    return ip;
}

/* Runs `life` in a process with a recorder and tells what that says when it is over. */
static int lived(void (*life)(void), struct flight_report *r)
{
    int status, fd = flight_file();
    assert_true(fd >= 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int number = 1; number < NSIG; number++)
            (void)signal(number, SIG_DFL); /* cmocka and sanitizers have handlers of their own */
        if (flight_open(fd) != 0)
            _exit(99);
        life();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(flight_read(fd, r), 0);
    close(fd);
    return status;
}

static void begin(const char *key, const char *show)
{
    flight_begin(FLIGHT_POP3, peer());
    flight_key(span_str(key));
    flight_show(span_str(show));
}

static void go(void)
{
    if (flight_go() != 0)
        _exit(98);
}

static void fault(void)
{
    volatile char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *p = 1;
}

/* A thread that runs a unit, and does not come to its end. */
static void *at_work(void *arg)
{
    begin("beside", "beside");
    go();
    (void)!write(*(int *)arg, "", 1);
    for (;;)
        pause();
    return NULL;
}

static void start_beside(void)
{
    int ends[2];
    char c;
    pthread_t thread;
    if (pipe(ends) != 0 || pthread_create(&thread, NULL, at_work, &ends[1]) != 0 ||
        read(ends[0], &c, 1) != 1)
        _exit(97);
}

static void die_by_fault(void)
{
    start_beside();
    log_scope_set(SPAN("session7"), SPAN_EMPTY);
    begin("key", "anna: RETR 3");
    go();
    fault();
}

static void a_fault_marks_its_unit_only(void **state)
{
    struct flight_report r;
    (void)state;
    (void)lived(die_by_fault, &r);
    assert_false(r.outside || r.elsewhere);
    assert_int_equal(r.crashed, 1);
    assert_int_equal(r.running, 1);
    assert_int_equal(r.units_n, 2);
    assert_int_equal(r.units[0].kind, FLIGHT_POP3);
    assert_string_equal(r.units[0].show, "anna: RETR 3");
    assert_string_equal(r.units[0].sid, "session7");
    assert_true(ip_eq(r.units[0].peer, peer()));
    assert_string_equal(r.units[1].show, "beside");
    assert_memory_not_equal(&r.units[0].print, &r.units[1].print, sizeof r.units[0].print);
}

static void die_by_abort(void)
{
    begin("key", "other words for it");
    go();
    abort();
}

static void the_same_key_is_the_same_unit(void **state)
{
    struct flight_report a, b;
    (void)state;
    (void)lived(die_by_fault, &a);
    int status = lived(die_by_abort, &b);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(b.crashed, 1);
    assert_memory_equal(&a.units[0].print, &b.units[0].print, sizeof a.units[0].print);
}

static void die_after(void)
{
    begin("key", "done before");
    go();
    flight_end();
    fault();
}

static void a_unit_that_ended_is_not_blamed(void **state)
{
    struct flight_report r;
    (void)state;
    (void)lived(die_after, &r);
    assert_true(r.elsewhere);
    assert_int_equal(r.units_n, 0);
}

static void killed_with(int number)
{
    begin("key", "in the middle");
    go();
    (void)kill(getpid(), number);
    pause();
}
static void die_by_kill(void)
{
    killed_with(SIGKILL);
}
static void die_by_kill_segv(void)
{
    killed_with(SIGSEGV);
}

static void a_signal_from_outside_marks_nothing(void **state)
{
    struct flight_report r;
    (void)state;
    int status = lived(die_by_kill, &r);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(r.crashed, 0);
    assert_int_equal(r.running, 1);
    assert_false(r.outside);
    status = lived(die_by_kill_segv, &r);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(r.outside);
    assert_int_equal(r.crashed, 0);
}

static void *help(void *slot)
{
    flight_share(slot);
    fault();
    return NULL;
}
static void die_in_a_helper(void)
{
    pthread_t thread;
    begin("key", "with help");
    go();
    if (pthread_create(&thread, NULL, help, flight_mine()) == 0)
        pthread_join(thread, NULL);
}

static void a_helper_dies_for_its_master(void **state)
{
    struct flight_report r;
    (void)state;
    (void)lived(die_in_a_helper, &r);
    assert_int_equal(r.crashed, 1);
    assert_string_equal(r.units[0].show, "with help");
}

/* ---- keys ----------------------------------------------------------------------------------- */

static const char *key_a, *key_b;
static size_t long_n;

static void die_with_two_keys(void)
{
    begin(key_a, "");
    flight_key(span_str(key_b));
    go();
    abort();
}

static void die_with_a_long_key(void)
{
    char *much = calloc(1, long_n);
    flight_begin(FLIGHT_HTTP, peer());
    flight_key(span_of(much, long_n));
    for (int i = 0; i < 100; i++)
        flight_show(SPAN("0123456789"));
    go();
    abort();
}

static struct flight_print print_of(void (*life)(void))
{
    struct flight_report r;
    (void)lived(life, &r);
    assert_int_equal(r.crashed, 1);
    assert_true(strlen(r.units[0].show) < FLIGHT_SHOW);
    return r.units[0].print;
}

static void keys_do_not_run_into_each_other(void **state)
{
    (void)state;
    key_a = "a", key_b = "bc";
    struct flight_print one = print_of(die_with_two_keys);
    key_a = "ab", key_b = "c";
    struct flight_print other = print_of(die_with_two_keys);
    assert_memory_not_equal(&one, &other, sizeof one);
}

static void what_is_too_long_is_cut_and_counted(void **state)
{
    (void)state;
    long_n = 100000;
    struct flight_print one = print_of(die_with_a_long_key), again = print_of(die_with_a_long_key);
    long_n = 100001;
    struct flight_print other = print_of(die_with_a_long_key);
    assert_memory_equal(&one, &again, sizeof one);
    assert_memory_not_equal(&one, &other, sizeof one);
}

/* ---- what a process that was taken over may have left ------------------------------------------ */

static void any_bytes_are_read(void **state)
{
    struct flight_report r;
    uint8_t block[4096];
    (void)state;
    for (int fill = 0; fill < 4; fill++) {
        int fd = flight_file();
        assert_true(fd >= 0);
        off_t size = lseek(fd, 0, SEEK_END);
        for (off_t at = 0; at + (off_t)sizeof block <= size; at += (off_t)sizeof block) {
            for (size_t i = 0; i < sizeof block; i++)
                /* words of 1 and of 2: each slot runs, or has crashed */
                block[i] = fill == 3 ? 0xff : (uint8_t)(i % 4 == 0 ? fill : 0);
            assert_int_equal(pwrite(fd, block, sizeof block, at), sizeof block);
        }
        assert_int_equal(flight_read(fd, &r), 0);
        assert_int_equal(r.running, fill == 1 ? FLIGHT_SLOTS : r.running);
        assert_int_equal(r.units_n, r.running + r.crashed == 0 ? 0 : FLIGHT_UNITS);
        assert_int_equal(ftruncate(fd, size / 2), 0);
        assert_int_equal(flight_read(fd, &r), ERR_CORRUPT);
        close(fd);
    }
}

static void without_a_recorder_nothing_happens(void **state)
{
    (void)state;
    begin("key", "words");
    assert_int_equal(flight_go(), 0);
    flight_end();
    assert_null(flight_mine());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_marks_its_unit_only),
        cmocka_unit_test(the_same_key_is_the_same_unit),
        cmocka_unit_test(a_unit_that_ended_is_not_blamed),
        cmocka_unit_test(a_signal_from_outside_marks_nothing),
        cmocka_unit_test(a_helper_dies_for_its_master),
        cmocka_unit_test(keys_do_not_run_into_each_other),
        cmocka_unit_test(what_is_too_long_is_cut_and_counted),
        cmocka_unit_test(any_bytes_are_read),
        cmocka_unit_test(without_a_recorder_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
