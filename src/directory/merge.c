/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/merge.h"

#include "base/err.h"
#include "base/log.h"
#include "directory/keys.h"

/* Damaged records in one shard after which it is given up: an iterator that never ends is worse. */
enum { DAMAGE_MAX = 10000 };

struct shard {
    struct store_snap *snap;
    struct store_iter *iter;
    struct span key;
    struct span value;
    unsigned damaged;
};

struct merge {
    struct shard shards[DIRECTORY_SHARDS];
    unsigned heap[DIRECTORY_SHARDS]; /* shards that have an entry, least key first */
    size_t heap_n;
    bool top_used; /* the entry at the top was handed out: advance it first */
};

static int shard_next(struct merge *m, unsigned n)
{
    struct shard *s = &m->shards[n];
    for (;;) {
        int got = store_iter_next(s->iter, &s->key, &s->value);
        if (got != ERR_CORRUPT || ++s->damaged > DAMAGE_MAX)
            return got;
        log_event(LOG_ERROR, "directory.damaged", LOG_I("shard", n), LOG_ERR(ERR_CORRUPT));
    }
}

static bool is_less(const struct merge *m, size_t a, size_t b)
{
    return span_cmp(m->shards[m->heap[a]].key, m->shards[m->heap[b]].key) < 0;
}

static void swap(struct merge *m, size_t a, size_t b)
{
    unsigned t = m->heap[a];
    m->heap[a] = m->heap[b];
    m->heap[b] = t;
}

static void sift_up(struct merge *m, size_t at)
{
    for (; at > 0 && is_less(m, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(m, at, (at - 1) / 2);
}

static void sift_down(struct merge *m)
{
    size_t at = 0;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < m->heap_n; child++)
            if (is_less(m, child, least))
                least = child;
        if (least == at)
            return;
        swap(m, at, least);
        at = least;
    }
}

static int
shard_open(struct merge *m, struct store *store, unsigned n, struct span prefix, struct span from)
{
    struct shard *s = &m->shards[n];
    int err = store_snap_open(store, part_of_shard(n), &s->snap);
    if (err == 0)
        err = store_snap_scan(s->snap, prefix, from, false, &s->iter);
    if (err != 0)
        return err;
    int got = shard_next(m, n);
    if (got < 0)
        return got;
    if (got > 0) {
        m->heap[m->heap_n++] = n;
        sift_up(m, m->heap_n - 1);
    }
    return 0;
}

int merge_open(struct store *store, struct span prefix, struct span from, struct merge **out)
{
    struct merge *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ERR_NOMEM;
    for (unsigned n = 0; n < DIRECTORY_SHARDS; n++) {
        int err = shard_open(m, store, n, prefix, from);
        if (err != 0) {
            merge_close(m);
            return err;
        }
    }
    *out = m;
    return 0;
}

int merge_next(struct merge *m, struct span *key, struct span *value)
{
    if (m->top_used) {
        m->top_used = false;
        int got = shard_next(m, m->heap[0]);
        if (got < 0)
            return got;
        if (got == 0)
            m->heap[0] = m->heap[--m->heap_n];
        sift_down(m);
    }
    if (m->heap_n == 0)
        return 0;
    const struct shard *top = &m->shards[m->heap[0]];
    *key = top->key;
    *value = top->value;
    m->top_used = true;
    return 1;
}

void merge_close(struct merge *m)
{
    if (m == NULL)
        return;
    for (unsigned n = 0; n < DIRECTORY_SHARDS; n++) {
        if (m->shards[n].iter != NULL)
            store_iter_close(m->shards[n].iter);
        if (m->shards[n].snap != NULL)
            store_snap_close(m->shards[n].snap);
    }
    free(m);
}
