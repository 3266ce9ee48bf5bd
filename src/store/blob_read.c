/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a blob: one chunk at a time is held, in the form in which it lies in the engine wherever its content can
 * be made from that a piece at a time. So a phone that reads line by line costs one read of the engine
 * a megabyte, a reader never more memory than that megabyte, and content is written once, where it is wanted. */
#include "store/internal.h"

#include "base/err.h"

enum { NO_CHUNK = UINT32_MAX };

struct blob_reader {
    struct store *s;
    struct blob_id id;
    struct blob_head head;
    uint32_t held;            /* index of the chunk in `view`, or NO_CHUNK */
    struct chunk_view view;   /* of `value`, or of `sealed` */
    struct engine_value kept; /* owner NULL: none */
    struct buf sealed;        /* of a blob that was pending */
};

int blob_head_get(struct store *s, struct blob_id id, struct arena *a, struct blob_head *out)
{
    struct fixed_key key;
    struct span record;
    key_head(&key, id);
    int rc = store_get(s, NULL, CF_META, fixed_key_span(&key), a, &record);
    return rc == 0 ? blob_head_unpack(record, out) : rc;
}

static size_t chunk_length(const struct blob_head *h, uint32_t index)
{
    uint64_t left = h->size - (uint64_t)index * h->chunk_size;
    return left < h->chunk_size ? (size_t)left : h->chunk_size;
}

static void chunk_let_go(struct blob_reader *r)
{
    r->held = NO_CHUNK;
    chunk_view_done(&r->view);
    if (r->kept.owner != NULL)
        r->s->engine->vt->value_drop(&r->kept);
}

/* Makes a chunk the one that is held. */
static int chunk_unseal(struct blob_reader *r, uint32_t index, struct span key, struct span sealed)
{
    size_t length = chunk_length(&r->head, index);
    int rc = chunk_view_open(r->s->chunks, key, sealed, length, &r->view);
    if (rc == 0 && r->view.n != length)
        rc = ERR_CORRUPT;
    if (rc == 0)
        r->held = index;
    return rc;
}

static int pending_hold(struct blob_reader *r)
{
    struct fixed_key key;
    key_chunk(&key, r->id, 0);
    int rc = pending_read(r->s, r->id, &r->head, &r->sealed);
    if (rc == 0 && r->head.size > 0)
        rc = chunk_unseal(r, 0, fixed_key_span(&key), buf_span(&r->sealed));
    return rc;
}

int store_blob_open(struct store *s,
                    struct blob_id id,
                    struct blob_reader **out,
                    struct blob_info *info_out)
{
    struct blob_reader *r = calloc(1, sizeof(*r));
    struct arena *a = arena_new(4096);
    int rc = ERR_NOMEM;
    if (r != NULL && a != NULL) {
        r->s = s;
        r->id = id;
        r->held = NO_CHUNK;
        buf_init(&r->sealed, chunk_sealed_max(STORE_SMALL_BLOB));
        /* pending first: when it is no longer there it is in the engine already */
        rc = pending_hold(r);
        if (rc == ERR_NOT_FOUND)
            rc = blob_head_get(s, id, a, &r->head);
    }
    arena_free(a);
    if (rc != 0) {
        store_blob_close(r);
        return rc;
    }
    if (info_out != NULL) {
        info_out->size = r->head.size;
        memcpy(info_out->digest, r->head.digest, sizeof(info_out->digest));
    }
    *out = r;
    return 0;
}

void store_blob_close(struct blob_reader *r)
{
    if (r == NULL)
        return;
    chunk_let_go(r);
    buf_done(&r->sealed);
    free(r);
}

/* A chunk that is missing although there is a head is damage, not absence. */
static int chunk_hold(struct blob_reader *r, uint32_t index)
{
    if (r->held == index)
        return 0;
    struct fixed_key key;
    key_chunk(&key, r->id, index);
    struct engine *e = r->s->engine;
    chunk_let_go(r);
    int rc = e->vt->get(e, NULL, CF_CHUNKS, fixed_key_span(&key), &r->kept);
    if (rc != 0)
        return store_count_error(rc == ERR_NOT_FOUND ? ERR_CORRUPT : rc);
    rc = e->vt->value_keep(e, &r->kept);
    if (rc == 0)
        rc = chunk_unseal(r, index, fixed_key_span(&key), r->kept.bytes);
    if (rc != 0)
        chunk_let_go(r);
    else if (!r->view.borrows)
        e->vt->value_drop(&r->kept);
    return store_count_error(rc);
}

int store_blob_read(struct blob_reader *r, uint64_t offset, size_t max, struct buf *to)
{
    while (max > 0 && offset < r->head.size) {
        int rc = chunk_hold(r, (uint32_t)(offset / r->head.chunk_size));
        size_t before = to->n;
        if (rc == 0)
            rc = chunk_view_read(&r->view, (size_t)(offset % r->head.chunk_size), max, to);
        if (rc != 0)
            return rc;
        offset += to->n - before;
        max -= to->n - before;
    }
    return 0;
}

/* From the end, so that the first chunk is the one that is held. */
int store_blob_check(struct blob_reader *r)
{
    int rc = 0;
    for (uint32_t i = r->head.chunks; rc == 0 && i > 0; i--)
        rc = chunk_hold(r, i - 1);
    return rc;
}

int store_blob_verify(struct store *s, struct blob_id id)
{
    struct blob_reader *r;
    int rc = store_blob_open(s, id, &r, NULL);
    if (rc != 0)
        return rc;
    struct digest state;
    struct buf content;
    uint8_t digest[DIGEST_BYTES];
    buf_init(&content, STORE_CHUNK);
    digest_init(&state, r->head.digest_kind);
    for (uint32_t i = 0; rc == 0 && i < r->head.chunks; i++) {
        rc = chunk_hold(r, i);
        buf_clear(&content);
        if (rc == 0)
            rc = chunk_view_read(&r->view, 0, r->view.n, &content);
        if (rc == 0)
            digest_update(&state, buf_span(&content));
    }
    buf_done(&content);
    int digest_rc = digest_final(&state, digest);
    if (rc == 0)
        rc = digest_rc;
    if (rc == 0 && memcmp(digest, r->head.digest, sizeof(digest)) != 0)
        rc = store_count_error(ERR_CORRUPT);
    store_blob_close(r);
    return rc;
}
