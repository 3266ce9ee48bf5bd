/* SPDX-License-Identifier: Apache-2.0 */
/* zstd is what RocksDB used for the same bytes, in Debian and everywhere; at level 1, since the
 * next two levels cost half as much again for one or two percent of mail. XXH3 (libxxhash, the
 * field's fast checksum) reads ten times as many bytes a second as SipHash. */
#include "store/chunk.h"

#include "base/err.h"
#include "store/keys.h"

#include <pthread.h>
#include <xxhash.h>
#include <zstd.h>

enum {
    FORM_RAW = 0, /* written to disk: never renumber */
    FORM_ZSTD = 1,
    TAIL = 9, /* form and sum */
    LEVEL = 1,
    KEPT = 8,              /* contexts of each kind; one is about a megabyte */
    WORTH_SIXTEENTHS = 15, /* packed must be smaller than that of the content */
};

struct chunk_tools {
    pthread_mutex_t lock;
    ZSTD_CCtx *packers[KEPT];
    ZSTD_DCtx *unpackers[KEPT];
    size_t packers_n, unpackers_n;
};

struct chunk_tools *chunk_tools_new(void)
{
    struct chunk_tools *t = calloc(1, sizeof(*t));
    if (t != NULL)
        pthread_mutex_init(&t->lock, NULL);
    return t;
}

void chunk_tools_free(struct chunk_tools *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->packers_n; i++)
        ZSTD_freeCCtx(t->packers[i]);
    for (size_t i = 0; i < t->unpackers_n; i++)
        ZSTD_freeDCtx(t->unpackers[i]);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- contexts ---------------------------------------------------------------------------- */

static ZSTD_CCtx *packer_take(struct chunk_tools *t)
{
    pthread_mutex_lock(&t->lock);
    ZSTD_CCtx *c = t->packers_n > 0 ? t->packers[--t->packers_n] : NULL;
    pthread_mutex_unlock(&t->lock);
    return c != NULL ? c : ZSTD_createCCtx();
}

static void packer_give(struct chunk_tools *t, ZSTD_CCtx *c)
{
    pthread_mutex_lock(&t->lock);
    if (t->packers_n < KEPT) {
        t->packers[t->packers_n++] = c;
        c = NULL;
    }
    pthread_mutex_unlock(&t->lock);
    ZSTD_freeCCtx(c);
}

static ZSTD_DCtx *unpacker_take(struct chunk_tools *t)
{
    pthread_mutex_lock(&t->lock);
    ZSTD_DCtx *d = t->unpackers_n > 0 ? t->unpackers[--t->unpackers_n] : NULL;
    pthread_mutex_unlock(&t->lock);
    return d != NULL ? d : ZSTD_createDCtx();
}

static void unpacker_give(struct chunk_tools *t, ZSTD_DCtx *d)
{
    pthread_mutex_lock(&t->lock);
    if (t->unpackers_n < KEPT) {
        t->unpackers[t->unpackers_n++] = d;
        d = NULL;
    }
    pthread_mutex_unlock(&t->lock);
    ZSTD_freeDCtx(d);
}

/* ---- sealing ----------------------------------------------------------------------------- */

static void sum_make(struct span key, struct span content_and_form, char sum[8])
{
    uint64_t h =
        XXH3_64bits_withSeed(content_and_form.p, content_and_form.n, XXH3_64bits(key.p, key.n));
    for (int i = 0; i < 8; i++)
        sum[i] = (char)(h >> (56 - 8 * i) & 0xff);
}

size_t chunk_sealed_max(size_t n)
{
    return ZSTD_compressBound(n) + TAIL;
}

/* Into `room`; 0 when it is not worth it. */
static size_t pack(ZSTD_CCtx *packer, struct span content, char *room, size_t room_n)
{
    size_t n = ZSTD_compressCCtx(packer, room, room_n, content.p, content.n, LEVEL);
    return ZSTD_isError(n) || n >= content.n / 16 * WORTH_SIXTEENTHS ? 0 : n;
}

int chunk_seal(struct chunk_tools *t, struct span key, struct span content, struct buf *out)
{
    size_t before = out->n, room_n = chunk_sealed_max(content.n);
    char *room = buf_room(out, room_n);
    if (room == NULL)
        return out->err;
    ZSTD_CCtx *packer = packer_take(t);
    if (packer == NULL)
        return ERR_NOMEM;
    size_t n = pack(packer, content, room, room_n - TAIL);
    packer_give(t, packer);
    char form = n > 0 ? FORM_ZSTD : FORM_RAW;
    if (n == 0 && content.n > 0)
        memcpy(room, content.p, n = content.n);
    room[n++] = form;
    sum_make(key, span_of(room, n), room + n);
    buf_added(out, n + 8);
    must(out->n - before <= room_n);
    return 0;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int unpack(struct chunk_tools *t, struct span packed, size_t max, struct buf *out)
{
    unsigned long long size = ZSTD_getFrameContentSize(packed.p, packed.n);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > max)
        return ERR_CORRUPT;
    char *room = buf_room(out, (size_t)size);
    if (room == NULL)
        return out->err;
    ZSTD_DCtx *unpacker = unpacker_take(t);
    if (unpacker == NULL)
        return ERR_NOMEM;
    size_t n = ZSTD_decompressDCtx(unpacker, room, (size_t)size, packed.p, packed.n);
    unpacker_give(t, unpacker);
    if (ZSTD_isError(n) || n != size)
        return ERR_CORRUPT;
    buf_added(out, n);
    return 0;
}

static int put_raw(struct span content, size_t max, struct buf *out)
{
    if (content.n > max)
        return ERR_CORRUPT;
    buf_put(out, content);
    return out->err;
}

static bool sum_is_right(struct span key, struct span sealed)
{
    char sum[8];
    sum_make(key, span_slice(sealed, 0, sealed.n - 8), sum);
    return memcmp(sum, sealed.p + sealed.n - 8, 8) == 0;
}

int chunk_open(
    struct chunk_tools *t, struct span key, struct span sealed, size_t max, struct buf *out)
{
    if (sealed.n >= TAIL && sum_is_right(key, sealed)) {
        struct span content = span_slice(sealed, 0, sealed.n - TAIL);
        char form = sealed.p[content.n];
        if (form == FORM_ZSTD)
            return unpack(t, content, max, out);
        return form == FORM_RAW ? put_raw(content, max, out) : ERR_CORRUPT;
    }
    struct span content; /* of format 1? */
    int rc = frame_open(CF_CHUNKS, key, sealed, &content);
    return rc == 0 ? put_raw(content, max, out) : rc;
}
