/* SPDX-License-Identifier: Apache-2.0 */
/* Scans: the engine's iterator and, in a transaction, the overlay's list walked side by side; where
 * both have a key the overlay's word counts. */
#include "store/internal.h"

#include "base/err.h"

struct store_iter {
    struct store *s;
    struct engine_iter *engine;
    bool reverse;
    size_t *open_count;

    struct overlay *overlay; /* may be NULL */
    struct overlay_node *node;
    uint64_t seq; /* writes up to this one are seen */

    enum { SIDE_EMPTY, SIDE_FULL, SIDE_END } side; /* what we hold of the engine */
    struct span key, framed;

    char *lower, *upper; /* bounds of the scan, behind this struct */
    size_t lower_n, upper_n;
    char keys[];
};

static struct span bound(const char *p, size_t n)
{
    return span_of(p, n);
}

static size_t full_key(char *to, struct part part, struct span key)
{
    struct fixed_key prefix;
    key_part(&prefix, part);
    memcpy(to, prefix.b, prefix.n);
    if (key.n > 0)
        memcpy(to + prefix.n, key.p, key.n);
    return prefix.n + key.n;
}

static void overlay_start(struct store_iter *it, struct span from)
{
    if (it->overlay == NULL)
        return;
    it->seq = it->overlay->seq;
    if (from.n > 0)
        it->node = overlay_seek(it->overlay, from, it->reverse);
    else if (!it->reverse)
        it->node = overlay_seek(it->overlay, bound(it->lower, it->lower_n), false);
    else {
        /* the bound itself is not part of the scan, but may be a key of the overlay */
        struct span upper = bound(it->upper, it->upper_n);
        it->node = overlay_seek(it->overlay, upper, true);
        if (it->node != NULL && span_eq(it->node->key, upper))
            it->node = overlay_step(it->overlay, it->node, true);
    }
}

/* An iterator that has its bounds and nothing else. */
static struct store_iter *iter_new(const struct scan_view *view, struct span prefix, bool reverse)
{
    struct store_iter *it = calloc(1, sizeof(*it) + 2 * STORE_KEY_BYTES);
    if (it == NULL)
        return NULL;
    it->s = view->s;
    it->reverse = reverse;
    it->overlay = view->overlay;
    it->open_count = view->open_count;
    it->lower = it->keys;
    it->upper = it->keys + STORE_KEY_BYTES;
    it->lower_n = full_key(it->lower, view->part, prefix);
    it->upper_n = full_key(it->upper, view->part, prefix);
    key_successor(it->upper, &it->upper_n);
    return it;
}

int scan_open(const struct scan_view *view,
              struct span prefix,
              struct span from,
              bool reverse,
              struct store_iter **out)
{
    if (prefix.n > LIMIT_STORE_KEY || from.n > LIMIT_STORE_KEY)
        return ERR_TOO_BIG;
    if (from.n > 0 && !span_starts(from, prefix))
        return ERR_INVALID;
    struct store_iter *it = iter_new(view, prefix, reverse);
    if (it == NULL)
        return ERR_NOMEM;
    char start[STORE_KEY_BYTES];
    struct engine_range range = {.cf = CF_RECORDS,
                                 .lower = bound(it->lower, it->lower_n),
                                 .upper = bound(it->upper, it->upper_n),
                                 .reverse = reverse};
    if (from.n > 0)
        range.from = span_of(start, full_key(start, view->part, from));
    int rc = view->s->engine->vt->iter_open(view->s->engine, view->snap, &range, &it->engine);
    if (rc != 0) {
        free(it);
        return store_count_error(rc);
    }
    overlay_start(it, range.from);
    if (it->open_count != NULL)
        ++*it->open_count;
    *out = it;
    return 0;
}

void store_iter_close(struct store_iter *it)
{
    if (it == NULL)
        return;
    it->s->engine->vt->iter_close(it->engine);
    if (it->open_count != NULL)
        --*it->open_count;
    free(it);
}

/* The overlay's current entry; steps over keys written after the scan was opened. */
static const struct overlay_version *overlay_entry(struct store_iter *it)
{
    for (; it->node != NULL; it->node = overlay_step(it->overlay, it->node, it->reverse)) {
        if (span_cmp(it->node->key, bound(it->lower, it->lower_n)) < 0 ||
            span_cmp(it->node->key, bound(it->upper, it->upper_n)) >= 0) {
            it->node = NULL;
            return NULL;
        }
        const struct overlay_version *v = overlay_at(it->node, it->seq);
        if (v != NULL)
            return v;
    }
    return NULL;
}

static int engine_fill(struct store_iter *it)
{
    if (it->side != SIDE_EMPTY)
        return 0;
    int rc = it->s->engine->vt->iter_next(it->engine, &it->key, &it->framed);
    if (rc == 1)
        it->side = SIDE_FULL;
    else if (rc != ERR_CORRUPT) /* after damage the engine goes on */
        it->side = SIDE_END;
    if (rc < 0 && rc != ERR_CORRUPT) {
        it->node = NULL;
        it->overlay = NULL;
    }
    return rc < 0 ? store_count_error(rc) : 0;
}

static int emit(struct span full, struct span framed, struct span *key, struct span *value)
{
    struct span v;
    int rc = frame_open(CF_RECORDS, full, framed, &v);
    if (rc != 0)
        return store_count_error(rc);
    *key = span_from(full, STORE_PART_PREFIX);
    *value = v;
    return 1;
}

int store_iter_next(struct store_iter *it, struct span *key, struct span *value)
{
    for (;;) {
        int rc = engine_fill(it);
        if (rc != 0)
            return rc;
        const struct overlay_version *mine = it->overlay != NULL ? overlay_entry(it) : NULL;
        if (mine == NULL && it->side == SIDE_END)
            return 0;
        int order = -1; /* < 0: the overlay's comes first */
        if (mine == NULL)
            order = 1;
        else if (it->side == SIDE_FULL)
            order = span_cmp(it->node->key, it->key) * (it->reverse ? -1 : 1);
        if (order > 0) {
            it->side = SIDE_EMPTY;
            return emit(it->key, it->framed, key, value);
        }
        if (order == 0)
            it->side = SIDE_EMPTY; /* overruled; also a damaged one */
        struct span full = it->node->key;
        it->node = overlay_step(it->overlay, it->node, it->reverse);
        if (!mine->del)
            return emit(full, mine->framed, key, value);
    }
}
