/* SPDX-License-Identifier: Apache-2.0 */
/* How lines and literals become commands (RFC 9051 §2.2.1, §4.3; RFC 7888).
 *
 * A command of one line is run from its unit. A line that ends in a literal is kept in `partial` with the octets
 * that follow and all lines to come, up to LIMIT_IMAP_COMMAND. A client that waits for "+" is refused before it
 * sends what would be refused anyhow: a password without TLS, or more than the limit. One that does not wait has
 * sent it already; its command is read to the end, or, beyond the limit, the connection ends (RFC 7888 §4). */
#include "imap/internal.h"

enum { COMMAND_MODEST = 16 * 1024 };

struct span imap_chomp(struct span unit)
{
    if (span_ends(unit, SPAN("\n")))
        unit.n--;
    if (span_ends(unit, SPAN("\r")))
        unit.n--;
    return unit;
}

void imap_continue(struct imap *i, const char *text)
{
    buf_printf(i->s.out, "+ %s\r\n", text);
}

static size_t command_max(const struct imap *i)
{
    return i->state == IMAP_NOT_AUTHENTICATED ? LIMIT_IMAP_GREETING_LINE : LIMIT_IMAP_COMMAND;
}

/* A literal that does not fit. */
static enum step too_long(struct imap *i, const struct imap_literal *literal)
{
    if (!literal->sync)
        return imap_bye(i, SPAN("TOOBIG"), "The command is too long; closing the connection");
    buf_done(&i->partial);
    i->errors++;
    return imap_no(i, SPAN("TOOBIG"), "The command is too long");
}

static enum step literal_begin(struct imap *i, struct span line, const struct imap_literal *literal)
{
    struct buf *p = &i->partial;
    bool message;
    enum step step = imap_append_literal(i, line, literal, &message);
    if (message)
        return step;
    i->command = NULL;
    if (p->n + line.n + 2 > command_max(i) || literal->size > command_max(i) - p->n - line.n - 2)
        return too_long(i, literal);
    buf_put(p, line);
    buf_puts(p, "\r\n");
    if (p->err != 0) {
        int err = p->err;
        buf_done(p);
        return literal->sync ? imap_no_of(i, err) : imap_bye(i, SPAN("UNAVAILABLE"), err_text(err));
    }
    i->octets_left = literal->size;
    if (literal->size > 0)
        i->busy = IMAP_OCTETS;
    if (literal->sync)
        imap_continue(i, "OK");
    return STEP_DONE;
}

/* The first line of a command that has more. */
static enum step
command_goes_on(struct imap *i, struct span line, const struct imap_literal *literal)
{
    struct span rest = line;
    enum step step;
    int err = imap_command_begin(i, &rest);
    if (literal->sync && (err != 0 || !imap_command_allowed(i, &step)))
        return err != 0 ? imap_bad(i, "The command has no tag") : step;
    return literal_begin(i, line, literal);
}

static enum step whole(struct imap *i, struct span line)
{
    struct buf *p = &i->partial;
    if (p->n == 0)
        return imap_dispatch(i, line);
    if (p->n + line.n > command_max(i)) {
        struct imap_literal none = {.sync = true};
        return too_long(i, &none);
    }
    buf_put(p, line);
    if (p->err != 0)
        return imap_bye(i, SPAN("UNAVAILABLE"), err_text(p->err));
    return imap_dispatch(i, buf_span(p));
}

enum step imap_line(struct imap *i, struct span line)
{
    struct imap_literal literal;
    if (!imap_literal_at_end(line, &literal))
        return whole(i, line);
    return i->partial.n == 0 ? command_goes_on(i, line, &literal)
                             : literal_begin(i, line, &literal);
}

enum step imap_octets(struct imap *i, struct span octets)
{
    must(octets.n <= i->octets_left);
    buf_put(&i->partial, octets);
    /* what all clients together hold is bounded (base/budget.h); those with the longest commands go first */
    if (i->partial.n > COMMAND_MODEST && budget_is_short(i->partial.budget))
        return imap_bye(i, SPAN("UNAVAILABLE"), err_text(ERR_NO_ROOM));
    if (i->partial.err != 0)
        return imap_bye(i, SPAN("UNAVAILABLE"), err_text(i->partial.err));
    i->octets_left -= octets.n;
    if (i->octets_left == 0)
        i->busy = IMAP_READY;
    return STEP_DONE;
}
