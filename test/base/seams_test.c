/* SPDX-License-Identifier: Apache-2.0 */
/* clock, random and metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"

static void the_machines_clock_runs(void **state)
{
    (void)state;
    struct clock *c = clock_system();
    int64_t mono = c->mono_ms(c), wall = c->wall_ms(c);
    assert_true(wall > 1700000000000 && wall / 1000 <= (int64_t)time(NULL) + 1);
    struct timespec pause = {.tv_nsec = 3000000};
    assert_int_equal(nanosleep(&pause, NULL), 0);
    assert_in_range(c->mono_ms(c) - mono, 2, 60000);
}

static void a_fake_clock_stands_still(void **state)
{
    (void)state;
    struct clock_fake f;
    clock_fake_init(&f, 1000);
    struct clock *c = &f.clock;
    assert_int_equal(c->wall_ms(c), 1000);
    int64_t mono = c->mono_ms(c);
    clock_fake_advance(&f, 86400000);
    assert_int_equal(c->wall_ms(c), 86401000);
    assert_int_equal(c->mono_ms(c) - mono, 86400000);
}

static void seeded_randomness_repeats_itself(void **state)
{
    (void)state;
    struct rng_seeded a, b, other;
    rng_seeded_init(&a, 7);
    rng_seeded_init(&b, 7);
    rng_seeded_init(&other, 8);
    for (int i = 0; i < 100; i++)
        assert_true(rng_u64(&a.rng) == rng_u64(&b.rng));
    assert_true(rng_u64(&a.rng) != rng_u64(&other.rng));
    /* the first number of SplitMix64 from state 0, as its authors publish it */
    rng_seeded_init(&a, 0);
    assert_true(rng_u64(&a.rng) == 0xe220a8397b1dcdafu);
}

static void the_systems_randomness_fills(void **state)
{
    (void)state;
    static unsigned char p[100000], zero[sizeof p];
    struct rng *r = rng_system();
    r->fill(r, p, sizeof p);
    assert_memory_not_equal(p + sizeof p - 16, zero, 16); /* up to the end */
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof p; i++)
        seen |= p[i];
    assert_int_equal(seen, 255);
    assert_true(rng_u64(r) != rng_u64(r));
}

static void below_is_below_and_fair(void **state)
{
    (void)state;
    struct rng_seeded r;
    int count[6] = {0};
    rng_seeded_init(&r, 42);
    for (int i = 0; i < 6000; i++)
        count[rng_below(&r.rng, 6)]++;
    for (size_t i = 0; i < COUNT_OF(count); i++)
        assert_in_range(count[i], 850, 1150);
    assert_true(rng_below(&r.rng, 1) == 0);
    /* two thirds of 2^64: without drawing again the lower half would come twice as often */
    uint64_t bound = UINT64_MAX / 3 * 2;
    int low = 0;
    for (int i = 0; i < 3000; i++)
        low += rng_below(&r.rng, bound) < bound / 2;
    assert_in_range(low, 1350, 1650);
}

/* ---- metrics ------------------------------------------------------------------------------ */

static void *count_often(void *arg)
{
    for (int i = 0; i < 10000; i++)
        metric_add(METRIC_MAIL_DELIVERED, 1);
    return arg;
}

static void counting_from_many_threads(void **state)
{
    (void)state;
    pthread_t t[4];
    int64_t before = metric_get(METRIC_MAIL_DELIVERED);
    for (size_t i = 0; i < COUNT_OF(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, count_often, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(t); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(metric_get(METRIC_MAIL_DELIVERED), before + 40000);
}

static bool is_metric_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alpha(s.p[i]) && s.p[i] != '_' && !(i > 0 && ascii_is_digit(s.p[i])))
            return false;
    return s.n > 0;
}

/* The exposition format, version 0.0.4: every sample stands behind one HELP and one TYPE line of
 * its name, and no name comes again later. */
static void rendering_is_prometheus_text(void **state)
{
    (void)state;
    struct buf b, names;
    buf_init(&b, 1 << 20);
    buf_init(&names, 1 << 16);
    metric_set(METRIC_TLS_CERT_DAYS, -3);
    metrics_render(&b);
    assert_int_equal(b.err, 0);
    assert_true(span_ends(buf_span(&b), SPAN("\n")));
    struct span rest = buf_span(&b), current = SPAN(""), kind = SPAN("");
    size_t samples = 0;
    while (rest.n > 0) {
        struct span line = span_split(&rest, '\n');
        if (span_skip(&line, SPAN("# HELP "))) {
            current = span_split(&line, ' ');
            assert_true(is_metric_name(current) && span_starts(current, SPAN("mailstead_")));
            assert_true(line.n > 5 && span_chr(line, '\\') < 0);
            struct span type = span_split(&rest, '\n');
            assert_true(span_skip(&type, SPAN("# TYPE ")));
            assert_true(span_eq(span_split(&type, ' '), current));
            kind = type;
            assert_true(span_eq(kind, SPAN("counter")) || span_eq(kind, SPAN("gauge")));
            /* counters end with _total, gauges do not; and the name is new */
            assert_true(span_ends(current, SPAN("_total")) == span_eq(kind, SPAN("counter")));
            buf_putc(&names, ' ');
            char word[128];
            (void)snprintf(word, sizeof word, " %.*s ", SPAN_ARG(current));
            assert_true(span_find(buf_span(&names), span_str(word)) < 0);
            buf_put(&names, current);
            buf_putc(&names, ' ');
            continue;
        }
        assert_true(span_skip(&line, current));
        if (span_skip(&line, SPAN("{"))) {
            struct span labels = span_split(&line, '}');
            assert_true(is_metric_name(span_split(&labels, '=')));
            assert_true(span_starts(labels, SPAN("\"")) && span_ends(labels, SPAN("\"")) &&
                        labels.n > 2);
        }
        assert_true(span_skip(&line, SPAN(" ")));
        (void)span_skip(&line, SPAN("-"));
        uint64_t n;
        assert_true(span_to_u64(line, &n));
        samples++;
    }
    assert_int_equal(samples, METRIC_COUNT);
    assert_true(span_find(buf_span(&b), SPAN("\nmailstead_tls_certificate_days_left -3\n")) > 0);
    assert_true(
        span_find(buf_span(&b), SPAN("\nmailstead_logins_total{result=\"ok-cached\"} 0\n")) > 0);
    buf_done(&b);
    buf_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machines_clock_runs),
        cmocka_unit_test(a_fake_clock_stands_still),
        cmocka_unit_test(seeded_randomness_repeats_itself),
        cmocka_unit_test(the_systems_randomness_fills),
        cmocka_unit_test(below_is_below_and_fair),
        cmocka_unit_test(counting_from_many_threads),
        cmocka_unit_test(rendering_is_prometheus_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
