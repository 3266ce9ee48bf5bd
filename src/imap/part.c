/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/part.h"

#include "base/flight.h"
#include "imap/fetch_impl.h"
#include "imap/place.h"

enum { ITEM_ARENA = 4 * LIMIT_SUMMARY };

/* ---- mailboxes ---------------------------------------------------------------------------- */

/* RFC 3986 §5.2.3: the last segment of the selected mailbox's name makes room for the reference. That is found beside it,
 * in the same account. */
static int beside_selected(struct imap *i, struct span name, struct imap_place *out)
{
    struct mailbox m;
    if (i->box == NULL)
        return imap_place_find_name(i, name, out);
    int err = mailbox_find_id(i->server->mail, i->box->account, i->box->id, i->s.arena, &m);
    if (err == 0 && i->box->account != i->account)
        err = imap_place_whole(i, i->box->account, m.name, &m.name);
    ssize_t slash = err == 0 ? span_rchr(m.name, '/') : -1;
    if (err == 0 && slash >= 0) {
        name = arena_printf(i->s.arena, "%.*s/%.*s", (int)slash, m.name.p, SPAN_ARG(name));
        err = arena_err(i->s.arena);
    }
    return err != 0 ? err : imap_place_find_name(i, name, out);
}

/* As the user of this session finds it. */
static int find_place(struct imap *i, const struct imap_url *url, struct imap_place *out)
{
    int err = url->rooted ? imap_place_find_name(i, url->mailbox, out)
                          : beside_selected(i, url->mailbox, out);
    return err != 0 ? err : imap_place_needs(out, RIGHT_READ);
}

int imap_part_mailbox(struct imap *i,
                      account_id *account,
                      const struct imap_url *url,
                      struct mailbox_id *out)
{
    struct imap_place at = {.account = *account};
    int err = 0;
    if (url->mailbox.n == 0) {
        if (i->box == NULL || url->rooted ||
            (url->uidvalidity != 0 && url->uidvalidity != i->box->uidvalidity))
            return ERR_NOT_FOUND;
        *account = i->box->account;
        *out = i->box->id;
        err = imap_place_still(i, *account, *out, RIGHT_READ);
        return err == ERR_DENIED ? ERR_NOT_FOUND : err;
    }
    if (*account == i->account)
        err = find_place(i, url, &at);
    else
        err = mailbox_find_name(i->server->mail, *account, url->mailbox, i->s.arena, &at.box);
    if (err == ERR_INVALID || err == ERR_NO_USER || err == ERR_DENIED ||
        (err == 0 &&
         (at.box.noselect || (url->uidvalidity != 0 && url->uidvalidity != at.box.uidvalidity))))
        return ERR_NOT_FOUND;
    if (err != 0)
        return err;
    *account = at.account;
    *out = at.box.id;
    return 0;
}

/* ---- messages ----------------------------------------------------------------------------- */

static int find_item(struct imap *i,
                     uint64_t account,
                     struct mailbox_id mailbox,
                     uint32_t uid,
                     struct arena *a,
                     struct mail_item *out)
{
    struct numset uids;
    struct mail_item *v;
    size_t n = 0;
    uint32_t next;
    numset_init(&uids);
    numset_add(&uids, uid);
    struct mail_range range = {
        .mailbox = mailbox, .uids = &uids, .from = uid, .max = 1, .summaries = true};
    int err = uids.err != 0 ? uids.err
                            : mailbox_items(i->server->mail, account, &range, a, &v, &n, &next);
    numset_done(&uids);
    if (err == 0 && n == 0)
        err = ERR_NOT_FOUND;
    if (err == 0)
        *out = v[0];
    return err;
}

static int structure(const struct mail_item *item,
                     struct imap_part *p,
                     struct arena *parts,
                     struct message_summary *out)
{
    if (item->summary.n > 0 && summary_unpack(item->summary, parts, out) == 0 &&
        summary_parts(out, parts) == 0)
        return 0;
    p->searched = p->end;
    return fetch_derive(p->reader, p->end, parts, out);
}

/* Header fields that the section chooses; the range is the header. */
static int
choose_fields(struct imap_part *p, const struct section *s, const struct section_range *r)
{
    struct buf header;
    buf_init(&header, LIMIT_IMAP_HEADER);
    size_t size = r->size < LIMIT_IMAP_HEADER ? (size_t)r->size : LIMIT_IMAP_HEADER;
    int err = store_blob_read(p->reader, r->offset, size, &header);
    if (err == 0) {
        buf_init(&p->text, LIMIT_IMAP_HEADER + 2);
        section_fields(buf_span(&header), s, &p->text);
        p->made = true;
        err = p->text.err;
    }
    buf_done(&header);
    return err;
}

static int find_section(struct imap *i,
                        uint64_t account,
                        const struct mail_item *item,
                        const struct section *s,
                        struct arena *parts,
                        struct imap_part *p)
{
    struct message_summary summary;
    struct section_range r;
    uint64_t size = p->end;
    int err = imap_unit_message(i, account, item);
    if (err == 0)
        err = structure(item, p, parts, &summary);
    if (err != 0)
        return err;
    if (!section_find(summary.root, s, &r))
        return ERR_NOT_FOUND;
    if (r.offset > size || r.size > size - r.offset)
        return ERR_CORRUPT;
    if (s->what == SECTION_FIELDS || s->what == SECTION_FIELDS_NOT)
        return choose_fields(p, s, &r);
    p->at = r.offset;
    p->end = r.offset + r.size;
    return 0;
}

static void take_partial(struct imap_part *p, const struct imap_url *url)
{
    uint64_t left = imap_part_left(p);
    uint64_t from = url->from < left ? url->from : left;
    left -= from;
    if (url->count != 0 && url->count < left)
        left = url->count;
    if (p->made) {
        buf_consume(&p->text, (size_t)from);
        buf_truncate(&p->text, (size_t)left);
    } else {
        p->at += from;
        p->end = p->at + left;
    }
}

static int open_item(struct imap *i,
                     uint64_t account,
                     const struct mail_item *item,
                     const struct section *s,
                     struct imap_part *p)
{
    struct blob_info info;
    if (fetch_damage_has(account, item->message))
        return ERR_CORRUPT;
    int err = mailbox_message_open(i->server->mail, account, item->message, &p->reader, &info);
    if (err != 0) {
        p->reader = NULL;
        return err;
    }
    p->end = info.size;
    if (s->path_n == 0 && s->what == SECTION_BODY)
        return 0;
    struct arena *parts = arena_new(MIME_ARENA);
    err = parts == NULL ? ERR_NOMEM : find_section(i, account, item, s, parts, p);
    arena_free(parts);
    flight_end();
    return err;
}

int imap_part_open(struct imap *i,
                   uint64_t account,
                   struct mailbox_id mailbox,
                   const struct imap_url *url,
                   struct imap_part *out)
{
    struct imap_part p = {.reader = NULL};
    struct section section;
    struct mail_item item;
    struct arena *a = arena_new(ITEM_ARENA);
    int err = a == NULL ? ERR_NOMEM : fetch_section_parse(url->section, a, &section);
    if (err == ERR_LIMIT)
        err = ERR_INVALID;
    if (err == 0)
        err = find_item(i, account, mailbox, url->uid, a, &item);
    if (err == 0)
        err = open_item(i, account, &item, &section, &p);
    arena_free(a);
    if (err != 0) {
        uint64_t searched = p.searched;
        imap_part_close(&p);
        out->searched = searched;
        return err;
    }
    if (url->partial)
        take_partial(&p, url);
    *out = p;
    return 0;
}

/* ---- bytes -------------------------------------------------------------------------------- */

uint64_t imap_part_left(const struct imap_part *p)
{
    return p->made ? p->text.n : p->end - p->at;
}

int imap_part_read(struct imap_part *p, size_t max, struct buf *out)
{
    uint64_t left = imap_part_left(p);
    size_t n = left < max ? (size_t)left : max, before = out->n;
    if (n == 0)
        return 0;
    if (p->made) {
        buf_put(out, span_slice(buf_span(&p->text), 0, n));
        buf_consume(&p->text, n);
    } else {
        int err = store_blob_read(p->reader, p->at, n, out);
        if (err != 0)
            return err;
        p->at += n;
    }
    if (out->err != 0)
        return out->err;
    if (out->n - before != n)
        return ERR_CORRUPT;
    fetch_hide_nul(span_from(buf_span(out), before));
    return 0;
}

void imap_part_close(struct imap_part *p)
{
    if (p->reader != NULL)
        store_blob_close(p->reader);
    if (p->made)
        buf_done(&p->text);
    *p = (struct imap_part){.reader = NULL};
}
