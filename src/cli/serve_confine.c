/* SPDX-License-Identifier: Apache-2.0 */
/* From the master's rights to those of the jail, before the first thread and the first byte of the
 * store. */
#include "base/err.h"
#include "base/log.h"
#include "cli/serve_app.h"

#include <openssl/ssl.h>
#include <unistd.h>

enum { FOLDERS_MAX = 4 };

/* The store's folder and the working folders of the data folder. What does not exist, or is closed
 * to us, is left out: whoever needs it has the better sentence. */
static size_t folders(const struct config *config, struct buf text[], const char *out[])
{
    static const char *const below[] = {"tmp", "quarantine"};
    size_t n = 0;
    struct span store = span_str(config->store);
    for (size_t i = 0; i <= COUNT_OF(below); i++) {
        struct buf *b = &text[n];
        buf_init(b, 8192);
        if (i < COUNT_OF(below))
            buf_printf(b, "%s/%s", config->data, below[i]);
        else if (span_skip(&store, SPAN("rocksdb:")))
            buf_put(b, store);
        buf_putc(b, '\0');
        if (b->err == 0 && access(b->p, R_OK | W_OK | X_OK) == 0)
            out[n++] = b->p;
        else
            buf_done(b);
    }
    out[n] = NULL;
    return n;
}

static int enter_jail(struct app *app, const struct config *config, struct buf *why)
{
    struct buf text[FOLDERS_MAX];
    const char *write[FOLDERS_MAX];
    struct jail_report report;
    size_t n = folders(config, text, write);
    const struct jail_options options = {.role = JAIL_SERVER, .write = write};
    int err = jail_enter(&options, why, &report);
    if (err == 0) {
        struct buf words;
        buf_init(&words, sizeof app->confinement);
        jail_describe(&report, &words);
        must(span_to_cstr(buf_span(&words), app->confinement, sizeof app->confinement));
        buf_done(&words);
        log_event(report.landlock_scope ? LOG_INFO : LOG_WARN, "server.confined",
                  LOG_Z("user", app->user), LOG_Z("by", app->confinement));
    }
    while (n > 0)
        buf_done(&text[--n]);
    return err;
}

int app_confine(struct app *app, const struct config *config, struct buf *why)
{
    const struct jail_identity *who = &app->start.who;
    (void)OPENSSL_init_ssl(0, NULL); /* reads its configuration, and loads what that names */
    int err = jail_become(who, why);
    if (err == 0)
        err = jail_die_with_parent(app->start.master);
    if (err != 0)
        return err;
    if (who->change)
        (void)snprintf(app->user, sizeof app->user, "%s", who->name);
    else
        (void)snprintf(app->user, sizeof app->user, geteuid() == 0 ? "root" : "%u", geteuid());
    if (geteuid() == 0)
        log_event(LOG_WARN, "server.root",
                  LOG_Z("why", "running as root; set server.user to a user without rights"));
    if (config->sandbox)
        return enter_jail(app, config, why);
    (void)snprintf(app->confinement, sizeof app->confinement,
                   "NOT CONFINED (server.sandbox = off)");
    log_event(LOG_WARN, "server.not_confined",
              LOG_Z("why", "server.sandbox is off: that is for debugging, never for service"));
    return 0;
}
