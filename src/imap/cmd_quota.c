/* SPDX-License-Identifier: Apache-2.0 */
/* GETQUOTA and GETQUOTAROOT (RFC 9208). An account is one quota root, named "" for its owner and by its address for
 * others who may read a mailbox of it; its limits are those of its class of service, which nobody changes over IMAP (so there is no SETQUOTA). */
#include "imap/place.h"

enum {
    STORAGE_UNIT = 1024, /* §5.1 */
    LIST_ARENA = 16 * 1024 * 1024,
};

/* A resource without a limit is not listed (§4.2.1). What is used is rounded up, so that 100 % is full. */
static void write_resource(struct imap *i,
                           const char **between,
                           const char *name,
                           uint64_t used,
                           uint64_t limit,
                           uint64_t unit)
{
    if (limit == 0)
        return;
    uint64_t whole = used / unit + (used % unit > 0);
    buf_printf(i->s.out, "%s%s %llu %llu", *between, name, (unsigned long long)whole,
               (unsigned long long)(limit / unit));
    *between = " ";
}

int imap_count_mailboxes(struct imap *i, account_id account, size_t *n_out)
{
    struct mailbox *boxes;
    struct arena *a = arena_new(LIST_ARENA);
    int err = a == NULL ? ERR_NOMEM : mailbox_list(i->server->mail, account, a, &boxes, n_out);
    arena_free(a);
    return err;
}

static int write_quota(struct imap *i, const struct imap_place *at)
{
    struct class_of_service class;
    struct mail_quota used;
    const char *between = "";
    size_t mailboxes;
    int err = imap_place_class(i, at, &class);
    if (err == 0)
        err = mailbox_quota(i->server->mail, at->account, &used);
    if (err == 0)
        err = imap_count_mailboxes(i, at->account, &mailboxes);
    if (err != 0)
        return err;
    buf_puts(i->s.out, "* QUOTA ");
    imap_write_astring(i, at->owner);
    buf_puts(i->s.out, " (");
    write_resource(i, &between, "STORAGE", used.bytes, class.quota_bytes, STORAGE_UNIT);
    write_resource(i, &between, "MESSAGE", used.messages, class.quota_messages, 1);
    /* §3.2: also of limits that nobody set */
    write_resource(i, &between, "MAILBOX", mailboxes, LIMIT_MAILBOXES, 1);
    buf_puts(i->s.out, ")\r\n");
    return 0;
}

/* Of another account: as long as it shares something with the user that he may read. */
static int find_root(struct imap *i, struct span root, struct imap_place *out)
{
    struct mail_user user = {i->account, span_str(i->address)};
    struct mail_shared *v;
    size_t n = 0;
    bool found = false;
    if (root.n == 0)
        return imap_place_of(i, SPAN("INBOX"), out);
    int err = imap_place_of(i, imap_place_name(i->s.arena, root, SPAN_EMPTY), out);
    struct arena *a = err == 0 ? arena_new(LIST_ARENA) : NULL;
    if (err == 0)
        err = a == NULL ? ERR_NOMEM
                        : mailbox_list_shared(i->server->mail, out->account, &user, a, &v, &n);
    for (size_t k = 0; err == 0 && !found && k < n; k++)
        found = (v[k].rights & RIGHT_READ) != 0;
    arena_free(a);
    return found ? 0 : err != 0 && err != ERR_NO_USER ? err : ERR_NOT_FOUND;
}

enum step imap_cmd_getquota(struct imap *i, const struct imap_arg *args)
{
    struct span root;
    struct imap_place at;
    if (imap_args_count(args) != 1 || !imap_arg_string(args, &root))
        return imap_bad_args(i);
    int err = find_root(i, root, &at);
    if (err == ERR_NOT_FOUND)
        return imap_no(i, SPAN("NONEXISTENT"), "There is no such quota root");
    if (err == 0)
        err = write_quota(i, &at);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "Done");
}

/* §4.1.2: the mailbox need not be there; one that is must be one the user may read (§6). */
enum step imap_cmd_getquotaroot(struct imap *i, const struct imap_arg *args)
{
    struct span name;
    struct imap_place at;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = imap_read_mailbox(i, args, &name);
    if (err == 0)
        err = imap_place_find_name(i, name, &at);
    if (err == 0)
        err = imap_place_needs(&at, RIGHT_READ);
    if (err == ERR_INVALID)
        return imap_no(i, SPAN("CANNOT"), "No mailbox can have that name");
    if (err == ERR_NOT_FOUND && imap_place_is_others(name))
        return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    if (err != 0 && err != ERR_NOT_FOUND)
        return imap_no_of(i, err);
    buf_puts(i->s.out, "* QUOTAROOT ");
    imap_write_mailbox(i, err == 0 ? at.box.name : name);
    buf_putc(i->s.out, ' ');
    imap_write_astring(i, at.owner);
    buf_puts(i->s.out, "\r\n");
    err = write_quota(i, &at);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "Done");
}
