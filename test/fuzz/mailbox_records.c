/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders of an account's rows. What they accept must come out of the encoder and be accepted
 * again with the same meaning; keys must be the bytes they were read from. The first byte chooses
 * the table. */
#include "fuzz.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/keys.h"
#include "mailbox/records.h"
#include "mailbox/sets.h"

#define ROUND_TRIP(type)                                                                           \
    do {                                                                                           \
        struct type a, b;                                                                          \
        if (type##_unpack(in, &a) != 0)                                                            \
            break;                                                                                 \
        type##_pack(&first, &a);                                                                   \
        must(first.err == 0 && type##_unpack(buf_span(&first), &b) == 0);                          \
        type##_pack(&second, &b);                                                                  \
        must(span_eq(buf_span(&first), buf_span(&second)));                                        \
    } while (0)

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
    if (mail_key_read_modseq(in, TABLE_TOMBSTONE, &modseq, &at) == 0) {
        k = mail_key_tombstone(modseq, at);
        must(span_eq(in, mail_key_span(&k)));
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
    if (mail_key_read_due(in, &until, &at) == 0 && until >= 0) {
        k = mail_key_due(until, at);
        must(span_eq(in, mail_key_span(&k)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct buf first, second;
    uint8_t table = 0;
    keys(in);
    (void)span_take_byte(&in, &table);
    buf_init(&first, LIMIT_STORE_VALUE);
    buf_init(&second, LIMIT_STORE_VALUE);
    switch (table) {
    case TABLE_ACCOUNT: ROUND_TRIP(account_record); break;
    case TABLE_MAILBOX: ROUND_TRIP(mailbox_record); break;
    case TABLE_ENTRY: ROUND_TRIP(entry_record); break;
    case TABLE_MESSAGE: ROUND_TRIP(message_record); break;
    case TABLE_EXPUNGED: ROUND_TRIP(expunged_record); break;
    case TABLE_SET: {
        struct set_chunk a, b;
        if (set_chunk_unpack(in, &a) != 0)
            break;
        set_chunk_pack(&first, &a);
        must(first.err == 0 && set_chunk_unpack(buf_span(&first), &b) == 0);
        must(memcmp(&a, &b, sizeof a) == 0 && first.n <= 2 + SET_CHUNK / 8);
        break;
    }
    case TABLE_NAME:
        if (mail_key_read_name(span_of(data, size), TABLE_NAME, &first) != 0)
            break;
        mail_key_name(&second, buf_span(&first));
        must(second.err == 0 && span_eq(buf_span(&second), span_of(data, size)));
        break;
    default: break;
    }
    buf_done(&first);
    buf_done(&second);
    return 0;
}
