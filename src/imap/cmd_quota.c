/* SPDX-License-Identifier: Apache-2.0 */
/* GETQUOTA and GETQUOTAROOT (RFC 9208). An account is one quota root, named ""; its limits are those of its class of
 * service, which nobody changes over IMAP (so there is no SETQUOTA). */
#include "imap/internal.h"

enum { STORAGE_UNIT = 1024 }; /* §5.1 */

/* A resource without a limit is not listed (§4.2.1). What is used is rounded up, so that 100 % is full. */
static int write_quota(struct imap *i)
{
    struct class_of_service class;
    struct mail_quota used;
    struct buf *out = i->s.out;
    const char *between = "";
    int err = imap_class(i, &class);
    if (err == 0)
        err = mailbox_quota(i->server->mail, i->account, &used);
    if (err != 0)
        return err;
    buf_puts(out, "* QUOTA \"\" (");
    if (class.quota_bytes > 0) {
        uint64_t kept = used.bytes / STORAGE_UNIT + (used.bytes % STORAGE_UNIT > 0);
        buf_printf(out, "STORAGE %llu %llu", (unsigned long long)kept,
                   (unsigned long long)(class.quota_bytes / STORAGE_UNIT));
        between = " ";
    }
    if (class.quota_messages > 0)
        buf_printf(out, "%sMESSAGE %llu %llu", between, (unsigned long long)used.messages,
                   (unsigned long long)class.quota_messages);
    buf_puts(out, ")\r\n");
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

enum step imap_cmd_getquotaroot(struct imap *i, const struct imap_arg *args)
{
    struct span name;
    struct mailbox m;
    if (imap_args_count(args) != 1 || args->kind == IMAP_LIST)
        return imap_bad_args(i);
    int err = imap_read_mailbox(i, args, &name);
    if (err == 0)
        err = mailbox_find_name(i->server->mail, i->account, name, i->s.arena, &m);
    if (err == ERR_NOT_FOUND || err == ERR_INVALID)
        return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    if (err != 0)
        return imap_no_of(i, err);
    buf_puts(i->s.out, "* QUOTAROOT ");
    imap_write_mailbox(i, m.name);
    buf_puts(i->s.out, " \"\"\r\n");
    err = write_quota(i);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "Done");
}
