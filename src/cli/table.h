/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns for people. Rows are kept until table_flush, which may be called after every page
 * of a long listing: the header comes once and columns only ever get wider, so memory stays that of
 * a page. Control characters in a cell (a subject may hold an escape sequence) are printed as '?'.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/buf.h"

#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 8 };

struct table {
    FILE *out;
    size_t columns, in_row;
    size_t width[TABLE_COLUMNS_MAX];
    const char *header[TABLE_COLUMNS_MAX];
    bool
        right[TABLE_COLUMNS_MAX]; /* a header that begins with '>' aligns its column to the right */
    bool header_done;
    struct buf cells; /* each ended by NUL */
};

/* Headers end with NULL. */
void table_init(struct table *t, FILE *out, const char *const headers[]);
void table_cell(struct table *t, const char *text);
void table_printf(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void table_flush(struct table *t);
/* Flushes and frees; `none` is printed if there was no row at all (may be NULL). */
void table_done(struct table *t, const char *none);

/* "2.0 GB" and "12 days"; for humans only. */
const char *human_bytes(uint64_t n, char store[static 32]);
const char *human_seconds(int64_t s, char store[static 32]);
/* "2026-11-22 10:00" from the API's time; "never" for null. */
const char *human_time(const char *rfc3339, char store[static 32]);

#endif
