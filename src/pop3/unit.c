/* SPDX-License-Identifier: Apache-2.0 */
/* What the flight recorder gets to know of POP3. The same command of the same account is the same
 * unit, with the message it is about by its UID: its number changes from session to session. Before
 * a login it is the same command for the same user from the same address. */
#include "pop3/internal.h"

#include "base/flight.h"

/* The UID of the message that `rest` begins with the number of; 0: it does not. */
static uint64_t uid_of(const struct pop3 *p, struct span rest)
{
    uint64_t number;
    if (p->state != POP3_TRANSACTION || !span_to_u64(span_split(&rest, ' '), &number))
        return 0;
    return number > 0 && number <= p->view.n ? p->view.v[number - 1].uid.v : 0;
}

static int go(struct pop3 *p, struct span rest)
{
    flight_begin(FLIGHT_POP3, p->s.peer);
    flight_key(span_str(p->unit_name));
    if (p->state == POP3_TRANSACTION) {
        flight_key_u64(p->account);
        flight_show(span_str(p->address));
    } else {
        flight_key(span_of(p->s.peer.b, sizeof p->s.peer.b));
        flight_key(span_str(p->user));
        flight_show(span_slice(span_str(p->user), 0, LIMIT_ADDRESS / 2));
    }
    flight_key_u64(p->unit_uid);
    if (p->unit_uid == 0)
        flight_key(rest);
    flight_show(SPAN(": "));
    flight_show(span_str(p->unit_name));
    flight_show(SPAN(" "));
    flight_show(rest);
    if (p->unit_uid != 0) {
        char uid[32];
        int n = snprintf(uid, sizeof uid, " (UID %llu)", (unsigned long long)p->unit_uid);
        flight_show(span_of(uid, (size_t)n));
    }
    return flight_go();
}

int pop3_unit_line(struct pop3 *p, struct span unit)
{
    struct span rest = span_trim(unit);
    const struct pop3_command *c = pop3_command_find(span_split(&rest, ' '));
    p->unit_name = p->busy == POP3_SASL ? "AUTH" : c != NULL ? c->name : "(no command)";
    /* no passwords, and nothing that may be one at the wrong time */
    if (p->busy == POP3_SASL || c == NULL || c->run == pop3_cmd_pass || c->run == pop3_cmd_auth)
        rest = SPAN_EMPTY;
    p->unit_uid = uid_of(p, rest);
    return go(p, rest);
}

int pop3_unit_more(struct pop3 *p)
{
    return go(p, SPAN_EMPTY);
}

int pop3_unit_login(struct pop3 *p, struct span address)
{
    flight_begin(FLIGHT_POP3, p->s.peer);
    flight_key(SPAN("login"));
    flight_key_u64(p->account);
    flight_show(address);
    flight_show(SPAN(": opening the mailbox"));
    return flight_go();
}

enum step pop3_unit_refused(struct pop3 *p, int err)
{
    bool ends = p->state != POP3_TRANSACTION || strcmp(p->unit_name, "QUIT") == 0;
    pop3_err_of(p, err);
    return ends ? STEP_CLOSE : STEP_DONE; /* the other messages can be fetched */
}
