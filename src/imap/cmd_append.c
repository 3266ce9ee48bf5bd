/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND (RFC 9051 §6.3.12), with several messages at once (RFC 3502, all or none) and APPENDUID; REPLACE (RFC 8508).
 *
 * The command is worked on while it comes: at the literal of each message its mailbox, flags, date and size are looked
 * at, so that a client who waits for "+" is refused before it sends; the octets go to a spool, and whole messages to a
 * blob each, which nobody knows of until all are put into the mailbox in one transaction. One who does not wait has sent
 * it: the rest is read and passed over, and the answer comes at the end.
 *
 * What outlives a unit is in struct imap_append and its arena. */
#include "imap/internal.h"

#include "base/flight.h"
#include "base/log.h"
#include "base/metrics.h"
#include "imap/date.h"
#include "message/summary.h"

enum {
    APPEND_ARENA = 4 * 1024 * 1024, /* what does not fit of summaries is made later */
    APPEND_MESSAGES = 1000,         /* in one command */
};

struct imap_append {
    struct arena *arena;
    struct mailbox_id mailbox;
    uint32_t uidvalidity;
    struct class_of_service class;
    struct spool *spool;
    bool parenthesis; /* UTF8 (literal): one is to come behind the message */
    bool binary;      /* the message is a literal8 */
    /* why it is refused; 0: it is not */
    int err;
    const char *code, *text;
    struct mail_append *v; /* malloc'd */
    size_t n, room;
    struct mail_uid replaces; /* REPLACE; 0: none */
};

uint64_t imap_append_limit(const struct imap *i)
{
    return (uint64_t)i->server->config->smtp_size_max;
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

/* The first reason counts. */
static void refuse(struct imap_append *a, int err, const char *code, const char *text)
{
    spool_free(a->spool);
    a->spool = NULL;
    if (a->err != 0)
        return;
    a->err = err;
    a->code = code != NULL ? code : err_info(err)->imap;
    a->text = text != NULL ? text : err_text(err);
}

static enum step answer_refused(struct imap *i)
{
    struct imap_append *a = i->append;
    const char *code = a->code, *text = a->text;
    int err = a->err;
    imap_append_drop(i);
    if (err == ERR_INVALID)
        return imap_bad_args(i);
    return imap_no(i, span_str(code), "%s", text);
}

/* ---- before a message ------------------------------------------------------------------------- */

static int open_mailbox(struct imap *i, struct imap_append *a, const struct imap_arg *arg)
{
    struct mailbox m;
    struct span name;
    int err = imap_read_mailbox(i, arg, &name);
    if (err == 0)
        err = mailbox_find_name(i->server->mail, i->account, name, i->s.arena, &m);
    if (err == ERR_INVALID || err == ERR_NOT_FOUND || (err == 0 && m.noselect)) {
        refuse(a, ERR_NOT_FOUND, "TRYCREATE", "There is no such mailbox");
        return 0;
    }
    if (err == 0)
        err = imap_class(i, &a->class);
    if (err != 0)
        return err;
    a->mailbox = m.id;
    a->uidvalidity = m.uidvalidity;
    return 0;
}

static int begin(struct imap *i, const struct imap_arg *mailbox)
{
    struct imap_append *a = calloc(1, sizeof *a);
    if (a == NULL)
        return ERR_NOMEM;
    i->append = a;
    a->arena = arena_new(APPEND_ARENA);
    return a->arena == NULL ? ERR_NOMEM : open_mailbox(i, a, mailbox);
}

/* Room for one more. */
static int grow(struct imap_append *a)
{
    if (a->n == APPEND_MESSAGES)
        return ERR_LIMIT;
    if (a->n < a->room)
        return 0;
    size_t room = a->room == 0 ? 1 : 4 * a->room;
    struct mail_append *v = realloc(a->v, room * sizeof *v);
    if (v == NULL)
        return ERR_NOMEM;
    a->v = v;
    a->room = room;
    return 0;
}

/* RFC 8508 §3.2: one message, by its number. */
static int find_replaced(struct imap *i, const struct imap_arg *arg, struct imap_append *a)
{
    struct numset uids;
    uint64_t number;
    if (!imap_arg_number(arg, &number))
        return ERR_INVALID;
    numset_init(&uids);
    int err = imap_messages(i, arg, &uids);
    a->replaces.v = numset_min(&uids);
    numset_done(&uids);
    if (err == 0 && a->replaces.v == 0)
        refuse(a, ERR_NOT_FOUND, NULL, "There is no such message");
    if (err == 0 && i->box->read_only)
        refuse(a, ERR_DENIED, "CANNOT", "The mailbox was opened for reading only");
    return err;
}

static bool is_replace(const struct imap *i)
{
    return i->command->run == imap_cmd_replace;
}

/* [flags] [date], from `arg` on. */
static int read_message(struct imap *i, const struct imap_arg *arg, struct mail_append *m)
{
    struct keyword_ids *keywords = arena_alloc(i->append->arena, sizeof *keywords);
    struct span date;
    int err = 0;
    if (keywords == NULL)
        return ERR_NOMEM;
    m->received_ms = i->s.clock->wall_ms(i->s.clock);
    if (arg != NULL && arg->kind == IMAP_LIST) {
        const struct imap_arg flags = {.kind = IMAP_LIST, .child = arg->child};
        err = imap_flags_read(i, &flags, true, &m->flags, keywords);
        m->keywords = keywords;
        arg = arg->next;
    }
    if (err == 0 && arg != NULL) {
        if (arg->next != NULL || arg->kind != IMAP_QUOTED || !imap_arg_string(arg, &date))
            return ERR_INVALID;
        err = imap_date_time_read(date, &m->received_ms);
    }
    return err;
}

static void check_size(struct imap *i, struct imap_append *a, uint64_t size)
{
    struct mail_quota used;
    uint64_t bytes = 0;
    if (size == 0)
        refuse(a, ERR_UNSUPPORTED, "CANNOT", "A message can not be empty"); /* RFC 3502 §6.3.11 */
    else if (size > imap_append_limit(i) ||
             (a->class.message_size > 0 && size > a->class.message_size))
        refuse(a, ERR_TOO_BIG, NULL, NULL);
    if (a->err != 0 || (a->class.quota_bytes == 0 && a->class.quota_messages == 0))
        return;
    if (a->replaces.v != 0) /* what counts is known when the other one is gone */
        return;
    int err = mailbox_quota(i->server->mail, i->account, &used);
    for (size_t n = 0; n < a->n; n++)
        bytes += a->v[n].info.size;
    if (err == 0 && a->class.quota_messages != 0 &&
        used.messages + a->n + 1 > a->class.quota_messages)
        err = ERR_QUOTA;
    if (err == 0 && a->class.quota_bytes != 0 && used.bytes + bytes + size > a->class.quota_bytes)
        err = ERR_QUOTA;
    if (err != 0)
        refuse(a, err, NULL, NULL);
}

/* The literal of a message, whose arguments are `arg` and following. */
static enum step
message_begin(struct imap *i, const struct imap_arg *arg, const struct imap_literal *literal)
{
    struct imap_append *a = i->append;
    int err = a->err == 0 ? grow(a) : 0;
    if (a->err == 0 && err == 0) {
        a->v[a->n] = (struct mail_append){.mailbox = a->mailbox,
                                          .quota_bytes = a->class.quota_bytes,
                                          .quota_messages = a->class.quota_messages};
        err = read_message(i, arg, &a->v[a->n]);
    }
    if (err != 0)
        refuse(a, err, NULL, NULL);
    check_size(i, a, literal->size);
    if (a->err == 0) {
        a->spool = spool_new(i->server->spools, literal->size);
        if (a->spool == NULL)
            refuse(a, ERR_NOMEM, NULL, NULL);
    }
    if (a->err != 0 && literal->sync)
        return answer_refused(i);
    if (a->err != 0 && literal->size > 2 * imap_append_limit(i))
        return imap_bye(i, SPAN("TOOBIG"), "The message is much too large; closing the connection");
    i->octets_left = literal->size;
    a->binary = literal->binary;
    if (literal->size > 0)
        i->busy = IMAP_MESSAGE;
    if (literal->sync)
        imap_continue(i, "OK");
    return STEP_DONE;
}

/* RFC 6855 §4: UTF8 (literal8) says that the message has UTF-8 in its header, which all may have. */
static struct span without_utf8(struct imap_append *a, struct span text)
{
    static const struct span mark = SPAN("UTF8 (");
    struct span end = text.n < mark.n ? SPAN_EMPTY : span_from(text, text.n - mark.n);
    if (!span_ieq(end, mark))
        return text;
    a->parenthesis = true;
    return span_slice(text, 0, text.n - mark.n);
}

static enum step first_message(struct imap *i, struct span text, const struct imap_literal *literal)
{
    struct imap_arg *args = NULL;
    struct imap_append probe = {0};
    struct span kept = arena_dup(i->s.arena, without_utf8(&probe, text));
    buf_done(&i->partial);
    int err = imap_args_parse(kept, i->s.arena, &args);
    const struct imap_arg *mailbox = err == 0 && is_replace(i) ? args->next : args;
    if (err == 0)
        err = begin(i, mailbox);
    if (i->append == NULL || i->append->arena == NULL) {
        imap_append_drop(i);
        if (literal->sync)
            return err == ERR_INVALID ? imap_bad_args(i) : imap_no_of(i, err);
        return imap_bye(i, SPAN_EMPTY, "The command is not well formed; closing the connection");
    }
    i->append->parenthesis = probe.parenthesis;
    if (err == 0 && is_replace(i))
        err = find_replaced(i, args, i->append);
    if (err != 0)
        refuse(i->append, err, NULL, NULL);
    return message_begin(i, mailbox->next, literal);
}

/* Is the mailbox before the literal? It may be one itself. */
static bool has_mailbox(struct imap *i, struct span text)
{
    struct imap_arg *args = NULL;
    struct imap_append probe = {0};
    int err = imap_args_parse(without_utf8(&probe, text), i->s.arena, &args);
    return err != 0 || imap_args_count(args) > (is_replace(i) ? 1 : 0);
}

enum step imap_append_literal(struct imap *i,
                              struct span line,
                              const struct imap_literal *literal,
                              bool *ours_out)
{
    struct span here = span_slice(line, 0, literal->prefix);
    struct span head = i->partial.n > 0 ? buf_span(&i->partial) : here, rest = head;
    *ours_out = false;
    if (imap_command_begin(i, &rest) != 0 || i->command == NULL ||
        (i->command->flags & IMAP_MESSAGES) == 0 || (i->command->states & (unsigned)i->state) == 0)
        return STEP_DONE;
    if (i->partial.n > 0) /* the mailbox was a literal */
        rest = arena_printf(i->s.arena, "%.*s%.*s", SPAN_ARG(rest), SPAN_ARG(here));
    *ours_out = has_mailbox(i, rest);
    return *ours_out ? first_message(i, rest, literal) : STEP_DONE;
}

/* ---- a message -------------------------------------------------------------------------------- */

static int keep_body(struct imap *i, struct span body, struct mail_append *m)
{
    struct blob_writer *w;
    int err = store_blob_create(i->server->store, &w);
    if (err != 0)
        return err;
    err = store_blob_write(w, body);
    if (err != 0) {
        store_blob_abandon(w);
        return err;
    }
    return store_blob_finish(w, &m->blob, &m->info);
}

/* A summary that can not be made now is made when somebody asks for it. */
static void summarise(struct imap_append *a, struct span body, struct mail_append *m)
{
    struct buf summary;
    buf_init(&summary, LIMIT_SUMMARY);
    if (summary_make(&body, 1, &summary) == 0)
        m->summary = arena_dup(a->arena, buf_span(&summary));
    buf_done(&summary);
}

/* RFC 9755 §4: where UTF8=ACCEPT is offered, 8-bit headers are for those who have enabled it. */
static bool has_strange_header(const struct imap *i, struct span body)
{
    if (!i->server->config->imap_utf8 || (i->enabled & IMAP_ON_UTF8) != 0)
        return false;
    ssize_t end = span_find(body, SPAN("\r\n\r\n"));
    return !span_is_ascii(end < 0 ? body : span_slice(body, 0, (size_t)end));
}

/* A message that is not kept, whatever room there is; it is refused. */
static bool is_strange(struct imap *i, struct imap_append *a, struct span body)
{
    if (span_chr(body, '\0') >= 0)
        /* RFC 3516 §4.4: what no BODY[...] could send as it is, is not taken in */
        refuse(a, ERR_UNSUPPORTED, a->binary ? "UNKNOWN-CTE" : "CANNOT",
               "A message can not hold NUL");
    else if (has_strange_header(i, body))
        refuse(a, ERR_UNSUPPORTED, "CANNOT",
               "The header has 8-bit characters; please enable UTF8=ACCEPT in your mail program");
    return a->err != 0;
}

static void message_end(struct imap *i)
{
    struct imap_append *a = i->append;
    struct span body;
    if (a->err != 0)
        return;
    int err = spool_view(a->spool, &body);
    if (err == 0 && is_strange(i, a, body))
        return;
    if (err == 0)
        err = imap_unit_body(i, body);
    if (err == 0)
        err = keep_body(i, body, &a->v[a->n]);
    if (err == 0)
        summarise(a, body, &a->v[a->n]);
    flight_end();
    spool_free(a->spool);
    a->spool = NULL;
    if (err == 0)
        a->n++;
    else
        refuse(a, err, NULL, NULL);
}

enum step imap_append_octets(struct imap *i, struct span octets)
{
    struct imap_append *a = i->append;
    must(octets.n <= i->octets_left);
    i->octets_left -= octets.n;
    if (a->err == 0) {
        int err = spool_write(a->spool, octets);
        if (err != 0)
            refuse(a, err, NULL, NULL);
    }
    if (i->octets_left == 0) {
        i->busy = IMAP_READY;
        message_end(i);
    }
    return STEP_DONE;
}

/* ---- behind a message ------------------------------------------------------------------------- */

static int commit(struct imap *i, struct imap_append *a, struct mail_appended *out)
{
    if (a->replaces.v == 0)
        return mailbox_append_many(i->server->mail, i->account, a->v, a->n, out);
    struct mail_replace in = {
        .append = a->v[0], .from = i->box->id, .uid = a->replaces, .keep_ms = imap_keep_ms(i)};
    return mailbox_replace(i->server->mail, i->account, &in, out);
}

static struct span
appenduid(struct imap *i, const struct imap_append *a, const struct mail_appended *v)
{
    struct numset uids;
    struct buf code;
    numset_init(&uids);
    for (size_t n = 0; n < a->n; n++)
        numset_add(&uids, v[n].uid.v);
    buf_init(&code, 256 + 12 * APPEND_MESSAGES);
    buf_printf(&code, "APPENDUID %u ", a->uidvalidity);
    imap_set_write(&code, &uids);
    struct span out = arena_dup(i->s.arena, buf_span(&code));
    buf_done(&code);
    numset_done(&uids);
    return out;
}

static enum step append_all(struct imap *i, struct imap_append *a)
{
    struct mail_appended *out = arena_array(i->s.arena, a->n, sizeof *out);
    int err = out == NULL ? ERR_NOMEM : commit(i, a, out);
    if (err == ERR_NOT_FOUND && a->replaces.v != 0)
        refuse(a, err, NULL, "The message or the mailbox does not exist any more");
    else if (err == ERR_NOT_FOUND)
        refuse(a, err, "TRYCREATE", "The mailbox does not exist any more");
    else if (err != 0)
        refuse(a, err, NULL, NULL);
    if (err != 0)
        return answer_refused(i);
    bool replaced = a->replaces.v != 0;
    struct span code = appenduid(i, a, out);
    metric_add(METRIC_IMAP_APPENDED, (int64_t)a->n);
    metric_add(METRIC_IMAP_EXPUNGED, replaced);
    log_event(LOG_INFO, "imap.appended", LOG_Z("account", i->address),
              LOG_I("mailbox", a->mailbox.v), LOG_I("messages", a->n), LOG_I("uid", out[0].uid.v),
              LOG_I("replaces", a->replaces.v));
    imap_append_drop(i);
    if (!replaced)
        return imap_ok(i, code, "Appended");
    buf_printf(i->s.out, "* OK [%.*s] Replaced\r\n",
               SPAN_ARG(code)); /* RFC 8508 §3.2: before the expunge */
    return imap_ok(i, SPAN_EMPTY, "Done");
}

enum step imap_append_line(struct imap *i, struct span line)
{
    struct imap_append *a = i->append;
    struct imap_literal literal;
    struct imap_arg *args = NULL;
    if (a->parenthesis && !span_skip(&line, SPAN(")")))
        refuse(a, ERR_INVALID, NULL, NULL);
    a->parenthesis = false;
    if (!imap_literal_at_end(line, &literal)) {
        if (line.n > 0)
            refuse(a, ERR_INVALID, NULL, NULL);
        return a->err != 0 ? answer_refused(i) : append_all(i, a);
    }
    if (a->replaces.v != 0)
        refuse(a, ERR_INVALID, NULL, NULL);
    struct span before = without_utf8(a, span_slice(line, 0, literal.prefix));
    before = arena_dup(i->s.arena, before);
    if (!span_starts(before, SPAN(" ")) || imap_args_parse(before, i->s.arena, &args) != 0)
        refuse(a, ERR_INVALID, NULL, NULL);
    return message_begin(i, args, &literal);
}

/* Commands that ended without a message. */
enum step imap_cmd_append(struct imap *i, const struct imap_arg *args)
{
    (void)args;
    return imap_bad_args(i);
}

enum step imap_cmd_replace(struct imap *i, const struct imap_arg *args)
{
    (void)args;
    return imap_bad_args(i);
}
