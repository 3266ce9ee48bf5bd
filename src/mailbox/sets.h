/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of a mailbox have a flag, without reading the messages.
 *
 * For every flag and keyword, and for "is there at all", a mailbox keeps the set of its UIDs, cut into
 * chunks of 4096 UIDs, a row each. So SELECT, SEARCH UNSEEN and STATUS of a mailbox with a million messages
 * read 250 small rows, and a change of one flag writes one row of at most 515 bytes (usually a dozen).
 * The rows are changed beside the entries they are derived from (edit.c), mailbox_check derives them
 * again, and a damaged one is made anew from its entries.
 *
 * Private to the room, but for enum mail_set (mailbox/sync.h).
 */
#ifndef MAILBOX_SETS_H
#define MAILBOX_SETS_H

#include "base/numset.h"
#include "mailbox/edit.h"
#include "mailbox/sync.h"

enum { SET_CHUNK_BITS = 12, SET_CHUNK = 1 << SET_CHUNK_BITS };

/* Bit i of word w: UID chunk * SET_CHUNK + 64 * w + i. */
struct set_chunk {
    uint64_t w[SET_CHUNK / 64];
};

/* A row's value: runs or bits, whichever is shorter. An empty chunk has no row. */
void set_chunk_pack(struct buf *b, const struct set_chunk *c);
int set_chunk_unpack(struct span s, struct set_chunk *out) MUST_CHECK; /* ERR_CORRUPT */
bool set_chunk_is_empty(const struct set_chunk *c);
/* Adds its UIDs to a set. `chunk` is at most UINT32_MAX >> SET_CHUNK_BITS. */
void set_chunk_add(struct numset *out, uint32_t chunk, const struct set_chunk *c);

/* Puts an entry in the sets it belongs in, or takes it out, as it goes from `before` to `after` (NULL: it was
 * or will be absent). The rows are written by edit_close. */
int sets_change(struct edit *e,
                struct mail_place at,
                const struct entry_record *before,
                const struct entry_record *after) MUST_CHECK;
/* Writes what sets_change has gathered. */
void sets_flush(struct edit *e);
/* Makes all rows of a mailbox anew: for those that an older program wrote. */
int sets_build(struct edit *e, struct mailbox_id mailbox) MUST_CHECK;
/* Drops all rows of a mailbox that goes. */
int sets_drop(struct edit *e, struct mailbox_id mailbox) MUST_CHECK;

/* Is the entry in that set? */
bool set_holds(uint32_t set, const struct entry_record *r);

/* One set of a mailbox, whose head is of the same look, into `out` (initialised). Rows that cannot be read are derived
 * from the entries. */
int sets_read(struct look *l, const struct mail_head *head, uint32_t set, struct numset *out)
    MUST_CHECK;

#endif
