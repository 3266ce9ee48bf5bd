/* SPDX-License-Identifier: Apache-2.0 */
/* Mail addresses as keys: one normal form, so that two spellings of one mailbox are one.
 *
 * Local part: Unicode NFC, then case-folded (ICU nfkc_casefold is NOT used: it would merge addresses
 * that people can tell apart). Domain: UTS #46 to U-labels, lower case, no trailing dot. ASCII goes a
 * fast path without ICU. Address literals (user@[192.0.2.1]) are not accounts: ERR_BAD_ADDRESS. A quoted local
 * part is unquoted when it need not be quoted.
 */
#ifndef DIRECTORY_ADDRESS_H
#define DIRECTORY_ADDRESS_H

#include "base/arena.h"

struct address {
    struct span whole; /* local@domain, normal form */
    struct span local;
    struct span domain;
};

/* ERR_BAD_ADDRESS: no or empty local part or domain, over LIMIT_LOCAL_PART / LIMIT_DOMAIN /
 * LIMIT_ADDRESS bytes, not UTF-8, control characters, a domain IDNA refuses. */
int address_normalize(struct span text, struct arena *a, struct address *out) MUST_CHECK;
int domain_normalize(struct span text, struct arena *a, struct span *out) MUST_CHECK;

#endif
