/* SPDX-License-Identifier: Apache-2.0 */
/* What every transaction on an account is made of. The counters are changed here, beside the rows
 * they count, and nowhere else: that is why they cannot drift.
 *
 *   edit_open -> edit_mailbox, edit_entry_add / _flags / _remove … -> edit_mailbox_put ->
 * edit_close
 *
 * Private to the room. */
#ifndef MAILBOX_EDIT_H
#define MAILBOX_EDIT_H

#include "mailbox/keys.h"
#include "mailbox/records.h"

/* A chunk of a set that this transaction has in its hands (mailbox/sets.h). */
struct set_slot {
    struct mailbox_id mailbox;
    uint32_t set, chunk;
    bool used, dirty;
    uint64_t bits[64];
};

enum { EXPUNGE_BATCH = 1000 }; /* messages that one transaction expunges at most */

struct edit {
    struct mail *mail;
    struct store_txn *t;
    struct account_record account;
    struct buf scratch; /* the record being written */
    int err;            /* sticky: a record could not be written */
    struct set_slot slot[8];
    unsigned slot_next;
};

/* Reads the account. ERR_NO_USER. Must be followed by edit_close, also after an error. */
int edit_open(struct edit *e, struct mail *m, struct store_txn *t) MUST_CHECK;
/* Writes the account when `err` is 0 and frees; returns what the transaction shall return. */
int edit_close(struct edit *e, int err) MUST_CHECK;
/* As edit_close for a transaction that changed nothing: the account is not written. */
int edit_drop(struct edit *e, int err) MUST_CHECK;

/* The next mod-sequence of the account; one a transaction is enough. */
struct modseq edit_modseq(struct edit *e);

/* A UIDL number nobody had. */
uint64_t edit_uidl(struct edit *e);

/* ERR_NOT_FOUND (also when it is only a level in names), ERR_CORRUPT. A mailbox of an older program gets its sets
 * now; the caller writes it back. */
int edit_mailbox(struct edit *e, struct mailbox_id id, struct mailbox_record *out) MUST_CHECK;
/* The record alone, whatever it is. */
int edit_mailbox_record(struct edit *e,
                        struct mailbox_id id,
                        struct mailbox_record *out) MUST_CHECK;
void edit_mailbox_put(struct edit *e, struct mailbox_id id, const struct mailbox_record *r);
int edit_entry(struct edit *e,
               struct mailbox_id mailbox,
               struct mail_uid uid,
               struct entry_record *out) MUST_CHECK;

/* Puts a message into a mailbox as its next UID: entry, where, change, counters of the mailbox and
 * quota. entry->modseq, created_modseq and saved_ms are set here. ERR_LIMIT: the mailbox has no
 * UIDs left. */
int edit_entry_add(struct edit *e,
                   struct mailbox_id mailbox,
                   struct mailbox_record *box,
                   struct modseq modseq,
                   struct entry_record *entry,
                   struct mail_uid *uid_out) MUST_CHECK;
/* Gives an entry new flags and keywords: entry, change, sets, unseen counter. */
int edit_entry_flags(struct edit *e,
                     struct mail_place at,
                     struct mailbox_record *box,
                     struct modseq modseq,
                     struct entry_record *entry,
                     uint32_t flags,
                     const struct keyword_ids *keywords) MUST_CHECK;
/* Takes it out again: entry, where, change, counters; leaves a tombstone. ERR_CORRUPT: the counters
 * are lower than what they count. */
int edit_entry_remove(struct edit *e,
                      struct mail_place at,
                      struct mailbox_record *box,
                      struct modseq modseq,
                      const struct entry_record *entry) MUST_CHECK;
/* The same, and keeps it readable, or restorable for keep_ms (mailbox_expunge). */
int edit_expunge(struct edit *e,
                 struct mail_place at,
                 struct mailbox_record *box,
                 struct modseq modseq,
                 const struct entry_record *entry,
                 int64_t keep_ms) MUST_CHECK;
/* All messages of a mailbox that has at most EXPUNGE_BATCH of them. ERR_CORRUPT: one cannot be read, or they are not
 * as many as the mailbox counts. */
int edit_expunge_all(struct edit *e,
                     struct mailbox_id mailbox,
                     struct mailbox_record *box,
                     int64_t keep_ms) MUST_CHECK;
/* A new message; reads and writes its mailbox's record. */
int edit_append(struct edit *e,
                const struct mail_append *in,
                struct modseq modseq,
                struct mail_appended *out) MUST_CHECK;
/* Drops the oldest tombstones beyond the limit, at most `max` of them. */
int edit_tombstones_trim(struct edit *e, size_t max) MUST_CHECK;

/* Writes one row; the record in e->scratch. */
void edit_put_scratch(struct edit *e, const struct mail_key *key);
void edit_put_reference(struct edit *e, const struct mail_key *key, uint64_t id);
void edit_del(struct edit *e, const struct mail_key *key);

/* Takes n off a counter; ERR_CORRUPT if it is less. */
int counter_take(uint64_t *counter, uint64_t n) MUST_CHECK;

/* ---- reading outside of transactions ----------------------------------------------------- */

/* A snapshot with the account record, and the memory its spans live in. */
struct look {
    struct store_snap *snap;
    struct arena *arena;
    struct account_record account;
};
/* ERR_NO_USER. Only a successful one must be closed. */
int look_open(struct mail *m, account_id id, struct look *out) MUST_CHECK;
/* The same without the account record, which is there if any other row is: for those who look for one of these, and say
 * what look_missing says when it is ERR_NOT_FOUND. */
int look_open_bare(struct mail *m, account_id id, struct look *out) MUST_CHECK;
/* ERR_NO_USER; ERR_NOT_FOUND: the account is there, and only the row is not. */
int look_missing(struct look *l) MUST_CHECK;
void look_close(struct look *l);
int look_get(struct look *l, const struct mail_key *key, struct span *out) MUST_CHECK;

/* What others see of a mailbox; its name is copied. ERR_CORRUPT. */
int mailbox_of_record(struct mailbox_id id, struct span value, struct arena *a, struct mailbox *out)
    MUST_CHECK;

/* The next row of a scan, passing over damaged ones (counted): 1, 0 at the end, or another error. A
 * store that answers damage without end is not followed for ever. */
int rows_next(struct store_iter *it, struct span *key, struct span *value, size_t *damaged)
    MUST_CHECK;

static inline struct part part_of(account_id id)
{
    return (struct part){PART_ACCOUNT, id};
}

#endif
