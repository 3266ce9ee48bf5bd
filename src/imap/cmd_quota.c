/* SPDX-License-Identifier: Apache-2.0 */
/* GETQUOTA and GETQUOTAROOT (RFC 9208). An account is one quota root, named ""; its limits are those of its class of
 * service, which nobody changes over IMAP (so there is no SETQUOTA). */
#include "imap/internal.h"

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

static int count_mailboxes(struct imap *i, size_t *n_out)
{
    struct mailbox *boxes;
    struct arena *a = arena_new(LIST_ARENA);
    int err = a == NULL ? ERR_NOMEM : mailbox_list(i->server->mail, i->account, a, &boxes, n_out);
    arena_free(a);
    return err;
}

static int write_quota(struct imap *i)
{
    struct class_of_service class;
    struct mail_quota used;
    const char *between = "";
    size_t mailboxes;
    int err = imap_class(i, &class);
    if (err == 0)
        err = mailbox_quota(i->server->mail, i->account, &used);
    if (err == 0)
        err = count_mailboxes(i, &mailboxes);
    if (err != 0)
        return err;
    buf_puts(i->s.out, "* QUOTA \"\" (");
    write_resource(i, &between, "STORAGE", used.bytes, class.quota_bytes, STORAGE_UNIT);
    write_resource(i, &between, "MESSAGE", used.messages, class.quota_messages, 1);
    /* §3.2: also of limits that nobody set */
    write_resource(i, &between, "MAILBOX", mailboxes, LIMIT_MAILBOXES, 1);
    buf_puts(i->s.out, ")\r\n");
    return 0;
}

enum step imap_cmd_getquota(struct imap *i, const struct imap_arg *args)
{
    struct span root;
    if (imap_args_count(args) != 1 || !imap_arg_string(args, &root))
        return imap_bad_args(i);
    if (root.n > 0)
        return imap_no(i, SPAN("NONEXISTENT"), "There is no such quota root");
    int err = write_quota(i);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "Done");
}

/* §4.1.2: the mailbox need not be there. */
enum step imap_cmd_getquotaroot(struct imap *i, const struct imap_arg *args)
{
    struct span name;
    struct mailbox m;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = imap_read_mailbox(i, args, &name);
    if (err == 0)
        err = mailbox_find_name(i->server->mail, i->account, name, i->s.arena, &m);
    if (err == ERR_INVALID)
        return imap_no(i, SPAN("CANNOT"), "No mailbox can have that name");
    if (err != 0 && err != ERR_NOT_FOUND)
        return imap_no_of(i, err);
    buf_puts(i->s.out, "* QUOTAROOT ");
    imap_write_mailbox(i, err == 0 ? m.name : name);
    buf_puts(i->s.out, " \"\"\r\n");
    err = write_quota(i);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "Done");
}
