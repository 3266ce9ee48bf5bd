/* SPDX-License-Identifier: Apache-2.0 */
/* An IMAP client: logs in, opens mailboxes, anew or where it was before the connection was cut (QRESYNC), does things in
 * any order, waits for news. What it believes is in imap_view.c. */
#include "imap_view.h"

#include "base/encode.h"
#include "trace.h"

/* ---- logging in --------------------------------------------------------------------------------- */

static enum login_answer answer_of(struct imap_view *v, enum imap_answer a)
{
    if (a == IMAP_OK)
        return LOGIN_OK;
    if (view_code_is(v, "AUTHENTICATIONFAILED"))
        return LOGIN_WRONG;
    if (view_code_is(v, "CONTACTADMIN"))
        return LOGIN_REFUSED;
    if (!view_code_is(v, "UNAVAILABLE"))
        wrong("%s: a login is answered [%.*s]", v->c->name, SPAN_ARG(buf_span(&v->code)));
    return LOGIN_LATER;
}

static enum imap_answer send_plain(struct imap_view *v, const struct login *l)
{
    struct buf raw, text;
    buf_init(&raw, 256);
    buf_init(&text, 1024);
    buf_putc(&raw, '\0');
    buf_puts(&raw, l->address);
    buf_putc(&raw, '\0');
    buf_puts(&raw, l->text);
    base64_encode(&text, buf_span(&raw));
    enum imap_answer a;
    if (client_chance(v->c, 2)) {
        a = view_run(v, "AUTHENTICATE PLAIN %.*s", SPAN_ARG(buf_span(&text)));
    } else {
        a = view_run(v, "AUTHENTICATE PLAIN");
        buf_puts(&text, "\r\n");
        if (a == IMAP_GO_ON)
            a = client_send(v->c, buf_span(&text), 0, NULL) ? view_read(v) : IMAP_LOST;
    }
    buf_done(&raw);
    buf_done(&text);
    return a;
}

static bool log_in(struct imap_view *v)
{
    struct client *c = v->c;
    struct login l;
    if (!login_choose(c, &l))
        return false;
    enum imap_answer a =
        client_chance(c, 2) ? send_plain(v, &l) : view_run(v, "LOGIN %s \"%s\"", l.address, l.text);
    if (a == IMAP_LOST)
        return false;
    enum login_answer answer = answer_of(v, a);
    bool steady = login_judge(c, &l, answer);
    v->own = v->life = steady ? l.life : NULL;
    return answer == LOGIN_OK;
}

static bool greeted(struct imap_view *v)
{
    struct client *c = v->c;
    struct span line;
    bool tls = client_chance(c, 2);
    if (!client_connect(c, imap_session_new(&c->w->imap), tls ? PORT_TLS : PORT_PLAIN) ||
        !client_line(c, &line))
        return false;
    client_must(c, span_starts(line, SPAN("* OK ")), "the greeting is %.*s", SPAN_ARG(line));
    if (!span_starts(line, SPAN("* OK ")))
        return false;
    return tls || (view_run_ok(v, "STARTTLS") && client_is_tls(c));
}

/* ---- asking ------------------------------------------------------------------------------------ */

static void noop(struct imap_view *v)
{
    enum imap_answer a = view_run(v, client_chance(v->c, 4) ? "CHECK" : "NOOP");
    (void)imap_outcome(v, a, false, "NOOP");
    imap_told_all(v, a, false);
}

/* Asks for all flags: they must be those that it knows. */
static void verify(struct imap_view *v)
{
    noop(v);
    if (v->c->lost || v->n == 0)
        return;
    v->numbers = !v->notify;
    enum imap_answer a = view_run(v, v->notify ? "UID FETCH 1:* (FLAGS)" : "FETCH 1:* (UID FLAGS)");
    (void)imap_outcome(v, a, false, "FETCH");
    imap_told_all(v, a, !v->notify);
}

/* ---- opening ----------------------------------------------------------------------------------- */

/* What it knew when it was here before. */
static void remember(struct imap_view *v, const struct imap_cache *cache)
{
    for (size_t i = 0; i < cache->n; i++) {
        imap_told_exists(v, i + 1);
        v->v[i] = cache->v[i];
    }
    v->modseq = cache->modseq;
    v->synced = 0;
    v->resuming = true;
}

static void forget(struct imap_view *v)
{
    v->box = NULL;
    v->life = v->own;
    v->n = 0;
    v->resuming = false;
}

/* QRESYNC's parameters: with the UIDs that it knows, or not, and some pairs of number and UID. true: with them. Then it
 * is told nothing of other messages but how many there are. */
static bool write_qresync(struct imap_view *v, const struct imap_cache *cache, struct buf *to)
{
    struct client *c = v->c;
    struct buf numbers, uids;
    bool limited = cache->n > 0 && client_chance(c, 2);
    buf_printf(to, " (QRESYNC (%u %llu", cache->uidvalidity, (unsigned long long)cache->modseq);
    if (limited)
        buf_printf(to, " 1:%u", cache->v[cache->n - 1].uid);
    buf_init(&numbers, 4096);
    buf_init(&uids, 4096);
    for (size_t i = 0; i < cache->n && uids.n < 100; i++) {
        if (!client_chance(c, 3))
            continue;
        buf_printf(&numbers, "%s%zu", numbers.n > 0 ? "," : "", i + 1);
        buf_printf(&uids, "%s%u", uids.n > 0 ? "," : "", cache->v[i].uid);
    }
    if (limited && uids.n > 0)
        buf_printf(to, " (%.*s %.*s)", SPAN_ARG(buf_span(&numbers)), SPAN_ARG(buf_span(&uids)));
    buf_puts(to, "))");
    buf_done(&numbers);
    buf_done(&uids);
    return limited;
}

/* All that has changed is told by now, and the numbers are right. */
static void resumed(struct imap_view *v, bool limited)
{
    v->resuming = false;
    if (v->n > v->exists || (v->n < v->exists && !limited))
        wrong("%s: %s of u%u is resumed with %zu messages, and %llu are there", v->c->name,
              v->box->name, v->life->slot, v->n, (unsigned long long)v->exists);
    imap_told_exists(v, v->exists);
}

static void opened(struct imap_view *v, uint32_t uidnext, uint64_t modseq)
{
    struct box *b = v->box;
    if (b->uidvalidity != v->uidvalidity)
        wrong("%s: %s of u%u had UIDVALIDITY %u and has %u", v->c->name, b->name, v->life->slot,
              b->uidvalidity, v->uidvalidity);
    if (v->uidnext < uidnext || v->modseq_next < modseq)
        wrong("%s: %s of u%u had UIDNEXT %u, HIGHESTMODSEQ %llu and has %u, %llu", v->c->name,
              b->name, v->life->slot, uidnext, (unsigned long long)modseq, v->uidnext,
              (unsigned long long)v->modseq_next);
    box_numbers_seen(b, v->uidnext, v->modseq_next);
}

/* Where it was before, or anything of its own, or what somebody shares. */
static struct box *choose_open(struct imap_view *v, bool *back)
{
    struct client *c = v->c;
    const struct imap_cache *cache = c->imap;
    struct life *sharer = client_chance(c, 4) ? imap_choose_sharer(v) : NULL;
    *back = v->qresync && cache != NULL && box_is_there(cache->box) &&
            cache->box->other[0] == '\0' && !client_chance(c, 6) &&
            (cache->life == v->own || (cache->life->shared == YES && life_is_open(cache->life) &&
                                       cache->box == life_shared_box(cache->life)));
    v->life = *back ? cache->life : sharer != NULL ? sharer : v->own;
    struct box *b = *back ? cache->box : imap_choose_box(v);
    imap_hold(v, b);
    return b;
}

static void open_box(struct imap_view *v)
{
    struct client *c = v->c;
    char path[BOX_PATH];
    struct buf known;
    bool back, limited = false;
    if (v->notify && v->box != NULL) /* what it still hears is about the one before */
        (void)view_run_ok(v, "UNSELECT");
    imap_view_leave(v);
    if (v->life == NULL || c->lost)
        return;
    struct box *b = choose_open(v, &back);
    const struct imap_cache *cache = c->imap;
    uint32_t uidnext = b->uidnext;
    uint64_t modseq = b->modseq;
    v->read_only = client_chance(c, 6);
    v->opened = c->w->model.step;
    v->box = b;
    v->modseq = v->modseq_next = 0;
    v->uidvalidity = v->uidnext = 0;
    v->opening = true;
    buf_init(&known, 8192);
    if (back) {
        remember(v, cache);
        limited = write_qresync(v, cache, &known);
    } else if (v->condstore && client_chance(c, 2)) {
        buf_puts(&known, " (CONDSTORE)");
    }
    imap_path(v, b, path);
    enum imap_answer a = view_run(v, "%s %s%.*s", v->read_only ? "EXAMINE" : "SELECT", path,
                                  SPAN_ARG(buf_span(&known)));
    buf_done(&known);
    v->opening = false;
    (void)imap_outcome(v, a, imap_refusal_is_right(v, b, 0, 0), "SELECT");
    if (a != IMAP_OK) {
        forget(v);
        return;
    }
    if (back)
        resumed(v, limited);
    opened(v, uidnext, modseq);
    imap_told_all(v, a, false);
    if (back && client_chance(c, 2))
        verify(v);
}

/* ---- waiting ----------------------------------------------------------------------------------- */

static void listen(struct imap_view *v)
{
    struct client *c = v->c;
    for (unsigned n = 1 + (unsigned)client_below(c, 4); n > 0 && !c->lost; n--) {
        client_listen(c, (int64_t)client_below(c, 5000));
        view_hear(v);
    }
}

static void idle(struct imap_view *v)
{
    enum imap_answer a = view_run(v, "IDLE");
    if (a != IMAP_GO_ON) {
        (void)imap_outcome(v, a, false, "IDLE");
        return;
    }
    listen(v);
    v->since = v->c->w->model.step;
    if (v->c->lost || !client_send(v->c, SPAN("DONE\r\n"), 0, NULL))
        return;
    a = view_read(v);
    (void)imap_outcome(v, a, false, "IDLE");
    imap_told_all(v, a, false);
}

/* From here on it hears of everything at once, also of other mailboxes. */
static void notify(struct imap_view *v)
{
    if (v->notify) {
        listen(v);
        return;
    }
    v->notify = view_run_ok(v, "NOTIFY SET (selected (MessageNew MessageExpunge FlagChange)) "
                               "(personal (MessageNew MessageExpunge MailboxName))");
}

static void reopen(struct imap_view *v)
{
    open_box(v);
}

/* ---- a visit ----------------------------------------------------------------------------------- */

static void act(struct imap_view *v)
{
    static const struct {
        unsigned weight;
        bool selected;
        void (*run)(struct imap_view *v);
    } things[] = {
        {12, true, act_store},   {6, true, act_copy},       {6, true, act_move},
        {7, true, act_expunge},  {1, true, act_close},      {12, false, act_append},
        {3, true, act_replace},  {6, true, act_fetch},      {4, true, act_search},
        {3, false, act_status},  {2, false, act_list},      {3, false, act_create},
        {2, false, act_delete},  {2, false, act_rename},    {2, false, act_share},
        {1, false, act_intrude}, {4, true, noop},           {4, true, verify},
        {3, false, act_note},    {3, false, act_read_note}, {1, false, act_rename_inbox},
        {4, false, idle},        {1, false, notify},        {4, false, reopen},
    };
    unsigned all = 0;
    size_t i = 0;
    for (size_t k = 0; k < COUNT_OF(things); k++)
        all += things[k].weight;
    uint64_t at = client_below(v->c, all);
    for (; at >= things[i].weight; i++)
        at -= things[i].weight;
    if (v->box != NULL || !things[i].selected)
        things[i].run(v);
    v->c->held_life = NULL;
    if (!v->c->lost)
        act_learn(v);
}

static bool enable(struct imap_view *v)
{
    v->qresync = client_chance(v->c, 2);
    v->condstore = v->qresync || client_chance(v->c, 2);
    if (v->condstore)
        return view_run_ok(v, "ENABLE %s", v->qresync ? "QRESYNC" : "CONDSTORE");
    return true;
}

static void end(struct imap_view *v)
{
    struct client *c = v->c;
    if (c->lost || client_chance(c, 3))
        return; /* without a word */
    if (client_chance(c, 30)) {
        client_time_out(c);
        return;
    }
    view_command_begin(v);
    (void)client_sendf(c, "a%u LOGOUT\r\n", v->commands);
}

void imap_visit(struct client *c)
{
    struct imap_view v;
    imap_view_begin(&v, c);
    if (greeted(&v) && log_in(&v) && v.life != NULL && enable(&v)) {
        unsigned n = 3 + (unsigned)client_below(c, 12);
        if (v.own->shared != YES && client_chance(c, 2))
            act_share(&v);
        open_box(&v);
        act_learn(&v);
        for (; n > 0 && !c->lost; n--)
            act(&v);
        end(&v);
    }
    c->held_life = NULL;
    imap_view_end(&v);
}
