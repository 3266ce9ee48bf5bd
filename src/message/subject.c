/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of RFC 5256 §2.1, named as there, on a span that gets smaller from both sides.
 *
 * Steps (3) to (5) remove the blobs ("[list]") at the front one by one, and look behind all of them for a "Re:"
 * each time. Here the run of blobs is looked at once: if a "Re:" follows, the run goes with it; if other
 * text follows, all blobs go; if nothing does, the last one is the subject.
 */
#include "message/subject.h"

#include "base/err.h"
#include "message/words.h"

/* (1) Tabs, line ends and several spaces are one space. In place; returns what is left. */
static struct span squeeze(struct buf *b)
{
    size_t n = 0;
    bool space = false;
    for (size_t i = 0; i < b->n; i++) {
        char c = b->p[i];
        bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (blank && space)
            continue;
        b->p[n++] = blank ? ' ' : c;
        space = blank;
    }
    return span_of(b->p, n);
}

static void skip_spaces(struct span *s)
{
    while (s->n > 0 && s->p[0] == ' ')
        *s = span_from(*s, 1);
}

static bool ends_with(struct span s, struct span end)
{
    return s.n >= end.n && span_ieq(span_from(s, s.n - end.n), end);
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP */
static bool skip_blob(struct span *s)
{
    if (s->n == 0 || s->p[0] != '[')
        return false;
    for (size_t i = 1; i < s->n && s->p[i] != '[' && s->p[i] != '\0'; i++) {
        if (s->p[i] == ']') {
            *s = span_from(*s, i + 1);
            skip_spaces(s);
            return true;
        }
    }
    return false;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool skip_refwd(struct span *s)
{
    struct span t = *s;
    if (!span_iskip(&t, SPAN("re")) && !span_iskip(&t, SPAN("fwd")) && !span_iskip(&t, SPAN("fw")))
        return false;
    skip_spaces(&t);
    (void)skip_blob(&t);
    if (!span_skip(&t, SPAN(":")))
        return false;
    *s = t;
    return true;
}

/* (2) */
static void cut_trailers(struct span *s, bool *reply)
{
    for (;;) {
        if (s->n > 0 && s->p[s->n - 1] == ' ') {
            s->n--;
        } else if (ends_with(*s, SPAN("(fwd)"))) {
            s->n -= sizeof("(fwd)") - 1;
            *reply = true;
        } else {
            return;
        }
    }
}

/* (3), (4) and (5) */
static void cut_leaders(struct span *s, bool *reply)
{
    for (;;) {
        skip_spaces(s);
        struct span rest = *s, last = *s; /* behind the blobs; from the last of them on */
        for (struct span next = rest; skip_blob(&next); rest = next)
            last = rest;
        if (skip_refwd(&rest)) {
            *s = rest;
            *reply = true;
            continue;
        }
        *s = rest.n > 0 ? rest : last;
        return;
    }
}

int subject_base(struct span subject, struct buf *out, bool *reply_out)
{
    struct buf text;
    bool reply = false, again;
    buf_init(&text, WORDS_GROWTH * subject.n + 16);
    int err = words_decode(subject, &text);
    if (err == 0) {
        struct span s = squeeze(&text);
        do {
            cut_trailers(&s, &reply);
            cut_leaders(&s, &reply);
            /* (6) subj-fwd-hdr = "[fwd:", subj-fwd-trl = "]" */
            again = span_istarts(s, SPAN("[fwd:")) && ends_with(s, SPAN("]"));
            if (again) {
                s = span_slice(s, sizeof("[fwd:") - 1, s.n - sizeof("[fwd:"));
                reply = true;
            }
        } while (again);
        buf_put(out, s);
        err = out->err;
    }
    buf_done(&text);
    if (err == 0 && reply_out != NULL)
        *reply_out = reply;
    return err;
}
