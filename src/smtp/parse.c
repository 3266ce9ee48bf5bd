/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.2). */
#include "smtp/internal.h"

int smtp_path_take(struct span *args, struct span keyword, struct smtp_path *out)
{
    struct span rest = *args;
    struct smtp_path path = {.address = SPAN_EMPTY};
    if (!span_iskip(&rest, keyword))
        return ERR_INVALID;
    while (span_skip(&rest, SPAN(" ")))
        ; /* not in the grammar, but sent by many */
    if (!span_skip(&rest, SPAN("<")))
        return ERR_INVALID;
    if (!span_starts(rest, SPAN(">"))) {
        ssize_t n = smtp_address_parse(rest, &path.parts);
        if (n < 0)
            return (int)n;
        size_t domain = path.parts.domain.n > 0 ? 1 + path.parts.domain.n : 0;
        path.address = span_of(path.parts.local.p, path.parts.local.n + domain);
        rest = span_from(rest, (size_t)n);
    }
    if (!span_skip(&rest, SPAN(">")))
        return ERR_BAD_ADDRESS;
    if (rest.n > 0 && rest.p[0] != ' ')
        return ERR_INVALID;
    *args = rest;
    *out = path;
    return 0;
}

static bool is_keyword(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && (i == 0 || s.p[i] != '-'))
            return false;
    return s.n > 0;
}

/* esmtp-value: any but "=", space and control characters; RFC 6531 §3.3 adds UTF-8. */
static bool is_value(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 32 || c == '=' || c == 127)
            return false;
    }
    return s.n > 0 && span_is_utf8(s);
}

int smtp_param_take(struct span *args, struct smtp_param *out)
{
    while (span_skip(args, SPAN(" ")))
        ;
    if (args->n == 0)
        return 0;
    struct span word = span_split(args, ' ');
    ssize_t equals = span_chr(word, '=');
    *out = (struct smtp_param){.key = word};
    if (equals >= 0) {
        out->has_value = true;
        out->key = span_slice(word, 0, (size_t)equals);
        out->value = span_from(word, (size_t)equals + 1);
    }
    if (!is_keyword(out->key) || (out->has_value && !is_value(out->value)))
        return ERR_INVALID;
    return 1;
}
