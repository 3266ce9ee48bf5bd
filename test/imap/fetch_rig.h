/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of FETCH share: a world, sessions with INBOX open, and whole answers. */
#ifndef TEST_IMAP_FETCH_RIG_H
#define TEST_IMAP_FETCH_RIG_H

#include "one_world.h"
#include "world.h"

extern const struct mailbox_id inbox;

/* A session that has sent `before` and then selected INBOX, or done `command` to it. What was answered is taken. */
struct host *selected(const char *before);
struct host *opened(const char *before, const char *command);

/* Sends "b COMMAND"; the whole answer is `untagged` and one line that begins with `tagged`. */
void answer_is(struct host *h, const char *command, struct span untagged, const char *tagged);
/* "b OK FETCH completed" */
void says(struct host *h, const char *command, const char *untagged);

/* By another session, as it were. */
void expunge(uint32_t uid);

#endif
