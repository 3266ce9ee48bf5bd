/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator does with messages. */
#ifndef TEST_SIM_OPERATOR_MAIL_H
#define TEST_SIM_OPERATOR_MAIL_H

#include "admin_call.h"

/* A life that has been made for certain, and not purged; NULL: the dice fell otherwise. */
struct life *operator_chooses(struct client *c);

void operator_undelete(struct client *c); /* brings a deleted message back */
void operator_delivers(struct client *c);
void operator_lists(struct client *c); /* an INBOX */

#endif
