/* SPDX-License-Identifier: Apache-2.0 */
/* An ordered list of guests would have to be locked and changed with every command of everybody, for
 * a server that is hardly ever full. So each only notes since when it waits, and who makes room is
 * found by looking at all, for many newcomers at once and not often. What was found may have changed
 * by the time it is told; then it stays, and its newcomer is one in excess. */
#include "net/guests.h"
#include "base/err.h"
#include "net/conn.h"

static bool waits_for_peer(const struct conn *c)
{
    switch (c->state) {
    case CONN_PROXY:
    case CONN_TLS:
    case CONN_IDLE:
    case CONN_DRAIN:
    case CONN_LINGER: return true;
    default: return false; /* WAIT: the peer waits for us */
    }
}

void guests_moved(struct conn *c)
{
    /* a lingering connection needs its place least, whoever it was */
    bool known = c->state != CONN_LINGER && c->s != NULL && c->s->authenticated;
    bool guest = !c->is_unix && waits_for_peer(c) && !known;
    __atomic_store_n(&c->guest_since, guest ? conn_now() : 0, __ATOMIC_RELAXED);
}

static int64_t guest_since(const struct conn *c)
{
    return __atomic_load_n(&c->guest_since, __ATOMIC_RELAXED);
}

/* ---- whom ---------------------------------------------------------------------------------- */

struct look {
    int64_t latest; /* who waits since then or before may go */
    unsigned n;
    struct {
        int64_t since;
        uint64_t tag;
    } found[GUESTS_FOUND]; /* the longest waiting first */
};

static void look_at(struct conn *c, void *arg)
{
    struct look *look = arg;
    int64_t since = guest_since(c);
    if (since == 0 || since > look->latest)
        return;
    if (look->n == GUESTS_FOUND && look->found[GUESTS_FOUND - 1].since <= since)
        return;
    unsigned at = look->n < GUESTS_FOUND ? look->n++ : GUESTS_FOUND - 1;
    for (; at > 0 && look->found[at - 1].since > since; at--)
        look->found[at] = look->found[at - 1];
    look->found[at].since = since;
    look->found[at].tag = c->tag;
}

static void find(struct server *s, int64_t now)
{
    struct look look = {.latest = now - s->times.yield_ms};
    conns_each(&s->table, look_at, &look);
    s->guests.looked_ms = now;
    s->guests.n = look.n;
    for (unsigned i = 0; i < look.n; i++) /* the last is taken first */
        s->guests.tags[look.n - 1 - i] = look.found[i].tag;
}

bool guests_make_room(struct server *s)
{
    struct guests *g = &s->guests;
    if (g->n == 0) {
        int64_t now = conn_now();
        if (g->looked_ms != 0 && now - g->looked_ms < GUESTS_LOOK_MS)
            return false;
        find(s, now);
    }
    if (g->n == 0)
        return false;
    conns_tell(&s->table, g->tags[--g->n], EVENT_YIELD);
    return true;
}

/* ---- it ------------------------------------------------------------------------------------ */

void guests_yield(struct conn *c)
{
    int64_t since = guest_since(c);
    if (since == 0 || conn_now() - since < c->server->times.yield_ms)
        return;
    metric_add(METRIC_CONN_YIELDED, 1);
    c->reason = "made room for others: the server is full";
    if (c->state == CONN_IDLE) {
        buf_put(&c->out, c->listener->o.busy);
        (void)conn_flush(c, true); /* what the socket does not take at once is not waited for */
    }
    conn_abort(c, c->reason);
}
