/* SPDX-License-Identifier: Apache-2.0 */
/* Which port speaks what. Sessions are made from the generation in force when the client connects.
 */
#include "base/err.h"
#include "cli/serve_app.h"

#define BUSY_SMTP "421 4.3.2 This server is busy, please try again in a minute\r\n"
#define CROWDED                                                                                    \
    "There are too many connections from your internet address, please close some programs or "    \
    "try again later\r\n"
#define BUSY_POP3 "-ERR [SYS/TEMP] This server is busy, please try again in a minute\r\n"

/* The const is the sessions' view of what they share; the constructors take a plain void pointer.
 */
static struct session *make_mx(void *arg)
{
    return smtp_session_new(&((struct generation *)(uintptr_t)app_now(arg))->mx);
}

static struct session *make_submission(void *arg)
{
    return smtp_session_new(&((struct generation *)(uintptr_t)app_now(arg))->submission);
}

static struct session *make_pop3(void *arg)
{
    return pop3_session_new(&((struct generation *)(uintptr_t)app_now(arg))->pop3);
}

static struct session *make_admin(void *arg)
{
    return admin_session_new(&((struct app *)arg)->admin);
}

static struct session *make_metrics(void *arg)
{
    return metrics_session_new(&((struct app *)arg)->admin);
}

struct port {
    const struct config_list *addresses;
    struct listener_options options;
};

static int listen_all(struct app *app, const struct port *port, struct buf *why)
{
    for (size_t i = 0; i < port->addresses->n; i++) {
        int err = server_listen(app->server, port->addresses->v[i], &port->options, why, NULL);
        if (err != 0)
            return err;
    }
    return 0;
}

static int listen_private(struct app *app,
                          const char *address,
                          const char *protocol,
                          struct session *(*make)(void *),
                          struct buf *why)
{
    struct listener_options options = {
        .protocol = protocol, .open_gauge = METRIC_CONN_OPEN_ADMIN, .make = make, .arg = app};
    return server_listen(app->server, address, &options, why, NULL);
}

/* The metrics page has no password: it stays on this machine. */
static int metrics_address_check(const char *address, struct buf *why)
{
    struct span host = span_str(address);
    ssize_t colon = span_rchr(host, ':');
    struct ip ip;
    if (colon > 0) {
        host = span_slice(host, 0, (size_t)colon);
        if (span_starts(host, SPAN("[")) && span_ends(host, SPAN("]")))
            host = span_slice(host, 1, host.n - 2);
        if (ip_parse(host, &ip) && ip_is_loopback(ip))
            return 0;
    }
    buf_printf(why,
               "metrics.listen: %s is not an address of this machine alone; write for example "
               "127.0.0.1:9925",
               address);
    return ERR_INVALID;
}

int app_listen(struct app *app, const struct config *config, struct buf *why)
{
    const struct span busy_smtp = SPAN(BUSY_SMTP), busy_pop3 = SPAN(BUSY_POP3);
    const struct span crowded_smtp = SPAN("421 4.7.0 " CROWDED),
                      crowded_pop3 = SPAN("-ERR [SYS/TEMP] " CROWDED);
    char admin[4096];
    /* clang-format off */
    const struct port ports[] = {
        {&config->listen_smtp,        {"smtp", false, true, METRIC_CONN_OPEN_SMTP, make_mx, app, busy_smtp, crowded_smtp}},
        {&config->listen_submission,  {"submission", false, true, METRIC_CONN_OPEN_SUBMISSION, make_submission, app, busy_smtp, crowded_smtp}},
        {&config->listen_submissions, {"submissions", true, false, METRIC_CONN_OPEN_SUBMISSION, make_submission, app, busy_smtp, crowded_smtp}},
        {&config->listen_pop3,        {"pop3", false, true, METRIC_CONN_OPEN_POP3, make_pop3, app, busy_pop3, crowded_pop3}},
        {&config->listen_pop3s,       {"pop3s", true, false, METRIC_CONN_OPEN_POP3, make_pop3, app, busy_pop3, crowded_pop3}},
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT_OF(ports); i++) {
        int err = listen_all(app, &ports[i], why);
        if (err != 0)
            return err;
    }
    int n = snprintf(admin, sizeof admin, "unix:%s", config->admin_socket);
    if (n < 0 || (size_t)n >= sizeof admin) {
        buf_puts(why, "admin.socket: this path is too long");
        return ERR_INVALID;
    }
    int err = listen_private(app, admin, "admin", make_admin, why);
    if (err == 0 && config->metrics_listen[0] != '\0') {
        err = metrics_address_check(config->metrics_listen, why);
        if (err == 0)
            err = listen_private(app, config->metrics_listen, "metrics", make_metrics, why);
    }
    return err;
}
