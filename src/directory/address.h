/* SPDX-License-Identifier: Apache-2.0 */
/* Mail addresses as keys: one normal form, so that two spellings of one mailbox are one.
 *
 * Local part: canonically composed (NFC) and case-folded one character to one. Neither NFKC nor
 * full folding is used: they would merge addresses that people can tell apart ("weiß" and "weiss",
 * "①" and "1"). A quoted local part is unquoted when it need not be quoted, and else quoted in one
 * way. Domain: UTS #46 (non-transitional) to U-labels, lower case, no trailing dot. ASCII goes a
 * fast path without ICU. A normal form is its own normal form.
 *
 * Refused besides what RFC 5321 §4.1.2 does not allow: address literals (user@[192.0.2.1] is no
 * account), domains that end in a number, and characters nobody can see or compare: controls, bidi
 * and zero-width marks, private and unassigned ones (whose normal form may change with the next
 * Unicode).
 *
 * Thread-safe, no state, never blocks.
 */
#ifndef DIRECTORY_ADDRESS_H
#define DIRECTORY_ADDRESS_H

#include "base/arena.h"

struct address {
    struct span whole; /* local@domain, normal form */
    struct span local; /* with its quotes, if it needs them */
    struct span domain;
};

/* ERR_BAD_ADDRESS: no or empty local part or domain, over LIMIT_LOCAL_PART / LIMIT_DOMAIN /
 * LIMIT_ADDRESS bytes, not UTF-8, control characters, a domain IDNA refuses. The arena's error when
 * it is full. */
int address_normalize(struct span text, struct arena *a, struct address *out) MUST_CHECK;
int domain_normalize(struct span text, struct arena *a, struct span *out) MUST_CHECK;

/* An address of two halves that are in normal form already. ERR_BAD_ADDRESS: too long. */
int address_join(struct span local, struct span domain, struct arena *a, struct address *out)
    MUST_CHECK;

/* For addresses that may belong to others, who may tell upper from lower case (RFC 5321 §2.4): *out
 * has the local part as written and the domain in normal form; *normal is the address as a key. */
int address_keep_local(struct span text, struct arena *a, struct address *normal, struct span *out)
    MUST_CHECK;

#endif
