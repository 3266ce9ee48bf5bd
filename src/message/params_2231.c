/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter continuations and charsets (RFC 2231 §3 and §4), read and written.
 *
 * Pieces are put together as bytes before their charset is converted, because real mail cuts between the
 * bytes of one character. The charset is that of the piece that comes first; a value that names none is
 * taken as UTF-8 where it is that.
 */
#include "base/err.h"
#include "base/limits.h"
#include "message/charset.h"
#include "message/params_impl.h"

enum {
    LINE = 76,
    NUMBER_MAX = 999,
    PIECES = LIMIT_MIME_PARAMS / 2, /* written for one value, or a reader would not take all */
};

struct segment segment_of(struct span name)
{
    struct segment p = {.name = name, .number = -1};
    if (name.n > 1 && name.p[name.n - 1] == '*') {
        p.extended = true;
        p.name.n--;
    }
    ssize_t star = span_rchr(p.name, '*');
    uint32_t number;
    if (star > 0 && span_to_u32(span_from(p.name, (size_t)star + 1), &number) &&
        number <= NUMBER_MAX) {
        p.number = (int)number;
        p.name.n = (size_t)star;
    }
    return p;
}

static int digit_of(char c)
{
    char l = ascii_lower(c);
    if (ascii_is_digit(c))
        return c - '0';
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* %HH; a "%" that introduces no byte stays. */
static void percent_decode(struct span s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        bool coded =
            s.p[i] == '%' && i + 2 < s.n && digit_of(s.p[i + 1]) >= 0 && digit_of(s.p[i + 2]) >= 0;
        buf_putc(out, coded ? (char)(digit_of(s.p[i + 1]) << 4 | digit_of(s.p[i + 2])) : s.p[i]);
        i += coded ? 2 : 0;
    }
}

/* charset'language' from the front of the first piece. */
static struct span take_charset(struct span *value)
{
    ssize_t first = span_chr(*value, '\'');
    if (first < 0)
        return SPAN_EMPTY;
    ssize_t second = span_chr(span_from(*value, (size_t)first + 1), '\'');
    if (second < 0)
        return SPAN_EMPTY;
    struct span charset = span_slice(*value, 0, (size_t)first);
    *value = span_from(*value, (size_t)first + (size_t)second + 2);
    return charset;
}

/* The piece `number` of `name`, once. */
static struct segment *piece_take(struct segment *segments, size_t n, struct span name, int number)
{
    for (size_t i = 0; i < n; i++) {
        struct segment *s = &segments[i];
        if (!s->used && s->number == number && span_eq(s->name, name)) {
            s->used = true;
            return s;
        }
    }
    return NULL;
}

/* All pieces from the lowest number there is, without a gap, into `bytes`. */
static void pieces_join(struct segment *segments,
                        size_t n,
                        struct span name,
                        struct buf *bytes,
                        struct mime_param *param,
                        struct span *charset_out)
{
    int number = NUMBER_MAX; /* they may be counted from 1, or the first was lost */
    for (size_t i = 0; i < n; i++)
        if (!segments[i].used && segments[i].number >= 0 && segments[i].number < number &&
            span_eq(segments[i].name, name))
            number = segments[i].number;
    struct segment *piece = piece_take(segments, n, name, number);
    for (bool first = true; piece != NULL; first = false) {
        struct span value = piece->value;
        if (piece->extended) {
            if (first)
                *charset_out = take_charset(&value);
            param->extended = true;
            percent_decode(value, bytes);
        } else {
            buf_put(bytes, value);
        }
        piece = piece_take(segments, n, name, ++number);
    }
}

/* Bytes in a charset to UTF-8 in the arena; empty when memory has run out. */
static struct span to_utf8(struct span charset, struct span bytes, struct arena *a)
{
    struct buf text;
    buf_init(&text, 4 * bytes.n + 16);
    struct span result = SPAN_EMPTY;
    if (charset_to_utf8(charset, bytes, &text) == 0)
        result = arena_dup(a, buf_span(&text));
    buf_done(&text);
    return result;
}

static void param_fill(struct mime_param *param,
                       struct segment *segments,
                       size_t n,
                       struct segment *at,
                       struct arena *a)
{
    struct buf bytes;
    struct span charset = SPAN_EMPTY;
    buf_init(&bytes, LIMIT_MIME_FIELD);
    if (at->number >= 0) {
        pieces_join(segments, n, at->name, &bytes, param, &charset);
    } else {
        struct span value = at->value;
        charset = take_charset(&value);
        percent_decode(value, &bytes);
        param->extended = true;
        at->used = true;
    }
    param->value =
        param->extended ? to_utf8(charset, buf_span(&bytes), a) : arena_dup(a, buf_span(&bytes));
    buf_done(&bytes);
}

struct mime_param *params_join(struct segment *segments, size_t n, struct arena *a)
{
    struct mime_param *first = NULL, **end = &first;
    for (size_t i = 0; i < n; i++) {
        struct segment *s = &segments[i];
        if (s->used)
            continue;
        struct mime_param *param = arena_alloc(a, sizeof(*param));
        if (param == NULL)
            break;
        param->name = s->name;
        param->value = s->value;
        if (s->number >= 0 || s->extended)
            param_fill(param, segments, n, s, a);
        *end = param;
        end = &param->next;
    }
    return first;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* attribute-char, RFC 2231 §7 */
static bool is_attribute_char(char c)
{
    return c > 32 && c < 127 && memchr("*'%()<>@,;:\\\"/[]?=", c, 18) == NULL;
}

static size_t escaped_size(char c)
{
    return is_attribute_char(c) ? 1 : 3;
}

static void escape_byte(char c, struct buf *out)
{
    if (is_attribute_char(c))
        buf_putc(out, c);
    else
        buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
}

void mime_param_escape(struct span value, struct buf *out)
{
    buf_put(out, SPAN("utf-8''"));
    for (size_t i = 0; i < value.n; i++)
        escape_byte(value.p[i], out);
}

/* How many bytes from the front fit into `room`; at least one character, never part of one. */
static size_t piece_size(struct span value, size_t room)
{
    size_t n = 0, used = 0;
    while (n < value.n) {
        struct span rest = span_from(value, n);
        size_t had = rest.n, size = 0;
        (void)utf8_take(&rest);
        had -= rest.n;
        for (size_t i = 0; i < had; i++)
            size += escaped_size(value.p[n + i]);
        if (n > 0 && used + size > room)
            break;
        n += had;
        used += size;
    }
    return n;
}

static void write_pieces(struct span name, struct span value, struct buf *out)
{
    size_t overhead = name.n + sizeof(" *999*=utf-8'';");
    size_t room = overhead + 12 < LINE ? LINE - overhead : 12, total = 0;
    for (size_t i = 0; i < value.n; i++)
        total += escaped_size(value.p[i]);
    if (room < total / PIECES + 12) /* a character has at most 12 */
        room = total / PIECES + 12;
    if (piece_size(value, room) == value.n) {
        buf_printf(out, ";\r\n %.*s*=", SPAN_ARG(name));
        mime_param_escape(value, out);
        return;
    }
    for (unsigned i = 0; value.n > 0; i++) {
        size_t n = piece_size(value, room);
        buf_printf(out, ";\r\n %.*s*%u*=", SPAN_ARG(name), i);
        if (i == 0)
            buf_put(out, SPAN("utf-8''"));
        for (size_t k = 0; k < n; k++)
            escape_byte(value.p[k], out);
        value = span_from(value, n);
    }
}

void mime_param_write(struct span name, struct span value, struct buf *out)
{
    bool token = value.n > 0, quotable = true;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        token = token && c > 32 && c < 127 && memchr("()<>@,;:\\\"/[]?=", c, 15) == NULL;
        quotable = quotable && c >= 32 && c < 127;
    }
    if (!quotable || name.n + value.n + 6 > LINE) {
        write_pieces(name, value, out);
        return;
    }
    buf_printf(out, ";\r\n %.*s=", SPAN_ARG(name));
    if (!token)
        buf_putc(out, '"');
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, value.p[i]);
    }
    if (!token)
        buf_putc(out, '"');
}
