/* SPDX-License-Identifier: Apache-2.0 */
/* A state machine of four states, a byte at a time. */
#include "cli/csv.h"

#include "base/err.h"

enum state { FIELD_START, PLAIN, QUOTED, QUOTE_SEEN };

void csv_init(struct csv *c, FILE *in)
{
    *c = (struct csv){.in = in, .line = 0, .next_line = 1};
    buf_init(&c->row, CSV_ROW_MAX);
}

void csv_done(struct csv *c)
{
    buf_done(&c->row);
}

struct span csv_field(const struct csv *c, size_t i)
{
    if (i >= c->n)
        return SPAN_EMPTY;
    return span_slice(buf_span(&c->row), c->starts[i], c->starts[i + 1] - c->starts[i]);
}

static int take(struct csv *c)
{
    return c->back_n > 0 ? c->back[--c->back_n] : getc(c->in);
}

static void put_back(struct csv *c, int ch)
{
    if (ch == EOF)
        return;
    must(c->back_n < COUNT_OF(c->back));
    c->back[c->back_n++] = (unsigned char)ch;
}

static void skip_line(struct csv *c)
{
    int ch;
    while ((ch = take(c)) != EOF && ch != '\n')
        continue;
    c->next_line++;
}

static int bad(struct csv *c, int err, const char *why)
{
    c->why = why;
    return err;
}

static int end_field(struct csv *c)
{
    if (c->n == CSV_FIELDS_MAX)
        return bad(c, ERR_TOO_BIG, "the line has too many fields");
    c->starts[++c->n] = c->row.n;
    return c->row.err != 0 ? bad(c, ERR_TOO_BIG, "the line is too long") : 0;
}

/* One byte in any state; 1: the row is whole. `ch` is EOF at the end. */
static int step(struct csv *c, enum state *state, int ch)
{
    if (*state == QUOTED && ch == EOF)
        return bad(c, ERR_INVALID, "a quote is opened and not closed");
    if (*state == QUOTED) {
        c->next_line += ch == '\n' ? 1 : 0;
        if (ch == '"')
            *state = QUOTE_SEEN;
        else
            buf_putc(&c->row, (char)ch);
        return 0;
    }
    if (*state == QUOTE_SEEN && ch == '"') {
        buf_putc(&c->row, '"');
        *state = QUOTED;
        return 0;
    }
    if (ch == '"' && *state == FIELD_START) {
        *state = QUOTED;
        return 0;
    }
    if (ch == ',' || ch == '\n' || ch == EOF) {
        int err = end_field(c);
        *state = FIELD_START;
        return err != 0 ? err : ch == ',' ? 0 : 1;
    }
    if (*state == QUOTE_SEEN)
        return bad(c, ERR_INVALID, "there is text after a closing quote");
    if (ch == '"')
        return bad(c, ERR_INVALID, "there is a quote inside a field that does not begin with one");
    buf_putc(&c->row, (char)ch);
    *state = PLAIN;
    return 0;
}

static int get(struct csv *c)
{
    int ch = take(c);
    if (ch != '\r')
        return ch;
    int next = take(c);
    if (next == '\n')
        return '\n';
    put_back(c, next);
    return '\r';
}

/* The byte order mark. Its first byte alone may also begin a letter. */
static void skip_mark(struct csv *c)
{
    static const int mark[] = {0xef, 0xbb, 0xbf};
    for (size_t n = 0; n < COUNT_OF(mark); n++) {
        int ch = take(c);
        if (ch == mark[n])
            continue;
        put_back(c, ch);
        while (n > 0)
            put_back(c, mark[--n]);
        return;
    }
}

int csv_next(struct csv *c)
{
    if (c->line == 0)
        skip_mark(c);
    for (;;) {
        enum state state = FIELD_START;
        buf_clear(&c->row);
        c->n = 0;
        c->starts[0] = 0;
        c->line = c->next_line;
        int got, ch;
        bool any = false;
        do {
            ch = get(c);
            if (ch == EOF && (ferror(c->in) || !any))
                return ferror(c->in) ? bad(c, ERR_IO, "the file could not be read") : 0;
            any = true;
            got = step(c, &state, ch);
        } while (got == 0);
        if (got < 0) {
            if (ch == '\n')
                c->next_line++;
            else if (ch != EOF)
                skip_line(c);
            return got;
        }
        c->next_line++;
        if (c->n > 1 || csv_field(c, 0).n > 0)
            return 1;
    }
}
