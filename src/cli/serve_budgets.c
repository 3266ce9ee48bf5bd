/* SPDX-License-Identifier: Apache-2.0 */
/* What all sessions together may take. Descriptors are shared out here: without a rule the clients'
 * connections and their half-sent messages would take the last one, and the store, which must open
 * files to go on, would stop for everybody. */
#include "base/log.h"
#include "cli/serve_app.h"

#include <sys/resource.h>

enum {
    STORE_FILES =
        512 + 64,   /* RocksDB's max_open_files (store/rocksdb_open.c), and its log and lock */
    OWN_FILES = 64, /* ports, event loops, certificates being read, the log */
    SPOOLS_LEAST = 64,
    CONNECTIONS_LEAST = 10,
};

/* As many descriptors as the system allows: one connection needs one. */
static int64_t descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            limit.rlim_cur = before;
    }
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

void app_budgets(struct app *app, const struct config *config, int64_t *connections_out)
{
    int64_t all = descriptors();
    int64_t clients = all - STORE_FILES - OWN_FILES;
    int64_t connections = config->conn_max;
    if (connections > clients - SPOOLS_LEAST) {
        connections = clients - SPOOLS_LEAST;
        if (connections < CONNECTIONS_LEAST)
            connections = CONNECTIONS_LEAST;
        log_event(LOG_WARN, "server.few_descriptors", LOG_I("descriptors", all),
                  LOG_I("connections", connections),
                  LOG_Z("why", "raise the limit (ulimit -n, LimitNOFILE=) to "
                               "server.connections and a thousand, or lower that key"));
    }
    app->buffers.max = config->buffers;
    app->spools.memory = &app->buffers;
    app->spools.bytes.max = config->spool_bytes;
    app->spools.files.max =
        clients - connections > SPOOLS_LEAST ? clients - connections : SPOOLS_LEAST;
    *connections_out = connections;
}
