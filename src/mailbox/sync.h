/* SPDX-License-Identifier: Apache-2.0 */
/* A mailbox as sessions see it that stay and follow it: IMAP, JMAP.
 *
 * Where POP3 copies the list of a mailbox (mailbox_view_load), these sessions keep the set of its UIDs
 * and a mod-sequence (a few hundred bytes for a million messages), read entries when they are asked for
 * them, and catch up with `mailbox_changes`, which costs what has changed. Nothing here is kept open between
 * two calls. Errors, blocking and threads as in mailbox/mailbox.h.
 */
#ifndef MAILBOX_SYNC_H
#define MAILBOX_SYNC_H

#include "base/limits.h"
#include "base/numset.h"
#include "mailbox/mailbox.h"

/* The sets of UIDs a mailbox keeps: written to disk, never renumber. */
enum mail_set {
    SET_ALL = 0,
    SET_UNSEEN = 1,
    SET_ANSWERED = 2,
    SET_FLAGGED = 3,
    SET_DELETED = 4,
    SET_DRAFT = 5,
    SET_KEYWORD = 16, /* and the id of the keyword */
};

/* The ids of the keywords of one message, ascending. */
struct keyword_ids {
    uint32_t n;
    uint16_t v[LIMIT_MESSAGE_KEYWORDS];
};

/* What a session remembers of the mailbox it follows. */
struct mail_head {
    struct mailbox_id mailbox;
    uint32_t uidvalidity, uidnext;
    struct modseq modseq; /* HIGHESTMODSEQ: its latest change */
    uint64_t messages, unseen;
};
int mailbox_head(struct mail *m, account_id id, struct mailbox_id mailbox, struct mail_head *out)
    MUST_CHECK;
/* The head and, of the same moment, which UIDs are there. `uids` is initialised; it is replaced. */
int mailbox_uids(struct mail *m,
                 account_id id,
                 struct mailbox_id mailbox,
                 struct mail_head *head_out,
                 struct numset *uids) MUST_CHECK;
/* One set (enum mail_set) as it is now; replaced. ERR_NOT_FOUND: no such mailbox. */
int mailbox_set(struct mail *m,
                account_id id,
                struct mailbox_id mailbox,
                uint32_t set,
                struct numset *uids) MUST_CHECK;

/* One message in a mailbox. */
struct mail_item {
    struct mail_uid uid;
    uint32_t flags;
    struct keyword_ids keywords;
    struct modseq modseq, created_modseq;
    struct message_id message;
    uint64_t size;
    int64_t received_ms, saved_ms;
    struct span summary; /* when asked for and there; in the arena */
};
struct mail_range {
    struct mailbox_id mailbox;
    const struct numset *uids;
    uint32_t from; /* the lowest UID wanted */
    size_t max;    /* entries in one call */
    bool summaries;
    size_t bytes; /* of summaries: those behind so many wait for the next call; 0: none does */
    size_t *damaged_out; /* raised by those that are there but cannot be read; may be NULL */
};
/* Those of the range that are there, ascending, all of one moment; in the arena. `next_out`: the `from` to go
 * on with, 0 when none of the set is left. Damaged entries are left out: see damaged_out. */
int mailbox_items(struct mail *m,
                  account_id id,
                  const struct mail_range *in,
                  struct arena *a,
                  struct mail_item **out,
                  size_t *n_out,
                  uint32_t *next_out) MUST_CHECK;

/* What has happened in a mailbox after `since`: UIDs that came or changed, and UIDs that went. Both sets
 * are added to. A UID that came and went since is in neither or in `gone`. The head is of the same moment.
 * `complete_out` is false when the list of expunges does not reach back to `since`: then `gone` is too
 * small, and the session compares its UIDs with mailbox_uids (RFC 7162 §3.2.5.2). */
int mailbox_changes(struct mail *m,
                    account_id id,
                    struct mailbox_id mailbox,
                    struct modseq since,
                    struct mail_head *head_out,
                    struct numset *changed,
                    struct numset *gone,
                    bool *complete_out) MUST_CHECK;

/* ---- keywords ---------------------------------------------------------------------------- */

/* All keywords that were ever used in the account, by id; in the arena. */
int mailbox_keywords(
    struct mail *m, account_id id, struct arena *a, struct span **out, size_t *n_out) MUST_CHECK;
/* An atom of RFC 9051 §9, without what has a meaning in lists and searches, and not too long. */
bool mailbox_keyword_is_name(struct span name);
enum mail_keyword_add { /* to the list, which only grows */
                        KEYWORD_FIND = false,
                        KEYWORD_ADD = true,
                        KEYWORD_ADD_GUEST, /* for somebody else: half of the list is the owner's */
};
/* The id of a keyword, which is an atom of RFC 9051 §9, compared without case. ERR_NOT_FOUND (of those that are only to
 * be found), ERR_INVALID (no atom, too long), ERR_LIMIT (the list is full). */
int mailbox_keyword(struct mail *m,
                    account_id id,
                    struct span name,
                    enum mail_keyword_add add,
                    uint32_t *id_out) MUST_CHECK;

/* ---- changing many ----------------------------------------------------------------------- */

/* The mod-sequences that changes were given, each by one of `n` transactions; others may lie between. */
struct mail_stored {
    struct modseq first, last;
    struct modseq before; /* HIGHESTMODSEQ of the mailbox until the first of them */
    uint64_t n;
};

enum mail_store_op { STORE_REPLACE, STORE_ADD, STORE_REMOVE };
struct mail_store {
    struct mailbox_id mailbox;
    enum mail_store_op op;
    uint32_t flags; /* enum mail_flag */
    struct keyword_ids keywords;
    uint32_t keep_flags; /* these do not change, whatever is asked for: RFC 4314 §4 */
    bool keep_keywords;  /* nor do keywords */
    bool conditional;    /* only those not changed after `unchanged_since`: RFC 7162 §3.1.3 */
    struct modseq unchanged_since;
    /* For a session that tells nobody of its own changes: those that somebody else had changed after `known` are added
     * here, when it is not NULL. */
    struct modseq known;
    struct numset *foreign;
    struct mail_stored *stored; /* set, when it is not NULL; n is 0 when nothing changed */
};
/* Changes the flags of `uids`, a thousand in one transaction. Those that are gone are passed over; one that
 * already has the flags keeps its mod-sequence. `refused` is added to: those changed after unchanged_since.
 * ERR_LIMIT: a message would have more keywords than LIMIT_MESSAGE_KEYWORDS (nothing of that thousand is
 * changed). */
int mailbox_store(struct mail *m,
                  account_id id,
                  const struct mail_store *in,
                  const struct numset *uids,
                  struct numset *refused) MUST_CHECK;

/* mailbox_expunge for a set. */
int mailbox_expunge_set(struct mail *m,
                        account_id id,
                        struct mailbox_id mailbox,
                        const struct numset *uids,
                        int64_t keep_ms) MUST_CHECK;

/* Of these, those that are marked as deleted when they go: who takes the mark away before keeps the message. */
int mailbox_expunge_deleted(struct mail *m,
                            account_id id,
                            struct mailbox_id mailbox,
                            const struct numset *uids,
                            int64_t keep_ms) MUST_CHECK;

/* A message for another one, at once (RFC 8508): the old one is expunged as by mailbox_expunge, and what it took of the
 * quota is free for the new one. ERR_NOT_FOUND: the old one or a mailbox is gone. */
struct mail_replace {
    struct mail_append append;
    struct mailbox_id from;
    struct mail_uid uid;
    int64_t keep_ms;
};
int mailbox_replace(struct mail *m,
                    account_id id,
                    const struct mail_replace *in,
                    struct mail_appended *out) MUST_CHECK;

struct mail_copy {
    struct mailbox_id from, to;
    bool move;            /* the entry keeps its UIDL and counts once */
    uint64_t quota_bytes; /* limits of the account's class for a copy; 0: none */
    uint64_t quota_messages;
    uint32_t drop_flags; /* these do not come along: RFC 4314 §4 */
    bool drop_keywords;  /* nor do these */
    bool guest;          /* who copies is not the owner of `to` */
};
/* Copies or moves within the account. All of them or none (RFC 9051 §6.4.7), at most LIMIT_MAIL_COPY: more is
 * ERR_LIMIT. Those that are gone are passed over. The n-th of `from_out` became the n-th of `to_out` (both
 * replaced); `uidvalidity_out` is the destination's. ERR_NOT_FOUND: no such mailbox. */
int mailbox_copy(struct mail *m,
                 account_id id,
                 const struct mail_copy *in,
                 const struct numset *uids,
                 uint32_t *uidvalidity_out,
                 struct numset *from_out,
                 struct numset *to_out) MUST_CHECK;
/* Copies to a mailbox of another account, whose quota counts it; `move` is not read: who moves expunges what was
 * copied, afterwards, so that it is nowhere missing. A keyword the other account has no room for does not come
 * along. Otherwise as above. */
int mailbox_copy_across(struct mail *m,
                        account_id from,
                        account_id to,
                        const struct mail_copy *in,
                        const struct numset *uids,
                        uint32_t *uidvalidity_out,
                        struct numset *from_out,
                        struct numset *to_out) MUST_CHECK;

#endif
