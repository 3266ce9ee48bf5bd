/* SPDX-License-Identifier: Apache-2.0 */
/* STATUS (RFC 9051 §6.3.11; RFC 7162 §3.1.7, RFC 8438, RFC 8474 §4.3, RFC 7889 §4, RFC 9208 §4.1.4). All but DELETED comes from the
 * mailbox's own record. */
#include "imap/place.h"

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
    {"DELETED-STORAGE", IMAP_STATUS_DELETED_STORAGE},
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
        imap_condstore_on(i);
    *out = wanted;
    return true;
}

/* Of the messages marked \Deleted. */
struct deleted {
    uint64_t messages, bytes;
};

static int add_sizes(struct imap *i,
                     account_id account,
                     struct mailbox_id id,
                     const struct numset *uids,
                     uint64_t *bytes)
{
    enum { BATCH = 500 };
    struct mail_range range = {.mailbox = id, .uids = uids, .from = numset_min(uids), .max = BATCH};
    struct arena *a = arena_new(1024 * 1024);
    int err = a == NULL ? ERR_NOMEM : 0;
    while (err == 0 && range.from != 0) {
        struct mail_item *v;
        size_t n = 0;
        err = mailbox_items(i->server->mail, account, &range, a, &v, &n, &range.from);
        for (size_t k = 0; err == 0 && k < n; k++)
            *bytes += v[k].size;
        arena_reset(a);
    }
    arena_free(a);
    return err;
}

static int count_deleted(
    struct imap *i, account_id account, const struct mailbox *m, bool bytes, struct deleted *out)
{
    struct numset uids;
    numset_init(&uids);
    *out = (struct deleted){0};
    int err = mailbox_set(i->server->mail, account, m->id, SET_DELETED, &uids);
    out->messages = numset_count(&uids);
    if (err == 0 && bytes)
        err = add_sizes(i, account, m->id, &uids, &out->bytes);
    numset_done(&uids);
    return err;
}

static void write_item(struct imap *i,
                       account_id account,
                       const struct mailbox *m,
                       enum imap_status item,
                       const struct deleted *deleted)
{
    struct buf *out = i->s.out;
    uint64_t number = 0;
    switch (item) {
    case IMAP_STATUS_MESSAGES: number = m->messages; break;
    case IMAP_STATUS_UIDNEXT: number = m->uidnext; break;
    case IMAP_STATUS_UIDVALIDITY: number = m->uidvalidity; break;
    case IMAP_STATUS_UNSEEN: number = m->unseen; break;
    case IMAP_STATUS_RECENT: break; /* nothing ever is */
    case IMAP_STATUS_DELETED: number = deleted->messages; break;
    case IMAP_STATUS_DELETED_STORAGE: number = deleted->bytes; break;
    case IMAP_STATUS_SIZE: number = m->bytes; break;
    case IMAP_STATUS_HIGHESTMODSEQ: number = m->highest_modseq; break;
    case IMAP_STATUS_APPENDLIMIT:
        number = account == i->account ? i->append_limit : imap_append_limit(i);
        break;
    case IMAP_STATUS_MAILBOXID:
        buf_putc(out, '(');
        imap_write_mailbox_id(i, out, account, m->id);
        buf_putc(out, ')');
        return;
    }
    buf_printf(out, "%llu", (unsigned long long)number);
}

int imap_status_write(struct imap *i, account_id account, const struct mailbox *m, unsigned wanted)
{
    struct deleted deleted = {0};
    bool bytes = (wanted & IMAP_STATUS_DELETED_STORAGE) != 0;
    int err = bytes || (wanted & IMAP_STATUS_DELETED) != 0
                  ? count_deleted(i, account, m, bytes, &deleted)
                  : 0;
    if (err != 0)
        return err;
    buf_puts(i->s.out, "* STATUS ");
    imap_write_mailbox(i, m->name);
    const char *before = " (";
    for (size_t n = 0; n < COUNT_OF(items); n++) {
        if ((wanted & items[n].item) == 0)
            continue;
        buf_printf(i->s.out, "%s%s ", before, items[n].name);
        write_item(i, account, m, items[n].item, &deleted);
        before = " ";
    }
    buf_puts(i->s.out, ")\r\n");
    return 0;
}

enum step imap_cmd_status(struct imap *i, const struct imap_arg *args)
{
    struct imap_place at;
    unsigned wanted;
    if (imap_args_count(args) != 2 || !imap_status_read(i, args->next, &wanted))
        return imap_bad_args(i);
    int err = imap_place_find(i, args, &at);
    if (err == 0)
        err = at.box.noselect ? ERR_NOT_FOUND : imap_place_needs(&at, RIGHT_READ);
    if (err == ERR_NOT_FOUND)
        return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    if (err == 0)
        err = imap_status_write(i, at.account, &at.box, wanted);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "Done");
}
