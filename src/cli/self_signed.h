/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate to start with: cert.pem and key.pem (ECDSA P-256, 825 days: the longest that
 * Apple's clients accept) in the folder `dir`, for `hostname` and localhost, signed by itself. */
#ifndef CLI_SELF_SIGNED_H
#define CLI_SELF_SIGNED_H

#include "base/buf.h"

/* ERR_IO, ERR_INVALID, ERR_NOMEM; `why` gets a sentence. */
int self_signed_make(const char *dir, const char *hostname, struct buf *why) MUST_CHECK;

#endif
