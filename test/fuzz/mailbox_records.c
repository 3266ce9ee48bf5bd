/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders of an account's rows. What they accept must come out of the encoder and be accepted
 * again with the same meaning; keys must be the bytes they were read from. The first byte chooses
 * the table. The same bytes are then read as the fields of a sound record, which must come back as
 * it was, and after damage be refused or be another record. */
#include "fuzz.h"

#include "base/err.h"
#include "base/limits.h"
#include "draw.h"
#include "mailbox/acl.h"
#include "mailbox/keys.h"
#include "mailbox/records.h"
#include "mailbox/sets.h"

#define ROUND_TRIP(type)                                                                           \
    static void type##_round_trip(struct span in)                                                  \
    {                                                                                              \
        struct type a, b;                                                                          \
        struct buf first, second;                                                                  \
        int err = type##_unpack(in, &a);                                                           \
        must(err == 0 || err == ERR_CORRUPT);                                                      \
        if (err != 0)                                                                              \
            return;                                                                                \
        buf_init(&first, LIMIT_STORE_VALUE);                                                       \
        buf_init(&second, LIMIT_STORE_VALUE);                                                      \
        type##_pack(&first, &a);                                                                   \
        must(first.err == 0 && type##_unpack(buf_span(&first), &b) == 0);                          \
        type##_pack(&second, &b);                                                                  \
        must(span_eq(buf_span(&first), buf_span(&second)));                                        \
        buf_done(&first);                                                                          \
        buf_done(&second);                                                                         \
    }

ROUND_TRIP(account_record)
ROUND_TRIP(mailbox_record)
ROUND_TRIP(entry_record)
ROUND_TRIP(message_record)
ROUND_TRIP(expunged_record)

static void reference_round_trip(struct span in)
{
    uint64_t id, again;
    struct buf b;
    if (reference_record_unpack(in, &id) != 0)
        return;
    buf_init(&b, 64);
    reference_record_pack(&b, id);
    must(reference_record_unpack(buf_span(&b), &again) == 0 && again == id && id > 0);
    buf_done(&b);
}

static void annotation_round_trip(struct span in)
{
    struct span value, again;
    struct buf b;
    if (annotation_record_unpack(in, &value) != 0)
        return;
    buf_init(&b, LIMIT_STORE_VALUE);
    annotation_record_pack(&b, value);
    must(annotation_record_unpack(buf_span(&b), &again) == 0 && span_eq(again, value));
    buf_done(&b);
}

static void urlkey_round_trip(struct span in)
{
    struct mail_urlkey key, again;
    struct buf b;
    if (urlkey_record_unpack(in, &key) != 0)
        return;
    buf_init(&b, LIMIT_STORE_VALUE);
    urlkey_record_pack(&b, &key);
    must(urlkey_record_unpack(buf_span(&b), &again) == 0);
    must(memcmp(key.b, again.b, sizeof key.b) == 0);
    buf_done(&b);
}

static void grant_round_trip(struct span in)
{
    struct mail_grant g, again;
    struct buf b;
    if (grant_record_unpack(in, &g) != 0)
        return;
    buf_init(&b, LIMIT_STORE_VALUE);
    grant_record_pack(&b, &g);
    must(grant_record_unpack(buf_span(&b), &again) == 0);
    must(again.rights == g.rights && again.denied == g.denied);
    must(span_eq(again.address, g.address) && (g.rights | g.denied) <= RIGHTS_ALL);
    buf_done(&b);
}

static void set_round_trip(struct span in)
{
    struct set_chunk c, again;
    struct buf b;
    int err = set_chunk_unpack(in, &c);
    must(err == 0 || err == ERR_CORRUPT);
    if (err != 0)
        return;
    buf_init(&b, 1024);
    set_chunk_pack(&b, &c);
    must(b.err == 0 && set_chunk_unpack(buf_span(&b), &again) == 0);
    must(memcmp(&c, &again, sizeof c) == 0 && b.n <= 2 + SET_CHUNK / 8);
    buf_done(&b);
}

/* ---- keys -------------------------------------------------------------------------------- */

static void keys(struct span in)
{
    struct mail_place at = {0};
    struct mailbox_id mailbox;
    struct mail_uid uid;
    struct message_id message;
    struct modseq modseq;
    int64_t until;
    uint32_t set, chunk;
    struct mail_key k;
    if (mail_key_read_mailbox(in, &mailbox) == 0) {
        k = mail_key_mailbox(mailbox);
        must(span_eq(in, mail_key_span(&k)));
    }
    account_id user;
    if (mail_key_read_grant(in, &mailbox, &user) == 0) {
        k = mail_key_grant(mailbox, user);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_entry(in, &mailbox, &uid) == 0) {
        k = mail_key_entry(mailbox, uid);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_message(in, &message) == 0) {
        k = mail_key_message(message);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_place(in, TABLE_WHERE, &at) == 0) {
        k = mail_key_where(at);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_place(in, TABLE_EXPUNGED, &at) == 0) {
        k = mail_key_expunged(at);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_modseq(in, TABLE_CHANGE, &modseq, &at) == 0) {
        k = mail_key_change(modseq, at);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_modseq(in, TABLE_TOMBSTONE, &modseq, &at) == 0) {
        k = mail_key_tombstone(modseq, at);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_due(in, &until, &at) == 0) {
        k = mail_key_due(until, at);
        must(until >= 0 && span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_chunk(in, &mailbox, &set, &chunk) == 0) {
        k = mail_key_chunk(mailbox, set, chunk);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_keyword(in, &set) == 0) {
        k = mail_key_keyword(set);
        must(span_eq(in, mail_key_span(&k)));
    }
    if (mail_key_read_summary(in, &message) == 0) {
        k = mail_key_summary(message);
        must(span_eq(in, mail_key_span(&k)));
    }
}

static void name_key(struct span in)
{
    struct buf first, second;
    buf_init(&first, LIMIT_STORE_VALUE);
    buf_init(&second, LIMIT_STORE_VALUE);
    if (mail_key_read_name(in, TABLE_NAME, &first) == 0) {
        mail_key_name(&second, buf_span(&first));
        must(second.err == 0 && span_eq(buf_span(&second), in));
    }
    if (mail_key_read_name(in, TABLE_SUBSCRIPTION, &first) == 0) {
        mail_key_subscription(&second, buf_span(&first));
        must(second.err == 0 && span_eq(buf_span(&second), in));
    }
    struct mailbox_id mailbox;
    account_id user;
    if (mail_key_read_annotation(in, &mailbox, &user, &first) == 0) {
        mail_key_annotation(&second, mailbox, user, buf_span(&first));
        must(second.err == 0 && span_eq(buf_span(&second), in));
    }
    buf_done(&first);
    buf_done(&second);
}

/* ---- sound records and what damage makes of them ----------------------------------------- */

static struct keyword_ids draw_keywords(struct draw *d)
{
    struct keyword_ids k = {.n = 0};
    size_t n = draw_below(d, COUNT_OF(k.v) + 1), id = 0;
    while (k.n < n && id < LIMIT_KEYWORDS) {
        k.v[k.n++] = (uint16_t)id;
        id += 1 + draw_below(d, 30);
    }
    return k;
}

static bool same_keywords(const struct keyword_ids *a, const struct keyword_ids *b)
{
    return a->n == b->n && memcmp(a->v, b->v, a->n * sizeof a->v[0]) == 0;
}

static void draw_account(struct draw *d, struct buf *b)
{
    struct account_record out, r = {
                                   .created_ms = draw_i64(d),
                                   .next_message = draw_up_to(d, UINT64_MAX - 1) + 1,
                                   .next_uidl = draw_up_to(d, UINT64_MAX - 1) + 1,
                                   .next_mailbox = (uint32_t)draw_up_to(d, UINT32_MAX - 1) + 1,
                                   .last_uidvalidity = draw_u32(d),
                                   .modseq = draw_u64(d),
                                   .bytes = draw_up_to(d, INT64_MAX),
                                   .messages = draw_up_to(d, INT64_MAX),
                                   .restorable_bytes = draw_up_to(d, INT64_MAX),
                                   .restorable_messages = draw_up_to(d, INT64_MAX),
                                   .tombstones = draw_up_to(d, INT64_MAX),
                                   .keywords = (uint32_t)draw_up_to(d, LIMIT_KEYWORDS),
                                   .annotation_bytes = draw_up_to(d, INT64_MAX),
                               };
    r.changes_from = draw_up_to(d, r.modseq);
    r.tombstone_modseq = draw_up_to(d, r.modseq);
    r.address = draw_span(d, 300);
    account_record_pack(b, &r);
    must(account_record_unpack(buf_span(b), &out) == 0);
    must(span_eq(out.address, r.address) && out.created_ms == r.created_ms);
    must(out.next_message == r.next_message && out.next_uidl == r.next_uidl);
    must(out.next_mailbox == r.next_mailbox && out.last_uidvalidity == r.last_uidvalidity);
    must(out.modseq == r.modseq && out.bytes == r.bytes && out.messages == r.messages);
    must(out.restorable_bytes == r.restorable_bytes);
    must(out.restorable_messages == r.restorable_messages);
    must(out.tombstones == r.tombstones && out.changes_from == r.changes_from);
    must(out.tombstone_modseq == r.tombstone_modseq);
    must(out.keywords == r.keywords && out.annotation_bytes == r.annotation_bytes);
    draw_damage(d, b);
    account_record_round_trip(buf_span(b));
}

static void draw_mailbox(struct draw *d, struct buf *b)
{
    struct mailbox_record out, r = {
                                   .use = (uint8_t)draw_below(d, USE_COUNT),
                                   .subscribed = draw_bool(d),
                                   .uidvalidity = (uint32_t)draw_up_to(d, UINT32_MAX - 1) + 1,
                                   .uidnext = (uint32_t)draw_up_to(d, UINT32_MAX - 1) + 1,
                                   .highest_modseq = draw_u64(d),
                                   .created_modseq = draw_u64(d),
                                   .messages = draw_up_to(d, INT64_MAX),
                                   .bytes = draw_up_to(d, INT64_MAX),
                                   .noselect = draw_bool(d),
                                   .sets = draw_bool(d),
                                   .was_inbox = draw_bool(d),
                               };
    r.unseen = draw_up_to(d, r.messages);
    r.name = draw_span(d, LIMIT_MAILBOX_NAME);
    if (r.name.n == 0)
        r.name = SPAN("x");
    mailbox_record_pack(b, &r);
    must(mailbox_record_unpack(buf_span(b), &out) == 0);
    must(span_eq(out.name, r.name) && out.use == r.use && out.subscribed == r.subscribed);
    must(out.uidvalidity == r.uidvalidity && out.uidnext == r.uidnext);
    must(out.highest_modseq == r.highest_modseq && out.created_modseq == r.created_modseq);
    must(out.messages == r.messages && out.unseen == r.unseen && out.bytes == r.bytes);
    must(out.noselect == r.noselect && out.sets == r.sets && out.was_inbox == r.was_inbox);
    draw_damage(d, b);
    mailbox_record_round_trip(buf_span(b));
}

static void draw_entry(struct draw *d, struct buf *b)
{
    struct entry_record out, r = {
                                 .flags = draw_u8(d) & FLAGS_ALL,
                                 .modseq = draw_u64(d),
                                 .message = {draw_up_to(d, UINT64_MAX - 1) + 1},
                                 .uidl = draw_up_to(d, UINT64_MAX - 1) + 1,
                                 .size = draw_up_to(d, INT64_MAX),
                                 .received_ms = draw_i64(d),
                                 .saved_ms = draw_i64(d),
                             };
    r.created_modseq = draw_up_to(d, r.modseq);
    r.keywords = draw_keywords(d);
    entry_record_pack(b, &r);
    must(b->n <
         100 + 2 * r.keywords.n); /* mailbox/records.h promises so: views of a million of them */
    must(entry_record_unpack(buf_span(b), &out) == 0);
    must(out.flags == r.flags && out.modseq == r.modseq && out.message.v == r.message.v);
    must(out.created_modseq == r.created_modseq && out.uidl == r.uidl && out.size == r.size);
    must(out.received_ms == r.received_ms && out.saved_ms == r.saved_ms);
    must(same_keywords(&out.keywords, &r.keywords));
    draw_damage(d, b);
    entry_record_round_trip(buf_span(b));
}

static void draw_message(struct draw *d, struct buf *b)
{
    struct message_record out, r = {.size = draw_up_to(d, INT64_MAX), .received_ms = draw_i64(d)};
    for (size_t i = 0; i < sizeof r.blob.b; i++)
        r.blob.b[i] = draw_u8(d);
    for (size_t i = 0; i < sizeof r.digest; i++)
        r.digest[i] = draw_u8(d);
    r.envelope_from = draw_span(d, 300);
    message_record_pack(b, &r);
    must(message_record_unpack(buf_span(b), &out) == 0);
    must(memcmp(out.blob.b, r.blob.b, sizeof r.blob.b) == 0 && out.size == r.size);
    must(memcmp(out.digest, r.digest, sizeof r.digest) == 0 && out.received_ms == r.received_ms);
    must(span_eq(out.envelope_from, r.envelope_from));
    draw_damage(d, b);
    message_record_round_trip(buf_span(b));
}

static void draw_expunged(struct draw *d, struct buf *b)
{
    struct expunged_record out, r = {
                                    .flags = draw_u8(d) & FLAGS_ALL,
                                    .uidl = draw_up_to(d, UINT64_MAX - 1) + 1,
                                    .size = draw_up_to(d, INT64_MAX),
                                    .received_ms = draw_i64(d),
                                    .expunged_ms = draw_i64(d),
                                    .until_ms = (int64_t)draw_up_to(d, INT64_MAX),
                                    .restorable = draw_bool(d),
                                };
    r.keywords = draw_keywords(d);
    expunged_record_pack(b, &r);
    must(expunged_record_unpack(buf_span(b), &out) == 0);
    must(out.flags == r.flags && out.uidl == r.uidl && out.size == r.size);
    must(out.received_ms == r.received_ms && out.expunged_ms == r.expunged_ms);
    must(out.until_ms == r.until_ms && out.restorable == r.restorable);
    must(same_keywords(&out.keywords, &r.keywords));
    draw_damage(d, b);
    expunged_record_round_trip(buf_span(b));
}

/* Runs and single numbers, as many as come. */
static void draw_set(struct draw *d, struct buf *b)
{
    struct set_chunk c = {{0}}, back;
    size_t at = 0, n = 0;
    struct numset set;
    while (d->rest.n > 0 && at < SET_CHUNK) {
        at += draw_below(d, 256);
        for (size_t run = 1 + draw_below(d, 256); run > 0 && at < SET_CHUNK; run--, at++, n++)
            c.w[at / 64] |= UINT64_C(1) << at % 64;
    }
    set_chunk_pack(b, &c);
    int err = set_chunk_unpack(buf_span(b), &back);
    must(err == (n == 0 ? ERR_CORRUPT : 0)); /* an empty one is never written */
    must(n == 0 || memcmp(&c, &back, sizeof c) == 0);
    must(set_chunk_is_empty(&c) == (n == 0));
    numset_init(&set);
    set_chunk_add(&set, (uint32_t)draw_up_to(d, UINT32_MAX >> SET_CHUNK_BITS), &c);
    must(numset_count(&set) == n);
    numset_done(&set);
    draw_damage(d, b);
    set_round_trip(buf_span(b));
}

static struct mail_place draw_place(struct draw *d)
{
    return (struct mail_place){{draw_u64(d)}, {draw_u32(d)}, {draw_u32(d)}};
}

static int order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* Scans rely on it: the bytes sort as the tuples do. */
static void draw_keys(struct draw *d)
{
    struct mail_place p = draw_place(d), q = draw_place(d), back;
    struct modseq m = {draw_u64(d)}, n = {draw_u64(d)}, seen;
    struct mail_key a = mail_key_change(m, p), b = mail_key_change(n, q);
    int want = order(m.v, n.v);
    want = want != 0 ? want : order(p.mailbox.v, q.mailbox.v);
    want = want != 0 ? want : order(p.uid.v, q.uid.v);
    int got = span_cmp(mail_key_span(&a), mail_key_span(&b));
    must((got < 0) == (want < 0) && (got > 0) == (want > 0));
    must(mail_key_read_modseq(mail_key_span(&a), TABLE_CHANGE, &seen, &back) == 0);
    must(seen.v == m.v && back.mailbox.v == p.mailbox.v && back.uid.v == p.uid.v);
    a = mail_key_expunged(p);
    must(mail_key_read_place(mail_key_span(&a), TABLE_EXPUNGED, &back) == 0);
    must(back.message.v == p.message.v && back.uid.v == p.uid.v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct draw d = draw_of(data, size);
    struct buf b;
    uint8_t table = 0;
    keys(in);
    name_key(in);
    (void)span_take_byte(&in, &table);
    (void)draw_u8(&d);
    buf_init(&b, LIMIT_STORE_VALUE);
    switch (table) {
    case TABLE_ACCOUNT:
        account_record_round_trip(in);
        draw_account(&d, &b);
        break;
    case TABLE_MAILBOX:
        mailbox_record_round_trip(in);
        draw_mailbox(&d, &b);
        break;
    case TABLE_ENTRY:
        entry_record_round_trip(in);
        draw_entry(&d, &b);
        break;
    case TABLE_MESSAGE:
        message_record_round_trip(in);
        draw_message(&d, &b);
        break;
    case TABLE_EXPUNGED:
        expunged_record_round_trip(in);
        draw_expunged(&d, &b);
        break;
    case TABLE_SET:
        set_round_trip(in);
        draw_set(&d, &b);
        break;
    default:
        reference_round_trip(in);
        annotation_round_trip(in);
        urlkey_round_trip(in);
        grant_round_trip(in);
        draw_keys(&d);
        break;
    }
    buf_done(&b);
    return 0;
}
