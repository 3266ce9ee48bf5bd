/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: what SEARCH, SORT, THREAD and ESEARCH have in common. A task of four phases, each of which may take
 * several steps; what differs is in a struct search_kind. ESEARCH goes through the phases for each of its mailboxes. */
#ifndef IMAP_SEARCH_TASK_H
#define IMAP_SEARCH_TASK_H

#include "imap/parse_search.h"
#include "mailbox/sort.h"
#include "mailbox/thread.h"

enum search_phase {
    SEARCH_FINDING,
    SEARCH_ORDERING,
    SEARCH_MODSEQS, /* the highest of what is returned */
    SEARCH_WRITING,
    SEARCH_DONE,
};

struct search_task;
struct search_kind {
    const char *name;
    /* What stands before the criteria: *arg moves to them. ERR_INVALID, ERR_LIMIT. */
    int (*parse)(struct imap *i, struct search_task *t, const struct imap_arg **arg);
    /* Begins putting t->found in order; NULL: UIDs are in order. */
    int (*order)(struct imap *i, struct search_task *t);
    /* Goes on with it: 1 there is more, 0 done. */
    int (*order_more)(struct search_task *t);
    /* Writes up to IMAP_OUT_STEP: 1 there is more, 0 done. */
    int (*write)(struct imap *i, struct search_task *t);
    /* Makes t->box the next mailbox to search: 1 it has, 0 there is none. NULL: the selected one, and that is all. */
    int (*next)(struct imap *i, struct search_task *t);
};

struct search_task {
    const struct search_kind *kind;
    struct search_request request;
    const struct imap_arg *keys; /* the criteria, as they were written */
    struct span charset;
    struct span items_told; /* of UPDATE, as text */
    enum search_phase phase;
    const struct imap *imap;
    int64_t began_ms, told_ms; /* when the client last heard that it goes on; monotonic */

    const struct imap_selected *box; /* that is searched */
    bool uid;                        /* the answer has UIDs */
    struct mailbox_search *search;
    struct mailbox_sort *sort;
    struct mailbox_thread *thread;
    struct numset found;    /* all that match, as far as they had to be known */
    struct numset returned; /* what the answer names: for "$" and MODSEQ */
    uint64_t modseq;
    struct arena *items;   /* a batch of entries */
    struct arena *program; /* what the program is made of */
    struct imap_keyword_list keywords;

    /* SORT, THREAD */
    struct sort_criterion criteria[LIMIT_SORT_KEYS];
    size_t criteria_n;
    enum thread_algorithm algorithm;
    uint32_t node; /* THREAD: which is to be written next, or left */
    bool leaving;

    /* ESEARCH */
    struct imap_selected other; /* one that is not selected: its id, UIDVALIDITY and UIDs */
    struct arena *boxes;
    struct imap_name *sources;
    size_t sources_n, source; /* source: the next one */

    /* writing: the numbers that are left, in order: from `sorted`, or of `numbers` */
    bool head_written;
    struct numset numbers;
    uint32_t number; /* the last one taken */
    const struct sort_record *sorted;
    size_t sorted_at, sorted_end;
    uint32_t run_first, run_last; /* of a set, taken and not written; 0: none */
    bool comma;
};

/* A `stop` of the rooms below, of the struct search_task: session_unwanted, once the search takes long. What takes no
 * time is answered also to a client that has closed its half of the connection behind its last command. */
int search_unwanted(void *arg) MUST_CHECK;
/* The command. */
enum step
imap_search_begin(struct imap *i, const struct search_kind *kind, const struct imap_arg *args);

enum { SEARCH_PROGRAM_ARENA = 16 * LIMIT_IMAP_COMMAND };
/* contexts.c: updates for what was found in the selected mailbox; takes the program over. When there are too many, the
 * client is told. */
int imap_context_add(struct imap *i, struct search_task *t) MUST_CHECK;
bool imap_context_has(const struct imap *i, struct span tag);

/* "[RETURN (options)] [CHARSET charset]" */
int search_parse_head(struct imap *i,
                      struct search_task *t,
                      const struct imap_arg **arg) MUST_CHECK;

/* ---- search_answer.c --------------------------------------------------------------------- */

/* Decides what is returned, when it is known what was found and in which order. */
int search_choose(struct search_task *t) MUST_CHECK;
/* The answer is an ESEARCH response (RFC 4731). */
bool search_is_extended(const struct imap *i, const struct search_task *t);
/* How many of the found have to be known, and from which end; 0: all. */
uint64_t search_enough(const struct search_task *t, bool *newest_out);
/* What tells whose answer an ESEARCH response is: `TAG "a"`; in the arena. */
struct span search_correlator(struct imap *i, const struct search_task *t, struct arena *a);
/* Another mailbox is to be searched: nothing was found there yet. */
void search_forget(struct search_task *t);
/* `write` of SEARCH, SORT and ESEARCH. */
int search_write(struct imap *i, struct search_task *t) MUST_CHECK;

/* ---- filters.c: named searches (RFC 5466), which are annotations -------------------------- */

int imap_filter_get(struct imap *i, struct span name, struct arena *a, struct span *out) MUST_CHECK;

#endif
