/* SPDX-License-Identifier: Apache-2.0 */
/* One cache line a value, so that two busy counters do not slow each other down. */
#include "base/metrics.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdatomic.h>

static struct metric_value {
    alignas(64) _Atomic int64_t n;
} values[METRIC_COUNT];

struct metric_row {
    const char *name;
    const char *labels;
    enum metric_kind kind;
    const char *help;
};

static const struct metric_row rows[METRIC_COUNT] = {
#define X(metric, name, labels, kind, help) [METRIC_##metric] = {name, labels, kind, help},
    METRICS_TABLE(X)
#undef X
};

void metric_add(enum metric m, int64_t n)
{
    must((int)m >= 0 && m < METRIC_COUNT);
    atomic_fetch_add_explicit(&values[m].n, n, memory_order_relaxed);
}

void metric_set(enum metric m, int64_t n)
{
    must((int)m >= 0 && m < METRIC_COUNT);
    atomic_store_explicit(&values[m].n, n, memory_order_relaxed);
}

int64_t metric_get(enum metric m)
{
    must((int)m >= 0 && m < METRIC_COUNT);
    return atomic_load_explicit(&values[m].n, memory_order_relaxed);
}

void metrics_render(struct buf *out)
{
    const char *last = "";
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *r = &rows[i];
        if (strcmp(r->name, last) != 0) {
            buf_printf(out, "# HELP mailstead_%s %s\n", r->name, r->help);
            buf_printf(out, "# TYPE mailstead_%s %s\n", r->name,
                       r->kind == COUNTER ? "counter" : "gauge");
            last = r->name;
        }
        buf_printf(out, "mailstead_%s", r->name);
        if (r->labels[0] != '\0')
            buf_printf(out, "{%s}", r->labels);
        buf_printf(out, " %" PRId64 "\n", metric_get((enum metric)i));
    }
}
