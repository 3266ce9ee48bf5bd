/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND (RFC 9051 §6.3.12), with several messages at once (RFC 3502, all or none), made of parts of others (CATENATE, RFC
 * 4469), and APPENDUID; REPLACE (RFC 8508).
 *
 * The command is worked on while it comes: at each literal its mailbox, flags, date and size are looked at, so that a
 * client who waits for "+" is refused before it sends. One who does not wait has sent it: the rest is read and passed
 * over, and the answer comes at the end.
 *
 * A piece of the command ends with a literal of a message, or with the command. Pieces are read as arguments are, with
 * the parenthesis that is still open, or was open before, added to them. Literals that are no message (a mailbox, a
 * URL) belong to the piece. What outlives a unit is in struct imap_append and its arena. */
#include "imap/append.h"
#include "imap/place.h"

#include "base/log.h"
#include "base/metrics.h"

enum {
    APPEND_ARENA = 4 * 1024 * 1024, /* what does not fit of summaries is made later */
    APPEND_PIECE = 32 * 1024, /* of a piece, when a literal is in it: it is read again with each */
};

uint64_t imap_append_limit(const struct imap *i)
{
    return (uint64_t)i->server->config->smtp_size_max;
}

uint64_t imap_append_limit_own(struct imap *i)
{
    const struct imap_place own = {.account = i->account};
    struct class_of_service class;
    uint64_t most = imap_append_limit(i);
    int err = imap_place_class(i, &own, &class);
    return err == 0 && class.message_size > 0 && class.message_size < most ? class.message_size
                                                                           : most;
}

void imap_append_drop(struct imap *i)
{
    struct imap_append *a = i->append;
    if (a == NULL)
        return;
    spool_free(a->spool);
    arena_free(a->arena);
    free(a->v);
    free(a);
    i->append = NULL;
}

static bool is_replace(const struct imap *i)
{
    return i->command->run == imap_cmd_replace;
}

/* Does it name the message by its number, which RFC 9586 §3 forbids? */
static bool is_by_number(const struct imap *i)
{
    return is_replace(i) && !i->uid && (i->enabled & IMAP_ON_UIDONLY) != 0;
}

static enum step answer_refused(struct imap *i)
{
    struct imap_append *a = i->append;
    struct span code = arena_dup(i->s.arena, span_str(a->code));
    const char *text = a->text;
    int err = a->err;
    imap_append_drop(i);
    if (is_by_number(i))
        return imap_uid_required(i);
    if (err == ERR_INVALID)
        return imap_bad_args(i);
    return imap_no(i, code, "%s", text);
}

/* ---- before the first message ----------------------------------------------------------------- */

static int open_mailbox(struct imap *i, struct imap_append *a, const struct imap_arg *arg)
{
    struct imap_place at;
    int err = imap_place_find(i, arg, &at);
    if (err == 0)
        err = at.box.noselect ? ERR_NOT_FOUND : imap_place_needs(&at, RIGHT_INSERT);
    if (err == 0)
        err = imap_place_class(i, &at, &a->class);
    if (err == ERR_NOT_FOUND) {
        append_refuse(a, err, "TRYCREATE", "There is no such mailbox");
        return 0;
    }
    if (err == ERR_DENIED || err == ERR_SUSPENDED) {
        append_refuse(a, err, NULL, NULL);
        return 0;
    }
    if (err != 0)
        return err;
    a->account = at.account;
    a->rights = at.rights;
    a->mailbox = at.box.id;
    a->uidvalidity = at.box.uidvalidity;
    return 0;
}

/* RFC 8508 §5: one message, by its number or as the last. */
static int find_replaced(struct imap *i, const struct imap_arg *arg, struct imap_append *a)
{
    const uint32_t goes = RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE;
    struct numset uids;
    uint64_t number;
    if ((!imap_arg_number(arg, &number) && !imap_arg_is(arg, SPAN("*"))) || is_by_number(i))
        return ERR_INVALID;
    numset_init(&uids);
    int err = imap_messages(i, arg, &uids);
    a->replaces.v = numset_min(&uids);
    numset_done(&uids);
    if (err == 0 && a->replaces.v == 0)
        append_refuse(a, ERR_NOT_FOUND, NULL, "There is no such message");
    if (err == 0 && i->box->read_only)
        append_refuse(a, ERR_DENIED, imap_read_only_code(i->box), imap_read_only_text(i->box));
    if (err == 0 && (i->box->rights & goes) != goes)
        append_refuse(a, ERR_DENIED, NULL, NULL);
    if (err == 0 && a->account != i->box->account)
        append_refuse(a, ERR_UNSUPPORTED, "CANNOT",
                      "A message can only be replaced by one of the same account");
    return err;
}

/* i->append, unless memory has run out. Its messages begin at *arg then. */
static int begin(struct imap *i, const struct imap_arg **arg)
{
    const struct imap_arg *replaced = *arg;
    struct imap_append *a = calloc(1, sizeof *a);
    if (a == NULL)
        return ERR_NOMEM;
    a->arena = arena_new(APPEND_ARENA);
    if (a->arena == NULL) {
        free(a);
        return ERR_NOMEM;
    }
    i->append = a;
    if (is_replace(i))
        *arg = (*arg)->next;
    int err = open_mailbox(i, a, *arg);
    if (err == 0 && is_replace(i))
        err = find_replaced(i, replaced, a);
    *arg = (*arg)->next;
    return err;
}

/* ---- a piece of the command ------------------------------------------------------------------- */

/* *open_out: a list is open at its end. */
static int parse_piece(struct imap *i,
                       enum append_open open,
                       struct span before,
                       struct span piece,
                       struct imap_arg **out,
                       bool *open_out)
{
    struct buf text;
    buf_init(&text, LIMIT_IMAP_LINE + APPEND_PIECE + LIMIT_IMAP_COMMAND);
    if (open != APPEND_CLOSED) {
        buf_putc(&text, '(');
        while (span_skip(before.n > 0 ? &before : &piece, SPAN(" ")))
            continue;
    }
    buf_put(&text, before);
    buf_put(&text, piece);
    buf_putc(&text, ')');
    struct span kept = arena_dup(i->s.arena, buf_span(&text));
    int err = text.err != 0 ? text.err : arena_err(i->s.arena);
    buf_done(&text);
    if (err != 0)
        return err;
    *open_out = false;
    err = imap_args_parse(span_slice(kept, 0, kept.n - 1), i->s.arena, out);
    if (err == ERR_INVALID) {
        *open_out = true;
        err = imap_args_parse(kept, i->s.arena, out);
    }
    return err;
}

/* Is the literal behind these that of a URL? */
static bool wants_url(const struct imap_arg *arg, bool open, enum append_open before)
{
    bool parts = before == APPEND_PARTS; /* the first argument is a list of parts */
    for (; arg != NULL && arg->next != NULL; arg = arg->next)
        parts = imap_arg_is(arg, SPAN("CATENATE"));
    if (!open || arg == NULL || arg->kind != IMAP_LIST || !parts)
        return false;
    for (arg = arg->child; arg != NULL && arg->next != NULL;)
        arg = arg->next->next;
    return imap_arg_is(arg, SPAN("URL"));
}

/* cat-part *(SP cat-part); the last is TEXT when a literal is to follow. */
static int
take_parts(struct imap *i, struct imap_append *a, const struct imap_arg *part, bool literal)
{
    struct span url;
    for (; part != NULL; part = part->next->next) {
        if (literal && part->next == NULL)
            return imap_arg_is(part, SPAN("TEXT")) ? 0 : ERR_INVALID;
        if (!imap_arg_is(part, SPAN("URL")) || !imap_arg_string(part->next, &url))
            return ERR_INVALID;
        append_message_url(i, a, url);
    }
    return literal ? ERR_INVALID : 0;
}

/* What the list of a message that was begun has behind its literal. */
static int
take_rest(struct imap *i, struct imap_append *a, const struct imap_arg *list, bool literal)
{
    if (list == NULL || list->kind != IMAP_LIST)
        return ERR_INVALID;
    int err = a->open == APPEND_PARTS          ? take_parts(i, a, list->child, literal)
              : list->child != NULL || literal ? ERR_INVALID
                                               : 0;
    if (err == 0 && !literal) {
        a->open = APPEND_CLOSED;
        append_message_end(i, a);
    }
    return err;
}

/* append-data, from *arg on, which is taken; *literal: its literal follows. */
static int take_data(
    struct imap *i, struct imap_append *a, const struct imap_arg **arg, bool open, bool *literal)
{
    const struct imap_arg *name = *arg, *list = name == NULL ? NULL : name->next;
    *literal = name == NULL;
    if (name == NULL)
        return open ? ERR_INVALID : 0;
    if (list == NULL || list->kind != IMAP_LIST)
        return ERR_INVALID;
    *literal = open && list->next == NULL;
    *arg = list->next;
    if (imap_arg_is(name, SPAN("CATENATE")) && (list->child != NULL || *literal)) {
        a->open = APPEND_PARTS;
        return take_rest(i, a, list, *literal);
    }
    /* RFC 6855 §4: UTF8 (literal8) says that the message has UTF-8 in its header */
    a->open = APPEND_UTF8;
    return imap_arg_is(name, SPAN("UTF8")) && list->child == NULL && *literal ? 0 : ERR_INVALID;
}

/* All messages of a piece, from `arg` on; the last is open, or to come, where a literal follows. */
static int take_messages(
    struct imap *i, struct imap_append *a, const struct imap_arg *arg, bool open, bool literal)
{
    int err = open && !literal ? ERR_INVALID : 0;
    bool more = false;
    if (err == 0 && a->open != APPEND_CLOSED) {
        more = arg != NULL && open && arg->next == NULL;
        err = take_rest(i, a, arg, more);
        arg = err == 0 && arg != NULL ? arg->next : NULL;
    }
    while (err == 0 && !more && (arg != NULL || literal)) {
        if (a->replaces.v != 0 && a->n > 0)
            return ERR_INVALID;
        err = append_message_begin(i, a, &arg);
        if (err == 0)
            err = take_data(i, a, &arg, open, &more);
        if (err == 0 && a->err != 0)
            return 0;
    }
    return err;
}

/* ---- literals --------------------------------------------------------------------------------- */

static enum step literal_begin(struct imap *i, const struct imap_literal *literal)
{
    struct imap_append *a = i->append;
    if (literal->size == 0 && a->open == APPEND_CLOSED)
        append_message_end(i, a); /* which refuses it */
    append_message_expect(i, a, literal->size);
    if (a->err != 0 && literal->sync)
        return answer_refused(i);
    if (a->err != 0 && literal->size > 2 * imap_append_limit(i))
        return imap_bye(i, SPAN("TOOBIG"), "The message is much too large; closing the connection");
    i->octets_left = literal->size;
    a->binary |= literal->binary;
    if (literal->size > 0)
        i->busy = IMAP_MESSAGE;
    if (literal->sync)
        imap_continue(i, "OK");
    return STEP_DONE;
}

enum step imap_append_octets(struct imap *i, struct span octets)
{
    struct imap_append *a = i->append;
    must(octets.n <= i->octets_left);
    i->octets_left -= octets.n;
    append_message_octets(a, octets);
    if (i->octets_left == 0) {
        i->busy = IMAP_READY;
        if (a->open == APPEND_CLOSED)
            append_message_end(i, a);
    }
    return STEP_DONE;
}

/* A literal that belongs to a piece: it is kept with the line it ends. */
static enum step keep_literal(struct imap *i, struct span line, const struct imap_literal *literal)
{
    struct buf *p = &i->partial;
    buf_put(p, line);
    buf_puts(p, "\r\n");
    if (p->err != 0)
        return imap_bye(i, SPAN("UNAVAILABLE"), err_text(p->err));
    i->octets_left = literal->size;
    if (literal->size > 0)
        i->busy = IMAP_OCTETS;
    if (literal->sync)
        imap_continue(i, "OK");
    return STEP_DONE;
}

static bool piece_fits(const struct imap *i, struct span line, const struct imap_literal *literal)
{
    return i->partial.n + line.n < APPEND_PIECE &&
           literal->size < APPEND_PIECE - i->partial.n - line.n;
}

static enum step piece_too_long(struct imap *i, const struct imap_literal *literal)
{
    imap_append_drop(i);
    return literal->sync
               ? imap_no(i, SPAN("TOOBIG"), "The command is too long")
               : imap_bye(i, SPAN("TOOBIG"), "The command is too long; closing the connection");
}

/* ---- the first piece -------------------------------------------------------------------------- */

static enum step first_message(struct imap *i,
                               const struct imap_arg *args,
                               bool open,
                               const struct imap_literal *literal)
{
    buf_done(&i->partial);
    int err = begin(i, &args);
    if (i->append == NULL)
        return literal->sync ? imap_no_of(i, err) : imap_bye(i, SPAN("UNAVAILABLE"), err_text(err));
    if (err == 0 && i->append->err == 0)
        err = take_messages(i, i->append, args, open, true);
    if (err != 0)
        append_refuse(i->append, err, NULL, NULL);
    return literal_begin(i, literal);
}

static enum step not_well_formed(struct imap *i, int err, const struct imap_literal *literal)
{
    buf_done(&i->partial);
    if (literal->sync)
        return err == ERR_INVALID ? imap_bad_args(i) : imap_no_of(i, err);
    return imap_bye(i, SPAN_EMPTY, "The command is not well formed; closing the connection");
}

enum step imap_append_literal(struct imap *i,
                              struct span line,
                              const struct imap_literal *literal,
                              bool *ours_out)
{
    struct span piece = span_slice(line, 0, literal->prefix);
    struct span kept = buf_span(&i->partial), *first = kept.n > 0 ? &kept : &piece;
    struct imap_arg *args = NULL;
    bool open;
    *ours_out = imap_command_begin(i, first) == 0 && i->command != NULL &&
                (i->command->flags & IMAP_MESSAGES) != 0 &&
                (i->command->states & (unsigned)i->state) != 0;
    if (!*ours_out)
        return STEP_DONE;
    int err = parse_piece(i, APPEND_CLOSED, kept, piece, &args, &open);
    const struct imap_arg *mailbox = is_replace(i) && args != NULL ? args->next : args;
    if (err == 0 && mailbox != NULL && mailbox->kind == IMAP_LIST)
        err = ERR_INVALID;
    if (err != 0)
        return not_well_formed(i, err, literal);
    if (mailbox != NULL && !wants_url(args, open, APPEND_CLOSED))
        return first_message(i, args, open, literal);
    if (!piece_fits(i, line, literal))
        return piece_too_long(i, literal);
    *ours_out = false;
    return STEP_DONE;
}

/* ---- behind a message ------------------------------------------------------------------------- */

/* What came since the mailbox was found may have taken hours. */
static int check_still(struct imap *i, const struct imap_append *a)
{
    const uint32_t goes = RIGHT_READ | RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE;
    int err = imap_place_still(i, a->account, a->mailbox, RIGHT_INSERT);
    if (err == 0 && a->replaces.v != 0)
        err = imap_place_still(i, i->box->account, i->box->id, goes);
    return err;
}

static int commit(struct imap *i, struct imap_append *a, struct mail_appended *out)
{
    int err = check_still(i, a);
    if (err != 0)
        return err;
    if (a->replaces.v == 0)
        return mailbox_append_many(i->server->mail, a->account, a->v, a->n, out);
    struct mail_replace in = {
        .append = a->v[0], .from = i->box->id, .uid = a->replaces, .keep_ms = imap_keep_ms(i)};
    return mailbox_replace(i->server->mail, a->account, &in, out);
}

static bool is_selected(const struct imap *i, const struct imap_append *a)
{
    return i->box != NULL && a->account == i->box->account && a->mailbox.v == i->box->id.v;
}

/* The code of the answer; none for one who may not open the mailbox (RFC 4315 §3). */
static struct span
appended(struct imap *i, const struct imap_append *a, const struct mail_appended *v)
{
    struct numset uids;
    struct buf code;
    numset_init(&uids);
    for (size_t n = 0; n < a->n; n++)
        numset_add(&uids, v[n].uid.v);
    buf_init(&code, 256 + 12 * LIMIT_IMAP_APPEND);
    buf_printf(&code, "APPENDUID %u ", a->uidvalidity);
    imap_set_write(&code, &uids);
    struct span out = SPAN_EMPTY;
    if ((a->rights & RIGHT_READ) != 0)
        out = arena_dup(i->s.arena, buf_span(&code));
    buf_done(&code);
    if (is_selected(i, a))
        numset_or(&i->box->own, &uids);
    else
        imap_own_messages(i, a->account, a->mailbox, &uids);
    numset_done(&uids);
    return out;
}

static void tell_replaced(struct imap *i, struct mail_uid uid)
{
    struct numset uids;
    numset_init(&uids);
    numset_add(&uids, uid.v);
    imap_expunged(i, &uids);
    numset_done(&uids);
}

static enum step append_all(struct imap *i, struct imap_append *a)
{
    struct mail_appended *out = arena_array(i->s.arena, a->n, sizeof *out);
    uint64_t mark = is_selected(i, a) ? imap_sync_mark(i) : 0;
    int err = out == NULL ? ERR_NOMEM : commit(i, a, out);
    if (err == ERR_NOT_FOUND && a->replaces.v != 0)
        append_refuse(a, err, NULL, "The message or the mailbox does not exist any more");
    else if (err == ERR_NOT_FOUND)
        append_refuse(a, err, "TRYCREATE", "The mailbox does not exist any more");
    else if (err != 0)
        append_refuse(a, err, NULL, NULL);
    if (err != 0)
        return answer_refused(i);
    bool replaced = a->replaces.v != 0;
    struct span code = appended(i, a, out);
    if (replaced)
        tell_replaced(i, a->replaces);
    else if (is_selected(i, a))
        imap_sync_own(i, mark, out[0].before, out[0].modseq);
    metric_add(METRIC_IMAP_APPENDED, (int64_t)a->n);
    metric_add(METRIC_IMAP_EXPUNGED, replaced);
    log_event(LOG_INFO, "imap.appended", LOG_Z("account", i->address),
              LOG_I("mailbox", a->mailbox.v), LOG_I("messages", a->n), LOG_I("uid", out[0].uid.v),
              LOG_I("replaces", a->replaces.v));
    imap_append_drop(i);
    if (!replaced)
        return imap_ok(i, code, "Appended");
    if (code.n > 0) /* RFC 8508 §3.2: before the expunge */
        buf_printf(i->s.out, "* OK [%.*s] Replaced\r\n", SPAN_ARG(code));
    return imap_ok_expunged(i); /* §4.5 */
}

/* The command is whole. */
static enum step finish(struct imap *i)
{
    struct imap_append *a = i->append;
    if (a->err == 0 && a->n == 0)
        append_refuse(a, ERR_INVALID, NULL, NULL);
    return a->err != 0 ? answer_refused(i) : append_all(i, a);
}

/* How a piece begins that follows a literal. */
static bool is_behind_literal(const struct imap_append *a, struct span piece, bool literal)
{
    if (piece.n == 0)
        return a->open == APPEND_CLOSED && !literal;
    return piece.p[0] == ' ' || (piece.p[0] == ')' && a->open != APPEND_CLOSED);
}

enum step imap_append_line(struct imap *i, struct span line)
{
    struct imap_append *a = i->append;
    struct imap_literal literal;
    struct imap_arg *args = NULL;
    bool open = false, more = imap_literal_at_end(line, &literal);
    struct span piece = more ? span_slice(line, 0, literal.prefix) : line;
    struct span kept = buf_span(&i->partial);
    if (a->err == 0) {
        int err = is_behind_literal(a, kept.n > 0 ? kept : piece, more)
                      ? parse_piece(i, a->open, kept, piece, &args, &open)
                      : ERR_INVALID;
        if (err == 0 && more && wants_url(args, open, a->open))
            return piece_fits(i, line, &literal) ? keep_literal(i, line, &literal)
                                                 : piece_too_long(i, &literal);
        if (err == 0 && args == NULL && !more && piece.n > 0)
            err = ERR_INVALID;
        if (err == 0)
            err = take_messages(i, a, args, open, more);
        if (err != 0)
            append_refuse(a, err, NULL, NULL);
    }
    buf_done(&i->partial);
    return more ? literal_begin(i, &literal) : finish(i);
}

/* A command without a literal of a message: all of it is in others. */
enum step imap_cmd_append(struct imap *i, const struct imap_arg *args)
{
    if (imap_args_count(args) < (is_replace(i) ? 3 : 2))
        return imap_bad_args(i);
    int err = begin(i, &args);
    if (i->append == NULL)
        return imap_no_of(i, err);
    if (err == 0 && i->append->err == 0)
        err = take_messages(i, i->append, args, false, false);
    if (err != 0)
        append_refuse(i->append, err, NULL, NULL);
    return finish(i);
}

enum step imap_cmd_replace(struct imap *i, const struct imap_arg *args)
{
    return imap_cmd_append(i, args);
}
