/* SPDX-License-Identifier: Apache-2.0 */
/* Four bytes a sample: ten million of them are 40 MB, more than any run here has. */
#include "stats.h"

#include <time.h>

int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void stats_done(struct stats *s)
{
    free(s->us);
    *s = (struct stats){0};
}

void stats_add(struct stats *s, int64_t began_us, size_t octets)
{
    int64_t took = now_us() - began_us;
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 1024 : s->cap * 2;
        s->us = realloc(s->us, s->cap * sizeof(s->us[0]));
        must(s->us != NULL);
    }
    s->us[s->n++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    s->octets += octets;
}

static int order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

double stats_percentile_ms(struct stats *s, double percent)
{
    size_t at;
    if (s->n == 0)
        return 0;
    qsort(s->us, s->n, sizeof(s->us[0]), order);
    at = (size_t)((double)s->n * percent / 100.0);
    return s->us[at < s->n ? at : s->n - 1] / 1000.0;
}
