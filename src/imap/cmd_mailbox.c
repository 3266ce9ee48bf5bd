/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8, RFC 6154 §3, RFC 8474 §4.1). */
#include "imap/internal.h"

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

enum step imap_cmd_create(struct imap *i, const struct imap_arg *args)
{
    struct span name;
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
        err = mailbox_create(i->server->mail, i->account, name, use, &id);
    if (err == ERR_IN_USE)
        return imap_no(i, SPAN("USEATTR"), "Another mailbox has this use");
    if (err != 0)
        return refuse(i, err);
    imap_own_name(i, IMAP_OWN_THERE, name);
    return imap_ok(i, arena_printf(i->s.arena, "MAILBOXID (F%u)", id.v), "Created");
}

int64_t imap_keep_ms(const struct imap *i)
{
    return i->server->config->imap_keep_days * 86400 * 1000;
}

enum step imap_cmd_delete(struct imap *i, const struct imap_arg *args)
{
    struct span name;
    struct mailbox m;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = imap_read_mailbox(i, args, &name);
    if (err == 0)
        err = mailbox_find_name(i->server->mail, i->account, name, i->s.arena, &m);
    if (err == ERR_INVALID)
        err = ERR_NOT_FOUND;
    if (err != 0)
        return refuse(i, err);
    err = mailbox_delete(i->server->mail, i->account, m.id, imap_keep_ms(i));
    if (err == ERR_DENIED)
        return imap_no(i, SPAN("CANNOT"), "INBOX can not be deleted");
    if (err == ERR_EXISTS)
        return imap_no(i, SPAN("HASCHILDREN"), "There are mailboxes below it");
    if (err != 0)
        return refuse(i, err);
    imap_own_name(i, IMAP_OWN_GONE, m.name);
    return imap_ok(i, SPAN_EMPTY, "Deleted");
}

enum step imap_cmd_rename(struct imap *i, const struct imap_arg *args)
{
    struct span from, to;
    if (imap_args_count(args) != 2 || args->kind == IMAP_LIST || args->next->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = imap_read_mailbox(i, args, &from);
    if (err == ERR_INVALID)
        return refuse(i, ERR_NOT_FOUND);
    if (err == 0)
        err = new_name(i, args->next, &to);
    if (err == 0)
        err = mailbox_rename(i->server->mail, i->account, from, to);
    if (err != 0)
        return refuse(i, err);
    imap_own_name(i, IMAP_OWN_GONE, from);
    imap_own_name(i, IMAP_OWN_THERE, to);
    return imap_ok(i, SPAN_EMPTY, "Renamed");
}

static enum step subscribe(struct imap *i, const struct imap_arg *args, bool on)
{
    struct span name;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = new_name(i, args, &name);
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
