/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in threads: THREAD of IMAP (RFC 5256 §3), the algorithms ORDEREDSUBJECT, REFERENCES, and REFS
 * (draft-ietf-morg-inthread: REFERENCES without step 5, so that equal subjects make no thread; threads in the order of
 * their latest message).
 *
 * Two deviations in mail that contradicts itself, for the sake of a cost that is linear but for the sorting: of
 * References with more than LIMIT_THREAD_REFERENCES ids only the last are taken, at least half of so many; and a link of step 1.A that step 1.B of a later
 * message would break again is not made at all.
 *
 * Work goes on in slices as in mailbox/search.h; memory is bounded as in mailbox/sort.h. Not thread-safe.
 */
#ifndef MAILBOX_THREAD_H
#define MAILBOX_THREAD_H

#include "mailbox/sync.h"

enum thread_algorithm { THREAD_ORDEREDSUBJECT, THREAD_REFERENCES, THREAD_REFS };

/* ---- threading --------------------------------------------------------------------------- */

/* Ids and subjects are numbers: equal ones for equal texts, from 1 on. */
struct thread_message {
    uint32_t uid;
    uint32_t id;      /* its Message ID; 0: none */
    uint32_t subject; /* its base subject; 0: empty */
    bool reply;       /* its subject says that it is a reply or forward */
    int64_t sent_ms;  /* INTERNALDATE where the Date field cannot be read */
    uint32_t references_n;
    const uint32_t *references; /* ids, oldest first; or the first of In-Reply-To */
};
enum { THREAD_WORK = 160 };
struct thread_input {
    const struct thread_message *messages; /* by ascending UID */
    uint32_t n;
    uint32_t ids_n, subjects_n; /* the highest numbers in use */
};

/* Nodes are numbered from 1; 0 is "none". A node without a message (uid 0) stands for one that its children answer
 * and that is not there; it is at the top and has two children at least. */
struct thread_node {
    uint32_t uid;
    uint32_t parent, child, next; /* child: the first */
};
struct thread_forest {
    struct thread_node *nodes; /* nodes[0] is above all threads: they are its children; malloc'd */
    uint32_t n;                /* with nodes[0] */
};

struct threading;

/* The input is borrowed. In at most THREAD_WORK bytes of memory for each id and message. ERR_NOMEM, or ERR_LIMIT (more than
 * LIMIT_THREAD_IDS ids and messages). */
int threading_open(enum thread_algorithm how,
                   const struct thread_input *in,
                   struct threading **out) MUST_CHECK;
/* A slice: 1 there is more to do; 0 done, *out is the caller's and thread_forest_done frees it. */
int threading_run(struct threading *t, struct thread_forest *out) MUST_CHECK;
void threading_close(struct threading *t); /* NULL is fine */
void thread_forest_done(struct thread_forest *f);

/* ---- of a mailbox ------------------------------------------------------------------------ */

struct mailbox_thread;

/* `uids` is copied. */
int mailbox_thread_open(struct mail *m,
                        account_id id,
                        struct mailbox_id mailbox,
                        const struct numset *uids,
                        enum thread_algorithm how,
                        struct mailbox_thread **out) MUST_CHECK;
/* A slice: 1 there is more to do, 0 done. */
int mailbox_thread_run(struct mailbox_thread *t, int (*stop)(void *arg), void *arg) MUST_CHECK;
/* When it is done; the thread's. */
const struct thread_forest *mailbox_thread_result(const struct mailbox_thread *t);
void mailbox_thread_close(struct mailbox_thread *t); /* NULL is fine */

#endif
