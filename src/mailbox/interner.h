/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: numbers for texts, equal ones for equal texts. A hash table in an arena; the hash is keyed
 * (SipHash), so that nobody can send texts that meet in it. */
#ifndef MAILBOX_INTERNER_H
#define MAILBOX_INTERNER_H

#include "base/arena.h"
#include "base/random.h"

struct interned;
struct interner {
    struct arena *arena;
    struct interned **slots;
    size_t slots_n;
    uint32_t n; /* numbers given: 1..n */
    uint8_t key[16];
};

void interner_init(struct interner *in, struct arena *a, struct rng *rng);
/* The text's number; 0: the arena is full (arena_err). The text is copied. */
uint32_t interner_number(struct interner *in, struct span text);

#endif
