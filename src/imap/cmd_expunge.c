/* SPDX-License-Identifier: Apache-2.0 */
/* EXPUNGE, UID EXPUNGE, CLOSE (RFC 9051 §6.4.3, §6.4.9, §6.4.1; RFC 7162 §3.2.7 to §3.2.9). What goes is what this
 * client knows of: a message that came and was marked since it last looked stays. */
#include "imap/internal.h"

#include "base/log.h"
#include "base/metrics.h"
#include "mailbox/acl.h"

/* Those marked \Deleted, of `within` or of all. */
static int expunge(struct imap *i, const struct numset *within)
{
    struct numset deleted;
    numset_init(&deleted);
    int err = mailbox_set(i->server->mail, i->box->account, i->box->id, SET_DELETED, &deleted);
    numset_and(&deleted, within);
    if (err == 0)
        err = deleted.err;
    uint64_t n = numset_count(&deleted);
    if (err == 0 && n > 0)
        err = mailbox_expunge_deleted(i->server->mail, i->box->account, i->box->id, &deleted,
                                      imap_keep_ms(i));
    if (err == 0 && n > 0)
        imap_expunged(i, &deleted);
    numset_done(&deleted);
    if (err == ERR_NOT_FOUND) /* the mailbox is gone, and its messages with it */
        return 0;
    if (n > 0) {
        log_event(err == 0 ? LOG_INFO : LOG_ERROR, "imap.expunged", LOG_Z("account", i->address),
                  LOG_I("messages", n), LOG_Z("result", err_name(err)));
        metric_add(METRIC_IMAP_EXPUNGED, err == 0 ? (int64_t)n : 0);
    }
    return err;
}

/* All has been told up to box->modseq. */
static enum step expunged(struct imap *i)
{
    const char *text = i->command->run == imap_cmd_expunge ? "Expunged" : "Done";
    if ((i->enabled & IMAP_ON_QRESYNC) == 0)
        return imap_ok(i, SPAN_EMPTY, "%s", text);
    return imap_ok(
        i, arena_printf(i->s.arena, "HIGHESTMODSEQ %llu", (unsigned long long)i->box->modseq.v),
        "%s", text);
}

enum step imap_ok_expunged(struct imap *i)
{
    return imap_sync(i, true, expunged);
}

enum step imap_cmd_expunge(struct imap *i, const struct imap_arg *args)
{
    struct numset uids;
    int err = 0;
    if (imap_args_count(args) != (i->uid ? 1 : 0))
        return imap_bad_args(i);
    if ((i->box->rights & RIGHT_EXPUNGE) == 0)
        return imap_no_of(i, ERR_DENIED);
    numset_init(&uids);
    if (i->uid)
        err = imap_messages(i, args, &uids);
    if (err == 0)
        err = expunge(i, i->uid ? &uids : &i->box->uids);
    numset_done(&uids);
    if (err == ERR_INVALID)
        return imap_bad_args(i);
    return err != 0 ? imap_no_of(i, err) : imap_ok_expunged(i);
}

enum step imap_cmd_close(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    bool changed;
    int err = imap_box_rights(
        i, &changed); /* RFC 4314 §4; it is the one command here that tells nothing */
    if (err == 0 && !i->box->read_only && (i->box->rights & RIGHT_EXPUNGE) != 0)
        err = expunge(i, &i->box->uids);
    imap_box_close(i);
    if (err != 0) /* it is closed all the same; the messages keep their mark */
        log_event(imap_fault_level(err), "imap.close", LOG_Z("account", i->address), LOG_ERR(err));
    return imap_ok(i, SPAN_EMPTY, "Closed");
}
