/* SPDX-License-Identifier: Apache-2.0 */
/* Who else may do what with an account's mailboxes (mailbox/acl.h). */
#include "base/limits.h"
#include "mailbox/refusals.h"
#include "web/admin_private.h"

enum { GRANTS_ARENA = 1024 * 1024, BOXES_ARENA = 16 * 1024 * 1024 };

static void put_rights(struct json_out *j, const char *key, uint32_t rights)
{
    struct buf text;
    buf_init(&text, 64);
    mail_rights_write(&text, rights);
    json_text(j, key, buf_span(&text));
    buf_done(&text);
}

static int put_box(struct http_request *r,
                   struct json_out *j,
                   account_id owner,
                   const struct mailbox *box,
                   struct arena *a)
{
    struct mail_grant *v;
    size_t n;
    arena_reset(a);
    int err = mailbox_grants(admin_of(r)->mail, owner, box->id, a, &v, &n);
    for (size_t k = 0; err == 0 && k < n; k++) {
        json_begin(j, NULL, '{');
        json_text(j, "mailbox", box->name);
        json_text(j, "user", v[k].user == 0 ? SPAN("anyone") : v[k].address);
        put_rights(j, "rights", v[k].rights);
        put_rights(j, "denied", v[k].denied);
        json_end(j, '}');
    }
    return err;
}

/* What the account shares with others. */
static int put_shares(struct http_request *r, struct json_out *j, account_id owner)
{
    struct arena *boxes = arena_new(BOXES_ARENA), *grants = arena_new(GRANTS_ARENA);
    struct mailbox *v;
    size_t n = 0;
    int err = boxes == NULL || grants == NULL
                  ? ERR_NOMEM
                  : mailbox_list(admin_of(r)->mail, owner, boxes, &v, &n);
    json_begin(j, "shares", '[');
    for (size_t k = 0; err == 0 && k < n; k++)
        err = put_box(r, j, owner, &v[k], grants);
    json_end(j, ']');
    arena_free(boxes);
    arena_free(grants);
    return err;
}

/* Whom it does not want to see, or, when that is everybody, whom it does. */
static int put_refusals(struct http_request *r, struct json_out *j, account_id user)
{
    struct mail_refusals no;
    int err = mailbox_refusals(admin_of(r)->mail, user, r->arena, &no);
    if (err != 0)
        return err;
    json_bool(j, "refuses_all", no.all);
    json_begin(j, no.all ? "accepts" : "refuses", '[');
    for (size_t k = 0; k < no.n; k++)
        json_text(j, NULL, no.v[k].address);
    json_end(j, ']');
    return 0;
}

/* Who shares something with it. */
static int put_sharers(struct http_request *r, struct json_out *j, const struct account *account)
{
    struct mail_user user = {account->id, account->address};
    struct mail_sharer *v;
    size_t n;
    int err = mailbox_sharers(admin_of(r)->mail, &user, r->arena, &v, &n);
    json_begin(j, "sharers", '[');
    for (size_t k = 0; err == 0 && k < n; k++)
        json_text(j, NULL, v[k].address);
    json_end(j, ']');
    return err;
}

int admin_share_list(struct http_request *r)
{
    struct account account;
    int err = account_get(admin_of(r)->directory, r->params[0], r->arena, &account);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, 200);
    err = put_shares(r, &j, account.id);
    if (err == 0)
        err = put_sharers(r, &j, &account);
    if (err == 0)
        err = put_refusals(r, &j, account.id);
    return err != 0 ? err : admin_done(r, &j);
}

/* ---- giving and taking --------------------------------------------------------------------- */

static int
find_box(struct http_request *r, struct span name, account_id *owner, struct mailbox *box)
{
    struct account account;
    int err = account_get(admin_of(r)->directory, r->params[0], r->arena, &account);
    if (err != 0)
        return err;
    *owner = account.id;
    err = mailbox_find_name(admin_of(r)->mail, account.id, name, r->arena, box);
    if (err == 0 && box->noselect)
        err = ERR_NOT_FOUND;
    if (err != ERR_NOT_FOUND)
        return err;
    return admin_fail(r, err, "There is no mailbox %.*s", SPAN_ARG(name));
}

/* With whom: an account, by an address it logs in with, or "anyone" (id 0). The answer is sent when *found is false
 * and it returns 0. */
static int find_user(struct http_request *r, struct span name, struct mail_user *out, bool *found)
{
    struct account account;
    *out = (struct mail_user){0};
    *found = span_ieq(name, SPAN("anyone"));
    if (*found)
        return 0;
    int err = directory_login(admin_of(r)->directory, name, r->arena, &account);
    if (err == ERR_BAD_ADDRESS || err == ERR_NO_DOMAIN || err == ERR_NO_USER || err == ERR_DENIED)
        return admin_fail(r, ERR_NO_USER, "%.*s is no account here", SPAN_ARG(name));
    if (err != 0 && err != ERR_SUSPENDED)
        return err;
    *out = (struct mail_user){account.id, account.address};
    *found = true;
    return 0;
}

/* What the operator gives is not bound to imap.sharing. */
int admin_share_add(struct http_request *r)
{
    struct span name = SPAN_EMPTY, user = SPAN_EMPTY, rights = SPAN_EMPTY;
    struct mail_grant_change change = {.op = GRANT_REPLACE};
    struct mailbox box = {0};
    account_id owner;
    bool found;
    char wrong;
    const struct json_member members[] = {
        {"mailbox", JSON_IN_TEXT, &name, NULL, true},
        {"user", JSON_IN_TEXT, &user, NULL, true},
        {"rights", JSON_IN_TEXT, &rights, NULL, true},
    };
    int err = json_read(r, members, COUNT_OF(members));
    if (err != 0)
        return err;
    if (!mail_rights_read(rights, &change.rights, &wrong) || change.rights == 0)
        return admin_fail(r, ERR_INVALID, "Rights are letters of lrswipkxtea, not \"%.*s\"",
                          SPAN_ARG(rights));
    err = find_box(r, name, &owner, &box);
    if (err != 0 || box.id.v == 0)
        return err;
    err = find_user(r, user, &change.user, &found);
    if (err != 0 || !found)
        return err;
    if (change.user.id == owner)
        return admin_fail(r, ERR_INVALID, "The owner of a mailbox always has all rights");
    err = mailbox_grant(admin_of(r)->mail, owner, box.id, &change);
    if (err == ERR_DENIED)
        return admin_fail(r, err, "%.*s does not want to see mailboxes of %.*s",
                          SPAN_ARG(change.user.address), SPAN_ARG(r->params[0]));
    if (err == ERR_QUOTA)
        return admin_fail(r, ERR_LIMIT, "%d others share mailboxes with %.*s already",
                          (int)LIMIT_SHARERS, SPAN_ARG(user));
    return err != 0 ? err : admin_ok(r, 200);
}

/* Both what the user was given and what he was denied. */
static int drop(struct http_request *r, account_id owner, struct mailbox_id box, struct span user)
{
    struct span address = span_ieq(user, SPAN("anyone")) ? SPAN("") : user;
    struct mail *mail = admin_of(r)->mail;
    int given = mailbox_grant_drop(mail, owner, box, address, false);
    int denied = mailbox_grant_drop(mail, owner, box, address, true);
    if (given != 0 && given != ERR_NOT_FOUND)
        return given;
    return denied == ERR_NOT_FOUND ? given : denied;
}

int admin_share_remove(struct http_request *r)
{
    struct mailbox box = {0};
    struct span name = SPAN_EMPTY, user = SPAN_EMPTY;
    account_id owner;
    if (!http_query(r, SPAN("mailbox"), &name) || !http_query(r, SPAN("user"), &user))
        return admin_fail(r, ERR_INVALID, "Say which mailbox and whose rights: ?mailbox=, ?user=");
    int err = find_box(r, name, &owner, &box);
    if (err != 0 || box.id.v == 0)
        return err;
    err = drop(r, owner, box.id, user);
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "%.*s is not shared with %.*s", SPAN_ARG(name), SPAN_ARG(user));
    return err != 0 ? err : admin_ok(r, 200);
}

/* ---- what an account does not want to see ----------------------------------------------------- */

/* An account by an address it logs in with; also one that is gone, if it was named before. */
static int
find_named(struct http_request *r, account_id user, struct span name, struct mail_sharer *out)
{
    struct account account;
    struct mail_refusals no;
    int err = directory_login(admin_of(r)->directory, name, r->arena, &account);
    if (err == 0 || err == ERR_SUSPENDED) {
        *out = (struct mail_sharer){account.id, account.address};
        return 0;
    }
    if (err != ERR_BAD_ADDRESS && err != ERR_NO_DOMAIN && err != ERR_NO_USER && err != ERR_DENIED)
        return err;
    err = mailbox_refusals(admin_of(r)->mail, user, r->arena, &no);
    for (size_t k = 0; err == 0 && k < no.n; k++)
        if (span_ieq(no.v[k].address, name)) {
            *out = no.v[k];
            return 0;
        }
    return err != 0 ? err : ERR_NO_USER;
}

/* `name` empty: all. */
static int refuse(struct http_request *r, struct span name, bool on)
{
    struct account account;
    struct mail_sharer owner;
    int err = account_get(admin_of(r)->directory, r->params[0], r->arena, &account);
    if (err != 0)
        return err;
    if (name.n > 0)
        err = find_named(r, account.id, name, &owner);
    if (err == ERR_NO_USER)
        return admin_fail(r, err, "%.*s is no account here", SPAN_ARG(name));
    if (err == 0 && name.n > 0 && owner.owner == account.id)
        return admin_fail(r, ERR_INVALID, "An account always sees its own mailboxes");
    if (err == 0)
        err = mailbox_refuse(admin_of(r)->mail, account.id, name.n > 0 ? &owner : NULL, on);
    if (err == ERR_LIMIT)
        return admin_fail(r, err, "%d accounts are named already; refuse all, and accept some",
                          (int)LIMIT_REFUSALS);
    return err != 0 ? err : admin_ok(r, 200);
}

int admin_refusal_add(struct http_request *r)
{
    struct span owner = SPAN_EMPTY;
    bool all = false;
    const struct json_member members[] = {
        {"owner", JSON_IN_TEXT, &owner, NULL, false},
        {"all", JSON_IN_BOOL, &all, NULL, false},
    };
    int err = json_read(r, members, COUNT_OF(members));
    if (err != 0)
        return err;
    if ((owner.n > 0) == all)
        return admin_fail(r, ERR_INVALID, "Say whom: \"owner\", or \"all\": true");
    return refuse(r, owner, true);
}

int admin_refusal_remove(struct http_request *r)
{
    struct span owner = SPAN_EMPTY, all = SPAN_EMPTY;
    bool one = http_query(r, SPAN("owner"), &owner) && owner.n > 0;
    bool every = http_query(r, SPAN("all"), &all) && span_eq(all, SPAN("yes"));
    if (one == every)
        return admin_fail(r, ERR_INVALID, "Say whom: ?owner=, or ?all=yes");
    return refuse(r, owner, false);
}
