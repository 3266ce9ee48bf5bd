/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that say themselves whether they are whole: a token that names one, the size of the body and its
 * SHA-256. test/crash/letter.py makes and reads the same. */
#ifndef TEST_POWER_LETTER_H
#define TEST_POWER_LETTER_H

#include "base/buf.h"

enum { LETTER_TOKEN = 64 };

/* A message with a body of about `size` bytes, the same for the same token. */
void letter_make(struct buf *to, const char *token, size_t size);

/* The token of a message (trace fields may stand before it), as far as it has one; else "?". */
void letter_token(struct span message, char token[LETTER_TOKEN]);

/* NULL if the message is whole, else what is wrong with it. */
const char *letter_fault(struct span message);

#endif
