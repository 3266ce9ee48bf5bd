/* SPDX-License-Identifier: Apache-2.0 */
/* SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314). Identifiers are addresses of accounts, "anyone" (of the
 * owner's domain), and both with "-" before them: what they are denied. The owner has all rights, always. */
#include "imap/place.h"

#include "base/log.h"
#include "mailbox/sharers.h"

/* ---- rights ---------------------------------------------------------------------------------- */

static void write_rights(struct imap *i, uint32_t rights)
{
    if (rights == 0)
        buf_puts(i->s.out, "\"\"");
    mail_rights_write(i->s.out, rights);
}

void imap_write_myrights(struct imap *i, struct span name, uint32_t rights)
{
    buf_puts(i->s.out, "* MYRIGHTS ");
    imap_write_mailbox(i, name);
    buf_putc(i->s.out, ' ');
    write_rights(i, rights);
    buf_puts(i->s.out, "\r\n");
}

/* ---- what a command is about ------------------------------------------------------------------ */

struct identifier {
    bool denied;
    struct span text; /* as it was written, without "-" */
    struct mail_user user;
    bool is_owner;
    bool
        foreign; /* of a domain that this one's people know nothing of: whether there is such an account, either */
    bool unknown; /* and there is none */
};

static struct span owner_of(const struct imap *i, const struct imap_place *at)
{
    return at->owner.n > 0 ? at->owner : span_str(i->address);
}

static enum step refuse(struct imap *i, int err)
{
    switch (err) {
    case ERR_NOT_FOUND: return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    case ERR_LIMIT:
        return imap_no(i, SPAN("LIMIT"), "There are too many entries in access control lists");
    case ERR_NO_USER:
        return imap_no(i, SPAN("NONEXISTENT"), "There is no account with this address here");
    default: return imap_no_of(i, err);
    }
}

/* The mailbox of a command for those who administer it. */
static int find(struct imap *i, const struct imap_arg *arg, struct imap_place *out)
{
    int err = imap_place_find(i, arg, out);
    if (err == 0 && out->box.noselect)
        err = ERR_NOT_FOUND;
    if (err == 0 && (out->rights & RIGHT_LOOKUP) == 0) /* §6 */
        err = ERR_NOT_FOUND;
    return err != 0 ? err : imap_place_needs(out, RIGHT_ADMIN);
}

/* §3: what cannot be an identifier is BAD (ERR_INVALID). */
static int read_identifier(const struct imap_arg *arg, struct identifier *out)
{
    *out = (struct identifier){0};
    if (!imap_arg_string(arg, &out->text) || !span_is_utf8(out->text))
        return ERR_INVALID;
    out->denied = span_skip(&out->text, SPAN("-"));
    for (size_t k = 0; k < out->text.n; k++)
        if ((unsigned char)out->text.p[k] < 0x20 || out->text.p[k] == 0x7f)
            return ERR_INVALID;
    return out->text.n > 0 && out->text.n <= 4 * LIMIT_ADDRESS ? 0 : ERR_INVALID;
}

enum { SHARING_OFF, SHARING_DOMAIN, SHARING_EVERYWHERE }; /* imap.sharing */

/* Is the address of a domain whose accounts the owner can not share with? */
static bool is_foreign(const struct imap *i, const struct imap_place *at, struct span address)
{
    return i->server->config->imap_sharing != SHARING_EVERYWHERE && span_chr(address, '@') >= 0 &&
           !span_ieq(sharers_domain(address), sharers_domain(owner_of(i, at)));
}

/* Whose account it is. ERR_NO_USER: nobody's, of a domain one may know of. */
static int find_user(struct imap *i, const struct imap_place *at, struct identifier *x)
{
    struct account account;
    if (span_ieq(x->text, SPAN("anyone")))
        return 0;
    int err = directory_login(i->server->directory, x->text, i->s.arena, &account);
    if (err == ERR_NO_DOMAIN || err == ERR_BAD_ADDRESS || err == ERR_DENIED || err == ERR_INVALID)
        err = ERR_NO_USER;
    bool there = err == 0 || err == ERR_SUSPENDED;
    x->foreign = is_foreign(i, at, there ? account.address : x->text);
    x->unknown = x->foreign && err == ERR_NO_USER;
    if (!there)
        return x->unknown ? 0 : err;
    x->user = (struct mail_user){account.id, account.address};
    x->is_owner = account.id == at->account;
    return 0;
}

/* Does this server let people share with them? */
static bool may_share(const struct imap *i, const struct identifier *x)
{
    const struct config *c = i->server->config;
    if (c->imap_sharing == SHARING_OFF || x->foreign)
        return false;
    return x->user.id != 0 || c->imap_sharing_anyone;
}

static void log_change(struct imap *i, const struct imap_place *at, const struct identifier *x)
{
    log_event(LOG_INFO, "imap.acl", LOG_Z("account", i->address), LOG_S("owner", owner_of(i, at)),
              LOG_I("mailbox", at->box.id.v), LOG_S("identifier", x->text),
              LOG_B("denied", x->denied));
}

/* ---- SETACL, DELETEACL ------------------------------------------------------------------------- */

static enum step set(struct imap *i,
                     const struct imap_place *at,
                     const struct identifier *x,
                     struct mail_grant_change *change)
{
    bool gives = !x->denied && change->op != GRANT_REMOVE && change->rights != 0;
    if (x->is_owner) {
        bool stays = gives && (change->op == GRANT_ADD || change->rights == RIGHTS_ALL);
        if (stays)
            return imap_ok(i, SPAN_EMPTY, "The owner has all rights");
        return imap_no(i, SPAN("CANNOT"), "The owner of a mailbox always has all rights");
    }
    bool denies = x->denied && change->op != GRANT_REMOVE && change->rights != 0;
    if ((gives && !may_share(i, x)) || (denies && x->foreign))
        return imap_no(i, SPAN("NOPERM"), "Mailboxes can not be shared with %s on this server",
                       x->user.id == 0 && !x->foreign ? "anyone" : "this account");
    if (x->unknown) /* it has none of them */
        return imap_ok(i, SPAN_EMPTY, "The rights are set");
    change->user = x->user;
    change->denied = x->denied;
    int err = mailbox_grant(i->server->mail, at->account, at->box.id, change);
    if (err == ERR_DENIED) /* mailbox/refusals.h */
        return imap_no(i, SPAN("NOPERM"), "This user does not want to see mailboxes of %.*s",
                       SPAN_ARG(owner_of(i, at)));
    if (err == ERR_QUOTA)
        return imap_no(i, SPAN("LIMIT"),
                       "%d others share mailboxes with %s already, and more are not possible",
                       (int)LIMIT_SHARERS, x->user.id == 0 ? "this domain" : "this user");
    if (err != 0)
        return refuse(i, err);
    log_change(i, at, x);
    return imap_ok(i, SPAN_EMPTY, "The rights are set");
}

enum step imap_cmd_setacl(struct imap *i, const struct imap_arg *args)
{
    struct mail_grant_change change = {.op = GRANT_REPLACE};
    struct imap_place at;
    struct identifier x;
    struct span rights;
    if (imap_args_count(args) != 3 || args->kind == IMAP_LIST ||
        !imap_arg_string(args->next->next, &rights))
        return imap_bad_args(i);
    if (read_identifier(args->next, &x) != 0)
        return imap_bad(i, "This is no identifier");
    if (span_skip(&rights, SPAN("+")))
        change.op = GRANT_ADD;
    else if (span_skip(&rights, SPAN("-")))
        change.op = GRANT_REMOVE;
    char wrong;
    if (!mail_rights_read(rights, &change.rights, &wrong)) {
        if (wrong >= 'A' && wrong <= 'Z')
            return imap_bad(i, "Upper-case rights are not allowed");
        return imap_bad(i, "There is no such right as '%c'",
                        wrong > 0x20 && wrong < 0x7f ? wrong : '?');
    }
    int err = find(i, args, &at);
    if (err == 0)
        err = find_user(i, &at, &x);
    return err != 0 ? refuse(i, err) : set(i, &at, &x, &change);
}

/* Also of an account that is not there any more: the entry has its address. */
enum step imap_cmd_deleteacl(struct imap *i, const struct imap_arg *args)
{
    struct imap_place at;
    struct identifier x;
    if (imap_args_count(args) != 2 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    if (read_identifier(args->next, &x) != 0)
        return imap_bad(i, "This is no identifier");
    int err = find(i, args, &at);
    if (err != 0)
        return refuse(i, err);
    bool anyone = span_ieq(x.text, SPAN("anyone"));
    err = find_user(i, &at, &x);
    if (err != 0 && err != ERR_NO_USER)
        return refuse(i, err);
    if (x.is_owner)
        return imap_no(i, SPAN("CANNOT"), "The owner of a mailbox always has all rights");
    bool there = err == 0 && !x.unknown;
    struct span address = anyone ? SPAN("") : there ? x.user.address : x.text;
    err = mailbox_grant_drop(i->server->mail, at.account, at.box.id, address, x.denied);
    if (err == ERR_NOT_FOUND)
        return imap_no(i, SPAN("NONEXISTENT"), "The list has no such entry");
    if (err != 0)
        return refuse(i, err);
    log_change(i, &at, &x);
    return imap_ok(i, SPAN_EMPTY, "The entry is gone");
}

/* ---- GETACL, LISTRIGHTS, MYRIGHTS --------------------------------------------------------------- */

static void write_entry(struct imap *i, const char *sign, struct span identifier, uint32_t rights)
{
    buf_putc(i->s.out, ' ');
    imap_write_astring(i, arena_printf(i->s.arena, "%s%.*s", sign, SPAN_ARG(identifier)));
    buf_putc(i->s.out, ' ');
    write_rights(i, rights);
}

enum step imap_cmd_getacl(struct imap *i, const struct imap_arg *args)
{
    struct imap_place at;
    struct mail_grant *v;
    size_t n;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = find(i, args, &at);
    if (err == 0)
        err = mailbox_grants(i->server->mail, at.account, at.box.id, i->s.arena, &v, &n);
    if (err != 0)
        return refuse(i, err);
    buf_puts(i->s.out, "* ACL ");
    imap_write_mailbox(i, at.box.name);
    write_entry(i, "", owner_of(i, &at), RIGHTS_ALL);
    for (size_t k = 0; k < n; k++) {
        struct span identifier = v[k].user == 0 ? SPAN("anyone") : v[k].address;
        if (v[k].rights != 0)
            write_entry(i, "", identifier, v[k].rights);
        if (v[k].denied != 0)
            write_entry(i, "-", identifier, v[k].denied);
    }
    buf_puts(i->s.out, "\r\n");
    return imap_ok(i, SPAN_EMPTY, "This is the list");
}

/* §3.7: what it always has, and then what it can be given, right by right: none is tied to another. */
enum step imap_cmd_listrights(struct imap *i, const struct imap_arg *args)
{
    struct imap_place at;
    struct identifier x;
    if (imap_args_count(args) != 2 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    if (read_identifier(args->next, &x) != 0)
        return imap_bad(i, "This is no identifier");
    int err = find(i, args, &at);
    if (err == 0)
        err = find_user(i, &at, &x);
    if (err != 0)
        return refuse(i, err);
    buf_puts(i->s.out, "* LISTRIGHTS ");
    imap_write_mailbox(i, at.box.name);
    write_entry(i, x.denied ? "-" : "", x.text, x.is_owner && !x.denied ? RIGHTS_ALL : 0);
    bool can = !x.is_owner && !x.foreign && (x.denied || may_share(i, &x));
    if (can)
        buf_puts(i->s.out, " l r s w i p k x t e a c d");
    buf_puts(i->s.out, "\r\n");
    return imap_ok(i, SPAN_EMPTY, "These are the rights there are");
}

enum step imap_cmd_myrights(struct imap *i, const struct imap_arg *args)
{
    struct imap_place at;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = imap_place_find(i, args, &at);
    if (err == 0 && at.box.noselect)
        err = ERR_NOT_FOUND;
    if (err != 0)
        return refuse(i, err);
    imap_write_myrights(i, at.box.name, at.rights);
    return imap_ok(i, SPAN_EMPTY, "These are your rights");
}
