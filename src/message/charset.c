/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 and unlabelled text are ours, because they are nearly all mail and need no table; everything
 * else is ICU's, through UTF-16 in a small buffer on the stack.
 *
 * ICU looks for a converter it has no alias for in its data folder, as a file of that name. A name comes
 * from a peer, so only names of the alias table are opened.
 */
#include "message/charset.h"

#include "base/err.h"

#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>

enum { NAME_MAX_BYTES = 64, PIVOT = 512 };

static const char GUESS[] = "?";

/* What a name stands for, where it is not what ICU would say. "?" is CHARSET_GUESS. Compared without
 * case and without "-" and "_", as ICU does (UTS #22 §1.4). */
static const struct {
    const char *name;
    const char *means;
} aliases[] = {
    {"", GUESS},
    {"usascii", GUESS},
    {"ascii", GUESS},
    {"ansix3.41968", GUESS},
    {"iso646us", GUESS},
    {"utf8", "UTF-8"},
    {"unicode11utf8", "UTF-8"},
    {"xutf8", "UTF-8"},
    {"cp65001", "UTF-8"},
    {"utf8mb4", "UTF-8"},
    {"iso88591", "windows-1252"},
    {"latin1", "windows-1252"},
    {"l1", "windows-1252"},
    {"cp819", "windows-1252"},
    {"iso88599", "windows-1254"},
    {"latin5", "windows-1254"},
    {"iso885911", "windows-874"},
    {"tis620", "windows-874"},
    {"iso88598i", "iso-8859-8"},
    {"iso88598e", "iso-8859-8"},
    {"gb2312", "gb18030"},
    {"gbk", "gb18030"},
    {"xgbk", "gb18030"},
    {"cp936", "gb18030"},
    {"gb231280", "gb18030"},
    {"euccn", "gb18030"},
    {"ksc56011987", "windows-949"},
    {"ksc5601", "windows-949"},
    {"euckr", "windows-949"},
    {"xwindows949", "windows-949"},
    {"shiftjis", "windows-31j"},
    {"sjis", "windows-31j"},
    {"xsjis", "windows-31j"},
    {"mskanji", "windows-31j"},
    {"iso2022jp", "ISO-2022-JP-2"},
    {"iso2022jpms", "ISO-2022-JP-2"},
    {"cp50220", "ISO-2022-JP-2"},
    {"cp50221", "ISO-2022-JP-2"},
    {"big5", "Big5-HKSCS"},
    {"cp950", "Big5-HKSCS"},
    {"xbig5", "Big5-HKSCS"},
    {"win1250", "windows-1250"},
    {"win1251", "windows-1251"},
    {"win1252", "windows-1252"},
    {"win1253", "windows-1253"},
    {"win1254", "windows-1254"},
    {"win1255", "windows-1255"},
    {"win1256", "windows-1256"},
    {"win1257", "windows-1257"},
    {"xmacroman", "macintosh"},
    {"xmaccyrillic", "x-mac-cyrillic"},
};

/* windows-1252 where it differs from ISO 8859-1: 0x80 to 0x9f. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178,
};

void utf8_put(struct buf *out, uint32_t c)
{
    char b[4];
    size_t n;
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        b[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        b[0] = (char)(0xc0 | c >> 6);
        b[1] = (char)(0x80 | (c & 0x3f));
        n = 2;
    } else if (c < 0x10000) {
        b[0] = (char)(0xe0 | c >> 12);
        b[1] = (char)(0x80 | (c >> 6 & 0x3f));
        b[2] = (char)(0x80 | (c & 0x3f));
        n = 3;
    } else {
        b[0] = (char)(0xf0 | c >> 18);
        b[1] = (char)(0x80 | (c >> 12 & 0x3f));
        b[2] = (char)(0x80 | (c >> 6 & 0x3f));
        b[3] = (char)(0x80 | (c & 0x3f));
        n = 4;
    }
    buf_put(out, span_of(b, n));
}

/* How many bytes a sequence that begins with `lead` has; 0 if none does (RFC 3629 §4). */
static size_t sequence_size(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* The bytes at the front of `s` that are, or begin, a well-formed sequence; at least 1. *whole_out: they
 * are one. Unicode calls it the maximal subpart (§3.9, best practices for U+FFFD). */
static size_t sequence_prefix(struct span s, bool *whole_out)
{
    const unsigned char *u = (const unsigned char *)s.p;
    size_t size = sequence_size(u[0]), n = 1;
    *whole_out = false;
    while (n < size && n < s.n) {
        unsigned char low = 0x80, high = 0xbf;
        if (n == 1) {
            low = u[0] == 0xe0 ? 0xa0 : u[0] == 0xf0 ? 0x90 : 0x80;
            high = u[0] == 0xed ? 0x9f : u[0] == 0xf4 ? 0x8f : 0xbf;
        }
        if (u[n] < low || u[n] > high)
            return n;
        n++;
    }
    *whole_out = n == size;
    return n;
}

uint32_t utf8_take(struct span *s)
{
    bool whole;
    if (s->n == 0)
        return 0xfffd;
    const unsigned char *u = (const unsigned char *)s->p;
    size_t n = sequence_prefix(*s, &whole);
    *s = span_from(*s, whole ? n : 1);
    if (!whole)
        return 0xfffd;
    static const uint8_t lead_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = u[0] & lead_bits[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (u[i] & 0x3f);
    return c;
}

/* Bytes below 0x80 at the front, eight at a time. */
static size_t ascii_run(struct span s)
{
    size_t n = 0;
    for (; n + 8 <= s.n; n += 8) {
        uint64_t eight;
        memcpy(&eight, s.p + n, sizeof(eight));
        if ((eight & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (n < s.n && (unsigned char)s.p[n] < 0x80)
        n++;
    return n;
}

/* What is malformed at the front, `n` bytes. */
static void put_malformed(struct charset *c, struct span s, size_t n, struct buf *out)
{
    c->bad++;
    if (c->kind == CHARSET_UTF8) {
        utf8_put(out, 0xfffd);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)s.p[i];
        utf8_put(out, byte >= 0x80 && byte < 0xa0 ? windows_1252[byte - 0x80] : byte);
    }
}

/* Takes what can be decided from the front; what is left is the beginning of a sequence. */
static struct span convert_utf8(struct charset *c, struct span in, bool last, struct buf *out)
{
    while (in.n > 0) {
        size_t n = ascii_run(in);
        buf_put(out, span_slice(in, 0, n));
        in = span_from(in, n);
        if (in.n == 0)
            break;
        bool whole;
        n = sequence_prefix(in, &whole);
        if (whole) {
            if (c->kind == CHARSET_GUESS)
                c->bad++;
            buf_put(out, span_slice(in, 0, n));
        } else if (n == in.n && !last && sequence_size((unsigned char)in.p[0]) > 0) {
            break;
        } else {
            put_malformed(c, in, n, out);
        }
        in = span_from(in, n);
    }
    return in;
}

static void convert_ours(struct charset *c, struct span in, bool last, struct buf *out)
{
    while (c->hold_n > 0 && in.n > 0) {
        /* a sequence has at most 4 bytes and at most 3 of them are held: one more decides, or not */
        c->hold[c->hold_n++] = in.p[0];
        in = span_from(in, 1);
        struct span left = convert_utf8(c, span_of(c->hold, c->hold_n), false, out);
        memmove(c->hold, left.p, left.n);
        c->hold_n = left.n;
    }
    struct span left = convert_utf8(c, in, last && c->hold_n == 0, out);
    if (left.n > 0) {
        memcpy(c->hold, left.p, left.n);
        c->hold_n = left.n;
    }
    if (last && c->hold_n > 0) {
        (void)convert_utf8(c, span_of(c->hold, c->hold_n), true, out);
        c->hold_n = 0;
    }
}

static void put_utf16(struct charset *c, const UChar *units, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        UChar u = units[i];
        if (c->high != 0) {
            uint16_t high = c->high;
            c->high = 0;
            if (U16_IS_TRAIL(u)) {
                utf8_put(out, (uint32_t)U16_GET_SUPPLEMENTARY(high, u));
                continue;
            }
            c->bad++;
            utf8_put(out, 0xfffd);
        }
        if (U16_IS_LEAD(u)) {
            c->high = u;
            continue;
        }
        if (u == 0xfffd || U16_IS_TRAIL(u))
            c->bad++;
        utf8_put(out, u);
    }
}

static void convert_icu(struct charset *c, struct span in, bool last, struct buf *out)
{
    const char *from = in.n > 0 ? in.p : "", *end = from + in.n;
    UChar pivot[PIVOT] = {0};
    UErrorCode err;
    do {
        UChar *to = pivot;
        err = U_ZERO_ERROR;
        ucnv_toUnicode(c->converter, &to, pivot + PIVOT, &from, end, NULL, last, &err);
        put_utf16(c, pivot, (size_t)(to - pivot), out);
    } while (err == U_BUFFER_OVERFLOW_ERROR && out->err == 0);
    if (last) {
        if (c->high != 0)
            utf8_put(out, 0xfffd);
        c->high = 0;
        ucnv_resetToUnicode(c->converter);
    }
}

void charset_convert(struct charset *c, struct span in, bool last, struct buf *out)
{
    if (c->kind == CHARSET_ICU)
        convert_icu(c, in, last, out);
    else
        convert_ours(c, in, last, out);
}

/* What cannot be converted becomes U+FFFD, always: ICU's own way is U+001A for some tables. */
static void substitute(const void *context,
                       UConverterToUnicodeArgs *args,
                       const char *bytes,
                       int32_t n,
                       UConverterCallbackReason reason,
                       UErrorCode *err)
{
    static const UChar replacement = 0xfffd;
    (void)context;
    (void)bytes;
    (void)n;
    if (reason > UCNV_IRREGULAR)
        return;
    *err = U_ZERO_ERROR;
    ucnv_cbToUWriteUChars(args, &replacement, 1, 0, err);
}

/* The name as ICU may see it (no quotes around it, no white space, nothing ICU takes for an option or a
 * path), or the empty string. */
static void clean_name(struct span name, char clean[static NAME_MAX_BYTES])
{
    name = span_trim(name);
    while (name.n > 0 && (name.p[0] == '\'' || name.p[0] == '"'))
        name = span_from(name, 1);
    while (name.n > 0 &&
           (name.p[name.n - 1] == '\'' || name.p[name.n - 1] == '"' || name.p[name.n - 1] == ';'))
        name.n--;
    clean[0] = '\0';
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && (c == '\0' || strchr("-_.:+()", c) == NULL))
            return;
    }
    if (name.n < NAME_MAX_BYTES && name.n > 0) {
        memcpy(clean, name.p, name.n);
        clean[name.n] = '\0';
    }
}

static const char *alias_of(const char *name)
{
    char key[NAME_MAX_BYTES];
    size_t n = 0;
    for (size_t i = 0; name[i] != '\0'; i++)
        if (name[i] != '-' && name[i] != '_')
            key[n++] = ascii_lower(name[i]);
    key[n] = '\0';
    for (size_t i = 0; i < COUNT_OF(aliases); i++)
        if (strcmp(key, aliases[i].name) == 0)
            return aliases[i].means;
    return name;
}

static bool is_in_icus_table(const char *name)
{
    UErrorCode err = U_ZERO_ERROR;
    return ucnv_countAliases(name, &err) > 0 && U_SUCCESS(err);
}

int charset_init(struct charset *c, struct span name)
{
    char clean[NAME_MAX_BYTES];
    *c = (struct charset){.kind = CHARSET_GUESS};
    clean_name(name, clean);
    if (clean[0] == '\0') {
        c->known = span_trim(name).n == 0;
        return 0;
    }
    const char *means = alias_of(clean);
    if (means == GUESS || strcmp(means, "UTF-8") == 0) {
        c->kind = means == GUESS ? CHARSET_GUESS : CHARSET_UTF8;
        c->known = true;
        return 0;
    }
    if (!is_in_icus_table(means))
        return 0;
    UErrorCode err = U_ZERO_ERROR;
    UConverter *converter = ucnv_open(means, &err);
    if (err == U_MEMORY_ALLOCATION_ERROR)
        return ERR_NOMEM;
    if (U_FAILURE(err))
        return 0;
    ucnv_setToUCallBack(converter, substitute, NULL, NULL, NULL, &err);
    c->converter = converter;
    c->kind = CHARSET_ICU;
    c->known = true;
    return 0;
}

void charset_done(struct charset *c)
{
    if (c->converter != NULL)
        ucnv_close(c->converter);
    c->converter = NULL;
}

int charset_to_utf8(struct span name, struct span text, struct buf *out)
{
    struct charset c;
    int err = charset_init(&c, name);
    if (err != 0)
        return err;
    charset_convert(&c, text, true, out);
    charset_done(&c);
    return out->err;
}
