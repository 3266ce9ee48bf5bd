/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the serving process, the child of master.c: what the master gives, the jail, store,
 * rooms, serve, and all of it back in the opposite order. What is wrong is said on standard error,
 * one sentence a problem, before the server answers on any port. */
#include "cli/serve.h"

#include "base/err.h"
#include "base/flight.h"
#include "base/log.h"
#include "base/quarantine.h"
#include "cli/serve_app.h"
#include "smtp/rate.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    EXIT_TROUBLE = 1,
    JANITOR_FIRST_MS = 60 * 1000,
    JANITOR_EVERY_MS = 3600 * 1000,
};

static int fail(const char *what, const struct buf *why, int err)
{
    struct span text = buf_span(why);
    if (text.n > 0)
        fprintf(stderr, "mailstead: %.*s\n", SPAN_ARG(span_trim(text)));
    else
        fprintf(stderr, "mailstead: %s: %s\n", what, err_text(err));
    return EXIT_TROUBLE;
}

/* ---- signals ----------------------------------------------------------------------------- */

static void handled_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1); /* sent by ourselves to end the thread */
}

static void reload(struct app *app)
{
    struct buf why;
    buf_init(&why, 64 * 1024);
    if (app_reload(app, &why) != 0) /* logged there; the old configuration stays */
        buf_clear(&why);
    buf_done(&why);
}

static void stop(struct app *app, unsigned number)
{
    log_event(LOG_INFO, "server.stopping",
              LOG_Z("signal", number == SIGTERM ? "SIGTERM" : "SIGINT"));
    __atomic_store_n(&app->stopping, true, __ATOMIC_RELAXED);
    server_stop(app->server);
}

/* Signals, and the end of the master: the kernel kills us with it (jail_die_with_parent), but where
 * somebody has taken that away there is still the socketpair's other end. */
static void *signal_thread(void *arg)
{
    struct app *app = arg;
    for (;;) {
        struct pollfd fds[] = {{.fd = app->signal_fd, .events = POLLIN}, {.fd = app->control}};
        struct signalfd_siginfo info;
        if (poll(fds, COUNT_OF(fds), -1) <= 0)
            continue;
        if (fds[1].revents != 0)
            _exit(EXIT_TROUBLE);
        if (read(app->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
            continue;
        if (info.ssi_signo == SIGUSR1)
            return NULL;
        if (info.ssi_signo == SIGHUP)
            reload(app);
        else
            stop(app, info.ssi_signo);
    }
}

/* ---- what the admin API asks of the server ------------------------------------------------ */

static void admin_status(void *arg, struct admin_status *out)
{
    struct app *app = arg;
    struct server_stats stats;
    server_stats(app->server, &stats);
    out->started_ms = app->started_ms;
    out->connections = stats.conns;
    out->workers_busy = stats.workers_busy;
    out->queue = stats.queue;
    out->restarts = (int64_t)app->start.restarts;
    out->user = app->user;
    out->confinement = app->confinement;
    pthread_mutex_lock(&app->reload_lock);
    out->tls = tls_context_ref(app->tls);
    pthread_mutex_unlock(&app->reload_lock);
}

static int admin_reload(void *arg, struct buf *why)
{
    return app_reload(arg, why);
}

static const struct config *admin_config(void *arg)
{
    return app_now(arg)->config;
}

/* ---- janitor ----------------------------------------------------------------------------- */

static void janitor_run(void *arg)
{
    struct app *app = arg;
    struct janitor_result result;
    janitor_pass(&app->janitor, &result);
    if (!__atomic_load_n(&app->stopping, __ATOMIC_RELAXED) &&
        server_after(app->server, JANITOR_EVERY_MS, janitor_run, app) != 0)
        log_event(LOG_ERROR, "janitor.lost",
                  LOG_Z("why", "no memory to plan the next pass; restart the server"));
}

/* ---- rooms ------------------------------------------------------------------------------- */

static int open_store(struct app *app, const struct config *config, struct buf *why)
{
    struct store_options options = {.clock = app->clock, .rng = app->rng};
    size_t n = strlen(config->data) + sizeof "/tmp";
    app->spool_dir = malloc(n);
    if (app->spool_dir == NULL)
        return ERR_NOMEM;
    (void)snprintf(app->spool_dir, n, "%s/tmp", config->data);
    app->spools.dir = app->spool_dir;
    return store_open(config->store, &options, why, &app->store);
}

static int open_rooms(struct app *app, const struct config *config)
{
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    struct directory_options directory = {
        .store = app->store,
        .clock = app->clock,
        .rng = app->rng,
        .sub_address = config->sub_address,
        .postmaster = config->postmaster,
        .remove_grace_ms = config->remove_grace_days * day_ms,
    };
    int err = directory_new(&directory, &app->directory);
    if (err != 0)
        return err;
    struct auth_options auth = {
        .directory = app->directory,
        .store = app->store,
        .clock = app->clock,
        .rng = app->rng,
        .config = config,
    };
    err = auth_new(&auth, &app->auth);
    if (err != 0)
        return err;
    app->rates = smtp_rates_new(app->clock);
    if (app->rates == NULL)
        return ERR_NOMEM;
    app->mail = (struct mail){
        .store = app->store,
        .clock = app->clock,
        .rng = app->rng,
        .expunge_grace_ms = config->expunge_grace * 1000,
    };
    app->delivery = (struct delivery){
        .directory = app->directory,
        .mail = &app->mail,
        .store = app->store,
        .clock = app->clock,
    };
    app->janitor = (struct janitor){
        .store = app->store,
        .directory = app->directory,
        .auth = app->auth,
        .mail = &app->mail,
        .clock = app->clock,
        .remove_grace_ms = directory.remove_grace_ms,
        .stopping = &app->stopping,
    };
    app->admin = (struct admin){
        .directory = app->directory,
        .auth = app->auth,
        .mail = &app->mail,
        .delivery = &app->delivery,
        .store = app->store,
        .clock = app->clock,
        .rng = app->rng,
        .spools = &app->spools,
        .arg = app,
        .config = admin_config,
        .status = admin_status,
        .reload = admin_reload,
    };
    return 0;
}

static void app_close(struct app *app)
{
    server_free(app->server);
    auth_free(app->auth);
    smtp_rates_free(app->rates);
    directory_free(app->directory);
    store_close(app->store);
    tls_context_unref(app->tls);
    while (app->now != NULL) {
        struct generation *older = app->now->older;
        config_unref(app->now->config);
        free(app->now);
        app->now = older;
    }
    free(app->spool_dir);
}

/* ---- life -------------------------------------------------------------------------------- */

static int make_server(struct app *app, const struct config *config, struct buf *why)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t connections;
    app_budgets(app, config, &connections);
    struct ip_net *nets = calloc(config->proxy_from.n + 1, sizeof *nets);
    if (nets == NULL)
        return ERR_NOMEM;
    int err = 0;
    for (size_t i = 0; err == 0 && i < config->proxy_from.n; i++)
        if (!ip_net_parse(span_str(config->proxy_from.v[i]), &nets[i])) {
            buf_printf(why,
                       "listen.proxy_from: \"%s\" is not a network; write for example 10.1.0.0/16",
                       config->proxy_from.v[i]);
            err = ERR_INVALID;
        }
    struct server_options options = {
        .clock = app->clock,
        .rng = app->rng,
        .loops = config->loops > 0 ? (unsigned)config->loops : (unsigned)(cores < 1 ? 1 : cores),
        .workers = (unsigned)config->threads,
        .conn_max = connections,
        .conn_per_ip = config->conn_per_ip,
        .buffers = &app->buffers,
        .read_rate = config->read_rate,
        .times = {.proxy_ms = config->handshake_timeout * 1000,
                  .handshake_ms = config->handshake_timeout * 1000,
                  .pace_ms = config->read_window * 1000,
                  .stop_ms = config->stop_time * 1000},
        .proxy_from = nets,
        .proxy_from_n = config->proxy_from.n,
    };
    if (err == 0)
        err = server_new(&options, &app->server);
    free(nets);
    return err;
}

static int serve_until_stopped(struct app *app, const struct config *config)
{
    pthread_t signals;
    if (pthread_create(&signals, NULL, signal_thread, app) != 0)
        return ERR_NOMEM;
    log_event(LOG_INFO, "server.ready", LOG_Z("hostname", config->hostname),
              LOG_Z("config", config->path));
    int err = server_after(app->server, JANITOR_FIRST_MS, janitor_run, app);
    if (err == 0)
        err = server_run(app->server);
    pthread_kill(signals, SIGUSR1);
    pthread_join(signals, NULL);
    log_event(LOG_INFO, "server.stopped");
    return err;
}

/* Without the list there is still the counting of crashes: no reason not to serve. */
static void quarantine_begin(struct app *app, const struct config *config)
{
    char folder[4096];
    int n = snprintf(folder, sizeof folder, "%s/" QUARANTINE_FOLDER, config->data);
    int err = n < 0 || (size_t)n >= sizeof folder
                  ? ERR_INVALID
                  : quarantine_open(folder, MAILSTEAD_VERSION, app->clock->wall_ms(app->clock));
    if (err != 0)
        log_event(LOG_ERROR, "quarantine.unreadable", LOG_Z("folder", folder), LOG_ERR(err));
}

/* Everything up to serving. On error `why` has the sentence. */
static int app_open(struct app *app, struct handover *h, struct buf *why)
{
    struct config *config = h->config;
    app_log_use(app, h);
    app->start = h->start;
    int err = app_confine(app, config, why);
    if (err == 0)
        quarantine_begin(app, config);
    if (err == 0)
        err = make_server(app, config, why);
    if (err == 0)
        err = app_tls_load(app, h, why);
    if (err == 0)
        err = app_adopt(app, &app->start);
    if (err == 0)
        err = open_store(app, config, why);
    if (err == 0)
        err = open_rooms(app, config);
    if (err == 0)
        err = app_generation_push(app, config_ref(config));
    return err;
}

static int watch_signals(struct app *app)
{
    sigset_t set;
    handled_signals(&set);
    /* before any thread is made: only signal_thread takes them */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return ERR_IO;
    (void)signal(SIGPIPE, SIG_IGN);
    app->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return app->signal_fd < 0 ? err_from_errno(errno) : 0;
}

/* The C library gives freed memory back to the kernel early, and the next message pays for each of its
 * pages again. Up to 4 MiB (a chunk of a message and its copies) are not mapped by themselves, and
 * what lies free at the end of a heap is kept up to 8 MiB. */
static void memory_keep(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 4 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

int serve_child_run(void)
{
    struct app app = {.clock = clock_system(),
                      .rng = rng_system(),
                      .control = SERVE_CHILD_FD,
                      .log_fd = -1,
                      .signal_fd = -1};
    struct handover h = {.log_fd = -1};
    struct buf why;

    memory_keep();
    buf_init(&why, 64 * 1024);
    pthread_mutex_init(&app.reload_lock, NULL);
    app.started_ms = app.clock->wall_ms(app.clock);
    (void)prctl(PR_SET_NAME, "mailstead", 0, 0, 0); /* execution by descriptor leaves a number */
    (void)fcntl(app.control, F_SETFD, FD_CLOEXEC);

    int err = flight_open(SERVE_FLIGHT_FD);
    close(SERVE_FLIGHT_FD);
    if (err == 0)
        err = watch_signals(&app);
    if (err == 0)
        err = handover_get(app.control, HANDOVER_START, &h, &why);
    if (err == 0)
        err = app_open(&app, &h, &why);
    struct config *config = h.config == NULL ? NULL : config_ref(h.config);
    handover_done(&h); /* wipes the keys */
    if (err == 0) {
        must(config != NULL);
        handover_taken(app.control);
        err = serve_until_stopped(&app, config);
    }
    int code = err == 0 ? 0 : fail("the server could not start", &why, err);
    app_close(&app);
    config_unref(config);
    pthread_mutex_destroy(&app.reload_lock);
    buf_done(&why);
    return code;
}
