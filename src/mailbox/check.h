/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: what the parts of mailbox_check share. */
#ifndef MAILBOX_CHECK_H
#define MAILBOX_CHECK_H

#include "mailbox/edit.h"

struct check {
    struct mail *mail;
    struct look look;
    bool bodies;
    void (*report)(void *arg, struct span sentence);
    int (*stop)(void *arg);
    void *arg;
    uint64_t problems;
    struct buf sentence;
    struct arena *arena; /* of one row */
    uint64_t entries;    /* rows seen, for comparing tables */
};

void check_problem(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Calls `row` for every row of a table (damaged ones are reported); an error of it ends the scan.
 */
int check_table(struct check *c,
                enum mail_table table,
                const char *name,
                int (*row)(struct check *c, void *arg, struct span key, struct span value),
                void *arg) MUST_CHECK;
/* Is there such a row? Its value in c->arena. Damage is ERR_CORRUPT, absence ERR_NOT_FOUND. */
int check_get(struct check *c, const struct mail_key *key, struct span *out) MUST_CHECK;
/* May the check go on after this error of reading one row? */
bool check_is_row_error(int err);

int check_messages(struct check *c) MUST_CHECK;
int check_references(struct check *c) MUST_CHECK;
int check_expunged(struct check *c) MUST_CHECK;
int check_annotations(struct check *c) MUST_CHECK;
int check_grants(struct check *c) MUST_CHECK;
int check_sets(struct check *c) MUST_CHECK;

#endif
