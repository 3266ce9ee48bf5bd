/* SPDX-License-Identifier: Apache-2.0 */
/* See body.h. Content that is in order goes to the spool as it came, in one piece; only a bare CR
 * or LF that is to be normalised breaks it up. */
#include "smtp/body.h"

#include "base/err.h"
#include "base/limits.h"

int smtp_body_open(struct smtp_body *b, struct spools *spools, uint64_t max)
{
    *b = (struct smtp_body){.spool = spool_new(spools, max), .max = max};
    return b->spool != NULL ? 0 : ERR_NOMEM;
}

void smtp_body_close(struct smtp_body *b)
{
    spool_free(b->spool);
    *b = (struct smtp_body){.spool = NULL};
}

void smtp_body_fail(struct smtp_body *b, enum smtp_fault fault, int err)
{
    if (b->fault != FAULT_NONE)
        return;
    b->fault = fault;
    b->err = err;
    spool_free(b->spool); /* the file goes at once, not when the client has sent the rest */
    b->spool = NULL;
}

static void store(struct smtp_body *b, struct span s)
{
    if (s.n == 0 || b->fault != FAULT_NONE)
        return;
    if (s.n > b->max - spool_size(b->spool)) {
        smtp_body_fail(b, FAULT_SIZE, ERR_TOO_BIG);
        return;
    }
    int err = spool_write(b->spool, s);
    if (err != 0)
        smtp_body_fail(b, FAULT_STORAGE, err);
}

/* A bare CR or LF. */
static void bare(struct smtp_body *b)
{
    if (!b->normalize)
        smtp_body_fail(b, FAULT_NEWLINE, 0);
    store(b, SPAN("\r\n"));
    b->line = 0;
}

static void line_grows(struct smtp_body *b, size_t n)
{
    b->line += n;
    if (b->line > LIMIT_SMTP_LINE_ACCEPTED)
        smtp_body_fail(b, FAULT_LINE, 0);
}

/* Where the next CR or LF stands, or the end. */
static size_t next_newline(struct span s, size_t at)
{
    struct span rest = span_from(s, at);
    ssize_t lf = span_chr(rest, '\n');
    ssize_t cr = span_chr(lf < 0 ? rest : span_slice(rest, 0, (size_t)lf), '\r');
    return cr >= 0 ? at + (size_t)cr : lf >= 0 ? at + (size_t)lf : s.n;
}

/* Text lines: each CR has its LF and each LF its CR. */
static void put_lines(struct smtp_body *b, struct span s)
{
    size_t from = 0, at = 0;
    if (b->cr) {
        b->cr = false;
        if (s.p[0] == '\n') {
            store(b, SPAN("\r\n"));
            b->line = 0;
            from = at = 1;
        } else {
            bare(b);
        }
    }
    while (at < s.n && b->fault == FAULT_NONE) {
        size_t end = next_newline(s, at);
        line_grows(b, end - at);
        if (end == s.n)
            break;
        if (s.p[end] == '\r' && end + 1 == s.n) {
            b->cr = true; /* the next piece tells */
            store(b, span_slice(s, from, end - from));
            return;
        }
        bool pair = s.p[end] == '\r' && s.p[end + 1] == '\n';
        if (!pair) {
            store(b, span_slice(s, from, end - from));
            bare(b);
            from = end + 1;
        }
        b->line = 0;
        at = end + (pair ? 2 : 1);
    }
    store(b, span_from(s, from));
}

void smtp_body_put(struct smtp_body *b, struct span content)
{
    b->received += content.n;
    if (content.n == 0 || b->fault != FAULT_NONE)
        return;
    if (b->binary) {
        store(b, content);
        return;
    }
    if (span_chr(content, '\0') >= 0) /* RFC 2045 §2.8: not in text of either kind */
        smtp_body_fail(b, FAULT_NUL, 0);
    else
        put_lines(b, content);
}

void smtp_body_end(struct smtp_body *b)
{
    if (b->cr) {
        b->cr = false;
        bare(b);
    }
}
