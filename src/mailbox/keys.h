/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/* The keys of an account's partition: the one table of what is where.
 *
 * A key is a table number and a tuple (base/pack.h: big-endian, so byte order is tuple order).
 *
 *   table         key after the number       value (mailbox/records.h)
 *   ACCOUNT       -                          account record: counters, next ids
 *   MAILBOX       mailbox                    mailbox record: name, counters
 *   NAME          name                       mailbox id
 *   ENTRY         mailbox, uid               entry record: one message in one mailbox
 *   MESSAGE       message                    message record: blob, size, digest (immutable)
 *   WHERE         message, mailbox, uid      reference record: the ways from a message to its entries
 *   CHANGE        modseq, mailbox, uid       reference record: exactly one row for each entry, at the entry's
 *                                            mod-sequence: what was added or changed since X
 *   TOMBSTONE     modseq, mailbox, uid       reference record: an entry that went at that mod-sequence
 *   DUE           until, message, mailbox, uid   reference record: expunged messages by the time they go
 *   EXPUNGED      message, mailbox, uid      expunged record
 *   SET           mailbox, set, chunk        which UIDs are in it (mailbox/sets.h)
 *   SUMMARY       message                    what was derived from its body
 *   KEYWORD       keyword                    its name; ids are given in order, never again
 *   SUBSCRIPTION  name                       reference record, always 1: subscribed to without a mailbox
 *   ANNOTATION    mailbox, user, name        annotation record; mailbox 0: of the account; user 0: shared
 *   URLKEY        mailbox                    what its URLs are signed with (mailbox/urlkey.h)
 *   GRANT         mailbox, user              grant record: what somebody else may do; user 0: anyone
 *   GRANTEE       user, mailbox              reference record, always 1: there is such an entry
 *
 * "what changed since X" is a scan of CHANGE and of TOMBSTONE from X + 1 on. CHANGE is an index,
 * not a growing log: a changed entry moves its row, so its size is that of the mailboxes. TOMBSTONE
 * is bounded (LIMIT_MAIL_TOMBSTONES, oldest go first); account_record.changes_from says from where on it
 * is complete.
 */
/* clang-format on */
#ifndef MAILBOX_KEYS_H
#define MAILBOX_KEYS_H

#include "base/buf.h"
#include "mailbox/mailbox.h"

enum mail_table { /* first byte of a key, written to disk: never renumber */
                  TABLE_ACCOUNT = 1,
                  TABLE_MAILBOX = 2,
                  TABLE_NAME = 3,
                  TABLE_ENTRY = 4,
                  TABLE_MESSAGE = 5,
                  TABLE_WHERE = 6,
                  TABLE_CHANGE = 7,
                  TABLE_TOMBSTONE = 8,
                  TABLE_DUE = 9,
                  TABLE_EXPUNGED = 10,
                  TABLE_SET = 11,
                  TABLE_SUMMARY = 12,
                  TABLE_KEYWORD = 13,
                  TABLE_SUBSCRIPTION = 14,
                  TABLE_ANNOTATION = 15,
                  TABLE_URLKEY = 16,
                  TABLE_GRANT = 17,
                  TABLE_GRANTEE = 18,
};

enum {
    KEY_MAX = 1 + 8 + 8 + 4 + 4,
    INBOX_ID = USE_INBOX, /* special mailboxes are made first, with their use as id */
};

/* A key by value; names have keys of their own, see mail_key_name. */
struct mail_key {
    size_t n;
    char b[KEY_MAX];
};

/* One message at one place: what the tuples above are made of. */
struct mail_place {
    struct message_id message;
    struct mailbox_id mailbox;
    struct mail_uid uid;
};

struct span mail_key_span(const struct mail_key *k);

struct mail_key
mail_key_table(enum mail_table table); /* the prefix of all its rows; ACCOUNT's only row */
struct mail_key mail_key_mailbox(struct mailbox_id mailbox);
struct mail_key mail_key_entries(struct mailbox_id mailbox); /* prefix */
struct mail_key mail_key_entry(struct mailbox_id mailbox, struct mail_uid uid);
struct mail_key mail_key_message(struct message_id message);
struct mail_key mail_key_wheres(struct message_id message); /* prefix */
struct mail_key mail_key_where(struct mail_place at);
struct mail_key mail_key_change(struct modseq modseq, struct mail_place at);
struct mail_key mail_key_tombstone(struct modseq modseq, struct mail_place at);
struct mail_key mail_key_due(int64_t until_ms, struct mail_place at);
struct mail_key mail_key_expungeds(struct message_id message); /* prefix */
struct mail_key mail_key_expunged(struct mail_place at);
struct mail_key mail_key_mailbox_sets(struct mailbox_id mailbox);         /* prefix */
struct mail_key mail_key_chunks(struct mailbox_id mailbox, uint32_t set); /* prefix */
struct mail_key mail_key_chunk(struct mailbox_id mailbox, uint32_t set, uint32_t chunk);
struct mail_key mail_key_summary(struct message_id message);
struct mail_key mail_key_keyword(uint32_t id);
struct mail_key mail_key_urlkey(struct mailbox_id mailbox);
struct mail_key mail_key_grants(struct mailbox_id mailbox); /* prefix */
struct mail_key mail_key_grant(struct mailbox_id mailbox, account_id user);
struct mail_key mail_key_grantees(account_id user); /* prefix */
struct mail_key mail_key_grantee(account_id user, struct mailbox_id mailbox);
/* Into `to` (cleared first). */
void mail_key_name(struct buf *to, struct span name);
void mail_key_subscription(struct buf *to, struct span name);
void mail_key_annotation(struct buf *to,
                         struct mailbox_id mailbox,
                         account_id user,
                         struct span name);
struct mail_key mail_key_mailbox_annotations(struct mailbox_id mailbox);          /* prefix */
struct mail_key mail_key_annotations(struct mailbox_id mailbox, account_id user); /* prefix */

/* Readers of keys found by a scan: ERR_CORRUPT when they are no key of that table. */
int mail_key_read_mailbox(struct span key, struct mailbox_id *out) MUST_CHECK;
/* NAME and SUBSCRIPTION. */
int mail_key_read_name(struct span key, enum mail_table table, struct buf *name) MUST_CHECK;
int mail_key_read_entry(struct span key,
                        struct mailbox_id *mailbox,
                        struct mail_uid *uid) MUST_CHECK;
int mail_key_read_message(struct span key, struct message_id *out) MUST_CHECK;
/* WHERE and EXPUNGED. */
int mail_key_read_place(struct span key, enum mail_table table, struct mail_place *out) MUST_CHECK;
/* CHANGE and TOMBSTONE; the message is in the value. */
int mail_key_read_modseq(struct span key,
                         enum mail_table table,
                         struct modseq *modseq,
                         struct mail_place *out) MUST_CHECK;
int mail_key_read_chunk(struct span key, struct mailbox_id *mailbox, uint32_t *set, uint32_t *chunk)
    MUST_CHECK;
int mail_key_read_keyword(struct span key, uint32_t *id) MUST_CHECK;
int mail_key_read_annotation(struct span key,
                             struct mailbox_id *mailbox,
                             account_id *user,
                             struct buf *name) MUST_CHECK;
int mail_key_read_urlkey(struct span key, struct mailbox_id *out) MUST_CHECK;
int mail_key_read_grant(struct span key, struct mailbox_id *mailbox, account_id *user) MUST_CHECK;
int mail_key_read_grantee(struct span key, account_id *user, struct mailbox_id *mailbox) MUST_CHECK;
int mail_key_read_summary(struct span key, struct message_id *out) MUST_CHECK;
int mail_key_read_due(struct span key, int64_t *until_ms, struct mail_place *out) MUST_CHECK;

#endif
