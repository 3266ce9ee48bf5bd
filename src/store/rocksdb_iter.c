/* SPDX-License-Identifier: Apache-2.0 */
/* Iterating over a range, damage included.
 *
 * RocksDB's iterator ends at the first block it cannot verify, and with it all that is behind. Its
 * error names the block; the block's end is found by seeking ever farther until a seek succeeds, or
 * fails for another block, and by bisection between there and the last seek that failed for this
 * one: a few hundred seeks, once for each damaged block, and nothing readable is passed over.
 *
 * Refused: reading the damaged block without its checksum and picking out the records whose own
 * sums are right. RocksDB's block parser is not made for hostile blocks, and Debian builds it with
 * assertions: a flipped length ends the process there. Small blocks (rocksdb_open.c) keep the loss
 * small instead.
 */
#include "store/rocksdb_impl.h"

#include "base/err.h"
#include "store/keys.h"

enum {
    GALLOP_BYTES = 24
}; /* behind the range's common prefix: enough for every key of ours to differ in */

struct engine_iter {
    struct engine_rocksdb *e;
    struct engine_snap *snap;
    enum engine_cf cf;
    bool reverse, end;
    enum {
        AT_START,
        AT_ENTRY,
        AT_FOUND
    } at; /* FOUND: a gallop stands on the entry to give out next */
    rocksdb_readoptions_t *read;
    rocksdb_iterator_t *it;
    char *lower, *upper, *last; /* `last`: given out last, or where to start */
    size_t lower_n, upper_n, last_n;
    bool has_last;    /* `last` was given out: only what is beyond it comes now */
    char damage[256]; /* RocksDB's words for the block that could not be read last */
    char keys[];
};

static rocksdb_iterator_t *iterator_new(struct engine_iter *it)
{
    it->read = rocksdb_read_new(it->snap->snapshot);
    rocksdb_readoptions_set_iterate_lower_bound(it->read, it->lower, it->lower_n);
    rocksdb_readoptions_set_iterate_upper_bound(it->read, it->upper, it->upper_n);
    return rocksdb_create_iterator_cf(it->e->db, it->read, it->e->cf[it->cf]);
}

static void iterator_free(struct engine_iter *it)
{
    rocksdb_iter_destroy(it->it);
    rocksdb_readoptions_destroy(it->read);
}

int rocksdb_range_open(struct engine *engine,
                       struct engine_snap *snap,
                       const struct engine_range *range,
                       struct engine_iter **out)
{
    struct engine_iter *it = calloc(1, sizeof(*it) + 3 * (size_t)STORE_KEY_BYTES);
    if (it == NULL)
        return ERR_NOMEM;
    must(range->lower.n <= STORE_KEY_BYTES && range->upper.n <= STORE_KEY_BYTES &&
         range->from.n <= STORE_KEY_BYTES);
    it->e = rocksdb_of(engine);
    it->snap = snap;
    it->cf = range->cf;
    it->reverse = range->reverse;
    it->lower = it->keys;
    it->upper = it->keys + STORE_KEY_BYTES;
    it->last = it->keys + (size_t)2 * STORE_KEY_BYTES;
    memcpy(it->lower, range->lower.p, it->lower_n = range->lower.n);
    memcpy(it->upper, range->upper.p, it->upper_n = range->upper.n);
    struct span from = range->from;
    if (from.n == 0)
        from = range->reverse ? range->upper : range->lower;
    memcpy(it->last, from.p, it->last_n = from.n);
    it->it = iterator_new(it);
    if (range->bulk) {
        rocksdb_readoptions_set_fill_cache(it->read, 0);
        rocksdb_readoptions_set_readahead_size(it->read, 1 << 20);
        rocksdb_iter_destroy(it->it);
        it->it = rocksdb_create_iterator_cf(it->e->db, it->read, it->e->cf[it->cf]);
    }
    *out = it;
    return 0;
}

void rocksdb_range_close(struct engine_iter *it)
{
    iterator_free(it);
    free(it);
}

static struct span current_key(struct engine_iter *it)
{
    size_t n;
    const char *p = rocksdb_iter_key(it->it, &n);
    return span_of(p, n);
}

/* Beyond everything given out, and inside the range. */
static bool is_next(struct engine_iter *it, struct span key)
{
    if (span_cmp(key, span_of(it->lower, it->lower_n)) < 0 ||
        span_cmp(key, span_of(it->upper, it->upper_n)) >= 0)
        return false;
    int order = span_cmp(key, span_of(it->last, it->last_n)) * (it->reverse ? -1 : 1);
    return it->has_last ? order > 0 : order >= 0;
}

static void seek(struct engine_iter *it, struct span to)
{
    if (it->reverse)
        rocksdb_iter_seek_for_prev(it->it, to.p, to.n);
    else
        rocksdb_iter_seek(it->it, to.p, to.n);
}

static void step(struct engine_iter *it)
{
    if (it->reverse)
        rocksdb_iter_prev(it->it);
    else
        rocksdb_iter_next(it->it);
}

/* To the entry after `last`, or to the range's start. */
static void seek_last(struct engine_iter *it)
{
    seek(it, span_of(it->last, it->last_n));
    if (it->has_last && rocksdb_iter_valid(it->it) &&
        span_eq(current_key(it), span_of(it->last, it->last_n)))
        step(it);
}

/* 0 at the end of the range, ERR_CORRUPT (then `damage` says where), or another error. */
static int iterator_error(struct engine_iter *it)
{
    char *err = NULL;
    rocksdb_iter_get_error(it->it, &err);
    if (err != NULL)
        snprintf(it->damage, sizeof(it->damage), "%s", err);
    return rocksdb_error(err, "scan");
}

/* ---- galloping over what cannot be parsed ------------------------------------------------- */

/* Keys as numbers of `n` bytes. */
struct key_number {
    uint8_t b[STORE_KEY_BYTES];
    size_t n;
};

static bool number_add_bit(struct key_number *k, size_t bit, bool subtract)
{
    size_t at = k->n - 1 - bit / 8;
    int carry = 1 << bit % 8;
    for (;; at--) {
        int v = k->b[at] + (subtract ? -carry : carry);
        k->b[at] = (uint8_t)(v & 0xff);
        if (v >= 0 && v <= 0xff)
            return true;
        if (at == 0)
            return false;
        carry = 1;
    }
}

static void
number_middle(const struct key_number *a, const struct key_number *b, struct key_number *out)
{
    unsigned carry = 0;
    uint8_t sum[STORE_KEY_BYTES];
    for (size_t i = a->n; i-- > 0;) {
        unsigned v = (unsigned)a->b[i] + b->b[i] + carry;
        sum[i] = (uint8_t)(v & 0xff);
        carry = v >> 8;
    }
    out->n = a->n;
    for (size_t i = 0; i < a->n; i++) {
        /* cppcheck-suppress uninitvar ; the loop above wrote each of them */
        unsigned v = carry << 8 | sum[i];
        out->b[i] = (uint8_t)(v >> 1);
        carry = v & 1;
    }
}

static struct span number_span(const struct key_number *k)
{
    return span_of(k->b, k->n);
}

/* Is this beyond the damaged block: a readable entry, a clean end, or another damaged block? */
static bool is_beyond_damage(struct engine_iter *it, const struct key_number *k)
{
    /* a fresh iterator each time: one that has failed stays failed */
    rocksdb_iter_destroy(it->it);
    it->it = rocksdb_create_iterator_cf(it->e->db, it->read, it->e->cf[it->cf]);
    seek(it, number_span(k));
    if (rocksdb_iter_valid(it->it))
        return is_next(it, current_key(it));
    char *err = NULL;
    rocksdb_iter_get_error(it->it, &err);
    if (err == NULL)
        return true;
    char damage[sizeof(it->damage)];
    snprintf(damage, sizeof(damage), "%s", err);
    rocksdb_free(err); /* not logged: it is what we expect here */
    return strcmp(damage, it->damage) != 0;
}

static bool beyond_range(struct engine_iter *it, const struct key_number *k)
{
    return it->reverse ? span_cmp(number_span(k), span_of(it->lower, it->lower_n)) < 0
                       : span_cmp(number_span(k), span_of(it->upper, it->upper_n)) >= 0;
}

static struct key_number number_of(const char *p, size_t n, size_t width)
{
    struct key_number k = {.n = width};
    memcpy(k.b, p, n < width ? n : width);
    return k;
}

/* The last place known to be in the block, and the first known to be beyond it. */
static void gallop_bounds(struct engine_iter *it, struct key_number *bad, struct key_number *good)
{
    size_t width = GALLOP_BYTES;
    for (size_t i = 0; i < it->lower_n && i < it->upper_n && it->lower[i] == it->upper[i]; i++)
        width++;
    if (width > STORE_KEY_BYTES)
        width = STORE_KEY_BYTES;
    const struct key_number start = number_of(it->last, it->last_n, width);
    *bad = start;
    for (size_t bit = 0; bit < width * 8; bit++) {
        *good = start;
        if (!number_add_bit(good, bit, it->reverse) || beyond_range(it, good))
            break;
        if (is_beyond_damage(it, good))
            return;
        *bad = *good;
    }
    *good = it->reverse ? number_of(it->lower, it->lower_n, width)
                        : number_of(it->upper, it->upper_n, width);
}

static void gallop(struct engine_iter *it)
{
    struct key_number bad, good, middle;
    gallop_bounds(it, &bad, &good);
    for (;;) {
        number_middle(&bad, &good, &middle);
        if (span_eq(number_span(&middle), number_span(&bad)) ||
            span_eq(number_span(&middle), number_span(&good)))
            break;
        if (is_beyond_damage(it, &middle))
            good = middle;
        else
            bad = middle;
    }
    if (!is_beyond_damage(it, &good)) { /* up to the end of the range */
        it->end = true;
    } else if (rocksdb_iter_valid(it->it)) {
        it->at = AT_FOUND;
    } else { /* the end, or the next damaged block: the next call will see which */
        memcpy(it->last, good.b, it->last_n = good.n);
        it->has_last = false;
        it->at = AT_START;
    }
}

/* ---- next -------------------------------------------------------------------------------- */

static void move(struct engine_iter *it)
{
    if (it->at == AT_START)
        seek_last(it);
    else if (it->at == AT_ENTRY)
        step(it);
    it->at = AT_ENTRY;
}

static int entry(struct engine_iter *it, struct span *key, struct span *value)
{
    size_t n;
    const char *p = rocksdb_iter_value(it->it, &n);
    struct span k = current_key(it);
    if (k.n > STORE_KEY_BYTES) {
        it->end = true;
        return ERR_CORRUPT;
    }
    memcpy(it->last, k.p, it->last_n = k.n);
    it->has_last = true;
    *key = k;
    *value = span_of(p, n);
    return 1;
}

int rocksdb_range_next(struct engine_iter *it, struct span *key, struct span *value)
{
    if (it->end)
        return 0;
    move(it);
    if (rocksdb_iter_valid(it->it))
        return entry(it, key, value);
    int rc = iterator_error(it);
    if (rc == ERR_CORRUPT)
        gallop(it);
    else
        it->end = true;
    return rc;
}
