/* SPDX-License-Identifier: Apache-2.0 */
/* The treap of sim_map.h. Recursion is as deep as the tree, twice log2 of the entries or so. */
#include "store/sim_map.h"

#include <stdatomic.h>

struct cell { /* key and value, shared by all copies of a node */
    _Atomic size_t refs;
    uint64_t priority;
    size_t key_n, value_n;
    char bytes[];
};

struct sim_node {
    _Atomic size_t refs;
    struct cell *cell;
    struct sim_node *left, *right;
};

static uint64_t hash(struct span s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3u;
    h = (h ^ h >> 32) * 0xff51afd7ed558ccdu;
    return h ^ h >> 33;
}

static struct cell *cell_new(struct span key, struct span value)
{
    struct cell *c = malloc(sizeof(*c) + key.n + value.n);
    if (c == NULL)
        return NULL;
    atomic_init(&c->refs, 1);
    c->priority = hash(key);
    c->key_n = key.n;
    c->value_n = value.n;
    if (key.n > 0)
        memcpy(c->bytes, key.p, key.n);
    if (value.n > 0)
        memcpy(c->bytes + key.n, value.p, value.n);
    return c;
}

static struct span cell_key(const struct cell *c)
{
    return span_of(c->bytes, c->key_n);
}

static struct span cell_value(const struct cell *c)
{
    return span_of(c->bytes + c->key_n, c->value_n);
}

struct sim_node *sim_map_ref(struct sim_node *root)
{
    if (root != NULL)
        atomic_fetch_add(&root->refs, 1);
    return root;
}

void sim_map_unref(struct sim_node *root)
{
    if (root == NULL || atomic_fetch_sub(&root->refs, 1) != 1)
        return;
    sim_map_unref(root->left);
    sim_map_unref(root->right);
    if (atomic_fetch_sub(&root->cell->refs, 1) == 1)
        free(root->cell);
    free(root);
}

/* Takes over cell, left and right, also when it fails. */
static struct sim_node *node_new(struct cell *cell, struct sim_node *left, struct sim_node *right)
{
    struct sim_node *n = malloc(sizeof(*n));
    if (n == NULL) {
        if (atomic_fetch_sub(&cell->refs, 1) == 1)
            free(cell);
        sim_map_unref(left);
        sim_map_unref(right);
        return NULL;
    }
    atomic_init(&n->refs, 1);
    n->cell = cell;
    n->left = left;
    n->right = right;
    return n;
}

static struct cell *cell_ref(struct cell *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

static bool above(const struct cell *a, const struct cell *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return span_cmp(cell_key(a), cell_key(b)) < 0;
}

/* All of a map below `key` and all above it; `key` itself is in neither. */
static bool
split(struct sim_node *root, struct span key, struct sim_node **low, struct sim_node **high)
{
    *low = *high = NULL;
    if (root == NULL)
        return true;
    int order = span_cmp(cell_key(root->cell), key);
    struct sim_node *part;
    if (order == 0) {
        *low = sim_map_ref(root->left);
        *high = sim_map_ref(root->right);
        return true;
    }
    if (order < 0) {
        if (!split(root->right, key, &part, high))
            return false;
        *low = node_new(cell_ref(root->cell), sim_map_ref(root->left), part);
        if (*low != NULL)
            return true;
        sim_map_unref(*high);
    } else {
        if (!split(root->left, key, low, &part))
            return false;
        *high = node_new(cell_ref(root->cell), part, sim_map_ref(root->right));
        if (*high != NULL)
            return true;
        sim_map_unref(*low);
    }
    *low = *high = NULL;
    return false;
}

/* Takes over the cell. */
static bool insert(struct sim_node *root, struct cell *cell, struct sim_node **out)
{
    int order = root != NULL ? span_cmp(cell_key(cell), cell_key(root->cell)) : 0;
    if (root == NULL || order == 0 || above(cell, root->cell)) {
        struct sim_node *low, *high;
        if (!split(root, cell_key(cell), &low, &high)) {
            if (atomic_fetch_sub(&cell->refs, 1) == 1)
                free(cell);
            return false;
        }
        *out = node_new(cell, low, high);
        return *out != NULL;
    }
    struct sim_node *child;
    if (!insert(order < 0 ? root->left : root->right, cell, &child))
        return false;
    if (order < 0)
        *out = node_new(cell_ref(root->cell), child, sim_map_ref(root->right));
    else
        *out = node_new(cell_ref(root->cell), sim_map_ref(root->left), child);
    return *out != NULL;
}

bool sim_map_put(struct sim_node *root, struct span key, struct span value, struct sim_node **out)
{
    struct cell *cell = cell_new(key, value);
    return cell != NULL && insert(root, cell, out);
}

/* One map of two where all of `low` is below all of `high`. */
static bool merge(struct sim_node *low, struct sim_node *high, struct sim_node **out)
{
    struct sim_node *part;
    if (low == NULL || high == NULL) {
        *out = sim_map_ref(low != NULL ? low : high);
        return true;
    }
    if (above(low->cell, high->cell)) {
        if (!merge(low->right, high, &part))
            return false;
        *out = node_new(cell_ref(low->cell), sim_map_ref(low->left), part);
    } else {
        if (!merge(low, high->left, &part))
            return false;
        *out = node_new(cell_ref(high->cell), part, sim_map_ref(high->right));
    }
    return *out != NULL;
}

bool sim_map_del(struct sim_node *root, struct span key, struct sim_node **out)
{
    struct sim_node *low, *high;
    if (!split(root, key, &low, &high))
        return false;
    bool ok = merge(low, high, out);
    sim_map_unref(low);
    sim_map_unref(high);
    return ok;
}

bool sim_map_get(struct sim_node *root, struct span key, struct span *value)
{
    while (root != NULL) {
        int order = span_cmp(key, cell_key(root->cell));
        if (order == 0) {
            *value = cell_value(root->cell);
            return true;
        }
        root = order < 0 ? root->left : root->right;
    }
    return false;
}

bool sim_map_seek(struct sim_node *root,
                  struct span key,
                  bool strict,
                  bool reverse,
                  struct span *key_out,
                  struct span *value_out)
{
    const struct cell *best = NULL;
    while (root != NULL) {
        int order = span_cmp(cell_key(root->cell), key) * (reverse ? -1 : 1);
        bool fits = strict ? order > 0 : order >= 0;
        if (fits)
            best = root->cell;
        root = fits == reverse ? root->right : root->left;
    }
    if (best == NULL)
        return false;
    *key_out = cell_key(best);
    *value_out = cell_value(best);
    return true;
}
