/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines are delimiters (RFC 2046 §5.1.1), and what happens then.
 *
 * At most LIMIT_MIME_DEPTH boundaries are known at a time; each line that begins with "--" is compared with
 * them once. Only so many bytes of a line matter as the longest of them and what tells "exactly this one"
 * need; so lines may be cut by pieces, and be of any length.
 */
#include "message/structure_impl.h"

#include "base/err.h"

/* Behind "--" and a boundary: "--" of a closing delimiter, CR LF, and one byte that shows there is more. */
enum { BEHIND = 5 };

void delimiter_push(struct mime_parser *p, struct mime_part *part, struct span text)
{
    p->boundaries[p->boundaries_n++] = (struct boundary){.part = part, .text = text};
    if (text.n > p->longest)
        p->longest = text.n;
}

bool delimiter_pop(struct mime_parser *p)
{
    bool closed = p->boundaries[--p->boundaries_n].closed;
    p->longest = 0;
    for (size_t i = 0; i < p->boundaries_n; i++)
        if (p->boundaries[i].text.n > p->longest)
            p->longest = p->boundaries[i].text.n;
    return closed;
}

/* The bytes of a line that matter. */
static size_t enough(const struct mime_parser *p)
{
    return 2 + p->longest + BEHIND;
}

/* The boundary that a line (behind "--", without its line end, cut at enough()) begins with. NULL: none. */
static struct boundary *find(struct mime_parser *p, struct span line)
{
    struct boundary *best = NULL;
    size_t closed = 0; /* the longest that fits and means nothing any more */
    for (size_t i = p->boundaries_n; i-- > 0;) {
        struct boundary *b = &p->boundaries[i];
        size_t n = b->text.n;
        if (n > line.n || memcmp(b->text.p, line.p, n) != 0)
            continue;
        if (b->closed) {
            closed = n > closed ? n : closed;
            continue;
        }
        bool exact = n == line.n || (n + 2 == line.n && span_ends(line, SPAN("--")));
        if (exact)
            return b;
        if (best == NULL || n > best->text.n)
            best = b;
    }
    return best != NULL && best->text.n >= closed ? best : NULL;
}

/* `line` from its "--" on; it begins at the offset `at`. */
static enum verdict decide(struct mime_parser *p, struct span line, uint64_t at)
{
    line = span_slice(line, 0, enough(p));
    ssize_t lf = span_chr(line, '\n');
    if (lf >= 0) {
        line.n = (size_t)lf;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
    }
    if (!span_skip(&line, SPAN("--")))
        return DELIMITER_NO;
    struct boundary *b = find(p, line);
    if (b == NULL)
        return DELIMITER_NO;
    uint64_t end = at - p->eol; /* the line end before it is the delimiter's */
    p->multipart = b->part;
    p->open = !span_starts(span_from(line, b->text.n), SPAN("--"));
    b->closed = !p->open;
    p->held = 0;
    parts_close(p, b->part, end, p->lines - (p->eol > 0));
    p->state = IN_DELIMITER;
    p->line_start = false;
    return DELIMITER_YES;
}

void delimiter_end(struct mime_parser *p)
{
    if (p->open) {
        (void)part_open(p, p->multipart);
        return;
    }
    p->state = IN_BODY;
    p->epilogue = true;
}

/* What is in p->line turned out to be a delimiter: the rest of it is read as any delimiter's. */
static enum verdict decide_line(struct mime_parser *p)
{
    enum verdict v = decide(p, buf_span(&p->line), p->line_at);
    if (v != DELIMITER_YES)
        return v;
    char last = p->line.p[p->line.n - 1];
    p->last_cr = last == '\r';
    if (last == '\n') {
        line_ended(p, p->line.n > 1 && p->line.p[p->line.n - 2] == '\r');
        delimiter_end(p);
    }
    buf_clear(&p->line);
    return v;
}

enum verdict delimiter_try(struct mime_parser *p, struct span *in)
{
    size_t want = enough(p);
    if (p->line.n == 0) {
        if (in->p[0] != '-')
            return DELIMITER_NO;
        struct span line = span_slice(*in, 0, want);
        if (line.n == want || span_chr(line, '\n') >= 0)
            return decide(p, line, p->at);
        p->line_at = p->at;
    }
    ssize_t lf = span_chr(*in, '\n');
    size_t n = lf < 0 ? in->n : (size_t)lf + 1;
    if (n > want - p->line.n)
        n = want - p->line.n;
    buf_put(&p->line, span_slice(*in, 0, n));
    parser_advance(p, in, n);
    if (p->line.err != 0) {
        p->err = p->line.err;
        return DELIMITER_MORE;
    }
    if (p->line.n < want && p->line.p[p->line.n - 1] != '\n')
        return DELIMITER_MORE;
    return decide_line(p);
}

enum verdict delimiter_last(struct mime_parser *p)
{
    return decide_line(p);
}
