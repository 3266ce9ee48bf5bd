/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, at most half full; what a table that has become too small used is lost until the arena goes. */
#include "mailbox/interner.h"

#include <sodium.h>

enum { SLOTS_FIRST = 256 };

struct interned {
    uint32_t number;
    uint32_t size;
    uint64_t hash;
    char text[];
};

void interner_init(struct interner *in, struct arena *a, struct rng *rng)
{
    *in = (struct interner){.arena = a};
    rng->fill(rng, in->key, sizeof(in->key));
}

static uint64_t hash_of(const struct interner *in, struct span text)
{
    uint64_t h;
    _Static_assert(sizeof(h) == crypto_shorthash_BYTES &&
                       sizeof(in->key) == crypto_shorthash_KEYBYTES,
                   "SipHash");
    crypto_shorthash((unsigned char *)&h, (const unsigned char *)text.p, text.n, in->key);
    return h;
}

/* Where the text is, or belongs. */
static struct interned **slot_of(const struct interner *in, uint64_t hash, struct span text)
{
    size_t at = hash & (in->slots_n - 1);
    for (;; at = (at + 1) & (in->slots_n - 1)) {
        const struct interned *e = in->slots[at];
        if (e == NULL || (e->hash == hash && span_eq(span_of(e->text, e->size), text)))
            return &in->slots[at];
    }
}

static bool grow(struct interner *in)
{
    struct interned **old = in->slots;
    size_t old_n = in->slots_n, n = old_n == 0 ? SLOTS_FIRST : 2 * old_n;
    struct interned **slots = arena_array(in->arena, n, sizeof(struct interned *));
    if (slots == NULL)
        return false;
    in->slots = slots;
    in->slots_n = n;
    for (size_t i = 0; i < old_n; i++)
        if (old[i] != NULL)
            *slot_of(in, old[i]->hash, span_of(old[i]->text, old[i]->size)) = old[i];
    return true;
}

uint32_t interner_number(struct interner *in, struct span text)
{
    if (in->n >= in->slots_n / 2 && !grow(in))
        return 0;
    uint64_t hash = hash_of(in, text);
    struct interned **slot = slot_of(in, hash, text);
    if (*slot != NULL)
        return (*slot)->number;
    struct interned *e = arena_alloc(in->arena, sizeof(*e) + text.n);
    if (e == NULL || text.n > UINT32_MAX)
        return 0;
    *e = (struct interned){.number = ++in->n, .size = (uint32_t)text.n, .hash = hash};
    if (text.n > 0)
        memcpy(e->text, text.p, text.n);
    *slot = e;
    return e->number;
}
