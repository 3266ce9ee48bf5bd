/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of mailbox names (RFC 9051 §6.3.9): `*` is any run of characters, `%` one without the separator. Pure.
 *
 * What a pattern costs is bounded by its wildcards: LIMIT_IMAP_WILDCARDS of them, runs of them being one. */
#ifndef IMAP_PATTERN_H
#define IMAP_PATTERN_H

#include "base/arena.h"
#include "base/limits.h"

struct imap_pattern {
    struct span text; /* wildcards in a row are one */
    size_t wildcards;
    bool recursive; /* has a `*` */
};

/* In the arena. ERR_LIMIT, ERR_NOMEM. */
int imap_pattern_make(struct span text, struct arena *a, struct imap_pattern *out) MUST_CHECK;
/* INBOX, as first level of a name, in any case. */
bool imap_pattern_matches(const struct imap_pattern *p, struct span name);

#endif
