/* SPDX-License-Identifier: Apache-2.0 */
/* IDLE (RFC 9051 §6.3.13): the session listens to its client, which says DONE, and to the watch of its mailbox, or to
 * what NOTIFY says. It holds neither thread nor buffer meanwhile. */
#include "imap/internal.h"

static void set_idling(struct imap *i, bool on)
{
    i->idling = on;
    imap_listen(i);
}

enum step imap_cmd_idle(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    imap_continue(i, "idling");
    set_idling(i, true);
    return imap_tell(i);
}

enum step imap_idle_line(struct imap *i, struct span line)
{
    set_idling(i, false);
    i->busy = IMAP_READY;
    if (!span_ieq(line, SPAN("DONE")))
        return imap_bad(i, "Expected DONE");
    return imap_ok(i, SPAN_EMPTY, "Idle no more");
}
