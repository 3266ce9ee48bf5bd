/* SPDX-License-Identifier: Apache-2.0 */
/* An account's mail: mailboxes, messages, flags, UIDs, mod-sequences, quota.
 *
 * One account is one partition (PART_ACCOUNT); every function below that changes it is one transaction,
 * so counters and quota are exact by construction: they are changed where the record is, or nowhere.
 * Keys are in mailbox/keys.h, records in mailbox/records.h.
 *
 *   account record   quota used, next ids, the account-wide mod-sequence
 *   mailbox          name, special use, UIDVALIDITY, UIDNEXT, counters
 *   entry            one message in one mailbox: UID, flags, mod-sequence, message id, UIDL number
 *   message          immutable: blob, size, received, digest
 *   change           mod-sequence -> what changed, with tombstones (QRESYNC, JMAP)
 *   expunged         what was removed, restorable or at least readable until its time
 *
 * A view is a copy of the list of a mailbox: it holds no snapshot and no lock, and the messages in it
 * stay readable for mailbox.expunged_keep after somebody removed them. Thread-safe. Blocks on the store.
 *
 * Errors besides the store's: ERR_NO_USER (no such account), ERR_NOT_FOUND (mailbox, message),
 * ERR_EXISTS, ERR_QUOTA, ERR_INVALID (name), ERR_LIMIT.
 */
#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H

#include "base/special_use.h"
#include "store/store.h"

typedef uint64_t account_id;

struct mail_uid {
    uint32_t v;
}; /* in one mailbox; 1.., never reused */
struct keyword_ids;

struct modseq {
    uint64_t v;
}; /* in one account */
struct mailbox_id {
    uint32_t v;
}; /* in one account; never reused */
struct message_id {
    uint64_t v;
}; /* in one account; never reused */

enum mail_flag { /* bits, written to disk */
                 FLAG_SEEN = 1,
                 FLAG_ANSWERED = 2,
                 FLAG_FLAGGED = 4,
                 FLAG_DELETED = 8,
                 FLAG_DRAFT = 16,
                 FLAGS_ALL = 31,
};

struct mail { /* the room's handle */
    struct store *store;
    struct clock *clock;
    struct rng *rng;
    int64_t expunge_grace_ms;
    uint64_t tombstones_max; /* 0: LIMIT_MAIL_TOMBSTONES */
};

/* ---- accounts ---------------------------------------------------------------------------- */

/* Makes the partition with its six special mailboxes; idempotent for the same address, ERR_EXISTS if
 * the id belongs to another. UIDVALIDITY is the time of creation in seconds, and different for each. */
int mailbox_account_create(struct mail *m, account_id id, struct span address) MUST_CHECK;
/* Destroys all of its mail (after the grace time of a removed account). Idempotent. */
int mailbox_account_destroy(struct mail *m, account_id id) MUST_CHECK;

struct mail_quota {
    uint64_t bytes, messages; /* used: all mailboxes, without expunged messages */
    uint64_t restorable_bytes, restorable_messages; /* expunged, not counted against the limit */
};
int mailbox_quota(struct mail *m, account_id id, struct mail_quota *out) MUST_CHECK;

/* ---- mailboxes --------------------------------------------------------------------------- */

struct mailbox {
    struct mailbox_id id;
    struct span name; /* UTF-8, levels separated by '/' */
    enum special_use use;
    uint32_t uidvalidity;
    uint32_t uidnext;
    uint64_t highest_modseq;
    uint64_t messages, unseen, bytes;
    bool subscribed;
    bool noselect;  /* only a level in the names of others */
    bool was_inbox; /* RENAME of INBOX made it */
};
/* By id. */
int mailbox_list(
    struct mail *m, account_id id, struct arena *a, struct mailbox **out, size_t *n_out) MUST_CHECK;
int mailbox_find_use(struct mail *m,
                     account_id id,
                     enum special_use use,
                     struct arena *a,
                     struct mailbox *out) MUST_CHECK;
int mailbox_find_id(struct mail *m,
                    account_id id,
                    struct mailbox_id mailbox,
                    struct arena *a,
                    struct mailbox *out) MUST_CHECK;
int mailbox_find_name(struct mail *m,
                      account_id id,
                      struct span name,
                      struct arena *a,
                      struct mailbox *out) MUST_CHECK;
/* Makes it and the levels above it that are missing (RFC 9051 §6.3.4), subscribed. With a special use (RFC 6154
 * §3) only if no other mailbox has it: ERR_IN_USE. */
int mailbox_create(struct mail *m,
                   account_id id,
                   struct span name,
                   enum special_use use,
                   struct mailbox_id *out) MUST_CHECK;
/* RFC 9051 §6.3.5: its messages are expunged (as mailbox_expunge with keep_ms) and it goes; when others
 * are below it, it stays as a level of their names, and when it is that already: ERR_EXISTS. A subscription to
 * the name stays. INBOX: ERR_DENIED. Mail that arrives meanwhile is expunged too. One transaction for up to 1000
 * messages; with more, after an error or a crash, the mailbox is there with those that are left. */
int mailbox_delete(struct mail *m, account_id id, struct mailbox_id mailbox, int64_t keep_ms)
    MUST_CHECK;
/* RFC 9051 §6.3.6: with all that is below it. Renaming INBOX moves its messages to a new mailbox and leaves
 * it, and what is below it, in place. ERR_NOT_FOUND, ERR_EXISTS (the new name), ERR_INVALID (below itself). */
int mailbox_rename(struct mail *m, account_id id, struct span from, struct span to) MUST_CHECK;
/* To a name, whether there is such a mailbox or not (RFC 9051 §6.3.7). ERR_LIMIT. */
int mailbox_subscribe(struct mail *m, account_id id, struct span name, bool on) MUST_CHECK;
/* Names subscribed to that have no mailbox; in the arena. */
int mailbox_subscriptions(
    struct mail *m, account_id id, struct arena *a, struct span **out, size_t *n_out) MUST_CHECK;

/* ---- adding ------------------------------------------------------------------------------ */

struct mail_append {
    struct mailbox_id mailbox; /* 0: INBOX */
    struct blob_id blob;       /* finished, not yet linked or linked by others */
    struct blob_info info;
    int64_t received_ms;  /* INTERNALDATE */
    uint32_t flags;       /* enum mail_flag */
    uint64_t quota_bytes; /* limits of the account's class; 0: none */
    uint64_t quota_messages;
    struct span envelope_from; /* kept with the message for `mail list` and logs; may be empty */
    const struct keyword_ids *keywords; /* NULL: none (mailbox/sync.h) */
    struct span summary; /* kept beside the message; may be empty: it is derived later then */
};
struct mail_appended {
    struct mailbox_id mailbox;
    struct mail_uid uid;
    struct message_id message;
    struct modseq modseq;
    struct modseq before; /* HIGHESTMODSEQ of the mailbox until then */
};
/* Durable when it returns 0. ERR_QUOTA if it would pass a limit. */
int mailbox_append(struct mail *m,
                   account_id id,
                   const struct mail_append *in,
                   struct mail_appended *out) MUST_CHECK;
/* Several at once, all or none (RFC 3502); `out` has n, in the same order. */
int mailbox_append_many(struct mail *m,
                        account_id id,
                        const struct mail_append *in,
                        size_t n,
                        struct mail_appended *out) MUST_CHECK;
struct mail_summary {
    struct message_id message;
    struct span summary;
};
/* Keeps summaries with messages that have none, in one transaction. Idempotent; messages that are gone are passed
 * over. */
int mailbox_summary_put(struct mail *m, account_id id, const struct mail_summary *v, size_t n)
    MUST_CHECK;

/* ---- reading ----------------------------------------------------------------------------- */

struct mail_entry {
    struct mail_uid uid;
    uint32_t flags;
    struct message_id message;
    uint64_t uidl; /* unique in the account, never reused, kept across move and restore */
    uint64_t size;
    int64_t received_ms;
};
struct mail_view {
    struct mailbox_id mailbox;
    uint32_t uidvalidity, uidnext;
    struct modseq modseq;
    struct mail_entry *v; /* by UID, ascending; malloc'd, mailbox_view_done frees */
    size_t n;
    size_t damaged; /* records that could not be read and are left out */
};
/* At most `max` entries, the lowest UIDs first. */
int mailbox_view_load(struct mail *m,
                      account_id id,
                      struct mailbox_id mailbox,
                      size_t max,
                      struct mail_view *out) MUST_CHECK;
void mailbox_view_done(struct mail_view *v);

struct mail_message {
    struct message_id id;
    struct blob_id blob;
    uint64_t size;
    int64_t received_ms;
    uint8_t digest[32];
    struct span envelope_from; /* in the arena */
};
/* Also of expunged messages until they are purged. ERR_NOT_FOUND, ERR_CORRUPT. */
int mailbox_message_get(struct mail *m,
                        account_id id,
                        struct message_id msg,
                        struct arena *a,
                        struct mail_message *out) MUST_CHECK;
/* Opens the body. */
int mailbox_message_open(struct mail *m,
                         account_id id,
                         struct message_id msg,
                         struct blob_reader **out,
                         struct blob_info *info_out) MUST_CHECK;

/* ---- changing ---------------------------------------------------------------------------- */

/* Removes entries of a mailbox by UID; those that are gone already are no error. restorable until
 * now + keep_ms (mail_restore finds them); in any case readable for the grace time. *removed_out counts.
 * Large sets are done in several transactions of at most 1000 (each atomic). */
int mailbox_expunge(struct mail *m,
                    account_id id,
                    struct mailbox_id mailbox,
                    const struct mail_uid *uids,
                    size_t n,
                    int64_t keep_ms,
                    size_t *removed_out) MUST_CHECK;

struct mail_expunged {
    struct message_id message;
    struct mailbox_id mailbox; /* where it was */
    struct mail_uid uid;       /* it had */
    uint64_t uidl;
    uint64_t size;
    int64_t received_ms, expunged_ms, until_ms;
    bool restorable; /* false: only readable for sessions that knew it */
};
int mailbox_expunged_list(struct mail *m,
                          account_id id,
                          size_t max,
                          struct arena *a,
                          struct mail_expunged **out,
                          size_t *n_out) MUST_CHECK;
/* Puts it back where it was (INBOX if that mailbox is gone), with a new UID, its old UIDL number and its
 * flags without \Deleted. Does not look at quota: nobody loses mail to a full mailbox. */
int mailbox_restore(struct mail *m, account_id id, struct message_id msg, struct mail_appended *out)
    MUST_CHECK;
/* Purges what is past its time; at most `max`. *purged_out < max: nothing is left to do now. */
int mailbox_purge(struct mail *m, account_id id, size_t max, size_t *purged_out) MUST_CHECK;

/* ---- care -------------------------------------------------------------------------------- */

/* Recounts everything of one account and compares with the counters, follows every reference, reads every
 * body when `bodies`. Reports, never aborts, never changes. */
int mailbox_check(struct mail *m,
                  account_id id,
                  bool bodies,
                  void (*report)(void *arg, struct span sentence),
                  void *arg,
                  uint64_t *problems_out) MUST_CHECK;
/* The same for a caller who may stop wanting it: `stop` (may be NULL) is asked before every row,
 * and an error from it ends the check, which returns that. */
int mailbox_check_until(struct mail *m,
                        account_id id,
                        bool bodies,
                        void (*report)(void *arg, struct span sentence),
                        int (*stop)(void *arg),
                        void *arg,
                        uint64_t *problems_out) MUST_CHECK;

#endif
