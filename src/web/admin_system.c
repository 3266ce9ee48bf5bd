/* SPDX-License-Identifier: Apache-2.0 */
/* The server itself: status, reload, store check, metrics. */
#include "base/limits.h"
#include "base/metrics.h"
#include "web/admin_private.h"

static void
put_certificates(struct json_out *j, struct admin *admin, const struct admin_status *status)
{
    const char *hostname = admin->config(admin->arg)->hostname;
    json_begin(j, "certificates", '[');
    for (size_t i = 0; status->tls != NULL && i < tls_cert_count(status->tls); i++) {
        struct tls_cert_info info;
        tls_cert_info(status->tls, i, admin->clock, hostname, &info);
        json_begin(j, NULL, '{');
        json_cstr(j, "file", info.file);
        json_cstr(j, "names", info.subject);
        json_time(j, "expires", info.not_after_s * 1000);
        json_int(j, "days_left", info.days_left);
        json_bool(j, "matches_hostname", info.matches_host);
        json_end(j, '}');
    }
    json_end(j, ']');
}

/* Accounts are not counted here: with fifty million of them that is a walk of minutes. */
static int put_counts(struct http_request *r, struct json_out *j)
{
    struct domain *v;
    size_t n, aliases = 0;
    int err = domain_list(admin_of(r)->directory, r->arena, &v, &n);
    if (err != 0)
        return err;
    for (size_t i = 0; i < n; i++)
        aliases += v[i].alias_of.n > 0 ? 1 : 0;
    json_uint(j, "domains", n - aliases);
    json_uint(j, "alias_domains", aliases);
    return 0;
}

int admin_status_show(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    struct admin_status status = {0};
    admin->status(admin->arg, &status);
    struct json_out j = admin_begin(r, 200);
    json_cstr(&j, "version", MAILSTEAD_VERSION);
    json_cstr(&j, "hostname", admin->config(admin->arg)->hostname);
    json_cstr(&j, "config", admin->config(admin->arg)->path);
    json_time(&j, "started", status.started_ms);
    json_int(&j, "uptime_seconds",
             (admin->clock->wall_ms(admin->clock) - status.started_ms) / 1000);
    json_int(&j, "restarts", status.restarts);
    json_int(&j, "quarantined", metric_get(METRIC_QUARANTINE_HELD));
    json_cstr(&j, "user", status.user);
    json_cstr(&j, "confinement", status.confinement);
    json_int(&j, "connections", status.connections);
    /* without the worker that answers this: an idle server has none */
    json_int(&j, "workers_busy", status.workers_busy > 0 ? status.workers_busy - 1 : 0);
    json_int(&j, "queue", status.queue);
    json_uint(&j, "store_free_bytes", store_free_bytes(admin->store));
    json_int(&j, "messages_delivered", metric_get(METRIC_MAIL_DELIVERED));
    json_int(&j, "logins", metric_get(METRIC_AUTH_OK) + metric_get(METRIC_AUTH_CACHED));
    json_int(&j, "logins_failed", metric_get(METRIC_AUTH_FAILED));
    put_certificates(&j, admin, &status);
    tls_context_unref(status.tls);
    int err = put_counts(r, &j);
    return err != 0 ? err : admin_done(r, &j);
}

int admin_reload(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    struct buf why;
    buf_init(&why, 64 * 1024);
    int err = admin->reload(admin->arg, &why);
    if (err != 0 && why.n > 0) {
        http_reply_error(r, err_info(err)->http, err_name(err), span_trim(buf_span(&why)));
        err = HTTP_ANSWERED;
    }
    buf_done(&why);
    return err == 0 ? admin_ok(r, 200) : err;
}

int admin_metrics(struct http_request *r)
{
    http_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", SPAN_EMPTY);
    metrics_render(&r->reply);
    return 0;
}

/* ---- store check ------------------------------------------------------------------------- */

/* First the engine as a whole, then one account after the other, each a step of the stream. A step
 * may read for minutes, so each asks between records whether the client and the server still want
 * it. The last line is "done" with the counts,
 * so that an answer that was cut short cannot be taken for a clean one. */
struct check {
    struct admin *admin;
    const struct session *session;
    bool engine_done, bodies;
    struct buf report; /* of one step; at most REPORT_MAX, then lines are counted only */
    uint64_t next, accounts, lost;
    struct store_check engine;
    uint64_t problems;
};

enum { REPORT_MAX = 100 * 1024 };

static void report_line(void *arg, struct span sentence)
{
    struct check *c = arg;
    if (c->report.n + sentence.n + 1 > REPORT_MAX) {
        c->lost++;
        return;
    }
    buf_put(&c->report, sentence);
    buf_putc(&c->report, '\n');
}

static int unwanted(void *arg)
{
    return session_unwanted(((struct check *)arg)->session);
}

static int take_first(void *arg, struct part part)
{
    *(uint64_t *)arg = part.id;
    return 1;
}

/* 1: an account was checked, 0: there are no more. */
static int check_account(struct check *c)
{
    uint64_t id = 0, problems = 0;
    int err = store_parts(c->admin->store, PART_ACCOUNT, c->next, take_first, &id);
    if (err <= 0)
        return err;
    err = mailbox_check_until(c->admin->mail, id, c->bodies, report_line, unwanted, c, &problems);
    if (err == ERR_CLOSED || err == ERR_SHUTDOWN)
        return err;
    if (err != 0) {
        char line[128];
        int n = snprintf(line, sizeof line, "account %llu could not be checked: %s",
                         (unsigned long long)id, err_text(err));
        report_line(c, span_of(line, (size_t)n));
        problems++;
    }
    c->problems += problems;
    c->accounts++;
    c->next = id + 1;
    return id == UINT64_MAX ? 0 : 1;
}

static enum http_stream check_next(struct http_request *r, struct buf *piece)
{
    struct check *c = r->stream_arg;
    int more = 1;
    buf_clear(&c->report);
    if (!c->engine_done) {
        more = store_check_until(c->admin->store, report_line, unwanted, c, &c->engine);
        c->problems = c->engine.problems;
        c->engine_done = true;
        more = more == 0 ? 1 : more;
    } else {
        more = check_account(c);
    }
    buf_put(piece, buf_span(&c->report));
    if (more > 0)
        return HTTP_STREAM_MORE;
    if (c->lost > 0)
        buf_printf(piece, "and %llu more problems of the same kinds\n",
                   (unsigned long long)c->lost);
    if (more < 0)
        buf_printf(piece, "the check could not go on: %s\n", err_text(more));
    else
        buf_printf(piece, "done: %llu records, %llu bodies, %llu accounts, %llu problems\n",
                   (unsigned long long)c->engine.records, (unsigned long long)c->engine.blobs,
                   (unsigned long long)c->accounts, (unsigned long long)c->problems);
    return HTTP_STREAM_END;
}

static void check_end(struct http_request *r)
{
    struct check *c = r->stream_arg;
    buf_done(&c->report);
}

int admin_store_check(struct http_request *r)
{
    struct span bodies = SPAN_EMPTY;
    struct check *c = arena_alloc(r->arena, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;
    (void)http_query(r, SPAN("bodies"), &bodies);
    c->admin = admin_of(r);
    c->session = r->session;
    c->bodies = !span_eq(bodies, SPAN("no"));
    buf_init(&c->report, REPORT_MAX);
    http_stream_reply(r, "text/plain; charset=utf-8", check_next, check_end, c);
    return 0;
}
