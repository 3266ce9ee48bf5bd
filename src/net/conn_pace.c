/* SPDX-License-Identifier: Apache-2.0 */
/* Readers that are too slow. Whoever makes us answer has to take the answer: at least `read_rate`
 * bytes a second, counted over windows of `pace_ms` (`close_ms` for the last words of a session), so
 * that a train that goes through a tunnel is forgiven and a byte now and then is not.
 *
 * The window outlives the pieces that a long answer is made of (DRAIN, RUN, DRAIN, …) and ends when
 * the session has nothing more to say. What counts as taken is what the peer's kernel has
 * acknowledged: bytes in our kernel's send queue may wait there for as long as the peer likes. */
#include "net/conn.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

/* Bytes of ours that the peer's side has, since the connection began. */
static uint64_t taken(const struct conn *c)
{
    int queued = 0;
    /* a unix socket tells the memory its queue takes, not the bytes in it */
    if (c->is_unix || ioctl(c->fd, SIOCOUTQ, &queued) != 0)
        queued = 0;
    return c->bytes_out - (uint64_t)queued;
}

static int64_t window(const struct conn *c)
{
    const struct server_times *t = &c->server->times;
    return c->next == STEP_CLOSE ? t->close_ms : t->pace_ms;
}

static void begin(struct conn *c)
{
    c->pace_since = conn_now();
    c->pace_taken = taken(c);
    conn_deadline(c, window(c));
}

void conn_pace(struct conn *c)
{
    if (c->pace_since == 0)
        begin(c);
    else /* it may be over already */
        conn_deadline(c, c->pace_since - conn_now() + window(c));
}

void conn_pace_over(struct conn *c)
{
    /* the window, not what has passed: it may have been we who were busy */
    uint64_t least = (uint64_t)(c->server->read_rate * window(c)) / 1000;
    uint64_t got = taken(c) - c->pace_taken;
    if (got == 0)
        conn_abort(c, "peer does not read");
    else if (got < least)
        conn_abort(c, "peer reads too slowly");
    else
        begin(c);
}
