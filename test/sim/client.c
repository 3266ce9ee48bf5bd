/* SPDX-License-Identifier: Apache-2.0 */
/* The life of clients, and their connections. */
#include "client.h"

#include "imap_view.h"
#include "trace.h"
#include "turns.h"

static const struct client_kind client_kinds[] = {
    {"smtp", 9, smtp_visit},   {"pop3", 7, pop3_visit},       {"imap", 9, imap_visit},
    {"admin", 3, admin_visit}, {"janitor", 1, janitor_visit},
};

uint64_t client_below(struct client *c, uint64_t bound)
{
    return rng_below(&c->rng.rng, bound);
}

bool client_chance(struct client *c, unsigned in)
{
    return in > 0 && client_below(c, in) == 0;
}

/* ---- life --------------------------------------------------------------------------------- */

static bool server_is_down(const struct client *c)
{
    return c->w->killed || c->w->stopping;
}

static void out(struct client *c)
{
    c->w->clients_out++;
    turns_wake(&c->w->clients_out);
}

static void wait_for_server(struct client *c)
{
    while (server_is_down(c)) {
        out(c);
        turns_wait(&c->w->started_ms);
    }
}

/* Between two visits: mostly a moment, sometimes a night. */
static void stay_away(struct client *c)
{
    int64_t ms = (int64_t)client_below(c, 200);
    if (client_chance(c, 6))
        ms = (int64_t)client_below(c, 60000);
    else if (c->w->plan.long_waits && client_chance(c, 8))
        ms = (int64_t)client_below(c, 40 * 3600000);
    turns_sleep(ms);
}

static const struct client_kind *choose_kind(struct client *c)
{
    unsigned all = 0;
    for (size_t i = 0; i < COUNT_OF(client_kinds); i++)
        all += client_kinds[i].weight;
    uint64_t at = client_below(c, all);
    size_t i = 0;
    for (; at >= client_kinds[i].weight; i++)
        at -= client_kinds[i].weight;
    return &client_kinds[i];
}

static void visit(struct client *c, void (*run)(struct client *c))
{
    c->touched = c->blurred = fault_lasts(&c->w->fault);
    c->errors = 0;
    c->lost = false;
    c->in = NULL;
    run(c);
    client_hang_up(c);
}

static void client_main(void *arg)
{
    struct client *c = arg;
    turns_own_set(c);
    while (c->visits > 0) {
        stay_away(c);
        wait_for_server(c);
        const struct client_kind *kind = choose_kind(c);
        trace("visit: %s", kind->name);
        visit(c, kind->run);
        c->visits--;
    }
    out(c);
}

void clients_begin(struct world *w)
{
    w->clients_n = w->plan.clients;
    w->clients = calloc(w->clients_n, sizeof *w->clients);
    must(w->clients != NULL);
    for (size_t i = 0; i < w->clients_n; i++) {
        struct client *c = &w->clients[i];
        *c = (struct client){.w = w, .visits = w->plan.visits};
        snprintf(c->name, sizeof c->name, "client%zu", i);
        rng_seeded_init(&c->rng, w->plan.seed * 1000 + i);
        c->task = turns_spawn(c->name, client_main, c);
    }
}

void clients_end(struct world *w)
{
    for (size_t i = 0; i < w->clients_n; i++) {
        turns_join(w->clients[i].task);
        imap_cache_free(w->clients[i].imap);
    }
    free(w->clients);
    w->clients = NULL;
    w->clients_n = 0;
}

void client_once(struct world *w, void (*run)(struct client *c))
{
    struct client c = {.w = w, .name = "main"};
    rng_seeded_init(&c.rng, w->plan.seed ^ w->model.step);
    turns_own_set(&c);
    visit(&c, run);
    imap_cache_free(c.imap);
    turns_own_set(NULL);
}

/* ---- the connection ------------------------------------------------------------------------ */

bool client_connect(struct client *c, struct session *s, enum client_port port)
{
    struct host_options o = {
        .tls = port == PORT_TLS, .tls_possible = true, .killed = &c->w->killed};
    c->host = host_new(s, &o);
    must(c->host != NULL);
    return true;
}

void client_hang_up(struct client *c)
{
    host_free(c->host);
    c->host = NULL;
    c->lost = true;
}

static bool lose(struct client *c, const char *why)
{
    if (!c->lost)
        trace("connection lost: %s", why);
    c->lost = true;
    return false;
}

static bool explained(const struct client *c)
{
    return c->touched || server_is_down(c) || login_may_be_over(c);
}

/* The server was asked to stop, and tells all who are connected. */
static bool goes_on(struct client *c)
{
    if (c->lost)
        return false;
    if (c->w->killed)
        return lose(c, "the server is dead");
    if (c->w->stopping) {
        host_shutdown(c->host);
        return lose(c, "the server stops");
    }
    return true;
}

static size_t piece_size(struct client *c, uint64_t how, size_t n)
{
    if (how < 10 || n == 1)
        return n;
    if (how < 13 && n < 300)
        return 1;
    return 1 + (size_t)client_below(c, how < 17 ? n : n < 64 ? n : 64 + n / 8);
}

/* Others go on, time goes on. */
static void between_pieces(struct client *c)
{
    if (client_chance(c, 4))
        turns_sleep((int64_t)client_below(c, 300));
    else
        turns_sleep(0);
}

bool client_send(struct client *c, struct span bytes, size_t point, bool *passed)
{
    uint64_t how = client_below(c, 20);
    size_t sent = 0, end = bytes.n;
    bool cut = client_chance(c, c->w->plan.cut_odds);
    if (passed != NULL)
        *passed = false;
    if (!goes_on(c))
        return false;
    trace_bytes(">", bytes);
    if (cut)
        end = (size_t)client_below(c, bytes.n + 1);
    while (sent < end && !host_closed(c->host)) {
        size_t n = piece_size(c, how, end - sent);
        if (passed != NULL && sent + n >= point)
            *passed = true;
        host_send(c->host, span_slice(bytes, sent, n));
        sent += n;
        if (sent < end)
            between_pieces(c);
        if (sent < end && !goes_on(c))
            return false;
    }
    if (!cut)
        return true;
    if (client_chance(c, 2) && !host_closed(c->host))
        host_eof(c->host);
    return lose(c, "hung up");
}

bool client_sendf(struct client *c, const char *fmt, ...)
{
    struct buf b;
    va_list args;
    buf_init(&b, 64 * 1024);
    va_start(args, fmt);
    buf_vprintf(&b, fmt, args);
    va_end(args);
    must(b.err == 0);
    bool ok = client_send(c, buf_span(&b), 0, NULL);
    buf_done(&b);
    return ok;
}

/* Nothing of what is waited for has come: may it still? */
static bool more_may_come(struct client *c)
{
    if (host_closed(c->host)) {
        if (!explained(c))
            wrong("%s: the server hung up", c->name);
        return lose(c, "the server hung up");
    }
    if (!host_waiting(c->host)) {
        if (!explained(c))
            wrong("%s: the server does not answer", c->name);
        return lose(c, "no answer");
    }
    (void)host_wait(c->host, 1000);
    return true;
}

bool client_line_now(struct client *c, struct span *out)
{
    if (c->lost || !host_line(c->host, out))
        return false;
    trace_bytes("<", *out);
    return true;
}

bool client_line(struct client *c, struct span *out)
{
    while (!c->lost) {
        if (client_line_now(c, out))
            return true;
        if (!more_may_come(c))
            return false;
    }
    return false;
}

bool client_octets(struct client *c, size_t n, struct buf *to)
{
    struct span got;
    while (!c->lost) {
        if (host_take(c->host, n, &got)) {
            trace_bytes("<", got);
            buf_put(to, got);
            must(to->err == 0);
            return true;
        }
        if (!more_may_come(c))
            return false;
    }
    return false;
}

void client_listen(struct client *c, int64_t ms)
{
    if (!c->lost && !host_closed(c->host))
        (void)host_wait(c->host, ms);
}

bool client_all(struct client *c, struct span *out)
{
    while (!c->lost && !host_closed(c->host)) {
        if (!host_waiting(c->host)) {
            if (!explained(c))
                wrong("%s: the server leaves the connection open", c->name);
            return lose(c, "no end");
        }
        (void)host_wait(c->host, 1000);
    }
    if (c->lost)
        return false;
    *out = host_output(c->host);
    trace_bytes("<", *out);
    return true;
}

void client_time_out(struct client *c)
{
    if (!goes_on(c) || host_closed(c->host))
        return;
    turns_sleep(host_session(c->host)->timeout_ms);
    if (!goes_on(c))
        return;
    trace("silent for too long");
    host_timeout(c->host);
    (void)lose(c, "timed out");
}

bool client_is_tls(struct client *c)
{
    struct session *s = c->host != NULL ? host_session(c->host) : NULL;
    return s != NULL && s->tls.on;
}

void client_pause(struct client *c)
{
    if (client_chance(c, 3))
        turns_sleep((int64_t)client_below(c, client_chance(c, 10) ? 20000 : 100));
}

void client_must(struct client *c, bool ok, const char *fmt, ...)
{
    char text[512];
    va_list args;
    if (ok || explained(c))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wrong("%s: %s, and no fault has touched it", c->name, text);
}
