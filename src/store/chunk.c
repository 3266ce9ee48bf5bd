/* SPDX-License-Identifier: Apache-2.0 */
/* zstd is what RocksDB used for the same bytes, in Debian and everywhere; at level 1, since the
 * next two levels cost half as much again for one or two percent of mail. XXH3 (libxxhash, the
 * field's fast checksum) reads ten times as many bytes a second as SipHash. */
#include "store/chunk.h"

#include "base/err.h"
#include "base/pack.h"
#include "store/keys.h"

#include <pthread.h>
#include <xxhash.h>
#if defined(XXH_HAS_DISPATCH)
#include <xxh_x86dispatch.h> /* the same function with the widest registers that this processor has */
#endif
#include <zstd.h>

enum {
    FORM_RAW = 0, /* written to disk: never renumber */
    FORM_ZSTD = 1,
    FORM_LINES = 2,
    TAIL = 9, /* form and sum */
    LEVEL = 1,
    KEPT = 8,              /* contexts of each kind; one is about a megabyte */
    WORTH_SIXTEENTHS = 15, /* packed must be smaller than that of the content */
    LINES_FROM = 1024,     /* bytes of content in which lines are looked for */
    LINES_TAIL = 5,        /* behind the two parts of FORM_LINES */
    TEXT_IS_ZSTD = 1,      /* written to disk, both */
    BYTES_ARE_ZSTD = 2,
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
    (void)XXH3_64bits_withSeed("", 0, 0); /* looks at the processor, while there is one thread */
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

static int finish(struct buf *out, struct span key, size_t before, char form)
{
    char sum[8];
    buf_putc(out, form);
    if (out->err != 0)
        return out->err;
    sum_make(key, span_from(buf_span(out), before), sum);
    buf_put(out, span_of(sum, sizeof(sum)));
    return out->err;
}

static int seal_whole(ZSTD_CCtx *packer, struct span content, struct buf *out, char *form_out)
{
    size_t room_n = chunk_sealed_max(content.n) - TAIL;
    char *room = buf_room(out, room_n);
    if (room == NULL)
        return out->err;
    size_t n = pack(packer, content, room, room_n);
    *form_out = n > 0 ? FORM_ZSTD : FORM_RAW;
    if (n > 0)
        buf_added(out, n);
    else
        buf_put(out, content);
    return out->err;
}

/* ---- sealing lines of base64 -------------------------------------------------------------- */

/* What is in `out` from `before` on, packed in place if that is worth it. */
static int pack_bytes(ZSTD_CCtx *packer, struct buf *out, size_t before, bool *packed_out)
{
    struct span bytes = span_from(buf_span(out), before);
    size_t room_n = ZSTD_compressBound(bytes.n);
    char *room = malloc(room_n);
    if (room == NULL)
        return ERR_NOMEM;
    size_t n = pack(packer, bytes, room, room_n);
    *packed_out = n > 0;
    if (n > 0) {
        buf_truncate(out, before);
        buf_put(out, span_of(room, n));
    }
    free(room);
    return out->err;
}

static int put_text(ZSTD_CCtx *packer, struct span text, struct buf *out, bool *packed_out)
{
    size_t room_n = ZSTD_compressBound(text.n);
    char *room = buf_room(out, room_n);
    if (room == NULL)
        return out->err;
    size_t n = pack(packer, text, room, room_n);
    *packed_out = n > 0;
    if (n > 0)
        buf_added(out, n);
    else
        buf_put(out, text);
    return out->err;
}

/* *form_out stays as it is where there are too few such lines, and then `out` does so too. */
static int seal_lines(ZSTD_CCtx *packer, struct span content, struct buf *out, char *form_out)
{
    struct buf text;
    size_t before = out->n;
    bool text_packed = false, bytes_packed = false;
    buf_init(&text, content.n + LINES_FROM);
    int rc = base64_lines_pack(content, &text, out);
    if (rc == 0 && out->n - before + text.n < content.n / 16 * WORTH_SIXTEENTHS) {
        rc = pack_bytes(packer, out, before, &bytes_packed);
        size_t bytes_end = out->n;
        if (rc == 0)
            rc = put_text(packer, buf_span(&text), out, &text_packed);
        if (rc == 0) {
            pack_key_u32(out, (uint32_t)(out->n - bytes_end));
            pack_u8(out, (uint8_t)((text_packed ? TEXT_IS_ZSTD : 0) |
                                   (bytes_packed ? BYTES_ARE_ZSTD : 0)));
            *form_out = FORM_LINES;
            rc = out->err;
        }
    } else if (rc == 0) {
        buf_truncate(out, before);
    }
    buf_done(&text);
    return rc;
}

int chunk_seal(struct chunk_tools *t, struct span key, struct span content, struct buf *out)
{
    size_t before = out->n;
    char form = FORM_RAW;
    int rc = 0;
    if (buf_room(out, chunk_sealed_max(content.n)) == NULL)
        return out->err;
    ZSTD_CCtx *packer = packer_take(t);
    if (packer == NULL)
        return ERR_NOMEM;
    if (content.n >= LINES_FROM)
        rc = seal_lines(packer, content, out, &form);
    if (rc == 0 && form != FORM_LINES)
        rc = seal_whole(packer, content, out, &form);
    packer_give(t, packer);
    if (rc == 0)
        rc = finish(out, key, before, form);
    must(rc != 0 || out->n - before <= chunk_sealed_max(content.n));
    return rc;
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

/* One of the two parts of FORM_LINES; `held` owns it where it had to be unpacked. */
static int
part_open(struct chunk_tools *t, struct span part, bool packed, struct buf *held, struct span *out)
{
    int rc = packed ? unpack(t, part, held->max, held) : 0;
    *out = packed ? buf_span(held) : part;
    return rc;
}

static int open_lines(struct chunk_tools *t, struct span sealed, size_t max, struct chunk_view *v)
{
    struct span text, bytes;
    if (sealed.n < LINES_TAIL)
        return ERR_CORRUPT;
    struct unpack tail = unpack_of(span_from(sealed, sealed.n - LINES_TAIL));
    size_t text_n = unpack_key_u32(&tail);
    uint8_t packed = unpack_u8(&tail);
    sealed.n -= LINES_TAIL;
    if (text_n > sealed.n || packed > (TEXT_IS_ZSTD | BYTES_ARE_ZSTD))
        return ERR_CORRUPT;
    int rc = part_open(t, span_from(sealed, sealed.n - text_n), (packed & TEXT_IS_ZSTD) != 0,
                       &v->held_text, &text);
    if (rc == 0)
        rc = part_open(t, span_slice(sealed, 0, sealed.n - text_n), (packed & BYTES_ARE_ZSTD) != 0,
                       &v->held, &bytes);
    if (rc == 0)
        rc = base64_view_open(text, bytes, max, &v->lines);
    v->is_lines = true;
    v->borrows = packed != (TEXT_IS_ZSTD | BYTES_ARE_ZSTD);
    v->n = rc == 0 ? v->lines.n : 0;
    return rc;
}

static int open_raw(struct span content, size_t max, struct chunk_view *v)
{
    if (content.n > max)
        return ERR_CORRUPT;
    v->content = content;
    v->n = content.n;
    v->borrows = true;
    return 0;
}

static int open_packed(struct chunk_tools *t, struct span packed, size_t max, struct chunk_view *v)
{
    int rc = unpack(t, packed, max, &v->held);
    v->content = buf_span(&v->held);
    v->n = v->content.n;
    return rc;
}

static bool sum_is_right(struct span key, struct span sealed)
{
    char sum[8];
    sum_make(key, span_slice(sealed, 0, sealed.n - 8), sum);
    return memcmp(sum, sealed.p + sealed.n - 8, 8) == 0;
}

static int view_open(
    struct chunk_tools *t, struct span key, struct span sealed, size_t max, struct chunk_view *v)
{
    if (sealed.n >= TAIL && sum_is_right(key, sealed)) {
        struct span content = span_slice(sealed, 0, sealed.n - TAIL);
        char form = sealed.p[content.n];
        if (form == FORM_ZSTD)
            return open_packed(t, content, max, v);
        if (form == FORM_LINES)
            return open_lines(t, content, max, v);
        return form == FORM_RAW ? open_raw(content, max, v) : ERR_CORRUPT;
    }
    struct span content; /* of format 1? */
    int rc = frame_open(CF_CHUNKS, key, sealed, &content);
    return rc == 0 ? open_raw(content, max, v) : rc;
}

int chunk_view_open(
    struct chunk_tools *t, struct span key, struct span sealed, size_t max, struct chunk_view *out)
{
    *out = (struct chunk_view){0};
    buf_init(&out->held, max);
    buf_init(&out->held_text, max + LINES_FROM);
    int rc = view_open(t, key, sealed, max, out);
    if (rc != 0)
        chunk_view_done(out);
    return rc;
}

int chunk_view_read(struct chunk_view *v, size_t offset, size_t n, struct buf *to)
{
    if (v->is_lines)
        return base64_view_read(&v->lines, offset, n, to);
    buf_put(to, span_slice(v->content, offset < v->n ? offset : v->n, n));
    return to->err;
}

void chunk_view_done(struct chunk_view *v)
{
    buf_done(&v->held);
    buf_done(&v->held_text);
    *v = (struct chunk_view){0};
}

int chunk_open(
    struct chunk_tools *t, struct span key, struct span sealed, size_t max, struct buf *out)
{
    struct chunk_view v;
    int rc = chunk_view_open(t, key, sealed, max, &v);
    if (rc != 0)
        return rc;
    rc = chunk_view_read(&v, 0, v.n, out);
    chunk_view_done(&v);
    return rc;
}
