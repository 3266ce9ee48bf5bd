/* SPDX-License-Identifier: Apache-2.0 */
/* Phones that wait. --count sessions log in, SELECT and IDLE, --connections of them at once, and stay. When all do, a
 * line on standard error says so, and for --hold seconds nothing happens, so that the server's memory can be
 * read. Then --notify messages are appended by connections of their own, one after another, and the time from
 * sending each message until the session that waits for it has its EXISTS is taken.
 *
 * The first --watch mailboxes have one session each, and those are the ones told of something, in turn with
 * --interval between: each has gone back to sleep when its next message comes. All other sessions share
 * the other mailboxes and are not woken. In the end connections are dropped, as phones do. */
#include "imap.h"

static unsigned long watched(const struct options *o)
{
    return o->watch < o->count ? o->watch : o->count;
}

unsigned long imap_idle_mailbox(const struct options *o, unsigned long unit)
{
    unsigned long own = watched(o);
    return unit < own ? unit : own + (unit - own) % (o->mailboxes - own);
}

static void start_next(struct run *r)
{
    if (r->idle.opened < r->o->count)
        client_start(&r->clients[r->idle.opened++]);
}

void imap_idle_begun(struct client *c)
{
    struct run *r = c->run;
    c->imap.want = IMAP_WANT_NEWS;
    c->link.slim = true;
    client_unit_done(c, 0);
    r->idle.idle++;
    start_next(r);
}

static void pause_until_next(struct run *r)
{
    r->idle.until_us = now_us() + (int64_t)r->o->interval_ms * 1000;
}

/* The message has been appended, and its session knows. */
static void check_notified(struct run *r)
{
    struct idle_run *i = &r->idle;
    if (i->appending != NULL || i->watching != NULL)
        return;
    i->notified++;
    pause_until_next(r);
}

void imap_idle_exists(struct client *c)
{
    struct idle_run *i = &c->run->idle;
    c->run->progress_us = now_us();
    if (i->watching != c || c->imap.exists < c->imap.wanted)
        return;
    stats_add(&c->run->operations, i->appending != NULL ? i->appending->imap.asked_us : i->until_us,
              c->run->o->size);
    i->watching = NULL;
    c->busy = false;
    check_notified(c->run);
}

void imap_idle_ready(struct client *c)
{
    c->imap.want = IMAP_WANT_WORK;
    c->run->idle.ready++;
    c->run->progress_us = now_us();
}

void imap_idle_appended(struct client *c)
{
    struct idle_run *i = &c->run->idle;
    c->imap.want = IMAP_WANT_WORK;
    c->run->progress_us = now_us();
    i->until_us = c->imap.asked_us; /* for an EXISTS that comes later than this answer */
    i->appending = NULL;
    check_notified(c->run);
}

static bool all_idle(struct run *r)
{
    return r->finished + r->failed == r->o->count;
}

static bool hold_over(struct run *r)
{
    int64_t now = now_us();
    r->progress_us = now;
    return now >= r->idle.until_us;
}

static bool all_ready(struct run *r)
{
    return r->idle.ready == watched(r->o);
}

static struct client *session_of(struct run *r, unsigned long unit)
{
    for (unsigned long n = 0; n < r->o->count; n++)
        if (r->clients[n].unit == unit && r->clients[n].imap.want == IMAP_WANT_NEWS)
            return &r->clients[n];
    return NULL;
}

static void notify_next(struct run *r)
{
    unsigned long unit = r->idle.notified % watched(r->o);
    struct client *to = session_of(r, unit), *from = &r->clients[r->o->count + unit];
    if (to == NULL || from->imap.want != IMAP_WANT_WORK) {
        r->errors += r->o->errors; /* a session was lost, and has said so */
        return;
    }
    to->imap.wanted = to->imap.exists + 1;
    to->busy = true; /* so that a stall is told of */
    r->idle.appending = from;
    r->idle.watching = to;
    r->progress_us = now_us();
    imap_say(from, IMAP_WANT_APPEND, "APPEND INBOX {%zu}", r->o->size);
    if (link_flush(&from->link) < 0)
        r->errors += r->o->errors;
}

static bool all_notified(struct run *r)
{
    if (r->idle.appending != NULL || r->idle.watching != NULL)
        return false;
    if (r->idle.notified == r->o->notify)
        return true;
    if (now_us() >= r->idle.until_us)
        notify_next(r);
    return false;
}

static void open_appending(struct run *r)
{
    for (unsigned long n = 0; n < watched(r->o); n++) {
        struct client *c = &r->clients[r->o->count + n];
        c->unit = n;
        c->imap.appends = true;
        if (client_connect(c) < 0)
            r->errors += r->o->errors;
    }
}

static void drive(struct run *r)
{
    const struct options *o = r->o;
    run_clients(r, o->count + watched(o));
    for (unsigned n = 0; n < o->connections; n++)
        start_next(r);
    run_until(r, all_idle);
    (void)fprintf(stderr, "load: %lu sessions are idle\n", r->idle.idle);
    r->wait_ms = 100;
    r->idle.until_us = now_us() + (int64_t)o->hold_s * 1000000;
    run_until(r, hold_over);
    if (o->notify == 0)
        return;
    open_appending(r);
    run_until(r, all_ready);
    r->wait_ms = 1;
    pause_until_next(r);
    run_until(r, all_notified);
}

const struct protocol protocol_imap_idle = {imap_up, imap_input, imap_doing, drive};
