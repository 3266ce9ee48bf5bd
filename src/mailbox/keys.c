/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/keys.h"

#include "base/err.h"
#include "base/pack.h"

/* Keys are made by the million in a scan's answer, so they are built on the stack and not in a buf.
 */
static void key_put(struct mail_key *k, uint64_t v, size_t bytes)
{
    must(k->n + bytes <= sizeof(k->b));
    for (size_t i = bytes; i-- > 0;)
        k->b[k->n++] = (char)(uint8_t)(v >> (8 * i));
}

struct span mail_key_span(const struct mail_key *k)
{
    return span_of(k->b, k->n);
}

struct mail_key mail_key_table(enum mail_table table)
{
    struct mail_key k = {0};
    key_put(&k, (uint64_t)table, 1);
    return k;
}

static struct mail_key key_with_u32(enum mail_table table, uint32_t v)
{
    struct mail_key k = mail_key_table(table);
    key_put(&k, v, 4);
    return k;
}

static struct mail_key key_with_u64(enum mail_table table, uint64_t v)
{
    struct mail_key k = mail_key_table(table);
    key_put(&k, v, 8);
    return k;
}

static struct mail_key key_with_slot(struct mail_key k, struct mail_place at)
{
    key_put(&k, at.mailbox.v, 4);
    key_put(&k, at.uid.v, 4);
    return k;
}

struct mail_key mail_key_mailbox(struct mailbox_id mailbox)
{
    return key_with_u32(TABLE_MAILBOX, mailbox.v);
}

struct mail_key mail_key_entries(struct mailbox_id mailbox)
{
    return key_with_u32(TABLE_ENTRY, mailbox.v);
}

struct mail_key mail_key_entry(struct mailbox_id mailbox, struct mail_uid uid)
{
    struct mail_key k = mail_key_entries(mailbox);
    key_put(&k, uid.v, 4);
    return k;
}

struct mail_key mail_key_message(struct message_id message)
{
    return key_with_u64(TABLE_MESSAGE, message.v);
}

struct mail_key mail_key_wheres(struct message_id message)
{
    return key_with_u64(TABLE_WHERE, message.v);
}

struct mail_key mail_key_where(struct mail_place at)
{
    return key_with_slot(mail_key_wheres(at.message), at);
}

struct mail_key mail_key_change(struct modseq modseq, struct mail_place at)
{
    return key_with_slot(key_with_u64(TABLE_CHANGE, modseq.v), at);
}

struct mail_key mail_key_tombstone(struct modseq modseq, struct mail_place at)
{
    return key_with_slot(key_with_u64(TABLE_TOMBSTONE, modseq.v), at);
}

struct mail_key mail_key_due(int64_t until_ms, struct mail_place at)
{
    struct mail_key k = key_with_u64(TABLE_DUE, until_ms > 0 ? (uint64_t)until_ms : 0);
    key_put(&k, at.message.v, 8);
    return key_with_slot(k, at);
}

struct mail_key mail_key_expungeds(struct message_id message)
{
    return key_with_u64(TABLE_EXPUNGED, message.v);
}

struct mail_key mail_key_expunged(struct mail_place at)
{
    return key_with_slot(mail_key_expungeds(at.message), at);
}

struct mail_key mail_key_mailbox_sets(struct mailbox_id mailbox)
{
    return key_with_u32(TABLE_SET, mailbox.v);
}

struct mail_key mail_key_chunks(struct mailbox_id mailbox, uint32_t set)
{
    struct mail_key k = mail_key_mailbox_sets(mailbox);
    key_put(&k, set, 4);
    return k;
}

struct mail_key mail_key_chunk(struct mailbox_id mailbox, uint32_t set, uint32_t chunk)
{
    struct mail_key k = mail_key_chunks(mailbox, set);
    key_put(&k, chunk, 4);
    return k;
}

struct mail_key mail_key_summary(struct message_id message)
{
    return key_with_u64(TABLE_SUMMARY, message.v);
}

struct mail_key mail_key_urlkey(struct mailbox_id mailbox)
{
    return key_with_u32(TABLE_URLKEY, mailbox.v);
}

struct mail_key mail_key_keyword(uint32_t id)
{
    return key_with_u32(TABLE_KEYWORD, id);
}

void mail_key_name(struct buf *to, struct span name)
{
    buf_clear(to);
    pack_key_u8(to, TABLE_NAME);
    pack_key_span(to, name);
}

void mail_key_subscription(struct buf *to, struct span name)
{
    buf_clear(to);
    pack_key_u8(to, TABLE_SUBSCRIPTION);
    pack_key_span(to, name);
}

struct mail_key mail_key_mailbox_annotations(struct mailbox_id mailbox)
{
    return key_with_u32(TABLE_ANNOTATION, mailbox.v);
}

struct mail_key mail_key_annotations(struct mailbox_id mailbox, account_id user)
{
    struct mail_key k = mail_key_mailbox_annotations(mailbox);
    key_put(&k, user, 8);
    return k;
}

struct mail_key mail_key_grants(struct mailbox_id mailbox)
{
    return key_with_u32(TABLE_GRANT, mailbox.v);
}

struct mail_key mail_key_grant(struct mailbox_id mailbox, account_id user)
{
    struct mail_key k = mail_key_grants(mailbox);
    key_put(&k, user, 8);
    return k;
}

struct mail_key mail_key_grantees(account_id user)
{
    struct mail_key k = mail_key_table(TABLE_GRANTEE);
    key_put(&k, user, 8);
    return k;
}

struct mail_key mail_key_grantee(account_id user, struct mailbox_id mailbox)
{
    struct mail_key k = mail_key_grantees(user);
    key_put(&k, mailbox.v, 4);
    return k;
}

void mail_key_annotation(struct buf *to,
                         struct mailbox_id mailbox,
                         account_id user,
                         struct span name)
{
    struct mail_key prefix = mail_key_annotations(mailbox, user);
    buf_clear(to);
    buf_put(to, mail_key_span(&prefix));
    pack_key_span(to, name);
}

static struct unpack key_open(struct span key, enum mail_table table)
{
    struct unpack u = unpack_of(key);
    if (unpack_key_u8(&u) != (uint8_t)table)
        u.bad = true;
    return u;
}

static int key_close(const struct unpack *u)
{
    return u->bad || !unpack_at_end(u) ? ERR_CORRUPT : 0;
}

static void key_take_slot(struct unpack *u, struct mail_place *at)
{
    at->mailbox.v = unpack_key_u32(u);
    at->uid.v = unpack_key_u32(u);
}

int mail_key_read_mailbox(struct span key, struct mailbox_id *out)
{
    struct unpack u = key_open(key, TABLE_MAILBOX);
    out->v = unpack_key_u32(&u);
    return key_close(&u);
}

int mail_key_read_name(struct span key, enum mail_table table, struct buf *name)
{
    struct unpack u = key_open(key, table);
    unpack_key_span(&u, name);
    return key_close(&u);
}

int mail_key_read_entry(struct span key, struct mailbox_id *mailbox, struct mail_uid *uid)
{
    struct unpack u = key_open(key, TABLE_ENTRY);
    mailbox->v = unpack_key_u32(&u);
    uid->v = unpack_key_u32(&u);
    return key_close(&u);
}

int mail_key_read_message(struct span key, struct message_id *out)
{
    struct unpack u = key_open(key, TABLE_MESSAGE);
    out->v = unpack_key_u64(&u);
    return key_close(&u);
}

int mail_key_read_place(struct span key, enum mail_table table, struct mail_place *out)
{
    struct unpack u = key_open(key, table);
    out->message.v = unpack_key_u64(&u);
    key_take_slot(&u, out);
    return key_close(&u);
}

int mail_key_read_modseq(struct span key,
                         enum mail_table table,
                         struct modseq *modseq,
                         struct mail_place *out)
{
    struct unpack u = key_open(key, table);
    modseq->v = unpack_key_u64(&u);
    key_take_slot(&u, out);
    return key_close(&u);
}

int mail_key_read_due(struct span key, int64_t *until_ms, struct mail_place *out)
{
    struct unpack u = key_open(key, TABLE_DUE);
    uint64_t until = unpack_key_u64(&u);
    u.bad = u.bad || until > INT64_MAX;
    *until_ms = (int64_t)until;
    out->message.v = unpack_key_u64(&u);
    key_take_slot(&u, out);
    return key_close(&u);
}

int mail_key_read_chunk(struct span key, struct mailbox_id *mailbox, uint32_t *set, uint32_t *chunk)
{
    struct unpack u = key_open(key, TABLE_SET);
    mailbox->v = unpack_key_u32(&u);
    *set = unpack_key_u32(&u);
    *chunk = unpack_key_u32(&u);
    return key_close(&u);
}

int mail_key_read_keyword(struct span key, uint32_t *id)
{
    struct unpack u = key_open(key, TABLE_KEYWORD);
    *id = unpack_key_u32(&u);
    return key_close(&u);
}

int mail_key_read_annotation(struct span key,
                             struct mailbox_id *mailbox,
                             account_id *user,
                             struct buf *name)
{
    struct unpack u = key_open(key, TABLE_ANNOTATION);
    mailbox->v = unpack_key_u32(&u);
    *user = unpack_key_u64(&u);
    unpack_key_span(&u, name);
    return key_close(&u);
}

int mail_key_read_urlkey(struct span key, struct mailbox_id *out)
{
    struct unpack u = key_open(key, TABLE_URLKEY);
    out->v = unpack_key_u32(&u);
    return key_close(&u);
}

int mail_key_read_grant(struct span key, struct mailbox_id *mailbox, account_id *user)
{
    struct unpack u = key_open(key, TABLE_GRANT);
    mailbox->v = unpack_key_u32(&u);
    *user = unpack_key_u64(&u);
    return key_close(&u);
}

int mail_key_read_grantee(struct span key, account_id *user, struct mailbox_id *mailbox)
{
    struct unpack u = key_open(key, TABLE_GRANTEE);
    *user = unpack_key_u64(&u);
    mailbox->v = unpack_key_u32(&u);
    return key_close(&u);
}

int mail_key_read_summary(struct span key, struct message_id *out)
{
    struct unpack u = key_open(key, TABLE_SUMMARY);
    out->v = unpack_key_u64(&u);
    return key_close(&u);
}
