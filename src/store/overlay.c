/* SPDX-License-Identifier: Apache-2.0 */
/* A skip list in an arena. A sorted array would move memory for every insertion, a balanced tree is
 * three times the code; a transaction is dropped whole, so nothing is ever removed from the list.
 */
#include "store/overlay.h"

#include "base/err.h"

void overlay_init(struct overlay *o, struct arena *arena)
{
    *o = (struct overlay){.arena = arena, .random = 0x9e3779b97f4a7c15u};
}

static unsigned height_draw(struct overlay *o)
{
    o->random ^= o->random << 13;
    o->random ^= o->random >> 7;
    o->random ^= o->random << 17;
    unsigned height = 1;
    for (uint64_t bits = o->random; (bits & 3) == 0 && height < OVERLAY_LEVELS; bits >>= 2)
        height++;
    return height;
}

/* Fills `prev` with the last node before `key` on each level (NULL: the list's start). */
static struct overlay_node *
descend(struct overlay *o, struct span key, struct overlay_node *prev[OVERLAY_LEVELS])
{
    struct overlay_node *at = NULL;
    for (int level = OVERLAY_LEVELS - 1; level >= 0; level--) {
        for (;;) {
            struct overlay_node *next = at != NULL ? at->next[level] : o->first[level];
            if (next == NULL || span_cmp(next->key, key) >= 0)
                break;
            at = next;
        }
        if (prev != NULL)
            prev[level] = at;
    }
    return at;
}

static struct overlay_node *after(struct overlay *o, struct overlay_node *node)
{
    return node != NULL ? node->next[0] : o->first[0];
}

static struct overlay_node *insert(struct overlay *o, struct span key)
{
    struct overlay_node *prev[OVERLAY_LEVELS];
    struct overlay_node *node = after(o, descend(o, key, prev));
    if (node != NULL && span_eq(node->key, key))
        return node;
    unsigned height = height_draw(o);
    node = arena_alloc(o->arena, sizeof(*node) + height * sizeof(struct overlay_node *));
    struct span copy = arena_dup(o->arena, key);
    if (node == NULL || arena_err(o->arena) != 0)
        return NULL;
    node->key = copy;
    for (unsigned level = 0; level < height; level++) {
        struct overlay_node **link =
            prev[level] != NULL ? &prev[level]->next[level] : &o->first[level];
        node->next[level] = *link;
        *link = node;
    }
    o->count++;
    return node;
}

static void write_version(struct overlay *o, struct span key, bool del, struct span value)
{
    if (o->err != 0)
        return;
    if (key.n > STORE_KEY_BYTES || value.n > LIMIT_STORE_VALUE ||
        o->bytes + key.n + value.n > LIMIT_STORE_TXN) {
        o->err = ERR_TOO_BIG;
        return;
    }
    struct overlay_node *node = insert(o, key);
    struct overlay_version *v = arena_alloc(o->arena, sizeof(*v));
    char *framed = del ? NULL : arena_alloc(o->arena, value.n + STORE_FRAME);
    if (node == NULL || v == NULL || (!del && framed == NULL)) {
        o->err = arena_err(o->arena);
        return;
    }
    if (!del) {
        if (value.n > 0)
            memcpy(framed, value.p, value.n);
        frame_sum(CF_RECORDS, key, span_of(framed, value.n), framed + value.n);
        v->framed = span_of(framed, value.n + STORE_FRAME);
    }
    v->del = del;
    v->seq = ++o->seq;
    v->older = node->newest;
    node->newest = v;
    o->bytes += key.n + value.n;
}

void overlay_put(struct overlay *o, struct span key, struct span value)
{
    write_version(o, key, false, value);
}

void overlay_del(struct overlay *o, struct span key)
{
    write_version(o, key, true, SPAN_EMPTY);
}

struct overlay_node *overlay_seek(struct overlay *o, struct span key, bool reverse)
{
    struct overlay_node *before = descend(o, key, NULL);
    struct overlay_node *node = after(o, before);
    if (!reverse)
        return node;
    return node != NULL && span_eq(node->key, key) ? node : before;
}

struct overlay_node *overlay_step(struct overlay *o, struct overlay_node *node, bool reverse)
{
    return reverse ? descend(o, node->key, NULL) : node->next[0];
}

const struct overlay_version *overlay_at(const struct overlay_node *node, uint64_t seq)
{
    const struct overlay_version *v = node->newest;
    while (v != NULL && v->seq > seq)
        v = v->older;
    return v;
}
