/* SPDX-License-Identifier: Apache-2.0 */
/* Collects what one commit writes, and keeps the last of the disk for what frees space. */
#include "store/internal.h"

#include "base/err.h"

void batch_init(struct batch *b, struct arena *arena)
{
    *b = (struct batch){.arena = arena};
}

static void add(struct batch *b, struct engine_op op)
{
    if (b->err != 0)
        return;
    if (b->n == b->cap) {
        size_t cap = b->cap > 0 ? b->cap * 2 : 16;
        struct engine_op *v = arena_array(b->arena, cap, sizeof(*v));
        if (v == NULL) {
            b->err = arena_err(b->arena);
            return;
        }
        if (b->n > 0)
            memcpy(v, b->v, b->n * sizeof(*v));
        b->v = v;
        b->cap = cap;
    }
    b->v[b->n++] = op;
    if (op.kind == OP_PUT)
        b->put_bytes += op.key.n + op.value.n;
    else
        b->dels++;
    b->bulk |= op.kind == OP_PUT && op.cf == CF_CHUNKS;
}

static struct span keep(struct batch *b, struct span s)
{
    struct span copy = arena_dup(b->arena, s);
    if (b->err == 0)
        b->err = arena_err(b->arena);
    return copy;
}

void batch_put_framed(struct batch *b, enum engine_cf cf, struct span key, struct span framed)
{
    add(b, (struct engine_op){.kind = OP_PUT, .cf = cf, .key = key, .value = framed});
}

void batch_put(struct batch *b, enum engine_cf cf, const struct fixed_key *key, struct span value)
{
    struct span k = keep(b, fixed_key_span(key));
    char *framed = arena_alloc(b->arena, value.n + STORE_FRAME);
    if (framed == NULL)
        b->err = arena_err(b->arena);
    if (framed == NULL || b->err != 0)
        return;
    if (value.n > 0)
        memcpy(framed, value.p, value.n);
    frame_sum(cf, k, value, framed + value.n);
    batch_put_framed(b, cf, k, span_of(framed, value.n + STORE_FRAME));
}

void batch_del(struct batch *b, enum engine_cf cf, struct span key)
{
    add(b, (struct engine_op){.kind = OP_DEL, .cf = cf, .key = key});
}

void batch_del_fixed(struct batch *b, enum engine_cf cf, const struct fixed_key *key)
{
    batch_del(b, cf, keep(b, fixed_key_span(key)));
}

void batch_del_range(struct batch *b, enum engine_cf cf, struct span from, struct span to)
{
    struct engine_op op = {.kind = OP_DEL_RANGE, .cf = cf, .key = keep(b, from)};
    op.value = keep(b, to);
    add(b, op);
}

/* Below the reserve no message comes in, but flags, logins and small settings are still kept, and
 * what deletes goes through (it writes tombstones and counters before it frees anything). In the
 * last quarter only what deletes: the engine needs that room to rewrite its files and so to free
 * space. */
static bool fits_the_disk(struct store *s, const struct batch *b)
{
    const uint64_t small = 4 * 1024, tombstones = 256 * 1024;
    uint64_t free_bytes = s->engine->vt->free_bytes(s->engine);
    if (free_bytes >= s->reserve_bytes || b->put_bytes == 0)
        return true;
    if (b->bulk)
        return false;
    if (b->dels > 0 && b->put_bytes <= tombstones)
        return true;
    return free_bytes >= s->reserve_bytes / 4 && b->put_bytes <= small;
}

int batch_commit(struct store *s, struct batch *b, bool sync)
{
    if (b->err != 0)
        return b->err;
    if (b->n == 0)
        return 0;
    if (s->read_only)
        return ERR_DENIED;
    if (!fits_the_disk(s, b))
        return store_count_error(ERR_DISK_FULL);
    return store_count_error(s->engine->vt->commit(s->engine, b->v, b->n, sync));
}
