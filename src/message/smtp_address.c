/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes as SMTP writes them: RFC 5321 §4.1.2 and §4.1.3 with the UTF-8 of RFC 6531 §3.3.
 *
 * One function a grammar rule; each takes from the front of a span and says how much, 0 for "not
 * this rule". Three things are wider than the grammar, because mail people want depends on them
 * and no harm can come of it: dots may stand together or at the end of a local part (a large mobile
 * carrier handed such addresses out), labels of a domain may hold "_", and a local part may be
 * longer than 64 bytes as long as the whole address keeps to LIMIT_ADDRESS (return addresses of
 * list servers are; §4.5.3.1 asks not to impose its limits where one need not).
 */
#include "base/err.h"
#include "base/ip.h"
#include "base/limits.h"
#include "message/message.h"

/* atext, RFC 5322 §3.2.3; RFC 6531 adds UTF8-non-ascii (its well-formedness is checked once, for
 * the whole address). */
static bool is_atext(char c)
{
    static const char others[] = "!#$%&'*+-/=?^_`{|}~";
    if ((unsigned char)c >= 0x80 || ascii_is_alpha(c) || ascii_is_digit(c))
        return true;
    return c != '\0' && memchr(others, c, sizeof(others) - 1) != NULL;
}

/* Let-dig / "-" of §4.1.2, "_" (see above), and the UTF-8 of a U-label. */
static bool is_label_char(char c)
{
    return (unsigned char)c >= 0x80 || ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' ||
           c == '_';
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE */
static size_t take_quoted(struct span in)
{
    if (in.n == 0 || in.p[0] != '"')
        return 0;
    for (size_t i = 1; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if (c == '"')
            return i + 1;
        if (c == '\\' && ++i == in.n)
            return 0;
        c = (unsigned char)in.p[i];
        if (c < 32 || c == 127) /* qtextSMTP and quoted-pairSMTP: no control characters */
            return 0;
    }
    return 0;
}

/* Dot-string = Atom *("." Atom) */
static size_t take_dot_string(struct span in)
{
    size_t n = 0;
    if (in.n > 0 && in.p[0] == '.')
        return 0;
    while (n < in.n && (is_atext(in.p[n]) || in.p[n] == '.'))
        n++;
    return n;
}

/* Domain = sub-domain *("." sub-domain); sub-domain = Let-dig [Ldh-str] */
static size_t take_domain(struct span in)
{
    size_t n = 0;
    for (;;) {
        size_t label = 0;
        while (n + label < in.n && is_label_char(in.p[n + label]))
            label++;
        if (label == 0 || label > 63 || in.p[n] == '-' || in.p[n + label - 1] == '-')
            return 0;
        n += label;
        if (n == in.n || in.p[n] != '.')
            return n;
        n++;
    }
}

/* address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]" of §4.1.3. Other tags must be registered by a
 * standards-track RFC; there is none, so they are refused. */
static size_t take_literal(struct span in)
{
    ssize_t end = in.n > 0 && in.p[0] == '[' ? span_chr(in, ']') : -1;
    if (end < 0)
        return 0;
    struct span inside = span_slice(in, 1, (size_t)end - 1);
    struct ip ip;
    bool six = span_iskip(&inside, SPAN("IPv6:"));
    if (!ip_parse(inside, &ip) || six != (span_chr(inside, ':') >= 0))
        return 0;
    return (size_t)end + 1;
}

/* A-d-l ":" of the old source routes, which are to be accepted and ignored (§4.1.1.3, appendix C).
 */
static size_t take_route(struct span in)
{
    size_t at = 0;
    while (at < in.n && in.p[at] == '@') {
        size_t n = take_domain(span_from(in, at + 1));
        if (n == 0)
            return 0;
        at += 1 + n;
        if (at < in.n && in.p[at] == ':')
            return at + 1;
        if (at == in.n || in.p[at] != ',')
            return 0;
        at++;
    }
    return 0;
}

ssize_t smtp_address_parse(struct span in, struct smtp_address *out)
{
    size_t route = take_route(in);
    struct span rest = span_from(in, route);
    size_t local = take_quoted(rest);
    if (local == 0)
        local = take_dot_string(rest);
    if (local == 0)
        return ERR_BAD_ADDRESS;
    struct smtp_address a = {.local = span_slice(rest, 0, local)};
    size_t n = local;
    if (n < rest.n && rest.p[n] == '@') {
        struct span host = span_from(rest, n + 1);
        size_t domain = take_literal(host);
        a.literal = domain > 0;
        if (domain == 0)
            domain = take_domain(host);
        if (domain == 0 || domain > LIMIT_DOMAIN)
            return ERR_BAD_ADDRESS;
        a.domain = span_slice(host, 0, domain);
        n += 1 + domain;
    }
    struct span whole = span_slice(rest, 0, n);
    if (n > LIMIT_ADDRESS || !span_is_utf8(whole))
        return ERR_BAD_ADDRESS;
    a.utf8 = !span_is_ascii(whole);
    *out = a;
    return (ssize_t)(route + n);
}
