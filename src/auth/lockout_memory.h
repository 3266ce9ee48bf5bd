/* SPDX-License-Identifier: Apache-2.0 */
/* Lock records of usernames that nobody has: a bounded table in memory. Thread-safe; one mutex. */
#ifndef AUTH_LOCKOUT_MEMORY_H
#define AUTH_LOCKOUT_MEMORY_H

#include "auth/lockout_record.h"

struct lockout_memory;

/* `secret`: 32 bytes that choose the places, so that nobody can fill another name's. */
int lockout_memory_new(const uint8_t *secret, struct lockout_memory **out) MUST_CHECK;
void lockout_memory_free(struct lockout_memory *m); /* NULL is fine */

bool lockout_memory_has(struct lockout_memory *m, struct span name);
/* An empty record if there is none. */
int lockout_memory_get(struct lockout_memory *m,
                       struct span name,
                       struct arena *arena,
                       struct lock_record **out) MUST_CHECK;
/* `change` returns 1 to keep what it made of the record, 0 to leave it as it was. */
int lockout_memory_change(struct lockout_memory *m,
                          struct span name,
                          int (*change)(void *arg, struct lock_record *r),
                          void *arg) MUST_CHECK;
void lockout_memory_forget(struct lockout_memory *m, struct span name);

#endif
