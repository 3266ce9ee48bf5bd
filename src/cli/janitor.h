/* SPDX-License-Identifier: Apache-2.0 */
/* The janitor: what has to go when its time is over. Runs on a worker thread, one slice at a time,
 * so that mail is never behind it.
 *
 *   expunged messages past their time     mailbox_purge
 *   messages older than the class keeps   retention_days of the mailbox's special use -> expunge
 *   removed accounts past the grace time  mail destroyed, login attempts, then the directory record
 *   bodies nobody links                   store_collect
 */
#ifndef CLI_JANITOR_H
#define CLI_JANITOR_H

#include "auth/auth.h"
#include "base/config.h"
#include "directory/directory.h"
#include "mailbox/mailbox.h"

struct janitor {
    struct store *store;
    struct directory *directory;
    struct auth *auth;
    struct mail *mail;
    struct clock *clock;
    int64_t remove_grace_ms;
    const bool *stopping; /* looked at between accounts */
};

struct janitor_result {
    uint64_t purged;   /* expunged messages removed for good */
    uint64_t retired;  /* messages past their retention */
    uint64_t accounts; /* removed accounts purged */
    uint64_t blobs;
    uint64_t errors; /* accounts it could not finish; logged, tried again next time */
};

/* One pass over everything. Blocks; an error in one account never stops the rest. */
void janitor_pass(const struct janitor *j, struct janitor_result *out);

#endif
