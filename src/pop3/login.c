/* SPDX-License-Identifier: Apache-2.0 */
/* Into the TRANSACTION state and out of it: the view, the lock of pop3.exclusive, LOGIN-DELAY.
 *
 * Both the lock and the delay are leases of the store, so that they hold on every node of a cluster
 * and end by themselves when a node dies. */
#include "pop3/internal.h"

#include "base/log.h"

#include <inttypes.h>

enum {
    LEASE_NAME = 64,
    LEASE_SLACK_MS = 60 * 1000, /* the lease outlives an idle session by this */
    LEASE_RENEW_MS = 60 * 1000,
};

static struct span lease_name(char store[static LEASE_NAME], const char *what, uint64_t account)
{
    int n = snprintf(store, LEASE_NAME, "%s/%" PRIu64, what, account);
    return span_of(store, (size_t)n);
}

static void holder_make(struct pop3 *p, char out[static POP3_HOLDER])
{
    snprintf(out, POP3_HOLDER, "%016" PRIx64, rng_u64(p->server->mail->rng));
}

static int64_t lease_ttl(const struct pop3 *p)
{
    return p->s.timeout_ms + LEASE_SLACK_MS;
}

/* RFC 2449 §6.5 */
static int delay_take(struct pop3 *p, uint64_t account)
{
    char name[LEASE_NAME], holder[POP3_HOLDER];
    int64_t delay_s = p->server->config->pop3_login_delay;
    if (delay_s == 0)
        return 0;
    holder_make(p, holder); /* a new one each time: nobody renews a delay */
    return store_lease_take(p->server->store, lease_name(name, "pop3-delay", account),
                            span_str(holder), delay_s * 1000);
}

static int lock_take(struct pop3 *p, uint64_t account)
{
    char name[LEASE_NAME];
    if (!p->server->config->pop3_exclusive)
        return 0;
    holder_make(p, p->holder);
    int err = store_lease_take(p->server->store, lease_name(name, "pop3", account),
                               span_str(p->holder), lease_ttl(p));
    if (err != 0)
        p->holder[0] = '\0';
    else
        p->lease_ms = p->s.clock->mono_ms(p->s.clock);
    return err;
}

static void lock_drop(struct pop3 *p)
{
    char name[LEASE_NAME];
    if (p->holder[0] == '\0')
        return;
    int err = store_lease_drop(p->server->store, lease_name(name, "pop3", p->account),
                               span_str(p->holder));
    if (err != 0) /* it ends by itself, some minutes later */
        log_event(LOG_WARN, "pop3.lock_not_dropped", LOG_ERR(err));
    p->holder[0] = '\0';
}

void pop3_lease_renew(struct pop3 *p)
{
    char name[LEASE_NAME];
    if (p->holder[0] == '\0')
        return;
    int64_t now = p->s.clock->mono_ms(p->s.clock);
    if (now - p->lease_ms < LEASE_RENEW_MS)
        return;
    p->lease_ms = now;
    int err = store_lease_take(p->server->store, lease_name(name, "pop3", p->account),
                               span_str(p->holder), lease_ttl(p));
    if (err != 0) /* nothing is lost: sessions without a lock are safe too, only not alone */
        log_event(LOG_WARN, "pop3.lock_not_renewed", LOG_ERR(err));
}

/* An account has had its mailboxes since before it had its address: one without was purged since its password
 * was looked at, and the next try hears that. Made again here they would stay for ever. */
static int view_load(struct pop3 *p)
{
    struct mailbox_id inbox = {0};
    int err = mailbox_view_load(p->server->mail, p->account, inbox, LIMIT_POP3_MESSAGES, &p->view);
    return err == ERR_NO_USER ? ERR_UNAVAILABLE : err;
}

static enum step login_refuse(struct pop3 *p, int err)
{
    log_event(LOG_WARN, "pop3.login_refused", LOG_I("account", p->account), LOG_ERR(err));
    pop3_err_of(p, err);
    pop3_logout(p);
    return STEP_DONE;
}

enum step pop3_login(struct pop3 *p, const struct auth_result *result)
{
    p->account = result->account_id;
    int err = pop3_unit_login(p, result->address);
    if (err != 0)
        return login_refuse(p, err);
    err = lock_take(p, p->account);
    if (err == ERR_IN_USE) {
        pop3_err(p, "IN-USE",
                 "Another session has this mailbox open; please try again in a moment");
        return STEP_DONE;
    }
    if (err != 0)
        return login_refuse(p, err);
    err = delay_take(p, p->account);
    if (err == ERR_IN_USE) {
        pop3_err(p, "LOGIN-DELAY",
                 "You have logged in a moment ago; please wait %" PRId64 " seconds in between",
                 p->server->config->pop3_login_delay);
        pop3_logout(p);
        return pop3_mistake(p);
    }
    if (err == 0)
        err = view_load(p);
    if (err != 0)
        return login_refuse(p, err);
    p->address = strndup(result->address.n > 0 ? result->address.p : "", result->address.n);
    p->class_name =
        strndup(result->class_name.n > 0 ? result->class_name.p : "", result->class_name.n);
    if (p->address == NULL || p->class_name == NULL)
        return login_refuse(p, ERR_NOMEM);
    p->bytes = 0;
    for (size_t i = 0; i < p->view.n; i++)
        p->bytes += p->view.v[i].size;
    if (p->view.damaged > 0)
        log_event(LOG_ERROR, "pop3.damaged_entries", LOG_Z("account", p->address),
                  LOG_I("count", p->view.damaged));
    p->state = POP3_TRANSACTION;
    p->s.authenticated = p->s.wakeable = true;
    auth_login_begin(p->server->auth, result, p->s.waker, &p->login);
    log_event(LOG_INFO, "pop3.login", LOG_Z("account", p->address), LOG_I("messages", p->view.n),
              LOG_I("bytes", p->bytes), LOG_B("tls", p->s.tls.on));
    pop3_ok(p, "Logged in, %zu messages (%" PRIu64 " octets)", p->view.n, p->bytes);
    return STEP_DONE;
}

void pop3_logout(struct pop3 *p)
{
    if (p->state == POP3_TRANSACTION)
        log_event(LOG_INFO, "pop3.logout", LOG_Z("account", p->address),
                  LOG_I("retrieved", p->retrieved));
    auth_login_end(p->server->auth, &p->login);
    p->s.authenticated = p->s.wakeable = false;
    lock_drop(p);
    pop3_stream_close(&p->stream);
    mailbox_view_done(&p->view);
    free(p->deleted);
    free(p->address);
    free(p->class_name);
    p->deleted = NULL;
    p->address = p->class_name = NULL;
    p->state = POP3_AUTHORIZATION;
}
