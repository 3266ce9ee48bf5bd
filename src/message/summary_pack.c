/* SPDX-License-Identifier: Apache-2.0 */
#include "message/summary_impl.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"

static void pack_text(struct buf *b, struct span text)
{
    if (text.p == NULL) {
        pack_uint(b, 0);
        return;
    }
    pack_uint(b, text.n + 1);
    buf_put(b, text);
}

static void pack_part_of(struct buf *b, struct span s)
{
    if (s.p != NULL)
        pack_span(b, s);
}

static void pack_addresses(struct buf *b, const struct mail_address *list)
{
    size_t n = 0;
    for (const struct mail_address *m = list; m != NULL; m = m->next)
        n++;
    pack_uint(b, n);
    for (const struct mail_address *m = list; m != NULL; m = m->next) {
        unsigned bits = m->kind & ADDRESS_KIND;
        bits |= m->broken ? ADDRESS_BROKEN : 0;
        bits |= m->name.p != NULL ? ADDRESS_NAME : 0;
        bits |= m->route.p != NULL ? ADDRESS_ROUTE : 0;
        bits |= m->local.p != NULL ? ADDRESS_LOCAL : 0;
        bits |= m->domain.p != NULL ? ADDRESS_DOMAIN : 0;
        pack_u8(b, (uint8_t)bits);
        pack_part_of(b, m->name);
        pack_part_of(b, m->route);
        pack_part_of(b, m->local);
        pack_part_of(b, m->domain);
    }
}

static void pack_envelope(struct buf *b, const struct message_envelope *e)
{
    pack_text(b, e->date);
    pack_text(b, e->subject);
    pack_text(b, e->in_reply_to);
    pack_text(b, e->message_id);
    pack_text(b, e->references);
    pack_addresses(b, e->from);
    pack_addresses(b, e->sender);
    pack_addresses(b, e->reply_to);
    pack_addresses(b, e->to);
    pack_addresses(b, e->cc);
    pack_addresses(b, e->bcc);
}

static void pack_params(struct buf *b, const struct mime_param *list)
{
    size_t n = 0;
    for (const struct mime_param *p = list; p != NULL; p = p->next)
        n++;
    pack_uint(b, n);
    for (const struct mime_param *p = list; p != NULL; p = p->next) {
        pack_u8(b, p->extended);
        pack_span(b, p->name);
        pack_span(b, p->value);
    }
}

static void pack_extras(struct buf *b, const struct mime_extras *x)
{
    size_t n = 0;
    pack_text(b, x->id);
    pack_text(b, x->description);
    pack_text(b, x->location);
    pack_text(b, x->md5);
    pack_text(b, x->disposition);
    pack_params(b, x->disposition_params);
    for (const struct mime_language *l = x->languages; l != NULL; l = l->next)
        n++;
    pack_uint(b, n);
    for (const struct mime_language *l = x->languages; l != NULL; l = l->next)
        pack_span(b, l->tag);
}

static void pack_part(struct buf *b, const struct mime_part *part)
{
    unsigned bits = part->kind | (unsigned)part->encoding << PART_ENCODING_SHIFT;
    bits |= part->params != NULL ? PART_PARAMS : 0;
    bits |= part->extras != NULL ? PART_EXTRAS : 0;
    pack_u8(b, (uint8_t)part->depth);
    pack_u8(b, (uint8_t)bits);
    pack_uint(b, part->flags);
    pack_uint(b, part->parent == NULL ? 0 : part->offset - mime_body_offset(part->parent));
    pack_uint(b, part->header_size);
    pack_uint(b, part->body_size);
    pack_uint(b, part->lines);
    pack_span(b, part->type);
    pack_span(b, part->subtype);
    pack_text(b, part->encoding_text);
    if (part->params != NULL)
        pack_params(b, part->params);
    if (part->extras != NULL)
        pack_extras(b, part->extras);
    if (part->parent != NULL && part->envelope != NULL)
        pack_envelope(b, part->envelope);
}

/* A byte string whose length is known when it is written: its length is put before it. */
static void pack_structure(struct buf *b, const struct mime_part *root)
{
    struct buf parts;
    size_t n = 0;
    buf_init(&parts, LIMIT_SUMMARY);
    for (const struct mime_part *p = root; p != NULL; p = mime_next(p))
        n++;
    pack_uint(&parts, n);
    for (const struct mime_part *p = root; p != NULL && parts.err == 0; p = mime_next(p))
        pack_part(&parts, p);
    if (parts.err != 0)
        b->err = parts.err;
    pack_span(b, buf_span(&parts));
    buf_done(&parts);
}

int summary_pack(const struct message_summary *s, struct buf *out)
{
    size_t had = out->n;
    pack_u8(out, SUMMARY_VERSION);
    pack_envelope(out, s->envelope);
    pack_u8(out, s->sent);
    if (s->sent) {
        pack_int(out, s->sent_ms);
        pack_int(out, s->sent_local_ms - s->sent_ms);
    }
    pack_span(out, s->preview);
    pack_structure(out, s->root);
    int err = out->err;
    if (err == 0 && out->n - had > LIMIT_SUMMARY)
        err = ERR_TOO_BIG;
    if (err != 0)
        buf_truncate(out, had);
    return err;
}
