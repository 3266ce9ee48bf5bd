/* SPDX-License-Identifier: Apache-2.0 */
/* The header section, walked in place (RFC 5322 §2.2, §3.5).
 *
 * A line ends with LF; a CR before it belongs to the line end. So mail that came with bare LFs (a
 * file handed to `mailstead mail deliver`) reads as mail with CRLF does. What is not a field costs
 * itself and its continuation lines, never the fields behind it: a stray "From " line of an mbox or
 * a broken field must not make a reader lose Message-ID.
 */
#include "message/header_impl.h"
#include "message/message.h"

/* The line at `at` without its line end; *next_out is where the following one begins. */
static struct span line_at(struct span message, size_t at, size_t *next_out)
{
    struct span rest = span_from(message, at);
    ssize_t lf = span_chr(rest, '\n');
    if (lf < 0) {
        *next_out = message.n;
        return rest;
    }
    *next_out = at + (size_t)lf + 1;
    struct span line = span_slice(rest, 0, (size_t)lf);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

/* The name of the field that `line` begins, or the empty span. White space before the colon is
 * obsolete but met (§4.5). */
struct span header_field_name(struct span line)
{
    ssize_t colon = span_chr(line, ':');
    if (colon <= 0)
        return SPAN_EMPTY;
    struct span name = span_slice(line, 0, (size_t)colon);
    while (name.n > 0 && is_wsp(name.p[name.n - 1]))
        name.n--;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 33 || name.p[i] > 126) /* ftext, §3.6.8; char is signed: covers 8-bit too */
            return SPAN_EMPTY;
    return name;
}

struct header_walk header_walk_of(struct span message)
{
    return (struct header_walk){.message = message, .at = 0};
}

bool header_next(struct header_walk *w, struct header_field *out)
{
    while (w->at < w->message.n) {
        size_t start = w->at, next, end;
        struct span line = line_at(w->message, start, &next);
        if (line.n == 0)
            return false; /* the empty line: `at` stays, so that further calls say the same */
        struct span name = is_wsp(line.p[0]) ? SPAN_EMPTY : header_field_name(line);
        end = start + line.n;
        while (next < w->message.n && is_wsp(w->message.p[next])) {
            size_t begin = next;
            line = line_at(w->message, begin, &next);
            end = begin + line.n;
        }
        w->at = next;
        if (name.n == 0)
            continue;
        size_t colon = (size_t)span_chr(span_from(w->message, start), ':');
        out->name = name;
        out->value = span_slice(w->message, start + colon + 1, end - (start + colon + 1));
        out->offset = start;
        return true;
    }
    return false;
}

bool header_find(struct span message, struct span name, struct header_field *out)
{
    struct header_walk w = header_walk_of(message);
    struct header_field f;
    while (header_next(&w, &f)) {
        if (span_ieq(f.name, name)) {
            *out = f;
            return true;
        }
    }
    return false;
}

size_t header_size(struct span message)
{
    size_t at = 0;
    while (at < message.n) {
        size_t next;
        if (line_at(message, at, &next).n == 0)
            return next;
        at = next;
    }
    return message.n;
}

struct span header_unfold(struct span value, struct arena *a)
{
    char *to = arena_alloc(a, value.n > 0 ? value.n : 1);
    if (to == NULL)
        return SPAN_EMPTY;
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\n' || (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n'))
            continue;
        to[n++] =
            c == '\r' ? ' ' : c; /* a bare CR would forge a line wherever the value is printed */
    }
    return span_trim(span_of(to, n));
}
