/* SPDX-License-Identifier: Apache-2.0 */
/* What the flight recorder gets to know of IMAP. The same command with the same arguments of the same account is
 * the same unit, in whatever mailbox; before a login it is that from the same address. */
#include "imap/internal.h"

#include "base/flight.h"

static int go(struct imap *i, const char *what, struct span rest)
{
    flight_begin(FLIGHT_IMAP, i->s.peer);
    flight_key(span_str(what));
    if (i->state != IMAP_NOT_AUTHENTICATED) {
        flight_key_u64(i->account);
        flight_show(span_str(i->address));
    } else {
        flight_key(span_of(i->s.peer.b, sizeof i->s.peer.b));
    }
    if (i->box != NULL)
        flight_key_u64(i->box->id.v);
    flight_key(rest);
    flight_show(SPAN(": "));
    flight_show(i->uid ? SPAN("UID ") : SPAN_EMPTY);
    flight_show(span_str(what));
    flight_show(SPAN(" "));
    flight_show(rest);
    return flight_go();
}

int imap_unit_command(struct imap *i, struct span args)
{
    bool secret = (i->command->flags & IMAP_SECRET) != 0;
    return go(i, i->command->name, secret ? SPAN_EMPTY : args);
}

int imap_unit_more(struct imap *i, const char *what)
{
    return go(i, what, SPAN_EMPTY);
}

int imap_unit_message(struct imap *i, uint64_t account, const struct mail_item *m)
{
    char text[64];
    int n = snprintf(text, sizeof text, ": message %llu (UID %u)", (unsigned long long)m->message.v,
                     m->uid.v);
    flight_begin(FLIGHT_IMAP, i->s.peer);
    flight_key(SPAN("message of an account"));
    flight_key_u64(account);
    flight_key_u64(m->message.v);
    flight_show(span_str(i->address));
    flight_show(span_of(text, (size_t)n));
    return flight_go();
}

int imap_unit_body(struct imap *i, struct span body)
{
    enum { HEAD = 2048, TAIL = 256 };
    char text[32];
    int n = snprintf(text, sizeof text, ": APPEND of %zu bytes", body.n);
    flight_begin(FLIGHT_IMAP, i->s.peer);
    flight_key(SPAN("message"));
    flight_key_u64(body.n);
    flight_key(span_slice(body, 0, HEAD));
    flight_key(span_from(body, body.n < TAIL ? 0 : body.n - TAIL));
    flight_show(span_str(i->address));
    flight_show(span_of(text, (size_t)n));
    return flight_go();
}
