/* SPDX-License-Identifier: Apache-2.0 */
/* A message on its way in: octets of literals and of messages that are here already go to a spool, and when it is whole to
 * a blob, which nobody knows of until all messages of the command are put into the mailbox. */
#include "imap/append.h"

#include "base/flight.h"
#include "imap/date.h"
#include "imap/part.h"
#include "imap/place.h"
#include "message/message.h"
#include "message/summary.h"

#define TOO_MANY "MESSAGELIMIT 1000"
_Static_assert(LIMIT_IMAP_APPEND == 1000, "what TOO_MANY says");

enum {
    URL_PIECE = 64 * 1024,
    SEARCHED = 100 * 1024 * 1024, /* what finding parts may take, in one command */
};

void append_refuse(struct imap_append *a, int err, const char *code, const char *text)
{
    spool_free(a->spool);
    a->spool = NULL;
    if (a->err != 0)
        return;
    a->err = err;
    a->code = code != NULL ? code : err_info(err)->imap;
    a->text = text != NULL ? text : err_text(err);
}

/* ---- before it ---------------------------------------------------------------------------- */

/* Room for one more. */
static int grow(struct imap_append *a)
{
    if (a->n == LIMIT_IMAP_APPEND)
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

static int read_options(struct imap *i,
                        const struct imap_append *a,
                        const struct imap_arg **arg,
                        struct mail_append *m)
{
    struct keyword_ids *keywords = arena_alloc(a->arena, sizeof *keywords);
    struct span date;
    int err = 0;
    if (keywords == NULL)
        return ERR_NOMEM;
    m->received_ms = i->s.clock->wall_ms(i->s.clock);
    if (*arg != NULL && (*arg)->kind == IMAP_LIST) {
        const struct imap_arg flags = {.kind = IMAP_LIST, .child = (*arg)->child};
        err = imap_flags_read(i, a->account, &flags, (a->rights & RIGHT_WRITE) != 0, &m->flags,
                              keywords);
        m->flags &= ~imap_flags_denied(a->rights); /* RFC 4314 §4: they do not fail it */
        m->keywords = (a->rights & RIGHT_WRITE) != 0 ? keywords : NULL;
        *arg = (*arg)->next;
    }
    if (err == 0 && *arg != NULL && (*arg)->kind == IMAP_QUOTED && imap_arg_string(*arg, &date)) {
        err = imap_date_time_read(date, &m->received_ms);
        *arg = (*arg)->next;
    }
    return err;
}

int append_message_begin(struct imap *i, struct imap_append *a, const struct imap_arg **arg)
{
    if (a->err != 0)
        return a->err;
    int err = grow(a);
    if (err == ERR_LIMIT) { /* RFC 9738 §3.1 */
        append_refuse(a, err, TOO_MANY, "These are too many messages for one command");
        return 0;
    }
    if (err != 0)
        return err;
    a->v[a->n] = (struct mail_append){.mailbox = a->mailbox,
                                      .quota_bytes = a->class.quota_bytes,
                                      .quota_messages = a->class.quota_messages};
    a->size = 0;
    a->binary = false;
    return read_options(i, a, arg, &a->v[a->n]);
}

/* ---- its octets --------------------------------------------------------------------------- */

/* A client that waits is refused before it sends. */
static int check_quota(struct imap *i, const struct imap_append *a)
{
    struct mail_quota used;
    uint64_t bytes = a->size;
    if (a->class.quota_bytes == 0 && a->class.quota_messages == 0)
        return 0;
    if (a->replaces.v != 0) /* what counts is known when the other one is gone */
        return 0;
    int err = mailbox_quota(i->server->mail, a->account, &used);
    for (size_t n = 0; n < a->n; n++)
        bytes += a->v[n].info.size;
    if (err == 0 && a->class.quota_messages != 0 &&
        used.messages + a->n + 1 > a->class.quota_messages)
        err = ERR_QUOTA;
    if (err == 0 && a->class.quota_bytes != 0 && used.bytes + bytes > a->class.quota_bytes)
        err = ERR_QUOTA;
    return err;
}

void append_message_expect(struct imap *i, struct imap_append *a, uint64_t size)
{
    uint64_t most = imap_append_limit(i);
    if (a->err != 0)
        return;
    if (a->class.message_size > 0 && a->class.message_size < most)
        most = a->class.message_size;
    if (size > most || a->size > most - size) {
        append_refuse(a, ERR_TOO_BIG, NULL, NULL); /* RFC 4469 §4.2 */
        return;
    }
    a->size += size;
    int err = check_quota(i, a);
    if (err == 0 && a->spool == NULL) {
        a->spool = spool_new(i->server->spools, most);
        if (a->spool == NULL)
            err = ERR_NOMEM;
    }
    if (err != 0)
        append_refuse(a, err, NULL, NULL);
}

void append_message_octets(struct imap_append *a, struct span octets)
{
    if (a->err != 0)
        return;
    int err = spool_write(a->spool, octets);
    if (err != 0)
        append_refuse(a, err, NULL, NULL);
}

/* ---- what a URL names --------------------------------------------------------------------- */

/* RFC 4469 §4.1: the URL that is to blame; what may not stand in a code is escaped, which is the same URL. */
static void refuse_url(struct imap_append *a, struct span url)
{
    struct buf code;
    buf_init(&code, 3 * LIMIT_IMAP_URL + 32);
    buf_puts(&code, "BADURL \"");
    url = span_slice(url, 0, LIMIT_IMAP_URL);
    for (size_t n = 0; n < url.n; n++) {
        unsigned char c = (unsigned char)url.p[n];
        if (c <= 0x20 || c >= 0x7f || c == ']' || c == '"' || c == '\\')
            buf_printf(&code, "%%%02X", c);
        else
            buf_putc(&code, (char)c);
    }
    buf_puts(&code, "\"");
    const char *kept = arena_cstr(a->arena, buf_span(&code));
    buf_done(&code);
    append_refuse(a, ERR_NOT_FOUND, kept != NULL ? kept : "BADURL",
                  "There is no such part of a message");
}

/* §3: relative ones only, which name what this session may read. */
static int open_url(struct imap *i, struct span text, struct imap_part *out)
{
    struct imap_url url;
    struct mailbox_id mailbox;
    account_id account = i->account;
    int err = imap_url_parse(text, i->s.arena, &url);
    if (err == 0 && (url.absolute || url.expires || url.access.n > 0))
        err = ERR_INVALID;
    if (err == 0)
        err = imap_part_mailbox(i, &account, &url, &mailbox);
    return err != 0 ? err : imap_part_open(i, account, mailbox, &url, out);
}

void append_message_url(struct imap *i, struct imap_append *a, struct span url)
{
    struct imap_part part = {.reader = NULL};
    struct buf piece;
    if (a->err != 0)
        return;
    int err = a->urls++ == LIMIT_IMAP_CATENATE || a->searched > SEARCHED ? ERR_LIMIT
                                                                         : open_url(i, url, &part);
    if (err == ERR_INVALID || err == ERR_NOT_FOUND) {
        refuse_url(a, url);
        return;
    }
    if (err != 0) {
        append_refuse(a, err, NULL, NULL);
        return;
    }
    a->searched += part.searched;
    append_message_expect(i, a, imap_part_left(&part));
    buf_init(&piece, URL_PIECE);
    while (a->err == 0 && imap_part_left(&part) > 0) {
        buf_clear(&piece);
        err = imap_part_read(&part, URL_PIECE, &piece);
        if (err != 0)
            append_refuse(a, err, NULL, NULL);
        append_message_octets(a, buf_span(&piece));
    }
    buf_done(&piece);
    imap_part_close(&part);
}

/* ---- its end ------------------------------------------------------------------------------ */

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

static int keep(struct imap *i, struct imap_append *a, struct span body)
{
    int err = imap_unit_body(i, body);
    if (err == 0)
        err = keep_body(i, body, &a->v[a->n]);
    if (err == 0)
        summarise(a, body, &a->v[a->n]);
    flight_end();
    return err;
}

/* RFC 9755 §4: where UTF8=ACCEPT is offered, 8-bit headers are for those who have enabled it. */
static bool has_strange_header(const struct imap *i, struct span body)
{
    if (!i->server->config->imap_utf8 || (i->enabled & IMAP_ON_UTF8) != 0)
        return false;
    return !span_is_ascii(span_slice(body, 0, header_size(body)));
}

/* A message that is not kept, whatever room there is; it is refused. */
static bool is_strange(struct imap *i, struct imap_append *a, struct span body)
{
    if (body.n == 0) /* RFC 3502 §6.3.11 */
        append_refuse(a, ERR_UNSUPPORTED, "CANNOT", "A message can not be empty");
    else if (span_chr(body, '\0') >= 0)
        /* RFC 3516 §4.4: what no BODY[...] could send as it is, is not taken in */
        append_refuse(a, ERR_UNSUPPORTED, a->binary ? "UNKNOWN-CTE" : "CANNOT",
                      "A message can not hold NUL");
    else if (has_strange_header(i, body))
        append_refuse(
            a, ERR_UNSUPPORTED, "CANNOT",
            "The header has 8-bit characters; please enable UTF8=ACCEPT in your mail program");
    return a->err != 0;
}

void append_message_end(struct imap *i, struct imap_append *a)
{
    struct span body = SPAN_EMPTY;
    if (a->err != 0)
        return;
    int err = a->spool != NULL ? spool_view(a->spool, &body) : 0;
    if (err == 0 && is_strange(i, a, body))
        return;
    if (err == 0)
        err = keep(i, a, body);
    spool_free(a->spool);
    a->spool = NULL;
    if (err == 0)
        a->n++;
    else
        append_refuse(a, err, NULL, NULL);
}
