/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/print.h"

#include <time.h>

/* What a string needs to be sent. */
enum shape { SHAPE_PLAIN, SHAPE_ESCAPED, SHAPE_LITERAL };

enum { IN_LITERAL = 1, IN_ESCAPES = 2, EIGHT_BITS = 4 };

/* What an octet asks of the string that has it; most ask nothing. */
static const uint8_t octets[256] = {
    ['\0'] = IN_ESCAPES, ['\r'] = IN_LITERAL, ['\n'] = IN_LITERAL,
    ['"'] = IN_ESCAPES,  ['\\'] = IN_ESCAPES, [0x80 ... 0xff] = EIGHT_BITS,
};

static enum shape shape_of(struct span s, unsigned how)
{
    unsigned asked = 0;
    if (s.n > IMAP_QUOTED_MAX)
        return SHAPE_LITERAL;
    for (size_t i = 0; i < s.n; i++)
        asked |= octets[(unsigned char)s.p[i]];
    if ((asked & IN_LITERAL) != 0)
        return SHAPE_LITERAL;
    if ((asked & EIGHT_BITS) != 0 && ((how & IMAP_PRINT_UTF8) == 0 || !span_is_utf8(s)))
        return SHAPE_LITERAL;
    return (asked & IN_ESCAPES) != 0 ? SHAPE_ESCAPED : SHAPE_PLAIN;
}

/* §9: CHAR and CHAR8 are any octet but NUL. */
static void put_without_nul(struct buf *out, struct span s)
{
    while (s.n > 0) {
        ssize_t nul = span_chr(s, '\0');
        buf_put(out, nul < 0 ? s : span_slice(s, 0, (size_t)nul));
        if (nul < 0)
            return;
        buf_putc(out, '?');
        s = span_from(s, (size_t)nul + 1);
    }
}

static void put_escaped(struct buf *out, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '\0' ? '?' : s.p[i];
        if (c == '"' || c == '\\')
            buf_putc(out, '\\');
        buf_putc(out, c);
    }
}

void imap_print_string(struct buf *out, struct span s, unsigned how)
{
    enum shape shape = shape_of(s, how);
    if (shape == SHAPE_LITERAL) {
        buf_putc(out, '{');
        buf_put_u64(out, s.n);
        buf_puts(out, "}\r\n");
        put_without_nul(out, s);
        return;
    }
    buf_putc(out, '"');
    if (shape == SHAPE_ESCAPED)
        put_escaped(out, s);
    else
        buf_put(out, s);
    buf_putc(out, '"');
}

void imap_print_nstring(struct buf *out, struct span s, unsigned how)
{
    if (s.p == NULL)
        buf_puts(out, "NIL");
    else
        imap_print_string(out, s, how);
}

static void put_digits(char *to, size_t n, int v)
{
    for (; n > 0; v /= 10)
        to[--n] = (char)('0' + v % 10);
}

void imap_print_date(struct buf *out, int64_t wall_ms)
{
    char text[] = "\"dd-mon-yyyy hh:mm:ss +0000\"";
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const int64_t first = INT64_C(-62167219200),
                         last = INT64_C(253402300799); /* years 0 to 9999 */
    int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0);
    time_t t = (time_t)(seconds < first ? first : seconds > last ? last : seconds);
    struct tm tm;
    (void)gmtime_r(&t, &tm);
    put_digits(text + 1, 2, tm.tm_mday);
    memcpy(text + 4, months[tm.tm_mon], 3);
    put_digits(text + 8, 4, tm.tm_year + 1900);
    put_digits(text + 13, 2, tm.tm_hour);
    put_digits(text + 16, 2, tm.tm_min);
    put_digits(text + 19, 2, tm.tm_sec);
    buf_put(out, span_of(text, sizeof(text) - 1));
}
