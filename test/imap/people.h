/* SPDX-License-Identifier: Apache-2.0 */
/* A server (world.h) with four accounts, who share mailboxes: anna, bernd and carla of example.test, and dora of
 * example.net. Fails the test that runs. */
#ifndef TEST_IMAP_PEOPLE_H
#define TEST_IMAP_PEOPLE_H

#include "base/err.h"
#include "world.h"

#define INBOX_OF_ANNA "\"Other Users/anna@example.test/INBOX\""

struct people {
    struct world w;
    uint64_t id[4];
};

void people_open(struct people *p);
/* Each account must be sound, or gone. */
void people_close(struct people *p);
/* One more account. */
uint64_t people_make(struct world *w, const char *address);
/* A session of that user, logged in. */
struct host *people_login(struct people *p, const char *user);
/* Anna gives Bernd these rights of her INBOX. */
void people_give(struct people *p, const char *rights);
/* A letter of 29 bytes in Anna's INBOX. */
void people_letter(struct people *p);

#endif
