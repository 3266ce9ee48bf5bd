/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8, RFC 6154 §3, RFC 8474 §4.1). */
#include "imap/place.h"

#include "base/log.h"
#include "message/casemap.h"

static const char *const uses[USE_COUNT] = {
    [USE_SENT] = "\\Sent",   [USE_DRAFTS] = "\\Drafts",   [USE_JUNK] = "\\Junk",
    [USE_TRASH] = "\\Trash", [USE_ARCHIVE] = "\\Archive",
};

const char *imap_use_name(enum special_use use)
{
    return (unsigned)use < USE_COUNT ? uses[use] : NULL;
}

/* What went wrong with a name; the name in a command, and the one that was there. */
static enum step refuse(struct imap *i, int err)
{
    switch (err) {
    case ERR_NOT_FOUND: return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    case ERR_EXISTS: return imap_no(i, SPAN("ALREADYEXISTS"), "There is a mailbox of that name");
    case ERR_INVALID: return imap_no(i, SPAN("CANNOT"), "No mailbox can have that name");
    case ERR_LIMIT: return imap_no(i, SPAN("LIMIT"), "There are too many mailboxes");
    default: return imap_no_of(i, err);
    }
}

/* RFC 9051 §5.1: no control characters of any kind in a new name, nor U+2028 and U+2029 (those of ASCII are looked
 * after by the mailbox room). `name` is well-formed UTF-8. */
static bool has_controls(struct span name)
{
    for (size_t n = 0; n + 1 < name.n; n++) {
        unsigned char c = (unsigned char)name.p[n], d = (unsigned char)name.p[n + 1];
        if (c == 0xc2 && d < 0xa0)
            return true;
        if (c == 0xe2 && d == 0x80 && n + 2 < name.n &&
            ((unsigned char)name.p[n + 2] & 0xfe) == 0xa8)
            return true;
    }
    return false;
}

/* RFC 9051 §6.3.4: a separator at the end says that there will be names below. */
static int new_name(struct imap *i, const struct imap_arg *arg, struct span *out)
{
    int err = imap_read_mailbox(i, arg, out);
    if (err == 0 && has_controls(*out))
        err = ERR_INVALID;
    if (err == 0 && out->n > 1 && span_ends(*out, SPAN("/")))
        out->n--;
    return err;
}

/* (USE (\Sent)). false: it is not that. */
static bool read_use(const struct imap_arg *list, enum special_use *use, bool *known)
{
    *use = USE_NONE;
    *known = true;
    if (list->kind != IMAP_LIST || !imap_arg_is(list->child, SPAN("USE")))
        return false;
    const struct imap_arg *names = list->child->next;
    if (names == NULL || names->kind != IMAP_LIST || names->next != NULL)
        return false;
    for (const struct imap_arg *a = names->child; a != NULL; a = a->next) {
        unsigned n = 0;
        while (n < USE_COUNT && (uses[n] == NULL || !imap_arg_is(a, span_str(uses[n]))))
            n++;
        if (a->kind != IMAP_ATOM)
            return false;
        *known = *known && n < USE_COUNT && *use == USE_NONE;
        *use = (enum special_use)(n < USE_COUNT ? n : USE_NONE);
    }
    return true;
}

/* Where nothing is shared nothing can be made, which tells nobody whether there is such an account. */
static int new_place(struct imap *i, struct span name, struct imap_place *out)
{
    int err = imap_place_of(i, name, out);
    return err == ERR_NOT_FOUND ? ERR_DENIED : err;
}

/* RFC 4314 §4: of others, only below a mailbox where the user may. Their special uses are not his. */
static int may_create(struct imap *i, const struct imap_place *at, enum special_use use)
{
    struct imap_place parent;
    size_t n = 0;
    if (at->owner.n == 0)
        return 0;
    if (at->name.n == 0)
        return ERR_DENIED;
    int err = imap_place_parent(i, at, &parent);
    if (err == 0)
        err = imap_place_needs(&parent, RIGHT_CREATE);
    if (err == 0 && use != USE_NONE)
        err = ERR_IN_USE;
    if (err == 0)
        err = imap_count_mailboxes(i, at->account, &n);
    if (err == 0 && n >= LIMIT_MAILBOXES / 2) /* the rest is for the owner */
        err = ERR_LIMIT;
    return err == ERR_NOT_FOUND ? ERR_DENIED : err;
}

/* Who did that to whose mailbox; `to` is its new name, or empty. */
static void
log_change(const struct imap *i, const char *event, const struct imap_place *at, struct span to)
{
    struct span owner = at->owner.n > 0 ? at->owner : span_str(i->address);
    log_event(LOG_INFO, event, LOG_Z("account", i->address), LOG_S("owner", owner),
              LOG_S("mailbox", at->name), LOG_S("to", to));
}

/* RFC 9051 §5.1, RFC 9755 §3: a name in UTF-8 is Net-Unicode, so in Normalization Form C. RFC 3501 wants no such thing of its
 * UTF-7. */
static int check_composed(const struct imap *i, struct span name)
{
    bool utf8 = (i->enabled & (IMAP_ON_REV2 | IMAP_ON_UTF8)) != 0;
    return utf8 && !casemap_is_composed(name) ? ERR_INVALID : 0;
}

enum step imap_cmd_create(struct imap *i, const struct imap_arg *args)
{
    struct span name;
    struct imap_place at;
    struct mailbox_id id;
    enum special_use use = USE_NONE;
    bool known = true;
    size_t n = imap_args_count(args);
    if (n < 1 || n > 2 || args->kind == IMAP_LIST ||
        (n == 2 && !read_use(args->next, &use, &known)))
        return imap_bad_args(i);
    if (!known)
        return imap_no(i, SPAN("USEATTR"), "A mailbox can not have this use");
    int err = new_name(i, args, &name);
    if (err == 0)
        err = check_composed(i, name);
    if (err == 0)
        err = new_place(i, name, &at);
    if (err == 0)
        err = may_create(i, &at, use);
    if (err == 0)
        err = mailbox_create(i->server->mail, at.account, at.name, use, &id);
    if (err == ERR_IN_USE)
        return imap_no(i, SPAN("USEATTR"), "Another mailbox has this use");
    if (err != 0)
        return refuse(i, err);
    imap_own_name(i, IMAP_OWN_THERE, name);
    log_change(i, "imap.mailbox_created", &at, SPAN_EMPTY);
    struct buf code;
    buf_init(&code, 128);
    buf_puts(&code, "MAILBOXID (");
    imap_write_mailbox_id(i, &code, at.account, id);
    buf_putc(&code, ')');
    enum step step = imap_ok(i, buf_span(&code), "Created");
    buf_done(&code);
    return step;
}

int64_t imap_keep_ms(const struct imap *i)
{
    return i->server->config->imap_keep_days * 86400 * 1000;
}

enum step imap_cmd_delete(struct imap *i, const struct imap_arg *args)
{
    struct imap_place at;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = imap_place_find(i, args, &at);
    if (err == 0)
        err = imap_place_needs(&at, RIGHT_DELETE);
    if (err != 0)
        return refuse(i, err);
    err = mailbox_delete(i->server->mail, at.account, at.box.id, imap_keep_ms(i));
    if (err == ERR_DENIED)
        return imap_no(i, SPAN("CANNOT"), "INBOX can not be deleted");
    if (err == ERR_EXISTS)
        return imap_no(i, SPAN("HASCHILDREN"), "There are mailboxes below it");
    if (err != 0)
        return refuse(i, err);
    imap_own_name(i, IMAP_OWN_GONE, at.box.name);
    log_change(i, "imap.mailbox_deleted", &at, SPAN_EMPTY);
    return imap_ok(i, SPAN_EMPTY, "Deleted");
}

/* RFC 4314 §4. Messages of another's INBOX stay where they come in. */
static int may_rename(struct imap *i, struct span name, const struct imap_place *to)
{
    struct imap_place from;
    if (to->owner.n == 0)
        return 0;
    int err = imap_place_find_name(i, name, &from);
    if (err == 0)
        err = imap_place_needs(&from, RIGHT_DELETE);
    if (err == 0 && from.box.id.v == USE_INBOX)
        err = ERR_DENIED;
    return err != 0 ? err : may_create(i, to, USE_NONE);
}

enum step imap_cmd_rename(struct imap *i, const struct imap_arg *args)
{
    struct span name, new;
    struct imap_place from, to;
    if (imap_args_count(args) != 2 || args->kind == IMAP_LIST || args->next->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = imap_read_mailbox(i, args, &name);
    if (err == 0)
        err = imap_place_of(i, name, &from);
    if (err == ERR_INVALID)
        return refuse(i, ERR_NOT_FOUND);
    if (err == 0)
        err = new_name(i, args->next, &new);
    if (err == 0)
        err = check_composed(i, new);
    if (err == 0)
        err = new_place(i, new, &to);
    if (err == 0 && from.account != to.account)
        return imap_no(i, SPAN("CANNOT"), "A mailbox can not become another person's");
    if (err == 0)
        err = may_rename(i, name, &to);
    if (err == 0)
        err = mailbox_rename(i->server->mail, from.account, from.name, to.name);
    if (err != 0)
        return refuse(i, err);
    imap_own_name(i, IMAP_OWN_GONE, name);
    imap_own_name(i, IMAP_OWN_THERE, new);
    log_change(i, "imap.mailbox_renamed", &from, to.name);
    return imap_ok(i, SPAN_EMPTY, "Renamed");
}

/* What is compared with the names of LIST: an address and INBOX of others as they are written there. */
static int as_listed(struct imap *i, struct span *name)
{
    struct imap_place at;
    int err = imap_place_is_others(*name) ? imap_place_of(i, *name, &at) : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND)
        return 0;
    if (err == 0) {
        *name = imap_place_name(i->s.arena, at.owner, at.name);
        err = arena_err(i->s.arena);
    }
    return err;
}

static enum step subscribe(struct imap *i, const struct imap_arg *args, bool on)
{
    struct span name;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = new_name(i, args, &name);
    if (err == 0)
        err = as_listed(i, &name);
    if (err == 0)
        err = mailbox_subscribe(i->server->mail, i->account, name, on);
    if (err != 0)
        return refuse(i, err);
    imap_own_name(i, on ? IMAP_OWN_SUBSCRIBED : IMAP_OWN_UNSUBSCRIBED, name);
    return imap_ok(i, SPAN_EMPTY, on ? "Subscribed" : "Unsubscribed");
}

enum step imap_cmd_subscribe(struct imap *i, const struct imap_arg *args)
{
    return subscribe(i, args, true);
}

enum step imap_cmd_unsubscribe(struct imap *i, const struct imap_arg *args)
{
    return subscribe(i, args, false);
}
