/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: what contexts.c and contexts_sort.c share. */
#ifndef IMAP_CONTEXTS_H
#define IMAP_CONTEXTS_H

#include "imap/search_task.h"

enum { UPDATE_RUNS = 1000 }; /* ranges, or positions, in one response */

struct imap_context {
    struct imap_context *next;
    struct span tag, correlator; /* in `program` */
    struct span items;           /* to be fetched of new messages; empty: none; in `program`, too */
    bool uid;                    /* numbers are UIDs */
    struct arena *program;
    struct search_key *keys;
    struct numset results; /* as the client knows them; UIDs */

    /* of SORT: the same in their order, malloc'd */
    size_t criteria_n; /* 0: of SEARCH */
    struct sort_criterion criteria[LIMIT_SORT_KEYS];
    uint32_t *order;
    size_t order_n;
};

struct imap_contexts {
    struct imap_context *first;
    size_t n;
    /* telling of changes: */
    struct imap_context *at; /* which; NULL: none */
    bool searched;           /* what it says of the changed ones is known */
    struct mailbox_search *search;
    struct numset remove, add; /* to be told */
    struct mailbox_sort *sort; /* of the results with what is added */
    uint32_t *order;           /* the client's list when all is told; NULL: not known yet */
    size_t order_n, order_at;  /* order_at: so many of it are told */
};

/* "* ESEARCH (TAG "a") UID ADDTO (" */
void context_write_head(struct imap *i, const struct imap_context *c, const char *item);

/* ---- contexts_sort.c --------------------------------------------------------------------- */

/* The order that a SORT has found. ERR_NOMEM. */
int context_order_init(struct imap_context *c, const struct search_task *t) MUST_CHECK;
/* REMOVEFROM of some of these, which leave the set and the order. */
void context_order_remove(struct imap *i, struct imap_context *c, struct numset *uids);
/* ADDTO of all->add, which the results have already: 1 there is more, 0 all is told, or an error. */
int context_order_add(struct imap *i, struct imap_contexts *all) MUST_CHECK;
/* Forgets what context_order_add was in the middle of. */
void context_order_forget(struct imap_contexts *all);

#endif
