/* SPDX-License-Identifier: Apache-2.0 */
/* STATUS (RFC 9051 §6.3.11; RFC 7162 §3.1.7, RFC 8438, RFC 8474 §4.3, RFC 7889 §4). All but DELETED comes from the
 * mailbox's own record. */
#include "imap/internal.h"

static const struct {
    const char *name;
    enum imap_status item;
} items[] = {
    {"MESSAGES", IMAP_STATUS_MESSAGES},
    {"UIDNEXT", IMAP_STATUS_UIDNEXT},
    {"UIDVALIDITY", IMAP_STATUS_UIDVALIDITY},
    {"UNSEEN", IMAP_STATUS_UNSEEN},
    {"RECENT", IMAP_STATUS_RECENT},
    {"DELETED", IMAP_STATUS_DELETED},
    {"SIZE", IMAP_STATUS_SIZE},
    {"HIGHESTMODSEQ", IMAP_STATUS_HIGHESTMODSEQ},
    {"MAILBOXID", IMAP_STATUS_MAILBOXID},
    {"APPENDLIMIT", IMAP_STATUS_APPENDLIMIT},
};

bool imap_status_read(struct imap *i, const struct imap_arg *list, unsigned *out)
{
    unsigned wanted = 0;
    if (list == NULL || list->kind != IMAP_LIST || list->child == NULL)
        return false;
    for (const struct imap_arg *a = list->child; a != NULL; a = a->next) {
        size_t n = 0;
        while (n < COUNT_OF(items) && !imap_arg_is(a, span_str(items[n].name)))
            n++;
        if (n == COUNT_OF(items))
            return false;
        wanted |= items[n].item;
    }
    if ((wanted & IMAP_STATUS_HIGHESTMODSEQ) != 0) /* RFC 7162 §3.1 */
        i->enabled |= IMAP_ON_CONDSTORE;
    *out = wanted;
    return true;
}

static int count_deleted(struct imap *i, const struct mailbox *m, uint64_t *out)
{
    struct numset deleted;
    numset_init(&deleted);
    int err = mailbox_set(i->server->mail, i->account, m->id, SET_DELETED, &deleted);
    *out = numset_count(&deleted);
    numset_done(&deleted);
    return err;
}

static void
write_item(struct imap *i, const struct mailbox *m, enum imap_status item, uint64_t deleted)
{
    struct buf *out = i->s.out;
    switch (item) {
    case IMAP_STATUS_MESSAGES: buf_printf(out, "%llu", (unsigned long long)m->messages); break;
    case IMAP_STATUS_UIDNEXT: buf_printf(out, "%u", m->uidnext); break;
    case IMAP_STATUS_UIDVALIDITY: buf_printf(out, "%u", m->uidvalidity); break;
    case IMAP_STATUS_UNSEEN: buf_printf(out, "%llu", (unsigned long long)m->unseen); break;
    case IMAP_STATUS_RECENT: buf_putc(out, '0'); break;
    case IMAP_STATUS_DELETED: buf_printf(out, "%llu", (unsigned long long)deleted); break;
    case IMAP_STATUS_SIZE: buf_printf(out, "%llu", (unsigned long long)m->bytes); break;
    case IMAP_STATUS_HIGHESTMODSEQ:
        buf_printf(out, "%llu", (unsigned long long)m->highest_modseq);
        break;
    case IMAP_STATUS_MAILBOXID: buf_printf(out, "(F%u)", m->id.v); break;
    case IMAP_STATUS_APPENDLIMIT:
        buf_printf(out, "%llu", (unsigned long long)imap_append_limit(i));
        break;
    }
}

int imap_status_write(struct imap *i, const struct mailbox *m, unsigned wanted)
{
    uint64_t deleted = 0;
    int err = (wanted & IMAP_STATUS_DELETED) != 0 ? count_deleted(i, m, &deleted) : 0;
    if (err != 0)
        return err;
    buf_puts(i->s.out, "* STATUS ");
    imap_write_mailbox(i, m->name);
    const char *before = " (";
    for (size_t n = 0; n < COUNT_OF(items); n++) {
        if ((wanted & items[n].item) == 0)
            continue;
        buf_printf(i->s.out, "%s%s ", before, items[n].name);
        write_item(i, m, items[n].item, deleted);
        before = " ";
    }
    buf_puts(i->s.out, ")\r\n");
    return 0;
}

enum step imap_cmd_status(struct imap *i, const struct imap_arg *args)
{
    struct span name;
    struct mailbox m;
    unsigned wanted;
    if (imap_args_count(args) != 2 || !imap_status_read(i, args->next, &wanted))
        return imap_bad_args(i);
    int err = imap_read_mailbox(i, args, &name);
    if (err == 0)
        err = mailbox_find_name(i->server->mail, i->account, name, i->s.arena, &m);
    if (err == ERR_NOT_FOUND || err == ERR_INVALID || (err == 0 && m.noselect))
        return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    if (err == 0)
        err = imap_status_write(i, &m, wanted);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "Done");
}
