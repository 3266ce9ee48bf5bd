/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: annotations that were asked for (RFC 5464), told in pieces; for GETMETADATA and LIST. */
#ifndef IMAP_METADATA_H
#define IMAP_METADATA_H

#include "imap/internal.h"
#include "mailbox/annotation.h"

/* One entry specifier. */
struct metadata_entry {
    struct span text; /* as the client wrote it */
    bool is_shared;
    struct span name; /* folded, without "/private" or "/shared"; empty: all of them */
};

struct metadata {
    struct metadata_entry *v; /* in the arena of whoever asked */
    size_t n;
    unsigned depth;
    uint64_t size_max; /* of values that are told */
    uint64_t longest;  /* of those that were not; 0: there was none */

    /* where it is */
    account_id account;
    uint32_t
        rights; /* enum mail_right: the user's when the command began; when he has them no more, no more is told */
    struct mailbox_id mailbox; /* 0: the server */
    struct span box;           /* its name */
    enum special_use use;
    size_t at;
    bool found; /* something of this entry */
    char after[LIMIT_ANNOTATION_NAME];
    size_t after_n; /* 0: this entry has not begun */
};

/* An entry name (§3.2), in the arena. ERR_INVALID. */
int imap_metadata_entry(struct span text, struct arena *a, struct metadata_entry *out) MUST_CHECK;
/* Entries that follow each other; no option is set. ERR_INVALID, ERR_LIMIT: more than LIMIT_IMAP_METADATA. */
int imap_metadata_read(const struct imap_arg *entries,
                       struct arena *a,
                       struct metadata *out) MUST_CHECK;
/* Begins with those of one mailbox of that account; NULL: of the server, for the user's own. */
void imap_metadata_begin(struct metadata *x,
                         account_id account,
                         uint32_t rights,
                         const struct mailbox *m);
/* Writes about 64 KiB of METADATA responses: 1, there is more, 0, or an error. */
int imap_metadata_write(struct imap *i, struct metadata *x) MUST_CHECK;

/* RFC 5464 §3.3: with these rights (enum mail_right) a user may read and set annotations of a mailbox. */
bool imap_metadata_allowed(uint32_t rights);

/* filters.c: is an annotation of the server one that may be set? Filters must be searches (RFC 5466 §3.2).
 * ERR_UNSUPPORTED. */
int imap_filter_check(struct imap *i, const struct mail_annotation *a) MUST_CHECK;

#endif
