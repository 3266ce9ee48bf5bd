/* SPDX-License-Identifier: Apache-2.0 */
/* What changes one account. Each answers {"ok":true}. */
#include "base/limits.h"
#include "web/admin_private.h"

struct change {
    bool has_name, has_class;
    struct span name, class_name, credentials;
    enum account_status status; /* 0: as it is */
};

/* Runs inside a transaction, perhaps several times. */
static int apply(void *arg, struct arena *arena, struct account *a)
{
    const struct change *c = arg;
    (void)arena;
    if (c->has_name)
        a->name = c->name;
    if (c->has_class)
        a->class_name = c->class_name;
    if (c->credentials.n > 0)
        a->credentials = c->credentials;
    if (c->status != 0) {
        if (a->status == ACCOUNT_REMOVED)
            return ERR_INVALID;
        a->status = c->status;
    }
    return 0;
}

/* Was it changed, or may it have been? A store that fails in the middle cannot say. */
static bool may_be_done(int err)
{
    return err == 0 || err_info(err)->temporary;
}

/* Whoever was verified before must be asked again, and open sessions look whether they may go on. */
static int forget(struct admin *admin, struct span address, struct arena *arena, int done)
{
    struct account a;
    int err = may_be_done(done) ? account_get(admin->directory, address, arena, &a) : done;
    if (err == 0)
        auth_forget(admin->auth, a.id);
    return done != 0 ? done : err;
}

int admin_account_set(struct http_request *r)
{
    struct change c = {0};
    const struct json_member members[] = {
        {"name", JSON_IN_TEXT, &c.name, &c.has_name, false},
        {"class", JSON_IN_TEXT, &c.class_name, &c.has_class, false},
    };
    int err = json_read(r, members, COUNT_OF(members));
    if (err == 0)
        err = account_change(admin_of(r)->directory, r->params[0], apply, &c);
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no class %.*s", SPAN_ARG(c.class_name));
    return err != 0 ? err : admin_ok(r, 200);
}

int admin_account_password(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    struct change c = {0};
    struct account account;
    struct span password = SPAN_EMPTY, hash = SPAN_EMPTY;
    const struct json_member members[] = {
        {"password", JSON_IN_TEXT, &password, NULL, false},
        {"password_hash", JSON_IN_TEXT, &hash, NULL, false},
    };
    int err = json_read(r, members, COUNT_OF(members));
    if (err != 0)
        return err;
    if ((password.n > 0) == (hash.n > 0))
        return admin_fail(r, ERR_INVALID, "Give a password or a hash of one");
    err = account_get(admin->directory, r->params[0], r->arena, &account);
    if (err != 0)
        return err;
    if (password.n > 0)
        err = auth_credentials_make(admin->auth, password, r->arena, &c.credentials);
    else
        err = auth_credentials_import(admin->auth, hash, r->arena, &c.credentials);
    if (err == ERR_UNSUPPORTED)
        return admin_fail(r, err, "This kind of password hash is not known here");
    if (err == ERR_INVALID)
        return admin_fail(r, err, "A password has 1 to %d bytes and no NUL", LIMIT_PASSWORD);
    if (err == 0)
        err = account_change(admin->directory, account.address, apply, &c);
    if (c.credentials.n > 0 && may_be_done(err))
        auth_password_changed(admin->auth, account.id);
    return err != 0 ? err : admin_ok(r, 200);
}

static int set_status(struct http_request *r, enum account_status status)
{
    struct admin *admin = admin_of(r);
    struct change c = {.status = status};
    int err = account_change(admin->directory, r->params[0], apply, &c);
    if (err == ERR_INVALID)
        return admin_fail(r, err, "This account is removed; restore it first");
    err = forget(admin, r->params[0], r->arena, err);
    return err != 0 ? err : admin_ok(r, 200);
}

int admin_account_suspend(struct http_request *r)
{
    return set_status(r, ACCOUNT_SUSPENDED);
}

int admin_account_resume(struct http_request *r)
{
    return set_status(r, ACCOUNT_ACTIVE);
}

int admin_account_unlock(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    struct account a;
    int err = account_get(admin->directory, r->params[0], r->arena, &a);
    if (err == 0)
        err = auth_unlock(admin->auth, a.address);
    return err != 0 ? err : admin_ok(r, 200);
}

int admin_account_remove(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    int err = account_remove(admin->directory, r->params[0]);
    err = forget(admin, r->params[0], r->arena, err);
    return err != 0 ? err : admin_ok(r, 200);
}

int admin_account_restore(struct http_request *r)
{
    int err = account_restore(admin_of(r)->directory, r->params[0]);
    if (err == ERR_INVALID)
        return admin_fail(r, err, "This account is being purged and cannot come back");
    return err != 0 ? err : admin_ok(r, 200);
}

int admin_account_purge(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    struct account a;
    uint64_t id;
    int err = account_get(admin->directory, r->params[0], r->arena, &a);
    if (err == 0)
        err = account_purge_begin(admin->directory, a.address, INT64_MAX, &id);
    if (err == ERR_INVALID)
        return admin_fail(r, ERR_INVALID, "%.*s is not removed; remove it first",
                          SPAN_ARG(a.address));
    if (err == 0)
        err = mailbox_account_destroy(admin->mail, id);
    if (err == 0)
        err = auth_account_forget(admin->auth, a.address);
    if (err != 0)
        return err;
    err = account_purge(admin->directory, a.address);
    if (err == ERR_NO_USER || err == ERR_INVALID) /* the janitor was faster */
        err = 0;
    return err != 0 ? err : admin_ok(r, 200);
}
