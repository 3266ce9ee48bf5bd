/* SPDX-License-Identifier: Apache-2.0 */
/* store_check: reads everything once.
 *
 * Records and links are walked in their order. Heads and chunks are both ordered by blob id, so the
 * two are walked side by side: every chunk is read once, in the order of the disk, and each blob's
 * digest is computed on the way. A blob that is being written while the check runs has chunks and
 * no head; those that are pending or have a candidate record are not a problem, but the collector's
 * to judge.
 */
#include "store/internal.h"

#include "base/encode.h"
#include "base/err.h"

struct check {
    struct store *s;
    struct engine_snap *snap;
    void (*report)(void *arg, struct span sentence);
    int (*stop)(void *arg);
    void *arg;
    struct store_check *out;
};

static void say(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct check *c, const char *fmt, ...)
{
    struct buf b;
    buf_init(&b, 4096);
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&b, fmt, args);
    va_end(args);
    c->out->problems++;
    if (c->report != NULL)
        c->report(c->arg, buf_span(&b));
    buf_done(&b);
}

struct hex {
    char text[129];
};

static struct hex hex_of(struct span s)
{
    struct hex h = {{0}};
    struct buf b;
    buf_init(&b, sizeof(h.text) - 1);
    hex_encode(&b, span_slice(s, 0, sizeof(h.text) / 2));
    if (b.n > 0)
        memcpy(h.text, b.p, b.n);
    buf_done(&b);
    return h;
}

static struct hex hex_id(struct blob_id id)
{
    return hex_of(span_of(id.b, sizeof(id.b)));
}

/* ---- walking one column family -------------------------------------------------------------- */

struct walk {
    struct check *c;
    enum engine_cf cf;
    struct engine_iter *it;
    const char *what;
    struct span key, value;
    struct buf content; /* of a chunk */
    bool damaged;       /* the current entry: key is good, value is not */
};

static int walk_open(
    struct walk *w, struct check *c, enum engine_cf cf, char first, char end, const char *what)
{
    *w = (struct walk){.c = c, .cf = cf, .what = what};
    buf_init(&w->content, STORE_CHUNK);
    char lower[1] = {first}, upper[1] = {end};
    /* 24 x 0xff is above every key of ours: ids begin with 48 bits of time */
    static const char top[24] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    struct engine_range range = {.cf = cf,
                                 .lower = span_of(lower, 1),
                                 .upper = end != 0 ? span_of(upper, 1) : span_of(top, sizeof(top)),
                                 .bulk = true};
    return c->s->engine->vt->iter_open(c->s->engine, c->snap, &range, &w->it);
}

static void walk_close(struct walk *w)
{
    w->c->s->engine->vt->iter_close(w->it);
    buf_done(&w->content);
}

/* 1, 0 or an error that ends the check. Stretches the engine cannot read are reported here. */
static int walk_next(struct walk *w)
{
    struct span framed;
    int rc = w->c->stop != NULL ? w->c->stop(w->c->arg) : 0;
    if (rc != 0)
        return rc;
    while ((rc = w->c->s->engine->vt->iter_next(w->it, &w->key, &framed)) == ERR_CORRUPT)
        say(w->c, "a stretch of %s cannot be read: what was there is missing below", w->what);
    if (rc != 1)
        return rc;
    if (w->cf == CF_CHUNKS) {
        buf_clear(&w->content);
        w->damaged = chunk_open(w->c->s->chunks, w->key, framed, STORE_CHUNK, &w->content) != 0;
        w->value = buf_span(&w->content);
    } else {
        w->damaged = frame_open(w->cf, w->key, framed, &w->value) != 0;
    }
    return 1;
}

/* ---- records, links ------------------------------------------------------------------------- */

static int check_records(struct check *c)
{
    struct walk w;
    int rc = walk_open(&w, c, CF_RECORDS, 0, 0, "the records");
    if (rc != 0)
        return rc;
    while ((rc = walk_next(&w)) == 1) {
        struct part part;
        struct span user_key;
        c->out->records++;
        if (!key_read_record(w.key, &part, &user_key) || !part_is_valid(part))
            say(c, "there is a record with the key %s, which belongs to no partition",
                hex_of(w.key).text);
        else if (w.damaged)
            say(c, "partition %d/%llu: the record with the key %s is damaged", (int)part.kind,
                (unsigned long long)part.id, hex_of(user_key).text);
    }
    walk_close(&w);
    return rc;
}

/* Is there such a key? 1, 0, or an error. */
static int exists(struct check *c, const struct fixed_key *key)
{
    struct engine_value value;
    int rc = c->s->engine->vt->get(c->s->engine, c->snap, CF_META, fixed_key_span(key), &value);
    if (rc == 0)
        c->s->engine->vt->value_done(c->s->engine, &value);
    return rc == 0 || rc == ERR_CORRUPT ? 1 : rc == ERR_NOT_FOUND ? 0 : rc;
}

static int
check_link(struct check *c, struct blob_id id, struct part part, uint64_t tag, bool by_part)
{
    struct fixed_key head, other;
    key_head(&head, id);
    if (by_part)
        key_link(&other, id, part, tag);
    else
        key_part_link(&other, part, id, tag);
    int has_head = exists(c, &head);
    int has_other = exists(c, &other);
    if (has_head == 0 && !by_part)
        say(c, "partition %d/%llu needs the blob %s (message %llu), and it is not there",
            (int)part.kind, (unsigned long long)part.id, hex_id(id).text, (unsigned long long)tag);
    if (has_other == 0)
        say(c, "the link of partition %d/%llu to the blob %s is only half there", (int)part.kind,
            (unsigned long long)part.id, hex_id(id).text);
    return has_head < 0 ? has_head : has_other < 0 ? has_other : 0;
}

static int check_links(struct check *c)
{
    struct walk w;
    int rc = walk_open(&w, c, CF_META, 'l', 'q', "the links");
    if (rc != 0)
        return rc;
    while ((rc = walk_next(&w)) == 1) {
        struct blob_id id;
        struct part part;
        uint64_t tag;
        bool by_part = w.key.p[0] == 'p';
        c->out->records++;
        if (by_part ? !key_read_part_link(w.key, &part, &id, &tag)
                    : !key_read_link(w.key, &id, &part, &tag))
            say(c, "there is a link with the key %s, which makes no sense", hex_of(w.key).text);
        else if (w.damaged)
            say(c, "a link to the blob %s is damaged", hex_id(id).text);
        else
            rc = check_link(c, id, part, tag, by_part);
        if (rc < 0)
            break;
    }
    walk_close(&w);
    return rc < 0 ? rc : 0;
}

/* ---- blobs ---------------------------------------------------------------------------------- */

struct blob_pair {
    struct walk heads, chunks;
    int head_rc, chunk_rc;
    struct blob_id head_id, chunk_id;
    uint32_t chunk_index;
    struct fixed_key chunk_key;
};

static int next_head(struct check *c, struct blob_pair *p)
{
    while ((p->head_rc = walk_next(&p->heads)) == 1) {
        c->out->records++;
        if (key_read_head(p->heads.key, &p->head_id))
            return 0;
        say(c, "there is a blob with the key %s, which makes no sense", hex_of(p->heads.key).text);
    }
    return p->head_rc;
}

static int next_chunk(struct check *c, struct blob_pair *p)
{
    while ((p->chunk_rc = walk_next(&p->chunks)) == 1) {
        if (key_read_chunk(p->chunks.key, &p->chunk_id, &p->chunk_index))
            return 0;
        say(c, "there is a part of a blob with the key %s, which makes no sense",
            hex_of(p->chunks.key).text);
    }
    return p->chunk_rc;
}

/* The blob of the current head, with all the chunks that are its own. */
static int check_blob(struct check *c, struct blob_pair *p)
{
    struct blob_head head = {.digest_kind = DIGEST_SHA256};
    struct blob_id id = p->head_id;
    bool good_head = !p->heads.damaged && blob_head_unpack(p->heads.value, &head) == 0;
    uint32_t expected = 0;
    uint64_t size = 0;
    bool whole = true;
    struct digest state;
    uint8_t digest[DIGEST_BYTES];
    digest_init(&state, head.digest_kind);
    c->out->blobs++;
    int rc = 0;
    while (rc == 0 && p->chunk_rc == 1 && blob_id_eq(p->chunk_id, id)) {
        whole &= p->chunk_index == expected++ && !p->chunks.damaged;
        if (!p->chunks.damaged) {
            digest_update(&state, p->chunks.value);
            size += p->chunks.value.n;
        }
        rc = next_chunk(c, p);
    }
    c->out->blob_bytes += size;
    int digest_rc = digest_final(&state, digest);
    if (rc == 0)
        rc = digest_rc;
    if (!good_head)
        say(c, "the head of the blob %s is damaged", hex_id(id).text);
    else if (!whole || size != head.size || expected != head.chunks)
        say(c, "the blob %s is damaged: parts of it cannot be read or are missing",
            hex_id(id).text);
    else if (memcmp(digest, head.digest, sizeof(digest)) != 0)
        say(c, "the blob %s is damaged: its content is not what was stored", hex_id(id).text);
    return rc;
}

static int check_blobs(struct check *c)
{
    struct blob_pair p = {0};
    int rc = walk_open(&p.heads, c, CF_META, 'h', 'i', "the heads of blobs");
    if (rc != 0)
        return rc;
    rc = walk_open(&p.chunks, c, CF_CHUNKS, 0, 0, "the contents of blobs");
    if (rc != 0) {
        walk_close(&p.heads);
        return rc;
    }
    rc = next_head(c, &p);
    if (rc == 0)
        rc = next_chunk(c, &p);
    while (rc == 0 && (p.head_rc == 1 || p.chunk_rc == 1)) {
        bool orphan = p.chunk_rc == 1 && (p.head_rc != 1 || memcmp(p.chunk_id.b, p.head_id.b,
                                                                   sizeof(p.chunk_id.b)) < 0);
        if (orphan) { /* of a writer that died or is at work: the collector's */
            rc = next_chunk(c, &p);
            continue;
        }
        rc = check_blob(c, &p);
        if (rc == 0)
            rc = next_head(c, &p);
    }
    walk_close(&p.chunks);
    walk_close(&p.heads);
    return rc;
}

int store_check_until(struct store *s,
                      void (*report)(void *arg, struct span sentence),
                      int (*stop)(void *arg),
                      void *arg,
                      struct store_check *out)
{
    struct store_check counts = {0};
    struct check c = {.s = s, .report = report, .stop = stop, .arg = arg, .out = &counts};
    int rc = s->engine->vt->snap_open(s->engine, &c.snap);
    if (rc != 0)
        return store_count_error(rc);
    rc = check_records(&c);
    if (rc == 0)
        rc = check_links(&c);
    if (rc == 0)
        rc = check_blobs(&c);
    s->engine->vt->snap_close(s->engine, c.snap);
    if (rc == 0)
        *out = counts;
    return rc;
}

int store_check(struct store *s,
                void (*report)(void *arg, struct span sentence),
                void *arg,
                struct store_check *out)
{
    return store_check_until(s, report, NULL, arg, out);
}
