/* SPDX-License-Identifier: Apache-2.0 */
/* Readers over borrowed bytes. Every function checks its bounds here, once, so callers never do. */
#include "base/span.h"

char ascii_lower(char c)
{
    return (char)((c >= 'A' && c <= 'Z') ? c + ('a' - 'A') : c);
}

bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ascii_is_alpha(char c)
{
    char l = ascii_lower(c);
    return l >= 'a' && l <= 'z';
}

bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_ieq(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

int span_cmp(struct span a, struct span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (c != 0)
        return c;
    return (a.n > b.n) - (a.n < b.n);
}

bool span_starts(struct span s, struct span prefix)
{
    return s.n >= prefix.n && span_eq(span_slice(s, 0, prefix.n), prefix);
}

bool span_istarts(struct span s, struct span prefix)
{
    return s.n >= prefix.n && span_ieq(span_slice(s, 0, prefix.n), prefix);
}

bool span_ends(struct span s, struct span suffix)
{
    return s.n >= suffix.n && span_eq(span_from(s, s.n - suffix.n), suffix);
}

ssize_t span_chr(struct span s, char c)
{
    const char *hit = s.n == 0 ? NULL : memchr(s.p, c, s.n);
    return hit == NULL ? -1 : hit - s.p;
}

ssize_t span_rchr(struct span s, char c)
{
    const char *hit = s.n == 0 ? NULL : memrchr(s.p, c, s.n);
    return hit == NULL ? -1 : hit - s.p;
}

ssize_t span_find(struct span s, struct span needle)
{
    if (needle.n == 0)
        return 0;
    const char *hit = s.n == 0 ? NULL : memmem(s.p, s.n, needle.p, needle.n);
    return hit == NULL ? -1 : hit - s.p;
}

struct span span_slice(struct span s, size_t from, size_t n)
{
    if (from >= s.n)
        return (struct span){s.n == 0 ? s.p : s.p + s.n, 0};
    size_t left = s.n - from;
    return (struct span){s.p + from, n < left ? n : left};
}

struct span span_from(struct span s, size_t from)
{
    return span_slice(s, from, SIZE_MAX);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct span span_split(struct span *rest, char sep)
{
    ssize_t at = span_chr(*rest, sep);
    struct span head = at < 0 ? *rest : span_slice(*rest, 0, (size_t)at);
    *rest = at < 0 ? SPAN_EMPTY : span_from(*rest, (size_t)at + 1);
    return head;
}

bool span_take_byte(struct span *s, uint8_t *out)
{
    if (s->n == 0)
        return false;
    *out = (uint8_t)s->p[0];
    *s = (struct span){s->p + 1, s->n - 1};
    return true;
}

bool span_take(struct span *s, size_t n, struct span *out)
{
    if (s->n < n)
        return false;
    *out = (struct span){s->p, n};
    *s = (struct span){n == 0 ? s->p : s->p + n, s->n - n};
    return true;
}

bool span_skip(struct span *s, struct span prefix)
{
    if (!span_starts(*s, prefix))
        return false;
    *s = span_from(*s, prefix.n);
    return true;
}

bool span_iskip(struct span *s, struct span prefix)
{
    if (!span_istarts(*s, prefix))
        return false;
    *s = span_from(*s, prefix.n);
    return true;
}

bool span_to_u64(struct span s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        if (__builtin_mul_overflow(v, 10U, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool span_to_u32(struct span s, uint32_t *out)
{
    uint64_t v;
    if (!span_to_u64(s, &v) || v > UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

bool span_to_cstr(struct span s, char *dst, size_t size)
{
    must(size > 0);
    dst[0] = '\0';
    if (s.n >= size || span_chr(s, '\0') >= 0)
        return false;
    if (s.n > 0)
        memcpy(dst, s.p, s.n);
    dst[s.n] = '\0';
    return true;
}

/* Length of the ASCII at the front of s: most text is nothing else, so eight bytes are looked at together. */
static size_t ascii_run(struct span s)
{
    size_t n = 0;
    for (uint64_t eight; s.n - n >= sizeof(eight); n += sizeof(eight)) {
        memcpy(&eight, s.p + n, sizeof(eight));
        if ((eight & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (n < s.n && (unsigned char)s.p[n] < 0x80)
        n++;
    return n;
}

bool span_is_ascii(struct span s)
{
    return ascii_run(s) == s.n;
}

/* Length of the UTF-8 sequence at the front of s, which is no ASCII; 0 if malformed (RFC 3629 §4). */
static size_t utf8_sequence(struct span s)
{
    const unsigned char *u = (const unsigned char *)s.p;
    unsigned char lo = 0x80, hi = 0xbf;
    size_t n;

    if (u[0] >= 0xc2 && u[0] <= 0xdf)
        n = 2;
    else if (u[0] >= 0xe0 && u[0] <= 0xef)
        n = 3;
    else if (u[0] >= 0xf0 && u[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (u[0] == 0xe0)
        lo = 0xa0;
    else if (u[0] == 0xed)
        hi = 0x9f;
    else if (u[0] == 0xf0)
        lo = 0x90;
    else if (u[0] == 0xf4)
        hi = 0x8f;
    if (s.n < n || u[1] < lo || u[1] > hi)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool span_is_utf8(struct span s)
{
    while (s.n > 0) {
        size_t n = ascii_run(s);
        if (n == 0)
            n = utf8_sequence(s);
        if (n == 0)
            return false;
        s = span_from(s, n);
    }
    return true;
}

bool span_eq_secret(struct span a, struct span b)
{
    unsigned char diff = 0;
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        diff = (unsigned char)(diff | (unsigned char)(a.p[i] ^ b.p[i]));
    return diff == 0;
}
