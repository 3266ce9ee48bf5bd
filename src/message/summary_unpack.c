/* SPDX-License-Identifier: Apache-2.0 */
/* The record may be damaged in any way: every count is met by bytes, every part lies in its parent. */
#include "message/summary_impl.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"

struct reader {
    struct unpack u;
    struct arena *arena;
    int err; /* of the arena */
};

static bool is_bad(const struct reader *r)
{
    return r->u.bad || r->err != 0;
}

static void *take_memory(struct reader *r, size_t size)
{
    void *p = arena_alloc(r->arena, size);
    if (p == NULL)
        r->err = arena_err(r->arena);
    return p;
}

/* Of a list: each of its members takes at least `least` bytes. */
static uint64_t take_count(struct reader *r, size_t least)
{
    uint64_t n = unpack_uint(&r->u);
    if (n > r->u.rest.n / least)
        r->u.bad = true;
    return r->u.bad ? 0 : n;
}

/* A string that is there: its pointer is not NULL, also when it is empty. */
static struct span take_span(struct reader *r)
{
    struct span s = unpack_span(&r->u);
    return s.p == NULL ? SPAN("") : s;
}

static struct span take_text(struct reader *r)
{
    uint64_t n = unpack_uint(&r->u);
    struct span s = SPAN_EMPTY;
    if (n == 0 || r->u.bad)
        return s;
    if (!span_take(&r->u.rest, n - 1, &s))
        r->u.bad = true;
    return s.p == NULL ? SPAN("") : s;
}

static struct mail_address *take_addresses(struct reader *r)
{
    struct mail_address *first = NULL, **end = &first;
    bool open = false;
    for (uint64_t n = take_count(r, 1); n > 0 && !is_bad(r); n--) {
        unsigned bits = unpack_u8(&r->u), kind = bits & ADDRESS_KIND;
        struct mail_address *m = take_memory(r, sizeof(*m));
        if (m == NULL)
            break;
        /* each group has its end, and is in none */
        if (kind > ADDRESS_GROUP_END ||
            (kind != ADDRESS_MAILBOX && open == (kind == ADDRESS_GROUP)))
            r->u.bad = true;
        open = kind == ADDRESS_MAILBOX ? open : kind == ADDRESS_GROUP;
        m->kind = (enum address_kind)kind;
        m->broken = (bits & ADDRESS_BROKEN) != 0;
        if ((bits & ADDRESS_NAME) != 0)
            m->name = take_span(r);
        if ((bits & ADDRESS_ROUTE) != 0)
            m->route = take_span(r);
        if ((bits & ADDRESS_LOCAL) != 0)
            m->local = take_span(r);
        if ((bits & ADDRESS_DOMAIN) != 0)
            m->domain = take_span(r);
        *end = m;
        end = &m->next;
    }
    if (open)
        r->u.bad = true;
    return first;
}

static struct message_envelope *take_envelope(struct reader *r)
{
    struct message_envelope *e = take_memory(r, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->date = take_text(r);
    e->subject = take_text(r);
    e->in_reply_to = take_text(r);
    e->message_id = take_text(r);
    e->references = take_text(r);
    e->from = take_addresses(r);
    e->sender = take_addresses(r);
    e->reply_to = take_addresses(r);
    e->to = take_addresses(r);
    e->cc = take_addresses(r);
    e->bcc = take_addresses(r);
    return e;
}

static int reader_result(const struct reader *r)
{
    return r->err != 0 ? r->err : r->u.bad ? ERR_CORRUPT : 0;
}

int summary_unpack(struct span record, struct arena *a, struct message_summary *out)
{
    struct reader r = {.u = unpack_of(record), .arena = a};
    struct message_summary s = {0};
    if (unpack_u8(&r.u) != SUMMARY_VERSION)
        return r.u.bad ? ERR_CORRUPT : ERR_UNSUPPORTED;
    s.envelope = take_envelope(&r);
    s.sent = unpack_u8(&r.u) != 0;
    if (s.sent) {
        s.sent_ms = unpack_int(&r.u);
        int64_t east_ms = unpack_int(&r.u);
        if (__builtin_add_overflow(s.sent_ms, east_ms, &s.sent_local_ms))
            r.u.bad = true;
    }
    s.preview = take_span(&r);
    if (!span_is_utf8(s.preview))
        r.u.bad = true;
    s.parts = take_span(&r);
    int err = reader_result(&r);
    if (err == 0)
        *out = s;
    return err;
}

/* ---- the structure ----------------------------------------------------------------------- */

static struct mime_param *take_params(struct reader *r)
{
    struct mime_param *first = NULL, **end = &first;
    for (uint64_t n = take_count(r, 3); n > 0 && !is_bad(r); n--) {
        struct mime_param *p = take_memory(r, sizeof(*p));
        if (p == NULL)
            break;
        p->extended = unpack_u8(&r->u) != 0;
        p->name = take_span(r);
        p->value = take_span(r);
        *end = p;
        end = &p->next;
    }
    return first;
}

static struct mime_extras *take_extras(struct reader *r)
{
    struct mime_extras *x = take_memory(r, sizeof(*x));
    if (x == NULL)
        return NULL;
    x->id = take_text(r);
    x->description = take_text(r);
    x->location = take_text(r);
    x->md5 = take_text(r);
    x->disposition = take_text(r);
    x->disposition_params = take_params(r);
    struct mime_language **end = &x->languages;
    for (uint64_t n = take_count(r, 1); n > 0 && !is_bad(r); n--) {
        struct mime_language *l = take_memory(r, sizeof(*l));
        if (l == NULL)
            break;
        l->tag = take_span(r);
        *end = l;
        end = &l->next;
    }
    return x;
}

/* Sizes, and that they lie where they may: in the parent, behind the part before. */
static void take_place(struct reader *r, struct mime_part *part, uint64_t least)
{
    const struct mime_part *up = part->parent;
    uint64_t base = up == NULL ? 0 : mime_body_offset(up);
    uint64_t end = up == NULL ? LIMIT_BLOB : base + up->body_size;
    uint64_t offset = unpack_uint(&r->u), header = unpack_uint(&r->u), body = unpack_uint(&r->u);
    part->lines = unpack_uint(&r->u);
    if (offset > end - base || header > end - base - offset ||
        body > end - base - offset - header || base + offset < least || part->lines > body ||
        (up == NULL && offset != 0)) {
        r->u.bad = true;
        return;
    }
    part->offset = base + offset;
    part->header_size = header;
    part->body_size = body;
}

static void take_fields(struct reader *r, struct mime_part *part, unsigned bits)
{
    part->type = take_span(r);
    part->subtype = take_span(r);
    if (part->type.n == 0 || part->subtype.n == 0)
        r->u.bad = true;
    part->encoding_text = take_text(r);
    if ((bits & PART_PARAMS) != 0)
        part->params = take_params(r);
    if ((bits & PART_EXTRAS) != 0)
        part->extras = take_extras(r);
    if (part->parent != NULL && part->parent->kind == MIME_MESSAGE)
        part->envelope = take_envelope(r);
}

/* The parts that are open while they are read: open[d] is the last of depth d. */
struct nest {
    struct mime_part *open[LIMIT_MIME_DEPTH + 1];
    size_t depth; /* of the last part */
};

/* Is `part` a message without one in it? */
static bool is_hollow(const struct mime_part *part)
{
    return part != NULL && part->kind == MIME_MESSAGE && part->child == NULL;
}

static struct mime_part *take_part(struct reader *r, struct nest *nest)
{
    size_t depth = unpack_u8(&r->u);
    unsigned bits = unpack_u8(&r->u);
    struct mime_part *last = nest->open[nest->depth], *part = take_memory(r, sizeof(*part));
    if (part == NULL)
        return NULL;
    if (depth < 1 || depth > LIMIT_MIME_DEPTH || depth > nest->depth + 1 ||
        (depth == 1) != (last == NULL) ||
        (last != NULL && depth <= nest->depth && is_hollow(last))) {
        r->u.bad = true;
        return NULL;
    }
    struct mime_part *up = depth > 1 ? nest->open[depth - 1] : NULL;
    struct mime_part *before = up != NULL && up->child != NULL ? nest->open[depth] : NULL;
    if (up != NULL && (up->kind == MIME_LEAF || (up->kind == MIME_MESSAGE && before != NULL))) {
        r->u.bad = true;
        return NULL;
    }
    part->parent = up;
    part->depth = (uint16_t)depth;
    part->kind = bits & PART_KIND;
    part->encoding = bits >> PART_ENCODING_SHIFT & PART_ENCODING;
    part->flags = (uint32_t)unpack_uint(&r->u);
    if (part->kind > MIME_MESSAGE || part->encoding > TRANSFER_UNKNOWN)
        r->u.bad = true;
    take_place(r, part, before == NULL ? 0 : mime_body_offset(before) + before->body_size);
    take_fields(r, part, bits);
    if (before != NULL)
        before->next = part;
    else if (up != NULL)
        up->child = part;
    nest->open[depth] = part;
    nest->depth = depth;
    return part;
}

int summary_parts(struct message_summary *s, struct arena *a)
{
    struct reader r = {.u = unpack_of(s->parts), .arena = a};
    struct nest nest = {.depth = 0};
    if (s->root != NULL)
        return 0;
    uint64_t n = unpack_uint(&r.u);
    if (n < 1 || n > LIMIT_MIME_PARTS)
        r.u.bad = true;
    for (; n > 0 && !is_bad(&r); n--)
        (void)take_part(&r, &nest);
    if (nest.open[1] == NULL || is_hollow(nest.open[nest.depth]))
        r.u.bad = true;
    int err = reader_result(&r);
    if (err != 0)
        return err;
    s->root = nest.open[1];
    s->root->envelope = take_memory(&r, sizeof(*s->root->envelope));
    if (s->root->envelope == NULL) {
        s->root = NULL;
        return r.err;
    }
    *s->root->envelope = *s->envelope;
    return 0;
}
