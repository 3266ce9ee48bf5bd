/* SPDX-License-Identifier: Apache-2.0 */
/* IDLE (RFC 9051 §6.3.13): the session listens to its client, which says DONE, and to the watch of its mailbox. It
 * holds neither thread nor buffer meanwhile. */
#include "imap/internal.h"

static void set_listening(struct imap *i, bool on)
{
    i->s.wakeable = on;
    if (i->box != NULL)
        __atomic_store_n(&i->box->watch.idling, on, __ATOMIC_SEQ_CST);
}

/* All is told. What was in the arena goes with this step. */
static enum step rest(struct imap *i)
{
    i->busy = IMAP_IDLING;
    i->keywords = NULL;
    i->keywords_n = 0;
    if (!i->closing)
        return STEP_DONE;
    return imap_bye(i, SPAN("UNAVAILABLE"), err_text(ERR_SHUTDOWN));
}

enum step imap_cmd_idle(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    imap_continue(i, "idling");
    set_listening(i, true);
    return imap_sync(i, true, rest);
}

enum step imap_idle_woken(struct imap *i)
{
    return imap_sync(i, true, rest);
}

enum step imap_idle_line(struct imap *i, struct span line)
{
    set_listening(i, false);
    i->busy = IMAP_READY;
    if (!span_ieq(line, SPAN("DONE")))
        return imap_bad(i, "Expected DONE");
    return imap_ok(i, SPAN_EMPTY, "Idle no more");
}
