/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in an order: SORT of IMAP (RFC 5256, 5957), Email/query of JMAP.
 *
 * The keys of each message are made from its envelope once and compared as bytes: texts are decoded and mapped with
 * message/casemap.h (i;unicode-casemap). Messages that compare equal stay in the order of their UIDs, also under
 * `reverse`. Work goes on in slices as in mailbox/search.h; a message that cannot be read has empty texts, and one that
 * has gone is left out.
 *
 * Memory: about 40 bytes and its texts for each message, at most LIMIT_SORT_MEMORY (ERR_LIMIT), and for all that
 * run at once LIMIT_SORT_MEMORY_ALL (ERR_OVERLOAD). Not thread-safe. Blocks on the store.
 */
#ifndef MAILBOX_SORT_H
#define MAILBOX_SORT_H

#include "mailbox/sync.h"

enum sort_by {
    SORT_ARRIVAL, /* INTERNALDATE */
    SORT_CC,      /* the local part of the first address */
    SORT_DATE,    /* sent; INTERNALDATE where the Date field cannot be read (§2.2) */
    SORT_FROM,
    SORT_SIZE,
    SORT_SUBJECT, /* the base subject */
    SORT_TO,
    SORT_DISPLAYFROM, /* RFC 5957: the first one's name, else its address */
    SORT_DISPLAYTO,
};
struct sort_criterion {
    enum sort_by by;
    bool reverse;
};

/* ---- sorting ----------------------------------------------------------------------------- */

union sort_value {
    int64_t number;   /* ARRIVAL, DATE, SIZE */
    struct span text; /* the others: a key */
};
struct sort_record {
    uint32_t uid;
    union sort_value *v; /* one for each criterion */
};
struct sort_order {
    const struct sort_criterion *criteria;
    size_t n;
};
/* Which of two struct sort_record comes first, for qsort_r and its kin; `order` is a struct sort_order. A pure function. */
int sort_compare(const void *a, const void *b, void *order);

/* ---- of a mailbox ------------------------------------------------------------------------ */

struct mailbox_sort;

/* `uids` is copied. At most LIMIT_SORT_KEYS criteria (ERR_LIMIT). */
int mailbox_sort_open(struct mail *m,
                      account_id id,
                      struct mailbox_id mailbox,
                      const struct numset *uids,
                      const struct sort_criterion *criteria,
                      size_t criteria_n,
                      struct mailbox_sort **out) MUST_CHECK;
/* A slice: 1 there is more to do, 0 done. */
int mailbox_sort_run(struct mailbox_sort *s, int (*stop)(void *arg), void *arg) MUST_CHECK;
/* In order, when it is done; the sort's. */
const struct sort_record *mailbox_sort_result(const struct mailbox_sort *s, size_t *n_out);
void mailbox_sort_close(struct mailbox_sort *s); /* NULL is fine */

#endif
