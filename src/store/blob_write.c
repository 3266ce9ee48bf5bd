/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a blob. Up to STORE_SMALL_BLOB it stays in memory and goes to pending.c; beyond, its
 * chunks are written unsynced as they fill, with a candidate record in the first batch, so that
 * whatever a crash leaves behind is found by the collector. The synced commit that links the blob
 * makes all of it durable, because an engine's synced commit covers everything committed before it
 * (engine.h).
 */
#include "store/internal.h"

#include "base/err.h"

struct blob_writer {
    struct store *s;
    struct blob_id id;
    int64_t created_ms;
    struct digest digest;
    uint64_t size;
    uint32_t chunks;   /* written */
    bool large;        /* chunks are being written, and the mark is set */
    struct buf chunk;  /* the one being filled */
    struct buf sealed; /* a large one's chunk for the disk */
    int err;           /* sticky */
};

/* 48 bits of milliseconds, so that ids and with them files and caches are ordered by time, and 80
 * random bits: a thousand a millisecond for a century meet each other with a chance of 1 in 10^11.
 */
static void id_make(struct store *s, int64_t now_ms, struct blob_id *id)
{
    for (int i = 0; i < 6; i++)
        id->b[i] = (uint8_t)((uint64_t)now_ms >> (8 * (5 - i)));
    pthread_mutex_lock(&s->rng_lock);
    s->rng->fill(s->rng, id->b + 6, sizeof(id->b) - 6);
    pthread_mutex_unlock(&s->rng_lock);
}

int store_blob_create(struct store *s, struct blob_writer **out)
{
    if (s->read_only)
        return ERR_DENIED;
    struct blob_writer *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ERR_NOMEM;
    w->s = s;
    w->created_ms = s->clock->wall_ms(s->clock);
    id_make(s, w->created_ms, &w->id);
    digest_init(&w->digest, DIGEST_SHA256);
    buf_init(&w->chunk, STORE_CHUNK);
    buf_init(&w->sealed, chunk_sealed_max(STORE_CHUNK));
    *out = w;
    return 0;
}

static void writer_free(struct blob_writer *w)
{
    if (w->large)
        pending_remove(w->s, w->id);
    buf_done(&w->chunk);
    buf_done(&w->sealed);
    free(w);
}

void store_blob_abandon(struct blob_writer *w)
{
    uint8_t unused[DIGEST_BYTES];
    if (w == NULL)
        return;
    (void)!digest_final(&w->digest, unused);
    writer_free(w);
}

/* From here on the collector must keep away: before the first chunk is there to be found. */
static int become_large(struct blob_writer *w)
{
    struct pending_blob *mark = calloc(1, sizeof(*mark));
    if (mark == NULL)
        return ERR_NOMEM;
    mark->id = w->id;
    mark->writing = true;
    mark->created_ms = w->created_ms;
    w->large = true;
    return pending_add(w->s, mark); /* marks do not count against the cap */
}

/* Writes the chunk in `w->chunk` (if there is any content) and, at the end, the head. */
static int flush(struct blob_writer *w, const struct blob_head *head)
{
    int rc = w->large ? 0 : become_large(w);
    struct arena *a = arena_new(64 * 1024);
    if (rc != 0 || a == NULL) {
        arena_free(a);
        return rc != 0 ? rc : ERR_NOMEM;
    }
    struct batch b;
    batch_init(&b, a);
    struct fixed_key chunk_key, key;
    if (w->chunks == 0) {
        key_candidate(&key, w->created_ms, w->id);
        batch_put(&b, CF_META, &key, SPAN_EMPTY);
    }
    struct buf record;
    buf_init(&record, 256);
    if (head != NULL) {
        blob_head_pack(&record, head);
        key_head(&key, w->id);
        batch_put(&b, CF_META, &key, buf_span(&record));
    }
    if (w->chunk.n > 0) { /* last, since the engine's batch would grow beyond it by doubling */
        key_chunk(&chunk_key, w->id, w->chunks);
        buf_clear(&w->sealed);
        rc = chunk_seal(w->s->chunks, fixed_key_span(&chunk_key), buf_span(&w->chunk), &w->sealed);
        batch_put_framed(&b, CF_CHUNKS, fixed_key_span(&chunk_key), buf_span(&w->sealed));
    }
    if (rc == 0)
        rc = record.err;
    if (rc == 0)
        rc = batch_commit(w->s, &b, false);
    w->chunks++;
    buf_clear(&w->chunk);
    buf_done(&record);
    arena_free(a);
    return rc;
}

int store_blob_write(struct blob_writer *w, struct span bytes)
{
    if (w->err == 0 && bytes.n > LIMIT_BLOB - w->size)
        w->err = ERR_TOO_BIG;
    if (w->err != 0)
        return w->err;
    if (bytes.n == 0)
        return 0;
    digest_update(&w->digest, bytes);
    w->size += bytes.n;
    while (bytes.n > 0 && w->err == 0) {
        struct span part = span_slice(bytes, 0, STORE_CHUNK - w->chunk.n);
        if (w->chunk.n + part.n > STORE_SMALL_BLOB) /* not by doubling and copying */
            (void)buf_room(&w->chunk, STORE_CHUNK - w->chunk.n);
        buf_put(&w->chunk, part);
        bytes = span_from(bytes, part.n);
        w->err = w->chunk.err;
        if (w->err == 0 && w->chunk.n == STORE_CHUNK)
            w->err = flush(w, NULL);
    }
    return w->err;
}

/* Small ones wait in memory. ERR_OVERLOAD: no room there. */
static int keep_pending(struct blob_writer *w, const struct blob_head *head)
{
    struct fixed_key key;
    key_chunk(&key, w->id, 0);
    if (w->chunk.n > 0) {
        int rc = chunk_seal(w->s->chunks, fixed_key_span(&key), buf_span(&w->chunk), &w->sealed);
        if (rc != 0)
            return rc;
    }
    struct pending_blob *p = malloc(sizeof(*p) + w->sealed.n);
    if (p == NULL)
        return ERR_NOMEM;
    *p = (struct pending_blob){
        .id = w->id, .head = *head, .created_ms = w->created_ms, .sealed_n = w->sealed.n};
    if (w->sealed.n > 0)
        memcpy(p->sealed, w->sealed.p, w->sealed.n);
    int rc = pending_add(w->s, p);
    if (rc != 0)
        free(p);
    return rc;
}

int store_blob_finish(struct blob_writer *w, struct blob_id *id_out, struct blob_info *info_out)
{
    struct blob_head head = {
        .size = w->size, .chunk_size = STORE_CHUNK, .digest_kind = DIGEST_SHA256};
    head.chunks = (uint32_t)((head.size + head.chunk_size - 1) / head.chunk_size);
    int rc = digest_final(&w->digest, head.digest);
    if (w->err != 0)
        rc = w->err;
    if (rc == 0 && !w->large && w->size <= STORE_SMALL_BLOB) {
        rc = keep_pending(w, &head);
        if (rc == ERR_OVERLOAD)
            rc = flush(w, &head);
    } else if (rc == 0) {
        rc = flush(w, &head);
    }
    if (rc == 0) {
        *id_out = w->id;
        info_out->size = head.size;
        memcpy(info_out->digest, head.digest, sizeof(info_out->digest));
    }
    writer_free(w);
    return rc;
}
