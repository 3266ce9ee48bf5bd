/* SPDX-License-Identifier: Apache-2.0 */
/* What SEARCH, SORT and THREAD ask for, read from their arguments: return options, charset, and the criteria as a
 * program of mailbox/search.h.
 *
 * Keys: all of RFC 9051 §6.4.4 and RFC 3501 §6.4.4 (nothing is ever \Recent here), MODSEQ (RFC 7162 §3.1.5), OLDER and
 * YOUNGER (RFC 5032), SAVEDBEFORE and its kin (RFC 8514 §4.3), EMAILID and THREADID (RFC 8474 §5.3), UIDAFTER and
 * UIDBEFORE (RFC 9738 §3.2), FILTER (RFC 5466), which stands for its criteria in parentheses. Return options: MIN, MAX,
 * ALL, COUNT (RFC 4731), SAVE (RFC 5182), PARTIAL (RFC 9394), UPDATE (also with items, RFC 5465 §7), and CONTEXT, which
 * is a hint (RFC 5267 §4).
 *
 * Strings are converted to UTF-8 from the charset given. Without one they are UTF-8, and windows-1252 where they are
 * not that. Sequence numbers that are not there match nothing: clients search 1:* in empty mailboxes.
 *
 * Everything but the sets in the program is in the arena. Limits: LIMIT_SEARCH_KEYS,
 * LIMIT_SEARCH_DEPTH; a chain of OR or NOT is flat; LIMIT_SEARCH_FILTERS in each other, which ends loops. */
#ifndef IMAP_PARSE_SEARCH_H
#define IMAP_PARSE_SEARCH_H

#include "imap/fetch.h"
#include "imap/internal.h"
#include "mailbox/search.h"

enum search_return { /* bits */
                     RETURN_MIN = 1,
                     RETURN_MAX = 2,
                     RETURN_ALL = 4,
                     RETURN_COUNT = 8,
                     RETURN_SAVE = 16,
                     RETURN_PARTIAL = 32,
                     RETURN_UPDATE = 64,
};

/* What the criteria refer to. */
struct search_scope {
    const struct imap_selected *box;
    account_id user; /* who searches */
    bool uid_only;   /* RFC 9586 §3.5: sequence numbers are ERR_DENIED */
    int64_t now_ms;
    /* The id of a keyword, or ERR_NOT_FOUND. */
    int (*keyword)(void *arg, struct span name, uint32_t *id_out);
    /* The criteria of a filter, in the arena, or ERR_NOT_FOUND. */
    int (*filter)(void *arg, struct span name, struct arena *a, struct span *out);
    void *arg;
};

/* Why a FILTER can not be used. */
enum search_fault { FAULT_NONE, FAULT_UNDEFINED, FAULT_BROKEN, FAULT_CHARSET };

struct search_request {
    bool extended;                /* RETURN was given */
    unsigned returns;             /* enum search_return */
    const struct imap_arg *items; /* of UPDATE (RFC 5465 §7): a list; NULL: none */
    struct fetch_page page;
    struct span page_text;
    bool charset;               /* one was given */
    bool modseq;                /* MODSEQ is among the keys */
    bool numbered;              /* and so are sequence numbers */
    enum search_fault fault;    /* with ERR_UNSUPPORTED: it is not a charset that is not known */
    struct span filter;         /* whose that is */
    struct search_key *program; /* search_key_done frees its sets, also after an error */
};

/* "RETURN (options)", if it stands at *arg, which moves behind it. ERR_INVALID. */
int search_parse_return(const struct imap_arg **arg, struct search_request *out) MUST_CHECK;
/* The criteria from `arg` to the end; `charset` with its name (empty: none given). ERR_INVALID; ERR_LIMIT;
 * ERR_UNSUPPORTED: this charset is not known, or see `fault`; ERR_NOMEM and what `keyword` and `filter` say. */
int search_parse_keys(const struct imap_arg *arg,
                      struct span charset,
                      const struct search_scope *scope,
                      struct arena *a,
                      struct search_request *out) MUST_CHECK;

/* RFC 5466 §4 */
bool search_is_filter_name(struct span name);

#endif
