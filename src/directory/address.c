/* SPDX-License-Identifier: Apache-2.0 */
/* How: both halves go through an ASCII path that only lower-cases; only text beyond ASCII (and
 * A-labels, which hide such text) pays for ICU. The grammar is checked AFTER folding, since a few
 * characters fold to ASCII specials (U+037E, the Greek question mark, becomes ';'). */
#include "directory/address.h"

#include "base/err.h"
#include "base/limits.h"
#include "directory/unicode.h"

enum {
    TEXT_MAX =
        LIMIT_ADDRESS * 4, /* as written: A-labels, quoting and NFD are longer than the key */
    LABEL_MAX = 63,        /* RFC 1035 §2.3.4 */
};

/* RFC 5322 §3.2.3 atext, extended by RFC 6531 §3.3 with everything beyond ASCII. */
static bool is_atext(char c)
{
    if ((unsigned char)c >= 0x80 || ascii_is_alpha(c) || ascii_is_digit(c))
        return true;
    return c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
}

/* Dot-string, RFC 5321 §4.1.2. */
static bool is_dot_string(struct span s)
{
    bool atom = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.') {
            if (!atom)
                return false;
            atom = false;
        } else if (is_atext(s.p[i])) {
            atom = true;
        } else {
            return false;
        }
    }
    return atom;
}

static bool is_printable_ascii(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    return true;
}

static int lower(struct span s, struct arena *a, struct span *out)
{
    char *p = arena_alloc(a, s.n + 1);
    if (p == NULL)
        return arena_err(a);
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    *out = span_of(p, s.n);
    return 0;
}

static int fold(struct span s, struct arena *a, struct span *out)
{
    return span_is_ascii(s) ? lower(s, a, out) : unicode_fold(s, a, out);
}

/* Takes a Quoted-string (RFC 5321 §4.1.2) from the front of *rest; *out is its content. */
static int take_quoted(struct span *rest, struct arena *a, struct span *out)
{
    char *p = arena_alloc(a, rest->n);
    if (p == NULL)
        return arena_err(a);
    size_t n = 0;
    for (size_t i = 1; i < rest->n; i++) {
        char c = rest->p[i];
        if (c == '"') {
            *out = span_of(p, n);
            *rest = span_from(*rest, i + 1);
            return 0;
        }
        if (c == '\\') {
            if (++i == rest->n)
                break;
            c = rest->p[i];
        }
        p[n++] = c;
    }
    return ERR_BAD_ADDRESS;
}

static struct span quote(struct span s, struct arena *a)
{
    char *p = arena_alloc(a, s.n * 2 + 2);
    if (p == NULL)
        return SPAN_EMPTY;
    size_t n = 0;
    p[n++] = '"';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            p[n++] = '\\';
        p[n++] = s.p[i];
    }
    p[n++] = '"';
    return span_of(p, n);
}

/* Takes the local part and the @ from the front of *rest; *out is its normal form. */
static int take_local(struct span *rest, struct arena *a, struct span *out)
{
    struct span content = SPAN_EMPTY;
    bool quoted = span_starts(*rest, SPAN("\""));
    int err = 0;
    if (quoted) {
        err = take_quoted(rest, a, &content);
    } else {
        ssize_t at = span_chr(*rest, '@');
        content = at < 0 ? SPAN_EMPTY : span_slice(*rest, 0, (size_t)at);
        *rest = span_from(*rest, content.n);
    }
    if (err != 0)
        return err;
    if (content.n == 0 || !span_skip(rest, SPAN("@")))
        return ERR_BAD_ADDRESS;
    struct span folded;
    err = fold(content, a, &folded);
    if (err != 0)
        return err;
    if (!is_dot_string(folded)) {
        if (!quoted)
            return ERR_BAD_ADDRESS;
        folded = quote(folded, a);
        if (folded.p == NULL)
            return arena_err(a);
    }
    if (folded.n > LIMIT_LOCAL_PART)
        return ERR_BAD_ADDRESS;
    *out = folded;
    return 0;
}

/* One label of a normal form: letters, digits and inner hyphens (RFC 1123 §2.1); beyond ASCII IDNA
 * has judged. *numeric: digits only. */
static bool is_label(struct span s, bool *numeric)
{
    if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    bool ascii = true;
    *numeric = true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!ascii_is_digit(c))
            *numeric = false;
        if ((unsigned char)c >= 0x80)
            ascii = false;
        else if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-')
            return false;
    }
    return !ascii || s.n <= LABEL_MAX;
}

/* A last label of digits would be an IPv4 address written without brackets. */
static bool is_domain(struct span s)
{
    if (s.n == 0 || s.n > LIMIT_DOMAIN - 2 || s.p[s.n - 1] == '.')
        return false;
    bool numeric = true;
    while (s.n > 0)
        if (!is_label(span_split(&s, '.'), &numeric))
            return false;
    return !numeric;
}

static bool has_a_label(struct span s)
{
    while (s.n > 0)
        if (span_istarts(span_split(&s, '.'), SPAN("xn--")))
            return true;
    return false;
}

int domain_normalize(struct span text, struct arena *a, struct span *out)
{
    if (text.n == 0 || text.n > TEXT_MAX || !span_is_utf8(text))
        return ERR_BAD_ADDRESS;
    struct span name;
    int err = span_is_ascii(text) && !has_a_label(text) ? lower(text, a, &name)
                                                        : unicode_domain(text, a, &name);
    if (err != 0)
        return err;
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    if (!is_domain(name))
        return ERR_BAD_ADDRESS;
    *out = name;
    return 0;
}

int address_join(struct span local, struct span domain, struct arena *a, struct address *out)
{
    size_t n = local.n + 1 + domain.n;
    if (local.n == 0 || domain.n == 0 || local.n > LIMIT_LOCAL_PART || n > LIMIT_ADDRESS)
        return ERR_BAD_ADDRESS;
    char *p = arena_alloc(a, n);
    if (p == NULL)
        return arena_err(a);
    memcpy(p, local.p, local.n);
    p[local.n] = '@';
    memcpy(p + local.n + 1, domain.p, domain.n);
    out->whole = span_of(p, n);
    out->local = span_of(p, local.n);
    out->domain = span_of(p + local.n + 1, domain.n);
    return 0;
}

int address_normalize(struct span text, struct arena *a, struct address *out)
{
    if (text.n == 0 || text.n > TEXT_MAX || !span_is_utf8(text))
        return ERR_BAD_ADDRESS;
    if (span_is_ascii(text) ? !is_printable_ascii(text) : !unicode_is_visible(text))
        return ERR_BAD_ADDRESS;
    struct span local;
    struct span domain;
    int err = take_local(&text, a, &local);
    if (err == 0)
        err = domain_normalize(text, a, &domain);
    return err != 0 ? err : address_join(local, domain, a, out);
}

int address_keep_local(struct span text, struct arena *a, struct address *normal, struct span *out)
{
    struct address whole;
    int err = address_normalize(text, a, &whole);
    if (err != 0)
        return err;
    /* The domain holds no '@', so the last one ends the local part, quoted or not. */
    ssize_t at = span_rchr(text, '@');
    struct address kept;
    err = address_join(span_slice(text, 0, (size_t)at), whole.domain, a, &kept);
    if (err != 0)
        return err;
    *normal = whole;
    *out = kept.whole;
    return 0;
}
