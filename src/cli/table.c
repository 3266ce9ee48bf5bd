/* SPDX-License-Identifier: Apache-2.0 */
/* Two passes over the kept cells: widths, then lines. Width is counted in code points, which is
 * right for the scripts most names are written in; double-width ones are a little out of line. */
#include "cli/table.h"

#include <stdarg.h>

enum { CELLS_MAX = 64 * 1024 * 1024 };

static size_t points(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    return n;
}

void table_init(struct table *t, FILE *out, const char *const headers[])
{
    *t = (struct table){.out = out};
    buf_init(&t->cells, CELLS_MAX);
    for (; headers[t->columns] != NULL; t->columns++) {
        const char *header = headers[t->columns];
        must(t->columns < TABLE_COLUMNS_MAX);
        t->right[t->columns] = header[0] == '>';
        t->header[t->columns] = header + (header[0] == '>' ? 1 : 0);
        t->width[t->columns] = points(t->header[t->columns]);
    }
}

static size_t next(const struct table *t, size_t column)
{
    return column + 1 == t->columns ? 0 : column + 1;
}

void table_cell(struct table *t, const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        buf_putc(&t->cells, (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
    buf_putc(&t->cells, '\0');
    size_t n = points(text);
    if (n > t->width[t->in_row])
        t->width[t->in_row] = n;
    t->in_row = next(t, t->in_row);
}

void table_printf(struct table *t, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    table_cell(t, text);
}

static void put(struct table *t, size_t column, const char *text)
{
    size_t n = points(text), pad = t->width[column] > n ? t->width[column] - n : 0;
    bool last = column + 1 == t->columns;
    if (t->right[column])
        fprintf(t->out, "%*s%s", (int)pad, "", text);
    else
        fprintf(t->out, "%s%*s", text, last ? 0 : (int)pad, "");
    fputs(last ? "\n" : "  ", t->out);
}

void table_flush(struct table *t)
{
    must(t->in_row == 0);
    if (t->cells.n == 0)
        return;
    for (size_t i = 0; i < t->columns && !t->header_done; i++)
        put(t, i, t->header[i]);
    t->header_done = true;
    size_t column = 0;
    for (size_t at = 0; at < t->cells.n; at += strlen(t->cells.p + at) + 1) {
        put(t, column, t->cells.p + at);
        column = next(t, column);
    }
    buf_clear(&t->cells);
}

void table_done(struct table *t, const char *none)
{
    table_flush(t);
    if (!t->header_done && none != NULL)
        fprintf(t->out, "%s\n", none);
    buf_done(&t->cells);
}

const char *human_bytes(uint64_t n, char store[static 32])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)n / 1024;
    size_t i = 0;
    if (n < 1024) {
        snprintf(store, 32, "%u bytes", (unsigned)n);
        return store;
    }
    while (v >= 1024 && i + 1 < COUNT_OF(units)) {
        v /= 1024;
        i++;
    }
    snprintf(store, 32, "%.1f %s", v, units[i]);
    return store;
}

const char *human_seconds(int64_t s, char store[static 32])
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i = 0;
    while (i + 1 < COUNT_OF(units) && s < units[i].seconds)
        i++;
    long long n = (long long)(s / units[i].seconds);
    snprintf(store, 32, "%lld %s%s", n, units[i].name, n == 1 ? "" : "s");
    return store;
}

const char *human_time(const char *rfc3339, char store[static 32])
{
    if (strlen(rfc3339) < 16) {
        snprintf(store, 32, "never");
        return store;
    }
    snprintf(store, 32, "%.10s %.5s", rfc3339, rfc3339 + 11);
    return store;
}
