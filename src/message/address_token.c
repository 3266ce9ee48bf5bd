/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of an address list: each byte is looked at a bounded number of times, also when quotes, comments
 * and brackets are left open in their thousands (the first one found open is the last one looked for).
 */
#include "message/address_token.h"

enum { ENCODED_WORD_MAX = 512 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "." is not special here: it is joined to what stands around it by the reader of tokens. */
static bool is_special(char c)
{
    return c == '<' || c == '>' || c == '@' || c == ',' || c == ':' || c == ';' || c == '.';
}

/* Where the closing `close` of what opens at s.p[0] stands; 0 if it is left open. */
static size_t closing(struct span s, char close)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == close)
            return i;
    }
    return 0;
}

static size_t comment_closing(struct span s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '(')
            depth++;
        else if (s.p[i] == ')' && --depth == 0)
            return i;
    }
    return 0;
}

/* The size of an encoded-word at the front, 0 if there is none: "=?charset?q?text?=". Its text may hold
 * what an encoded-word must not (commas, spaces), because senders forget to encode it. */
static size_t encoded_word(struct span s)
{
    struct span rest = span_slice(s, 0, ENCODED_WORD_MAX);
    if (!span_skip(&rest, SPAN("=?")))
        return 0;
    ssize_t charset = span_chr(rest, '?');
    if (charset <= 0 || (size_t)charset + 2 >= rest.n)
        return 0;
    rest = span_from(rest, (size_t)charset + 1);
    char encoding = ascii_lower(rest.p[0]);
    if ((encoding != 'q' && encoding != 'b') || rest.p[1] != '?')
        return 0;
    rest = span_from(rest, 2);
    ssize_t end = span_find(rest, SPAN("?="));
    if (end < 0 || span_find(span_slice(rest, 0, (size_t)end), SPAN("=?")) >= 0)
        return 0;
    return (size_t)(rest.p - s.p) + (size_t)end + 2;
}

static size_t word_size(const struct address_scan *s, struct span in)
{
    size_t n = 0;
    while (n < in.n) {
        char c = in.p[n];
        if (is_space(c) || is_special(c) || (c == '"' && !s->open_quote) ||
            (c == '(' && !s->open_comment) || (c == '[' && !s->open_bracket))
            break;
        size_t word = c == '=' ? encoded_word(span_from(in, n)) : 0;
        n += word > 0 ? word : 1;
    }
    return n;
}

/* A delimited token, unless it is left open. */
static bool
take_delimited(struct address_token *t, struct span *rest, size_t close, bool *open, size_t inside)
{
    if (close == 0) {
        *open = true;
        return false;
    }
    t->text = span_slice(*rest, inside, close + 1 - 2 * inside);
    *rest = span_from(*rest, close + 1);
    return true;
}

void address_token_next(struct address_scan *s, struct address_token *t)
{
    *t = (struct address_token){.kind = T_END};
    struct span rest = s->rest;
    while (rest.n > 0 && is_space(rest.p[0])) {
        rest = span_from(rest, 1);
        t->space = true;
    }
    t->start = rest;
    char c = rest.n > 0 ? rest.p[0] : '\0';
    if (rest.n == 0) {
        t->kind = T_END;
    } else if (is_special(c)) {
        t->kind = T_SPECIAL;
        t->special = c;
        t->text = span_slice(rest, 0, 1);
        rest = span_from(rest, 1);
    } else if (c == '"' && !s->open_quote &&
               take_delimited(t, &rest, closing(rest, '"'), &s->open_quote, 1)) {
        t->kind = T_QUOTED;
    } else if (c == '(' && !s->open_comment &&
               take_delimited(t, &rest, comment_closing(rest), &s->open_comment, 1)) {
        t->kind = T_COMMENT;
    } else if (c == '[' && !s->open_bracket &&
               take_delimited(t, &rest, closing(rest, ']'), &s->open_bracket, 0)) {
        t->kind = T_LITERAL;
    } else {
        t->kind = T_WORD;
        size_t n = word_size(s, rest);
        t->text = span_slice(rest, 0, n);
        rest = span_from(rest, n);
    }
    s->rest = rest;
}
