/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/print.h"

/* RFC 9051 §7.5.2: (name route mailbox host). A host that is NIL means a group, so that of an address without
 * one is the empty string, and so is a mailbox that is missing. */
static void print_address(struct buf *out, const struct mail_address *m, unsigned how)
{
    if (m->kind == ADDRESS_GROUP_END) {
        buf_puts(out, "(NIL NIL NIL NIL)");
        return;
    }
    if (m->kind == ADDRESS_GROUP) {
        buf_puts(out, "(NIL NIL ");
        imap_print_string(out, m->name, how);
        buf_puts(out, " NIL)");
        return;
    }
    buf_putc(out, '(');
    imap_print_nstring(out, m->name, how);
    buf_putc(out, ' ');
    imap_print_nstring(out, m->route, how);
    buf_putc(out, ' ');
    imap_print_string(out, m->local, how);
    buf_putc(out, ' ');
    imap_print_string(out, m->domain, how);
    buf_putc(out, ')');
}

static void print_addresses(struct buf *out, const struct mail_address *list, unsigned how)
{
    buf_putc(out, ' ');
    if (list == NULL) {
        buf_puts(out, "NIL");
        return;
    }
    buf_putc(out, '(');
    for (; list != NULL && out->err == 0; list = list->next)
        print_address(out, list, how);
    buf_putc(out, ')');
}

void imap_print_envelope(struct buf *out, const struct message_envelope *e, unsigned how)
{
    buf_putc(out, '(');
    imap_print_nstring(out, e->date, how);
    buf_putc(out, ' ');
    imap_print_nstring(out, e->subject, how);
    print_addresses(out, e->from, how);
    /* absent or empty: the server says that From is meant */
    print_addresses(out, e->sender != NULL ? e->sender : e->from, how);
    print_addresses(out, e->reply_to != NULL ? e->reply_to : e->from, how);
    print_addresses(out, e->to, how);
    print_addresses(out, e->cc, how);
    print_addresses(out, e->bcc, how);
    buf_putc(out, ' ');
    imap_print_nstring(out, e->in_reply_to, how);
    buf_putc(out, ' ');
    imap_print_nstring(out, e->message_id, how);
    buf_putc(out, ')');
}
