/* SPDX-License-Identifier: Apache-2.0 */
/* Searching one mailbox: a program, which is a tree of keys, evaluated to a set of UIDs. What SEARCH, SORT and
 * THREAD of IMAP (RFC 9051 §6.4.4) and Email/query of JMAP ask for.
 *
 * Cheap things first. Sets of UIDs (flags, keywords, the caller's sets, mod-sequences) are combined as sets: they
 * say which messages match for certain, and which may. Only of those in between entries are read, for sizes and
 * dates; of what is left then summaries, then header sections, then bodies; and of each message only as far as the
 * program still depends on it.
 *
 * A search is an object that goes on in slices of some 20 ms, so that its caller can do other things, and
 * give up, in between; inside a slice `stop` is asked before anything that takes long. Nothing of the store is held
 * between two slices. Messages that come or change meanwhile may be seen as they were or as they are; such
 * that go do not match.
 *
 * Texts are compared as i;unicode-casemap says (message/casemap.h), decoded (message/match.h): a string matches
 * wherever it is a part of the text, the empty one whatever is there. A message whose body cannot be read (damaged,
 * purged) matches no key that needs it.
 *
 * Memory: the sets, an arena of at most MIME_ARENA bytes, buffers as large as a header section. Not thread-safe.
 * Blocks on the store. Errors as in mailbox/mailbox.h.
 */
#ifndef MAILBOX_SEARCH_H
#define MAILBOX_SEARCH_H

#include "mailbox/sync.h"

enum search_op {
    SEARCH_AND, /* of all children; of none: everything */
    SEARCH_OR,  /* of none: nothing */
    SEARCH_NOT, /* of its one child */
    /* by sets */
    SEARCH_UIDS,   /* `uids` */
    SEARCH_SET,    /* number: enum mail_set */
    SEARCH_MODSEQ, /* number: changed at it or later (RFC 7162 §3.1.5) */
    /* by the entry */
    SEARCH_LARGER, /* number: octets */
    SEARCH_SMALLER,
    SEARCH_RECEIVED, /* INTERNALDATE: from_ms <= it < before_ms */
    SEARCH_SAVED,    /* SAVEDATE (RFC 8514), the same; where it is not known: never */
    SEARCH_MESSAGE,  /* number: message id (EMAILID, RFC 8474) */
    /* by the envelope */
    SEARCH_SENT, /* the Date field on the sender's clock, as if it were UTC; without one: never */
    SEARCH_FROM, /* text in "name <address>" of one of them; present, if the text is empty */
    SEARCH_TO,
    SEARCH_CC,
    SEARCH_BCC,
    SEARCH_SUBJECT,
    /* by the header section */
    SEARCH_HEADER, /* a field `name` that holds `text`; of Message-ID, In-Reply-To and References the first counts,
                    * which the envelope has */
    /* by the whole message */
    SEARCH_BODY,
    SEARCH_TEXT,
};

/* A key. It begins zeroed. Children are linked by `next`. */
struct search_key {
    enum search_op op;
    struct search_key *child, *next;
    struct numset uids;
    uint64_t number;
    int64_t from_ms, before_ms;
    struct span name, text; /* text in UTF-8 */
    /* private to the search */
    struct span key;
    uint32_t leaf;
};
/* Frees the sets in a program, whose keys are in an arena of the caller's. NULL is fine. */
void search_key_done(struct search_key *program);

struct mail_search {
    struct mailbox_id mailbox;
    const struct numset *uids; /* the messages to look among; copied */
    struct search_key
        *program; /* borrowed until the end; at most LIMIT_SEARCH_KEYS, LIMIT_SEARCH_DEPTH */
    /* 0: all that match. Otherwise it is enough to know so many of them, from the lowest UID or (`newest`) from the
     * highest on: then the set is right as far as the first (last) `enough` of it, and more may be missing. */
    uint64_t enough;
    bool newest;
};

struct mailbox_search;

/* Reads the sets. ERR_LIMIT: the program is too large. */
int mailbox_search_open(struct mail *m,
                        account_id id,
                        const struct mail_search *in,
                        struct mailbox_search **out) MUST_CHECK;
/* A slice: 1 there is more to do, 0 done. An error of `stop` (may be NULL) ends it and is returned. */
int mailbox_search_run(struct mailbox_search *s, int (*stop)(void *arg), void *arg) MUST_CHECK;
/* The UIDs found so far; the search's. */
const struct numset *mailbox_search_found(const struct mailbox_search *s);
/* How many of the messages to look among have been decided, for a progress report (RFC 9585). */
void mailbox_search_progress(const struct mailbox_search *s, uint64_t *done_out, uint64_t *all_out);
void mailbox_search_close(struct mailbox_search *s); /* NULL is fine */

#endif
