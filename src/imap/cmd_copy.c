/* SPDX-License-Identifier: Apache-2.0 */
/* COPY (RFC 9051 §6.4.7) and MOVE (§6.4.8), with COPYUID (§7.1). COPY copies all of the messages or none, and so there is a
 * limit (RFC 9738); MOVE moves as many at once, and goes on. */
#include "imap/internal.h"

int imap_class(struct imap *i, struct class_of_service *out)
{
    struct directory *d = i->server->directory;
    struct account self;
    int err = account_get(d, span_str(i->address), i->s.arena, &self);
    if (err == 0 && self.id != i->account)
        err = ERR_NO_USER;
    if (err != 0)
        return err;
    err = class_get(d, self.class_name, i->s.arena, out);
    return err == ERR_NOT_FOUND ? class_get(d, SPAN_EMPTY, i->s.arena, out) : err;
}

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
                   const struct mail_copy *in,
                   struct buf *code,
                   uint32_t uidvalidity,
                   const struct numset *from,
                   const struct numset *to)
{
    copyuid(code, uidvalidity, from, to);
    if (in->to.v == i->box->id.v)
        numset_or(&i->box->own, to);
    else
        imap_own_messages(i, in->to, to);
}

static enum step copy(struct imap *i, const struct mail_copy *in, struct numset *uids)
{
    struct numset from, to;
    struct buf code;
    uint32_t uidvalidity = 0;
    if (numset_count(uids) > LIMIT_MAIL_COPY)
        return too_many(i, uids);
    buf_init(&code, LIMIT_SESSION_OUT);
    numset_init(&from);
    numset_init(&to);
    int err = mailbox_copy(i->server->mail, i->account, in, uids, &uidvalidity, &from, &to);
    if (err == 0)
        copied(i, in, &code, uidvalidity, &from, &to);
    enum step step = err != 0     ? refuse(i, err)
                     : code.n > 0 ? imap_ok(i, buf_span(&code), "Copied")
                                  : imap_ok(i, SPAN_EMPTY, "There was nothing to copy");
    numset_done(&from);
    numset_done(&to);
    buf_done(&code);
    return step;
}

/* ---- MOVE --------------------------------------------------------------------------------- */

struct move {
    struct mail_copy in;
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

/* RFC 6851 §4.3: COPYUID comes before the expunges. */
static int move_piece(struct imap *i, struct move *m)
{
    struct numset piece, from, to;
    uint32_t uidvalidity = 0;
    numset_init(&piece);
    numset_init(&from);
    numset_init(&to);
    int err = take_piece(m, &piece);
    if (err == 0)
        err = mailbox_copy(i->server->mail, i->account, &m->in, &piece, &uidvalidity, &from, &to);
    if (err == 0 && !numset_is_empty(&from)) {
        buf_puts(i->s.out, "* OK [");
        copied(i, &m->in, i->s.out, uidvalidity, &from, &to);
        buf_puts(i->s.out, "] Moved\r\n");
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
                    : imap_ok(i, SPAN_EMPTY, some ? "Done" : "There was nothing to move");
}

/* Takes the set over. */
static void move_init(struct move *m, const struct mail_copy *in, struct numset *uids)
{
    m->in = *in;
    m->left = *uids;
    numset_init(uids);
}

static enum step move_begin(struct imap *i, const struct mail_copy *in, struct numset *uids)
{
    struct move *m = calloc(1, sizeof *m);
    if (m == NULL)
        return imap_no_of(i, ERR_NOMEM);
    move_init(m, in, uids);
    return imap_task_begin(i,
                           (struct imap_task){.go_on = move_go_on, .drop = move_drop, .data = m});
}

/* ---- both --------------------------------------------------------------------------------- */

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
                     : move     ? move_begin(i, &in, &uids)
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
