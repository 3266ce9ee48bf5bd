/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/records.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"
#include "mailbox/acl.h"

enum {
    RECORD_VERSION = 1,
    ACCOUNT_VERSION = 5,  /* 2: keywords; 3: annotation_bytes; 4: grants; 5: tombstone_modseq */
    MAILBOX_VERSION = 3,  /* 2: noselect, sets; 3: was_inbox */
    ENTRY_VERSION = 2,    /* keywords */
    EXPUNGED_VERSION = 2, /* keywords */
};

static struct unpack record_open(struct span s, uint8_t *version)
{
    struct unpack u = unpack_of(s);
    *version = unpack_u8(&u);
    if (*version == 0)
        u.bad = true;
    return u;
}

static uint32_t take_u32(struct unpack *u)
{
    uint64_t v = unpack_uint(u);
    if (v > UINT32_MAX) {
        u->bad = true;
        return 0;
    }
    return (uint32_t)v;
}

static bool take_bool(struct unpack *u)
{
    uint8_t v = unpack_u8(u);
    if (v > 1)
        u->bad = true;
    return v == 1;
}

/* Sizes are summed and times added to: neither may be so large that this could overflow. */
static uint64_t take_size(struct unpack *u)
{
    uint64_t v = unpack_uint(u);
    if (v > INT64_MAX) {
        u->bad = true;
        return 0;
    }
    return v;
}

static uint32_t take_flags(struct unpack *u)
{
    uint32_t flags = take_u32(u);
    if ((flags & ~(uint32_t)FLAGS_ALL) != 0)
        u->bad = true;
    return flags;
}

static void take_bytes(struct unpack *u, void *to, size_t n)
{
    struct span s = SPAN_EMPTY;
    if (u->bad || !span_take(&u->rest, n, &s))
        u->bad = true;
    else
        memcpy(to, s.p, n);
}

static void pack_keywords(struct buf *b, const struct keyword_ids *k)
{
    pack_uint(b, k->n);
    for (uint32_t i = 0; i < k->n; i++)
        pack_uint(b, k->v[i]);
}

static void take_keywords(struct unpack *u, struct keyword_ids *out)
{
    uint32_t n = take_u32(u);
    if (n > COUNT_OF(out->v))
        u->bad = true;
    for (uint32_t i = 0; !u->bad && i < n; i++) {
        uint64_t id = unpack_uint(u);
        if (id >= LIMIT_KEYWORDS || (i > 0 && id <= out->v[i - 1]))
            u->bad = true;
        else
            out->v[out->n++] = (uint16_t)id;
    }
}

static void must_be(struct unpack *u, bool sound)
{
    if (!sound)
        u->bad = true;
}

void account_record_pack(struct buf *b, const struct account_record *r)
{
    pack_u8(b, ACCOUNT_VERSION);
    pack_span(b, r->address);
    pack_int(b, r->created_ms);
    pack_uint(b, r->next_message);
    pack_uint(b, r->next_uidl);
    pack_uint(b, r->next_mailbox);
    pack_uint(b, r->last_uidvalidity);
    pack_uint(b, r->modseq);
    pack_uint(b, r->bytes);
    pack_uint(b, r->messages);
    pack_uint(b, r->restorable_bytes);
    pack_uint(b, r->restorable_messages);
    pack_uint(b, r->tombstones);
    pack_uint(b, r->changes_from);
    pack_uint(b, r->keywords);
    pack_uint(b, r->annotation_bytes);
    pack_uint(b, r->grants);
    pack_uint(b, r->tombstone_modseq);
}

int account_record_unpack(struct span s, struct account_record *out)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    *out = (struct account_record){0};
    out->address = unpack_span(&u);
    out->created_ms = unpack_int(&u);
    out->next_message = unpack_uint(&u);
    out->next_uidl = unpack_uint(&u);
    out->next_mailbox = take_u32(&u);
    out->last_uidvalidity = take_u32(&u);
    out->modseq = unpack_uint(&u);
    out->bytes = take_size(&u);
    out->messages = take_size(&u);
    out->restorable_bytes = take_size(&u);
    out->restorable_messages = take_size(&u);
    out->tombstones = take_size(&u);
    out->changes_from = unpack_uint(&u);
    if (version >= 2)
        out->keywords = take_u32(&u);
    if (version >= 3)
        out->annotation_bytes = take_size(&u);
    if (version >= 4)
        out->grants = take_size(&u);
    if (version >= 5)
        out->tombstone_modseq = unpack_uint(&u);
    must_be(&u, out->keywords <= LIMIT_KEYWORDS);
    must_be(&u, out->next_message > 0 && out->next_uidl > 0 && out->next_mailbox > 0);
    must_be(&u, out->changes_from <= out->modseq && out->tombstone_modseq <= out->modseq);
    return unpack_end(&u);
}

void mailbox_record_pack(struct buf *b, const struct mailbox_record *r)
{
    pack_u8(b, MAILBOX_VERSION);
    pack_span(b, r->name);
    pack_u8(b, r->use);
    pack_u8(b, r->subscribed ? 1 : 0);
    pack_uint(b, r->uidvalidity);
    pack_uint(b, r->uidnext);
    pack_uint(b, r->highest_modseq);
    pack_uint(b, r->created_modseq);
    pack_uint(b, r->messages);
    pack_uint(b, r->unseen);
    pack_uint(b, r->bytes);
    pack_u8(b, r->noselect ? 1 : 0);
    pack_u8(b, r->sets ? 1 : 0);
    pack_u8(b, r->was_inbox ? 1 : 0);
}

int mailbox_record_unpack(struct span s, struct mailbox_record *out)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    *out = (struct mailbox_record){0};
    out->name = unpack_span(&u);
    out->use = unpack_u8(&u);
    out->subscribed = take_bool(&u);
    out->uidvalidity = take_u32(&u);
    out->uidnext = take_u32(&u);
    out->highest_modseq = unpack_uint(&u);
    out->created_modseq = unpack_uint(&u);
    out->messages = take_size(&u);
    out->unseen = take_size(&u);
    out->bytes = take_size(&u);
    if (version >= 2) {
        out->noselect = take_bool(&u);
        out->sets = take_bool(&u);
    }
    if (version >= 3)
        out->was_inbox = take_bool(&u);
    must_be(&u, out->name.n > 0 && out->use < USE_COUNT);
    must_be(&u, out->uidvalidity > 0 && out->uidnext > 0 && out->unseen <= out->messages);
    return unpack_end(&u);
}

void entry_record_pack(struct buf *b, const struct entry_record *r)
{
    pack_u8(b, ENTRY_VERSION);
    pack_uint(b, r->flags);
    pack_uint(b, r->modseq);
    pack_uint(b, r->created_modseq);
    pack_uint(b, r->message.v);
    pack_uint(b, r->uidl);
    pack_uint(b, r->size);
    pack_int(b, r->received_ms);
    pack_int(b, r->saved_ms);
    pack_keywords(b, &r->keywords);
}

int entry_record_unpack(struct span s, struct entry_record *out)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    *out = (struct entry_record){0};
    out->flags = take_flags(&u);
    out->modseq = unpack_uint(&u);
    out->created_modseq = unpack_uint(&u);
    out->message.v = unpack_uint(&u);
    out->uidl = unpack_uint(&u);
    out->size = take_size(&u);
    out->received_ms = unpack_int(&u);
    out->saved_ms = unpack_int(&u);
    if (version >= 2)
        take_keywords(&u, &out->keywords);
    must_be(&u, out->message.v > 0 && out->uidl > 0 && out->created_modseq <= out->modseq);
    return unpack_end(&u);
}

void message_record_pack(struct buf *b, const struct message_record *r)
{
    pack_u8(b, RECORD_VERSION);
    buf_put(b, span_of(r->blob.b, sizeof(r->blob.b)));
    pack_uint(b, r->size);
    pack_int(b, r->received_ms);
    buf_put(b, span_of(r->digest, sizeof(r->digest)));
    pack_span(b, r->envelope_from);
}

int message_record_unpack(struct span s, struct message_record *out)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    *out = (struct message_record){0};
    take_bytes(&u, out->blob.b, sizeof(out->blob.b));
    out->size = take_size(&u);
    out->received_ms = unpack_int(&u);
    take_bytes(&u, out->digest, sizeof(out->digest));
    out->envelope_from = unpack_span(&u);
    return unpack_end(&u);
}

void expunged_record_pack(struct buf *b, const struct expunged_record *r)
{
    pack_u8(b, EXPUNGED_VERSION);
    pack_uint(b, r->flags);
    pack_uint(b, r->uidl);
    pack_uint(b, r->size);
    pack_int(b, r->received_ms);
    pack_int(b, r->expunged_ms);
    pack_int(b, r->until_ms);
    pack_u8(b, r->restorable ? 1 : 0);
    pack_keywords(b, &r->keywords);
}

int expunged_record_unpack(struct span s, struct expunged_record *out)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    *out = (struct expunged_record){0};
    out->flags = take_flags(&u);
    out->uidl = unpack_uint(&u);
    out->size = take_size(&u);
    out->received_ms = unpack_int(&u);
    out->expunged_ms = unpack_int(&u);
    out->until_ms = unpack_int(&u);
    out->restorable = take_bool(&u);
    if (version >= 2)
        take_keywords(&u, &out->keywords);
    must_be(&u, out->uidl > 0 && out->until_ms >= 0);
    return unpack_end(&u);
}

void annotation_record_pack(struct buf *b, struct span value)
{
    pack_u8(b, RECORD_VERSION);
    pack_span(b, value);
}

int annotation_record_unpack(struct span s, struct span *value)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    *value = unpack_span(&u);
    return unpack_end(&u);
}

void grant_record_pack(struct buf *b, const struct mail_grant *r)
{
    pack_u8(b, RECORD_VERSION);
    pack_uint(b, r->rights);
    pack_uint(b, r->denied);
    pack_span(b, r->address);
}

int grant_record_unpack(struct span s, struct mail_grant *out)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    *out = (struct mail_grant){0};
    out->rights = take_u32(&u);
    out->denied = take_u32(&u);
    out->address = unpack_span(&u);
    must_be(&u, ((out->rights | out->denied) & ~(uint32_t)RIGHTS_ALL) == 0);
    return unpack_end(&u);
}

void reference_record_pack(struct buf *b, uint64_t id)
{
    pack_u8(b, RECORD_VERSION);
    pack_uint(b, id);
}

int reference_record_unpack(struct span s, uint64_t *out)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    *out = unpack_uint(&u);
    must_be(&u, *out > 0);
    return unpack_end(&u);
}

void urlkey_record_pack(struct buf *b, const struct mail_urlkey *r)
{
    pack_u8(b, RECORD_VERSION);
    buf_put(b, span_of(r->b, sizeof(r->b)));
}

int urlkey_record_unpack(struct span s, struct mail_urlkey *out)
{
    uint8_t version;
    struct unpack u = record_open(s, &version);
    take_bytes(&u, out->b, sizeof(out->b));
    return unpack_end(&u);
}
