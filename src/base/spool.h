/* SPDX-License-Identifier: Apache-2.0 */
/* spool: one payload (a message) while it arrives: up to LIMIT_SPOOL_MEMORY in memory, beyond that
 * in an unlinked temporary file, so that 50 MB cost a file descriptor and not the heap.
 * A killed process leaves nothing behind. Not thread-safe; write blocks on the file.
 *
 * What all of them together may take is in a `struct spools`: thousands of half-sent messages fill
 * neither the memory (when that is short, the file comes sooner), nor the disk, nor the table of
 * descriptors.
 */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include "base/buf.h"

struct spool;

/* What spools share; outlives them. Budgets that are zero have no end. */
struct spools {
    const char *dir;       /* where temporary files go */
    struct budget *memory; /* the bytes in memory count in it; may be NULL */
    struct budget files;   /* temporary files open at once */
    struct budget bytes;   /* in all of them */
    int64_t told_ms;       /* atomic: when a full budget was last logged */
};

/* `all` is borrowed for the spool's life; `max` is the most bytes it takes. Allocates little until
 * written to. NULL when memory has run out. */
struct spool *spool_new(struct spools *all, uint64_t max) MUST_CHECK;
void spool_free(struct spool *s); /* NULL is fine */
/* Empties it for the next message; closes the file. */
void spool_reset(struct spool *s);

/* Appends. ERR_TOO_BIG past `max`, ERR_NO_ROOM past what all may take, ERR_DISK_FULL (also when
 * less than LIMIT_SPOOL_RESERVE would be free), ERR_IO, ERR_NOMEM. After an error the spool stays
 * in error (the same is returned) until reset. */
int spool_write(struct spool *s, struct span bytes) MUST_CHECK;
uint64_t spool_size(const struct spool *s);

/* The whole payload as one span: memory, or the file mapped. Valid until the next write, reset or
 * free. ERR_IO, ERR_NOMEM. */
int spool_view(struct spool *s, struct span *out) MUST_CHECK;

#endif
