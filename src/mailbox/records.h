/* SPDX-License-Identifier: Apache-2.0 */
/* The values in an account's partition (keys: mailbox/keys.h). Encoders write to a buf (sticky
 * error), decoders give 0 or ERR_CORRUPT and never trust a record: impossible values are damage
 * too. Spans of a decoded record point into it.
 *
 * Every record begins with its version. A newer version appends fields; a reader of an older version
 * passes over them, and fields that an old record does not have are zero. Version 0 was never written.
 */
#ifndef MAILBOX_RECORDS_H
#define MAILBOX_RECORDS_H

#include "base/buf.h"
#include "mailbox/sync.h"
#include "mailbox/urlkey.h"

/* The hot record: every change of the account writes it. */
struct account_record {
    struct span address;
    int64_t created_ms;
    uint64_t next_message;
    uint64_t next_uidl;
    uint32_t next_mailbox;
    uint32_t
        last_uidvalidity; /* so that a mailbox made again under an old name gets a higher one */
    uint64_t modseq;      /* the highest given */
    uint64_t bytes, messages;
    uint64_t restorable_bytes, restorable_messages;
    uint64_t tombstones;       /* rows of that table */
    uint64_t changes_from;     /* tombstones of mod-sequences up to here have been dropped */
    uint32_t keywords;         /* how many the account's list has; their ids are 0 to one less */
    uint64_t annotation_bytes; /* names and values of all annotations */
    uint64_t grants;           /* rows of that table */
    uint64_t tombstone_modseq; /* no tombstone has a higher one; 0: not known */
};

struct mailbox_record {
    struct span name;
    uint8_t use; /* enum special_use */
    bool subscribed;
    uint32_t uidvalidity;
    uint32_t uidnext;
    uint64_t highest_modseq;
    uint64_t created_modseq;
    uint64_t messages, unseen, bytes;
    bool noselect;  /* only a level in the names of others: RFC 9051 \\Noselect */
    bool sets;      /* its rows in TABLE_SET are there; older programs made none */
    bool was_inbox; /* RENAME of INBOX made it */
};

/* Everything LIST, UIDL, STAT and FETCH FLAGS need, so that a view reads no other table. Under 100
 * bytes (typically 30). */
struct entry_record {
    uint32_t flags;
    uint64_t modseq;         /* of its last change */
    uint64_t created_modseq; /* of its coming: JMAP tells created from updated */
    struct message_id message;
    uint64_t uidl;
    uint64_t size;
    int64_t received_ms;
    int64_t saved_ms; /* when it came into this mailbox: RFC 8514 */
    struct keyword_ids keywords;
};

struct message_record {
    struct blob_id blob;
    uint64_t size;
    int64_t received_ms;
    uint8_t digest[32];
    struct span envelope_from;
};

struct expunged_record {
    uint32_t flags;
    uint64_t uidl;
    uint64_t size;
    int64_t received_ms, expunged_ms, until_ms;
    bool restorable;
    struct keyword_ids keywords;
};

void account_record_pack(struct buf *b, const struct account_record *r);
int account_record_unpack(struct span s, struct account_record *out) MUST_CHECK;
void mailbox_record_pack(struct buf *b, const struct mailbox_record *r);
int mailbox_record_unpack(struct span s, struct mailbox_record *out) MUST_CHECK;
void entry_record_pack(struct buf *b, const struct entry_record *r);
int entry_record_unpack(struct span s, struct entry_record *out) MUST_CHECK;
void message_record_pack(struct buf *b, const struct message_record *r);
int message_record_unpack(struct span s, struct message_record *out) MUST_CHECK;
void expunged_record_pack(struct buf *b, const struct expunged_record *r);
int expunged_record_unpack(struct span s, struct expunged_record *out) MUST_CHECK;
/* The value of an annotation, whose name is in its key; in and out a span of its own. */
void annotation_record_pack(struct buf *b, struct span value);
int annotation_record_unpack(struct span s, struct span *value) MUST_CHECK;
void urlkey_record_pack(struct buf *b, const struct mail_urlkey *r);
int urlkey_record_unpack(struct span s, struct mail_urlkey *out) MUST_CHECK;
/* The user is in its key. */
struct mail_grant;
void grant_record_pack(struct buf *b, const struct mail_grant *r);
int grant_record_unpack(struct span s, struct mail_grant *out) MUST_CHECK;
/* Rows whose key says nearly all: the one number they hold (a message id, a mailbox id). */
void reference_record_pack(struct buf *b, uint64_t id);
int reference_record_unpack(struct span s, uint64_t *out) MUST_CHECK;

#endif
