/* SPDX-License-Identifier: Apache-2.0 */
/* quoted-printable (RFC 2045 §6.7).
 *
 * White space (with CR among it) is held back until it is known whether a line ends behind it; a run that
 * is longer than the hold is let go from its front, which no line of 76 characters reaches. A "=" waits
 * in `state` for its two digits or its line end, and white space may stand between it and the line end.
 */
#include "message/transfer_impl.h"

enum { PLAIN, EQUALS, EQUALS_WSP, DIGIT };
enum { LINE = 76 };

static int digit_of(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    char l = ascii_lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static void hold_flush(struct transfer_decoder *d, struct buf *out)
{
    buf_put(out, span_of(d->hold, d->hold_n));
    d->hold_n = 0;
}

static void hold_add(struct transfer_decoder *d, char c, struct buf *out)
{
    if (d->hold_n == sizeof(d->hold)) {
        buf_putc(out, d->hold[0]);
        memmove(d->hold, d->hold + 1, sizeof(d->hold) - 1);
        d->hold_n--;
    }
    d->hold[d->hold_n++] = c;
}

static void line_end(struct transfer_decoder *d, struct buf *out)
{
    bool cr = d->crlf || (d->hold_n > 0 && d->hold[d->hold_n - 1] == '\r');
    d->hold_n = 0;
    if (d->state == PLAIN)
        buf_put(out, cr ? SPAN("\r\n") : SPAN("\n"));
    d->state = PLAIN;
}

/* What waits turns out to be no escape: it stands for itself. */
static void give_up(struct transfer_decoder *d, struct buf *out)
{
    d->bad++;
    buf_putc(out, '=');
    if (d->state == DIGIT)
        buf_putc(out, (char)d->bits);
    d->state = PLAIN;
}

/* The bytes at the front that stand for themselves. */
static size_t plain_run(struct span s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != '=' && s.p[n] != ' ' && s.p[n] != '\n' && s.p[n] != '\r' &&
           s.p[n] != '\t')
        n++;
    return n;
}

static void qp_byte(struct transfer_decoder *d, char c, struct buf *out)
{
    if (c == '\n') {
        if (d->state == DIGIT)
            give_up(d, out);
        line_end(d, out);
        return;
    }
    bool space = c == ' ' || c == '\t' || c == '\r';
    if (d->state == EQUALS && digit_of(c) >= 0) {
        d->state = DIGIT;
        d->bits = (unsigned char)c;
        return;
    }
    if (d->state == DIGIT && digit_of(c) >= 0) {
        buf_putc(out, (char)(digit_of((char)d->bits) << 4 | digit_of(c)));
        d->state = PLAIN;
        return;
    }
    if (space && (d->state == EQUALS || d->state == EQUALS_WSP)) {
        d->state = EQUALS_WSP;
        hold_add(d, c, out);
        return;
    }
    if (d->state != PLAIN)
        give_up(d, out);
    if (space) {
        hold_add(d, c, out);
        return;
    }
    hold_flush(d, out);
    if (c == '=')
        d->state = EQUALS;
    else
        buf_putc(out, c);
}

void transfer_qp(struct transfer_decoder *d, struct span in, struct buf *out)
{
    while (in.n > 0) {
        size_t n = d->state == PLAIN ? plain_run(in) : 0;
        if (n > 0) {
            hold_flush(d, out);
            buf_put(out, span_slice(in, 0, n));
            in = span_from(in, n);
        } else {
            qp_byte(d, in.p[0], out);
            in = span_from(in, 1);
        }
    }
}

void transfer_qp_end(struct transfer_decoder *d, struct buf *out)
{
    if (d->state == DIGIT)
        give_up(d, out);
    d->state = PLAIN;
    d->hold_n = 0;
}

/* ---- encoding ---------------------------------------------------------------------------- */

static size_t line_end_at(struct span in, size_t i)
{
    if (in.p[i] == '\n')
        return 1;
    return in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] == '\n' ? 2 : 0;
}

/* At the beginning of a line: what mbox files quote, and what a careless SMTP client loses. */
static bool is_at_risk(struct span in)
{
    return in.p[0] == '.' || span_starts(in, SPAN("From "));
}

void transfer_encode_qp(struct span in, bool text, struct buf *out)
{
    size_t column = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        size_t end = text ? line_end_at(in, i) : 0;
        if (end > 0) {
            buf_put(out, SPAN("\r\n"));
            column = 0;
            i += end - 1;
            continue;
        }
        bool last = i + 1 == in.n || (text && line_end_at(in, i + 1) > 0);
        bool plain = (c > 32 && c < 127 && c != '=') || ((c == ' ' || c == '\t') && !last);
        if (column + (plain ? 1 : 3) > (size_t)(last ? LINE : LINE - 1)) {
            buf_put(out, SPAN("=\r\n"));
            column = 0;
        }
        plain = plain && (column > 0 || !is_at_risk(span_from(in, i)));
        if (plain)
            buf_putc(out, c);
        else
            buf_printf(out, "=%02X", (unsigned)(unsigned char)c);
        column += plain ? 1 : 3;
    }
}
