/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file to import: every line is a row or refused with a sentence, in the order of the lines, to
 * the end of the file. Then as the cells of a table, which is written as RFC 4180 says and must be read back
 * cell by cell, with the line each row began in. */
#include "fuzz.h"

#include "base/err.h"
#include "cli/csv.h"
#include "draw.h"

enum { ROWS_MAX = 8, CELLS_MAX = 8 };

static FILE *file_of(struct span text)
{
    /* never written to; fmemopen wants a buffer of at least a byte */
    FILE *f =
        text.n > 0 ? fmemopen((void *)(uintptr_t)text.p, text.n, "r") : fopen("/dev/null", "r");
    must(f != NULL);
    return f;
}

static void read_any(struct span text)
{
    struct csv c;
    FILE *f = file_of(text);
    uint64_t last = 0;
    int got;
    csv_init(&c, f);
    while ((got = csv_next(&c)) != 0) {
        must(c.line > last && c.line <= text.n + 1);
        last = c.line;
        must(got == 1 || got == ERR_INVALID || got == ERR_TOO_BIG);
        if (got < 0) {
            must(c.why != NULL && c.why[0] != '\0');
            continue;
        }
        must(c.n >= 1 && c.n <= CSV_FIELDS_MAX && c.row.n <= CSV_ROW_MAX);
        size_t sum = 0;
        for (size_t i = 0; i < c.n; i++)
            sum += csv_field(&c, i).n;
        must(sum == c.row.n && csv_field(&c, c.n).n == 0);
    }
    must(feof(f) != 0 && csv_next(&c) == 0);
    csv_done(&c);
    (void)fclose(f);
}

static void put_cell(struct buf *b, struct span cell, bool quote)
{
    bool plain = !quote && span_chr(cell, ',') < 0 && span_chr(cell, '"') < 0 &&
                 span_chr(cell, '\n') < 0 && span_chr(cell, '\r') < 0;
    if (plain) {
        buf_put(b, cell);
        return;
    }
    buf_putc(b, '"');
    for (size_t i = 0; i < cell.n; i++) {
        if (cell.p[i] == '"')
            buf_putc(b, '"');
        buf_putc(b, cell.p[i]);
    }
    buf_putc(b, '"');
}

static size_t count(struct span s, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

/* What is read of a cell: CRLF is one line end wherever it stands. */
static void expect_cell(struct span got, struct span want)
{
    size_t at = 0;
    for (size_t i = 0; i < want.n; i++) {
        if (want.p[i] == '\r' && i + 1 < want.n && want.p[i + 1] == '\n')
            continue;
        must(at < got.n && got.p[at] == want.p[i]);
        at++;
    }
    must(at == got.n);
}

static void round_trip(struct draw *d)
{
    struct span cells[ROWS_MAX][CELLS_MAX];
    uint64_t lines[ROWS_MAX], line = 1;
    size_t rows = draw_below(d, ROWS_MAX + 1), width = 1 + draw_below(d, CELLS_MAX);
    const char *end = draw_bool(d) ? "\r\n" : "\n";
    struct buf b;
    buf_init(&b, 1024 * 1024);
    if (draw_bool(d))
        buf_puts(&b, "\xef\xbb\xbf");
    for (size_t i = 0; i < rows; i++) {
        lines[i] = line;
        for (size_t k = 0; k < width; k++) {
            bool quote = draw_bool(d);
            cells[i][k] = draw_span(d, 40);
            if (i == 0 && k == 0 && span_starts(cells[0][0], SPAN("\xef\xbb\xbf")))
                quote = true;                               /* else it is a byte order mark */
            if (k == 0 && width == 1 && cells[i][k].n == 0) /* an empty line is no row */
                cells[i][k] = SPAN("x");
            put_cell(&b, cells[i][k], quote);
            buf_puts(&b, k + 1 < width ? "," : i + 1 < rows ? end : "");
            line += count(cells[i][k], '\n');
        }
        line++;
    }
    FILE *f = file_of(buf_span(&b));
    struct csv c;
    csv_init(&c, f);
    for (size_t i = 0; i < rows; i++) {
        must(csv_next(&c) == 1 && c.n == width && c.line == lines[i]);
        for (size_t k = 0; k < width; k++)
            expect_cell(csv_field(&c, k), cells[i][k]);
    }
    must(csv_next(&c) == 0);
    csv_done(&c);
    (void)fclose(f);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size);
    read_any(span_of(data, size));
    round_trip(&d);
    return 0;
}
