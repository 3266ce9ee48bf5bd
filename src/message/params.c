/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Type and its kin, read from left to right: tokens, then parameters up to LIMIT_MIME_PARAMS.
 *
 * Parameters are first collected as they are written ("segments"); then those that RFC 2231 cut into
 * pieces are put together (params_2231.c).
 */
#include "message/params.h"

#include "base/limits.h"
#include "message/cfws.h"
#include "message/params_impl.h"

/* token, RFC 2045 §5.1; 8-bit bytes are let through. "*" and "'" are tokens' (RFC 2231 narrows that). */
static bool is_token(char c)
{
    return (unsigned char)c >= 0x80 ||
           (c > 32 && c < 127 && memchr("()<>@,;:\\\"/[]?=", c, 15) == NULL);
}

static struct span take_token(struct span *s)
{
    size_t n = 0;
    while (n < s->n && is_token(s->p[n]))
        n++;
    struct span token = span_slice(*s, 0, n);
    *s = span_from(*s, n);
    return token;
}

static struct span lower(struct span s, struct arena *a)
{
    struct span copy = arena_dup(a, s);
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; i < copy.n; i++)
        p[i] = ascii_lower(p[i]);
    return copy;
}

/* From behind the opening quote; takes the closing one. CR and LF are folding and go, escaped ones, too: they
 * would forge a line wherever the value is printed. */
static struct span take_quoted(struct span *s, struct arena *a)
{
    size_t n = 0, end = 0;
    for (; end < s->n && s->p[end] != '"'; end++)
        if (s->p[end] == '\\')
            end++;
    end = end < s->n ? end : s->n;
    char *to = arena_alloc(a, end);
    if (to == NULL)
        return SPAN_EMPTY;
    for (size_t i = 0; i < end; i++) {
        char c = s->p[i];
        if (c == '\\' && i + 1 < end)
            c = s->p[++i];
        if (c != '\r' && c != '\n')
            to[n++] = c;
    }
    *s = span_from(*s, end + (end < s->n));
    return span_of(to, n);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct span *s)
{
    size_t n = 0;
    while (n < s->n && is_space(s->p[n]))
        n++;
    *s = span_from(*s, n);
}

/* "name=" or "name*0*=" at the front: what shows that a ";" was forgotten. It does not look behind
 * comments, so that looking often costs no more than looking once. */
static bool begins_parameter(struct span s)
{
    skip_space(&s);
    struct span name = take_token(&s);
    skip_space(&s);
    return name.n > 0 && s.n > 0 && s.p[0] == '=';
}

/* A value without quotes: up to ";", a comment, or white space with a parameter behind it. */
static struct span take_bare(struct span *s, struct arena *a)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != ';' && s->p[n] != '(') {
        if (is_space(s->p[n]) && (n == 0 || !is_space(s->p[n - 1])) &&
            begins_parameter(span_from(*s, n)))
            break;
        n++;
    }
    struct span value = span_trim(span_slice(*s, 0, n));
    *s = span_from(*s, n);
    char *to = arena_alloc(a, value.n);
    size_t kept = 0;
    if (to == NULL)
        return SPAN_EMPTY;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != '\r' && value.p[i] != '\n')
            to[kept++] = value.p[i];
    return span_of(to, kept);
}

/* Up to the next ";" outside quotes, which is left; or up to where a parameter begins. */
static void skip_junk(struct span *s)
{
    while (s->n > 0 && s->p[0] != ';') {
        if (s->p[0] == '"') {
            ssize_t end = span_chr(span_from(*s, 1), '"');
            *s = end < 0 ? SPAN_EMPTY : span_from(*s, (size_t)end + 2);
            continue;
        }
        struct span rest = *s;
        if (s->p[0] == '(') {
            skip_cfws(s);
        } else if (take_token(&rest).n > 0) {
            if (begins_parameter(*s))
                return;
            *s = rest;
        } else {
            *s = span_from(*s, 1);
        }
    }
}

/* One parameter; false at the end. */
static bool take_segment(struct span *s, struct arena *a, struct segment *out)
{
    for (;;) {
        skip_cfws(s);
        while (s->n > 0 && s->p[0] == ';') {
            *s = span_from(*s, 1);
            skip_cfws(s);
        }
        if (s->n == 0)
            return false;
        struct span rest = *s;
        struct span name = take_token(&rest);
        skip_cfws(&rest);
        if (name.n > 0 && rest.n > 0 && rest.p[0] == '=') {
            rest = span_from(rest, 1);
            skip_cfws(&rest);
            bool quoted = rest.n > 0 && rest.p[0] == '"';
            if (quoted)
                rest = span_from(rest, 1);
            *out = segment_of(lower(name, a));
            out->value = quoted ? take_quoted(&rest, a) : take_bare(&rest, a);
            *s = rest;
            return true;
        }
        *s = rest;
        skip_junk(s);
    }
}

static struct mime_param *take_params(struct span *s, struct arena *a)
{
    struct segment segments[LIMIT_MIME_PARAMS];
    size_t n = 0;
    while (n < LIMIT_MIME_PARAMS && take_segment(s, a, &segments[n]))
        n++;
    return params_join(segments, n, a);
}

bool mime_type_parse(struct span value,
                     struct arena *a,
                     struct span *type_out,
                     struct span *subtype_out,
                     struct mime_param **params_out)
{
    skip_cfws(&value);
    struct span type = take_token(&value);
    skip_cfws(&value);
    if (type.n == 0 || value.n == 0 || value.p[0] != '/')
        return false;
    value = span_from(value, 1);
    skip_cfws(&value);
    struct span subtype = take_token(&value);
    if (subtype.n == 0)
        return false;
    skip_cfws(&value);
    skip_junk(&value);
    *type_out = lower(type, a);
    *subtype_out = lower(subtype, a);
    *params_out = take_params(&value, a);
    return true;
}

bool mime_disposition_parse(struct span value,
                            struct arena *a,
                            struct span *token_out,
                            struct mime_param **params_out)
{
    skip_cfws(&value);
    struct span token = begins_parameter(value) ? SPAN("attachment") : take_token(&value);
    if (token.n == 0)
        return false;
    *token_out = lower(token, a);
    skip_cfws(&value);
    skip_junk(&value);
    *params_out = take_params(&value, a);
    return true;
}

const struct mime_param *mime_param_find(const struct mime_param *list, struct span name)
{
    const struct mime_param *plain = NULL;
    for (; list != NULL; list = list->next) {
        if (!span_eq(list->name, name))
            continue;
        if (list->extended)
            return list;
        if (plain == NULL)
            plain = list;
    }
    return plain;
}

/* Language-Tag of RFC 5646 §2.1, loosely: letters, digits and "-". */
static bool is_tag(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && s.p[i] != '-')
            return false;
    return s.n > 0;
}

struct mime_language *mime_languages_parse(struct span value, struct arena *a)
{
    struct mime_language *first = NULL, **end = &first;
    size_t n = 0;
    while (value.n > 0 && n < LIMIT_MIME_PARAMS) {
        skip_cfws(&value);
        struct span tag = take_token(&value);
        skip_cfws(&value);
        while (value.n > 0 && value.p[0] != ',')
            value = span_from(value, 1);
        value = span_from(value, 1);
        if (!is_tag(tag))
            continue;
        *end = arena_alloc(a, sizeof(**end));
        if (*end == NULL)
            break;
        (*end)->tag = arena_dup(a, tag);
        end = &(*end)->next;
        n++;
    }
    return first;
}
