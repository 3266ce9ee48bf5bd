/* SPDX-License-Identifier: Apache-2.0 */
/* The pattern as an automaton: all places in it that the name read so far can have led to. A wildcard adds at most two
 * places, so there are few, however name and pattern conspire. */
#include "imap/pattern.h"

#include "base/err.h"

int imap_pattern_make(struct span text, struct arena *a, struct imap_pattern *out)
{
    char *to = arena_alloc(a, text.n + 1);
    size_t n = 0, wildcards = 0;
    if (to == NULL)
        return ERR_NOMEM;
    *out = (struct imap_pattern){0};
    for (size_t k = 0; k < text.n; k++) {
        char c = text.p[k];
        bool wild = c == '*' || c == '%';
        if (wild && n > 0 && (to[n - 1] == '*' || to[n - 1] == '%')) {
            if (c == '*')
                to[n - 1] = '*';
        } else {
            to[n++] = c;
            wildcards += wild;
        }
        out->recursive = out->recursive || c == '*';
    }
    out->text = span_of(to, n);
    out->wildcards = wildcards;
    return wildcards <= LIMIT_IMAP_WILDCARDS ? 0 : ERR_LIMIT;
}

struct places {
    size_t n;
    size_t v[2 * LIMIT_IMAP_WILDCARDS + 2];
};

/* With what is behind a wildcard that stands for nothing. Places come in their order, each with at most two behind it: one
 * that is there already is among the last few. */
static void add(struct places *x, struct span pattern, size_t at)
{
    for (;;) {
        for (size_t k = x->n; k > 0 && x->n - k < 8; k--)
            if (x->v[k - 1] == at)
                return;
        must(x->n < COUNT_OF(x->v));
        x->v[x->n++] = at;
        if (at == pattern.n || (pattern.p[at] != '*' && pattern.p[at] != '%'))
            return;
        at++;
    }
}

static bool same(char pattern, char name, bool fold)
{
    return pattern == name || (fold && ascii_lower(pattern) == ascii_lower(name));
}

bool imap_pattern_matches(const struct imap_pattern *p, struct span name)
{
    struct places now = {0}, next;
    struct span text = p->text;
    bool inbox = span_eq(name, SPAN("INBOX")) || span_starts(name, SPAN("INBOX/"));
    add(&now, text, 0);
    for (size_t k = 0; k < name.n && now.n > 0; k++) {
        next.n = 0;
        for (size_t j = 0; j < now.n; j++) {
            size_t at = now.v[j];
            if (at == text.n)
                continue;
            if (text.p[at] == '*' || (text.p[at] == '%' && name.p[k] != '/'))
                add(&next, text, at);
            else if (text.p[at] != '%' && same(text.p[at], name.p[k], inbox && k < 5))
                add(&next, text, at + 1);
        }
        now = next;
    }
    for (size_t j = 0; j < now.n; j++)
        if (now.v[j] == text.n)
            return true;
    return false;
}
