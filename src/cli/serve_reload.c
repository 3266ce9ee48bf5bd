/* SPDX-License-Identifier: Apache-2.0 */
/* What changes while the server runs: the configuration and the certificates. New connections get
 * the new ones, sessions that live keep theirs, nobody is disconnected. */
#include "base/err.h"
#include "base/log.h"
#include "cli/certificates.h"
#include "cli/serve_app.h"

#include <unistd.h>

const struct generation *app_now(struct app *app)
{
    return __atomic_load_n(&app->now, __ATOMIC_ACQUIRE);
}

int app_generation_push(struct app *app, struct config *config)
{
    struct generation *g = calloc(1, sizeof *g);
    if (g == NULL) {
        config_unref(config);
        return ERR_NOMEM;
    }
    g->config = config;
    g->mx = (struct smtp_server){
        .kind = SMTP_MX,
        .config = config,
        .auth = app->auth,
        .directory = app->directory,
        .delivery = &app->delivery,
        .clock = app->clock,
        .rng = app->rng,
        .spools = &app->spools,
        .rates = app->rates,
    };
    g->submission = g->mx;
    g->submission.kind = SMTP_SUBMISSION;
    g->pop3 = (struct pop3_server){
        .config = config,
        .auth = app->auth,
        .mail = &app->mail,
        .store = app->store,
        .clock = app->clock,
        .directory = app->directory,
    };
    g->imap = (struct imap_server){
        .config = config,
        .auth = app->auth,
        .mail = &app->mail,
        .store = app->store,
        .clock = app->clock,
        .directory = app->directory,
        .spools = &app->spools,
    };
    g->older = app->now;
    __atomic_store_n(&app->now, g, __ATOMIC_RELEASE);
    return 0;
}

static void certificates_report(const struct app *app,
                                const struct config *config,
                                const struct tls_context *tls)
{
    static const char *const words[] = {
        [CERTIFICATE_GOOD] = "good",
        [CERTIFICATE_EXPIRED] = "expired",
        [CERTIFICATE_EXPIRES_SOON] = "expires-soon",
        [CERTIFICATE_OTHER_HOST] = "not-for-this-hostname",
    };
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < tls_cert_count(tls); i++) {
        struct tls_cert_info info;
        tls_cert_info(tls, i, app->clock, config->hostname, &info);
        if (info.days_left < least)
            least = info.days_left;
        enum certificate_state state = certificate_state(&info, i);
        log_event(state == CERTIFICATE_GOOD ? LOG_INFO : LOG_WARN, "tls.certificate",
                  LOG_Z("file", info.file), LOG_Z("names", info.subject),
                  LOG_I("days_left", info.days_left), LOG_Z("state", words[state]));
    }
    metric_set(METRIC_TLS_CERT_DAYS, least == INT64_MAX ? 0 : least);
}

int app_tls_load(struct app *app, const struct handover *h, struct buf *why)
{
    struct tls_context *fresh;
    int err =
        certificates_use(h->config, h->cert_pems, h->key_pems, app->clock, app->tls, why, &fresh);
    if (err != 0)
        return err;
    certificates_report(app, h->config, fresh);
    if (app->server != NULL)
        server_set_tls(app->server, fresh);
    tls_context_unref(app->tls);
    app->tls = fresh;
    return 0;
}

void app_log_use(struct app *app, struct handover *h)
{
    int old = app->log_fd;
    log_setup(h->log_fd >= 0 ? h->log_fd : STDERR_FILENO, (enum log_level)h->config->log_level,
              (enum log_format)h->config->log_format);
    app->log_fd = h->log_fd;
    h->log_fd = -1;
    if (old >= 0)
        close(old);
}

static bool list_same(const struct config_list *a, const struct config_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

/* Keys that only a restart can change: told, so that nobody wonders. */
static void restart_report(const struct config *old, const struct config *fresh)
{
    const struct {
        const char *key;
        bool same;
    } keys[] = {
        {"data", strcmp(old->data, fresh->data) == 0},
        {"store", strcmp(old->store, fresh->store) == 0},
        {"admin.socket", strcmp(old->admin_socket, fresh->admin_socket) == 0},
        {"metrics.listen", strcmp(old->metrics_listen, fresh->metrics_listen) == 0},
        {"listen.smtp", list_same(&old->listen_smtp, &fresh->listen_smtp)},
        {"listen.submission", list_same(&old->listen_submission, &fresh->listen_submission)},
        {"listen.submissions", list_same(&old->listen_submissions, &fresh->listen_submissions)},
        {"listen.pop3", list_same(&old->listen_pop3, &fresh->listen_pop3)},
        {"listen.pop3s", list_same(&old->listen_pop3s, &fresh->listen_pop3s)},
        {"listen.imap", list_same(&old->listen_imap, &fresh->listen_imap)},
        {"listen.imaps", list_same(&old->listen_imaps, &fresh->listen_imaps)},
        {"listen.proxy_from", list_same(&old->proxy_from, &fresh->proxy_from)},
        {"server.user", strcmp(old->user, fresh->user) == 0},
        {"server.sandbox", old->sandbox == fresh->sandbox},
        {"server.threads", old->threads == fresh->threads},
        {"server.loops", old->loops == fresh->loops},
        {"server.connections", old->conn_max == fresh->conn_max},
        {"server.connections_per_address", old->conn_per_ip == fresh->conn_per_ip},
        {"auth.threads", old->auth_threads == fresh->auth_threads},
        {"auth.queue", old->auth_queue == fresh->auth_queue},
        {"mailbox.expunged_keep", old->expunge_grace == fresh->expunge_grace},
        {"directory.sub_address_separator", strcmp(old->sub_address, fresh->sub_address) == 0},
        {"directory.removed_keep_days", old->remove_grace_days == fresh->remove_grace_days},
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (!keys[i].same)
            log_event(LOG_WARN, "reload.needs_restart", LOG_Z("key", keys[i].key));
}

int app_reload(struct app *app, struct buf *why)
{
    struct handover h;
    pthread_mutex_lock(&app->reload_lock);
    int err = handover_get(app->control, HANDOVER_RELOAD, &h, why);
    if (err == 0)
        err = app_tls_load(app, &h, why);
    if (err == 0) {
        restart_report(app_now(app)->config, h.config);
        err = app_generation_push(app, config_ref(h.config));
    }
    if (err == 0) {
        auth_reconfigure(app->auth, app_now(app)->config);
        app_log_use(app, &h);
        handover_taken(app->control);
    }
    if (h.log_fd >= 0)
        close(h.log_fd);
    handover_done(&h);
    pthread_mutex_unlock(&app->reload_lock);
    if (err == 0)
        log_event(LOG_INFO, "reload.done");
    else
        log_event(LOG_ERROR, "reload.failed", LOG_S("why", buf_span(why)));
    return err;
}
