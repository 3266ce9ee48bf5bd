/* SPDX-License-Identifier: Apache-2.0 */
/* One message of a FETCH: what is known of it is read first, so that a message that cannot be had says nothing at all,
 * then its items are written one after the other. */
#include "imap/fetch_impl.h"

#include "base/err.h"
#include "base/log.h"
#include "imap/print.h"

#include <inttypes.h>

void fetch_label(struct imap *i, struct fetch *f, struct span label)
{
    struct buf *out = i->s.out;
    if (!f->begun)
        imap_write_fetch(i, f->message->uid.v);
    else
        buf_putc(out, ' ');
    f->begun = true;
    buf_put(out, label);
    buf_putc(out, ' ');
}

/* ---- what is read first ------------------------------------------------------------------- */

static int open_body(struct imap *i, struct fetch *f)
{
    struct blob_info info;
    if (f->reader != NULL)
        return 0;
    if (fetch_damage_has(i->box->account, f->message->message))
        return ERR_CORRUPT;
    int err = mailbox_message_open(i->server->mail, i->box->account, f->message->message,
                                   &f->reader, &info);
    if (err != 0) {
        f->reader = NULL;
        return err;
    }
    f->size = info.size;
    return 0;
}

int fetch_derive(struct blob_reader *reader,
                 uint64_t size,
                 struct arena *parts,
                 struct message_summary *out)
{
    struct buf piece;
    int err = 0;
    arena_reset(parts);
    struct summary_maker *m = summary_maker_new(parts);
    if (m == NULL)
        return ERR_NOMEM;
    buf_init(&piece, FETCH_PIECE);
    for (uint64_t at = 0; err == 0 && at < size; at += piece.n) {
        buf_clear(&piece);
        err = store_blob_read(reader, at, FETCH_PIECE, &piece);
        if (err == 0 && piece.n == 0)
            err = ERR_CORRUPT;
        if (err == 0)
            summary_maker_feed(m, buf_span(&piece));
    }
    buf_done(&piece);
    if (err != 0)
        summary_maker_free(m);
    else
        err = summary_maker_end(m, out);
    return err;
}

static int derive(struct imap *i, struct fetch *f)
{
    int err = open_body(i, f);
    if (err != 0)
        return err;
    f->looked += f->size;
    return fetch_derive(f->reader, f->size, f->parts, &f->summary);
}

/* So that the next one who asks finds it. */
static void keep(struct fetch *f)
{
    struct buf record;
    buf_init(&record, LIMIT_SUMMARY);
    if (summary_pack(&f->summary, &record) == 0) {
        struct span kept = arena_dup(f->batch, buf_span(&record));
        if (kept.p != NULL)
            f->made[f->made_n++] = (struct mail_summary){f->message->message, kept};
    }
    buf_done(&record);
}

static int open_summary(struct imap *i, struct fetch *f)
{
    unsigned needs = f->request.needs;
    arena_reset(f->parts);
    if (f->message->summary.n > 0 &&
        summary_unpack(f->message->summary, f->parts, &f->summary) == 0 &&
        ((needs & FETCH_NEEDS_STRUCTURE) == 0 || summary_parts(&f->summary, f->parts) == 0)) {
        f->has_summary = true;
        return 0;
    }
    if ((needs & (FETCH_NEEDS_SUMMARY | FETCH_NEEDS_STRUCTURE)) == 0)
        return 0;
    int err = derive(i, f);
    if (err != 0)
        return err;
    f->has_summary = true;
    keep(f);
    return 0;
}

/* Everything that others wrote is read within a unit of its own; entries are ours. */
int fetch_message_unit(struct imap *i, const struct fetch *f)
{
    static const unsigned theirs =
        FETCH_NEEDS_SUMMARY | FETCH_NEEDS_STRUCTURE | FETCH_WANTS_SUMMARY | FETCH_NEEDS_BODY;
    return (f->request.needs & theirs) != 0 ? imap_unit_message(i, i->box->account, f->message) : 0;
}

int fetch_message_open(struct imap *i, struct fetch *f, const struct mail_item *m)
{
    f->message = m;
    f->item = f->request.items;
    f->begun = f->has_summary = false;
    int err = fetch_message_unit(i, f);
    if (err == 0 && (f->request.needs &
                     (FETCH_NEEDS_SUMMARY | FETCH_NEEDS_STRUCTURE | FETCH_WANTS_SUMMARY)) != 0)
        err = open_summary(i, f);
    if (err == 0 && (f->request.needs & FETCH_NEEDS_BODY) != 0)
        err = open_body(i, f);
    if (err != 0)
        log_event(LOG_ERROR, "imap.message_unreadable", LOG_Z("account", i->address),
                  LOG_I("message", m->message.v), LOG_I("uid", m->uid.v), LOG_ERR(err));
    return err;
}

void fetch_message_close(struct fetch *f)
{
    if (f->reader != NULL)
        store_blob_close(f->reader);
    f->reader = NULL;
    f->item = NULL;
    f->message = NULL;
    f->stream.flow = FLOW_NONE;
}

/* ---- items -------------------------------------------------------------------------------- */

/* What a section is of this message. Its structure may be of a summary that was kept beside another size: then
 * nothing of it is believed. */
static int find_section(const struct fetch *f, struct section_range *out, bool *found_out)
{
    const struct section *s = &f->item->section;
    *found_out = true;
    *out = (struct section_range){0, f->size, f->has_summary ? f->summary.root : NULL};
    if (s->path_n == 0 && s->what == SECTION_BODY)
        return 0;
    *found_out = section_find(f->summary.root, s, out);
    if (*found_out && (out->offset > f->size || out->size > f->size - out->offset))
        return ERR_CORRUPT;
    return 0;
}

static int put_section(struct imap *i, struct fetch *f)
{
    struct section_range r;
    bool found;
    int err = find_section(f, &r, &found);
    if (err != 0)
        return err;
    if (!found) {
        fetch_label(i, f, f->item->label);
        buf_puts(i->s.out, f->item->kind == FETCH_BINARY_SIZE ? "0" : "NIL");
        return 0;
    }
    if (f->item->kind == FETCH_BINARY)
        return fetch_put_binary(i, f, &r);
    if (f->item->kind == FETCH_BINARY_SIZE)
        return fetch_put_binary_size(i, f, &r);
    bool fields =
        f->item->section.what == SECTION_FIELDS || f->item->section.what == SECTION_FIELDS_NOT;
    return fields ? fetch_put_fields(i, f, &r) : fetch_put_section(i, f, &r);
}

/* ENVELOPE, BODY, BODYSTRUCTURE, PREVIEW: made of the summary, and of any length. */
static int put_summary(struct imap *i, struct fetch *f)
{
    struct buf *text = &f->stream.text;
    buf_clear(text);
    if (f->item->kind == FETCH_ENVELOPE)
        imap_print_envelope(text, f->summary.envelope, f->how);
    else if (f->item->kind != FETCH_PREVIEW)
        imap_print_structure(text, f->summary.root, f->item->kind == FETCH_BODYSTRUCTURE, f->how);
    else if (f->has_summary)
        imap_print_string(text, f->summary.preview, f->how);
    else
        buf_puts(text, "NIL"); /* RFC 8970 §4.1: only where LAZY was said */
    return fetch_put_text(i, f);
}

/* RFC 8514 §4.2: NIL for what came before this was kept. */
static void put_saved(struct imap *i, const struct fetch *f)
{
    if (f->message->saved_ms == 0)
        buf_puts(i->s.out, "NIL");
    else
        imap_print_date(i->s.out, f->message->saved_ms);
}

/* The names of all its keywords are read before anything is written. */
static int put_flags(struct imap *i, struct fetch *f)
{
    const struct mail_item *m = f->message;
    int err = 0;
    if (m->keywords.n > 0 && m->keywords.v[m->keywords.n - 1] >= i->keywords_n)
        err = imap_keywords(i);
    if (err != 0)
        return err;
    fetch_label(i, f, f->item->label);
    return imap_write_flags(i, m->flags, &m->keywords);
}

/* Ids are those of one account: another's say whose they are. */
static void put_emailid(struct imap *i, const struct mail_item *m)
{
    buf_printf(i->s.out, "(M%" PRIx64, m->message.v);
    if (i->box->account != i->account)
        buf_printf(i->s.out, "-%" PRIx64, i->box->account);
    buf_putc(i->s.out, ')');
}

/* What is in the entry of the message. */
static void put_word(struct imap *i, struct fetch *f)
{
    const struct mail_item *m = f->message;
    struct buf *out = i->s.out;
    fetch_label(i, f, f->item->label);
    switch (f->item->kind) {
    case FETCH_UID: buf_put_u64(out, m->uid.v); break;
    case FETCH_INTERNALDATE: imap_print_date(out, m->received_ms); break;
    case FETCH_SIZE: buf_put_u64(out, m->size); break;
    case FETCH_MODSEQ:
        buf_printf(out, "(%" PRIu64 ")", m->modseq.v);
        imap_told_modseq(i, m->modseq);
        break;
    /* RFC 8474 §5.1: the message, which COPY and MOVE do not change */
    case FETCH_EMAILID: put_emailid(i, m); break;
    case FETCH_THREADID: buf_puts(out, "NIL"); break; /* §5.2: threads have no identity here */
    case FETCH_SAVEDATE: put_saved(i, f); break;
    default: must(!"an item that is no word");
    }
}

int fetch_message_item(struct imap *i, struct fetch *f)
{
    int err;
    switch (f->item->kind) {
    case FETCH_PREVIEW:
    case FETCH_ENVELOPE:
    case FETCH_BODY:
    case FETCH_BODYSTRUCTURE: err = put_summary(i, f); break;
    case FETCH_SECTION:
    case FETCH_BINARY:
    case FETCH_BINARY_SIZE: err = put_section(i, f); break;
    case FETCH_FLAGS: err = put_flags(i, f); break;
    default: put_word(i, f); err = 0;
    }
    f->item = f->item->next;
    return err;
}
