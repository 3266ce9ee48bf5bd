/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/print.h"

#include <time.h>

/* What a string needs to be sent. */
enum shape { SHAPE_PLAIN, SHAPE_ESCAPED, SHAPE_LITERAL };

static enum shape shape_of(struct span s, unsigned how)
{
    bool escaped = false, ascii = true;
    if (s.n > IMAP_QUOTED_MAX)
        return SHAPE_LITERAL;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\r' || c == '\n')
            return SHAPE_LITERAL;
        escaped |= c == '"' || c == '\\' || c == '\0';
        ascii &= c < 0x80;
    }
    if (!ascii && ((how & IMAP_PRINT_UTF8) == 0 || !span_is_utf8(s)))
        return SHAPE_LITERAL;
    return escaped ? SHAPE_ESCAPED : SHAPE_PLAIN;
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
        buf_printf(out, "{%zu}\r\n", s.n);
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

void imap_print_date(struct buf *out, int64_t wall_ms)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const int64_t first = INT64_C(-62167219200),
                         last = INT64_C(253402300799); /* years 0 to 9999 */
    int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0);
    time_t t = (time_t)(seconds < first ? first : seconds > last ? last : seconds);
    struct tm tm;
    (void)gmtime_r(&t, &tm);
    buf_printf(out, "\"%02d-%s-%04d %02d:%02d:%02d +0000\"", tm.tm_mday, months[tm.tm_mon],
               tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
