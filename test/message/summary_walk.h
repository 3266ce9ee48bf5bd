/* SPDX-License-Identifier: Apache-2.0 */
/* What the test and the fuzz target of summaries share. */
#ifndef TEST_MESSAGE_SUMMARY_WALK_H
#define TEST_MESSAGE_SUMMARY_WALK_H

#include "message/summary.h"

/* Makes the summary of a message; what is packed is unpacked as it was. *record_out (if not NULL) gets the record; it
 * stays empty when that is too long. */
void summary_walk(struct span message, struct buf *record_out);
/* Any bytes as a record. What is accepted is sound, and comes out of the packer again. */
int summary_walk_record(struct span record);

#endif
