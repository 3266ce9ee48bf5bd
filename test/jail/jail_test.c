/* SPDX-License-Identifier: Apache-2.0 */
/* Each attempt runs in a process of its own that has entered the jail. Outside of it, as the same
 * user, most succeed: so a refusal is the jail's and not the machine's. */
#include "attempts.h"
#include "jail/jail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char base_dir[64], inside[96], outside[96], secret[96], object[96];
static struct attempt_aim aim;
static struct jail_identity who;

enum { DONE_ANYWAY = 200, NOT_ENTERED = 201 };

static void enter_or_exit(struct jail_report *report)
{
    const char *const write[] = {inside, NULL};
    const struct jail_options options = {.role = JAIL_SERVER, .write = write};
    struct buf why;
    buf_init(&why, 1000);
    if (jail_become(&who, &why) != 0 || jail_enter(&options, &why, report) != 0) {
        fprintf(stderr, "%.*s\n", SPAN_ARG(buf_span(&why)));
        _exit(NOT_ENTERED);
    }
    buf_done(&why);
}

/* The wait status of a child that enters the jail and then runs `fn`, whose result it exits with. */
static int jailed(int (*fn)(void *arg), void *arg)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct jail_report report;
        enter_or_exit(&report);
        _exit(fn(arg));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int try_attempt(void *arg)
{
    int number = ((const struct attempt *)arg)->run(&aim);
    return number == 0 ? DONE_ANYWAY : number;
}

static void attempts_are_refused(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; attempts[i].name != NULL; i++) {
        struct attempt one = attempts[i];
        int status = jailed(try_attempt, &one);
        bool refused =
            WIFEXITED(status) && WEXITSTATUS(status) < DONE_ANYWAY && one.answer == ATTEMPT_REFUSED;
        bool killed =
            WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS && one.answer == ATTEMPT_KILLED;
        if (refused || killed)
            continue;
        print_error("%s: status %x\n", one.name, (unsigned)status);
        bad++;
    }
    assert_int_equal(bad, 0);
    assert_int_equal(kill(aim.other, 0), 0); /* and who was aimed at lives */
}

static void most_work_outside(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; attempts[i].name != NULL; i++) {
        if (!attempts[i].works_outside)
            continue;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            if (who.change && (setgid(who.gid) != 0 || setuid(who.uid) != 0))
                _exit(NOT_ENTERED);
            _exit(attempts[i].run(&aim));
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        print_error("%s: status %x\n", attempts[i].name, (unsigned)status);
        bad++;
    }
    assert_int_equal(bad, 0);
}

/* ---- what still works ---------------------------------------------------------------------- */

static void *thread_main(void *arg)
{
    (void)pthread_setname_np(pthread_self(), "worker");
    return arg;
}

/* 0, or the number of the first thing that failed. */
static int work(void *arg)
{
    char path[128], other[128];
    pthread_t thread;
    (void)arg;
    snprintf(path, sizeof path, "%s/file", inside);
    snprintf(other, sizeof other, "%s/renamed", inside);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) != 0 || ftruncate(fd, 0) != 0)
        return 1;
    close(fd);
    if (rename(path, other) != 0 || unlink(other) != 0)
        return 2;
    fd = open(inside, O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && errno != EOPNOTSUPP)
        return 3;
    if (pthread_create(&thread, NULL, thread_main, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 4;
    fd = open("/proc/sys/kernel/random/uuid", O_RDONLY);
    if (fd < 0)
        return 5;
    void *p = malloc(64 << 20);
    if (p == NULL)
        return 6;
    memset(p, 1, 64 << 20);
    free(p);
    if (syscall(499 /* a number that no kernel has */) != -1 || errno != ENOSYS)
        return 7;
    return 0;
}

static void what_the_server_does_works(void **state)
{
    (void)state;
    int status = jailed(work, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int end_by_abort(void *arg)
{
    (void)arg;
    abort();
}

static void abort_still_ends_it(void **state)
{
    (void)state;
    int status = jailed(end_by_abort, NULL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_false(WCOREDUMP(status));
}

/* ---- what is in force ---------------------------------------------------------------------- */

static int look_at_self(void *arg)
{
    gid_t groups[4];
    (void)arg;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != -1) /* not for the jailed to ask */
        return 1;
    if (geteuid() != who.uid || getegid() != who.gid)
        return 2;
    if (who.change && getgroups(4, groups) != (int)who.groups_n)
        return 3;
    return 0;
}

static void the_report_tells_the_truth(void **state)
{
    (void)state;
    struct jail_report report = {0};
    struct buf text;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        enter_or_exit(&report);
        _exit(write(fd[1], &report, sizeof report) == (ssize_t)sizeof report ? 0 : 1);
    }
    assert_int_equal(read(fd[0], &report, sizeof report), sizeof report);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(fd[0]);
    close(fd[1]);
    assert_int_equal(report.landlock_abi, abi < 0 ? 0 : abi);
    assert_int_equal(report.landlock_tcp, abi >= 4);
    assert_int_equal(report.landlock_scope, abi >= 6);
    assert_true(report.seccomp);
    buf_init(&text, 200);
    jail_describe(&report, &text);
    assert_true(span_find(buf_span(&text), SPAN(", seccomp")) > 0);
    assert_true((span_find(buf_span(&text), SPAN("no Landlock")) == 0) == (abi <= 0));
    buf_done(&text);
    status = jailed(look_at_self, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void unknown_users_have_their_sentence(void **state)
{
    (void)state;
    struct jail_identity nobody_else;
    struct buf why;
    buf_init(&why, 300);
    assert_int_equal(jail_identity("", &nobody_else, &why), 0);
    assert_false(nobody_else.change);
    if (geteuid() == 0) {
        assert_true(jail_identity("no-such-user", &nobody_else, &why) < 0);
        assert_true(span_find(buf_span(&why), SPAN("no-such-user")) > 0);
    }
    buf_done(&why);
}

static void dies_with_its_parent(void **state)
{
    (void)state;
    int fd[2];
    char byte;
    assert_int_equal(pipe(fd), 0);
    fflush(NULL);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t self = getpid();
        if (fork() == 0) {
            close(fd[0]);
            if (jail_die_with_parent(self) != 0 || write(fd[1], "x", 1) != 1)
                _exit(1);
            for (;;)
                pause();
        }
        close(fd[1]);
        for (;;)
            pause();
    }
    close(fd[1]);
    assert_int_equal(read(fd[0], &byte, 1), 1); /* the grandchild is ready */
    kill(parent, SIGKILL);
    assert_int_equal(read(fd[0], &byte, 1), 0); /* and gone: nobody holds the pipe */
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    close(fd[0]);
}

/* ---- the world of the attempts -------------------------------------------------------------- */

static int listen_somewhere(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return -1;
    return ntohs(a.sin_port);
}

/* To where the jailed user may read it; the folder of the build may be closed to others. */
static bool copy_file(const char *from, const char *to)
{
    char piece[4096];
    ssize_t n = -1;
    int in = from == NULL ? -1 : open(from, O_RDONLY);
    int out = open(to, O_WRONLY | O_CREAT, 0755);
    while (in >= 0 && out >= 0 && (n = read(in, piece, sizeof piece)) > 0)
        if (write(out, piece, (size_t)n) != n)
            return false;
    close(in);
    close(out);
    return n == 0;
}

static int set_up(void **state)
{
    struct buf why;
    (void)state;
    snprintf(base_dir, sizeof base_dir, "/tmp/mailstead-jail-XXXXXX");
    if (mkdtemp(base_dir) == NULL)
        return -1;
    snprintf(inside, sizeof inside, "%s/inside", base_dir);
    snprintf(outside, sizeof outside, "%s/outside", base_dir);
    snprintf(secret, sizeof secret, "%s/key.pem", base_dir);
    snprintf(object, sizeof object, "%s/object.so", base_dir);
    buf_init(&why, 300);
    if (jail_identity("nobody", &who, &why) != 0)
        return -1;
    buf_done(&why);
    /* all of it is the jailed user's own: only the jail is in the way */
    int fd = open(secret, O_WRONLY | O_CREAT, 0666);
    const char *const all[] = {base_dir, inside, outside, secret, object};
    if (fd < 0 || mkdir(inside, 0700) != 0 || mkdir(outside, 0700) != 0 ||
        !copy_file(getenv("JAIL_OBJECT"), object))
        return -1;
    close(fd);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (who.change && chown(all[i], who.uid, who.gid) != 0)
            return -1;
    pid_t other = fork(); /* in the place of the master, of the same user */
    if (other == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        if (who.change && (setgid(who.gid) != 0 || setuid(who.uid) != 0))
            _exit(1);
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        for (;;)
            pause();
    }
    aim = (struct attempt_aim){.inside = inside,
                               .outside = outside,
                               .secret = secret,
                               .object = object,
                               .tcp_port = listen_somewhere(),
                               .other = other};
    return aim.tcp_port > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    kill(aim.other, SIGKILL);
    waitpid(aim.other, NULL, 0);
    snprintf(command, sizeof command, "rm -rf %s", base_dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_are_refused),
        cmocka_unit_test(what_the_server_does_works),
        cmocka_unit_test(most_work_outside), /* late: it kills the other process, too */
        cmocka_unit_test(abort_still_ends_it),
        cmocka_unit_test(the_report_tells_the_truth),
        cmocka_unit_test(unknown_users_have_their_sentence),
        cmocka_unit_test(dies_with_its_parent),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
