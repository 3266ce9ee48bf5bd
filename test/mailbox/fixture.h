/* SPDX-License-Identifier: Apache-2.0 */
/* A mail room on a store in memory, for the tests of this room and of those above it. */
#ifndef TEST_MAILBOX_FIXTURE_H
#define TEST_MAILBOX_FIXTURE_H

#include "base/base.h"
#include "mailbox/sync.h"
#include "store/sim.h"

enum { FIXTURE_ACCOUNT = 7 };

struct fixture {
    struct clock_fake clock;
    struct sim_disk *disk;
    struct store *store;
    struct mail mail;
    struct arena *arena;
};

/* Opens a store and makes account 7, anna@example.test. Fails the test that runs when it cannot. */
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

/* A finished blob with this content. */
struct blob_id fixture_blob(struct fixture *f, struct span content, struct blob_info *info);
/* Appends a message with this content; INBOX if mailbox is 0. */
struct mail_appended fixture_append(struct fixture *f, uint32_t mailbox, struct span content);
/* Adds flags to one message and takes others away; what mailbox_store says, ERR_NOT_FOUND if it is gone. */
int fixture_flags(struct fixture *f,
                  struct mailbox_id mailbox,
                  struct mail_uid uid,
                  uint32_t add,
                  uint32_t remove);
/* Problems mailbox_check finds in account 7; they are printed. */
uint64_t fixture_check(struct fixture *f);

#endif
