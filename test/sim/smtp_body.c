/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of all sizes and shapes that a mail program sends: dots at the beginning of lines, empty
 * lines, 8-bit text, long lines, no end of the last line. */
#include "smtp_mail.h"

static void put_line(struct client *c, struct buf *to)
{
    size_t n = (size_t)client_below(c, client_chance(c, 20) ? 900 : 70);
    unsigned char first = (unsigned char)('a' + client_below(c, 26));
    if (client_chance(c, 6))
        buf_putc(to, '.');
    for (size_t i = 0; i < n; i++)
        buf_putc(to, (char)(i % 11 == 10 ? ' ' : first + i % 3));
    if (client_chance(c, 8))
        buf_puts(to, "\xc3\xbc\xe2\x82\xac");
    if (client_chance(c, 30))
        buf_puts(to, ".\r\n.");
    buf_puts(to, "\r\n");
}

/* Most are small; beyond 128 KiB the store writes a body ahead of its link, beyond 1 MiB in pieces. */
static size_t choose_size(struct client *c)
{
    if (client_chance(c, c->w->plan.large_odds))
        return client_chance(c, 4) ? 1000000 + (size_t)client_below(c, 1400000)
                                   : 120000 + (size_t)client_below(c, 60000);
    return (size_t)client_below(c, client_chance(c, 4) ? 12000 : 1200);
}

void smtp_body_write(struct client *c, struct message *msg, bool may_lack_end)
{
    struct buf *b = &msg->body;
    size_t size = choose_size(c);
    buf_printf(b, "From: <%s>\r\nSubject: number %u\r\n", msg->from, msg->n);
    if (client_chance(c, 2))
        buf_puts(b, "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <x@far.test>\r\n");
    buf_puts(b, "\r\n");
    while (b->n < size)
        put_line(c, b);
    if (may_lack_end && client_chance(c, 4))
        buf_puts(b, "the last line has no end");
    must(b->err == 0);
}
