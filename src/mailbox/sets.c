/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of TABLE_SET. A transaction that touches many messages of a mailbox touches few chunks again and
 * again, so it gathers their changes in the edit's slots and writes each chunk once. */
#include "mailbox/sets.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"

enum { CHUNK_VERSION = 1, CHUNK_RUNS = 1, CHUNK_BITS = 2, CHUNK_BYTES = SET_CHUNK / 8 };

static void chunk_set(struct set_chunk *c, uint32_t bit, bool on)
{
    uint64_t mask = UINT64_C(1) << (bit % 64);
    if (on)
        c->w[bit / 64] |= mask;
    else
        c->w[bit / 64] &= ~mask;
}

bool set_chunk_is_empty(const struct set_chunk *c)
{
    uint64_t any = 0;
    for (size_t i = 0; i < COUNT_OF(c->w); i++)
        any |= c->w[i];
    return any == 0;
}

/* The first bit from `from` on that is `on`; SET_CHUNK if there is none. */
static uint32_t chunk_find(const struct set_chunk *c, uint32_t from, bool on)
{
    for (uint32_t at = from; at < SET_CHUNK; at = (at / 64 + 1) * 64) {
        uint64_t w = on ? c->w[at / 64] : ~c->w[at / 64];
        w >>= at % 64;
        if (w != 0)
            return at + (uint32_t)__builtin_ctzll(w);
    }
    return SET_CHUNK;
}

void set_chunk_pack(struct buf *b, const struct set_chunk *c)
{
    size_t start = b->n;
    pack_u8(b, CHUNK_VERSION);
    pack_u8(b, CHUNK_RUNS);
    for (uint32_t at = chunk_find(c, 0, true), end = 0; at < SET_CHUNK;
         at = chunk_find(c, end, true)) {
        pack_uint(b, at - end);
        end = chunk_find(c, at, false);
        pack_uint(b, end - at - 1);
        if (b->n - start > 2 + CHUNK_BYTES)
            break;
    }
    if (b->err != 0 || b->n - start <= 2 + CHUNK_BYTES)
        return;
    buf_truncate(b, start);
    pack_u8(b, CHUNK_VERSION);
    pack_u8(b, CHUNK_BITS);
    for (size_t i = 0; i < COUNT_OF(c->w); i++)
        for (unsigned shift = 0; shift < 64; shift += 8)
            pack_u8(b, (uint8_t)(c->w[i] >> shift));
}

static void unpack_runs(struct unpack *u, struct set_chunk *out)
{
    uint64_t end = 0;
    while (!u->bad && !unpack_at_end(u)) {
        uint64_t gap = unpack_uint(u), more = unpack_uint(u);
        if (gap >= SET_CHUNK || more >= SET_CHUNK || end + gap + more >= SET_CHUNK) {
            u->bad = true;
            return;
        }
        for (uint64_t i = 0; i <= more; i++)
            chunk_set(out, (uint32_t)(end + gap + i), true);
        end += gap + more + 1;
    }
}

int set_chunk_unpack(struct span s, struct set_chunk *out)
{
    struct unpack u = unpack_of(s);
    *out = (struct set_chunk){0};
    if (unpack_u8(&u) != CHUNK_VERSION)
        u.bad = true;
    uint8_t kind = unpack_u8(&u);
    if (kind == CHUNK_RUNS)
        unpack_runs(&u, out);
    else if (kind != CHUNK_BITS || u.rest.n != CHUNK_BYTES)
        u.bad = true;
    else
        for (size_t i = 0; i < CHUNK_BYTES; i++)
            out->w[i / 8] |= (uint64_t)unpack_u8(&u) << (i % 8 * 8);
    if (!u.bad && set_chunk_is_empty(out))
        u.bad = true;
    return unpack_end(&u);
}

/* ---- which sets -------------------------------------------------------------------------- */

static const struct {
    uint32_t set, flag;
    bool when;
} set_of_flag[] = {
    {SET_UNSEEN, FLAG_SEEN, false},    {SET_ANSWERED, FLAG_ANSWERED, true},
    {SET_FLAGGED, FLAG_FLAGGED, true}, {SET_DELETED, FLAG_DELETED, true},
    {SET_DRAFT, FLAG_DRAFT, true},
};

static bool keywords_hold(const struct keyword_ids *k, uint32_t id)
{
    for (uint32_t i = 0; i < k->n && k->v[i] <= id; i++)
        if (k->v[i] == id)
            return true;
    return false;
}

bool set_holds(uint32_t set, const struct entry_record *r)
{
    if (set >= SET_KEYWORD)
        return keywords_hold(&r->keywords, set - SET_KEYWORD);
    for (size_t i = 0; i < COUNT_OF(set_of_flag); i++)
        if (set_of_flag[i].set == set)
            return ((r->flags & set_of_flag[i].flag) != 0) == set_of_flag[i].when;
    return set == SET_ALL;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* A chunk as the entries say it is: after damage. */
static int chunk_derive(struct edit *e, struct set_slot *s)
{
    struct mail_key prefix = mail_key_entries(s->mailbox);
    uint32_t base = s->chunk << SET_CHUNK_BITS;
    struct mail_key from = mail_key_entry(s->mailbox, (struct mail_uid){base});
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), mail_key_span(&from), false, &it);
    if (err != 0)
        return err;
    memset(s->bits, 0, sizeof s->bits);
    s->dirty = true;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mailbox_id mailbox;
        struct mail_uid uid;
        struct entry_record r;
        if (mail_key_read_entry(key, &mailbox, &uid) != 0)
            continue;
        if (uid.v - base >= SET_CHUNK)
            break;
        if (entry_record_unpack(value, &r) == 0 && set_holds(s->set, &r))
            s->bits[(uid.v - base) / 64] |= UINT64_C(1) << (uid.v % 64);
    }
    store_iter_close(it);
    return err < 0 ? err : 0;
}

static int slot_load(struct edit *e, struct set_slot *s)
{
    struct mail_key key = mail_key_chunk(s->mailbox, s->set, s->chunk);
    struct set_chunk c = {0};
    struct span value;
    int err = store_txn_get(e->t, mail_key_span(&key), &value);
    if (err == 0)
        err = set_chunk_unpack(value, &c);
    if (err == ERR_NOT_FOUND)
        err = 0;
    if (err == ERR_CORRUPT)
        return chunk_derive(e, s);
    memcpy(s->bits, c.w, sizeof s->bits);
    return err;
}

static void slot_write(struct edit *e, struct set_slot *s)
{
    struct mail_key key = mail_key_chunk(s->mailbox, s->set, s->chunk);
    struct set_chunk c;
    if (!s->dirty)
        return;
    memcpy(c.w, s->bits, sizeof c.w);
    s->dirty = false;
    if (set_chunk_is_empty(&c)) {
        edit_del(e, &key);
        return;
    }
    set_chunk_pack(&e->scratch, &c);
    edit_put_scratch(e, &key);
}

static int slot_of(
    struct edit *e, struct mailbox_id mailbox, uint32_t set, uint32_t chunk, struct set_slot **out)
{
    for (size_t i = 0; i < COUNT_OF(e->slot); i++) {
        struct set_slot *s = &e->slot[i];
        if (s->used && s->mailbox.v == mailbox.v && s->set == set && s->chunk == chunk) {
            *out = s;
            return 0;
        }
    }
    struct set_slot *s = &e->slot[e->slot_next++ % COUNT_OF(e->slot)];
    if (s->used)
        slot_write(e, s);
    s->used = s->dirty = false;
    s->mailbox = mailbox;
    s->set = set;
    s->chunk = chunk;
    int err = slot_load(e, s);
    if (err != 0)
        return err;
    s->used = true;
    *out = s;
    return 0;
}

static int set_put(struct edit *e, struct mail_place at, uint32_t set, bool on)
{
    struct set_slot *s;
    int err = slot_of(e, at.mailbox, set, at.uid.v >> SET_CHUNK_BITS, &s);
    if (err != 0)
        return err;
    uint64_t *w = &s->bits[at.uid.v % SET_CHUNK / 64], mask = UINT64_C(1) << (at.uid.v % 64);
    uint64_t value = on ? *w | mask : *w & ~mask;
    if (value != *w) {
        *w = value;
        s->dirty = true;
    }
    return 0;
}

int sets_change(struct edit *e,
                struct mail_place at,
                const struct entry_record *before,
                const struct entry_record *after)
{
    static const struct keyword_ids none = {0};
    int err = 0;
    if ((before == NULL) != (after == NULL))
        err = set_put(e, at, SET_ALL, after != NULL);
    for (size_t i = 0; err == 0 && i < COUNT_OF(set_of_flag); i++) {
        bool was = before != NULL && set_holds(set_of_flag[i].set, before);
        bool is = after != NULL && set_holds(set_of_flag[i].set, after);
        if (was != is)
            err = set_put(e, at, set_of_flag[i].set, is);
    }
    const struct keyword_ids *old = before != NULL ? &before->keywords : &none;
    const struct keyword_ids *new = after != NULL ? &after->keywords : &none;
    for (uint32_t i = 0; err == 0 && i < old->n; i++)
        if (!keywords_hold(new, old->v[i]))
            err = set_put(e, at, SET_KEYWORD + (uint32_t)old->v[i], false);
    for (uint32_t i = 0; err == 0 && i < new->n; i++)
        if (!keywords_hold(old, new->v[i]))
            err = set_put(e, at, SET_KEYWORD + (uint32_t) new->v[i], true);
    return err;
}

void sets_flush(struct edit *e)
{
    for (size_t i = 0; i < COUNT_OF(e->slot); i++)
        if (e->slot[i].used)
            slot_write(e, &e->slot[i]);
}

int sets_drop(struct edit *e, struct mailbox_id mailbox)
{
    struct mail_key prefix = mail_key_mailbox_sets(mailbox);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    for (size_t i = 0; i < COUNT_OF(e->slot); i++)
        if (e->slot[i].mailbox.v == mailbox.v)
            e->slot[i].used = false;
    int err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0)
        store_txn_del(e->t, key);
    store_iter_close(it);
    return err;
}

int sets_build(struct edit *e, struct mailbox_id mailbox)
{
    struct mail_key prefix = mail_key_entries(mailbox);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    int err = sets_drop(e, mailbox);
    if (err == 0)
        err = store_txn_scan(e->t, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mail_place at = {.mailbox = mailbox};
        struct entry_record r;
        err = 0;
        if (mail_key_read_entry(key, &at.mailbox, &at.uid) == 0 &&
            entry_record_unpack(value, &r) == 0)
            err = sets_change(e, at, NULL, &r);
        if (err != 0)
            break;
    }
    store_iter_close(it);
    return err;
}

/* ---- reading ----------------------------------------------------------------------------- */

void set_chunk_add(struct numset *out, uint32_t chunk, const struct set_chunk *c)
{
    uint32_t base = chunk << SET_CHUNK_BITS;
    for (uint32_t at = chunk_find(c, 0, true), end; at < SET_CHUNK; at = chunk_find(c, end, true)) {
        end = chunk_find(c, at, false);
        numset_add_range(out, base + at, base + (end - 1));
    }
}

static int
entries_derive(struct look *l, struct mailbox_id mailbox, uint32_t set, struct numset *out)
{
    struct mail_key prefix = mail_key_entries(mailbox);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    int err = store_snap_scan(l->snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    numset_clear(out);
    while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mailbox_id at;
        struct mail_uid uid;
        struct entry_record r;
        if (mail_key_read_entry(key, &at, &uid) == 0 && entry_record_unpack(value, &r) == 0 &&
            set_holds(set, &r))
            numset_add(out, uid.v);
    }
    store_iter_close(it);
    return err;
}

/* Few chunks are asked for by their keys: a scan would pass over all that was ever written to a row that changes often, and
 * RocksDB keeps that until it is flushed. */
enum { CHUNKS_GET = 4 };

static int chunks_get(
    struct look *l, const struct mail_head *head, uint32_t set, struct numset *out, size_t *damaged)
{
    int err = 0;
    for (uint32_t chunk = 0; err == 0 && chunk <= head->uidnext >> SET_CHUNK_BITS; chunk++) {
        struct mail_key key = mail_key_chunk(head->mailbox, set, chunk);
        struct set_chunk c;
        struct span value;
        err = look_get(l, &key, &value);
        if (err == 0)
            err = set_chunk_unpack(value, &c);
        if (err == 0)
            set_chunk_add(out, chunk, &c);
        *damaged += err == ERR_CORRUPT;
        if (err == ERR_NOT_FOUND || err == ERR_CORRUPT)
            err = 0;
    }
    return err;
}

static int chunks_scan(
    struct look *l, struct mailbox_id mailbox, uint32_t set, struct numset *out, size_t *damaged)
{
    struct mail_key prefix = mail_key_chunks(mailbox, set);
    struct store_iter *it;
    struct span key, value;
    int err = store_snap_scan(l->snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, damaged)) > 0) {
        struct mailbox_id at;
        uint32_t of, chunk;
        struct set_chunk c;
        if (mail_key_read_chunk(key, &at, &of, &chunk) != 0 || set_chunk_unpack(value, &c) != 0 ||
            chunk > UINT32_MAX >> SET_CHUNK_BITS)
            ++*damaged;
        else
            set_chunk_add(out, chunk, &c);
    }
    store_iter_close(it);
    return err;
}

int sets_read(struct look *l, const struct mail_head *head, uint32_t set, struct numset *out)
{
    size_t damaged = 0;
    numset_clear(out);
    int err = head->uidnext >> SET_CHUNK_BITS < CHUNKS_GET
                  ? chunks_get(l, head, set, out, &damaged)
                  : chunks_scan(l, head->mailbox, set, out, &damaged);
    if (err == 0 && damaged > 0)
        err = entries_derive(l, head->mailbox, set, out);
    numset_shrink(out);
    return err != 0 ? err : out->err;
}
