/* SPDX-License-Identifier: Apache-2.0 */
/* How many durable deliveries a second, and what one costs:
 *   store_bench rocksdb:/folder [seconds [threads]]
 * Each thread writes to a partition of its own: a body of 8 KiB, linked, and three small records,
 * in one transaction. Prints one line. CPU per delivery is the figure to compare: time on a shared
 * machine lies.
 */
#include "base/err.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

struct bench {
    struct store *s;
    atomic_bool over;
    atomic_ulong done, failed;
};

struct writer {
    struct bench *b;
    struct part part;
    struct blob_id body;
    uint64_t n;
};

static int deliver(struct store_txn *t, void *arg)
{
    struct writer *w = arg;
    struct arena *a = store_txn_arena(t);
    static const char index[96];
    for (int kind = 0; kind < 3; kind++)
        store_txn_put(t, arena_printf(a, "%d%016llx", kind, (unsigned long long)w->n),
                      span_of(index, sizeof(index)));
    store_txn_blob_link(t, w->body, w->n);
    return 0;
}

/* Half of it random: mail compresses to about a half. */
static int body_write(struct writer *w)
{
    char body[8192] = {0};
    struct blob_writer *writer;
    struct blob_info info;
    struct rng *rng = rng_system();
    rng->fill(rng, body, sizeof(body) / 2);
    int rc = store_blob_create(w->b->s, &writer);
    if (rc != 0)
        return rc;
    (void)!store_blob_write(writer, span_of(body, sizeof(body))); /* finish says it again */
    return store_blob_finish(writer, &w->body, &info);
}

static void *run(void *arg)
{
    struct writer *w = arg;
    while (!atomic_load(&w->b->over)) {
        int rc = body_write(w);
        if (rc == 0)
            rc = store_txn_run(w->b->s, w->part, deliver, w);
        w->n++;
        atomic_fetch_add(rc == 0 ? &w->b->done : &w->b->failed, 1);
    }
    return NULL;
}

static double cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void measure(struct bench *b, uint64_t seconds, size_t threads)
{
    struct writer *w = calloc(threads, sizeof(*w));
    pthread_t *t = calloc(threads, sizeof(*t));
    must(w != NULL && t != NULL);
    struct clock *clock = clock_system();
    int64_t start = clock->mono_ms(clock);
    double cpu = cpu_ms();
    for (size_t i = 0; i < threads; i++) {
        w[i] = (struct writer){.b = b, .part = {PART_ACCOUNT, i + 1}};
        must(pthread_create(&t[i], NULL, run, &w[i]) == 0);
    }
    struct timespec pause = {.tv_sec = (time_t)seconds};
    nanosleep(&pause, NULL);
    atomic_store(&b->over, true);
    for (size_t i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    double ms = (double)(clock->mono_ms(clock) - start), n = (double)atomic_load(&b->done);
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf(
        "%zu threads: %.0f deliveries/s, %.3f ms CPU each, %lu failed, %ld MB resident at most\n",
        threads, n / ms * 1e3, (cpu_ms() - cpu) / n, atomic_load(&b->failed), u.ru_maxrss / 1024);
    free(w);
    free(t);
}

int main(int argc, char **argv)
{
    uint64_t seconds = 10, threads = 64;
    if (argc < 2 || (argc > 2 && !span_to_u64(span_str(argv[2]), &seconds)) ||
        (argc > 3 && !span_to_u64(span_str(argv[3]), &threads)) || threads == 0) {
        fprintf(stderr, "usage: store_bench rocksdb:/folder [seconds [threads]]\n");
        return 2;
    }
    struct bench b = {0};
    struct buf why;
    buf_init(&why, 4096);
    struct store_options options = {.clock = clock_system(), .rng = rng_system(), .create = true};
    int rc = store_open(argv[1], &options, &why, &b.s);
    if (rc != 0) {
        fprintf(stderr, "store_bench: %s: %.*s\n", err_text(rc), SPAN_ARG(buf_span(&why)));
        return 1;
    }
    measure(&b, seconds, (size_t)threads);
    store_close(b.s);
    buf_done(&why);
    return atomic_load(&b.failed) == 0 ? 0 : 1;
}
