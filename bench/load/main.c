/* SPDX-License-Identifier: Apache-2.0 */
/* load: puts a mail server under load and says how fast it was.
 *   load smtp --to 127.0.0.1:2525 --connections 16 --count 10000 --size 8k --mailboxes 100
 *   load drain --to 127.0.0.1:2995 --tls implicit --mailboxes 100 --password secret --count 100
 * One thread, epoll, OpenSSL. Speaks to any server. See docs/benchmarks.md and `load --help`.
 */
#include "client.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>

static double own_cpu(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double seconds(const struct run *r)
{
    double s = (double)(r->ended_us - r->began_us) / 1e6;
    return s > 0 ? s : 0;
}

static double rate(size_t n, double s)
{
    return s > 0 ? (double)n / s : 0;
}

static void imap_table(struct run *r, double s)
{
    double p50 = stats_percentile_ms(&r->operations, 50),
           p99 = stats_percentile_ms(&r->operations, 99);
    if (r->o->work == WORK_IMAP_IDLE)
        printf("%zu notifications: p50 %.2f ms, p99 %.2f ms\n", r->operations.n, p50, p99);
    else
        printf("%zu operations: %.1f/s, p50 %.2f ms, p99 %.2f ms; %lu messages fetched (%.1f MB), "
               "%lu appended\n",
               r->operations.n, rate(r->operations.n, s), p50, p99, r->fetched,
               (double)r->operations.octets / 1e6, r->appended);
}

static void table(struct run *r)
{
    bool mail = r->protocol == &protocol_smtp;
    double s = seconds(r);
    printf("%lu %s in %.2f s: %.1f/s, p50 %.2f ms, p99 %.2f ms, max %.2f ms; %lu errors\n",
           r->finished, mail ? "messages" : "sessions", s, rate(r->finished, s),
           stats_percentile_ms(&r->units, 50), stats_percentile_ms(&r->units, 99),
           stats_percentile_ms(&r->units, 100), r->errors);
    if (r->o->work == WORK_DRAIN)
        printf("%zu messages, %.1f MB: %.1f/s, p50 %.2f ms, p99 %.2f ms\n", r->messages.n,
               (double)r->messages.octets / 1e6, rate(r->messages.n, s),
               stats_percentile_ms(&r->messages, 50), stats_percentile_ms(&r->messages, 99));
    if (r->operations.n > 0)
        imap_table(r, s);
    printf("%lu connections, %lu TLS handshakes (%lu resumed); own CPU %.2f s\n", r->connections,
           r->handshakes, r->resumed, own_cpu());
}

static void json_text(FILE *f, const char *text)
{
    (void)fputc('"', f);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            (void)fputc('\\', f);
        (void)fputc((unsigned char)*text < 0x20 ? ' ' : *text, f);
    }
    (void)fputc('"', f);
}

static void json_stats(FILE *f, const char *name, struct stats *s)
{
    (void)fprintf(f,
                  "  \"%s\": {\"n\": %zu, \"octets\": %llu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
                  "\"max_ms\": %.3f},\n",
                  name, s->n, (unsigned long long)s->octets, stats_percentile_ms(s, 50),
                  stats_percentile_ms(s, 99), stats_percentile_ms(s, 100));
}

static bool json(struct run *r)
{
    bool to_stdout = strcmp(r->o->json, "-") == 0;
    FILE *f = to_stdout ? stdout : fopen(r->o->json, "we");
    if (f == NULL)
        return false;
    (void)fprintf(f, "{\n  \"done\": %lu,\n  \"seconds\": %.4f,\n", r->finished, seconds(r));
    json_stats(f, "units", &r->units);
    json_stats(f, "messages", &r->messages);
    json_stats(f, "operations", &r->operations);
    (void)fprintf(f,
                  "  \"fetched\": %lu,\n  \"appended\": %lu,\n"
                  "  \"connections\": %lu,\n  \"handshakes\": %lu,\n  \"resumed\": %lu,\n"
                  "  \"own_cpu\": %.3f,\n  \"errors\": %lu,\n  \"error_texts\": [",
                  r->fetched, r->appended, r->connections, r->handshakes, r->resumed, own_cpu(),
                  r->errors);
    for (int i = 0; i < ERROR_TEXTS && r->error_text[i][0] != '\0'; i++) {
        (void)fputs(i > 0 ? ", " : "", f);
        json_text(f, r->error_text[i]);
    }
    (void)fputs("]\n}\n", f);
    return to_stdout ? fflush(f) == 0 : fclose(f) == 0;
}

static const struct protocol *protocol_of(enum work work)
{
    switch (work) {
    case WORK_SMTP:
    case WORK_LMTP: return &protocol_smtp;
    case WORK_DRAIN:
    case WORK_LOGIN: return &protocol_pop3;
    case WORK_IMAP_IDLE: return &protocol_imap_idle;
    default: return &protocol_imap;
    }
}

static bool sends_mail(enum work work)
{
    return work == WORK_SMTP || work == WORK_LMTP || work == WORK_IMAP_MIXED ||
           work == WORK_IMAP_IDLE;
}

int main(int argc, char **argv)
{
    struct options o;
    struct run r = {.o = &o};
    bool good;
    options_read(&o, argc, argv);
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    r.protocol = protocol_of(o.work);
    if (sends_mail(o.work))
        corpus_init(&r.corpus, o.seed, o.size);
    run_all(&r);
    if (o.json == NULL || strcmp(o.json, "-") != 0)
        table(&r);
    good = r.errors == 0 && r.finished == o.count;
    if (o.json != NULL && !json(&r)) {
        (void)fprintf(stderr, "load: cannot write %s: %s\n", o.json, strerror(errno));
        good = false;
    }
    if (!good)
        (void)fprintf(stderr, "load: FAILED: %lu of %lu done, %lu errors\n", r.finished, o.count,
                      r.errors);
    corpus_done(&r.corpus);
    stats_done(&r.units);
    stats_done(&r.messages);
    stats_done(&r.operations);
    return good ? 0 : 1;
}
