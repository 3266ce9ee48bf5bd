/* SPDX-License-Identifier: Apache-2.0 */
/* base64 and hex are libsodium's: strict about padding and trailing bits, and their time does not
 * depend on the bytes, which are often passwords. Encoding goes through a small piece at a time so
 * that its NUL never needs room in the buffer. */
#include "base/encode.h"
#include "base/err.h"

#include <sodium.h>

enum { PIECE = 48 }; /* bytes; a multiple of 3, so that only the last piece is padded */

void base64_encode(struct buf *out, struct span in)
{
    char text[sodium_base64_ENCODED_LEN(PIECE, sodium_base64_VARIANT_ORIGINAL)];
    while (in.n > 0) {
        struct span piece = span_slice(in, 0, PIECE);
        sodium_bin2base64(text, sizeof text, (const unsigned char *)piece.p, piece.n,
                          sodium_base64_VARIANT_ORIGINAL);
        buf_put(out, span_str(text));
        in = span_from(in, PIECE);
    }
    sodium_memzero(text, sizeof text);
}

int base64_decode(struct buf *out, struct span in)
{
    if (in.n == 0)
        return out->err;
    /* libsodium 1.0.18 takes bytes above 0x7f for "+" or "/" */
    if (in.n % 4 != 0 || !span_is_ascii(in))
        return ERR_INVALID;
    size_t n = in.n / 4 * 3 - (in.p[in.n - 1] == '=') - (in.p[in.n - 2] == '=');
    char *to = buf_room(out, n);
    if (to == NULL)
        return out->err;
    size_t got;
    if (sodium_base642bin((unsigned char *)to, n, in.p, in.n, NULL, &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return ERR_INVALID;
    buf_added(out, got);
    return 0;
}

void hex_encode(struct buf *out, struct span in)
{
    char text[2 * PIECE + 1];
    while (in.n > 0) {
        struct span piece = span_slice(in, 0, PIECE);
        sodium_bin2hex(text, sizeof text, (const unsigned char *)piece.p, piece.n);
        buf_put(out, span_str(text));
        in = span_from(in, PIECE);
    }
    sodium_memzero(text, sizeof text);
}

int hex_decode(struct buf *out, struct span in)
{
    if (in.n == 0)
        return out->err;
    if (in.n % 2 != 0)
        return ERR_INVALID;
    char *to = buf_room(out, in.n / 2);
    if (to == NULL)
        return out->err;
    size_t got;
    if (sodium_hex2bin((unsigned char *)to, in.n / 2, in.p, in.n, NULL, &got, NULL) != 0)
        return ERR_INVALID;
    buf_added(out, got);
    return 0;
}

/* RFC 3461 §4: xchar is any ASCII character between "!" and "~" except "+" and "=". */
static bool is_xchar(char c)
{
    return c >= '!' && c <= '~' && c != '+' && c != '=';
}

void xtext_encode(struct buf *out, struct span in)
{
    for (size_t i = 0; i < in.n; i++) {
        if (is_xchar(in.p[i]))
            buf_putc(out, in.p[i]);
        else
            buf_printf(out, "+%02X", (unsigned)(unsigned char)in.p[i]);
    }
}

/* hexchar takes upper case only (same section). -1 for anything else. */
static int upper_hex(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int xtext_decode(struct buf *out, struct span in)
{
    size_t before = out->n;
    for (size_t i = 0; i < in.n; i++) {
        if (is_xchar(in.p[i])) {
            buf_putc(out, in.p[i]);
            continue;
        }
        int high = in.p[i] == '+' && in.n - i > 2 ? upper_hex(in.p[i + 1]) : -1;
        int low = high < 0 ? -1 : upper_hex(in.p[i + 2]);
        if (low < 0) {
            buf_truncate(out, before);
            return ERR_INVALID;
        }
        buf_putc(out, (char)(high * 16 + low));
        i += 2;
    }
    return out->err;
}

/* `digits` of n, and what stands behind them. */
static char *put_number(char *to, int64_t n, int digits, char behind)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + n % 10);
        n /= 10;
    }
    to[digits] = behind;
    return to + digits + 1;
}

/* The Gregorian calendar, counted in years that begin in March, so that the leap day is their last. libc's gmtime_r
 * takes a lock that all threads share, for time zones that UTC has not. */
static char *put_date(char *to, int64_t days_since_1970)
{
    enum { DAYS_400 = 146097, DAYS_TO_1970 = 719468 /* since 0000-03-01 */ };
    int64_t days = days_since_1970 + DAYS_TO_1970; /* of years from 1000 on: not negative */
    int64_t in_era = days % DAYS_400;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / (DAYS_400 - 1)) / 365;
    int64_t day = in_era - (365 * year + year / 4 - year / 100);
    int64_t month =
        (5 * day + 2) / 153; /* March is 0; 153 days are five months from March or August on */
    bool next_year = month >= 10;
    to = put_number(to, days / DAYS_400 * 400 + year + next_year, 4, '-');
    to = put_number(to, next_year ? month - 9 : month + 3, 2, '-');
    return put_number(to, day - (153 * month + 2) / 5 + 1, 2, 'T');
}

struct span time_rfc3339_text(int64_t wall_ms, char store[static TIME_RFC3339_SIZE])
{
    /* the years of four digits, which is what the format can say */
    const int64_t first = -30610224000000, last = 253402300799999, day_ms = 86400000;
    int64_t ms = wall_ms < first ? first : wall_ms > last ? last : wall_ms;
    int64_t in_day = (ms % day_ms + day_ms) % day_ms;
    char *to = put_date(store, (ms - in_day) / day_ms);
    to = put_number(to, in_day / 3600000, 2, ':');
    to = put_number(to, in_day / 60000 % 60, 2, ':');
    to = put_number(to, in_day / 1000 % 60, 2, '.');
    to = put_number(to, in_day % 1000, 3, 'Z');
    *to = '\0';
    return span_of(store, (size_t)(to - store));
}

void time_rfc3339(struct buf *out, int64_t wall_ms)
{
    char store[TIME_RFC3339_SIZE];
    buf_put(out, time_rfc3339_text(wall_ms, store));
}
