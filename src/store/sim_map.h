/* SPDX-License-Identifier: Apache-2.0 */
/* A persistent (never changed in place) ordered map for the sim engine: changing it makes a new
 * root that shares all it can with the old one, so a snapshot is a counted pointer and a crash is
 * going back to one.
 *
 * A treap whose priorities are hashes of the keys: its shape depends on its content only, which
 * keeps simulations deterministic, and is balanced without any bookkeeping.
 */
#ifndef STORE_SIM_MAP_H
#define STORE_SIM_MAP_H

#include "base/span.h"

struct sim_node;

struct sim_node *sim_map_ref(struct sim_node *root); /* NULL is the empty map */
void sim_map_unref(struct sim_node *root);

/* A new root (the caller's), the old one stays the caller's too. false: out of memory. */
bool sim_map_put(struct sim_node *root, struct span key, struct span value, struct sim_node **out)
    MUST_CHECK;
bool sim_map_del(struct sim_node *root, struct span key, struct sim_node **out) MUST_CHECK;

bool sim_map_get(struct sim_node *root, struct span key, struct span *value);
/* The first entry with key >= `key` (or > with `strict`); `reverse`: the last with <= (or <). Spans
 * are valid while the root is held. */
bool sim_map_seek(struct sim_node *root,
                  struct span key,
                  bool strict,
                  bool reverse,
                  struct span *key_out,
                  struct span *value_out);

#endif
