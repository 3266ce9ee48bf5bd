/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations (RFC 5464 §3): small named values at a mailbox, or at the account as a whole.
 *
 * A name is a path of ASCII, "/comment", without the "/private" or "/shared" that a protocol puts before it: those
 * are `user`, the account whose own it is, or 0 for all who may see the mailbox. Names are compared without regard
 * to case and kept in lower case. A value is octets. They follow their mailbox when it is renamed and go with it; a
 * mailbox that INBOX was renamed to has a copy of INBOX's. What changes one of a mailbox gives that its next mod-sequence.
 *
 * Limits: LIMIT_ANNOTATION_NAME, LIMIT_ANNOTATION bytes of a value, LIMIT_ANNOTATIONS of one user at one mailbox,
 * LIMIT_ANNOTATION_BYTES of all in the account, half of that when somebody else sets them. Errors besides the store's: ERR_NO_USER, ERR_NOT_FOUND (the
 * mailbox), ERR_INVALID (the name), ERR_TOO_BIG (the value), ERR_LIMIT (too many), ERR_QUOTA (too much in all).
 */
#ifndef MAILBOX_ANNOTATION_H
#define MAILBOX_ANNOTATION_H

#include "mailbox/mailbox.h"

struct mail_annotation {
    account_id user; /* 0: shared */
    struct span name;
    struct span value;
    bool none; /* there is none, or none shall be */
};

/* A name as it is kept, in the arena. ERR_INVALID (RFC 5464 §3.2). */
int mailbox_annotation_fold(struct span name, struct arena *a, struct span *out) MUST_CHECK;

/* Sets and removes all of them, or none; later ones of the same name win. `mailbox` 0: those of the account. `by`: whose
 * wish it is; to somebody else without any right to it there is no such mailbox. */
int mailbox_annotate(struct mail *m,
                     account_id id,
                     account_id by,
                     struct mailbox_id mailbox,
                     const struct mail_annotation *v,
                     size_t n) MUST_CHECK;

enum { ANNOTATION_ALL_LEVELS = 1000 };
struct mail_annotation_range {
    struct mailbox_id mailbox;
    account_id user;
    struct span name;  /* empty: the top of all */
    unsigned depth;    /* levels below it that are wanted too */
    struct span after; /* only behind this name, to go on; empty: from the beginning */
    size_t bytes;      /* no more once so many are read; 0: one annotation */
};
/* By name, in the arena. *more_out: go on behind the last. A mailbox that is not there has none; damaged ones are
 * left out. */
int mailbox_annotations(struct mail *m,
                        account_id id,
                        const struct mail_annotation_range *in,
                        struct arena *a,
                        struct mail_annotation **out,
                        size_t *n_out,
                        bool *more_out) MUST_CHECK;

#endif
