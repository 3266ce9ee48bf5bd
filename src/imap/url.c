/* SPDX-License-Identifier: Apache-2.0 */
/* The URL is cut at its semicolons: before the first is the mailbox, behind each a parameter, whose order is that of the
 * grammar. What is escaped is decoded when it has been cut. */
#include "imap/url.h"

#include "base/err.h"
#include "base/limits.h"
#include "message/message.h"

/* ---- characters --------------------------------------------------------------------------- */

static int hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 §2: nothing but printable ASCII, and not what delimits a URL. */
static bool is_url_text(struct span s)
{
    for (size_t n = 0; n < s.n; n++)
        if (s.p[n] <= 0x20 || s.p[n] >= 0x7f || memchr("\"<>\\^`{|}", s.p[n], 9) != NULL)
            return false;
    return true;
}

/* RFC 3986 §2.1. No NUL, CR or LF comes out of it. */
static int decode(struct span s, struct arena *a, struct span *out)
{
    size_t n = 0;
    if (span_chr(s, '%') < 0) {
        *out = s;
        return 0;
    }
    char *to = arena_alloc(a, s.n);
    if (to == NULL)
        return arena_err(a);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = s.n - i > 2 ? hex_value(s.p[i + 1]) : -1;
            int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;
            if (low < 0)
                return ERR_INVALID;
            c = (char)(high * 16 + low);
            i += 2;
            if (c == '\0' || c == '\r' || c == '\n')
                return ERR_INVALID;
        }
        to[n++] = c;
    }
    *out = span_of(to, n);
    return span_is_utf8(*out) ? 0 : ERR_INVALID;
}

/* ---- the front ---------------------------------------------------------------------------- */

/* iserver = [iuserinfo "@"] host [ ":" port ] (RFC 5092 §11), up to the slash. */
static int take_server(struct span *rest, struct arena *a, struct imap_url *out)
{
    ssize_t slash = span_chr(*rest, '/');
    if (slash <= 0)
        return ERR_INVALID;
    struct span server = span_slice(*rest, 0, (size_t)slash);
    *rest = span_from(*rest, (size_t)slash);
    ssize_t at = span_rchr(server, '@');
    out->absolute = true;
    out->server = span_from(server, (size_t)(at + 1));
    if (out->server.n == 0)
        return ERR_INVALID;
    if (at < 0)
        return 0;
    struct span user = span_slice(server, 0, (size_t)at);
    return decode(span_split(&user, ';'), a, &out->user); /* ";AUTH=" is for who has to log in */
}

/* enc-mailbox, up to the first semicolon. */
static int take_mailbox(struct span *rest, struct arena *a, struct imap_url *out)
{
    out->rooted = span_skip(rest, SPAN("/"));
    ssize_t end = span_chr(*rest, ';');
    if (end < 0)
        return ERR_INVALID;
    struct span name = span_slice(*rest, 0, (size_t)end);
    *rest = span_from(*rest, (size_t)end);
    if (span_ends(name, SPAN("/")))
        name.n--;
    if (span_chr(name, '?') >= 0 || span_find(name, SPAN("//")) >= 0 ||
        span_starts(name, SPAN("/")))
        return ERR_INVALID;
    return decode(name, a, &out->mailbox);
}

/* ---- parameters --------------------------------------------------------------------------- */

static bool read_nz_number(struct span text, uint32_t *out)
{
    return span_to_u32(text, out) && *out > 0;
}

/* partial-range = number ["." nz-number] */
static bool read_partial(struct span text, struct imap_url *out)
{
    bool counted = span_chr(text, '.') >= 0;
    out->partial = true;
    return span_to_u64(span_split(&text, '.'), &out->from) &&
           (!counted || (span_to_u64(text, &out->count) && out->count > 0)) &&
           out->from <= INT64_MAX && out->count <= INT64_MAX;
}

static bool take_digits(struct span *s, size_t n, uint32_t *out)
{
    struct span digits;
    return span_take(s, n, &digits) && span_to_u32(digits, out);
}

/* RFC 3339 §5.6 date-time: 2026-11-30T20:45:00Z. */
static int read_expire(struct span text, struct arena *a, struct imap_url *out)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint32_t year, month, day, hour, minute, second, zone_hour = 0, zone_minute = 0;
    char sign = '+';
    if (!take_digits(&text, 4, &year) || !span_skip(&text, SPAN("-")) ||
        !take_digits(&text, 2, &month) || !span_skip(&text, SPAN("-")) ||
        !take_digits(&text, 2, &day) || !span_iskip(&text, SPAN("T")) ||
        !take_digits(&text, 2, &hour) || !span_skip(&text, SPAN(":")) ||
        !take_digits(&text, 2, &minute) || !span_skip(&text, SPAN(":")) ||
        !take_digits(&text, 2, &second) || month < 1 || month > 12)
        return ERR_INVALID;
    if (span_skip(&text, SPAN("."))) {
        size_t n = 0;
        while (n < text.n && ascii_is_digit(text.p[n]))
            n++;
        if (n == 0)
            return ERR_INVALID;
        text = span_from(text, n);
    }
    if (!span_iskip(&text, SPAN("Z"))) {
        sign = text.n > 0 ? text.p[0] : '\0';
        text = span_from(text, 1);
        if ((sign != '+' && sign != '-') || !take_digits(&text, 2, &zone_hour) ||
            !span_skip(&text, SPAN(":")) || !take_digits(&text, 2, &zone_minute))
            return ERR_INVALID;
    }
    if (text.n > 0)
        return ERR_INVALID;
    struct span date =
        arena_printf(a, "%u %s %04u %02u:%02u:%02u %c%02u%02u", day, months[month - 1], year, hour,
                     minute, second, sign, zone_hour, zone_minute);
    out->expires = true;
    return date.p == NULL ? arena_err(a) : date_parse(date, &out->expire_ms);
}

static bool is_mechanism(struct span s)
{
    for (size_t n = 0; n < s.n; n++)
        if (!ascii_is_alpha(s.p[n]) && !ascii_is_digit(s.p[n]) && s.p[n] != '-' && s.p[n] != '.')
            return false;
    return s.n > 0;
}

static bool is_access(struct span s)
{
    return span_ieq(s, SPAN("anonymous")) || span_ieq(s, SPAN("authuser")) ||
           ((span_iskip(&s, SPAN("user+")) || span_iskip(&s, SPAN("submit+"))) && s.n > 0);
}

/* access [":" mechanism ":" token] */
static int read_urlauth(struct span text, struct arena *a, struct imap_url *out)
{
    bool rump = span_chr(text, ':') < 0;
    struct span access = span_split(&text, ':');
    int err = decode(access, a, &out->access);
    if (err != 0)
        return err;
    if (!is_access(out->access))
        return ERR_INVALID;
    if (rump)
        return 0;
    out->mechanism = span_split(&text, ':');
    out->token = text;
    for (size_t n = 0; n < text.n; n++)
        if (hex_value(text.p[n]) < 0)
            return ERR_INVALID;
    return is_mechanism(out->mechanism) && text.n >= 32 ? 0 : ERR_INVALID;
}

enum parameter { UIDVALIDITY, UID, SECTION, PARTIAL, EXPIRE, URLAUTH, PARAMETERS };

static int
read_parameter(enum parameter which, struct span value, struct arena *a, struct imap_url *out)
{
    switch (which) {
    case UIDVALIDITY: return read_nz_number(value, &out->uidvalidity) ? 0 : ERR_INVALID;
    case UID: return read_nz_number(value, &out->uid) ? 0 : ERR_INVALID;
    case SECTION: return value.n > 0 ? decode(value, a, &out->section) : ERR_INVALID;
    case PARTIAL: return read_partial(value, out) ? 0 : ERR_INVALID;
    case EXPIRE: return read_expire(value, a, out);
    case URLAUTH: return read_urlauth(value, a, out);
    case PARAMETERS: break;
    }
    return ERR_INVALID;
}

/* `rest` begins with a semicolon. A parameter of the path ends in a slash when another follows (RFC 5092 §11: "/;UID="). */
static int
take_parameter(struct span *rest, enum parameter *next, struct arena *a, struct imap_url *out)
{
    static const char *const names[] = {
        "UIDVALIDITY=", "UID=", "SECTION=", "PARTIAL=", "EXPIRE=", "URLAUTH="};
    struct span value = span_from(*rest, 1);
    ssize_t end = span_chr(value, ';');
    *rest = span_from(value, end < 0 ? value.n : (size_t)end);
    value = span_slice(value, 0, value.n - rest->n);
    for (enum parameter which = *next; which < PARAMETERS; which++) {
        if (!span_iskip(&value, span_str(names[which])))
            continue;
        if (rest->n > 0 && span_ends(value, SPAN("/")))
            value.n--;
        *next = which + 1;
        return read_parameter(which, value, a, out);
    }
    return ERR_INVALID;
}

int imap_url_parse(struct span text, struct arena *a, struct imap_url *out)
{
    struct imap_url url = {.rump = text};
    struct span rest = text;
    enum parameter next = UIDVALIDITY;
    int err = 0;
    if (text.n > LIMIT_IMAP_URL || !is_url_text(text))
        return ERR_INVALID;
    if (span_iskip(&rest, SPAN("imap://")) || span_skip(&rest, SPAN("//")))
        err = take_server(&rest, a, &url);
    if (err == 0)
        err = take_mailbox(&rest, a, &url);
    while (err == 0 && rest.n > 0)
        err = take_parameter(&rest, &next, a, &url);
    if (err == 0 && (url.uid == 0 || (url.absolute && url.mailbox.n == 0)))
        err = ERR_INVALID;
    if (err != 0)
        return err;
    if (url.mechanism.n > 0)
        url.rump.n -= 1 + url.mechanism.n + 1 + url.token.n;
    *out = url;
    return 0;
}
