/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that a server adds on top of a message: Return-Path and Received (RFC 5321 §4.4), and
 * on submission Date and Message-ID where the mail program left them out (RFC 6409 §8). */
#include "smtp/internal.h"

/* "with": RFC 3848 and RFC 6531 §4.3. */
static void protocol_print(const struct smtp *s, struct buf *out)
{
    if (!s->esmtp) {
        buf_puts(out, "SMTP");
        return;
    }
    buf_puts(out, s->envelope.utf8 ? "UTF8SMTP" : "ESMTP");
    if (s->s.tls.on)
        buf_putc(out, 'S');
    if (s->login != NULL)
        buf_putc(out, 'A');
}

static void received_print(const struct smtp *s, const struct smtp_trace *t, struct buf *out)
{
    char ip[46];
    int64_t now = s->server->clock->wall_ms(s->server->clock);
    buf_printf(out, "Received: from %s ([%s", s->helo, ip_is_v4(s->s.peer) ? "" : "IPv6:");
    buf_put(out, ip_text(s->s.peer, ip));
    buf_printf(out, "])\r\n\tby %s with ", s->server->config->hostname);
    protocol_print(s, out);
    buf_printf(out, " id %s", s->mid);
    if (s->s.tls.on)
        buf_printf(out, "\r\n\t(%s %s, %d bits)", s->s.tls.version, s->s.tls.cipher, s->s.tls.bits);
    if (t->recipient.n > 0) {
        buf_puts(out, "\r\n\tfor <");
        buf_put(out, t->recipient);
        buf_putc(out, '>');
    }
    buf_puts(out, ";\r\n\t");
    date_print(out, now);
    buf_puts(out, "\r\n");
}

void smtp_trace_print(struct smtp *s, const struct smtp_trace *t, struct buf *out)
{
    int64_t now = s->server->clock->wall_ms(s->server->clock);
    buf_puts(out, "Return-Path: <");
    buf_put(out, t->from);
    buf_puts(out, ">\r\n");
    received_print(s, t, out);
    if (t->add_date) {
        buf_puts(out, "Date: ");
        date_print(out, now);
        buf_puts(out, "\r\n");
    }
    if (t->add_message_id) {
        buf_puts(out, "Message-ID: ");
        message_id_print(out, now, s->server->rng, span_str(s->server->config->hostname));
        buf_puts(out, "\r\n");
    }
    if (t->add_empty_line)
        buf_puts(out, "\r\n");
}
