/* SPDX-License-Identifier: Apache-2.0 */
/* Who else may do what with an account's mailboxes (mailbox/acl.h). */
#include "base/limits.h"
#include "mailbox/acl.h"
#include "mailbox/sharers.h"
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
    return err != 0 ? err : admin_done(r, &j);
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
    struct admin *admin = admin_of(r);
    struct account account;
    struct mailbox box;
    struct span name = SPAN_EMPTY, user = SPAN_EMPTY;
    if (!http_query(r, SPAN("mailbox"), &name) || !http_query(r, SPAN("user"), &user))
        return admin_fail(r, ERR_INVALID, "Say which mailbox and whose rights: ?mailbox=, ?user=");
    int err = account_get(admin->directory, r->params[0], r->arena, &account);
    if (err == 0)
        err = mailbox_find_name(admin->mail, account.id, name, r->arena, &box);
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no mailbox %.*s", SPAN_ARG(name));
    if (err == 0)
        err = drop(r, account.id, box.id, user);
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "%.*s is not shared with %.*s", SPAN_ARG(name), SPAN_ARG(user));
    return err != 0 ? err : admin_ok(r, 200);
}
