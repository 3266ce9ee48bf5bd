/* SPDX-License-Identifier: Apache-2.0 */
/* What a mailbox costs as it grows:
 *   mailbox_bench rocksdb:/folder [messages [threads]]
 * Threads append together to one account, which is the worst case for conflicts; CPU for each append is printed
 * for each tenth of the way, then what loading the view costs, cold (the store opened again) and warm, and memory.
 * A figure that grows along the way is superlinear and a fault.
 */
#include "base/err.h"
#include "mailbox/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum { ACCOUNT = 1 };

struct bench {
    const char *url;
    struct store *s;
    struct mail mail;
    atomic_ulong next, failed;
    unsigned long end; /* of this tenth */
};

static double cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static long resident_mb(void)
{
    char line[128] = "";
    uint64_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f != NULL) {
        struct span rest = span_str(fgets(line, sizeof(line), f));
        (void)span_split(&rest, ' '); /* the whole address space */
        if (!span_to_u64(span_split(&rest, ' '), &pages))
            pages = 0;
        (void)fclose(f);
    }
    return (long)(pages * 4 / 1024);
}

static int append_one(struct bench *b)
{
    char body[2048] = "Subject: a line\r\n\r\n";
    struct blob_writer *w;
    struct mail_append in = {.received_ms = b->mail.clock->wall_ms(b->mail.clock),
                             .envelope_from = SPAN("sender@example.org")};
    struct mail_appended out;
    struct rng *rng = rng_system();
    rng->fill(rng, body + 512, 1024);
    int err = store_blob_create(b->s, &w);
    if (err != 0)
        return err;
    (void)!store_blob_write(w, span_of(body, sizeof(body))); /* finish says it again */
    err = store_blob_finish(w, &in.blob, &in.info);
    return err != 0 ? err : mailbox_append(&b->mail, ACCOUNT, &in, &out);
}

static void *run(void *arg)
{
    struct bench *b = arg;
    while (atomic_fetch_add(&b->next, 1) < b->end)
        if (append_one(b) != 0)
            atomic_fetch_add(&b->failed, 1);
    return NULL;
}

static void append_tenth(struct bench *b, unsigned long n, size_t threads)
{
    pthread_t *t = calloc(threads, sizeof(*t));
    must(t != NULL);
    double cpu = cpu_ms();
    struct clock *clock = b->mail.clock;
    int64_t start = clock->mono_ms(clock);
    unsigned long from = b->end;
    atomic_store(&b->next, from);
    b->end += n;
    for (size_t i = 0; i < threads; i++)
        must(pthread_create(&t[i], NULL, run, b) == 0);
    for (size_t i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    printf("%8lu to %8lu: %.4f ms CPU an append, %.3f ms time, %ld MB resident\n", from, b->end,
           (cpu_ms() - cpu) / (double)n, (double)(clock->mono_ms(clock) - start) / (double)n,
           resident_mb());
    free(t);
}

static int view(struct bench *b, const char *what)
{
    struct mail_view v;
    double cpu = cpu_ms();
    struct clock *clock = b->mail.clock;
    int64_t start = clock->mono_ms(clock);
    int err = mailbox_view_load(&b->mail, ACCOUNT, (struct mailbox_id){0}, SIZE_MAX, &v);
    if (err != 0)
        return err;
    printf("view, %s: %zu messages, %.1f ms CPU, %lld ms, %ld MB resident with it\n", what, v.n,
           cpu_ms() - cpu, (long long)(clock->mono_ms(clock) - start), resident_mb());
    mailbox_view_done(&v);
    return 0;
}

static int bench_open(struct bench *b)
{
    struct buf why;
    buf_init(&why, 4096);
    struct store_options options = {.clock = clock_system(), .rng = rng_system(), .create = true};
    int err = store_open(b->url, &options, &why, &b->s);
    if (err != 0)
        fprintf(stderr, "mailbox_bench: %s: %.*s\n", err_text(err), SPAN_ARG(buf_span(&why)));
    b->mail = (struct mail){.store = b->s, .clock = clock_system(), .rng = rng_system()};
    buf_done(&why);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t messages = 200000, threads = 16;
    if (argc < 2 || (argc > 2 && !span_to_u64(span_str(argv[2]), &messages)) ||
        (argc > 3 && !span_to_u64(span_str(argv[3]), &threads)) || threads == 0) {
        fprintf(stderr, "usage: mailbox_bench rocksdb:/folder [messages [threads]]\n");
        return 2;
    }
    struct bench b = {.url = argv[1]};
    int err = bench_open(&b);
    if (err == 0)
        err = mailbox_account_create(&b.mail, ACCOUNT, SPAN("bench@example.org"));
    for (int i = 0; err == 0 && i < 10; i++)
        append_tenth(&b, (unsigned long)messages / 10, (size_t)threads);
    if (err == 0)
        err = view(&b, "warm");
    store_close(b.s);
    b.s = NULL;
    if (err == 0)
        err = bench_open(&b);
    if (err == 0)
        err = view(&b, "cold");
    if (err == 0)
        err = view(&b, "again");
    store_close(b.s);
    if (err != 0)
        fprintf(stderr, "mailbox_bench: %s\n", err_text(err));
    return err == 0 && atomic_load(&b.failed) == 0 ? 0 : 1;
}
