/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: made, listed, shown. What changes one is in admin_account_change.c. */
#include "base/limits.h"
#include "directory/address.h"
#include "web/admin_private.h"

static const char *status_name(const struct account *a)
{
    switch (a->status) {
    case ACCOUNT_ACTIVE: return "active";
    case ACCOUNT_SUSPENDED: return "suspended";
    case ACCOUNT_REMOVED: return a->purging ? "purging" : "removed";
    case ACCOUNT_DAMAGED: break;
    }
    return "damaged";
}

static void put_account(struct json_out *j, const struct account *a)
{
    json_text(j, "address", a->address);
    json_text(j, "name", a->name);
    json_text(j, "class", a->class_name);
    json_cstr(j, "status", status_name(a));
    json_time(j, "created", a->created_ms);
    if (a->status == ACCOUNT_REMOVED)
        json_time(j, "removed", a->removed_ms);
}

/* No login for as long as its class says; one that has never logged in counts from its making. */
static int
is_inactive(struct admin *admin, const struct account *a, int64_t last_login_ms, bool *out)
{
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    struct class_of_service class;
    struct arena *arena = arena_new(LIMIT_SESSION_ARENA);
    if (arena == NULL)
        return ERR_NOMEM;
    int err = class_get(admin->directory, a->class_name, arena, &class);
    int64_t since = last_login_ms > a->created_ms ? last_login_ms : a->created_ms;
    int64_t idle_ms = admin->clock->wall_ms(admin->clock) - since;
    *out = err == 0 && a->status == ACCOUNT_ACTIVE && class.inactivity_days > 0 && idle_ms > 0 &&
           (uint64_t)(idle_ms / day_ms) >= class.inactivity_days;
    arena_free(arena);
    return err == ERR_NOT_FOUND ? 0 : err;
}

/* With ?inactive=yes only those are listed. An attempts record that cannot be read hides nobody. */
static int
put_listed(struct json_out *j, struct http_request *r, const struct account *a, bool only)
{
    struct auth_history history = {0};
    bool inactive = false;
    if (only) {
        int err = auth_history_get(admin_of(r)->auth, a->address, r->arena, &history);
        if (err == 0 || err == ERR_CORRUPT || err == ERR_NOT_FOUND)
            err = is_inactive(admin_of(r), a, history.last_login_ms, &inactive);
        if (err != 0 || !inactive)
            return err;
    }
    json_begin(j, NULL, '{');
    put_account(j, a);
    if (only)
        json_time(j, "last_login", history.last_login_ms);
    json_end(j, '}');
    return 0;
}

int admin_account_list(struct http_request *r)
{
    struct admin_page page;
    struct account *v;
    size_t n;
    int err = admin_page(r, &page);
    if (err == 0)
        err = account_list(admin_of(r)->directory, page.domain, page.after, page.limit, r->arena,
                           &v, &n);
    if (err != 0)
        return err;
    struct span inactive = SPAN_EMPTY;
    bool only = http_query(r, SPAN("inactive"), &inactive);
    if (only && !span_eq(inactive, SPAN("yes")))
        return admin_fail(r, ERR_INVALID, "inactive can only be \"yes\"");
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, "accounts", '[');
    for (size_t i = 0; i < n; i++) {
        err = put_listed(&j, r, &v[i], only);
        if (err != 0)
            return err;
    }
    json_end(&j, ']');
    json_text(&j, "next", n == page.limit ? v[n - 1].address : SPAN_EMPTY);
    return admin_done(r, &j);
}

/* ---- showing ----------------------------------------------------------------------------- */

static int
put_quota(struct json_out *j, struct admin *admin, const struct account *a, struct arena *arena)
{
    struct mail_quota used;
    struct class_of_service limits = {0};
    int err = mailbox_quota(admin->mail, a->id, &used);
    if (err == 0)
        err = class_get(admin->directory, a->class_name, arena, &limits);
    if (err == ERR_NO_USER || err == ERR_NOT_FOUND) /* shown without: the rest still helps */
        return 0;
    if (err != 0)
        return err;
    json_begin(j, "quota", '{');
    json_uint(j, "bytes", used.bytes);
    json_uint(j, "bytes_max", limits.quota_bytes);
    json_uint(j, "messages", used.messages);
    json_uint(j, "messages_max", limits.quota_messages);
    json_uint(j, "restorable_bytes", used.restorable_bytes);
    json_uint(j, "restorable_messages", used.restorable_messages);
    json_end(j, '}');
    return 0;
}

static int
put_history(struct json_out *j, struct admin *admin, const struct account *a, struct arena *arena)
{
    struct auth_history history;
    bool inactive = false;
    int err = auth_history_get(admin->auth, a->address, arena, &history);
    if (err == 0)
        err = is_inactive(admin, a, history.last_login_ms, &inactive);
    if (err != 0)
        return err;
    json_time(j, "last_login", history.last_login_ms);
    json_bool(j, "inactive", inactive);
    json_begin(j, "attempts", '[');
    for (size_t i = 0; i < history.attempts_n; i++) {
        const struct auth_attempt *at = &history.attempts[i];
        json_begin(j, NULL, '{');
        json_time(j, "at", at->at_ms);
        admin_put_network(j, "network", at->net);
        json_bool(j, "ok", at->ok);
        json_text(j, "service", at->service);
        json_end(j, '}');
    }
    json_end(j, ']');
    json_begin(j, "locks", '[');
    for (size_t i = 0; i < history.locks_n; i++) {
        json_begin(j, NULL, '{');
        admin_put_network(j, "network", history.locks[i].net);
        json_time(j, "until", history.locks[i].until_ms);
        json_uint(j, "failures", history.locks[i].failures);
        json_end(j, '}');
    }
    json_end(j, ']');
    return 0;
}

static int show(struct http_request *r, int status, struct span address)
{
    struct admin *admin = admin_of(r);
    struct account a;
    int err = account_get(admin->directory, address, r->arena, &a);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, status);
    json_begin(&j, "account", '{');
    put_account(&j, &a);
    json_text(&j, "credentials", auth_credentials_describe(a.credentials, r->arena));
    err = put_quota(&j, admin, &a, r->arena);
    if (err == 0)
        err = put_history(&j, admin, &a, r->arena);
    if (err != 0)
        return err;
    json_end(&j, '}');
    return admin_done(r, &j);
}

int admin_account_show(struct http_request *r)
{
    return show(r, 200, r->params[0]);
}

/* ---- making ------------------------------------------------------------------------------ */

static int credentials(struct admin *admin,
                       const struct admin_new_account *in,
                       struct arena *a,
                       struct buf *why,
                       struct span *out)
{
    *out = SPAN_EMPTY;
    if (in->password.n > 0 && in->password_hash.n > 0) {
        buf_puts(why, "Give a password or a hash of one, not both");
        return ERR_INVALID;
    }
    int err = 0;
    if (in->password.n > 0) {
        err = auth_credentials_make(admin->auth, in->password, a, out);
        if (err == ERR_INVALID)
            buf_printf(why, "A password has 1 to %d bytes and no NUL", LIMIT_PASSWORD);
    } else if (in->password_hash.n > 0) {
        err = auth_credentials_import(admin->auth, in->password_hash, a, out);
        if (err == ERR_UNSUPPORTED || err == ERR_INVALID)
            buf_puts(why, "This kind of password hash is not known here");
    }
    return err;
}

/* The mail first, then the address that leads to it: see account_id_reserve. */
static int make(struct admin *admin, struct account *account, struct arena *a)
{
    struct address address;
    int err = address_normalize(account->address, a, &address);
    if (err == 0)
        err = account_id_reserve(admin->directory, &account->id);
    if (err == 0)
        err = mailbox_account_create(admin->mail, account->id, address.whole);
    if (err != 0)
        return err;
    account->address = address.whole;
    uint64_t id = 0;
    err = account_add(admin->directory, account, &id);
    /* after a failed write, also one to a full disk, the record may be there when the store has
     * repaired itself (docs/store.md): its mail stays */
    if (err == 0 || err == ERR_IO || err == ERR_DISK_FULL)
        return err;
    int undone = mailbox_account_destroy(admin->mail, account->id);
    return undone != 0 ? undone : err;
}

static void explain_invalid(struct admin *admin,
                            const struct admin_new_account *in,
                            struct arena *a,
                            struct buf *why)
{
    struct domain domain;
    struct address address;
    if (address_normalize(in->address, a, &address) == 0 &&
        domain_get(admin->directory, address.domain, a, &domain) == 0 && domain.alias_of.n > 0)
        buf_printf(why, "%.*s is another name of %.*s; make the account there",
                   SPAN_ARG(domain.name), SPAN_ARG(domain.alias_of));
    else
        buf_puts(why, "The name is a text of at most 255 bytes");
}

int admin_account_make(struct admin *admin,
                       const struct admin_new_account *in,
                       struct arena *a,
                       struct buf *why,
                       struct span *address_out)
{
    struct account account = {
        .address = in->address, .name = in->name, .class_name = in->class_name};
    struct account old = {0};
    /* asked first: a hash takes long, and an import that is run again finds most accounts made */
    int err = account_get(admin->directory, in->address, a, &old);
    if (err == 0)
        err = ERR_EXISTS;
    else if (err == ERR_NO_USER)
        err = credentials(admin, in, a, why, &account.credentials);
    if (err == 0)
        err = make(admin, &account, a);
    if (why->n > 0)
        return err;
    if (err == ERR_EXISTS && old.purging)
        buf_printf(why, "%.*s is being purged; purge it again to get its address free",
                   SPAN_ARG(in->address));
    else if (err == ERR_EXISTS && old.status == ACCOUNT_REMOVED)
        buf_printf(why, "%.*s was removed and can still be restored; restore or purge it first",
                   SPAN_ARG(in->address));
    else if (err == ERR_EXISTS)
        buf_printf(why, "%.*s exists already", SPAN_ARG(in->address));
    else if (err == ERR_INVALID)
        explain_invalid(admin, in, a, why);
    else if (err == ERR_NOT_FOUND)
        buf_printf(why, "There is no class %.*s", SPAN_ARG(in->class_name));
    if (err == 0)
        *address_out = account.address;
    return err;
}

int admin_account_add(struct http_request *r)
{
    struct admin_new_account in = {0};
    const struct json_member members[] = {
        {"address", JSON_IN_TEXT, &in.address, NULL, true},
        {"password", JSON_IN_TEXT, &in.password, NULL, false},
        {"password_hash", JSON_IN_TEXT, &in.password_hash, NULL, false},
        {"name", JSON_IN_TEXT, &in.name, NULL, false},
        {"class", JSON_IN_TEXT, &in.class_name, NULL, false},
    };
    struct buf why;
    struct span address = SPAN_EMPTY;
    buf_init(&why, 1024);
    int err = json_read(r, members, COUNT_OF(members));
    if (err == 0)
        err = admin_account_make(admin_of(r), &in, r->arena, &why, &address);
    if (err == 0)
        err = show(r, 201, address);
    else if (err < 0 && why.n > 0)
        err = admin_fail(r, err, "%.*s", SPAN_ARG(buf_span(&why)));
    buf_done(&why);
    return err;
}
