/* SPDX-License-Identifier: Apache-2.0 */
/* The writes of one transaction before it commits: an ordered map in memory that remembers every
 * version of a key, so that a scan opened earlier goes on seeing what was there when it was opened.
 * Keys are whole engine keys (with the partition's prefix). Everything lives in the arena.
 */
#ifndef STORE_OVERLAY_H
#define STORE_OVERLAY_H

#include "store/keys.h"

struct overlay_version {
    struct overlay_version *older;
    uint64_t seq;
    bool del;
    struct span framed; /* value and frame; empty for a del */
};

enum { OVERLAY_LEVELS = 20 };

struct overlay_node {
    struct span key;
    struct overlay_version *newest;
    struct overlay_node *next[]; /* as many as its height */
};

struct overlay {
    struct arena *arena;
    struct overlay_node *first[OVERLAY_LEVELS];
    uint64_t seq;    /* of the last write */
    uint64_t random; /* heights; any fixed seed does, nobody outside chooses the insertion order's
                        luck */
    size_t count;    /* nodes */
    size_t bytes;    /* keys and values written, all versions: against LIMIT_STORE_TXN */
    int err;         /* sticky */
};

void overlay_init(struct overlay *o, struct arena *arena);
/* Copies key and value. */
void overlay_put(struct overlay *o, struct span key, struct span value);
void overlay_del(struct overlay *o, struct span key);

/* The first node with a key >= `key`, or (reverse) the last with a key <= `key`. NULL: none. */
struct overlay_node *overlay_seek(struct overlay *o, struct span key, bool reverse);
/* The neighbour in that direction. */
struct overlay_node *overlay_step(struct overlay *o, struct overlay_node *node, bool reverse);
/* Its state after write number `seq`; NULL when it had none then. */
const struct overlay_version *overlay_at(const struct overlay_node *node, uint64_t seq);

#endif
