/* SPDX-License-Identifier: Apache-2.0 */
/* One pass walks the accounts of the directory page by page, so memory does not grow with their
 * number, and asks the mailbox room to do each thing in small transactions. Everything is
 * idempotent: a pass cut short by a stop or a crash is taken up by the next one. */
#include "cli/janitor.h"

#include "base/err.h"
#include "base/flight.h"
#include "base/log.h"

enum {
    JANITOR_PAGE = 256,   /* accounts in memory at once */
    JANITOR_SLICE = 1000, /* messages purged in one transaction */
    JANITOR_ARENA = 4 << 20,
    COLLECT_SLICE = 1000,
};
static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
static const int64_t collect_grace_ms = INT64_C(3600) * 1000;

static bool janitor_stops(const struct janitor *j)
{
    return __atomic_load_n(j->stopping, __ATOMIC_RELAXED);
}

/* The classes of service of one pass, read once: there are few of them and many accounts. */
struct classes {
    struct class_of_service *v;
    size_t n;
};

static const struct class_of_service *class_of(const struct classes *c, struct span name)
{
    for (size_t i = 0; i < c->n; i++)
        if (span_eq(c->v[i].name, name))
            return &c->v[i];
    return NULL;
}

static void
janitor_failed(struct janitor_result *out, const char *what, struct span address, int err)
{
    out->errors++;
    log_event(LOG_WARN, "janitor.failed", LOG_Z("task", what), LOG_S("account", address),
              LOG_ERR(err));
}

/* Expunges what is older than `days` in one mailbox. Views come in order of UID, not of age, so all
 * entries are looked at. */
static int retire_old(
    const struct janitor *j, account_id id, struct mailbox_id box, uint64_t days, uint64_t *retired)
{
    int64_t before = j->clock->wall_ms(j->clock) - (int64_t)days * day_ms;
    struct mail_view view;
    int err = mailbox_view_load(j->mail, id, box, SIZE_MAX, &view);
    if (err != 0)
        return err;
    struct mail_uid *old = calloc(view.n == 0 ? 1 : view.n, sizeof *old);
    size_t n = 0, removed = 0;
    if (old == NULL) {
        err = ERR_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < view.n; i++)
        if (view.v[i].received_ms < before)
            old[n++] = view.v[i].uid;
    if (n > 0)
        err = mailbox_expunge(j->mail, id, box, old, n, 0, &removed);
    *retired += removed;
out:
    free(old);
    mailbox_view_done(&view);
    return err;
}

static int retention(const struct janitor *j,
                     account_id id,
                     const struct class_of_service *c,
                     uint64_t *retired)
{
    int err = 0;
    struct arena *a = arena_new(JANITOR_ARENA);
    struct mailbox box;
    if (a == NULL)
        return ERR_NOMEM;
    for (int use = USE_INBOX; err == 0 && use < USE_COUNT; use++) {
        if (c->retention_days[use] == 0)
            continue;
        err = mailbox_find_use(j->mail, id, (enum special_use)use, a, &box);
        if (err == 0)
            err = retire_old(j, id, box.id, c->retention_days[use], retired);
        else if (err == ERR_NOT_FOUND)
            err = 0;
    }
    arena_free(a);
    return err;
}

static int purge_expunged(const struct janitor *j, account_id id, uint64_t *purged)
{
    size_t n;
    do {
        int err = mailbox_purge(j->mail, id, JANITOR_SLICE, &n);
        if (err != 0)
            return err;
        *purged += n;
    } while (n == JANITOR_SLICE && !janitor_stops(j));
    return 0;
}

/* The directory record goes last: a crash before leaves a directory record that the next pass finds.
 * Asked again in the transaction that begins it, for somebody may have restored the account since it
 * was listed. 0: purged, or no longer to be. */
static int purge_account(const struct janitor *j, const struct account *account, uint64_t *purged)
{
    uint64_t id;
    int64_t until = j->clock->wall_ms(j->clock) - j->remove_grace_ms;
    int err = account_purge_begin(j->directory, account->address, until, &id);
    if (err == ERR_INVALID || err == ERR_NO_USER)
        return 0;
    if (err == 0)
        err = mailbox_account_destroy(j->mail, id);
    if (err == 0)
        err = auth_account_forget(j->auth, account->address);
    if (err == 0)
        err = account_purge(j->directory, account->address);
    if (err == ERR_NO_USER || err == ERR_INVALID) /* by somebody else; it may even be there anew */
        return 0;
    if (err == 0) {
        ++*purged;
        log_event(LOG_INFO, "account.purged", LOG_S("account", account->address), LOG_I("id", id));
    }
    return err;
}

/* The operator may have purged it since it was listed. */
static bool is_purged(const struct janitor *j, const struct account *account)
{
    struct account now;
    struct arena *a = arena_new(JANITOR_ARENA);
    if (a == NULL)
        return false;
    int err = account_get(j->directory, account->address, a, &now);
    bool purged = err == ERR_NO_USER || (err == 0 && (now.id != account->id || now.purging));
    arena_free(a);
    return purged;
}

static void mail_failed(const struct janitor *j,
                        const struct account *account,
                        struct janitor_result *out,
                        const char *task,
                        int err)
{
    if (err != ERR_NO_USER || !is_purged(j, account))
        janitor_failed(out, task, account->address, err);
}

static void one_account(const struct janitor *j,
                        const struct account *account,
                        const struct classes *classes,
                        struct janitor_result *out)
{
    int err;
    if (account->status == ACCOUNT_DAMAGED) {
        janitor_failed(out, "account", account->address, ERR_CORRUPT);
        return;
    }
    if (account->status == ACCOUNT_REMOVED &&
        (account->purging ||
         account->removed_ms + j->remove_grace_ms <= j->clock->wall_ms(j->clock))) {
        err = purge_account(j, account, &out->accounts);
        if (err != 0)
            janitor_failed(out, "purge-account", account->address, err);
        return;
    }
    const struct class_of_service *c = class_of(classes, account->class_name);
    if (c != NULL && account->status != ACCOUNT_REMOVED) {
        err = retention(j, account->id, c, &out->retired);
        if (err != 0)
            mail_failed(j, account, out, "retention", err);
    }
    err = purge_expunged(j, account->id, &out->purged);
    if (err != 0)
        mail_failed(j, account, out, "purge-expunged", err);
}

/* An account that the server dies of costs the others nothing but a restart or two. */
static void one_unit(const struct janitor *j,
                     const struct account *account,
                     const struct classes *classes,
                     struct janitor_result *out)
{
    flight_begin(FLIGHT_JOB, (struct ip){{0}});
    flight_key(SPAN("janitor"));
    flight_key_u64(account->id);
    flight_show(SPAN("janitor: "));
    flight_show(account->address);
    int err = flight_go();
    if (err != 0)
        janitor_failed(out, "account", account->address, err);
    else
        one_account(j, account, classes, out);
    flight_end();
}

static void
all_accounts(const struct janitor *j, const struct classes *classes, struct janitor_result *out)
{
    char after_text[512];
    struct span after = SPAN_EMPTY;
    struct arena *a = arena_new(JANITOR_ARENA);
    struct account *page;
    size_t n = 0;
    if (a == NULL) {
        janitor_failed(out, "list", SPAN_EMPTY, ERR_NOMEM);
        return;
    }
    do {
        arena_reset(a);
        int err = account_list(j->directory, SPAN_EMPTY, after, JANITOR_PAGE, a, &page, &n);
        if (err != 0) {
            janitor_failed(out, "list", after, err);
            break;
        }
        for (size_t i = 0; i < n && !janitor_stops(j); i++)
            one_unit(j, &page[i], classes, out);
        if (n > 0) {
            must(span_to_cstr(page[n - 1].address, after_text, sizeof after_text));
            after = span_str(after_text);
        }
    } while (n == JANITOR_PAGE && !janitor_stops(j));
    arena_free(a);
}

static void collect(const struct janitor *j, struct janitor_result *out)
{
    size_t n;
    flight_begin(FLIGHT_JOB, (struct ip){{0}});
    flight_key(SPAN("collect"));
    flight_show(SPAN("janitor: collecting bodies"));
    int held = flight_go();
    if (held != 0) {
        janitor_failed(out, "collect", SPAN_EMPTY, held);
        return;
    }
    do {
        int err = store_collect(j->store, collect_grace_ms, COLLECT_SLICE, &n);
        if (err != 0) {
            janitor_failed(out, "collect", SPAN_EMPTY, err);
            break;
        }
        out->blobs += n;
    } while (n == COLLECT_SLICE && !janitor_stops(j));
    flight_end();
}

void janitor_pass(const struct janitor *j, struct janitor_result *out)
{
    struct classes classes = {0};
    *out = (struct janitor_result){0};
    struct arena *a = arena_new(JANITOR_ARENA);
    int err = a == NULL ? ERR_NOMEM : class_list(j->directory, a, &classes.v, &classes.n);
    if (err != 0)
        janitor_failed(out, "classes", SPAN_EMPTY, err);
    else
        all_accounts(j, &classes, out);
    arena_free(a);
    if (!janitor_stops(j))
        collect(j, out);
    log_event(LOG_INFO, "janitor.pass", LOG_I("purged", out->purged),
              LOG_I("retired", out->retired), LOG_I("accounts", out->accounts),
              LOG_I("blobs", out->blobs), LOG_I("errors", out->errors));
}
