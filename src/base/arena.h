/* SPDX-License-Identifier: Apache-2.0 */
/* arena: memory for one unit of work, all given back at once.
 *
 * Handlers allocate here and free nothing; the runner of the unit calls arena_reset. Allocations
 * are aligned for any type and zeroed. Past `max` bytes, or when memory has run out, functions
 * return NULL (or a span with NULL pointer) and `arena_err` says ERR_TOO_BIG or ERR_NOMEM.
 * Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

struct arena;

/* NULL only when memory has run out. Takes no block until first used. */
struct arena *arena_new(size_t max) MUST_CHECK;
void arena_free(struct arena *a); /* NULL is fine */
/* Frees all allocations (keeps one block for the next unit) and the error. */
void arena_reset(struct arena *a);
/* As reset, and gives the kept block back too: for sessions that go idle. */
void arena_shrink(struct arena *a);

void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
/* count * size, overflow checked. */
void *arena_array(struct arena *a, size_t count, size_t size) MUST_CHECK;
/* A copy; arena_cstr adds a NUL (and refuses bytes that hold one: NULL, without an error). */
struct span arena_dup(struct arena *a, struct span s);
char *arena_cstr(struct arena *a, struct span s) MUST_CHECK;
struct span arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

int arena_err(const struct arena *a);
size_t arena_used(const struct arena *a);

#endif
