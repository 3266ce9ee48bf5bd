/* SPDX-License-Identifier: Apache-2.0 */
/* What the flight recorder gets to know of SMTP, and what makes two units the same:
 *
 *   a line      the same words from the same address, in the same transaction. With the address,
 *               because a crash at RSET is no reason to refuse RSET to everybody
 *   content     on its way in, whatever piece: the transaction's sender, first recipient and size
 *   a message   its size and its bytes at both ends, whoever sends it: a queue tries again from
 *               another address, and may have split the recipients
 *
 * Nothing of a login is kept but that there was one. */
#include "smtp/internal.h"

#include "base/flight.h"

enum { MESSAGE_HEAD = 2048, MESSAGE_TAIL = 512 };

static void key_peer(const struct smtp *s)
{
    flight_key(span_of(s->s.peer.b, sizeof s->s.peer.b));
}

static struct span first_recipient(const struct smtp *s)
{
    return s->envelope.n > 0 ? s->envelope.rcpts[0].address : SPAN_EMPTY;
}

static void key_envelope(const struct smtp *s)
{
    flight_key(s->envelope.from);
    flight_key(first_recipient(s));
    flight_key_u64(s->envelope.size);
}

static void show_envelope(const struct smtp *s)
{
    char rest[64];
    int n =
        snprintf(rest, sizeof rest, "> rcpts=%zu size=%llu", s->envelope.n,
                 (unsigned long long)(s->body.received > 0 ? s->body.received : s->envelope.size));
    flight_show(SPAN("from=<"));
    flight_show(span_slice(s->envelope.from, 0, LIMIT_ADDRESS / 3));
    flight_show(SPAN("> to=<"));
    flight_show(span_slice(first_recipient(s), 0, LIMIT_ADDRESS / 3));
    flight_show(span_of(rest, (size_t)n));
}

int smtp_unit_line(struct smtp *s, struct span unit)
{
    struct span line = span_trim(unit), rest = line;
    struct span verb = span_split(&rest, ' ');
    if (s->input == IN_AUTH || span_ieq(span_trim(verb), SPAN("AUTH")))
        line = SPAN("AUTH (the rest is not kept)");
    else if (s->input == IN_LONG_LINE || !smtp_is_verb(span_trim(verb)))
        line = SPAN("(no command)"); /* it may be a password at the wrong time */
    flight_begin(FLIGHT_SMTP_LINE, s->s.peer);
    key_peer(s);
    flight_key(line);
    flight_show(line);
    if (s->envelope.arena != NULL) {
        key_envelope(s);
        flight_show(SPAN("; "));
        show_envelope(s);
    }
    return flight_go();
}

int smtp_unit_woken(struct smtp *s)
{
    flight_begin(FLIGHT_SMTP_LINE, s->s.peer);
    key_peer(s);
    flight_key(SPAN("AUTH, verified"));
    flight_show(SPAN("AUTH, after the password was verified"));
    return flight_go();
}

int smtp_unit_content(struct smtp *s)
{
    flight_begin(FLIGHT_SMTP_CONTENT, s->s.peer);
    key_envelope(s);
    show_envelope(s);
    return flight_go();
}

int smtp_unit_message(struct smtp *s, struct span message)
{
    size_t tail = message.n < MESSAGE_TAIL ? message.n : MESSAGE_TAIL;
    flight_begin(FLIGHT_SMTP_MESSAGE, s->s.peer);
    flight_key_u64(message.n);
    flight_key(span_slice(message, 0, MESSAGE_HEAD));
    flight_key(span_from(message, message.n - tail));
    show_envelope(s);
    return flight_go();
}
