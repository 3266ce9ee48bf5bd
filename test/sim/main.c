/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's command line.
 *
 *   sim --seed N [--trace]        one run, here; --after M: after another one, which may not matter
 *   sim --from N --count M        many, in child processes (--jobs J, as many as cores); SIGINT and
 *                                 SIGTERM end it after the runs at work, with the figures so far
 *   sim --same --count M          each seed twice, in processes of their own, one of which has done
 *                                 another run before: the traces must be the same
 *
 * A child takes the next seed from memory that all share, until none is left. When one dies (a run
 * that is wrong, a must, a sanitizer's finding) its seed is known, the command that does it again is
 * printed, and another child goes on. */
#include "sim.h"
#include "trace.h"

#include "base/span.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64, RUNS_A_CHILD = 200, FAILURES_MAX = 20, PROGRESS = 2000 };

struct shared {
    _Atomic uint64_t next, end, runs, ops, starts, messages, faults;
    _Atomic uint64_t current[JOBS_MAX]; /* of each child */
};

struct options {
    uint64_t seed, after, from, count, jobs; /* after: UINT64_MAX: none */
    bool one, show, same;
};

static struct shared *shared;
static const char *program;

int __real_clock_gettime(clockid_t id, struct timespec *to);

#ifdef __SANITIZE_ADDRESS__
/* Freed memory that waits to be used wrongly is new memory from the system, and new memory is a third of the
 * time of a run: 16 MiB of it, instead of 256, are what a run takes in many turns. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16:malloc_context_size=12";
}
#endif

static void died(int number)
{
    /* it dies of a must, within no library function, and has one thread only */
    /* NOLINTNEXTLINE(bugprone-signal-handler) */
    trace_last_words(number == SIGABRT ? "the process was aborted" : "the process has crashed");
    signal(number, SIG_DFL);
    raise(number);
}

static void one_run(uint64_t seed, bool show, struct sim_result *r)
{
    signal(SIGABRT, died);
    sim_run(seed, show, r);
}

/* ---- many --------------------------------------------------------------------------------- */

static void child(size_t job)
{
    for (int i = 0; i < RUNS_A_CHILD; i++) {
        uint64_t seed = atomic_fetch_add(&shared->next, 1);
        struct sim_result r;
        if (seed >= shared->end)
            break;
        shared->current[job] = seed;
        one_run(seed, false, &r);
        shared->runs++;
        shared->ops += r.ops;
        shared->starts += r.starts;
        shared->messages += r.messages;
        shared->faults += r.faults;
    }
}

static pid_t spawn(size_t job)
{
    fflush(stdout);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        child(job);
        fflush(stdout);
        exit(0);
    }
    return pid;
}

/* Whose child it was. */
static size_t job_of(const pid_t *pids, size_t jobs, pid_t pid)
{
    size_t i = 0;
    while (i < jobs && pids[i] != pid)
        i++;
    must(i < jobs);
    return i;
}

static double seconds(void)
{
    struct timespec t;
    __real_clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* For who waits for a long one. */
static void report_progress(size_t failed)
{
    static unsigned long long reported;
    unsigned long long runs = shared->runs + failed;
    if (runs / PROGRESS == reported / PROGRESS)
        return;
    reported = runs;
    printf("%llu runs so far, %zu failed\n", runs, failed);
    fflush(stdout);
}

static void no_more(int number)
{
    (void)number;
    shared->end = 0;
}

static int many(const struct options *o)
{
    pid_t pids[JOBS_MAX];
    size_t jobs = o->jobs, running = 0, failed = 0;
    double began = seconds();
    shared->next = o->from;
    shared->end = o->from + o->count;
    signal(SIGINT, no_more);
    signal(SIGTERM, no_more);
    for (; running < jobs; running++)
        pids[running] = spawn(running);
    while (running > 0) {
        int status;
        pid_t pid = wait(&status);
        if (pid < 0 && errno == EINTR)
            continue;
        must(pid > 0);
        size_t job = job_of(pids, jobs, pid);
        bool bad = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        if (bad) {
            failed++;
            printf("FAILED: %s --seed %llu --trace\n", program,
                   (unsigned long long)shared->current[job]);
            fflush(stdout);
        }
        report_progress(failed);
        bool more = shared->next < shared->end && failed < FAILURES_MAX;
        pids[job] = more ? spawn(job) : -1;
        running -= !more;
    }
    double took = seconds() - began;
    printf(
        "%llu runs as promised, %zu failed, in %.1f s (%.0f an hour): %llu starts of the server, "
        "%llu messages, %llu faults, %llu operations of the store\n",
        (unsigned long long)shared->runs, failed, took, (double)shared->runs * 3600 / took,
        (unsigned long long)shared->starts, (unsigned long long)shared->messages,
        (unsigned long long)shared->faults, (unsigned long long)shared->ops);
    return failed == 0 ? 0 : 1;
}

/* ---- the same twice ------------------------------------------------------------------------- */

/* The hash that a fresh process prints: other addresses, other secrets of libraries. */
static uint64_t hash_of(uint64_t seed, bool after_another)
{
    char command[4200], line[64] = "";
    uint64_t hash = 0;
    int n = snprintf(command, sizeof command, "exec '%s' --seed %llu", program,
                     (unsigned long long)seed);
    must(n > 0 && (size_t)n < sizeof command - 40);
    if (after_another)
        snprintf(command + n, 40, " --after %llu", (unsigned long long)seed + 1);
    FILE *f = popen(command, "r"); /* NOLINT(cert-env33-c): our own path */
    must(f != NULL);
    while (fgets(line, sizeof line, f) != NULL)
        if (span_starts(span_str(line), SPAN("hash ")))
            hash = strtoull(line + 5, NULL, 16);
    return pclose(f) == 0 ? hash : 0;
}

static int same(const struct options *o)
{
    int bad = 0;
    for (uint64_t seed = o->from; seed < o->from + o->count; seed++) {
        uint64_t one = hash_of(seed, false), two = hash_of(seed, true);
        if (one != 0 && one == two)
            continue;
        printf("seed %llu is not the same twice: %016llx, %016llx\n", (unsigned long long)seed,
               (unsigned long long)one, (unsigned long long)two);
        bad = 1;
    }
    return bad;
}

/* ---- options ------------------------------------------------------------------------------ */

static bool number(const char *text, uint64_t *out)
{
    return span_to_u64(span_str(text), out);
}

static int usage(void)
{
    fprintf(stderr, "usage: sim --seed N [--after N] [--trace]\n"
                    "       sim [--from N] --count N [--jobs N]\n"
                    "       sim --same [--from N] --count N\n");
    return 2;
}

static bool options_read(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"seed", required_argument, NULL, 's'},  {"after", required_argument, NULL, 'a'},
        {"trace", no_argument, NULL, 't'},       {"from", required_argument, NULL, 'f'},
        {"count", required_argument, NULL, 'c'}, {"jobs", required_argument, NULL, 'j'},
        {"same", no_argument, NULL, 'w'},        {NULL, 0, NULL, 0},
    };
    bool ok = true;
    int got;
    *o = (struct options){
        .after = UINT64_MAX, .from = 1, .jobs = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN)};
    while ((got = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (got) {
        case 's':
            ok &= number(optarg, &o->seed);
            o->one = true;
            break;
        case 'a': ok &= number(optarg, &o->after); break;
        case 't': o->show = true; break;
        case 'f': ok &= number(optarg, &o->from); break;
        case 'c': ok &= number(optarg, &o->count); break;
        case 'j': ok &= number(optarg, &o->jobs); break;
        case 'w': o->same = true; break;
        default: ok = false;
        }
    }
    return ok && optind == argc && o->one != (o->count > 0) && o->jobs > 0 && o->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
    struct options o;
    program = argv[0];
    /* rooms take and free megabytes at each step: not from the system each time */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    if (!options_read(argc, argv, &o))
        return usage();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED);
    if (o.same)
        return same(&o);
    if (!o.one)
        return many(&o);
    struct sim_result r;
    if (o.after != UINT64_MAX)
        one_run(o.after, false, &r);
    one_run(o.seed, o.show, &r);
    printf("hash %016llx\n", (unsigned long long)r.hash);
    return 0;
}
