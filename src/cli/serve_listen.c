/* SPDX-License-Identifier: Apache-2.0 */
/* Which port speaks what. Sessions are made from the generation in force when the client connects.
 */
#include "base/err.h"
#include "cli/serve_app.h"
#include "cli/serve_ports.h"

#define BUSY_SMTP "421 4.3.2 This server is busy, please try again in a minute\r\n"
#define CROWDED                                                                                    \
    "There are too many connections from your internet address, please close some programs or "    \
    "try again later\r\n"
#define BUSY_POP3 "-ERR [SYS/TEMP] This server is busy, please try again in a minute\r\n"

#define BUSY_IMAP    "* BYE [UNAVAILABLE] This server is busy, please try again in a minute\r\n"
#define CROWDED_IMAP "* BYE [UNAVAILABLE] " CROWDED

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

static struct session *make_imap(void *arg)
{
    return imap_session_new(&((struct generation *)(uintptr_t)app_now(arg))->imap);
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
    size_t addresses; /* where in struct config: a list, or a text */
    bool is_list;
    struct listener_options options;
};

#define PORT_LIST(field) .addresses = offsetof(struct config, field), .is_list = true
#define PORT_TEXT(field) .addresses = offsetof(struct config, field)

static const struct port ports[SERVE_PORTS] = {
    [SERVE_SMTP] = {PORT_LIST(listen_smtp),
                    .options = {"smtp", false, true, METRIC_CONN_OPEN_SMTP, make_mx, NULL,
                                SPAN(BUSY_SMTP), SPAN("421 4.7.0 " CROWDED)}},
    [SERVE_SUBMISSION] = {PORT_LIST(listen_submission),
                          .options = {"submission", false, true, METRIC_CONN_OPEN_SUBMISSION,
                                      make_submission, NULL, SPAN(BUSY_SMTP),
                                      SPAN("421 4.7.0 " CROWDED)}},
    [SERVE_SUBMISSIONS] = {PORT_LIST(listen_submissions),
                           .options = {"submissions", true, false, METRIC_CONN_OPEN_SUBMISSION,
                                       make_submission, NULL, SPAN(BUSY_SMTP),
                                       SPAN("421 4.7.0 " CROWDED)}},
    [SERVE_POP3] = {PORT_LIST(listen_pop3),
                    .options = {"pop3", false, true, METRIC_CONN_OPEN_POP3, make_pop3, NULL,
                                SPAN(BUSY_POP3), SPAN("-ERR [SYS/TEMP] " CROWDED)}},
    [SERVE_POP3S] = {PORT_LIST(listen_pop3s),
                     .options = {"pop3s", true, false, METRIC_CONN_OPEN_POP3, make_pop3, NULL,
                                 SPAN(BUSY_POP3), SPAN("-ERR [SYS/TEMP] " CROWDED)}},
    [SERVE_IMAP] = {PORT_LIST(listen_imap),
                    .options = {"imap", false, true, METRIC_CONN_OPEN_IMAP, make_imap, NULL,
                                SPAN(BUSY_IMAP), SPAN(CROWDED_IMAP)}},
    [SERVE_IMAPS] = {PORT_LIST(listen_imaps),
                     .options = {"imaps", true, false, METRIC_CONN_OPEN_IMAP, make_imap, NULL,
                                 SPAN(BUSY_IMAP), SPAN(CROWDED_IMAP)}},
    [SERVE_METRICS] = {PORT_TEXT(metrics_listen), .options = {.protocol = "metrics",
                                                              .open_gauge = METRIC_CONN_OPEN_ADMIN,
                                                              .make = make_metrics}},
    [SERVE_ADMIN] = {PORT_TEXT(admin_socket), .options = {.protocol = "admin",
                                                          .open_gauge = METRIC_CONN_OPEN_ADMIN,
                                                          .make = make_admin}},
};

static int text_each(enum serve_port port,
                     const char *text,
                     int (*each)(void *arg, enum serve_port port, const char *address),
                     void *arg)
{
    char address[4096];
    if (text[0] == '\0')
        return 0;
    int n = snprintf(address, sizeof address, "%s%s", port == SERVE_ADMIN ? "unix:" : "", text);
    return n < 0 || (size_t)n >= sizeof address ? ERR_INVALID : each(arg, port, address);
}

int serve_ports(const struct config *config,
                int (*each)(void *arg, enum serve_port port, const char *address),
                void *arg)
{
    int err = 0;
    for (unsigned p = 0; err == 0 && p < SERVE_PORTS; p++) {
        const void *field = (const char *)config + ports[p].addresses;
        if (!ports[p].is_list) {
            err = text_each((enum serve_port)p, *(const char *const *)field, each, arg);
            continue;
        }
        const struct config_list *list = field;
        for (size_t i = 0; err == 0 && i < list->n; i++)
            err = each(arg, (enum serve_port)p, list->v[i]);
    }
    return err;
}

int app_adopt(struct app *app, const struct handover_start *start)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < start->sockets_n; i++) {
        must(start->ports[i] < SERVE_PORTS);
        struct listener_options options = ports[start->ports[i]].options;
        options.arg = app;
        err = server_adopt(app->server, start->sockets[i], &options);
    }
    return err;
}
