/* SPDX-License-Identifier: Apache-2.0 */
#include "summary_walk.h"

#include "base/err.h"
#include "base/limits.h"
#include "mime_walk.h"

static void same_text(struct span a, struct span b)
{
    must((a.p == NULL) == (b.p == NULL) && span_eq(a, b));
}

static void same_addresses(const struct mail_address *a, const struct mail_address *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        must(a->kind == b->kind && a->broken == b->broken);
        same_text(a->name, b->name);
        same_text(a->route, b->route);
        same_text(a->local, b->local);
        same_text(a->domain, b->domain);
    }
    must(a == NULL && b == NULL);
}

static void same_envelope(const struct message_envelope *a, const struct message_envelope *b)
{
    must((a == NULL) == (b == NULL));
    if (a == NULL)
        return;
    same_text(a->date, b->date);
    same_text(a->subject, b->subject);
    same_text(a->in_reply_to, b->in_reply_to);
    same_text(a->message_id, b->message_id);
    same_text(a->references, b->references);
    same_addresses(a->from, b->from);
    same_addresses(a->sender, b->sender);
    same_addresses(a->reply_to, b->reply_to);
    same_addresses(a->to, b->to);
    same_addresses(a->cc, b->cc);
    same_addresses(a->bcc, b->bcc);
}

static void same_params(const struct mime_param *a, const struct mime_param *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next)
        must(span_eq(a->name, b->name) && span_eq(a->value, b->value) &&
             a->extended == b->extended);
    must(a == NULL && b == NULL);
}

static void same_part(const struct mime_part *a, const struct mime_part *b)
{
    must(a->flags == b->flags && a->encoding == b->encoding);
    same_text(a->encoding_text, b->encoding_text);
    same_params(a->params, b->params);
    same_envelope(a->envelope, b->envelope);
    must((a->extras == NULL) == (b->extras == NULL));
    if (a->extras == NULL)
        return;
    same_text(a->extras->id, b->extras->id);
    same_text(a->extras->description, b->extras->description);
    same_text(a->extras->location, b->extras->location);
    same_text(a->extras->md5, b->extras->md5);
    same_text(a->extras->disposition, b->extras->disposition);
    same_params(a->extras->disposition_params, b->extras->disposition_params);
    const struct mime_language *l = a->extras->languages, *m = b->extras->languages;
    for (; l != NULL && m != NULL; l = l->next, m = m->next)
        must(span_eq(l->tag, m->tag));
    must(l == NULL && m == NULL);
}

static void same_parts(const struct mime_part *a, const struct mime_part *b)
{
    struct buf first, second;
    buf_init(&first, 64 * 1024 * 1024);
    buf_init(&second, 64 * 1024 * 1024);
    mime_describe(a, &first);
    mime_describe(b, &second);
    must(span_eq(buf_span(&first), buf_span(&second)));
    buf_done(&first);
    buf_done(&second);
    for (; a != NULL && b != NULL; a = mime_next(a), b = mime_next(b))
        same_part(a, b);
    must(a == NULL && b == NULL);
}

static void same_summary(const struct message_summary *a, const struct message_summary *b)
{
    same_envelope(a->envelope, b->envelope);
    must(a->sent == b->sent && a->sent_ms == b->sent_ms && a->sent_local_ms == b->sent_local_ms);
    must(span_eq(a->preview, b->preview) && span_is_utf8(a->preview));
}

static void round_trip(const struct message_summary *s, struct buf *record)
{
    struct arena *a = arena_new(MIME_ARENA);
    struct message_summary again;
    struct buf second;
    buf_init(&second, 2 * LIMIT_SUMMARY);
    must(summary_unpack(buf_span(record), a, &again) == 0 && again.root == NULL);
    same_summary(s, &again);
    must(summary_parts(&again, a) == 0 && again.root != NULL);
    same_parts(s->root, again.root);
    must(summary_pack(&again, &second) == 0 && span_eq(buf_span(record), buf_span(&second)));
    buf_done(&second);
    arena_free(a);
}

void summary_walk(struct span message, struct buf *record_out)
{
    struct arena *a = arena_new(MIME_ARENA);
    struct summary_maker *m = summary_maker_new(a);
    struct message_summary s;
    struct buf record;
    buf_init(&record, LIMIT_SUMMARY);
    summary_maker_feed(m, message);
    must(summary_maker_end(m, &s) == 0 && s.root != NULL);
    int err = summary_pack(&s, &record);
    must(err == 0 || (err == ERR_TOO_BIG && record.n == 0 && message.n > LIMIT_SUMMARY / 50));
    if (err == 0)
        round_trip(&s, &record);
    if (record_out != NULL)
        buf_put(record_out, buf_span(&record));
    buf_done(&record);
    arena_free(a);
}

static void sound_part(const struct mime_part *p)
{
    const struct mime_part *up = p->parent;
    uint64_t end = mime_body_offset(p) + p->body_size;
    must(p->depth >= 1 && p->depth <= LIMIT_MIME_DEPTH && p->type.n > 0 && p->subtype.n > 0);
    must((p->kind == MIME_MESSAGE) == (p->child != NULL && p->child->envelope != NULL));
    must((p->envelope != NULL) == (up == NULL || up->kind == MIME_MESSAGE));
    must(p->kind != MIME_LEAF || p->child == NULL);
    must(up == NULL ||
         (p->offset >= mime_body_offset(up) && end <= mime_body_offset(up) + up->body_size));
    must(p->next == NULL || (p->next->parent == up && p->next->offset >= end));
}

int summary_walk_record(struct span record)
{
    struct arena *a = arena_new(MIME_ARENA);
    struct message_summary s;
    struct buf again;
    buf_init(&again, 2 * LIMIT_SUMMARY);
    int err = summary_unpack(record, a, &s);
    if (err == 0)
        err = summary_parts(&s, a);
    must(err == 0 || err == ERR_CORRUPT || err == ERR_UNSUPPORTED || err == ERR_TOO_BIG);
    if (err == 0) {
        for (const struct mime_part *p = s.root; p != NULL; p = mime_next(p))
            sound_part(p);
        must(summary_pack(&s, &again) == 0 || record.n > LIMIT_SUMMARY / 2);
        if (again.n > 0)
            round_trip(&s, &again);
    }
    buf_done(&again);
    arena_free(a);
    return err;
}
