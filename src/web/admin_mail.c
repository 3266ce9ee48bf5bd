/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into accounts' mail, delivering to them, bringing back what was deleted. Lists and bodies
 * are streamed: a mailbox of a million messages is a cursor, not an answer in memory. */
#include "base/limits.h"
#include "directory/address.h"
#include "message/message.h"
#include "web/admin_private.h"

enum { ROWS_A_PIECE = 200, EXPUNGED_MAX = 10000, BODY_PIECE = 64 * 1024, HEADER_PEEK = 16 * 1024 };

static int find_account(struct http_request *r, struct account *out)
{
    return account_get(admin_of(r)->directory, r->params[0], r->arena, out);
}

int admin_mailbox_list(struct http_request *r)
{
    struct account account;
    struct mailbox *v;
    size_t n;
    int err = find_account(r, &account);
    if (err == 0)
        err = mailbox_list(admin_of(r)->mail, account.id, r->arena, &v, &n);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, "mailboxes", '[');
    for (size_t i = 0; i < n; i++) {
        json_begin(&j, NULL, '{');
        json_text(&j, "name", v[i].name);
        json_uint(&j, "messages", v[i].messages);
        json_uint(&j, "unseen", v[i].unseen);
        json_uint(&j, "bytes", v[i].bytes);
        json_uint(&j, "uidvalidity", v[i].uidvalidity);
        json_uint(&j, "uidnext", v[i].uidnext);
        json_end(&j, '}');
    }
    json_end(&j, ']');
    return admin_done(r, &j);
}

/* ---- messages of a mailbox --------------------------------------------------------------- */

struct listing {
    struct mail *mail;
    uint64_t account;
    struct mail_view view;
    size_t at;
    struct arena *arena;
    bool begun;
};

/* The head of a message, for its From and Subject; empty if it cannot be read. */
static struct span read_head(struct listing *l, struct message_id id, struct buf *to)
{
    struct blob_reader *reader;
    struct blob_info info;
    if (mailbox_message_open(l->mail, l->account, id, &reader, &info) != 0)
        return SPAN_EMPTY;
    int err = store_blob_read(reader, 0, HEADER_PEEK, to);
    store_blob_close(reader);
    return err == 0 ? buf_span(to) : SPAN_EMPTY;
}

static void put_flags(struct json_out *j, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{FLAG_SEEN, "seen"},
                 {FLAG_ANSWERED, "answered"},
                 {FLAG_FLAGGED, "flagged"},
                 {FLAG_DELETED, "deleted"},
                 {FLAG_DRAFT, "draft"}};
    json_begin(j, "flags", '[');
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if ((flags & names[i].flag) != 0)
            json_cstr(j, NULL, names[i].name);
    json_end(j, ']');
}

static void put_entry(struct json_out *j, struct listing *l, const struct mail_entry *e)
{
    struct mail_message message;
    struct header_field field;
    struct buf head;
    buf_init(&head, 2 * HEADER_PEEK);
    json_begin(j, NULL, '{');
    json_uint(j, "message", e->message.v);
    json_uint(j, "uid", e->uid.v);
    put_flags(j, e->flags);
    json_uint(j, "size", e->size);
    json_time(j, "received", e->received_ms);
    if (mailbox_message_get(l->mail, l->account, e->message, l->arena, &message) == 0)
        json_text(j, "envelope_from", message.envelope_from);
    struct span text = read_head(l, e->message, &head);
    if (header_find(text, SPAN("From"), &field))
        json_text(j, "from", span_slice(span_trim(header_unfold(field.value, l->arena)), 0, 256));
    if (header_find(text, SPAN("Subject"), &field))
        json_text(j, "subject",
                  span_slice(span_trim(header_unfold(field.value, l->arena)), 0, 256));
    json_end(j, '}');
    buf_done(&head);
    arena_reset(l->arena);
}

static enum http_stream list_next(struct http_request *r, struct buf *piece)
{
    struct listing *l = r->stream_arg;
    struct json_out j = {.to = piece, .more = l->at > 0};
    if (!l->begun)
        buf_puts(piece, "{\"messages\":[");
    l->begun = true;
    /* a row is at most about 2 kB: 200 of them would not fit a piece, so its fill is looked at */
    for (size_t n = 0; n < ROWS_A_PIECE && l->at < l->view.n && piece->n < BODY_PIECE; n++, l->at++)
        put_entry(&j, l, &l->view.v[l->at]);
    if (l->at < l->view.n)
        return HTTP_STREAM_MORE;
    buf_printf(piece, "],\"damaged\":%zu}\n", l->view.damaged);
    return HTTP_STREAM_END;
}

static void list_end(struct http_request *r)
{
    struct listing *l = r->stream_arg;
    mailbox_view_done(&l->view);
    arena_free(l->arena);
}

int admin_message_list(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    struct account account;
    struct mailbox box;
    struct span name = SPAN("INBOX");
    struct listing *l = arena_alloc(r->arena, sizeof *l);
    if (l == NULL)
        return ERR_NOMEM;
    (void)http_query(r, SPAN("mailbox"), &name);
    int err = find_account(r, &account);
    if (err == 0)
        err = mailbox_find_name(admin->mail, account.id, name, r->arena, &box);
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no mailbox %.*s", SPAN_ARG(name));
    if (err == 0)
        err = mailbox_view_load(admin->mail, account.id, box.id, SIZE_MAX, &l->view);
    if (err != 0)
        return err;
    l->mail = admin->mail;
    l->account = account.id;
    l->arena = arena_new(LIMIT_SESSION_ARENA);
    if (l->arena == NULL) {
        mailbox_view_done(&l->view);
        return ERR_NOMEM;
    }
    http_stream_reply(r, "application/json", list_next, list_end, l);
    return 0;
}

/* ---- one message ------------------------------------------------------------------------- */

struct body {
    struct blob_reader *reader;
    uint64_t at, size;
};

static enum http_stream body_next(struct http_request *r, struct buf *piece)
{
    struct body *b = r->stream_arg;
    if (store_blob_read(b->reader, b->at, BODY_PIECE, piece) != 0 ||
        (piece->n == 0 && b->at < b->size))
        return HTTP_STREAM_BREAK;
    b->at += piece->n;
    return b->at < b->size ? HTTP_STREAM_MORE : HTTP_STREAM_END;
}

static void body_end(struct http_request *r)
{
    struct body *b = r->stream_arg;
    store_blob_close(b->reader);
}

static int param_message(struct http_request *r, struct message_id *out)
{
    if (span_to_u64(r->params[1], &out->v))
        return 0;
    return admin_fail(r, ERR_INVALID, "A message is named by its number");
}

int admin_message_show(struct http_request *r)
{
    struct account account;
    struct message_id id;
    struct blob_info info;
    struct body *b = arena_alloc(r->arena, sizeof *b);
    if (b == NULL)
        return ERR_NOMEM;
    int err = param_message(r, &id);
    if (err == 0)
        err = find_account(r, &account);
    if (err == 0)
        err = mailbox_message_open(admin_of(r)->mail, account.id, id, &b->reader, &info);
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no message %llu", (unsigned long long)id.v);
    if (err != 0)
        return err;
    b->size = info.size;
    http_stream_reply(r, "message/rfc822", body_next, body_end, b);
    return 0;
}

/* ---- deleted messages -------------------------------------------------------------------- */

int admin_expunged_list(struct http_request *r)
{
    struct account account;
    struct mail_expunged *v;
    size_t n;
    int err = find_account(r, &account);
    if (err == 0)
        err = mailbox_expunged_list(admin_of(r)->mail, account.id, EXPUNGED_MAX, r->arena, &v, &n);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, "expunged", '[');
    for (size_t i = 0; i < n; i++) {
        if (!v[i].restorable)
            continue;
        json_begin(&j, NULL, '{');
        json_uint(&j, "message", v[i].message.v);
        json_uint(&j, "size", v[i].size);
        json_time(&j, "received", v[i].received_ms);
        json_time(&j, "expunged", v[i].expunged_ms);
        json_time(&j, "until", v[i].until_ms);
        json_end(&j, '}');
    }
    json_end(&j, ']');
    return admin_done(r, &j);
}

int admin_expunged_restore(struct http_request *r)
{
    struct account account;
    struct message_id id;
    struct mail_appended back;
    int err = param_message(r, &id);
    if (err == 0)
        err = find_account(r, &account);
    if (err == 0)
        err = mailbox_restore(admin_of(r)->mail, account.id, id, &back);
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no deleted message %llu that can be restored",
                          (unsigned long long)id.v);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, 200);
    json_uint(&j, "uid", back.uid.v);
    return admin_done(r, &j);
}

/* ---- delivering -------------------------------------------------------------------------- */

int admin_deliver(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    struct span to, from = SPAN_EMPTY;
    struct resolution where;
    struct smtp_address sender;
    if (!http_query(r, SPAN("to"), &to))
        return admin_fail(r, ERR_INVALID, "Say to whom: ?to=ADDRESS");
    (void)http_query(r, SPAN("from"), &from);
    /* it becomes a header field: it must be an address and nothing else */
    if (from.n > 0 && smtp_address_parse(from, &sender) != (ssize_t)from.n)
        return admin_fail(r, ERR_BAD_ADDRESS, "from is not a mail address");
    if (r->body.n == 0)
        return admin_fail(r, ERR_INVALID, "The message is empty");
    int err = delivery_check(admin->delivery, to, r->body.n, r->arena, &where);
    if (err != 0)
        return err;
    struct span prefix = arena_printf(r->arena, "Return-Path: <%.*s>\r\n", SPAN_ARG(from));
    struct delivery_envelope envelope = {.from = from, .v = where.v, .n = where.n};
    err = prefix.p != NULL ? delivery_deliver(admin->delivery, &envelope, prefix, r->body)
                           : ERR_NOMEM;
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, "delivered", '[');
    for (size_t i = 0; i < where.n; i++)
        json_text(&j, NULL, where.v[i].address);
    json_end(&j, ']');
    return admin_done(r, &j);
}
