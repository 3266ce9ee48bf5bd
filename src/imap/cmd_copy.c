/* SPDX-License-Identifier: Apache-2.0 */
/* COPY (RFC 9051 §6.4.7) and MOVE (§6.4.8), with COPYUID (§7.1). COPY copies all of the messages or none, and so there is a
 * limit (RFC 9738); MOVE moves as many at once, and goes on. */
#include "imap/place.h"

/* Where messages go to. */
struct copying {
    struct mail_copy in;
    account_id to;
    bool readable; /* by the user: else he is told no UIDs of it (RFC 4315 §3) */
};

/* "COPYUID validity from to"; nothing when nothing was copied. */
static void
copyuid(struct buf *out, uint32_t uidvalidity, const struct numset *from, const struct numset *to)
{
    if (numset_is_empty(from))
        return;
    buf_printf(out, "COPYUID %u ", uidvalidity);
    imap_set_write(out, from);
    buf_putc(out, ' ');
    imap_set_write(out, to);
}

static enum step refuse(struct imap *i, int err)
{
    if (err == ERR_NOT_FOUND)
        return imap_no(i, SPAN("NONEXISTENT"), "The mailbox does not exist any more");
    return imap_no_of(i, err);
}

/* RFC 9738 §3.1, with the lowest UID of those that could be copied at once. */
static enum step too_many(struct imap *i, const struct numset *uids)
{
    uint32_t uid = 0;
    (void)numset_at(uids, (uint32_t)numset_count(uids) - LIMIT_MAIL_COPY + 1, &uid);
    return imap_no(i, arena_printf(i->s.arena, "MESSAGELIMIT %d %u", LIMIT_MAIL_COPY, uid),
                   "At most %d messages can be copied at once", LIMIT_MAIL_COPY);
}

/* And what this session put into its own mailbox it knows of. */
static void copied(struct imap *i,
                   const struct copying *x,
                   struct buf *code,
                   uint32_t uidvalidity,
                   const struct numset *from,
                   const struct numset *to)
{
    if (x->readable)
        copyuid(code, uidvalidity, from, to);
    if (x->to == i->box->account && x->in.to.v == i->box->id.v)
        numset_or(&i->box->own, to);
    else
        imap_own_messages(i, x->to, x->in.to, to);
}

/* What moves to another account is there before it goes here (RFC 6851 §3.3 wants each message in one place at least). */
static int copy_or_move_now(struct imap *i,
                            const struct copying *x,
                            const struct numset *uids,
                            uint32_t *uidvalidity,
                            struct numset *from,
                            struct numset *to)
{
    struct mail *m = i->server->mail;
    account_id here = i->box->account;
    if (x->to == here)
        return mailbox_copy(m, here, &x->in, uids, uidvalidity, from, to);
    int err = mailbox_copy_across(m, here, x->to, &x->in, uids, uidvalidity, from, to);
    if (err != 0 || !x->in.move)
        return err;
    err = mailbox_expunge_set(m, here, i->box->id, from, imap_keep_ms(i));
    return err == ERR_NOT_FOUND ? 0 : err; /* the mailbox is gone, and they with it */
}

static enum step copy(struct imap *i, const struct copying *x, struct numset *uids)
{
    struct numset from, to;
    struct buf code;
    uint32_t uidvalidity = 0;
    if (numset_count(uids) > LIMIT_MAIL_COPY)
        return too_many(i, uids);
    buf_init(&code, LIMIT_SESSION_OUT);
    numset_init(&from);
    numset_init(&to);
    int err = copy_or_move_now(i, x, uids, &uidvalidity, &from, &to);
    if (err == 0)
        copied(i, x, &code, uidvalidity, &from, &to);
    bool some = !numset_is_empty(&from);
    enum step step =
        err != 0 ? refuse(i, err)
                 : imap_ok(i, buf_span(&code), some ? "Copied" : "There was nothing to copy");
    numset_done(&from);
    numset_done(&to);
    buf_done(&code);
    return step;
}

/* ---- MOVE --------------------------------------------------------------------------------- */

struct move {
    struct copying to;
    struct numset left;
    bool some; /* were moved */
};

static void move_drop(struct imap *i, void *data)
{
    struct move *m = data;
    (void)i;
    numset_done(&m->left);
    free(m);
}

/* The lowest, as many as are moved at once, which leave m->left. */
static int take_piece(struct move *m, struct numset *piece)
{
    uint32_t last;
    int err = numset_copy(piece, &m->left);
    if (numset_at(&m->left, LIMIT_MAIL_COPY, &last) && last < UINT32_MAX)
        numset_remove_range(piece, last + 1, UINT32_MAX);
    numset_andnot(&m->left, piece);
    return err != 0 ? err : piece->err != 0 ? piece->err : m->left.err;
}

/* For the next piece of many. */
static int check_still(struct imap *i, const struct copying *x)
{
    const uint32_t goes = RIGHT_READ | RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE;
    int err = imap_place_still(i, i->box->account, i->box->id, goes);
    return err != 0 ? err : imap_place_still(i, x->to, x->in.to, RIGHT_INSERT);
}

/* RFC 6851 §4.3: COPYUID comes before the expunges. */
static int move_piece(struct imap *i, struct move *m)
{
    struct numset piece, from, to;
    uint32_t uidvalidity = 0;
    numset_init(&piece);
    numset_init(&from);
    numset_init(&to);
    int err = m->some ? check_still(i, &m->to) : 0;
    if (err == 0)
        err = take_piece(m, &piece);
    if (err == 0)
        err = copy_or_move_now(i, &m->to, &piece, &uidvalidity, &from, &to);
    if (err == 0 && !numset_is_empty(&from)) {
        buf_puts(i->s.out, m->to.readable ? "* OK [" : "");
        copied(i, &m->to, i->s.out, uidvalidity, &from, &to);
        buf_puts(i->s.out, m->to.readable ? "] Moved\r\n" : "");
        imap_expunged(i, &from);
        m->some = true;
    }
    numset_done(&piece);
    numset_done(&from);
    numset_done(&to);
    return err;
}

static enum step move_go_on(struct imap *i)
{
    struct move *m = i->task.data;
    int err = move_piece(i, m);
    bool some = m->some;
    if (err == 0 && !numset_is_empty(&m->left))
        return STEP_MORE;
    imap_task_end(i);
    return err != 0 ? refuse(i, err)
           : some   ? imap_ok_expunged(i) /* RFC 6851 §4.4 */
                    : imap_ok(i, SPAN_EMPTY, "There was nothing to move");
}

/* Takes the set over. */
static void move_init(struct move *m, const struct copying *x, struct numset *uids)
{
    m->to = *x;
    m->left = *uids;
    numset_init(uids);
}

static enum step move_begin(struct imap *i, const struct copying *x, struct numset *uids)
{
    struct move *m = calloc(1, sizeof *m);
    if (m == NULL)
        return imap_no_of(i, ERR_NOMEM);
    move_init(m, x, uids);
    return imap_task_begin(i,
                           (struct imap_task){.go_on = move_go_on, .drop = move_drop, .data = m});
}

/* ---- both --------------------------------------------------------------------------------- */

/* RFC 4314 §4, RFC 6851 §4.1: MOVE is COPY, STORE of \Deleted and EXPUNGE. */
static int check_rights(const struct imap *i, const struct imap_place *at, bool move)
{
    const uint32_t goes = RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE;
    if (move && (i->box->rights & goes) != goes)
        return ERR_DENIED;
    return imap_place_needs(at, RIGHT_INSERT);
}

static int
prepare(struct imap *i, const struct imap_arg *args, struct copying *x, struct numset *uids)
{
    struct class_of_service class;
    struct imap_place at;
    int err = imap_messages(i, args, uids);
    if (err == 0)
        err = imap_place_find(i, args->next, &at);
    if (err == 0)
        err = at.box.noselect ? ERR_NOT_FOUND : check_rights(i, &at, x->in.move);
    if (err == 0)
        err = imap_place_class(i, &at, &class);
    if (err != 0)
        return err;
    x->to = at.account;
    x->in.guest = at.account != i->account;
    x->readable = (at.rights & RIGHT_READ) != 0;
    x->in.from = i->box->id;
    x->in.to = at.box.id;
    x->in.drop_flags = imap_flags_denied(at.rights);
    x->in.drop_keywords = (at.rights & RIGHT_WRITE) == 0;
    x->in.quota_bytes = class.quota_bytes;
    x->in.quota_messages = class.quota_messages;
    return 0;
}

static enum step copy_or_move(struct imap *i, const struct imap_arg *args, bool move)
{
    struct copying x = {.in = {.move = move}};
    struct numset uids;
    if (imap_args_count(args) != 2 || args->next->kind == IMAP_LIST)
        return imap_bad_args(i);
    numset_init(&uids);
    int err = prepare(i, args, &x, &uids);
    enum step step = err == ERR_INVALID ? imap_bad_args(i)
                     : err == ERR_NOT_FOUND
                         ? imap_no(i, SPAN("TRYCREATE"), "There is no such mailbox")
                     : err != 0 ? imap_no_of(i, err)
                     : move     ? move_begin(i, &x, &uids)
                                : copy(i, &x, &uids);
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
