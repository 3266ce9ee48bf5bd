/* SPDX-License-Identifier: Apache-2.0 */
/* DELE, RSET, NOOP, QUIT. */
#include "pop3/internal.h"

#include "base/log.h"
#include "base/metrics.h"

#include <inttypes.h>

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

enum step pop3_cmd_dele(struct pop3 *p, const struct pop3_line *line)
{
    size_t i;
    const struct mail_entry *e = pop3_message(p, line->arg[0], &i);
    if (e == NULL)
        return STEP_DONE;
    if (p->deleted == NULL)
        p->deleted = calloc((p->view.n + 7) / 8, 1);
    if (p->deleted == NULL) {
        pop3_err_of(p, ERR_NOMEM);
        return STEP_DONE;
    }
    p->deleted[i / 8] = (uint8_t)(p->deleted[i / 8] | 1u << (i % 8));
    p->deleted_n++;
    p->deleted_bytes += e->size;
    pop3_ok(p, "Message %zu deleted", i + 1);
    return STEP_DONE;
}

enum step pop3_cmd_rset(struct pop3 *p, const struct pop3_line *line)
{
    (void)line;
    free(p->deleted);
    p->deleted = NULL;
    p->deleted_n = 0;
    p->deleted_bytes = 0;
    pop3_ok(p, "%zu messages (%" PRIu64 " octets)", p->view.n, p->bytes);
    return STEP_DONE;
}

enum step pop3_cmd_noop(struct pop3 *p, const struct pop3_line *line)
{
    (void)line;
    pop3_ok(p, "Still here");
    return STEP_DONE;
}

/* The UPDATE state (RFC 1939 §6). What somebody else has removed meanwhile is no error. */
static int quit_update(struct pop3 *p)
{
    size_t n = 0, removed = 0;
    if (p->deleted_n == 0)
        return 0;
    struct mail_uid *uids = calloc(p->deleted_n, sizeof(*uids));
    if (uids == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < p->view.n; i++)
        if (pop3_is_deleted(p, i))
            uids[n++] = p->view.v[i].uid;
    must(n == p->deleted_n);
    int err = mailbox_expunge(p->server->mail, p->account, p->view.mailbox, uids, n,
                              p->server->config->pop3_keep_days * day_ms, &removed);
    free(uids);
    metric_add(METRIC_POP3_DELETED, (int64_t)removed);
    log_event(err == 0 ? LOG_INFO : LOG_ERROR, "pop3.deleted", LOG_Z("account", p->address),
              LOG_I("asked", n), LOG_I("removed", removed), LOG_Z("result", err_name(err)));
    return err;
}

enum step pop3_cmd_quit(struct pop3 *p, const struct pop3_line *line)
{
    (void)line;
    int err = p->state == POP3_TRANSACTION ? quit_update(p) : 0;
    if (err == 0)
        pop3_ok(p, "Goodbye");
    else
        pop3_err(p, err == ERR_CORRUPT ? "SYS/PERM" : "SYS/TEMP",
                 "Some deleted messages were not removed: %s", err_text(err));
    pop3_logout(p);
    return STEP_CLOSE;
}
