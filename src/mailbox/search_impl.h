/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: what the files of the search share. */
#ifndef MAILBOX_SEARCH_IMPL_H
#define MAILBOX_SEARCH_IMPL_H

#include "mailbox/envelope.h"
#include "mailbox/search.h"

/* What is known of a key for one message. */
enum search_value { VALUE_UNKNOWN, VALUE_NO, VALUE_YES };

/* What has to be read for a leaf, in the order of its cost. */
enum search_level { LEVEL_SET, LEVEL_ENTRY, LEVEL_ENVELOPE, LEVEL_HEADER, LEVEL_BODY, LEVELS };

struct search_leaf {
    struct search_key *key;
    enum search_level level;
    struct numset set; /* LEVEL_SET: where it is true */
    enum search_value value;
};

/* A body that is being read, maybe over several slices. */
struct search_scan {
    struct match *match; /* NULL: none is */
    struct blob_reader *reader;
    uint64_t at;
    struct mail_uid uid;
    struct match_needle *needles; /* in `one`, as are those below */
    struct search_leaf **of_needle;
    size_t needles_n;
};

struct mailbox_search {
    struct mail *mail;
    account_id account;
    struct mailbox_id mailbox;
    struct search_key *program;
    struct numset uids;
    uint64_t enough;
    bool newest;

    struct search_leaf *leaves;
    size_t leaves_n;
    bool level[LEVELS]; /* there are leaves of it */

    struct numset found, unsearched,
        pending;  /* pending: of unsearched, to be read further than their entries */
    size_t chunk; /* how many of unsearched are looked at together */
    int64_t work; /* left in this slice */
    int (*stop)(void *);
    void *stop_arg;

    struct search_scan scan;
    struct arena *keys;  /* leaves and casemapped texts */
    struct arena *items; /* one batch of entries */
    struct arena *one;   /* what one message is read with */
    struct buf header, scratch, text;
};

/* ---- search_eval.c ----------------------------------------------------------------------- */

enum search_level search_level_of(const struct search_key *key);
/* The text of a field that the envelope has whole, by the field's name; NULL: none of these. */
const struct span *search_envelope_text(const struct message_envelope *e, struct span name);
/* Which messages the program is true for, and which it may be true for, by the sets alone. Both are initialised
 * and replaced. */
int search_bounds(struct mailbox_search *s, struct numset *yes, struct numset *maybe) MUST_CHECK;
/* The program's value by what is known of its leaves. */
enum search_value search_eval(const struct mailbox_search *s, const struct search_key *key);
/* Calls fn for each leaf of that level that is unknown and that the program's value still depends on. */
void search_open_leaves(struct mailbox_search *s,
                        const struct search_key *key,
                        enum search_level level,
                        void (*fn)(void *arg, struct search_leaf *leaf),
                        void *arg);

/* ---- search_text.c ----------------------------------------------------------------------- */

/* Sets the values of the leaves of these levels for a message. */
void search_read_sets(struct mailbox_search *s, struct mail_uid uid);
void search_read_entry(struct mailbox_search *s, const struct mail_item *item);
int search_read_envelope(struct mailbox_search *s, const struct mail_item *item) MUST_CHECK;
int search_read_header(struct mailbox_search *s, const struct mail_item *item) MUST_CHECK;
/* 1: the slice is over before the body is; search_body_more goes on with it, and says the same. */
int search_read_body(struct mailbox_search *s, const struct mail_item *item) MUST_CHECK;
int search_body_more(struct mailbox_search *s) MUST_CHECK;
void search_body_done(struct mailbox_search *s);

#endif
