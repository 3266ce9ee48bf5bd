/* SPDX-License-Identifier: Apache-2.0 */
/* COPY (RFC 9051 §6.4.7) and MOVE (§6.4.8), with COPYUID (§7.1). All of the messages or none. */
#include "imap/internal.h"

int imap_class(struct imap *i, struct class_of_service *out)
{
    int err = class_get(i->server->directory, span_str(i->class_name), i->s.arena, out);
    return err == ERR_NOT_FOUND ? class_get(i->server->directory, SPAN_EMPTY, i->s.arena, out)
                                : err;
}

/* "COPYUID validity from to"; empty when nothing was copied. */
static struct span
copyuid(struct imap *i, uint32_t uidvalidity, const struct numset *from, const struct numset *to)
{
    struct buf text;
    if (numset_is_empty(from))
        return SPAN_EMPTY;
    buf_init(&text, LIMIT_SESSION_OUT);
    buf_printf(&text, "COPYUID %u ", uidvalidity);
    imap_set_write(&text, from);
    buf_putc(&text, ' ');
    imap_set_write(&text, to);
    struct span out = arena_dup(i->s.arena, buf_span(&text));
    buf_done(&text);
    return out;
}

static enum step refuse(struct imap *i, int err)
{
    switch (err) {
    case ERR_NOT_FOUND:
        return imap_no(i, SPAN("NONEXISTENT"), "The mailbox does not exist any more");
    case ERR_LIMIT:
        return imap_no(i, SPAN("LIMIT"), "At most %d messages can be copied at once",
                       LIMIT_MAIL_COPY);
    default: return imap_no_of(i, err);
    }
}

static enum step copy(struct imap *i, const struct mail_copy *in, const struct numset *uids)
{
    struct numset from, to;
    uint32_t uidvalidity = 0;
    enum step step;
    numset_init(&from);
    numset_init(&to);
    int err = mailbox_copy(i->server->mail, i->account, in, uids, &uidvalidity, &from, &to);
    struct span code = err == 0 ? copyuid(i, uidvalidity, &from, &to) : SPAN_EMPTY;
    numset_done(&from);
    numset_done(&to);
    if (err != 0)
        return refuse(i, err);
    if (!in->move) {
        step = imap_ok(i, code, code.n > 0 ? "Copied" : "There was nothing to copy");
    } else { /* RFC 6851 §4.3: before the expunges */
        if (code.n > 0)
            buf_printf(i->s.out, "* OK [%.*s] Moved\r\n", SPAN_ARG(code));
        step = imap_ok(i, SPAN_EMPTY, code.n > 0 ? "Done" : "There was nothing to move");
    }
    return step;
}

static int
prepare(struct imap *i, const struct imap_arg *args, struct mail_copy *in, struct numset *uids)
{
    struct class_of_service class;
    struct mailbox m;
    struct span name;
    int err = imap_messages(i, args, uids);
    if (err != 0)
        return err;
    err = imap_read_mailbox(i, args->next, &name);
    if (err == 0)
        err = mailbox_find_name(i->server->mail, i->account, name, i->s.arena, &m);
    if (err == ERR_INVALID || (err == 0 && m.noselect))
        return ERR_NOT_FOUND;
    if (err == 0)
        err = imap_class(i, &class);
    if (err != 0)
        return err;
    in->from = i->box->id;
    in->to = m.id;
    in->quota_bytes = class.quota_bytes;
    in->quota_messages = class.quota_messages;
    return 0;
}

static enum step copy_or_move(struct imap *i, const struct imap_arg *args, bool move)
{
    struct mail_copy in = {.move = move};
    struct numset uids;
    if (imap_args_count(args) != 2 || args->next->kind == IMAP_LIST)
        return imap_bad_args(i);
    numset_init(&uids);
    int err = prepare(i, args, &in, &uids);
    enum step step = err == ERR_INVALID ? imap_bad_args(i)
                     : err == ERR_NOT_FOUND
                         ? imap_no(i, SPAN("TRYCREATE"), "There is no such mailbox")
                     : err != 0 ? imap_no_of(i, err)
                                : copy(i, &in, &uids);
    numset_done(&uids);
    return step;
}

enum step imap_cmd_copy(struct imap *i, const struct imap_arg *args)
{
    return copy_or_move(i, args, false);
}

enum step imap_cmd_move(struct imap *i, const struct imap_arg *args)
{
    return copy_or_move(i, args, true);
}
